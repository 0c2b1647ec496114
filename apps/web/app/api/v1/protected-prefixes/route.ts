import { protectPrefix } from '@weir/db/commands'
import { protectedPrefixes } from '@weir/db/queries'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/protected-prefixes', async () => protectedPrefixes(house().queryPool))

export const POST = route('POST /api/v1/protected-prefixes', async ({ body, principal }) =>
  protectPrefix(house().pool, body, actorOf(principal)),
)
