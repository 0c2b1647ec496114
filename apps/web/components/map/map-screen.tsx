'use client'
import type { GeoAnswer } from '@weir/db/contracts'
import { ArrowRight, House, MapPinOff, Route } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useTheme } from 'next-themes'
import { type ReactNode, useCallback, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { useMapState, useReducedMotion, useRememberedHome, useWorld } from '../../data/geo.ts'
import { useGeo } from '../../data/use-geo.ts'
import { useHealth } from '../../data/use-health.ts'
import { useView } from '../../data/view.ts'
import { FilterBar } from '../filter-bar.tsx'
import { rate, rollup, share, toRate } from '../format.ts'
import { NothingHere } from '../nothing-here.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { Menu, MenuTrigger } from '../ui/menu.tsx'
import { Panel } from '../ui/panel.tsx'
import { Popover, PopoverContent, PopoverTrigger } from '../ui/popover.tsx'
import { Skeleton, SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Segmented } from '../ui/tabs.tsx'
import { useFillHeight } from './fill-height.ts'
import { type FilterChoice, FilterMenuContent } from './filter-menu.tsx'
import { type CountryRow, type Direction, drawArcs, INTERNAL, type PairRow, rankCountries, rankPairs, UNKNOWN } from './geo-model.ts'
import { ArcLegend, ShadeLegend } from './legend.tsx'
import { placeName } from './names.ts'
import { PALETTES } from './palette.ts'
import { type RankItem, RankList } from './rank-list.tsx'
import { createScale, shades } from './scale.ts'
import { placesOf } from './world.ts'
import type { Pointed, Target } from './world-map.tsx'

const WorldMap = dynamic(() => import('./world-map.tsx'), { ssr: false, loading: () => <MapSkeleton /> })

/** More lines than this make a ball of wool; the list has all of them. */
const MOST_ARCS = 48

const DIRECTION_OPTIONS = [
  { value: 'both', label: 'Both', title: 'Everything a country sends or receives' },
  { value: 'in', label: 'In', title: 'What comes from a country' },
  { value: 'out', label: 'Out', title: 'What goes to a country' },
] as const satisfies readonly { value: Direction; label: string; title: string }[]

const CENTRE_OPTIONS = [
  { value: 'atlantic', label: 'Atlantic', title: 'Cut the map in the Pacific' },
  { value: 'pacific', label: 'Pacific', title: 'Cut the map in the Atlantic' },
] as const

/** Whether this browser can draw the map at all; asked once. */
let webgl: boolean | null = null
function hasWebgl(): boolean {
  if (webgl === null) {
    const context = document.createElement('canvas').getContext('webgl2')
    webgl = context !== null
    context?.getExtension('WEBGL_lose_context')?.loseContext()
  }
  return webgl
}
const never = () => () => undefined
const COARSE = '(pointer: coarse)'

const MapSkeleton = () => <Skeleton className="absolute inset-6 rounded-[50%] opacity-40" />

/** The geo map: countries shaded by traffic, arcs for the heaviest pairs, and the same as a ranked list. */
export function MapScreen() {
  const view = useView()
  const [state, setState] = useMapState()
  const [remembered, remember] = useRememberedHome()
  const { resolvedTheme } = useTheme()
  const theme = resolvedTheme === 'dark' ? 'dark' : 'light'
  const palette = PALETTES[theme]
  const still = useReducedMotion()
  const canDraw = useSyncExternalStore(never, hasWebgl, () => true)
  const coarse = useSyncExternalStore(
    never,
    () => matchMedia(COARSE).matches,
    () => false,
  )
  const geo = useGeo(view.params(), { enabled: view.ready })
  const world = useWorld(state.centre)
  const health = useHealth()
  const [pointed, setPointed] = useState<Pointed | null>(null)
  const [listed, setListed] = useState<Target | null>(null)
  const [picked, setPicked] = useState<Pointed | null>(null)
  const frame = useRef<HTMLDivElement>(null)

  const { data: answer, error, refetch } = geo
  const seconds = answer ? (Date.parse(answer.to) - Date.parse(answer.from)) / 1000 : 0
  const rateOf = useCallback((value: number) => rate(view.metric, toRate(view.metric, value, seconds)), [view.metric, seconds])

  const ranking = useMemo(() => (answer ? rankCountries(answer, state.direction) : null), [answer, state.direction])
  const pairs = useMemo(() => (answer ? rankPairs(answer, state.direction) : []), [answer, state.direction])
  const names = useMemo(() => new Map(answer?.countries.map((country) => [country.country, country.name])), [answer])
  const nameOf = useCallback((code: string) => placeName(code, names.get(code)), [names])

  const scale = useMemo(
    () => createScale((ranking?.rows ?? []).map((row) => toRate(view.metric, row.value, seconds))),
    [ranking, view.metric, seconds],
  )
  const colours = useMemo(() => shades(scale.classes, theme), [scale, theme])
  const fills = useMemo(
    () =>
      new Map(
        (ranking?.rows ?? []).flatMap((row) => {
          const colour = colours[scale.classOf(toRate(view.metric, row.value, seconds))]
          return colour ? [[row.code, colour] as const] : []
        }),
      ),
    [ranking, colours, scale, view.metric, seconds],
  )

  const places = useMemo(() => (world.data ? placesOf(world.data) : null), [world.data])
  const homeCode = (state.home || remembered).toUpperCase()
  const homeCountry = places?.get(homeCode)
  // Without a place on Earth the own network gets one of its own, below the seas: shown, but not pretended to be anywhere.
  const home = useMemo<[number, number] | null>(() => {
    if (!world.data || !answer?.countries.some((country) => country.country === INTERNAL)) return null
    return homeCountry ?? [world.data.width / 2, world.data.height + 6]
  }, [world.data, answer, homeCountry])
  const arcs = useMemo(() => (state.arcs && places ? drawArcs(pairs, places, home, MOST_ARCS) : []), [state.arcs, places, pairs, home])
  const labels = useMemo(
    () =>
      (ranking?.rows ?? []).slice(0, 12).flatMap((row) => {
        const at = places?.get(row.code)
        return at && row.code !== homeCode ? [{ code: row.code, at, name: nameOf(row.code), value: rateOf(row.value) }] : []
      }),
    [ranking, places, homeCode, nameOf, rateOf],
  )

  const setHome = (code: string) => {
    remember(code)
    void setState({ home: code === '' ? null : code })
  }
  const countryMenu = (row: CountryRow, align?: 'end') => {
    const name = nameOf(row.code)
    return (
      <FilterMenuContent
        title={name}
        align={align ?? 'start'}
        choices={[
          { label: `Traffic with ${name}`, filter: `country = ${row.code}` },
          { label: `From ${name}`, filter: `src_country = ${row.code}` },
          { label: `To ${name}`, filter: `dst_country = ${row.code}` },
        ]}
        filter={`country = ${row.code}`}
        home={
          homeCode === row.code
            ? { label: 'My network is not here', set: () => setHome('') }
            : { label: 'My network is here', set: () => setHome(row.code) }
        }
      />
    )
  }
  const pairMenu = (pair: PairRow) => {
    const known = (code: string) => code !== INTERNAL && code !== UNKNOWN
    const one = [known(pair.src) ? `src_country = ${pair.src}` : '', known(pair.dst) ? `dst_country = ${pair.dst}` : '']
      .filter(Boolean)
      .join(' and ')
    const choices: FilterChoice[] = one === '' ? [] : [{ label: `${nameOf(pair.src)} to ${nameOf(pair.dst)}`, filter: one }]
    if (known(pair.src) && known(pair.dst) && pair.src !== pair.dst) {
      const back = `src_country = ${pair.dst} and dst_country = ${pair.src}`
      choices.push({ label: 'Both directions', filter: `((${one}) or (${back}))` })
    }
    return one === '' ? null : <FilterMenuContent title={`${nameOf(pair.src)} → ${nameOf(pair.dst)}`} choices={choices} filter={one} />
  }
  const menuOf = (target: Target): ReactNode => {
    if (target.kind === 'arc') {
      const pair = pairs.find((candidate) => candidate.id === target.id)
      return pair ? pairMenu(pair) : null
    }
    const row = ranking?.byCode.get(target.id) ?? { code: target.id, name: target.id, rank: 0, value: 0, share: 0, sent: 0, received: 0 }
    return countryMenu(row)
  }

  const highlight: Target | null = picked ?? pointed ?? listed
  const shortOf = (code: string) => (code === INTERNAL || code === UNKNOWN ? nameOf(code) : code)
  const pairItems: RankItem[] = pairs.map((pair) => ({
    id: pair.id,
    rank: pair.rank,
    name:
      pair.src === pair.dst
        ? pair.src === INTERNAL
          ? 'Stays internal'
          : `Within ${nameOf(pair.src)}`
        : `${nameOf(pair.src)} → ${nameOf(pair.dst)}`,
    ...(pair.src === pair.dst ? {} : { short: `${shortOf(pair.src)} → ${shortOf(pair.dst)}` }),
    code: '',
    value: pair.value,
    rate: rateOf(pair.value),
    share: share(pair.share),
    menu: pairMenu(pair),
  }))
  const apart = [ranking?.internal, ranking?.unknown].flatMap((row) => (row && row.value > 0 ? [row] : []))
  const countryItems: RankItem[] = [...(ranking?.rows ?? []), ...apart].map((row) => ({
    id: row.code,
    rank: row.rank === 0 ? null : row.rank,
    name: nameOf(row.code),
    code: row.code === INTERNAL ? 'no country' : row.code === UNKNOWN ? 'country not known' : row.code,
    value: row.value,
    rate: rateOf(row.value),
    share: share(row.share),
    menu: row.rank === 0 ? null : countryMenu(row, 'end'),
  }))
  const active = (kind: Target['kind']) => (highlight?.kind === kind ? highlight.id : null)
  const empty = answer !== undefined && answer.total.value === 0

  const tip = pointed === null || picked !== null ? null : tooltip(pointed, { pairs, ranking, nameOf, rateOf })
  const loading = !view.ready || (geo.isPending && !geo.isError)

  const listState: ListState = {
    loading,
    old: geo.isPlaceholderData,
  }

  const failed = geo.isError && answer === undefined
  const nothing = empty && !geo.isPlaceholderData
  const height = useFillHeight(frame, !failed && !nothing)
  const around = (content: ReactNode) => (
    <div className="flex flex-col gap-4">
      <h1 className="sr-only">Map</h1>
      <FilterBar />
      {content}
    </div>
  )
  if (failed) {
    return around(
      <Panel>
        <ErrorState error={error} onRetry={() => void refetch()} className="py-10" />
      </Panel>,
    )
  }
  if (nothing) return around(<NothingHere health={health.data} />)
  return around(
    <div
      ref={frame}
      className="grid min-h-0 grid-cols-1 gap-4 lg:h-(--fill) lg:grid-cols-[minmax(0,1fr)_340px] lg:grid-rows-[auto_minmax(0,1fr)] xl:grid-cols-[minmax(0,1fr)_368px]"
      style={height === null ? undefined : { ['--fill' as string]: `${height}px` }}
    >
      <Panel aria-labelledby="map-title" className="overflow-hidden">
        <header className="flex min-h-12 flex-wrap items-center justify-between gap-x-3 gap-y-2 border-border border-b px-4 py-2">
          <div className="flex min-w-0 flex-wrap items-baseline gap-x-2">
            <h2 id="map-title" className="font-semibold text-[13px]">
              Traffic by country
            </h2>
            {answer === undefined ? null : (
              <span className="text-[12px] text-muted" title={`Answered from ${rollup(answer.rollup)}`}>
                {rateOf(answer.total.value)} in all{answer.scaled ? '' : ', as exported'}
              </span>
            )}
          </div>
          <div className="flex flex-wrap items-center gap-2">
            <Segmented
              label="Direction, seen from your network"
              value={state.direction}
              options={DIRECTION_OPTIONS}
              onChange={(direction) => void setState({ direction })}
            />
            <Button
              aria-pressed={state.arcs}
              onClick={() => void setState({ arcs: !state.arcs })}
              className="aria-pressed:border-accent/40 aria-pressed:bg-accent-soft aria-pressed:text-accent"
            >
              <Route /> Arcs
            </Button>
            <Segmented
              label="Centre of the map"
              value={state.centre}
              options={CENTRE_OPTIONS}
              className="max-sm:hidden"
              onChange={(centre) => void setState({ centre })}
            />
          </div>
        </header>
        <div className="relative aspect-[1000/478] min-h-52 lg:max-h-[max(300px,calc(var(--fill)-320px))]">
          {!canDraw ? (
            <EmptyState icon={MapPinOff} title="This browser cannot draw the map" className="h-full">
              The map needs WebGL 2, which is switched off or missing here: often the graphics driver is blocked, or hardware acceleration
              is off in the browser’s settings. The list has the same numbers.
            </EmptyState>
          ) : world.isError ? (
            <ErrorState error={world.error} onRetry={() => void world.refetch()} />
          ) : world.data === undefined || loading ? (
            <MapSkeleton />
          ) : (
            <>
              <WorldMap
                key={state.centre}
                label="World map. The list after it holds the same countries and pairs."
                world={world.data}
                fills={fills}
                arcs={arcs}
                home={home}
                homeLabel={
                  <OwnNetwork
                    ranking={ranking}
                    answer={answer}
                    rateOf={rateOf}
                    place={homeCountry ? nameOf(homeCode) : null}
                    candidates={(ranking?.rows ?? []).map((row) => ({ code: row.code, name: nameOf(row.code) }))}
                    onPlace={setHome}
                    compact={homeCountry !== undefined}
                  />
                }
                labels={labels}
                palette={palette}
                highlight={highlight}
                still={still}
                gestures={!coarse}
                onPoint={setPointed}
                onPick={setPicked}
              />
              {tip === null || pointed === null ? null : <Tip at={pointed}>{tip}</Tip>}
              {picked === null ? null : (
                <Menu
                  modal={false}
                  open
                  onOpenChange={(open) => {
                    if (!open) setPicked(null)
                  }}
                >
                  <MenuTrigger asChild>
                    <span aria-hidden tabIndex={-1} className="absolute size-px" style={{ left: picked.x, top: picked.y }} />
                  </MenuTrigger>
                  {menuOf(picked)}
                </Menu>
              )}
            </>
          )}
        </div>
        <footer className="flex min-h-12 flex-wrap items-center justify-between gap-x-6 gap-y-2 border-border border-t px-4 py-2">
          <div className="flex flex-wrap items-center gap-x-6 gap-y-2">
            <ShadeLegend scale={scale} colours={colours} metric={view.metric} palette={palette} />
            <ArcLegend
              palette={palette}
              shown={{
                in: arcs.some((arc) => arc.dst === INTERNAL),
                out: arcs.some((arc) => arc.src === INTERNAL),
                transit: arcs.some((arc) => arc.src !== INTERNAL && arc.dst !== INTERNAL),
              }}
            />
          </div>
          <p className="text-[11px] text-muted">
            {answer === undefined || answer.source.attribution === '' ? null : (
              <>
                <a href={answer.source.url} target="_blank" rel="noreferrer" className="underline underline-offset-2 hover:text-text">
                  {answer.source.attribution}
                </a>
                {answer.source.edition === '' ? '' : `, ${answer.source.edition}`} ·{' '}
              </>
            )}
            Shapes: Natural Earth
          </p>
        </footer>
      </Panel>

      <ListPanel
        id="rank-title"
        title="Countries"
        hint={ranking === null ? undefined : `${ranking.rows.length}`}
        className="lg:row-span-2 lg:h-(--fill)"
        state={listState}
        empty={countryItems.length === 0}
        note={
          state.direction === 'both'
            ? 'Share of all traffic that touches a place. A flow has two ends, so these add up to more than 100 %.'
            : null
        }
      >
        <RankList
          caption="Countries by mean rate, then internal and unknown places"
          heading="Country"
          items={countryItems}
          max={ranking?.rows[0]?.value ?? 0}
          active={active('country')}
          onPoint={(id) => setListed(id === null ? null : { kind: 'country', id })}
        />
      </ListPanel>

      <ListPanel
        id="pairs-title"
        title="Pairs"
        hint="heaviest, source → destination"
        className="max-lg:order-last lg:min-h-48"
        state={listState}
        empty={pairItems.length === 0}
        note={null}
      >
        <RankList
          caption="Heaviest pairs of source and destination by mean rate"
          heading="From → to"
          items={pairItems}
          max={pairs[0]?.value ?? 0}
          active={active('arc')}
          onPoint={(id) => setListed(id === null ? null : { kind: 'arc', id })}
        />
      </ListPanel>
    </div>,
  )
}

interface ListState {
  loading: boolean
  old: boolean
}

/** A ranked list in its panel, with what stands in for it while there is nothing to rank. */
function ListPanel({
  id,
  title,
  hint,
  className,
  state,
  empty,
  note,
  children,
}: {
  id: string
  title: string
  hint: string | undefined
  className: string
  state: ListState
  empty: boolean
  note: string | null
  children: ReactNode
}) {
  return (
    <Panel aria-labelledby={id} className={cn('overflow-hidden', className)}>
      <header className="flex min-h-11 items-baseline gap-2 border-border border-b px-4 py-3">
        <h2 id={id} className="font-semibold text-[13px] leading-5">
          {title}
        </h2>
        {hint === undefined ? null : <span className="truncate text-[12px] text-muted">{hint}</span>}
      </header>
      <div className={cn('relative min-h-0 flex-1 max-lg:max-h-[480px] overflow-y-auto', state.old && 'opacity-90')}>
        {state.loading ? (
          <SkeletonRows rows={10} className="px-4 py-3" />
        ) : empty ? (
          <EmptyState title="Nothing in this direction">Choose Both to see the other one.</EmptyState>
        ) : (
          children
        )}
      </div>
      {note === null || empty || state.loading ? null : (
        <p className="border-border border-t px-4 py-2 text-[11px] text-muted leading-4">{note}</p>
      )}
    </Panel>
  )
}

/** The place of the own network: on its own, or at the country a person named. */
function OwnNetwork({
  ranking,
  answer,
  rateOf,
  place,
  candidates,
  onPlace,
  compact,
}: {
  ranking: ReturnType<typeof rankCountries> | null
  answer: GeoAnswer | undefined
  rateOf: (value: number) => string
  place: string | null
  candidates: readonly { code: string; name: string }[]
  onPlace: (code: string) => void
  compact: boolean
}) {
  const row = ranking?.internal
  const within = answer?.arcs.find((arc) => arc.src === INTERNAL && arc.dst === INTERNAL)
  if (!row) return null
  return (
    <Popover>
      <PopoverTrigger asChild>
        <button
          type="button"
          className="flex items-center gap-1.5 whitespace-nowrap rounded-full border border-border-strong bg-surface px-2 py-0.5 text-[11px] text-text leading-4 hover:bg-raised data-[state=open]:border-accent"
        >
          <House aria-hidden className="size-3.5 text-accent" />
          <span className="font-medium">Internal</span>
          {compact ? null : <span className="text-muted">{rateOf(row.value)}</span>}
        </button>
      </PopoverTrigger>
      <PopoverContent align="center" side="top" className="w-72 text-[13px]">
        <p className="font-medium">Your network{place === null ? '' : `, placed at ${place}`}</p>
        <p className="mt-1 text-[12px] text-muted leading-relaxed">
          Private addresses and your home networks. They belong to no country and are not counted in one.
        </p>
        <dl className="mt-2 grid grid-cols-[1fr_auto] gap-y-1 border-border border-y py-2">
          <dt className="text-muted">Receives</dt>
          <dd>{rateOf(row.received)}</dd>
          <dt className="text-muted">Sends</dt>
          <dd>{rateOf(row.sent)}</dd>
          <dt className="text-muted">Stays inside</dt>
          <dd>{within ? rateOf(within.value) : 'not among the top pairs'}</dd>
        </dl>
        <label className="mt-2 flex flex-col gap-1 text-[12px] text-muted">
          Draw its arcs from
          <select
            value={
              candidates.some((candidate) => candidate.name === place)
                ? (candidates.find((candidate) => candidate.name === place)?.code ?? '')
                : ''
            }
            onChange={(event) => onPlace(event.target.value)}
            className="h-8 rounded-md border border-border bg-surface px-2 text-[13px] text-text"
          >
            <option value="">no country (beside the map)</option>
            {[...candidates]
              .sort((a, b) => a.name.localeCompare(b.name, 'en'))
              .map((candidate) => (
                <option key={candidate.code} value={candidate.code}>
                  {candidate.name}
                </option>
              ))}
          </select>
        </label>
      </PopoverContent>
    </Popover>
  )
}

/** Follows the pointer, on the side with more room. */
function Tip({ at, children }: { at: Pointed; children: ReactNode }) {
  return (
    <div
      role="status"
      className="pointer-events-none absolute z-20 min-w-44 rounded-md border border-border bg-popover px-2.5 py-2 text-[12px] shadow-popover"
      style={{
        left: at.x,
        top: at.y,
        transform: `translate(${at.x > 260 ? 'calc(-100% - 12px)' : '14px'}, ${at.y > 160 ? 'calc(-100% - 8px)' : '14px'})`,
      }}
    >
      {children}
    </div>
  )
}

function tooltip(
  target: Target,
  known: {
    pairs: readonly PairRow[]
    ranking: ReturnType<typeof rankCountries> | null
    nameOf: (code: string) => string
    rateOf: (value: number) => string
  },
): ReactNode {
  const { nameOf, rateOf } = known
  const line = (label: string, value: string) => (
    <div className="flex justify-between gap-4">
      <dt className="text-muted">{label}</dt>
      <dd>{value}</dd>
    </div>
  )
  if (target.kind === 'arc') {
    const pair = known.pairs.find((candidate) => candidate.id === target.id)
    if (!pair) return null
    return (
      <>
        <p className="mb-1 flex items-center gap-1 font-medium">
          {nameOf(pair.src)} <ArrowRight aria-hidden className="size-3 text-muted" /> {nameOf(pair.dst)}
        </p>
        <dl>
          {line('Rate', rateOf(pair.value))}
          {line('Share', share(pair.share))}
          {line('Rank', `${pair.rank} of ${known.pairs.length} pairs`)}
        </dl>
      </>
    )
  }
  const row = known.ranking?.byCode.get(target.id)
  if (!row || row.value === 0) {
    return (
      <>
        <p className="font-medium">{nameOf(target.id)}</p>
        <p className="text-muted">No traffic in this view</p>
      </>
    )
  }
  return (
    <>
      <p className="mb-1 font-medium">{nameOf(row.code)}</p>
      <dl>
        {line('Rate', rateOf(row.value))}
        {line('Share', share(row.share))}
        {line('Rank', `${row.rank} of ${known.ranking?.rows.length ?? 0} countries`)}
        {line('From there', rateOf(row.sent))}
        {line('To there', rateOf(row.received))}
      </dl>
    </>
  )
}
