import { confirmSecondFactor, secondFactorOf } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { Problem } from '@/server/problem'
import { route } from '@/server/route'
import { newRecoveryCodes, openSecret, stepOf } from '@/server/second-factor'
import { personOf, wrongCode } from '@/server/session'

/** Only the session's own, just begun secret is compared: there is nothing to guess here that its holder could not read. */
export const POST = route('POST /api/v1/profile/second-factor/confirm', async ({ principal, body }) => {
  const person = personOf(principal)
  const { pool } = house()
  const factor = await secondFactorOf(pool, person.userId)
  if (factor === null) throw new Problem(409, 'conflict', 'There is no second factor to confirm.', 'Begin one first.')
  const secret = openSecret(factor.sealed, person.userId)
  const step = secret === null ? null : await stepOf(secret, body.code, Date.now())
  if (step === null) throw wrongCode(422)
  const recoveryCodes = newRecoveryCodes()
  await confirmSecondFactor(pool, actorOf(person), person.userId, { step, recoveryCodes })
  return { recoveryCodes }
})
