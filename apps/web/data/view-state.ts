import { type Filter, FilterError, parseFilter, printFilter } from '@weir/db/contracts'
import type { ViewMetric } from '../components/format.ts'

/** What the URL says about a view, without React: parsing, printing and window arithmetic, so that it can be tested on its own. */

export const PRESETS = ['15m', '1h', '6h', '24h', '7d', '30d'] as const
export type Preset = (typeof PRESETS)[number]

export const PRESET_MS: Record<Preset, number> = {
  '15m': 15 * 60_000,
  '1h': 3_600_000,
  '6h': 6 * 3_600_000,
  '24h': 24 * 3_600_000,
  '7d': 7 * 86_400_000,
  '30d': 30 * 86_400_000,
}

export const PRESET_LABEL: Record<Preset, string> = {
  '15m': 'Last 15 minutes',
  '1h': 'Last hour',
  '6h': 'Last 6 hours',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
}

export const DEFAULT_PRESET: Preset = '1h'

/** Seconds between automatic refreshes; 0 is off. */
export const REFRESH_CHOICES = [0, 5, 15, 60, 300] as const
export const DEFAULT_REFRESH = 15

export const VIEW_METRICS = ['bits', 'packets', 'flows'] as const satisfies readonly ViewMetric[]

/** The API counts octets; only the screen speaks of bits. */
export const API_METRIC = { bits: 'bytes', packets: 'packets', flows: 'flows' } as const satisfies Record<ViewMetric, string>

export const isPreset = (text: string): text is Preset => (PRESETS as readonly string[]).includes(text)

/** RFC 3339 or epoch milliseconds → epoch milliseconds; null when it is neither. */
export function parseInstant(text: string | null | undefined): number | null {
  if (text == null || text === '') return null
  const at = /^\d{11,}$/.test(text) ? Number(text) : Date.parse(text)
  return Number.isFinite(at) ? at : null
}

/** An instant for the URL: RFC 3339, UTC, whole seconds where it is one. */
export const printInstant = (at: number): string => new Date(at).toISOString().replace('.000Z', 'Z')

export type Window = { preset: Preset | null; from: number; to: number }

/**
 * The window that URL keys describe at `now`. A valid from/to pair wins over `range`; anything unreadable falls back to the default
 * preset, so that a link cut in half still opens. A preset ends at `now`.
 */
export function windowOf(keys: { range: string | null; from: string | null; to: string | null }, now: number): Window {
  const from = parseInstant(keys.from)
  const to = parseInstant(keys.to)
  if (from !== null && to !== null && to > from) return { preset: null, from, to }
  const preset = keys.range !== null && isPreset(keys.range) ? keys.range : DEFAULT_PRESET
  return { preset, from: now - PRESET_MS[preset], to: now }
}

/** The window of equal length that ends where this one starts. */
export const previousWindow = (from: number, to: number): { from: number; to: number } => ({ from: from - (to - from), to: from })

/**
 * `filter` and one more condition, as canonical text. What is already said is not said twice. A present filter that cannot be read is
 * kept as it stands, so that its error stays visible and nothing typed is lost.
 */
export function andFilter(filter: string, expression: string): string {
  const present = read(filter)
  const added = read(expression)
  if (added === null) return filter.trim()
  if (present === null) return added === undefined ? expression.trim() : printFilter(added)
  if (present === undefined || added === undefined) return [filter.trim(), expression.trim()].filter((part) => part !== '').join(' and ')
  const items = [...parts(present)]
  for (const item of parts(added)) if (!items.some((known) => printFilter(known) === printFilter(item))) items.push(item)
  const [first] = items
  return items.length === 1 && first !== undefined ? printFilter(first) : printFilter({ kind: 'and', items })
}

/** The opposite of an expression; a double negation cancels. */
export function notFilter(expression: string): string {
  const filter = read(expression)
  if (filter === null) return ''
  if (filter === undefined) return `not (${expression.trim()})`
  if (filter.kind === 'not') return printFilter(filter.item)
  if (filter.kind === 'unknown' || filter.kind === 'in') return printFilter({ ...filter, negated: !filter.negated })
  if (filter.kind === 'compare' && filter.operator === '=') return printFilter({ ...filter, operator: '!=' })
  if (filter.kind === 'compare' && filter.operator === '!=') return printFilter({ ...filter, operator: '=' })
  return printFilter({ kind: 'not', item: filter })
}

/** The conditions that all must hold, each as canonical text: the chips under the filter bar. */
export function conjuncts(filter: string): string[] {
  const known = read(filter)
  if (known === null) return []
  return known === undefined ? [filter.trim()] : parts(known).map((part) => printFilter(part))
}

/** The n-th condition left out or replaced. */
export function replaceConjunct(filter: string, index: number, replacement: string | null): string {
  return conjuncts(filter)
    .flatMap((term, at) => (at === index ? (replacement === null ? [] : [replacement]) : [term]))
    .reduce((all, term) => andFilter(all, term), '')
}

const parts = (filter: Filter): readonly Filter[] => (filter.kind === 'and' ? filter.items : [filter])

/** null for an empty filter, undefined for one that cannot be read. */
function read(text: string): Filter | null | undefined {
  try {
    return parseFilter(text)
  } catch (error) {
    if (error instanceof FilterError) return undefined
    throw error
  }
}
