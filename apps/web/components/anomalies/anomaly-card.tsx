'use client'
import type { AnomalyEvent, AnomalyCard as Card } from '@weir/db/contracts'
import { Activity, BellRing, ExternalLink, Gauge, ShieldBan, ShieldQuestion } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { useMay } from '../../data/use-profile.ts'
import { dateTime, duration, exact, sampling, share, timeRange, utc } from '../format.ts'
import { Ago, Time } from '../time.tsx'
import { Badge } from '../ui/badge.tsx'
import { Box } from '../ui/box.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { Actions } from './actions.tsx'
import { BaselineChart } from './baseline-chart.tsx'
import { Evidence } from './evidence.tsx'
import { Ends, SeverityMark, StateMark } from './marks.tsx'
import { explorerQuery, lastedSeconds } from './model.ts'
import { detectorName, runbookOf } from './runbooks.ts'
import { useNow } from './use-now.ts'
import { amount, dimensionName, eventName, partText, statisticName, timesExpected, unbroken, usual } from './words.ts'

/** The explanation of one anomaly (N5): what was seen against what is usual, from which parts, how far to trust it, and what to do. */
export function AnomalyCard({
  card,
  panel = false,
  told = false,
}: {
  card: Card
  panel?: boolean
  /** Kind, severity and sentence stand right above it already. */
  told?: boolean
}) {
  return (
    <article className="@container flex flex-col gap-4" aria-label={`${detectorName(card.detector)}: ${card.sentence}`}>
      <Head card={card} panel={panel} told={told} />
      <div className="grid gap-4 @4xl:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-4">
          <Figures card={card} />
          <Parts card={card} />
          <Children card={card} />
          <Box title="Evidence" hint={card.evidence === null ? undefined : `${exact(card.evidence.length)} flow records`} flush>
            {card.evidence === null ? (
              <p className="px-4 pb-4 text-[13px] text-muted">
                Single flow records show whole addresses; your role sees networks. Operators, on-call engineers and admins see them here.
              </p>
            ) : (
              <Evidence flows={card.evidence} id={card.id} />
            )}
          </Box>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Book detector={card.detector} />
          <Quality card={card} />
          <Timeline card={card} />
        </div>
      </div>
    </article>
  )
}

function Head({ card, panel, told }: { card: Card; panel: boolean; told: boolean }) {
  const now = useNow()
  const mayRaw = useMay('traffic:raw')
  const mayBlock = useMay('block:request') && card.state !== 'dismissed' && (card.actor !== null || card.target !== null)
  const lasted = now === 0 ? null : Math.floor(lastedSeconds(card, now))
  return (
    <header className="flex flex-col gap-3 rounded-lg border border-border bg-surface p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 text-[13px]">
        {told ? null : (
          <>
            <SeverityMark severity={card.severity} />
            <span className="font-medium">{detectorName(card.detector)}</span>
          </>
        )}
        <StateMark state={card.state} />
        {card.paged && !told ? (
          <Badge tone="critical">
            <BellRing aria-hidden /> Paged
          </Badge>
        ) : null}
        {card.suppressed_by === null ? null : <Badge>Suppressed</Badge>}
        {card.ended === null ? (
          <span className="inline-flex items-center gap-1.5 text-muted">
            <span aria-hidden className="size-2 rounded-full bg-critical" /> going on{lasted === null ? '' : ` for ${duration(lasted)}`}
          </span>
        ) : (
          <span className="text-muted">lasted {duration(lasted)}, over</span>
        )}
      </div>
      {told ? null : panel ? (
        <p className="max-w-[70ch] text-balance font-semibold text-[17px] leading-6 [overflow-wrap:anywhere]">{unbroken(card.sentence)}</p>
      ) : (
        <h1 className="max-w-[70ch] text-balance font-semibold text-[20px] leading-7 tracking-tight [overflow-wrap:anywhere] max-sm:text-[18px]">
          {unbroken(card.sentence)}
        </h1>
      )}
      <dl className="flex flex-wrap gap-x-6 gap-y-1.5 text-[13px]">
        <Fact name="Who">
          <Ends anomaly={card} />
        </Fact>
        <Fact name="First seen">
          <Time at={Date.parse(card.first_seen)} />{' '}
          <span className="text-muted">
            (<Ago at={Date.parse(card.first_seen)} />)
          </span>
        </Fact>
        <Fact name="Last seen">
          <Ago at={Date.parse(card.last_seen)} />
        </Fact>
        {card.changed_by === null ? null : (
          <Fact name="Decided by">
            {card.changed_by}
            {card.changed_at === null ? null : (
              <span className="text-muted">
                {' '}
                <Ago at={Date.parse(card.changed_at)} />
              </span>
            )}
          </Fact>
        )}
      </dl>
      {card.reason === null ? null : (
        <p className="border-border border-l-2 pl-3 text-[13px] text-muted [overflow-wrap:anywhere]">“{card.reason}”</p>
      )}
      {card.parent === null ? null : (
        <p className="text-[13px] text-muted">
          Explained by{' '}
          <Link className="text-accent underline-offset-2 hover:underline" href={`/anomalies/${encodeURIComponent(card.parent)}`}>
            another anomaly
          </Link>
          , so nobody is told about it apart.
        </p>
      )}
      <div className="flex flex-wrap items-center justify-between gap-3 border-border border-t pt-3">
        <Actions anomaly={card} />
        <div className="flex flex-wrap gap-2 max-sm:grid max-sm:w-full max-sm:grid-cols-2 max-sm:[&>:first-child]:col-span-2">
          {mayBlock ? (
            <Button asChild>
              <Link href={`/blocks/new?anomaly=${encodeURIComponent(card.id)}`}>
                <ShieldBan /> Simulate a block
              </Link>
            </Button>
          ) : null}
          {card.explorer === null ? null : (
            <>
              <Button asChild>
                <Link href={`/?${explorerQuery(card.explorer, 3)}`}>
                  <Gauge /> Overview
                </Link>
              </Button>
              {mayRaw ? (
                <Button asChild>
                  <Link href={`/flows?${explorerQuery(card.explorer, 0)}`}>
                    <Activity /> Flows
                  </Link>
                </Button>
              ) : null}
            </>
          )}
          {panel ? (
            <Button asChild>
              <Link href={`/anomalies/${encodeURIComponent(card.id)}`}>
                <ExternalLink /> Whole page
              </Link>
            </Button>
          ) : null}
        </div>
      </div>
    </header>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 items-baseline gap-1.5">
      <dt className="shrink-0 text-[12px] text-muted">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  )
}

function Figures({ card }: { card: Card }) {
  const times = timesExpected(card.value, card.expected)
  const window = [Date.parse(card.window.from), Date.parse(card.window.to)] as const
  return (
    <Box
      title={statisticName(card.statistic, card.unit)}
      hint={
        <span title={`${utc(window[0])} – ${utc(window[1])}`} suppressHydrationWarning>
          {timeRange(window[0], window[1])}, {duration((window[1] - window[0]) / 1000)}
        </span>
      }
    >
      <dl className="mb-4 grid grid-cols-3 gap-3">
        <Figure name="Measured" strong note={times}>
          {amount(card.unit, card.value)}
        </Figure>
        <Figure name="Usual" note={card.expected === null ? 'none is known' : null}>
          {card.expected === null ? '–' : usual(card.unit, card.expected)}
        </Figure>
        <Figure name="Counts from">{amount(card.unit, card.threshold)}</Figure>
      </dl>
      {card.baseline === null || !card.baseline.values.some((value) => value !== null && value > 0) ? (
        <p className="text-[13px] text-muted">
          {card.explorer === null
            ? 'The course over time is of single hosts; your role sees networks.'
            : 'Its course over time cannot be drawn: no traffic of it is stored, or it is counted over more than traffic sums hold.'}
        </p>
      ) : (
        <>
          <BaselineChart baseline={card.baseline} window={card.window} value={card.unit === card.baseline.unit ? card.value : null} />
          {card.baseline.filter === card.explorer?.filter ? null : (
            <p className="mt-2 text-[12px] text-muted">
              Drawn: all traffic with <code className="font-mono">{card.baseline.filter}</code>, in {card.baseline.unit}.
            </p>
          )}
        </>
      )}
    </Box>
  )
}

function Figure({ name, strong = false, note, children }: { name: string; strong?: boolean; note?: string | null; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-[12px] text-muted">{name}</dt>
      <dd className={cn('truncate text-[17px] leading-6 max-sm:text-[15px]', strong && 'font-semibold')}>{children}</dd>
      {note === null || note === undefined ? null : <dd className="text-[12px] text-muted">{note}</dd>}
    </div>
  )
}

/** A part below this says nothing beside one that is nearly all. */
const DUST = 0.005

function Parts({ card }: { card: Card }) {
  const dimensions = [...new Set(card.parts.map((part) => part.dimension))]
  if (dimensions.length === 0 && card.fresh.length === 0) return null
  return (
    <Box title="What it is made of">
      <div className="flex flex-col gap-4">
        {card.fresh.length === 0 ? null : (
          <p className="flex flex-wrap items-center gap-1.5 text-[13px]">
            <span className="text-muted">New here:</span>
            {card.fresh.map((fact) => (
              <Badge key={fact} tone="warn">
                {fact}
              </Badge>
            ))}
          </p>
        )}
        <div className="grid gap-x-6 gap-y-4 empty:hidden @2xl:grid-cols-2">
          {dimensions.map((dimension) => (
            <div key={dimension} className="min-w-0">
              <h3 className="mb-1 font-medium text-[12px] text-muted">{dimensionName(dimension)}</h3>
              <ul className="flex flex-col gap-1">
                {card.parts
                  .filter((part) => part.dimension === dimension)
                  .filter((part, place) => place === 0 || part.share >= DUST)
                  .map((part) => (
                    <li
                      key={part.value}
                      className="relative flex h-7 items-center justify-between gap-3 overflow-hidden rounded-sm px-2 text-[13px]"
                    >
                      <span
                        aria-hidden
                        className="absolute inset-y-0 left-0 rounded-sm bg-accent/15"
                        style={{ width: `${Math.min(100, Math.max(0.5, part.share * 100))}%` }}
                      />
                      <span className={cn('relative min-w-0 truncate', /addr/.test(dimension) && 'font-mono text-[12.5px]')}>
                        {partText(dimension, part.value).text}
                      </span>
                      <span className="relative shrink-0">{share(part.share)}</span>
                    </li>
                  ))}
              </ul>
            </div>
          ))}
        </div>
      </div>
    </Box>
  )
}

function Children({ card }: { card: Card }) {
  if (card.childAnomalies.length === 0) return null
  return (
    <Box title="Explained by this" hint="folded, nobody is told about them apart" flush>
      <ul className="border-border border-t">
        {card.childAnomalies.map((child) => (
          <li key={child.id} className="border-border border-b last:border-b-0">
            <Link
              href={`/anomalies/${encodeURIComponent(child.id)}`}
              className="flex items-start gap-3 px-4 py-2.5 text-[13px] hover:bg-raised"
            >
              <SeverityMark severity={child.severity} word={false} className="mt-0.5" />
              <span className="min-w-0 flex-1">
                <span className="font-medium">{detectorName(child.detector)}</span>{' '}
                <span className="text-muted [overflow-wrap:anywhere]">{child.sentence}</span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Box>
  )
}

function Quality({ card }: { card: Card }) {
  const { quality } = card
  const trust =
    quality.trust === 'ok'
      ? { tone: 'ok' as const, word: 'Good', text: 'The telemetry was complete when this was found.' }
      : quality.trust === 'low'
        ? {
            tone: 'warn' as const,
            word: 'Low',
            text: 'Few sampled packets, flows lost on the way, or an exporter whose clock is wrong. It never pages by itself.',
          }
        : { tone: 'critical' as const, word: 'On hold', text: 'The telemetry itself was disturbed: this may be an effect of that.' }
  return (
    <Box title="How far to trust it">
      <p className="mb-2 text-[13px]">
        <Badge tone={trust.tone}>{trust.word}</Badge> <span className="ml-1 text-muted">{trust.text}</span>
      </p>
      <dl className="grid grid-cols-[104px_minmax(0,1fr)] gap-y-1 text-[13px]">
        <dt className="text-muted">Exporters</dt>
        <dd className="break-words font-mono text-[12.5px]">{quality.exporters.join(', ') || '–'}</dd>
        <dt className="text-muted">Sampling</dt>
        <dd>{sampling(quality.samplingRate)}</dd>
        <dt className="text-muted">Lost</dt>
        <dd>{quality.lostShare === null ? 'not measurable' : share(quality.lostShare)}</dd>
        <dt className="text-muted">Clock</dt>
        <dd>{quality.skewMs === null ? 'not measurable' : quality.skewMs < 500 ? 'in step' : `${duration(quality.skewMs / 1000)} off`}</dd>
        <dt className="text-muted">Findings</dt>
        <dd>{exact(card.findings)}</dd>
      </dl>
    </Box>
  )
}

function Timeline({ card }: { card: Card }) {
  return (
    <Box title="What happened">
      <ol className="flex flex-col gap-3">
        {card.timeline.map((event) => (
          <Event key={event.id} event={event} />
        ))}
      </ol>
    </Box>
  )
}

function Event({ event }: { event: AnomalyEvent }) {
  const at = Date.parse(event.at)
  return (
    <li className="flex gap-2.5 text-[13px]">
      <span aria-hidden className={cn('mt-1.5 size-2 shrink-0 rounded-full', event.actor === null ? 'bg-muted/60' : 'bg-accent')} />
      <div className="min-w-0">
        <p>
          {eventName(event.kind)}
          {event.kind === 'escalated' ? <span className="text-muted"> to {event.severity}</span> : null}
          {event.actor === null ? null : <span className="text-muted"> by {event.actor}</span>}
        </p>
        {event.reason === null ? null : <p className="text-muted [overflow-wrap:anywhere]">“{event.reason}”</p>}
        <p className="text-[12px] text-muted">
          <time dateTime={event.at} title={utc(at)} suppressHydrationWarning>
            {dateTime(at)}
          </time>
        </p>
      </div>
    </li>
  )
}

function Book({ detector }: { detector: string }) {
  const book = runbookOf(detector)
  return (
    <Box title="What it means">
      <div className="flex flex-col gap-3 text-[13px] leading-relaxed">
        <p>{book.means}</p>
        <div>
          <h3 className="mb-1 font-medium text-[12px] text-muted">Check first</h3>
          <ol className="list-decimal pl-4 marker:text-muted">
            {book.check.map((line) => (
              <li key={line} className="py-0.5 pl-1">
                {line}
              </li>
            ))}
          </ol>
        </div>
        {book.friends.length === 0 ? null : (
          <div>
            <h3 className="mb-1 flex items-center gap-1.5 font-medium text-[12px] text-muted">
              <ShieldQuestion aria-hidden className="size-3.5" /> Often harmless
            </h3>
            <ul className="list-disc pl-4 marker:text-muted">
              {book.friends.map((line) => (
                <li key={line} className="py-0.5 pl-1">
                  {line}
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </Box>
  )
}
