import type { AnomalyState, AnomalySummary, Severity } from '@weir/db/contracts'
import { CircleCheck, Info, OctagonAlert, TriangleAlert } from 'lucide-react'
import { Badge } from '../ui/badge.tsx'
import { cn } from '../ui/cn.ts'
import { SEVERITY_NAMES, STATE_NAMES } from './words.ts'

const ICONS = { critical: OctagonAlert, warning: TriangleAlert, info: Info } as const
const COLOURS = { critical: 'text-critical', warning: 'text-warn', info: 'text-muted' } as const

/** Severity as a shape and a word; the colour only repeats them. */
export function SeverityMark({ severity, word = true, className }: { severity: Severity; word?: boolean; className?: string }) {
  const Icon = ICONS[severity]
  return (
    <span className={cn('inline-flex items-center gap-1.5 whitespace-nowrap font-medium', COLOURS[severity], className)}>
      <Icon aria-hidden className="size-4 shrink-0" />
      <span className={word ? '' : 'sr-only'}>{SEVERITY_NAMES[severity]}</span>
    </span>
  )
}

export function StateMark({ state, pending = false }: { state: AnomalyState; pending?: boolean }) {
  const shown = pending && state === 'new' ? 'acknowledged' : state
  const tone = shown === 'new' ? 'accent' : shown === 'confirmed' ? 'critical' : shown === 'acknowledged' ? 'ok' : 'neutral'
  return (
    <Badge tone={tone}>
      {shown === 'acknowledged' ? <CircleCheck aria-hidden /> : null}
      {STATE_NAMES[shown]}
    </Badge>
  )
}

/** Who does it to whom; a missing end is 'many' or left out. */
export function Ends({ anomaly, className }: { anomaly: Pick<AnomalySummary, 'actor' | 'target'>; className?: string }) {
  const mono = 'font-mono text-[12.5px] break-all'
  if (anomaly.actor === null && anomaly.target === null) return <span className={cn('text-muted', className)}>all traffic</span>
  return (
    <span className={cn('inline-flex min-w-0 flex-wrap items-baseline gap-x-1.5', className)}>
      {anomaly.actor === null ? <span className="text-muted">many sources</span> : <span className={mono}>{anomaly.actor}</span>}
      {anomaly.target === null ? null : (
        <>
          <span aria-hidden className="text-muted">
            →
          </span>
          <span className="sr-only"> to </span>
          <span className={mono}>{anomaly.target}</span>
        </>
      )}
    </span>
  )
}
