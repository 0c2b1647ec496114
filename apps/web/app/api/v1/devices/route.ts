import { devices } from '@weir/db/queries'
import { changeBy, orWaiting } from '@/server/admin-changes'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/devices', async () => devices(house().queryPool))

export const POST = route('POST /api/v1/devices', async ({ body, principal }) => orWaiting(await changeBy(principal, 'device.save', body)))
