import type { Metadata } from 'next'
import { Networks } from '@/components/settings/networks'
import { can, personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Home networks' }

export default async function NetworksPage() {
  const person = await personFor('/settings/networks')
  return <Networks canWrite={can(person, 'inventory:write')} />
}
