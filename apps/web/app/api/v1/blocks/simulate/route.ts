import { simulateBlock } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const POST = route('POST /api/v1/blocks/simulate', async ({ body, principal }) =>
  simulateBlock(house().queryPool, body, actorOf(principal)),
)
