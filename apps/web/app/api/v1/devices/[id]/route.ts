import { changeBy, decided } from '@/server/admin-changes'
import { route } from '@/server/route'

export const DELETE = route('DELETE /api/v1/devices/{id}', async ({ path, query, principal }) =>
  decided(await changeBy(principal, 'device.remove', { id: path.id, reason: query.reason })),
)
