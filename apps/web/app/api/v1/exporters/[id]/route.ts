import { renameExporter } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PATCH = route('PATCH /api/v1/exporters/{id}', async ({ path, body, principal }) => {
  await renameExporter(house().pool, actorOf(principal), { id: path.id, name: body.name })
})
