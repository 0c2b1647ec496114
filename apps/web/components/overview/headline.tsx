'use client'
import type { ExportersAnswer, HealthAnswer, RateEvent } from '@weir/db/contracts'
import type { ReactNode } from 'react'
import { coveredSeconds, relativeChange, toChart } from '../../data/transform.ts'
import { useTimeseries } from '../../data/use-timeseries.ts'
import { useTop } from '../../data/use-top.ts'
import { useView, type View, type ViewMetric } from '../../data/view.ts'
import { API_METRIC, PRESET_MS } from '../../data/view-state.ts'
import { clock, dateMinute, duration, rate, share, toRate } from '../format.ts'
import { TrendMark } from '../trend-mark.tsx'
import { StateDot } from '../ui/badge.tsx'
import { cn } from '../ui/cn.ts'
import { Skeleton } from '../ui/skeleton.tsx'
import { Sparkline } from '../ui/sparkline.tsx'
import { lostHere } from './loss.ts'
import { previousOf } from './previous.ts'
import { pointsFor, useGaps } from './use-coverage.ts'

const FIGURES: readonly { metric: ViewMetric; title: string }[] = [
  { metric: 'bits', title: 'Traffic' },
  { metric: 'packets', title: 'Packets' },
  { metric: 'flows', title: 'Flows' },
]

/** The strip at the top: what goes through now, how that compares, and whether the collection can be trusted. */
export function Headline({
  live,
  health,
  exporters,
}: {
  live: RateEvent | null
  health: HealthAnswer | undefined
  exporters: ExportersAnswer | undefined
}) {
  const view = useView()
  return (
    <section
      aria-label="Headline figures"
      className="grid grid-cols-2 overflow-hidden rounded-lg border border-border bg-border gap-px lg:grid-cols-4"
    >
      {FIGURES.map((figure) => (
        <Figure
          key={figure.metric}
          view={view}
          metric={figure.metric}
          title={figure.title}
          live={live}
          className={figure.metric === 'bits' ? 'max-lg:col-span-2' : ''}
        />
      ))}
      <Collection health={health} exporters={exporters} />
    </section>
  )
}

const liveValue = (live: RateEvent, metric: ViewMetric): number =>
  metric === 'bits' ? live.bitsPerSecond : metric === 'packets' ? live.packetsPerSecond : live.flowsPerSecond

/** One metric: the present value large, mean, peak and change small, its course behind. Choosing it changes the metric of the page. */
function Figure({
  view,
  metric,
  title,
  live,
  className,
}: {
  view: View
  metric: ViewMetric
  title: string
  live: RateEvent | null
  className?: string
}) {
  const params = { ...view.params(), metric: API_METRIC[metric] }
  const series = useTimeseries(null, params, { points: pointsFor(view), enabled: view.ready })
  // Sums of all three metrics come with every ranked answer: one question serves the whole strip, and the page's own totals.
  const before = useTop('proto', previousOf(view), { limit: 1, enabled: view.ready })
  const total = useTop('proto', view.params(), { limit: 1, enabled: view.ready })
  const gaps = useGaps(view)
  const chart = series.data === undefined ? undefined : toChart(series.data, metric, view.anchor)
  const seconds = total.data === undefined ? 1 : coveredSeconds(total.data, view.anchor, gaps.current)
  const sum = (answer: { total: { bytes: number; packets: number; flows: number } }): number => answer.total[API_METRIC[metric]]
  const mean = total.data === undefined ? undefined : toRate(metric, sum(total.data), seconds)
  const earlier =
    before.data === undefined || !gaps.comparable
      ? null
      : toRate(metric, sum(before.data), coveredSeconds(before.data, view.anchor, gaps.previous))
  const change = mean === undefined ? null : relativeChange(mean, earlier)
  // The live event counts everything; with a filter, or in a window that has ended, it would be the answer to another question.
  const isLive = live !== null && view.filter === '' && view.preset !== null && view.scaled
  const present = isLive ? liveValue(live, metric) : (chart?.total.last ?? null)
  const word = isLive ? 'now' : view.preset === null ? 'at the end' : `last ${duration(chart?.bucketSeconds ?? 60)}`
  const chosen = view.metric === metric
  const failed = series.error !== null && series.data === undefined
  const span = view.preset === null ? view.range.to.getTime() - view.range.from.getTime() : PRESET_MS[view.preset]
  return (
    <button
      type="button"
      aria-pressed={chosen}
      title={chosen ? undefined : `Show ${title.toLowerCase()} on the whole page`}
      className={cn('relative flex min-w-0 cursor-pointer flex-col gap-1 bg-surface px-4 pt-3 pb-3 text-left hover:bg-raised', className)}
      onClick={() => view.set({ metric })}
    >
      <span aria-hidden className={cn('absolute inset-x-0 top-0 h-0.5', chosen ? 'bg-accent' : 'bg-transparent')} />
      <span className="flex items-center justify-between gap-2 text-[12px]">
        <span className={cn('font-medium', chosen ? 'text-accent' : 'text-muted')}>{title}</span>
        <span className="flex items-center gap-1.5 text-muted">
          {isLive ? <span aria-hidden className="size-1.5 rounded-full bg-ok" /> : null}
          {word}
        </span>
      </span>
      {failed ? (
        <span className="text-[13px] text-critical">Not available</span>
      ) : present === null && series.data === undefined ? (
        <Skeleton className="my-1.5 h-6 w-32" />
      ) : (
        <span className="flex flex-wrap items-baseline justify-between gap-x-2">
          <span
            data-testid={`now-${metric}`}
            className={cn(
              'truncate font-semibold leading-8 tracking-tight',
              metric === 'bits' ? 'text-[24px]' : 'text-[19px] sm:text-[24px]',
            )}
          >
            {rate(metric, present)}
          </span>
          {change === null ? null : (
            <span
              className={cn('shrink-0 text-[12px]', metric !== 'bits' && 'max-sm:w-full')}
              title={`Mean of the window against the ${duration(span / 1000)} before`}
            >
              <TrendMark trend={{ kind: 'change', value: change }} />
            </span>
          )}
        </span>
      )}
      <span className="flex flex-wrap items-center gap-x-3 text-[12px] text-muted">
        <Pair name="mean">{mean === undefined ? UNSET : rate(metric, mean)}</Pair>
        <Pair name="peak">
          <span
            title={
              chart?.total.peakAt == null
                ? undefined
                : `at ${span > 86_400_000 ? dateMinute(chart.total.peakAt) : clock(chart.total.peakAt)}`
            }
          >
            {chart === undefined ? UNSET : rate(metric, chart.total.peak)}
          </span>
        </Pair>
      </span>
      <Sparkline
        values={chart?.rows.map((row) => row.total) ?? []}
        label={`${title} over the window`}
        width={240}
        height={30}
        className={cn('mt-1 h-[30px] w-full', chosen ? 'text-accent' : 'text-muted')}
      />
    </button>
  )
}

const UNSET = '…'

function Pair({ name, children }: { name: string; children: ReactNode }) {
  return (
    <span className="whitespace-nowrap">
      {name} <span className="text-text">{children}</span>
    </span>
  )
}

/** Whether the figures can be trusted: exporters, delay, losses. Only what is measured is said. */
function Collection({ health, exporters }: { health: HealthAnswer | undefined; exporters: ExportersAnswer | undefined }) {
  const sli = health?.sli
  const losing = (exporters?.exporters ?? []).filter((one) => one.state === 'live' && (one.lossShare ?? 0) >= 0.001)
  const worst = Math.max(0, ...losing.map((one) => one.lossShare ?? 0))
  const allLive = sli !== undefined && sli.exportersLive === sli.exportersKnown
  const here = sli === undefined ? null : lostHere(sli)
  const late = (sli?.ingestLatencyP95Seconds ?? 0) > 5
  return (
    <div className="flex min-w-0 flex-col gap-1 bg-surface px-4 pt-3 pb-3 max-lg:col-span-2">
      <span className="font-medium text-[12px] text-muted">Collection</span>
      {sli === undefined ? (
        <Skeleton className="my-1.5 h-6 w-32" />
      ) : (
        <a href="/exporters" className="truncate font-semibold text-[24px] leading-8 tracking-tight hover:text-accent">
          {sli.exportersLive}
          <span className="font-normal text-[15px] text-muted"> of {sli.exportersKnown} exporters live</span>
        </a>
      )}
      {sli === undefined ? null : (
        <dl className="grid grid-cols-[max-content_minmax(0,1fr)] gap-x-3 gap-y-0.5 text-[12px]">
          <dt className="text-muted">Export</dt>
          <dd>
            <StateDot wrap tone={sli.exportersKnown === 0 ? 'neutral' : allLive ? 'ok' : 'warn'}>
              {sli.exportersKnown === 0
                ? 'nothing received yet'
                : allLive
                  ? 'all exporters send'
                  : `${sli.exportersKnown - sli.exportersLive} silent`}
            </StateDot>
          </dd>
          <dt className="text-muted">Delay</dt>
          <dd>
            <StateDot wrap tone={sli.ingestLatencyP95Seconds === null ? 'neutral' : late ? 'warn' : 'ok'}>
              {sli.ingestLatencyP95Seconds === null
                ? 'no traffic in the last minute'
                : `${duration(sli.ingestLatencyP95Seconds)} to queryable (p95)`}
            </StateDot>
          </dd>
          <dt className="text-muted">Lost on the way</dt>
          <dd title="By the sequence numbers of the exports: sent, and never arrived">
            <StateDot wrap tone={losing.length > 0 ? 'warn' : 'ok'}>
              {losing.length > 0 ? `${losing.length} exporter${losing.length === 1 ? '' : 's'}, up to ${share(worst)}` : 'none seen'}
            </StateDot>
          </dd>
          <dt className="text-muted">Lost here</dt>
          <dd title="By the kernel’s receive buffer and by the collector itself, since it started">
            <StateDot wrap tone={here === null ? 'ok' : 'warn'}>
              {here ?? 'none'}
            </StateDot>
          </dd>
        </dl>
      )}
    </div>
  )
}
