import { and, desc, eq, gt, isNull, lt, or, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import { ROLES, type Role } from '../contracts/api.ts'
import type { AuditActor } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { apiToken, authUser } from '../schema/auth.ts'
import { newSecret, secretHash } from './secret.ts'
import { changing } from './transaction.ts'

/**
 * Bearer tokens of programs. An own small table instead of the sign-in library's plug-in: a token here belongs to a role and
 * not to a person, the command line makes one without loading the web application, and checking one costs a single read
 * (the plug-in writes on every request). `last_used_at` is therefore only as fine as a minute.
 */

const PREFIX = 'weir_'
const DAY_MS = 86_400_000
export const TOKEN_DAYS_MAX = 90

export interface TokenInfo {
  id: number
  name: string
  role: Role
  /** First characters of the token, to recognise it. */
  hint: string
  /** Name of the person who made it; null when made on the command line or by someone since removed. */
  createdBy: string | null
  createdAt: Date
  expiresAt: Date
  /** To the minute; null never. */
  lastUsedAt: Date | null
}

const asRole = (role: string): Role => {
  const known = ROLES.find((name) => name === role)
  if (known === undefined) throw new QueryError('invalid', `There is no role "${role}".`, `Use one of: ${ROLES.join(', ')}.`)
  return known
}

/**
 * Make a token. `days` is 1–90, default 90. The token itself is in the answer and nowhere else: only its hash is stored.
 * QueryError `invalid`: empty or long name, unknown role, days out of bounds.
 */
export async function createToken(
  pool: Pool,
  actor: AuditActor,
  token: { name: string; role: string; days?: number | undefined },
): Promise<{ id: number; token: string; name: string; role: Role; expiresAt: Date }> {
  const name = token.name.trim()
  if (name === '' || name.length > 100) {
    throw new QueryError('invalid', 'A token needs a name of 1 to 100 characters.', 'Name it after the program that will use it.')
  }
  const role = asRole(token.role)
  const days = token.days ?? TOKEN_DAYS_MAX
  if (!Number.isInteger(days) || days < 1 || days > TOKEN_DAYS_MAX) {
    throw new QueryError(
      'invalid',
      `A token lives 1 to ${TOKEN_DAYS_MAX} whole days, not ${days}.`,
      `Give a number from 1 to ${TOKEN_DAYS_MAX}.`,
    )
  }
  const secret = newSecret(PREFIX)
  const createdAt = new Date()
  const hint = secret.slice(0, PREFIX.length + 5)
  return await changing(pool, null, async (tx) => {
    const [made] = await tx
      .insert(apiToken)
      .values({
        name,
        role,
        hint,
        hash: secretHash(secret),
        createdBy: actor.kind === 'person' ? (actor.id ?? null) : null,
        createdAt,
        expiresAt: new Date(createdAt.getTime() + days * DAY_MS),
      })
      .returning({ id: apiToken.id, expiresAt: apiToken.expiresAt })
    if (made === undefined) throw new Error('insert into api_token returned no row')
    const after = { name, role, hint, expiresAt: made.expiresAt }
    return {
      result: { id: made.id, token: secret, name, role, expiresAt: made.expiresAt },
      record: { event: 'token.create', actor, subject: `token:${made.id}`, after },
    }
  })
}

/** The token's holder, or null when it is unknown, expired or revoked (which of them is not told apart, on purpose). */
export async function resolveToken(pool: Pool, token: string): Promise<{ id: number; name: string; role: Role } | null> {
  if (!token.startsWith(PREFIX) || token.length > 200) return null
  const db = drizzle(pool)
  const [found] = await db
    .select({ id: apiToken.id, name: apiToken.name, role: apiToken.role, lastUsedAt: apiToken.lastUsedAt })
    .from(apiToken)
    .where(and(eq(apiToken.hash, secretHash(token)), isNull(apiToken.revokedAt), gt(apiToken.expiresAt, sql`now()`)))
  if (found === undefined) return null
  if (found.lastUsedAt === null || found.lastUsedAt.getTime() < Date.now() - 60_000) {
    await db
      .update(apiToken)
      .set({ lastUsedAt: sql`now()` })
      .where(and(eq(apiToken.id, found.id), or(isNull(apiToken.lastUsedAt), lt(apiToken.lastUsedAt, sql`now() - interval '1 minute'`))))
  }
  return { id: found.id, name: found.name, role: found.role }
}

/** Tokens that still work, newest first. */
export async function listTokens(pool: Pool): Promise<TokenInfo[]> {
  return await drizzle(pool)
    .select({
      id: apiToken.id,
      name: apiToken.name,
      role: apiToken.role,
      hint: apiToken.hint,
      createdBy: authUser.name,
      createdAt: apiToken.createdAt,
      expiresAt: apiToken.expiresAt,
      lastUsedAt: apiToken.lastUsedAt,
    })
    .from(apiToken)
    .leftJoin(authUser, eq(authUser.id, apiToken.createdBy))
    .where(and(isNull(apiToken.revokedAt), gt(apiToken.expiresAt, sql`now()`)))
    .orderBy(desc(apiToken.createdAt))
}

/** End a token now. QueryError `not-found` when it does not exist or has ended already. */
export async function revokeToken(pool: Pool, actor: AuditActor, id: number): Promise<void> {
  await changing(pool, null, async (tx) => {
    const [ended] = await tx
      .update(apiToken)
      .set({ revokedAt: sql`now()` })
      .where(and(eq(apiToken.id, id), isNull(apiToken.revokedAt)))
      .returning({ name: apiToken.name, role: apiToken.role, hint: apiToken.hint })
    if (ended === undefined)
      throw new QueryError('not-found', `There is no working token ${id}.`, 'Reload the list; someone may have revoked it already.')
    return { result: undefined, record: { event: 'token.revoke', actor, subject: `token:${id}`, before: ended } }
  })
}
