'use client'
import { type AnomalySummary, INTERNAL_NETWORKS } from '@weir/db/contracts'
import { BellOff, BellRing, Check, ChevronRight, House, Radar, Radio } from 'lucide-react'
import Link from 'next/link'
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs'
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { allOf, membersOf, useAnomaly, useAnomalyGroups, useAnomalyMembers, useSuppressions } from '../../data/use-anomalies.ts'
import { refused, useAcknowledge, usePending } from '../../data/use-anomalies-undo.ts'
import { useExporters } from '../../data/use-exporters.ts'
import { useMay } from '../../data/use-profile.ts'
import { dateTime, duration, exact } from '../format.ts'
import { useHomeNetworks } from '../settings/settings-data.ts'
import { Ago } from '../time.tsx'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { Dialog, DrawerContent } from '../ui/dialog.tsx'
import { Kbd } from '../ui/kbd.tsx'
import { Panel } from '../ui/panel.tsx'
import { Select } from '../ui/select.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Segmented } from '../ui/tabs.tsx'
import { AnomalyCard } from './anomaly-card.tsx'
import { Ends, SeverityMark, StateMark } from './marks.tsx'
import {
  byUrgency,
  kin,
  type ListFilter,
  lastedSeconds,
  listParams,
  SEVERITY_CHOICES,
  STATE_CHOICES,
  step,
  WITHIN,
  withoutRadiation,
} from './model.ts'
import { DETECTOR_IDS, detectorName, runbookOf } from './runbooks.ts'
import { inForce, SuppressionsDrawer } from './suppressions.tsx'
import { useNow } from './use-now.ts'
import { STATE_NAMES, unbroken } from './words.ts'

const KEYS = {
  state: parseAsStringLiteral(STATE_CHOICES).withDefault('open'),
  severity: parseAsStringLiteral(SEVERITY_CHOICES).withDefault('all'),
  detector: parseAsString.withDefault(''),
  within: parseAsStringLiteral(WITHIN).withDefault('7d'),
  anomaly: parseAsString,
  panel: parseAsStringLiteral(['suppressions'] as const),
}
const WITHIN_NAMES = { '24h': 'Last 24 hours', '7d': 'Last 7 days', '30d': 'Last 30 days', all: 'All time' } as const
const SEVERITY_WORDS = { all: 'All', warning: 'Warning up', critical: 'Critical' } as const

/** What was found, the urgent above: what goes on first, then what is over. The filter and the opened anomaly live in the URL. */
export function AnomaliesScreen() {
  const [keys, setKeys] = useQueryStates(KEYS, { history: 'push', shallow: true, clearOnDefault: true })
  const now = useNow(60_000)
  const filter: ListFilter = { state: keys.state, severity: keys.severity, detector: keys.detector, within: keys.within }
  // The window's start moves with the clock only by the hour, so that the lists are not asked anew each minute.
  const hour = Math.floor(now / 3_600_000)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the parts of the filter are the filter.
  const params = useMemo(
    () => listParams(filter, hour * 3_600_000 + 3_600_000),
    [keys.state, keys.severity, keys.detector, keys.within, hour],
  )
  const going = useAnomalyGroups({ ...params, active: 'true' }, { enabled: now > 0 })
  const over = useAnomalyGroups({ ...params, active: 'false' }, { enabled: now > 0 })
  const active = useMemo(
    () => withoutRadiation((going.data?.pages.flatMap((page) => page.anomalies) ?? []).toSorted(byUrgency)),
    [going.data],
  )
  const ended = useMemo(() => withoutRadiation(over.data?.pages.flatMap((page) => page.anomalies) ?? []), [over.data])
  const radiation = [...active.radiation, ...ended.radiation]
  const sources = active.sources + ended.sources
  const failed = going.error ?? over.error
  const loaded = going.data !== undefined && over.data !== undefined
  const empty = loaded && active.rows.length + ended.rows.length + radiation.length === 0
  const filtered = keys.state !== 'open' || keys.severity !== 'all' || keys.detector !== '' || keys.within !== '7d'
  const box = useRef<HTMLDivElement>(null)
  const open = (id: string): void => void setKeys({ anomaly: id })
  useRowKeys(box, keys.anomaly !== null || keys.panel !== null)
  const suppressed = inForce(useSuppressions().data?.suppressions)

  const list = (rows: readonly AnomalySummary[], goesOn: boolean) => (
    <ul>
      {kin(rows).map((one) =>
        one.kind === 'one' ? (
          <Row key={one.row.id} anomaly={one.row} now={now} params={params} opened={keys.anomaly === one.row.id} onOpen={open} />
        ) : (
          <Kind
            key={one.key}
            rows={one.rows}
            now={now}
            params={{ ...params, active: String(goesOn) }}
            opened={keys.anomaly}
            onOpen={open}
          />
        ),
      )}
    </ul>
  )
  return (
    <div className="flex flex-col gap-4">
      <h1 className="sr-only">Anomalies</h1>
      <div className="flex flex-wrap items-center gap-2">
        <Select
          label="State"
          showLabel
          value={keys.state}
          onChange={(state) => void setKeys({ state })}
          options={STATE_CHOICES.map((value) => ({
            value,
            label: value === 'open' ? 'Open' : value === 'all' ? 'All' : STATE_NAMES[value],
          }))}
        />
        <Segmented
          label="Severity"
          value={keys.severity}
          onChange={(severity) => void setKeys({ severity })}
          options={SEVERITY_CHOICES.map((value) => ({ value, label: SEVERITY_WORDS[value] }))}
        />
        <Select
          label="Kind"
          showLabel
          value={keys.detector === '' ? 'any' : keys.detector}
          onChange={(detector) => void setKeys({ detector: detector === 'any' ? '' : detector })}
          options={[
            { value: 'any', label: 'Any' },
            ...[...new Set([...DETECTOR_IDS, ...(keys.detector === '' ? [] : [keys.detector])])]
              .map((value) => ({ value, label: detectorName(value) }))
              .toSorted((a, b) => a.label.localeCompare(b.label, 'en')),
          ]}
        />
        <Select
          label="First seen"
          showLabel
          value={keys.within}
          onChange={(within) => void setKeys({ within })}
          options={WITHIN.map((value) => ({ value, label: WITHIN_NAMES[value] }))}
        />
        <Button aria-haspopup="dialog" onClick={() => void setKeys({ panel: 'suppressions' })}>
          <BellOff /> <span className="max-sm:sr-only">Suppressions</span>
          {suppressed === null || suppressed === 0 ? null : <span className="text-muted">{exact(suppressed)}</span>}
        </Button>
        <p className="ml-auto flex items-center gap-1.5 text-[12px] text-muted max-xl:hidden">
          <Kbd>j</Kbd>
          <Kbd>k</Kbd> move <Kbd>↵</Kbd> open <Kbd>a</Kbd> acknowledge
        </p>
      </div>
      <HomeNetworksHint />
      {failed !== null && !loaded ? (
        <Panel>
          <ErrorState
            error={failed}
            className="py-10"
            onRetry={() => {
              void going.refetch()
              void over.refetch()
            }}
          />
        </Panel>
      ) : !loaded ? (
        <Panel>
          <SkeletonRows rows={8} className="p-4" />
        </Panel>
      ) : empty ? (
        <Panel>
          <Nothing filtered={filtered} onClear={() => void setKeys({ state: null, severity: null, detector: null, within: null })} />
        </Panel>
      ) : (
        <div ref={box} className="flex flex-col gap-4">
          <Group title="Going on" count={active.rows.length} more={going.hasNextPage}>
            {active.rows.length === 0 ? (
              <p className="px-4 pb-4 text-[13px] text-muted">Nothing that fits goes on right now.</p>
            ) : (
              list(active.rows, true)
            )}
            <More query={going} />
          </Group>
          {ended.rows.length === 0 ? null : (
            <Group title="Over" count={ended.rows.length} more={over.hasNextPage}>
              {list(ended.rows, false)}
              <More query={over} />
            </Group>
          )}
          {radiation.length === 0 ? null : (
            <Radiation rows={radiation} sources={sources} now={now} params={params} opened={keys.anomaly} onOpen={open} />
          )}
        </div>
      )}
      {failed !== null && loaded ? <p className="text-[12px] text-warn">Not refreshed: {failed.message}</p> : null}
      <SidePanel id={keys.anomaly} onClose={() => void setKeys({ anomaly: null })} />
      <Dialog open={keys.panel === 'suppressions'} onOpenChange={(shown) => !shown && void setKeys({ panel: null })}>
        {keys.panel === 'suppressions' ? <SuppressionsDrawer /> : null}
      </Dialog>
    </div>
  )
}

/** j and k move the focus from row to row; Enter opens, as on any button; a acknowledges the row that has the focus. */
function useRowKeys(box: React.RefObject<HTMLDivElement | null>, closed: boolean): void {
  useEffect(() => {
    if (closed) return
    const onKey = (event: KeyboardEvent): void => {
      const from = event.target
      if (event.metaKey || event.ctrlKey || event.altKey || box.current === null) return
      if (from instanceof Element && from.closest('input, textarea, select, [role=dialog], [role=listbox], [role=menu]') !== null) return
      const buttons = [...box.current.querySelectorAll<HTMLButtonElement>('button[data-row]')]
      const ids = buttons.map((button) => button.dataset.row ?? '')
      const focused =
        document.activeElement instanceof HTMLElement
          ? (document.activeElement.closest('li')?.querySelector('button[data-row]') ?? null)
          : null
      const current = focused instanceof HTMLElement ? (focused.dataset.row ?? null) : null
      if (event.key === 'j' || event.key === 'k') {
        const next = step(ids, current, event.key === 'j' ? 1 : -1)
        const button = buttons.find((one) => one.dataset.row === next)
        button?.focus()
        button?.closest('li')?.scrollIntoView({ block: 'nearest' })
        event.preventDefault()
      } else if (event.key === 'a' && focused instanceof HTMLElement) {
        // The row's own button knows what belongs to it; where there is none, nothing can be acknowledged.
        focused.closest('li')?.querySelector<HTMLButtonElement>('button[data-acknowledge]')?.click()
        event.preventDefault()
      }
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [box, closed])
}

function Group({ title, count, more, children }: { title: string; count: number; more: boolean; children: ReactNode }) {
  return (
    <Panel aria-label={title} className="overflow-hidden">
      <header className="flex min-h-11 items-center gap-2 px-4">
        <h2 className="font-semibold text-[13px]">{title}</h2>
        <span className="text-[12px] text-muted">
          {exact(count)}
          {more ? '+' : ''}
        </span>
        <span aria-hidden className="ml-auto hidden grid-cols-[104px_84px_116px_96px] gap-x-3 text-[12px] text-muted md:grid">
          <span>First seen</span>
          <span>Lasted</span>
          <span>State</span>
        </span>
      </header>
      {children}
    </Panel>
  )
}

function More({ query }: { query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown } }) {
  if (!query.hasNextPage) return null
  return (
    <div className="border-border border-t p-2 text-center">
      <Button variant="ghost" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {query.isFetchingNextPage ? 'Loading …' : 'Show earlier ones'}
      </Button>
    </div>
  )
}

type RowProps = {
  anomaly: AnomalySummary
  now: number
  params: Readonly<Record<string, string>>
  opened: boolean
  onOpen: (id: string) => void
  /** A member of a group or an effect of another: set in, and without its own members. */
  inner?: boolean
  /** Under a line that stands for many: set in, with its own members. */
  nested?: boolean
}

function Row({ anomaly, now, params, opened, onOpen, inner = false, nested = false }: RowProps) {
  const mayDecide = useMay('risk:decide')
  const acknowledge = useAcknowledge()
  const pending = usePending().has(anomaly.id)
  const [shown, setShown] = useState<'members' | 'children' | null>(null)
  const name = detectorName(anomaly.detector)
  const can = mayDecide && !pending && anomaly.actions.includes('acknowledge')
  const quiet = anomaly.state === 'dismissed' || anomaly.state === 'closed'
  // A group is one matter: what is done with it is done with all that are alike.
  const several = !inner && anomaly.members > 1
  const onAcknowledge = async (): Promise<void> => {
    if (!several) return acknowledge([anomaly.id], name)
    try {
      const members = await membersOf({ ...params, detector: anomaly.detector, severity: anomaly.severity, state: 'new' }, anomaly.group)
      acknowledge([...new Set([anomaly.id, ...members.map((one) => one.id)])], name)
    } catch (error) {
      refused('Not acknowledged', error)
    }
  }
  const toggle = (what: 'members' | 'children') => setShown(shown === what ? null : what)
  return (
    <li className={cn('border-border border-t', (inner || nested) && 'bg-bg')}>
      <div
        className={cn(
          'group relative grid grid-cols-[20px_minmax(0,1fr)] items-start gap-x-3 gap-y-1 py-2.5 pr-4 pl-4 hover:bg-raised md:grid-cols-[20px_minmax(0,1fr)_104px_84px_116px_96px] ',
          (inner || nested) && 'pl-10',
          opened && 'bg-accent-soft hover:bg-accent-soft',
        )}
      >
        <span
          aria-hidden
          className={cn(
            'absolute inset-y-0 left-0 w-[3px]',
            anomaly.ended !== null || quiet
              ? 'bg-transparent'
              : anomaly.severity === 'critical'
                ? 'bg-critical'
                : anomaly.severity === 'warning'
                  ? 'bg-warn'
                  : 'bg-transparent',
          )}
        />
        <SeverityMark severity={anomaly.severity} word={false} className={cn('mt-0.5', quiet && 'opacity-60')} />
        <div className="min-w-0">
          <button
            type="button"
            data-row={anomaly.id}
            aria-haspopup="dialog"
            onClick={() => onOpen(anomaly.id)}
            className="block w-full text-left before:absolute before:inset-0 before:content-[''] focus-visible:outline-offset-4"
          >
            <span className="font-medium text-[13px]">{name}</span>
            <span className={cn('mt-0.5 line-clamp-2 text-[13px] [overflow-wrap:anywhere]', quiet ? 'text-muted' : 'text-text')}>
              {unbroken(anomaly.sentence)}
            </span>
          </button>
          <span className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-[12px] text-muted">
            <Ends anomaly={anomaly} />
            {anomaly.paged ? (
              <Badge tone="critical">
                <BellRing aria-hidden /> Paged
              </Badge>
            ) : null}
            {anomaly.trust === 'ok' ? null : <Badge tone="warn">{anomaly.trust === 'low' ? 'Low trust' : 'Telemetry disturbed'}</Badge>}
            {anomaly.suppressed_by === null ? null : <Badge>Suppressed</Badge>}
            {inner || anomaly.members < 2 ? null : (
              <Fold open={shown === 'members'} onClick={() => toggle('members')}>
                {exact(anomaly.members)} alike
              </Fold>
            )}
            {anomaly.children === 0 ? null : (
              <Fold open={shown === 'children'} onClick={() => toggle('children')}>
                explains {exact(anomaly.children)} more
              </Fold>
            )}
          </span>
        </div>
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-[12.5px] text-muted max-md:col-start-2 md:contents">
          <span className="md:pt-0.5">
            <Ago at={Date.parse(anomaly.first_seen)} />
          </span>
          <span className="md:pt-0.5" title="How long it has lasted">
            {now === 0 ? '' : lastedSeconds(anomaly, now) < 1 ? 'a moment' : duration(Math.floor(lastedSeconds(anomaly, now)))}
          </span>
          <span>
            <StateMark state={anomaly.state} pending={pending} />
          </span>
          <span className="relative flex justify-end max-md:ml-auto">
            {can ? (
              <Button size="sm" data-acknowledge onClick={() => void onAcknowledge()}>
                <Check />
                <span>
                  Ack
                  <span className="sr-only">
                    nowledge{several ? ' all' : ''}: {name}
                  </span>
                  {several ? ` ${exact(anomaly.members)}` : ''}
                </span>
              </Button>
            ) : null}
          </span>
        </div>
      </div>
      {shown === 'members' ? <Members anomaly={anomaly} now={now} params={params} onOpen={onOpen} /> : null}
      {shown === 'children' ? <Effects anomaly={anomaly} now={now} params={params} onOpen={onOpen} /> : null}
    </li>
  )
}

/** Many of one kind and severity as one line: what they have in common, and all of them for whoever wants to look. */
function Kind({
  rows,
  now,
  params,
  opened,
  onOpen,
}: {
  rows: readonly AnomalySummary[]
  now: number
  params: Readonly<Record<string, string>>
  opened: string | null
  onOpen: (id: string) => void
}) {
  const mayDecide = useMay('risk:decide')
  const acknowledge = useAcknowledge()
  const pending = usePending()
  const [shown, setShown] = useState(false)
  const [head] = rows
  if (head === undefined) return null
  const { detector, severity, state } = head
  const name = runbookOf(detector).plural
  const total = rows.reduce((sum, row) => sum + row.members, 0)
  const ends = new Set(rows.map((row) => row.actor ?? row.target ?? ''))
  const newest = Math.max(...rows.map((row) => Date.parse(row.first_seen)))
  const taken = rows.every((row) => pending.has(row.id))
  const onAcknowledge = async (): Promise<void> => {
    try {
      const all = await allOf({ ...params, detector, severity, state: 'new' })
      acknowledge([...new Set([...rows, ...all].map((one) => one.id))], name)
    } catch (error) {
      refused('Not acknowledged', error)
    }
  }
  return (
    <li className="border-border border-t">
      <div className="relative grid grid-cols-[20px_minmax(0,1fr)] items-start gap-x-3 gap-y-1 py-2.5 pr-4 pl-4 hover:bg-raised md:grid-cols-[20px_minmax(0,1fr)_104px_84px_116px_96px]">
        <SeverityMark severity={severity} word={false} className="mt-0.5" />
        <button
          type="button"
          data-row={`kind ${detector} ${severity} ${state}`}
          aria-expanded={shown}
          onClick={() => setShown(!shown)}
          className="flex min-w-0 items-start justify-between gap-2 text-left before:absolute before:inset-0 before:content-[''] focus-visible:outline-offset-4"
        >
          <span className="min-w-0">
            <span className="block font-medium text-[13px]">
              {exact(total)} × {name.toLowerCase()}
            </span>
            <span className="mt-0.5 block text-[13px] text-muted [overflow-wrap:anywhere]">
              {ends.size === 1 ? (
                <>
                  all of <span className="font-mono text-[12.5px]">{[...ends][0]}</span>
                </>
              ) : (
                <>
                  {exact(ends.size)} hosts, such as <span className="font-mono text-[12.5px]">{[...ends].slice(0, 3).join(', ')}</span>
                </>
              )}
            </span>
          </span>
          <ChevronRight aria-hidden className={cn('mt-0.5 size-4 shrink-0 text-muted transition-transform', shown && 'rotate-90')} />
        </button>
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-[12.5px] text-muted max-md:col-start-2 md:contents">
          <span className="md:pt-0.5">
            <Ago at={newest} />
          </span>
          <span className="max-md:hidden" />
          <span>
            <StateMark state={state} pending={taken} />
          </span>
          <span className="relative flex justify-end max-md:ml-auto">
            {mayDecide && !taken && head.actions.includes('acknowledge') ? (
              <Button size="sm" data-acknowledge onClick={() => void onAcknowledge()}>
                <Check />
                <span>
                  Ack
                  <span className="sr-only">nowledge all: {name}</span> {exact(total)}
                </span>
              </Button>
            ) : null}
          </span>
        </div>
      </div>
      {shown ? (
        <ul>
          {rows.map((row) => (
            <Row key={row.id} anomaly={row} now={now} params={params} opened={opened === row.id} onOpen={onOpen} nested />
          ))}
        </ul>
      ) : null}
    </li>
  )
}

function Fold({ open, onClick, children }: { open: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-expanded={open}
      onClick={onClick}
      className="relative inline-flex h-6 items-center gap-0.5 max-sm:min-h-11 max-sm:pr-3 rounded-sm pr-1 font-medium text-accent hover:underline"
    >
      <ChevronRight aria-hidden className={cn('size-3.5 transition-transform', open && 'rotate-90')} />
      {children}
    </button>
  )
}

type InnerProps = Omit<RowProps, 'opened' | 'inner'>

function Members({ anomaly, now, params, onOpen }: InnerProps) {
  const narrowed = { ...params, detector: anomaly.detector, severity: anomaly.severity }
  const answer = useAnomalyMembers(narrowed, anomaly.group, true)
  return (
    <Inner error={answer.error} rows={answer.data?.filter((one) => one.id !== anomaly.id)} onRetry={() => void answer.refetch()}>
      {(row) => <Row key={row.id} anomaly={row} now={now} params={params} opened={false} onOpen={onOpen} inner />}
    </Inner>
  )
}

function Effects({ anomaly, now, params, onOpen }: InnerProps) {
  const answer = useAnomaly(anomaly.id)
  return (
    <Inner error={answer.error} rows={answer.data?.childAnomalies} onRetry={() => void answer.refetch()}>
      {(row) => <Row key={row.id} anomaly={row} now={now} params={params} opened={false} onOpen={onOpen} inner />}
    </Inner>
  )
}

function Inner({
  error,
  rows,
  onRetry,
  children,
}: {
  error: Error | null
  rows: readonly AnomalySummary[] | undefined
  onRetry: () => void
  children: (row: AnomalySummary) => ReactNode
}) {
  if (rows === undefined)
    return error === null ? <SkeletonRows rows={2} className="px-10 py-3" /> : <ErrorState error={error} onRetry={onRetry} />
  return <ul>{rows.map(children)}</ul>
}

/** The internet's own noise: scans and guesses at public addresses, every day from everywhere. One line, for those who want to look. */
function Radiation({
  rows,
  sources,
  now,
  params,
  opened,
  onOpen,
}: {
  rows: readonly AnomalySummary[]
  sources: number
  now: number
  params: Readonly<Record<string, string>>
  opened: string | null
  onOpen: (id: string) => void
}) {
  const [shown, setShown] = useState(false)
  const kinds = [...new Set(rows.map((row) => row.detector))].map((detector) => runbookOf(detector).plural.toLowerCase())
  return (
    <Panel className="overflow-hidden">
      <button
        type="button"
        aria-expanded={shown}
        onClick={() => setShown(!shown)}
        className="flex min-h-11 w-full items-center gap-3 px-4 py-2 text-left hover:bg-raised"
      >
        <Radio aria-hidden className="size-4 shrink-0 text-muted" />
        <span className="min-w-0 flex-1 text-[13px]">
          <span className="font-medium">
            Internet radiation: {exact(sources)} {sources === 1 ? 'source' : 'sources'}
          </span>{' '}
          <span className="text-muted">{kinds.join(', ')}; without effect, never told to anyone.</span>
        </span>
        <ChevronRight aria-hidden className={cn('size-4 shrink-0 text-muted transition-transform', shown && 'rotate-90')} />
      </button>
      {shown ? (
        <ul>
          {rows.map((row) => (
            <Row key={row.id} anomaly={row} now={now} params={params} opened={opened === row.id} onOpen={onOpen} />
          ))}
        </ul>
      ) : null}
    </Panel>
  )
}

/** Without home networks nobody knows what is inside, and half of the detectors have nothing to compare. */
function HomeNetworksHint() {
  const networks = useHomeNetworks()
  const mayWrite = useMay('inventory:write')
  if (networks.data === undefined || networks.data.networks.length > 0) return null
  return (
    <div className="flex flex-wrap items-center gap-3 rounded-lg border border-warn/40 bg-warn-soft px-4 py-3 text-[13px]">
      <House aria-hidden className="size-4 shrink-0 text-warn" />
      <p className="min-w-0 flex-1">
        <span className="font-medium">No home networks are set.</span> Private addresses count as inside. With your public prefixes, attacks
        on them can be told from traffic that only passes.
      </p>
      {mayWrite ? (
        <Button asChild>
          <Link href="/settings/networks">Set home networks</Link>
        </Button>
      ) : (
        <span className="text-muted">An admin can set them.</span>
      )}
    </div>
  )
}

const LEARNING_MS = 24 * 3_600_000

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  const exporters = useExporters()
  const networks = useHomeNetworks()
  const now = useNow(60_000)
  if (filtered) {
    return (
      <EmptyState
        icon={Radar}
        className="py-16"
        title="No anomaly fits this filter"
        actions={
          <Button variant="primary" onClick={onClear}>
            Show what is open
          </Button>
        }
      >
        Dismissed and closed ones are under their state; older ones under “First seen”.
      </EmptyState>
    )
  }
  const known = exporters.data?.exporters.filter((one) => one.state !== 'retired') ?? []
  const since = known.length === 0 ? null : Math.min(...known.map((one) => Date.parse(one.firstSeen)))
  const home = networks.data?.networks ?? []
  return (
    <EmptyState
      icon={Radar}
      className="py-16"
      title={since === null ? 'Nothing to watch yet' : 'Nothing abnormal is open'}
      actions={
        since === null ? (
          <Button asChild variant="primary">
            <Link href="/">Point an exporter here</Link>
          </Button>
        ) : undefined
      }
    >
      {since === null ? (
        'Anomalies are found in what exporters send. The overview shows how to point one here.'
      ) : (
        <>
          <p>
            Watching {exact(known.length)} {known.length === 1 ? 'exporter' : 'exporters'} since {dateTime(since)} for floods, scans,
            guessing, unusual uploads, beacons, new admin connections, retry storms and vanished traffic.
          </p>
          {now > 0 && now - since < LEARNING_MS ? (
            <p className="mt-2">
              Still learning what is usual: for {duration((LEARNING_MS - (now - since)) / 1000)} more only fixed limits count, and most
              findings stay at info.
            </p>
          ) : null}
          <p className="mt-2">
            {home.length === 0
              ? 'Inside are private addresses.'
              : `Inside are ${home.slice(0, 4).join(', ')}${home.length > 4 ? ` and ${home.length - 4} more` : ''}.`}{' '}
            {home.every((network) => INTERNAL_NETWORKS.includes(network))
              ? 'With your public prefixes among them, attacks on those can be told from traffic that only passes. '
              : ''}
            <Link href="/settings/networks" className="text-accent underline-offset-2 hover:underline">
              Home networks
            </Link>
          </p>
        </>
      )}
    </EmptyState>
  )
}

function SidePanel({ id, onClose }: { id: string | null; onClose: () => void }) {
  const answer = useAnomaly(id)
  const last = useRef(id)
  if (id !== null) last.current = id
  return (
    <Dialog open={id !== null} onOpenChange={(open) => !open && onClose()}>
      {id === null ? null : (
        <DrawerContent
          title={answer.data === undefined ? 'Anomaly' : detectorName(answer.data.detector)}
          className="sm:w-[min(760px,calc(100vw-48px))]"
          bodyClassName="bg-bg"
          onCloseAutoFocus={(event) => {
            // Back to the row, so that the walk with j and k goes on where it was; a dialog without a trigger would leave the focus nowhere.
            event.preventDefault()
            document.querySelector<HTMLButtonElement>(`button[data-row="${CSS.escape(last.current ?? '')}"]`)?.focus()
          }}
        >
          {answer.data !== undefined ? (
            <AnomalyCard card={answer.data} panel />
          ) : answer.error !== null ? (
            <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
          ) : (
            <SkeletonRows rows={10} />
          )}
        </DrawerContent>
      )}
    </Dialog>
  )
}
