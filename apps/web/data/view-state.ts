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

/** `filter` and one more condition; a filter with `or` at its top is put in parentheses so that the meaning of both halves stays. */
export function andFilter(filter: string, expression: string): string {
  const present = filter.trim()
  const added = expression.trim()
  if (added === '') return present
  if (present === '') return added
  if (conjuncts(present).some((term) => term === added)) return present
  return `${topLevelOr(present) ? `(${present})` : present} and ${topLevelOr(added) ? `(${added})` : added}`
}

/** The opposite of an expression: `not x = 1`, parentheses where it has more than one condition. */
export function notFilter(expression: string): string {
  const text = expression.trim()
  return conjuncts(text).length > 1 || topLevelOr(text) ? `not (${text})` : `not ${text}`
}

/** Cut a filter at its top-level `and`s: the chips under the filter bar. A top-level `or` makes it one piece. */
export function conjuncts(filter: string): string[] {
  const text = filter.trim()
  if (text === '') return []
  if (topLevelOr(text)) return [text]
  return split(text, 'and')
}

const topLevelOr = (text: string): boolean => split(text, 'or').length > 1

/** Cut at a keyword outside parentheses and quotes. */
function split(text: string, word: 'and' | 'or'): string[] {
  const parts: string[] = []
  let depth = 0
  let quote: string | null = null
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? ''
    if (quote !== null) {
      if (char === '\\') at += 1
      else if (char === quote) quote = null
    } else if (char === '"' || char === "'") quote = char
    else if (char === '(' || char === '[') depth += 1
    else if (char === ')' || char === ']') depth -= 1
    else if (
      depth === 0 &&
      text.slice(at, at + word.length).toLowerCase() === word &&
      boundary(text[at - 1]) &&
      boundary(text[at + word.length])
    ) {
      parts.push(text.slice(start, at).trim())
      at += word.length - 1
      start = at + 1
    }
  }
  parts.push(text.slice(start).trim())
  return parts.filter((part) => part !== '')
}

const boundary = (char: string | undefined): boolean => char === undefined || !/[\w.:/-]/.test(char)
