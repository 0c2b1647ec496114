import { orderServiceRules } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PUT = route('PUT /api/v1/service-rules/order', async ({ body }) => ({
  rules: await orderServiceRules(house().pool, body.ids),
}))
