import type { Metadata } from 'next'
import { Notifications } from '@/components/settings/notifications'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Notifications' }

export default async function NotificationsPage() {
  await personFor('/settings/notifications')
  return <Notifications />
}
