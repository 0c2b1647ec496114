import { adminChanges } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/admin-changes', async ({ principal }) => adminChanges(house().pool, actorOf(principal)))
