import { removeSecondFactor } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { Problem } from '@/server/problem'
import { route } from '@/server/route'
import { requireStepUp } from '@/server/step-up'

export const DELETE = route('DELETE /api/v1/users/{id}/second-factor', async ({ principal, path }) => {
  const person = requireStepUp(principal)
  if (person.userId === path.id) throw new Problem(409, 'conflict', 'This is your own second factor.', 'Turn it off in your profile.')
  await removeSecondFactor(house().pool, actorOf(person), path.id)
})
