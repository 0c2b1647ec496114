import { withdrawInvitation } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const DELETE = route('DELETE /api/v1/users/invitations/{id}', async ({ path }) => {
  await withdrawInvitation(house().pool, path.id)
})
