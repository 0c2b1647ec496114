import type { Metadata } from 'next'
import { Demo } from '@/components/settings/demo'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Demo data' }

export default async function DemoPage() {
  await personFor('/settings/demo')
  return <Demo />
}
