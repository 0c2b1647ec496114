import { dropSession, endSession, recordAudit, recordSignIn, recordSignInRefused, secondFactorOf } from '@weir/db/commands'
import { actorOf } from './actor.ts'
import { CLIENT_HEADER } from './client-address.ts'
import { house } from './house.ts'
import { type Principal, principalOf } from './principal.ts'
import { Problem } from './problem.ts'
import { takeCode } from './second-factor.ts'
import { ABSOLUTE_SECONDS } from './session-life.ts'

/**
 * Signing in and out through the library, called on the server. Only its cookies leave the house: the body it would answer with
 * carries the session's token, which must stay out of reach of scripts.
 */

/** The library's cookies on an answer of ours. The cookie outlives idle time, so that the database alone decides when a session ends. */
function withCookies(from: Response): Response {
  const response = new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
  for (const cookie of from.headers.getSetCookie()) {
    response.headers.append('set-cookie', cookie.replace(/Max-Age=(?!0\b)\d+/i, `Max-Age=${ABSOLUTE_SECONDS}`))
  }
  return response
}

/** Headers the library may see: who connected and with what, but no body-related ones of the original request. */
function libraryHeaders(headers: Headers): Headers {
  const kept = new Headers()
  for (const name of ['cookie', 'user-agent', 'x-weir-client', 'host']) {
    const value = headers.get(name)
    if (value !== null) kept.set(name, value)
  }
  return kept
}

const refused = () =>
  new Problem(
    401,
    'wrong-password',
    'E-mail and password do not belong together, or the account is disabled.',
    'Check both; capitals count in the password. An admin can send you a new invitation; bin/weir admin link on the Weir host lets an admin in.',
  )

/**
 * Whoever has a second factor shows both at once: a right password alone begins nothing, neither a session nor half of one, and only tells that a
 * code is asked for. Asked after the password was found right, so that a wrong one takes the same way, and time, for everybody.
 */
async function secondFactor(userId: string, email: string, code: string | undefined, address: string): Promise<void> {
  const { pool } = house()
  const factor = await secondFactorOf(pool, userId)
  if (factor === null || factor.confirmedAt === null) return
  if (code === undefined || code.trim() === '') {
    throw new Problem(
      401,
      'second-factor-required',
      'This account asks for a code too.',
      'Type the six digits that your app shows, or a recovery code.',
    )
  }
  if (await takeCode({ userId, sealed: factor.sealed }, code)) return
  await recordSignInRefused(pool, email, address, 'code')
  throw wrongCode()
}

/** The code is none, is old, or was used before. */
export const wrongCode = (status: 401 | 422 = 401): Problem =>
  new Problem(
    status,
    'wrong-code',
    'The code is not right, or was used before.',
    'Wait for the next code and type that. Does it stay, look at the clock of your phone; a recovery code works too.',
    { extra: { parameter: 'code' } },
  )

/** Sign in and give the answer that carries the cookie; both ways it ends are recorded. Throws the same Problem for every reason of refusal. */
export async function signIn(
  headers: Headers,
  credentials: { email: string; password: string; code?: string | undefined },
): Promise<Response> {
  const { pool } = house()
  const address = headers.get(CLIENT_HEADER) ?? ''
  // Anything longer cannot be a password of ours, and hashing it would be work for nothing.
  if (credentials.password.length > 256 || !/^[^@\s]+@[^@\s]+$/.test(credentials.email)) {
    await recordSignInRefused(pool, credentials.email, address)
    throw refused()
  }
  const body = { email: credentials.email, password: credentials.password }
  const response = await house().auth.api.signInEmail({ body, headers: libraryHeaders(headers), asResponse: true })
  if (response.ok) {
    const { token, userId } = await begunBy(response)
    try {
      await secondFactor(userId, credentials.email, credentials.code, address)
    } catch (error) {
      // The library has stored a session; nobody has its cookie, and now it is gone.
      await dropSession(pool, token)
      throw error
    }
    await recordSignIn(pool, token, address)
    return withCookies(response)
  }
  if (response.status < 500) {
    await recordSignInRefused(pool, credentials.email, address)
    throw refused()
  }
  throw new Error(`the sign-in library answered ${response.status}`)
}

/** What the library would tell a browser, and ours never does: the session's secret, and whose it is. */
async function begunBy(response: Response): Promise<{ token: string; userId: string }> {
  const body: unknown = await response.clone().json()
  const token: unknown = typeof body === 'object' && body !== null && 'token' in body ? body.token : undefined
  const user: unknown = typeof body === 'object' && body !== null && 'user' in body ? body.user : undefined
  const userId: unknown = typeof user === 'object' && user !== null && 'id' in user ? user.id : undefined
  if (typeof token !== 'string' || typeof userId !== 'string') throw new Error('the sign-in library told no session')
  return { token, userId }
}

/** End the session of these headers, if there is one, and take the cookie away. */
export async function signOut(headers: Headers): Promise<Response> {
  const principal = await principalOf(headers, { touch: false })
  if (principal?.kind === 'session') await endSession(house().pool, { sessionId: principal.sessionId, actor: actorOf(principal) })
  return withCookies(await house().auth.api.signOut({ headers: libraryHeaders(headers), asResponse: true }))
}

/**
 * Change the password of the session's person and end their other sessions; gives the answer with the new cookie. The library does it in
 * transactions of its own, so the audit log holds the intent before and the outcome after.
 */
export async function changePassword(
  headers: Headers,
  person: Extract<Principal, { kind: 'session' }>,
  change: { current: string; password: string },
): Promise<Response> {
  const { pool } = house()
  const record = { event: 'user.password', actor: actorOf(person), subject: `user:${person.userId}` }
  await recordAudit(pool, { ...record, phase: 'intent' })
  const response = await house().auth.api.changePassword({
    body: { currentPassword: change.current, newPassword: change.password, revokeOtherSessions: true },
    headers: libraryHeaders(headers),
    asResponse: true,
  })
  await recordAudit(pool, { ...record, after: { changed: response.ok } })
  if (response.ok) return withCookies(response)
  if (response.status < 500) {
    throw new Problem(422, 'wrong-password', 'The present password is not right.', 'Type the password you signed in with.', {
      title: 'The password was not changed',
      extra: { parameter: 'current' },
    })
  }
  throw new Error(`the sign-in library answered ${response.status}`)
}

/** The person behind a principal. Actions that need one are closed to tokens already; this says it to the type checker and once more to fate. */
export function personOf(principal: Principal): Extract<Principal, { kind: 'session' }> {
  if (principal.kind === 'session') return principal
  throw new Problem(403, 'not-allowed', 'This needs a person who is signed in, not a token.', 'Sign in and do it in the settings.')
}
