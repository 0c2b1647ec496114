'use client'
import { Crosshair, Network, Settings2, X } from 'lucide-react'
import dynamic from 'next/dynamic'
import Link from 'next/link'
import { useSearchParams } from 'next/navigation'
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { useReducedMotion } from '../../data/geo.ts'
import { askedNodes, DEPTHS, NODE_LIMITS, useGraphState } from '../../data/graph.ts'
import { useGraph } from '../../data/use-graph.ts'
import { useHealth } from '../../data/use-health.ts'
import { useView } from '../../data/view.ts'
import { FilterBar } from '../filter-bar.tsx'
import { rate, rateUnit, rollup, share, toRate } from '../format.ts'
import { useFillHeight } from '../map/fill-height.ts'
import { NothingHere } from '../nothing-here.tsx'
import { withView } from '../shell/navigation.ts'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { Panel } from '../ui/panel.tsx'
import { Select } from '../ui/select.tsx'
import { Skeleton, SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Segmented } from '../ui/tabs.tsx'
import { Detail } from './detail.tsx'
import { FindNode } from './find-node.tsx'
import type { Picked } from './graph-canvas.tsx'
import { GraphList } from './graph-list.tsx'
import { viewGraph } from './model.ts'
import { stepAt, thresholdSteps } from './threshold.ts'
import { useLayout } from './use-layout.ts'

const GraphCanvas = dynamic(() => import('./graph-canvas.tsx').then((module) => module.GraphCanvas), {
  ssr: false,
  loading: () => <GraphSkeleton />,
})

const SHOW_OPTIONS = [
  { value: 'graph', label: 'Graph' },
  { value: 'list', label: 'List' },
] as const

const DEPTH_OPTIONS = DEPTHS.map((depth) => ({
  value: String(depth) as '1' | '2' | '3',
  label: String(depth),
  title: depth === 1 ? 'Direct neighbours' : `Up to ${depth} steps away`,
}))

const LIMIT_OPTIONS = NODE_LIMITS.map((limit) => ({
  value: String(limit),
  label: limit === NODE_LIMITS.at(-1) ? 'all nodes' : `${limit} nodes`,
}))

const NARROW = '(max-width: 767px)'
function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = matchMedia(NARROW)
      query.addEventListener('change', listener)
      return () => query.removeEventListener('change', listener)
    },
    () => matchMedia(NARROW).matches,
    () => false,
  )
}

/** Which service talks to which: clients left, servers right, the rate on the way. */
export function ServiceScreen() {
  const view = useView()
  const search = useSearchParams()
  const [state, setState] = useGraphState()
  const still = useReducedMotion()
  const narrow = useNarrow()
  const graph = useGraph({ ...view.params(), nodes: askedNodes(state.nodes) }, { enabled: view.ready })
  const health = useHealth()
  const [picked, setPicked] = useState<Picked | null>(null)
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set())
  const frame = useRef<HTMLDivElement>(null)

  const answer = graph.data
  const seconds = answer ? (Date.parse(answer.to) - Date.parse(answer.from)) / 1000 : 0
  const rateOf = useCallback((value: number) => rate(view.metric, toRate(view.metric, value, seconds)), [view.metric, seconds])
  const steps = useMemo(
    () => thresholdSteps((answer?.edges ?? []).map((edge) => toRate(view.metric, edge.value, seconds))),
    [answer, view.metric, seconds],
  )
  // The URL speaks in rates, the answer in sums.
  const least = seconds > 0 ? state.least / toRate(view.metric, 1, seconds) : 0

  const previous = useRef<ReadonlySet<string>>(new Set())
  const shown = useMemo(
    () =>
      answer
        ? viewGraph(answer, { limit: state.nodes, least, focus: state.focus, depth: state.depth, unfolded, previous: previous.current })
        : null,
    [answer, state.nodes, least, state.focus, state.depth, unfolded],
  )
  useEffect(() => {
    if (shown) previous.current = new Set(shown.nodes.map((node) => node.id))
  }, [shown])
  const { layout, error: layoutError } = useLayout(shown)

  const focusNode = answer?.nodes.find((node) => node.id === state.focus)
  const focusOn = (id: string) => {
    void setState({ focus: id === '' ? null : id })
    setPicked(id === '' ? null : { kind: 'node', id })
  }
  const unfold = (ids: string[]) => {
    setUnfolded((before) => new Set([...before, ...ids]))
    setPicked(null)
  }
  const scene = [
    state.focus,
    state.depth,
    state.least,
    state.nodes,
    [...unfolded].join(),
    view.filter,
    view.metric,
    layout ? 'drawn' : '',
  ].join('|')

  const loading = !view.ready || (graph.isPending && !graph.isError)
  const failed = graph.isError && answer === undefined
  const nothing = answer !== undefined && !graph.isPlaceholderData && answer.total.value === 0
  const empty = answer !== undefined && answer.edges.length === 0
  const listed = state.show === 'list' && !narrow
  const named = answer?.nodes.some((node) => node.kind === 'service') ?? false
  const rules = withView('/settings/services', search)
  const canvas =
    shown === null || layout === null ? null : (
      <GraphCanvas
        view={shown}
        layout={layout}
        scene={scene}
        focus={state.focus}
        picked={picked}
        still={still}
        mini={narrow}
        rateOf={rateOf}
        onPick={setPicked}
        onFocus={(id) => (id.startsWith('fold:') ? unfold([id]) : focusOn(id))}
      />
    )

  // The picture gets the whole width until there is something to say beside it.
  const side = picked !== null
  const body = (content: 'graph' | 'list') =>
    failed ? (
      <ErrorState error={graph.error} onRetry={() => void graph.refetch()} className="h-full items-center justify-center" />
    ) : loading ? (
      content === 'list' ? (
        <SkeletonRows rows={10} className="px-4 py-3" />
      ) : (
        <GraphSkeleton />
      )
    ) : empty || answer === undefined ? (
      <NoGraph rules={rules} />
    ) : content === 'list' ? (
      <GraphList answer={answer} least={least} rateOf={rateOf} />
    ) : layoutError !== null && layoutError !== undefined && layout === null ? (
      <ErrorState error={layoutError} className="h-full items-center justify-center" />
    ) : (
      (canvas ?? <GraphSkeleton />)
    )

  const height = useFillHeight(frame, !failed && !nothing)
  const around = (content: ReactNode) => (
    <div className="flex flex-col gap-4">
      <h1 className="sr-only">Services</h1>
      <FilterBar />
      {content}
    </div>
  )
  if (failed) {
    return around(
      <Panel>
        <ErrorState error={graph.error} onRetry={() => void graph.refetch()} className="py-10" />
      </Panel>,
    )
  }
  if (nothing) {
    return around(
      <>
        <NothingHere health={health.data} />
        <Panel>
          <HowNamed rules={rules} />
        </Panel>
      </>,
    )
  }
  return around(
    <div
      ref={frame}
      className={cn(
        'grid min-h-0 grid-cols-1 gap-4 lg:h-(--fill) lg:grid-rows-[minmax(0,1fr)]',
        side && 'lg:grid-cols-[minmax(0,1fr)_320px]',
      )}
      style={height === null ? undefined : { ['--fill' as string]: `${height}px` }}
    >
      <Panel aria-labelledby="graph-title" className="overflow-hidden">
        <header className="flex min-h-12 flex-wrap items-center justify-between gap-x-3 gap-y-2 border-border border-b px-4 py-2">
          <div className="flex min-w-0 flex-wrap items-baseline gap-x-2">
            <h2 id="graph-title" className="font-semibold text-[13px]">
              Who calls whom
            </h2>
            {answer === undefined ? null : (
              <span className="text-[12px] text-muted" title={`Answered from ${rollup(answer.rollup)}`}>
                {rateOf(answer.total.value)} in all{answer.scaled ? '' : ', as exported'}
              </span>
            )}
          </div>
          <div className="flex flex-wrap items-center gap-2">
            {answer === undefined || empty ? null : <FindNode nodes={answer.nodes} rateOf={rateOf} onFind={focusOn} />}
            {narrow ? null : (
              <Segmented label="Show as" value={state.show} options={SHOW_OPTIONS} onChange={(show) => void setState({ show })} />
            )}
            <Button asChild>
              <Link href={rules}>
                <Settings2 className="text-muted" /> Naming rules
              </Link>
            </Button>
          </div>
        </header>
        {answer === undefined || empty ? null : (
          <div className="flex min-h-11 flex-wrap items-center gap-x-5 gap-y-2 border-border border-b px-4 py-1.5 text-[12px]">
            <Threshold
              steps={steps}
              value={state.least}
              label={(value) => rate(view.metric, value)}
              unit={rateUnit(view.metric)}
              onChange={(value) => void setState({ least: value === 0 ? null : value })}
            />
            {listed ? null : (
              <div className="flex items-center gap-2">
                <span className="text-muted">Draw</span>
                <Select
                  label="How many nodes to draw before the smallest are folded"
                  value={String(state.nodes)}
                  options={LIMIT_OPTIONS}
                  onChange={(value) => void setState({ nodes: Number(value) })}
                  className="h-7 text-[12px]"
                />
              </div>
            )}
            {focusNode === undefined ? null : (
              <div className="flex items-center gap-2">
                <span className="inline-flex h-7 max-w-56 items-center gap-1.5 rounded-md border border-accent/40 bg-accent-soft pl-2 text-accent">
                  <Crosshair aria-hidden className="size-3.5 shrink-0" />
                  <span className="truncate">{focusNode.label}</span>
                  <button
                    type="button"
                    aria-label="Show everything"
                    title="Show everything"
                    className="grid size-7 shrink-0 place-items-center"
                    onClick={() => focusOn('')}
                  >
                    <X aria-hidden className="size-3.5" />
                  </button>
                </span>
                <span className="text-muted">steps</span>
                <Segmented
                  size="sm"
                  label="Steps around the node"
                  value={String(Math.min(3, Math.max(1, state.depth))) as '1' | '2' | '3'}
                  options={DEPTH_OPTIONS}
                  onChange={(depth) => void setState({ depth: Number(depth) })}
                />
              </div>
            )}
            {unfolded.size === 0 ? null : (
              <Button variant="link" size="sm" onClick={() => setUnfolded(new Set())}>
                Fold again
              </Button>
            )}
          </div>
        )}
        {answer === undefined || empty || named ? null : (
          <p className="border-border border-b bg-accent-soft px-4 py-2 text-[12px] leading-relaxed">
            No service has a name yet: servers are shown by address. <RulesLink rules={rules} />
          </p>
        )}
        {narrow ? (
          <>
            <div className={cn('max-h-[440px] overflow-y-auto', graph.isPlaceholderData && 'opacity-90')}>{body('list')}</div>
            {empty ? null : <div className="relative h-80 border-border border-t">{body('graph')}</div>}
          </>
        ) : (
          <div className={cn('relative min-h-0 flex-1 max-lg:h-[560px] max-lg:flex-none', state.show === 'list' && 'overflow-y-auto')}>
            {body(state.show)}
          </div>
        )}
        {answer === undefined || shown === null || empty ? null : (
          <footer className="flex flex-wrap items-center justify-between gap-x-6 gap-y-1 border-border border-t px-4 py-2 text-[11px] text-muted">
            <span>
              {listed
                ? `${answer.edges.filter((edge) => edge.value >= least).length} of ${answer.edges.length} edges`
                : `${shown.nodes.length} of ${answer.nodes.length} nodes, ${shown.edges.length} edges`}
              {!listed && shown.hidden.edges > 0
                ? `; ${shown.hidden.edges} edges (${rateOf(shown.hidden.value)}) are hidden or inside a group`
                : ''}
              {answer.rest.value > 0
                ? `; ${answer.rest.edges} smaller edges (${share(answer.rest.value / Math.max(1, answer.total.value))}) are not in the answer`
                : ''}
            </span>
            {listed ? null : (
              <span>Clients left, servers right. Dashed: outside your networks.{narrow ? '' : ' Double-click a node to focus it.'}</span>
            )}
          </footer>
        )}
      </Panel>
      {!side || shown === null ? null : (
        <Panel aria-label="Detail" className="overflow-y-auto">
          {picked === null ? null : (
            <Detail
              view={shown}
              total={answer?.total.value ?? 0}
              picked={picked}
              focus={state.focus}
              rateOf={rateOf}
              onPick={setPicked}
              onFocus={focusOn}
              onUnfold={unfold}
            />
          )}
        </Panel>
      )}
    </div>,
  )
}

/** Smallest edge to draw, on the 1-2-5 steps between the smallest and the largest rate. */
function Threshold({
  steps,
  value,
  label,
  unit,
  onChange,
}: {
  steps: readonly number[]
  value: number
  label: (value: number) => string
  unit: string
  onChange: (value: number) => void
}) {
  const at = stepAt(steps, value)
  const text = at === 0 ? 'all' : `≥ ${label(steps[at] ?? 0)}`
  return (
    <label className="flex items-center gap-2">
      <span className="text-muted">Edges</span>
      <input
        type="range"
        min={0}
        max={Math.max(0, steps.length - 1)}
        step={1}
        value={at}
        disabled={steps.length < 2}
        aria-label={`Smallest edge to draw, in ${unit}`}
        aria-valuetext={text}
        onChange={(event) => onChange(steps[Number(event.target.value)] ?? 0)}
        className="h-6 w-32 accent-(--accent)"
      />
      <span className="w-24 whitespace-nowrap">{text}</span>
    </label>
  )
}

function GraphSkeleton() {
  return (
    <div role="status" aria-label="Laying out the graph" className="absolute inset-0 flex items-center justify-around px-8 py-10">
      {[4, 5, 3].map((rows) => (
        <div key={rows} className="flex flex-col gap-6">
          {Array.from({ length: rows }, (_, row) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: identical boxes that never move.
            <Skeleton key={row} className="h-12 w-44 rounded-lg" />
          ))}
        </div>
      ))}
    </div>
  )
}

/** There is traffic, but none of it between two ends that can be drawn. */
function NoGraph({ rules }: { rules: string }) {
  return (
    <EmptyState
      icon={Network}
      title="No conversation to draw"
      className="h-full"
      actions={
        <Button asChild>
          <Link href={rules}>
            <Settings2 /> Name your services
          </Link>
        </Button>
      }
    >
      There is traffic in this window, but no pair of client and server stands out. Widen the range or the filter.
    </EmptyState>
  )
}

/** How an address becomes a name in this graph. */
function HowNamed({ rules }: { rules: string }) {
  return (
    <section className="px-4 py-3 text-[12px] text-muted leading-relaxed">
      <h2 className="font-medium text-[13px] text-text">How services get names</h2>
      <p className="mt-1">
        A rule says: this prefix, protocol and port range is called this. The most exact rule wins; addresses without a rule stay addresses.{' '}
        <RulesLink rules={rules} />
      </p>
    </section>
  )
}

function RulesLink({ rules }: { rules: string }) {
  return (
    <>
      Write rules by prefix and port one by one, or load a CSV or JSON file, in{' '}
      <Link href={rules} className="text-accent underline underline-offset-2">
        Settings → Services
      </Link>
      .
    </>
  )
}
