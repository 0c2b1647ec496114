import { withdrawInvitation } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const DELETE = route('DELETE /api/v1/users/invitations/{id}', async ({ path, principal }) => {
  await withdrawInvitation(house().pool, actorOf(principal), path.id)
})
