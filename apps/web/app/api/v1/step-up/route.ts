import { knownAddresses, passwordHashOf, recordAudit } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { CLIENT_HEADER } from '@/server/client-address'
import { house } from '@/server/house'
import { verifyPassword } from '@/server/password'
import { Problem, tooManyTries } from '@/server/problem'
import { route } from '@/server/route'
import { personOf } from '@/server/session'
import { stepUp } from '@/server/step-up'

/** The password once more, for five minutes of decisions. Wrong ones count as wrong sign-ins do. */
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
  const hash = await passwordHashOf(pool, person.userId)
  if (hash === null || !(await verifyPassword({ hash, password: body.password }))) {
    await recordAudit(pool, { event: 'session.step-up-refuse', actor: actorOf(person), subject: `user:${person.userId}` })
    throw new Problem(422, 'wrong-password', 'The password is not right.', 'Type the password you signed in with.', {
      title: 'Not confirmed',
      extra: { parameter: 'password' },
    })
  }
  loginLimit.succeeded(person.email, address, now)
  const { until, cookie } = await stepUp(person)
  return Response.json({ until: until.toISOString() }, { headers: { 'cache-control': 'no-store', 'set-cookie': cookie } })
})
