import { randomBytes } from 'node:crypto'
import { and, desc, eq, gt, isNull, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import type { Role } from '../contracts/api.ts'
import type { AuditActor } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { authAccount, authSecondFactor, authSession, authUser, welcomeLink } from '../schema/auth.ts'
import { consoleActor } from './audit.ts'
import { newSecret, secretHash } from './secret.ts'
import { changing } from './transaction.ts'

/**
 * One-time links. A link lets exactly one person in, within 24 hours, with the role written on it. Two kinds:
 *
 * - *local*: printed on the machine (first start, `weir admin link`). Who can read that terminal owns the installation, so the
 *   link may also be used with the address of an existing account: it then sets a new password, takes a second factor away
 *   and makes the account an enabled admin.
 * - *invitation*: made by an admin in the settings. It only makes new accounts.
 */

const LIFE_MS = 24 * 3_600_000
const gone = () =>
  new QueryError(
    'not-found',
    'This link does not work any more: it was used already, is older than 24 hours, or was withdrawn.',
    'Ask an admin for a new invitation; on the machine itself, bin/weir admin link prints a new admin link.',
  )

/** True while no enabled admin exists: then a start prints a link. */
export async function needsFirstAdmin(pool: Pool): Promise<boolean> {
  const admins = await drizzle(pool)
    .select({ id: authUser.id })
    .from(authUser)
    .where(and(eq(authUser.role, 'admin'), eq(authUser.banned, false)))
    .limit(1)
  return admins.length === 0
}

/**
 * Make an admin link for whoever reads this machine's terminal, and withdraw earlier unused ones, so that at most one works.
 * `baseUrl` is where the browser finds Weir, e.g. 'http://localhost:3000'. Gives the whole address, once.
 */
export async function createWelcomeLink(pool: Pool, baseUrl: string): Promise<string> {
  const secret = newSecret('')
  await changing(pool, null, async (tx) => {
    await tx.delete(welcomeLink).where(and(eq(welcomeLink.local, true), isNull(welcomeLink.usedAt)))
    const [made] = await tx
      .insert(welcomeLink)
      .values({ hash: secretHash(secret), role: 'admin', local: true, expiresAt: new Date(Date.now() + LIFE_MS) })
      .returning({ id: welcomeLink.id, role: welcomeLink.role, expiresAt: welcomeLink.expiresAt })
    if (made === undefined) throw new Error('insert into welcome_link returned no row')
    const { id, ...after } = made
    return { result: undefined, record: { event: 'welcome-link.create', actor: consoleActor(), subject: `welcome-link:${id}`, after } }
  })
  return welcomeUrl(baseUrl, secret)
}

/** Invite a person; `email`, when given, fixes the address of the account to come. QueryError `conflict`: that address has an account. */
export async function createInvitation(
  pool: Pool,
  baseUrl: string,
  actor: AuditActor,
  invitation: { role: Role; email?: string | undefined },
): Promise<{ id: number; url: string; expiresAt: Date }> {
  return await changing(pool, null, async (db) => {
    const email = invitation.email?.trim().toLowerCase()
    if (email !== undefined) {
      const [taken] = await db.select({ id: authUser.id }).from(authUser).where(eq(authUser.email, email))
      if (taken !== undefined)
        throw new QueryError('conflict', `${email} has an account already.`, 'Change its role in the list of users instead.')
    }
    const secret = newSecret('')
    const [made] = await db
      .insert(welcomeLink)
      .values({
        hash: secretHash(secret),
        role: invitation.role,
        email: email ?? null,
        createdBy: actor.kind === 'person' ? (actor.id ?? null) : null,
        expiresAt: new Date(Date.now() + LIFE_MS),
      })
      .returning({ id: welcomeLink.id, expiresAt: welcomeLink.expiresAt })
    if (made === undefined) throw new Error('insert into welcome_link returned no row')
    // The address is personal: the log says only that there is one.
    const after = { role: invitation.role, forOneAddress: email !== undefined, expiresAt: made.expiresAt }
    return {
      result: { id: made.id, url: welcomeUrl(baseUrl, secret), expiresAt: made.expiresAt },
      record: { event: 'invitation.create', actor, subject: `invitation:${made.id}`, after },
    }
  })
}

const welcomeUrl = (baseUrl: string, secret: string) => new URL(`/welcome?token=${secret}`, baseUrl).href

export interface Invitation {
  id: number
  role: Role
  email: string | null
  createdBy: string | null
  expiresAt: Date
}

/** Invitations that still work, newest first; local links are not shown. */
export async function listInvitations(pool: Pool): Promise<Invitation[]> {
  return await drizzle(pool)
    .select({
      id: welcomeLink.id,
      role: welcomeLink.role,
      email: welcomeLink.email,
      createdBy: authUser.name,
      expiresAt: welcomeLink.expiresAt,
    })
    .from(welcomeLink)
    .leftJoin(authUser, eq(authUser.id, welcomeLink.createdBy))
    .where(and(eq(welcomeLink.local, false), isNull(welcomeLink.usedAt), gt(welcomeLink.expiresAt, sql`now()`)))
    .orderBy(desc(welcomeLink.createdAt))
}

/** Withdraw an invitation nobody used yet. QueryError `not-found` otherwise. */
export async function withdrawInvitation(pool: Pool, actor: AuditActor, id: number): Promise<void> {
  await changing(pool, null, async (tx) => {
    const [removed] = await tx
      .delete(welcomeLink)
      .where(and(eq(welcomeLink.id, id), eq(welcomeLink.local, false), isNull(welcomeLink.usedAt)))
      .returning({ role: welcomeLink.role, expiresAt: welcomeLink.expiresAt })
    if (removed === undefined)
      throw new QueryError('not-found', `There is no open invitation ${id}.`, 'Reload the list; it may have been used or withdrawn.')
    return { result: undefined, record: { event: 'invitation.withdraw', actor, subject: `invitation:${id}`, before: removed } }
  })
}

/** What an unused link would give, without using it; null when it does not work. */
export async function readWelcomeLink(pool: Pool, secret: string): Promise<{ role: Role; email: string | null; local: boolean } | null> {
  if (secret.length > 200) return null
  const [link] = await drizzle(pool)
    .select({ role: welcomeLink.role, email: welcomeLink.email, local: welcomeLink.local })
    .from(welcomeLink)
    .where(and(eq(welcomeLink.hash, secretHash(secret)), isNull(welcomeLink.usedAt), gt(welcomeLink.expiresAt, sql`now()`)))
  return link ?? null
}

/**
 * Use a link: the conditional update of the link and the account it makes are one transaction, so that two people with the same
 * link get one account between them. `passwordHash` is what the sign-in library will verify against.
 * QueryError `not-found`: the link does not work; `conflict`: the address has an account (invitations only); `invalid`: not the invited address.
 */
export async function acceptWelcomeLink(
  pool: Pool,
  person: { token: string; name: string; email: string; passwordHash: string },
): Promise<{ userId: string; role: Role }> {
  const email = person.email.trim().toLowerCase()
  return await changing(pool, null, async (tx) => {
    const [link] = await tx
      .update(welcomeLink)
      .set({ usedAt: sql`now()` })
      .where(and(eq(welcomeLink.hash, secretHash(person.token)), isNull(welcomeLink.usedAt), gt(welcomeLink.expiresAt, sql`now()`)))
      .returning()
    if (link === undefined) throw gone()
    if (link.email !== null && link.email !== email) {
      throw new QueryError('invalid', `This invitation is for ${link.email}.`, 'Use that address, or ask for another invitation.')
    }
    const [existing] = await tx
      .select({ id: authUser.id, role: authUser.role, disabled: authUser.banned })
      .from(authUser)
      .where(eq(authUser.email, email))
      .for('update')
    if (existing !== undefined && !link.local) {
      throw new QueryError('conflict', `${email} has an account already.`, 'Sign in with it, or use another address.')
    }
    const userId = existing?.id ?? randomBytes(16).toString('base64url')
    const now = new Date()
    if (existing === undefined) {
      await tx.insert(authUser).values({ id: userId, name: person.name.trim(), email, emailVerified: false, role: link.role })
    } else {
      await tx
        .update(authUser)
        .set({ name: person.name.trim(), role: link.role, banned: false, banReason: null, banExpires: null, updatedAt: now })
        .where(eq(authUser.id, userId))
      // Whoever held the old password may still hold a session.
      await tx.delete(authSession).where(eq(authSession.userId, userId))
      await tx.delete(authAccount).where(and(eq(authAccount.userId, userId), eq(authAccount.providerId, 'credential')))
      // Whoever needs this link has lost what they sign in with, the app with the codes included.
      await tx.delete(authSecondFactor).where(eq(authSecondFactor.userId, userId))
    }
    await tx.insert(authAccount).values({
      id: randomBytes(16).toString('base64url'),
      userId,
      accountId: userId,
      providerId: 'credential',
      password: person.passwordHash,
    })
    await tx.update(welcomeLink).set({ usedBy: userId }).where(eq(welcomeLink.id, link.id))
    const before = existing === undefined ? undefined : { role: existing.role, disabled: existing.disabled }
    const record = {
      event: existing === undefined ? 'user.create' : 'user.recover',
      actor: { kind: 'person' as const, id: userId, role: link.role },
      subject: `user:${userId}`,
      reason: link.local ? `welcome-link:${link.id}` : `invitation:${link.id}`,
      before,
      after: { role: link.role, disabled: false },
    }
    return { result: { userId, role: link.role }, record }
  })
}
