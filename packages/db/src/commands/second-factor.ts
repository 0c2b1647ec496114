import { and, count, eq, isNotNull, isNull, lt, ne, or } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import type { AuditActor } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { authRecoveryCode, authSecondFactor, authSession, authUser } from '../schema/auth.ts'
import { secretHash } from './secret.ts'
import { changing } from './transaction.ts'

/**
 * The second factor of a person: none → begun (a secret that asks for nothing yet) → on (a code was shown) → none.
 *
 * Own tables and statements instead of the sign-in library's plug-in: there a code works as often as it is typed within its time, a password alone
 * makes a cookie that is half a session, and nothing of it is in one transaction with its record. Here a code is taken by a conditional update,
 * and whoever has only the password has nothing.
 */

/** A stored second factor. `sealed` is for whoever sealed it. */
export interface SecondFactor {
  sealed: Buffer
  confirmedAt: Date | null
  /** Step of the newest code that was taken; null none. */
  lastStep: number | null
  recoveryCodesLeft: number
}

/** The second factor of a person, begun or on; null none. */
export async function secondFactorOf(pool: Pool, userId: string): Promise<SecondFactor | null> {
  const [found] = await drizzle(pool)
    .select({
      sealed: authSecondFactor.sealed,
      confirmedAt: authSecondFactor.confirmedAt,
      lastStep: authSecondFactor.lastStep,
      recoveryCodesLeft: count(authRecoveryCode.hash),
    })
    .from(authSecondFactor)
    .leftJoin(authRecoveryCode, eq(authRecoveryCode.userId, authSecondFactor.userId))
    .where(eq(authSecondFactor.userId, userId))
    .groupBy(authSecondFactor.userId)
  return found ?? null
}

const isOn = () => new QueryError('conflict', 'The second factor is on already.', 'Turn it off first, then set it up anew.')
const isOff = () => new QueryError('conflict', 'There is no second factor.', 'Set one up first.')

/** Begin: store a sealed secret that asks for nothing yet, in place of one that was begun before. QueryError `conflict`: one is on. */
export async function beginSecondFactor(pool: Pool, actor: AuditActor, userId: string, sealed: Buffer): Promise<void> {
  await changing(pool, null, async (tx) => {
    const begun = await tx
      .insert(authSecondFactor)
      .values({ userId, sealed })
      .onConflictDoUpdate({
        target: authSecondFactor.userId,
        set: { sealed, createdAt: new Date(), lastStep: null },
        setWhere: isNull(authSecondFactor.confirmedAt),
      })
      .returning({ userId: authSecondFactor.userId })
    if (begun.length === 0) throw isOn()
    return { result: undefined, record: { event: 'second-factor.begin', actor, subject: `user:${userId}` } }
  })
}

/**
 * Turn it on: the person has shown the code of `step`. Every other session of theirs ends, for it was begun without. `recoveryCodes` are stored as
 * hashes. QueryError `conflict`: none was begun, or it is on.
 */
export async function confirmSecondFactor(
  pool: Pool,
  actor: AuditActor,
  userId: string,
  proof: { step: number; recoveryCodes: readonly string[] },
): Promise<void> {
  await changing(pool, null, async (tx) => {
    const turned = await tx
      .update(authSecondFactor)
      .set({ confirmedAt: new Date(), lastStep: proof.step })
      .where(and(eq(authSecondFactor.userId, userId), isNull(authSecondFactor.confirmedAt)))
      .returning({ userId: authSecondFactor.userId })
    if (turned.length === 0) throw (await present(tx, userId)) ? isOn() : isOff()
    await writeRecoveryCodes(tx, userId, proof.recoveryCodes)
    await tx.delete(authSession).where(and(eq(authSession.userId, userId), ne(authSession.id, actor.session ?? '')))
    const after = { recoveryCodes: proof.recoveryCodes.length }
    return { result: undefined, record: { event: 'second-factor.enable', actor, subject: `user:${userId}`, after } }
  })
}

const present = async (tx: NodePgDatabase, userId: string): Promise<boolean> =>
  (await tx.select({ userId: authSecondFactor.userId }).from(authSecondFactor).where(eq(authSecondFactor.userId, userId))).length > 0

async function writeRecoveryCodes(tx: NodePgDatabase, userId: string, codes: readonly string[]): Promise<void> {
  await tx.delete(authRecoveryCode).where(eq(authRecoveryCode.userId, userId))
  if (codes.length > 0) await tx.insert(authRecoveryCode).values(codes.map((code) => ({ hash: secretHash(code), userId })))
}

/** Replace the recovery codes. QueryError `conflict`: no second factor is on. */
export async function renewRecoveryCodes(pool: Pool, actor: AuditActor, userId: string, codes: readonly string[]): Promise<void> {
  await changing(pool, null, async (tx) => {
    const [found] = await tx
      .select({ userId: authSecondFactor.userId })
      .from(authSecondFactor)
      .where(and(eq(authSecondFactor.userId, userId), isNotNull(authSecondFactor.confirmedAt)))
      .for('update')
    if (found === undefined) throw isOff()
    await writeRecoveryCodes(tx, userId, codes)
    return {
      result: undefined,
      record: { event: 'second-factor.recovery-codes', actor, subject: `user:${userId}`, after: { recoveryCodes: codes.length } },
    }
  })
}

/** Take the code of `step`: true once per step, and never again for it or an older one. */
export async function takeStep(pool: Pool, userId: string, step: number): Promise<boolean> {
  const taken = await drizzle(pool)
    .update(authSecondFactor)
    .set({ lastStep: step })
    .where(and(eq(authSecondFactor.userId, userId), or(isNull(authSecondFactor.lastStep), lt(authSecondFactor.lastStep, step))))
    .returning({ userId: authSecondFactor.userId })
  return taken.length > 0
}

/** Take a recovery code, with its record: true once. */
export async function takeRecoveryCode(pool: Pool, userId: string, code: string): Promise<boolean> {
  const db = drizzle(pool)
  const hash = secretHash(code)
  const [known] = await db
    .select({ hash: authRecoveryCode.hash })
    .from(authRecoveryCode)
    .where(and(eq(authRecoveryCode.hash, hash), eq(authRecoveryCode.userId, userId)))
  if (known === undefined) return false
  try {
    await changing(pool, null, async (tx) => {
      const taken = await tx
        .delete(authRecoveryCode)
        .where(and(eq(authRecoveryCode.hash, hash), eq(authRecoveryCode.userId, userId)))
        .returning({ hash: authRecoveryCode.hash })
      if (taken.length === 0) throw new Taken()
      const [left] = await tx.select({ n: count() }).from(authRecoveryCode).where(eq(authRecoveryCode.userId, userId))
      const [user] = await tx.select({ role: authUser.role }).from(authUser).where(eq(authUser.id, userId))
      const actor: AuditActor = { kind: 'person', id: userId, role: user?.role }
      return {
        result: undefined,
        record: { event: 'second-factor.recover', actor, subject: `user:${userId}`, after: { left: left?.n ?? 0 } },
      }
    })
    return true
  } catch (error) {
    if (error instanceof Taken) return false
    throw error
  }
}
/** Somebody was faster with the same code. */
class Taken extends Error {}

/**
 * Turn it off, or drop what was begun. When someone else does it for the person (`actor` is another one), the person's sessions end, for whoever
 * asked may not be them. QueryError `conflict`: there is none.
 */
export async function removeSecondFactor(pool: Pool, actor: AuditActor, userId: string): Promise<void> {
  await changing(pool, null, async (tx) => {
    const [removed] = await tx
      .delete(authSecondFactor)
      .where(eq(authSecondFactor.userId, userId))
      .returning({ confirmedAt: authSecondFactor.confirmedAt })
    if (removed === undefined) throw isOff()
    if (actor.id !== userId) await tx.delete(authSession).where(eq(authSession.userId, userId))
    return {
      result: undefined,
      record: { event: 'second-factor.remove', actor, subject: `user:${userId}`, before: { on: removed.confirmedAt !== null } },
    }
  })
}
