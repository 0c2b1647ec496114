import { renameExporter } from '@weir/db/commands'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const PATCH = route('PATCH /api/v1/exporters/{id}', async ({ path, body }) => {
  await renameExporter(house().pool, { id: path.id, name: body.name })
})
