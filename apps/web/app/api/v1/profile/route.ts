import { renameUser } from '@weir/db/commands'
import { type Action, PERMISSIONS } from '@weir/db/contracts'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { grantOf, precisionOf } from '@/server/principal'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/profile', async ({ principal }) => ({
  kind: principal.kind,
  name: principal.name,
  email: principal.kind === 'session' ? principal.email : null,
  role: principal.role,
  precision: precisionOf(principal),
  actions: (Object.keys(PERMISSIONS) as Action[]).filter((action) => grantOf(principal, action) !== 'no'),
}))

export const PATCH = route('PATCH /api/v1/profile', async ({ principal, body }) => {
  if (principal.kind === 'session') await renameUser(house().pool, actorOf(principal), principal.userId, body.name)
})
