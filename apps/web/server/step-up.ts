import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { stepUpOf, stepUpSession } from '@weir/db/commands'
import { actorOf } from './actor.ts'
import { house } from './house.ts'
import type { Principal } from './principal.ts'
import { Problem } from './problem.ts'

/**
 * Step-up: before a block is requested or approved, the person shows the password or a code of the second factor again, and the session counts as
 * stepped up for five minutes.
 *
 * The mark is in the session's row; a cookie of its own (random, SameSite=Strict, never sent to other sites' requests) completes it, and an HMAC
 * under the process's secret binds both to the session and the time. So neither a stolen session cookie, nor someone who can write the
 * row, can approve anything. Tokens never step up.
 */
export const STEP_UP_SECONDS = 300

type Person = Extract<Principal, { kind: 'session' }>

const cookieName = (): string => (isHttps() ? '__Host-weir-step-up' : 'weir-step-up')
const isHttps = (): boolean => house().settings.publicUrl?.protocol === 'https:'

const seal = (secret: string, person: { sessionId: string; userId: string }, cookie: string, until: Date): Buffer =>
  createHmac('sha256', secret)
    .update(JSON.stringify(['weir step-up', person.sessionId, person.userId, cookie, until.getTime()]))
    .digest()

/** Step `person`'s session up (the caller has checked what they showed) and give the cookie that completes it, with the end of its time. */
export async function stepUp(person: Person, by: 'password' | 'code' = 'password'): Promise<{ until: Date; cookie: string }> {
  const { pool, settings } = house()
  const secret = randomBytes(32).toString('base64url')
  const until = new Date(Date.now() + STEP_UP_SECONDS * 1000)
  await stepUpSession(pool, actorOf(person), { sessionId: person.sessionId, until, seal: seal(settings.secret, person, secret, until), by })
  const cookie = `${cookieName()}=${secret}; Path=/; Max-Age=${STEP_UP_SECONDS}; HttpOnly; SameSite=Strict${isHttps() ? '; Secure' : ''}`
  return { until, cookie }
}

/** Until when this session is stepped up, epoch milliseconds; null when it is not. Asks the database only when the cookie is there. */
export async function steppedUpUntil(headers: Headers, person: { sessionId: string; userId: string }): Promise<number | null> {
  const name = cookieName()
  const pair = (headers.get('cookie') ?? '').split(';').find((part) => part.trim().startsWith(`${name}=`))
  const cookie = pair?.trim().slice(name.length + 1)
  if (cookie === undefined || !/^[\w-]{43}$/.test(cookie)) return null
  const { pool, settings } = house()
  const mark = await stepUpOf(pool, person.sessionId)
  if (mark === null || mark.seal.length !== 32 || !timingSafeEqual(mark.seal, seal(settings.secret, person, cookie, mark.until)))
    return null
  return mark.until.getTime()
}

/** Refuse unless this is a person who showed the password or a code within five minutes. Throws Problem 403 `step-up-required`, for tokens `not-allowed`. */
export function requireStepUp(principal: Principal): Person {
  if (principal.kind === 'token') {
    throw new Problem(403, 'not-allowed', 'This needs a person, not a token.', 'Sign in and do it in the browser.')
  }
  if (principal.steppedUpUntil === null || principal.steppedUpUntil <= Date.now()) {
    throw new Problem(
      403,
      'step-up-required',
      'This needs your password once more, or a code of your second factor.',
      'Type your password or a code; it then holds for five minutes.',
    )
  }
  return principal
}
