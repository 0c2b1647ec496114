import { changeSuppression, endSuppression } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PATCH = route('PATCH /api/v1/suppressions/{id}', async ({ path, body, principal }) =>
  changeSuppression(house().pool, { id: path.id, ...body, by: actorOf(principal) }),
)

export const DELETE = route('DELETE /api/v1/suppressions/{id}', async ({ path, principal }) => {
  await endSuppression(house().pool, { id: path.id, by: actorOf(principal) })
})
