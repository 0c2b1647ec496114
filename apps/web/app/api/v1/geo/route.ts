import { geo } from '@weir/db/queries'
import { windowOf } from '@/server/api'
import { house } from '@/server/house'
import { precisionOf } from '@/server/principal'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/geo', async ({ query, principal }) =>
  geo(house().queryPool, { ...query, ...windowOf(query), precision: precisionOf(principal) }),
)
