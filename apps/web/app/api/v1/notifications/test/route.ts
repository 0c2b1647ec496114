import { sendTestMessage } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const POST = route('POST /api/v1/notifications/test', async ({ body, principal }) =>
  sendTestMessage(house().pool, actorOf(principal), body),
)
