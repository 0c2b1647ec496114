import { renewRecoveryCodes } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'
import { newRecoveryCodes } from '@/server/second-factor'
import { requireStepUp } from '@/server/step-up'

export const POST = route('POST /api/v1/profile/second-factor/recovery-codes', async ({ principal }) => {
  const person = requireStepUp(principal)
  const recoveryCodes = newRecoveryCodes()
  await renewRecoveryCodes(house().pool, actorOf(person), person.userId, recoveryCodes)
  return { recoveryCodes }
})
