import { approveAdminChange } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'
import { requireStepUp } from '@/server/step-up'

export const POST = route('POST /api/v1/admin-changes/{id}/approve', async ({ path, principal }) =>
  approveAdminChange(house().pool, actorOf(requireStepUp(principal)), path.id),
)
