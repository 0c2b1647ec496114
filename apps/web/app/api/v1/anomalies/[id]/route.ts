import { anomalyCard } from '@weir/db/queries'
import { house } from '@/server/house'
import { precisionOf } from '@/server/principal'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/anomalies/{id}', async ({ path, principal }) =>
  anomalyCard(house().queryPool, path.id, precisionOf(principal)),
)
