import { revokeToken } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const DELETE = route('DELETE /api/v1/tokens/{id}', async ({ path }) => {
  await revokeToken(house().pool, path.id)
})
