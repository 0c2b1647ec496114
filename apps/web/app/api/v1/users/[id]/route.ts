import { changeUser } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'
import { personOf } from '@/server/session'

export const PATCH = route('PATCH /api/v1/users/{id}', async ({ principal, path, body }) => {
  await changeUser(house().pool, actorOf(personOf(principal)), { userId: path.id, ...body })
})
