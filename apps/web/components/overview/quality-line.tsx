'use client'
import type { ExportersAnswer, HealthAnswer } from '@weir/db/contracts'
import { CircleAlert, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTop } from '../../data/use-top.ts'
import { useView } from '../../data/view.ts'
import { dateTime, duration, rollup, sampling } from '../format.ts'
import { Badge } from '../ui/badge.tsx'
import { Tooltip } from '../ui/tooltip.tsx'
import { windowText } from '../view-controls.tsx'
import { useGaps } from './use-coverage.ts'

/** One line that says what the figures below are made of: window, what answered, sampling, demo. */
export function QualityLine({ exporters }: { exporters: ExportersAnswer | undefined }) {
  const view = useView()
  const answer = useTop('proto', view.params(), { limit: 1, enabled: view.ready })
  const gap = useGaps(view).current
  const span = (view.range.to.getTime() - view.range.from.getTime()) / 1000
  const active = (exporters?.exporters ?? []).filter((one) => one.state === 'live')
  const sampled = active.filter((one) => (one.samplingRate ?? 0) > 1)
  const unknown = active.filter((one) => one.samplingRate === null || one.samplingRate === 0)
  const demo = active.filter((one) => one.demo)
  const rates = [...new Set(sampled.map((one) => sampling(one.samplingRate)))]
  return (
    <div className="flex min-h-5 flex-wrap items-center gap-x-2 gap-y-1.5 text-[12px] text-muted">
      {view.ready ? <span suppressHydrationWarning>{windowText(view)}</span> : null}
      {answer.data === undefined ? null : (
        <Hint
          badge={`from ${rollup(answer.data.rollup)}`}
          hint={
            answer.data.resolutionSeconds === 0
              ? 'Single flow records answered: nothing was rounded.'
              : `Sums kept per ${duration(answer.data.resolutionSeconds)} answered; the window was widened to whole buckets, ${dateTime(Date.parse(answer.data.from))} to ${dateTime(Date.parse(answer.data.to))}.`
          }
        />
      )}
      {gap >= span * 0.02 && gap >= 60 ? (
        <Hint
          tone="warn"
          badge={`data for ${duration(Math.max(0, span - gap))} of ${duration(span)}`}
          hint={`For ${duration(gap)} of this window no flow arrived from anywhere: before the first export, or while Weir or its exporters were down. Means and changes are over the rest.`}
        />
      ) : null}
      {sampled.length > 0 ? (
        <Hint
          tone={view.scaled ? 'neutral' : 'warn'}
          badge={
            view.scaled ? `scaled by sampling, ${rates.length === 1 ? rates[0] : `${sampled.length} exporters`}` : 'not scaled by sampling'
          }
          hint={
            view.scaled
              ? `${sampled.length} of ${active.length} live exporters look at some packets only (${rates.join(', ')}). Their bytes and packets are multiplied, so they are estimates; flows are counted as exported.`
              : `${sampled.length} of ${active.length} live exporters sample (${rates.join(', ')}); the figures are as exported and lower than the traffic.`
          }
        />
      ) : null}
      {unknown.length > 0 ? (
        <Hint
          tone="warn"
          badge={`sampling unknown for ${unknown.length} exporter${unknown.length === 1 ? '' : 's'}`}
          hint={`${unknown.map((one) => one.name ?? one.address).join(', ')} did not say whether packets are sampled. Counted as exported (×1): the true traffic may be higher.`}
        />
      ) : null}
      {demo.length > 0 ? (
        <Hint
          tone="accent"
          badge={demo.length === active.length ? 'demo traffic' : `includes ${demo.length} demo exporters`}
          hint="Generated flows, sent as real export datagrams by npm start -- --demo. Remove them in Settings → Demo."
        />
      ) : null}
    </div>
  )
}

function Hint({ badge, hint, tone = 'neutral' }: { badge: string; hint: string; tone?: 'neutral' | 'warn' | 'accent' }) {
  return (
    <Tooltip content={hint}>
      <button type="button" className="rounded">
        <Badge tone={tone}>{badge}</Badge>
      </button>
    </Tooltip>
  )
}

/** Alerts that say the same as a check, and more exactly: the check is then left out. */
const COVERED: Readonly<Record<string, readonly string[]>> = {
  storing: ['db_unreachable', 'db_no_space'],
  spool: ['spool_full', 'spool_io_error', 'ingest_lag', 'queue'],
  kernel: ['kernel_drops'],
  unreadable: ['malformed', 'malformed_lasting'],
  accounting: ['accounting_gap'],
  quarantine: ['quarantined', 'frame_isolated'],
  exporters: ['exporter_silent'],
  clocks: ['exporter_clock_skew'],
}

/** The alerts that are on and what the health checks complain about, with their remedy, above everything else. Nothing when all is well. */
export function Complaints({ health }: { health: HealthAnswer | undefined }) {
  const alerts = health?.alerts ?? []
  const named = new Set(alerts.map((alert) => alert.name))
  const checks = (health?.checks ?? []).filter(
    (check) => check.state !== 'ok' && !(COVERED[check.name] ?? []).some((alert) => named.has(alert)),
  )
  if (alerts.length + checks.length === 0) return null
  return (
    <ul aria-label="Health" className="flex flex-col gap-px overflow-hidden rounded-lg border border-border bg-border">
      {alerts.map((alert) => (
        <Complaint key={`${alert.name} ${alert.subject}`} name={alert.name} critical={alert.severity === 'page'}>
          {alert.sentence} <span className="whitespace-nowrap">Since {dateTime(Date.parse(alert.since))}.</span>
        </Complaint>
      ))}
      {checks.map((check) => (
        <Complaint key={check.name} name={check.name} critical={check.state === 'fail'}>
          {check.message}
        </Complaint>
      ))}
    </ul>
  )
}

function Complaint({ name, critical, children }: { name: string; critical: boolean; children: ReactNode }) {
  const Icon = critical ? CircleAlert : TriangleAlert
  return (
    <li className="flex items-start gap-2.5 bg-surface px-4 py-2.5 text-[13px]">
      <Icon aria-hidden className={critical ? 'mt-0.5 size-4 shrink-0 text-critical' : 'mt-0.5 size-4 shrink-0 text-warn'} />
      <p className="min-w-0 break-words">
        <span className="font-medium">{name}</span> <span className="text-muted">{children}</span>
      </p>
    </li>
  )
}
