import type { Metadata } from 'next'
import { BlocksScreen } from '@/components/blocks/blocks-screen'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Blocks' }

export default async function Page() {
  await personFor('/blocks')
  return <BlocksScreen />
}
