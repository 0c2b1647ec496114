'use client'
import { useAnomaly } from '../../data/use-anomalies.ts'
import { OnePage } from '../one-page.tsx'
import { AnomalyCard } from './anomaly-card.tsx'

/** One anomaly on a page of its own: what a notification links to. */
export function AnomalyPage({ id }: { id: string }) {
  return (
    <OnePage kind="anomaly" all={{ href: '/anomalies', label: 'All anomalies' }} answer={useAnomaly(id)}>
      {(card) => <AnomalyCard card={card} />}
    </OnePage>
  )
}
