import { requestBlock } from '@weir/db/commands'
import { blocks } from '@weir/db/queries'
import { askerOf, steppedUp } from '@/server/blocks'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/blocks', async ({ query, principal }) =>
  blocks(house().queryPool, {
    states: query.state,
    anomalyId: query.anomaly,
    cursor: query.cursor,
    limit: query.limit,
    asker: askerOf(principal),
  }),
)

export const POST = route('POST /api/v1/blocks', async ({ body, principal }) => requestBlock(house().pool, body, steppedUp(principal)))
