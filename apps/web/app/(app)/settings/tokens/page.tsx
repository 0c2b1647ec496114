import type { Metadata } from 'next'
import { Tokens } from '@/components/settings/tokens'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'API tokens' }

export default async function TokensPage() {
  await personFor('/settings/tokens')
  return <Tokens />
}
