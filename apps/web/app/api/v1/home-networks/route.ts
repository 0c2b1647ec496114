import { setHomeNetworks } from '@weir/db/commands'
import { homeNetworks } from '@weir/db/queries'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/home-networks', async () => ({ networks: await homeNetworks(house().pool) }))

export const PUT = route('PUT /api/v1/home-networks', async ({ body, principal }) => ({
  networks: await setHomeNetworks(house().pool, actorOf(principal), body.networks),
}))
