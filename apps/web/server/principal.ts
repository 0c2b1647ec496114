import { liveSessions, resolveToken } from '@weir/db/commands'
import { type Action, type Grant, may, type Precision, ROLES, type Role } from '@weir/db/contracts'
import { house } from './house.ts'
import { Problem } from './problem.ts'
import { ABSOLUTE_SECONDS } from './session-life.ts'
import { steppedUpUntil } from './step-up.ts'

/** Who asks: a person with a session, or a program with a token. */
export type Principal =
  | {
      kind: 'session'
      sessionId: string
      userId: string
      name: string
      email: string
      role: Role
      /** Epoch milliseconds until which the password counts as just shown; null: it was not. Ask `requireStepUp`. */
      steppedUpUntil: number | null
    }
  | { kind: 'token'; tokenId: number; name: string; role: Role }

/** The token of an `Authorization: Bearer …` header; null without one. */
export function bearerToken(headers: Headers): string | null {
  return /^Bearer ([A-Za-z0-9_-]{1,200})$/.exec(headers.get('authorization') ?? '')?.[1] ?? null
}

/**
 * Who sent these headers; null for nobody. A request with an Authorization header is judged by that alone, never by its cookie.
 * Role and standing are read from the database each time: a change holds from the next request on.
 * `touch: false` does not count as activity of the session.
 */
export async function principalOf(headers: Headers, options: { touch?: boolean } = {}): Promise<Principal | null> {
  const { auth, pool } = house()
  if (headers.has('authorization')) {
    const token = bearerToken(headers)
    const found = token === null ? null : await resolveToken(pool, token)
    return found === null ? null : { kind: 'token', tokenId: found.id, name: found.name, role: found.role }
  }
  if (!headers.has('cookie')) return null
  const found = await auth.api.getSession({ headers, query: { disableRefresh: options.touch === false } }).catch(async (error: unknown) => {
    // The library hides why it failed. A read of our own fails with the database's own words, if that is the reason.
    await liveSessions(pool, ['none'])
    throw error
  })
  if (found === null || found.user.banned === true) return null
  if (found.session.createdAt.getTime() < Date.now() - ABSOLUTE_SECONDS * 1000) return null
  const role = ROLES.find((name) => name === found.user.role)
  if (role === undefined) return null
  const person = { sessionId: found.session.id, userId: found.user.id }
  const { name, email } = found.user
  return { kind: 'session', ...person, name, email, role, steppedUpUntil: await steppedUpUntil(headers, person) }
}

/** What `principal` gets for `action`. */
export const grantOf = (principal: Principal, action: Action): Grant => may(principal.role, action, principal.kind)

/** How exactly this principal may see addresses. */
export const precisionOf = (principal: Principal): Precision => (grantOf(principal, 'traffic:read') === 'network' ? 'network' : 'host')

/** Let `principal` do `action`, or throw the Problem that says why not: 401 for nobody, 403 for the wrong role. */
export function demand(principal: Principal | null, action: Action): { principal: Principal; grant: Exclude<Grant, 'no'> } {
  if (principal === null) {
    throw new Problem(
      401,
      'signed-out',
      'This needs a session or an API token, and there is none that works.',
      'Sign in, or send a valid Authorization: Bearer header.',
      {
        headers: { 'www-authenticate': 'Bearer realm="weir"' },
      },
    )
  }
  const grant = grantOf(principal, action)
  if (grant === 'no') {
    throw new Problem(
      403,
      'not-allowed',
      principal.kind === 'token'
        ? `A token with the role ${principal.role} may not do this.`
        : `The role ${principal.role} may not do this.`,
      principal.kind === 'token'
        ? 'Use a token whose role allows it; some things need a person who is signed in.'
        : 'Ask an admin to do it, or to change your role.',
    )
  }
  return { principal, grant }
}
