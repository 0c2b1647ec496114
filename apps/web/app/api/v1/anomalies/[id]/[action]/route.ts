import { decideAnomaly } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const POST = route('POST /api/v1/anomalies/{id}/{action}', async ({ path, body, principal }) => ({
  id: path.id,
  ...(await decideAnomaly(house().pool, { anomalyId: path.id, action: path.action, by: actorOf(principal), ...body })),
}))
