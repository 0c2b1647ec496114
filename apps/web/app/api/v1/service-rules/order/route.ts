import { orderServiceRules } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PUT = route('PUT /api/v1/service-rules/order', async ({ body, principal }) => ({
  rules: await orderServiceRules(house().pool, actorOf(principal), body.ids),
}))
