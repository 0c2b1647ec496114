import { approveBlock } from '@weir/db/commands'
import { steppedUp } from '@/server/blocks'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const POST = route('POST /api/v1/blocks/{id}/approve', async ({ path, body, principal }) =>
  approveBlock(house().pool, { id: path.id, ...body }, steppedUp(principal)),
)
