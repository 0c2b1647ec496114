import type { Metadata } from 'next'
import { BlockPage } from '@/components/blocks/block-page'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'Block' }

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  await personFor('/blocks/[id]')
  return <BlockPage id={decodeURIComponent((await params).id)} />
}
