import { block } from '@weir/db/queries'
import { askerOf } from '@/server/blocks'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/blocks/{id}', async ({ path, principal }) => block(house().queryPool, path.id, askerOf(principal)))
