import { listAudit } from '@weir/db/commands'
import { actorText } from '@weir/db/contracts'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { grantOf } from '@/server/principal'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/audit', async ({ query, principal }) =>
  listAudit(house().queryPool, {
    ...query,
    own: grantOf(principal, 'audit:read') === 'own' ? actorText(actorOf(principal)) : undefined,
  }),
)
