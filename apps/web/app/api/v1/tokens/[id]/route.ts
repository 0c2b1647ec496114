import { revokeToken } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const DELETE = route('DELETE /api/v1/tokens/{id}', async ({ path, principal }) => {
  await revokeToken(house().pool, actorOf(principal), path.id)
})
