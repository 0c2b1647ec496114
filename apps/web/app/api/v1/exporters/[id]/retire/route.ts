import { changeBy, decided } from '@/server/admin-changes'
import { route } from '@/server/route'

export const POST = route('POST /api/v1/exporters/{id}/retire', async ({ path, body, principal }) =>
  decided(await changeBy(principal, body.retired ? 'exporter.retire' : 'exporter.restore', { id: path.id, reason: body.reason })),
)
