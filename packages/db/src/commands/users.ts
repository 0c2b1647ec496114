import { and, desc, eq, gt, inArray, max, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import type { Role } from '../contracts/api.ts'
import type { AuditActor } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { authSecondFactor, authSession, authUser } from '../schema/auth.ts'
import { changing } from './transaction.ts'

export interface UserInfo {
  id: string
  name: string
  email: string
  role: Role
  disabled: boolean
  /** Whether signing in asks for a code beside the password. */
  secondFactor: boolean
  createdAt: Date
  /** Newest activity of any session that still exists; null none. */
  lastSeenAt: Date | null
}

/** Everyone with an account, by name. */
export async function listUsers(pool: Pool): Promise<UserInfo[]> {
  return await drizzle(pool)
    .select({
      id: authUser.id,
      name: authUser.name,
      email: authUser.email,
      role: authUser.role,
      disabled: authUser.banned,
      secondFactor: sql<boolean>`exists (select from ${authSecondFactor} f where f.user_id = ${authUser.id} and f.confirmed_at is not null)`,
      createdAt: authUser.createdAt,
      lastSeenAt: max(authSession.updatedAt),
    })
    .from(authUser)
    .leftJoin(authSession, eq(authSession.userId, authUser.id))
    .groupBy(authUser.id)
    .orderBy(sql`lower(${authUser.name})`, authUser.email)
}

/** Refuse when no enabled admin would be left besides `userId`. Locks every admin row, so that two admins cannot demote each other at once. */
async function keepOneAdmin(tx: NodePgDatabase, userId: string): Promise<void> {
  const admins = await tx
    .select({ id: authUser.id })
    .from(authUser)
    .where(and(eq(authUser.role, 'admin'), eq(authUser.banned, false)))
    .orderBy(authUser.id)
    .for('update')
  if (admins.every((admin) => admin.id === userId)) {
    throw new QueryError('conflict', 'This is the last admin.', 'Make someone else an admin first; Weir must never be without one.')
  }
}

/**
 * Change a person's role, or disable and enable an account. Takes effect on the next request; a disabled account loses its sessions at once.
 * QueryError `not-found`: no such account; `conflict`: one's own account, or the last admin.
 */
export async function changeUser(
  pool: Pool,
  actor: AuditActor,
  change: { userId: string; role?: Role | undefined; disabled?: boolean | undefined },
): Promise<void> {
  if (actor.kind === 'person' && actor.id === change.userId) {
    throw new QueryError('conflict', 'Nobody changes their own role or disables themselves.', 'Ask another admin to do it.')
  }
  await changing(pool, null, async (tx) => {
    if ((change.role !== undefined && change.role !== 'admin') || change.disabled === true) {
      const [target] = await tx
        .select({ role: authUser.role, banned: authUser.banned })
        .from(authUser)
        .where(eq(authUser.id, change.userId))
      if (target?.role === 'admin' && !target.banned) await keepOneAdmin(tx, change.userId)
    }
    const [before] = await tx
      .select({ role: authUser.role, disabled: authUser.banned })
      .from(authUser)
      .where(eq(authUser.id, change.userId))
      .for('update')
    if (before === undefined) throw new QueryError('not-found', 'There is no such account.', 'Reload the list of users.')
    await tx
      .update(authUser)
      .set({
        updatedAt: new Date(),
        ...(change.role === undefined ? {} : { role: change.role }),
        ...(change.disabled === undefined ? {} : { banned: change.disabled, banReason: null, banExpires: null }),
      })
      .where(eq(authUser.id, change.userId))
    if (change.disabled === true) await tx.delete(authSession).where(eq(authSession.userId, change.userId))
    const after = { role: change.role ?? before.role, disabled: change.disabled ?? before.disabled }
    return { result: undefined, record: { event: 'user.change', actor, subject: `user:${change.userId}`, before, after } }
  })
}

/** Roles by session id, of those sessions that still hold and whose person is enabled. One read for all open sockets. */
export async function liveSessions(pool: Pool, sessionIds: readonly string[]): Promise<Map<string, Role>> {
  if (sessionIds.length === 0) return new Map()
  const rows = await drizzle(pool)
    .select({ id: authSession.id, role: authUser.role })
    .from(authSession)
    .innerJoin(authUser, eq(authUser.id, authSession.userId))
    .where(and(inArray(authSession.id, [...sessionIds]), gt(authSession.expiresAt, sql`now()`), eq(authUser.banned, false)))
  return new Map(rows.map((row) => [row.id, row.role]))
}

/** Addresses from which this account signed in before, newest first, at most `limit`; as stored by the sign-in. */
export async function knownAddresses(pool: Pool, email: string, limit = 50): Promise<string[]> {
  const rows = await drizzle(pool)
    .select({ address: authSession.ipAddress })
    .from(authSession)
    .innerJoin(authUser, eq(authUser.id, authSession.userId))
    .where(eq(authUser.email, email.toLowerCase()))
    .orderBy(desc(authSession.createdAt))
    .limit(limit)
  return rows.flatMap((row) => (row.address === null || row.address === '' ? [] : [row.address]))
}

/** Change a person's own name. The audit log says that it changed, not to what: names can be erased. QueryError `not-found`: the account is gone. */
export async function renameUser(pool: Pool, actor: AuditActor, userId: string, name: string): Promise<void> {
  await changing(pool, null, async (tx) => {
    const changed = await tx
      .update(authUser)
      .set({ name: name.trim(), updatedAt: new Date() })
      .where(eq(authUser.id, userId))
      .returning({ id: authUser.id })
    if (changed.length === 0) throw new QueryError('not-found', 'There is no such account.', 'Sign in again.')
    return { result: undefined, record: { event: 'user.rename', actor, subject: `user:${userId}` } }
  })
}
