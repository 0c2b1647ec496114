import { createInvitation } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { ownOrigin } from '@/server/origin'
import { route } from '@/server/route'
import { personOf } from '@/server/session'

export const POST = route('POST /api/v1/users/invitations', async ({ request, principal, body }) => {
  const { pool, settings } = house()
  const base = ownOrigin(request.headers.get('host'), settings.publicUrl) ?? `http://localhost:${settings.port}`
  const made = await createInvitation(pool, base, actorOf(personOf(principal)), body)
  return { id: made.id, url: made.url, expiresAt: made.expiresAt.toISOString() }
})
