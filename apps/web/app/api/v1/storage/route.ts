import { storage } from '@weir/db/queries'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/storage', async () => storage(house().queryPool))
