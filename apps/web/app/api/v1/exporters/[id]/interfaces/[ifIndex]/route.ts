import { changeInterface } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PATCH = route('PATCH /api/v1/exporters/{id}/interfaces/{ifIndex}', async ({ path, body, principal }) => {
  await changeInterface(house().pool, actorOf(principal), { exporterId: path.id, ifIndex: path.ifIndex, ...body })
})
