import type { Metadata } from 'next'
import { AnomalyPage } from '../../../../components/anomalies/anomaly-page.tsx'

export const metadata: Metadata = { title: 'Anomaly' }

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  return <AnomalyPage id={decodeURIComponent((await params).id)} />
}
