import { simulation } from '@weir/db/queries'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/blocks/simulations/{id}', async ({ path }) => simulation(house().queryPool, path.id))
