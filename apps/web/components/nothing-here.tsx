'use client'
import type { HealthAnswer } from '@weir/db/contracts'
import { CalendarClock, FilterX } from 'lucide-react'
import { useView } from '../data/view.ts'
import { conjuncts, replaceConjunct } from '../data/view-state.ts'
import { dateTime, duration } from './format.ts'
import { Button } from './ui/button.tsx'
import { Panel } from './ui/panel.tsx'
import { EmptyState } from './ui/state.tsx'

/** Data exists, but not for this question: either the filter matches nothing or the window holds nothing. Says which, and the way on. */
export function NothingHere({ health }: { health: HealthAnswer | undefined }) {
  const view = useView()
  const span = view.range.to.getTime() - view.range.from.getTime()
  const newest = health?.sli.newestFlow == null ? null : Date.parse(health.sli.newestFlow)
  const outside = newest !== null && (newest < view.range.from.getTime() || newest > view.range.to.getTime())
  const terms = conjuncts(view.filter)
  const last = terms.at(-1)
  if (view.filter !== '') {
    return (
      <Panel>
        <EmptyState
          icon={FilterX}
          className="py-16"
          title="No flow matches this filter in this window"
          actions={
            <>
              <Button variant="primary" onClick={() => view.set({ filter: '' })}>
                Clear the filter
              </Button>
              {terms.length > 1 && last !== undefined ? (
                <Button onClick={() => view.set({ filter: replaceConjunct(view.filter, terms.length - 1, null) })}>
                  Drop “{last.length > 40 ? `${last.slice(0, 40)}…` : last}”
                </Button>
              ) : null}
              {span < 24 * 3_600_000 ? <Button onClick={() => view.set({ preset: '24h' })}>Look at 24 hours</Button> : null}
            </>
          }
        >
          <code className="font-mono text-[12.5px]">{view.filter}</code>
        </EmptyState>
      </Panel>
    )
  }
  return (
    <Panel>
      <EmptyState
        icon={CalendarClock}
        className="py-16"
        title="No flow in this window"
        actions={
          newest !== null && outside ? (
            <Button variant="primary" onClick={() => view.set({ from: newest - span, to: newest + 1000 })}>
              Jump to {dateTime(newest)}
            </Button>
          ) : span < 30 * 86_400_000 ? (
            <Button variant="primary" onClick={() => view.set({ preset: '30d' })}>
              Look at 30 days
            </Button>
          ) : undefined
        }
      >
        {newest === null
          ? `The window is ${duration(span / 1000)} wide.`
          : `The newest flow ended at ${dateTime(newest)}. ${outside && newest < view.range.from.getTime() ? 'Exporters have been silent since, or cannot reach this host.' : ''}`}
      </EmptyState>
    </Panel>
  )
}
