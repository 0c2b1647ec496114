import { changeUser } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'
import { personOf } from '@/server/session'

export const PATCH = route('PATCH /api/v1/users/{id}', async ({ principal, path, body }) => {
  await changeUser(house().pool, { actorId: personOf(principal).userId, userId: path.id, ...body })
})
