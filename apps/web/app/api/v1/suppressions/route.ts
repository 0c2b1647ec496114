import { addSuppression } from '@weir/db/commands'
import { suppressions } from '@weir/db/queries'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { precisionOf } from '@/server/principal'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/suppressions', async ({ principal }) => ({
  suppressions: await suppressions(house().queryPool, precisionOf(principal)),
}))

export const POST = route('POST /api/v1/suppressions', async ({ body, principal }) =>
  addSuppression(house().pool, { ...body, by: actorOf(principal) }),
)
