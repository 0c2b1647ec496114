import { changeBy, decided } from '@/server/admin-changes'
import { route } from '@/server/route'

export const PUT = route('PUT /api/v1/admin-changes/two-persons', async ({ body, principal }) =>
  decided(await changeBy(principal, 'two-persons.set', body)),
)
