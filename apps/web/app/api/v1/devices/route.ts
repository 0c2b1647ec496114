import { saveDevice } from '@weir/db/commands'
import { devices } from '@weir/db/queries'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/devices', async () => devices(house().queryPool))

export const POST = route('POST /api/v1/devices', async ({ body, principal }) => saveDevice(house().pool, body, actorOf(principal)))
