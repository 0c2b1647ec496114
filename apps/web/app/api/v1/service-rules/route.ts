import { addServiceRule, importServiceRules } from '@weir/db/commands'
import { serviceRules } from '@weir/db/queries'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/service-rules', async () => ({ rules: await serviceRules(house().pool) }))

export const POST = route('POST /api/v1/service-rules', async ({ body, principal }) =>
  addServiceRule(house().pool, actorOf(principal), body),
)

export const PUT = route('PUT /api/v1/service-rules', async ({ body, principal }) => ({
  rules: await importServiceRules(house().pool, actorOf(principal), body.rules, { replace: body.replace, source: body.source }),
}))
