import type { Metadata } from 'next'
import { Suspense } from 'react'
import { AnomaliesScreen } from '../../../components/anomalies/anomalies-screen.tsx'

export const metadata: Metadata = { title: 'Anomalies' }

export default function Page() {
  return (
    <Suspense>
      <AnomaliesScreen />
    </Suspense>
  )
}
