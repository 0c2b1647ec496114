import type { Metadata } from 'next'
import { AdminChanges } from '@/components/settings/admin-changes'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Admin changes' }

export default async function AdminChangesPage() {
  await personFor('/settings/changes')
  return <AdminChanges />
}
