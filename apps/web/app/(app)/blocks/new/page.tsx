import type { Metadata } from 'next'
import { Suspense } from 'react'
import { NewBlock } from '@/components/blocks/new-block'
import { personFor } from '@/server/page'

export const metadata: Metadata = { title: 'New block' }

export default async function Page() {
  await personFor('/blocks/new')
  return (
    <Suspense>
      <NewBlock />
    </Suspense>
  )
}
