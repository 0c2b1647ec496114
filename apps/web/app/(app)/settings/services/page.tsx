import type { Metadata } from 'next'
import { Services } from '@/components/settings/services'
import { can, personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Service rules' }

export default async function ServiceRulesPage() {
  const person = await personFor('/settings/services')
  return <Services canWrite={can(person, 'inventory:write')} />
}
