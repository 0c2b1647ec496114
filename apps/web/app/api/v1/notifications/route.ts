import { notificationSettings, setNotifications } from '@weir/db/commands'
import { actorOf } from '@/server/actor'
import { house } from '@/server/house'
import { route } from '@/server/route'

export const GET = route('GET /api/v1/notifications', async () => notificationSettings(house().pool))

export const PUT = route('PUT /api/v1/notifications', async ({ body, principal }) => {
  const { pool } = house()
  await setNotifications(pool, actorOf(principal), body)
  return notificationSettings(pool)
})
