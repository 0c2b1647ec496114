import type { Metadata } from 'next'
import { Devices } from '@/components/settings/devices'
import { can, personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Devices' }

export default async function DevicesPage() {
  const person = await personFor('/settings/devices')
  return <Devices canWrite={can(person, 'inventory:write')} />
}
