import type { Metadata } from 'next'
import { ProtectedPrefixes } from '@/components/settings/protected-prefixes'
import { can, personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Protected prefixes' }

export default async function ProtectedPage() {
  const person = await personFor('/settings/protected')
  return <ProtectedPrefixes canWrite={can(person, 'inventory:write')} />
}
