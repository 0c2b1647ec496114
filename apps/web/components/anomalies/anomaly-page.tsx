'use client'
import { ArrowLeft, SearchX } from 'lucide-react'
import Link from 'next/link'
import { ProblemError } from '../../data/fetch-json.ts'
import { useAnomaly } from '../../data/use-anomalies.ts'
import { Button } from '../ui/button.tsx'
import { Panel } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { AnomalyCard } from './anomaly-card.tsx'

/** One anomaly on a page of its own: what a notification links to. */
export function AnomalyPage({ id }: { id: string }) {
  const answer = useAnomaly(id)
  const missing = answer.error instanceof ProblemError && answer.error.status === 404
  return (
    <div className="mx-auto flex max-w-[1240px] flex-col gap-3">
      <Button asChild variant="ghost" className="self-start px-1.5">
        <Link href="/anomalies">
          <ArrowLeft /> All anomalies
        </Link>
      </Button>
      {answer.data !== undefined ? (
        <AnomalyCard card={answer.data} />
      ) : missing ? (
        <Panel>
          <h1 className="sr-only">Anomaly not found</h1>
          <EmptyState
            icon={SearchX}
            className="py-16"
            title="There is no such anomaly"
            actions={
              <Button asChild variant="primary">
                <Link href="/anomalies">All anomalies</Link>
              </Button>
            }
          >
            The link is cut, or it belongs to another installation of Weir.
          </EmptyState>
        </Panel>
      ) : answer.error !== null ? (
        <Panel>
          <h1 className="sr-only">Anomaly</h1>
          <ErrorState error={answer.error} className="py-10" onRetry={() => void answer.refetch()} />
        </Panel>
      ) : (
        <Panel>
          <h1 className="sr-only">Anomaly</h1>
          <SkeletonRows rows={10} className="p-4" />
        </Panel>
      )}
    </div>
  )
}
