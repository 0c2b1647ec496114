import { changeServiceRule, removeServiceRule } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PUT = route('PUT /api/v1/service-rules/{id}', async ({ path, body }) => changeServiceRule(house().pool, path.id, body))

export const DELETE = route('DELETE /api/v1/service-rules/{id}', async ({ path }) => {
  await removeServiceRule(house().pool, path.id)
})
