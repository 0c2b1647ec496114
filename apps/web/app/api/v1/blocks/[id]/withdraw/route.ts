import { withdrawBlock } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const POST = route('POST /api/v1/blocks/{id}/withdraw', async ({ path, body, principal }) =>
  withdrawBlock(house().pool, { id: path.id, reason: body.reason }, actorOf(principal)),
)
