import { protectedPrefixes } from '@weir/db/queries'
import { changeBy, decided, orWaiting } from '@/server/admin-changes'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/protected-prefixes', async () => protectedPrefixes(house().queryPool))

export const POST = route('POST /api/v1/protected-prefixes', async ({ body, principal }) =>
  orWaiting(await changeBy(principal, 'protected.add', body)),
)

export const DELETE = route('DELETE /api/v1/protected-prefixes', async ({ query, principal }) =>
  decided(await changeBy(principal, 'protected.remove', query)),
)
