import type { Metadata } from 'next'
import { AuditScreen } from '@/components/audit/audit-screen'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Audit' }

export default async function Page() {
  await personFor('/audit')
  return <AuditScreen />
}
