import { beginSecondFactor, removeSecondFactor, secondFactorOf } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'
import { newSecondFactorSecret, sealSecret, secretForApp } from '@/server/second-factor'
import { personOf } from '@/server/session'
import { requireStepUp } from '@/server/step-up'

export const GET = route('GET /api/v1/profile/second-factor', async ({ principal }) => {
  const factor = await secondFactorOf(house().pool, personOf(principal).userId)
  const since = factor?.confirmedAt ?? null
  return { on: since !== null, since: since?.toISOString() ?? null, recoveryCodesLeft: factor?.recoveryCodesLeft ?? 0 }
})

export const POST = route('POST /api/v1/profile/second-factor', async ({ principal }) => {
  const person = requireStepUp(principal)
  const secret = newSecondFactorSecret()
  await beginSecondFactor(house().pool, actorOf(person), person.userId, sealSecret(secret, person.userId))
  return secretForApp(secret, person.email)
})

export const DELETE = route('DELETE /api/v1/profile/second-factor', async ({ principal }) => {
  const person = requireStepUp(principal)
  await removeSecondFactor(house().pool, actorOf(person), person.userId)
})
