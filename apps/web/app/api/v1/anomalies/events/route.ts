import { anomalyEvents } from '@weir/db/queries'
import { house } from '@/server/house'
import { precisionOf } from '@/server/principal'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/anomalies/events', async ({ query, principal }) =>
  anomalyEvents(house().queryPool, { ...query, after: query.after ?? 0, precision: precisionOf(principal) }),
)
