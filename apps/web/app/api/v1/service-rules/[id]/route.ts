import { changeServiceRule, removeServiceRule } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PUT = route('PUT /api/v1/service-rules/{id}', async ({ path, body, principal }) =>
  changeServiceRule(house().pool, actorOf(principal), path.id, body),
)

export const DELETE = route('DELETE /api/v1/service-rules/{id}', async ({ path, principal }) => {
  await removeServiceRule(house().pool, actorOf(principal), path.id)
})
