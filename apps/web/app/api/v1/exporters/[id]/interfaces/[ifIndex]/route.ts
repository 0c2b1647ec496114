import { changeInterface } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PATCH = route('PATCH /api/v1/exporters/{id}/interfaces/{ifIndex}', async ({ path, body }) => {
  await changeInterface(house().pool, { exporterId: path.id, ifIndex: path.ifIndex, ...body })
})
