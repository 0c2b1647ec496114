import { and, eq, gt, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import type { AuditActor } from '../contracts/audit.ts'
import { formatAddress, maskAddress, parseAddress } from '../contracts/ip.ts'
import { authAccount, authSession, authUser } from '../schema/auth.ts'
import { changing } from './transaction.ts'

// What the audit log says of sessions. The sign-in library makes and reads them in transactions of its own.

const NOBODY: AuditActor = { kind: 'nobody' }

/** The network a request came from, /24 or /48: enough to see where from, and not one person's address. */
function networkOf(address: string): string | null {
  const parsed = parseAddress(address)
  if (parsed === null) return null
  const length = parsed.family === 4 ? 24 : 48
  return `${formatAddress(maskAddress(parsed, length))}/${length}`
}

/**
 * Record the session that the library has just made, known by its secret `token`. No record, no session: when it cannot be written, the session
 * is ended again (or, without a database, is out of anyone's reach, for its cookie was not sent) and the error is thrown.
 */
export async function recordSignIn(pool: Pool, token: string, address: string): Promise<void> {
  try {
    await changing(pool, null, async (tx) => {
      const [session] = await tx
        .select({ id: authSession.id, userId: authSession.userId, role: authUser.role })
        .from(authSession)
        .innerJoin(authUser, eq(authUser.id, authSession.userId))
        .where(eq(authSession.token, token))
      if (session === undefined) throw new Error('the sign-in library made no session')
      const actor: AuditActor = { kind: 'person', id: session.userId, role: session.role, session: session.id }
      const after = { from: networkOf(address) }
      return { result: undefined, record: { event: 'session.begin', actor, subject: `user:${session.userId}`, after } }
    })
  } catch (error) {
    await drizzle(pool)
      .delete(authSession)
      .where(eq(authSession.token, token))
      .catch((failed: unknown) => {
        throw new AggregateError([error, failed], 'a session could be neither recorded nor ended')
      })
    throw error
  }
}

/** Record a refused sign-in, by `what` was wrong. An address nobody has is not written down; 'user:unknown' says so. */
export async function recordSignInRefused(
  pool: Pool,
  email: string,
  address: string,
  what: 'password' | 'code' = 'password',
): Promise<void> {
  await changing(pool, null, async (tx) => {
    const [user] = await tx.select({ id: authUser.id }).from(authUser).where(eq(authUser.email, email.toLowerCase()))
    const subject = `user:${user?.id ?? 'unknown'}`
    const after = { from: networkOf(address), ...(what === 'code' ? { wrong: 'code' } : {}) }
    return { result: undefined, record: { event: 'session.refuse', actor: NOBODY, subject, after } }
  })
}

/** End a session, with its record. One that had ended already is recorded as ended by the same person once more. */
export async function endSession(pool: Pool, session: { sessionId: string; actor: AuditActor }): Promise<void> {
  await changing(pool, null, async (tx) => {
    const [ended] = await tx.delete(authSession).where(eq(authSession.id, session.sessionId)).returning({ userId: authSession.userId })
    const subject = `user:${ended?.userId ?? session.actor.id ?? 'unknown'}`
    return { result: undefined, record: { event: 'session.end', actor: session.actor, subject } }
  })
}

/** Take away a session that the library has just made and nobody was told of. There is nothing to record: it never began. */
export async function dropSession(pool: Pool, token: string): Promise<void> {
  await drizzle(pool).delete(authSession).where(eq(authSession.token, token))
}

/** The stored hash of a person's password; null without one. */
export async function passwordHashOf(pool: Pool, userId: string): Promise<string | null> {
  const [account] = await drizzle(pool)
    .select({ password: authAccount.password })
    .from(authAccount)
    .where(and(eq(authAccount.userId, userId), eq(authAccount.providerId, 'credential')))
  return account?.password ?? null
}

/**
 * Mark a session as stepped up until then, `by` what the person showed. `seal` proves the mark (32 octets). QueryError of the database only; a
 * session that has ended stays ended.
 */
export async function stepUpSession(
  pool: Pool,
  actor: AuditActor,
  mark: { sessionId: string; until: Date; seal: Buffer; by: 'password' | 'code' },
): Promise<void> {
  await changing(pool, null, async (tx) => {
    await tx.update(authSession).set({ stepUpUntil: mark.until, stepUpSeal: mark.seal }).where(eq(authSession.id, mark.sessionId))
    const record = { event: 'session.step-up', actor, subject: `user:${actor.id ?? ''}`, after: { until: mark.until, by: mark.by } }
    return { result: undefined, record }
  })
}

/** The mark of a session while it holds by the database's clock; null otherwise. */
export async function stepUpOf(pool: Pool, sessionId: string): Promise<{ until: Date; seal: Buffer } | null> {
  const [mark] = await drizzle(pool)
    .select({ until: authSession.stepUpUntil, seal: authSession.stepUpSeal })
    .from(authSession)
    .where(and(eq(authSession.id, sessionId), gt(authSession.stepUpUntil, sql`now()`)))
  if (mark === undefined || mark.until === null || mark.seal === null) return null
  return { until: mark.until, seal: mark.seal }
}
