import { endAdminChange } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const POST = route('POST /api/v1/admin-changes/{id}/withdraw', async ({ path, body, principal }) =>
  endAdminChange(house().pool, actorOf(principal), path.id, body.reason),
)
