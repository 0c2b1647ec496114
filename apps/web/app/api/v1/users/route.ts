import { listInvitations, listUsers } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/users', async () => {
  const { pool } = house()
  const [users, invitations] = await Promise.all([listUsers(pool), listInvitations(pool)])
  return {
    users: users.map((user) => ({ ...user, createdAt: user.createdAt.toISOString(), lastSeenAt: user.lastSeenAt?.toISOString() ?? null })),
    invitations: invitations.map((invitation) => ({ ...invitation, expiresAt: invitation.expiresAt.toISOString() })),
  }
})
