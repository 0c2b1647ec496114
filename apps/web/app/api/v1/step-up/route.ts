import { knownAddresses, passwordHashOf, recordAudit, secondFactorOf } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { CLIENT_HEADER } from '@/server/client-address'
import { house } from '@/server/house'
import { verifyPassword } from '@/server/password'
import { Problem, tooManyTries } from '@/server/problem'
import { route } from '@/server/route'
import { takeCode } from '@/server/second-factor'
import { personOf, wrongCode } from '@/server/session'
import { stepUp } from '@/server/step-up'

/** The password or a code once more, for five minutes of decisions. Wrong ones count as wrong sign-ins do. */
export const POST = route('POST /api/v1/step-up', async ({ request, principal, body }) => {
  const { pool, loginLimit, settings } = house()
  const person = personOf(principal)
  const address = request.headers.get(CLIENT_HEADER) ?? ''
  const now = Date.now()
  if (settings.loginLimit) {
    const seconds = await loginLimit.wait(person.email, address, now, () => knownAddresses(pool, person.email))
    if (seconds > 0) throw tooManyTries(seconds)
    loginLimit.tried(person.email, address, now)
  }
  const by = 'code' in body ? 'code' : 'password'
  const right = 'code' in body ? await codeOf(person.userId, body.code) : await passwordOf(person.userId, body.password)
  if (!right) {
    await recordAudit(pool, { event: 'session.step-up-refuse', actor: actorOf(person), subject: `user:${person.userId}`, after: { by } })
    throw by === 'code'
      ? wrongCode(422)
      : new Problem(422, 'wrong-password', 'The password is not right.', 'Type the password you signed in with.', {
          title: 'Not confirmed',
          extra: { parameter: 'password' },
        })
  }
  loginLimit.succeeded(person.email, address, now)
  const { until, cookie } = await stepUp(person, by)
  return Response.json({ until: until.toISOString() }, { headers: { 'cache-control': 'no-store', 'set-cookie': cookie } })
})

async function codeOf(userId: string, code: string): Promise<boolean> {
  const factor = await secondFactorOf(house().pool, userId)
  return factor !== null && factor.confirmedAt !== null && (await takeCode({ userId, sealed: factor.sealed }, code))
}

async function passwordOf(userId: string, password: string): Promise<boolean> {
  const hash = await passwordHashOf(house().pool, userId)
  return hash !== null && (await verifyPassword({ hash, password }))
}
