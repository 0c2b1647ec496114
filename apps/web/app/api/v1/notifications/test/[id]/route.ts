import { testMessage } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/notifications/test/{id}', async ({ path }) => testMessage(house().pool, path.id))
