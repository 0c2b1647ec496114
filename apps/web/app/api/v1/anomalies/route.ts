import { anomalies } from '@weir/db/queries'
import { house } from '@/server/house'
import { precisionOf } from '@/server/principal'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/anomalies', async ({ query, principal }) => {
  const { state, severity, detector, ...rest } = query
  return anomalies(house().queryPool, {
    ...rest,
    states: state,
    severities: severity,
    detectors: detector,
    precision: precisionOf(principal),
  })
})
