import type { Metadata } from 'next'
import { Suspense } from 'react'
import { ServiceScreen } from '@/components/graph/service-screen'

export const metadata: Metadata = { title: 'Services' }

export default function ServicesPage() {
  return (
    <Suspense>
      <ServiceScreen />
    </Suspense>
  )
}
