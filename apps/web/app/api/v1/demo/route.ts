import { demoState, removeDemo } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/demo', async () => demoState(house().pool))

export const DELETE = route('DELETE /api/v1/demo', async ({ principal }) => {
  await removeDemo(house().pool, actorOf(principal))
})
