import { METRICS, type Metric } from '../contracts/api.ts'
import { didYouMean } from '../contracts/fields.ts'
import { type Filter, FilterError, parseFilter, printFilter } from '../contracts/filter.ts'
import { QueryError } from '../contracts/query-error.ts'
import type { Instant, Precision, WindowQuestion } from '../contracts/questions.ts'
import { finerThanNetwork, NETWORK_PRECISION } from './filter-sql.ts'

/** A checked question about a window. */
export interface CheckedWindow {
  /** Epoch milliseconds, [from, to). */
  from: number
  to: number
  metric: Metric
  scaled: boolean
  filter: Filter | null
  /** Canonical text of the filter. */
  filterText: string
  precision: Precision
}

/** Earliest and latest instants a question may name: PostgreSQL's and JavaScript's calendars both hold them. */
const EARLIEST_MS = Date.UTC(1970, 0, 1)
const LATEST_MS = Date.UTC(2200, 0, 1)

/** Check what `WindowQuestion` carries. Throws QueryError `bad-window`, `unknown-metric`, `bad-filter`, `precision`. */
export function checkWindow(question: WindowQuestion): CheckedWindow {
  const { from, to } = checkRange(question.from, question.to)
  const precision = question.precision ?? 'host'
  const { filter, filterText } = checkFilter(question.filter, precision)
  return { from, to, metric: checkMetric(question.metric), scaled: question.scaled ?? true, filter, filterText, precision }
}

/** Both ends of a window as epoch milliseconds. Throws QueryError `bad-window`. */
export function checkRange(fromInstant: Instant, toInstant: Instant): { from: number; to: number } {
  const from = checkInstant(fromInstant, 'from')
  const to = checkInstant(toInstant, 'to')
  if (from >= to) {
    throw new QueryError(
      'bad-window',
      `The window is empty: from ${new Date(from).toISOString()} is not before to ${new Date(to).toISOString()}.`,
      from === to ? 'Choose an end after the start.' : 'Swap from and to.',
    )
  }
  return { from, to }
}

/** RFC 3339, section 5.6, with any number of fraction digits; the zone is not optional. */
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/

function checkInstant(instant: Instant, name: string): number {
  const ms = instantMs(instant)
  if (ms !== null && ms >= EARLIEST_MS && ms <= LATEST_MS) return ms
  const shown = instant instanceof Date ? 'an invalid date' : `'${String(instant).slice(0, 60)}'`
  throw new QueryError(
    'bad-window',
    `${name} is ${shown}, which is not an instant between 1970 and 2200.`,
    'Write RFC 3339 with a zone, such as 2026-06-01T12:00:00Z, or epoch milliseconds.',
  )
}

function instantMs(instant: Instant): number | null {
  if (instant instanceof Date) return Number.isFinite(instant.getTime()) ? instant.getTime() : null
  if (typeof instant === 'number') return Number.isFinite(instant) ? Math.floor(instant) : null
  const text = instant.trim()
  if (/^\d{1,15}$/.test(text)) return Number(text)
  if (!RFC3339.test(text)) return null
  const ms = Date.parse(text.replace(/^(.{10})[t ]/, '$1T').replace(/z$/, 'Z'))
  return Number.isFinite(ms) ? ms : null
}

function checkMetric(metric: string | undefined): Metric {
  if (metric === undefined || metric === '') return 'bytes'
  const known = METRICS.find((name) => name === metric)
  if (known !== undefined) return known
  const near = didYouMean(metric, METRICS)
  throw new QueryError(
    'unknown-metric',
    `'${metric.slice(0, 60)}' is not a metric.`,
    `${near === null ? '' : `Did you mean ${near}? `}Use one of ${METRICS.join(', ')}.`,
  )
}

/** Parse a filter and hold it to the reader's precision. Throws QueryError `bad-filter` with the position, or `precision`. */
export function checkFilter(text: string | undefined, precision: Precision): { filter: Filter | null; filterText: string } {
  let filter: Filter | null
  try {
    filter = parseFilter(text ?? '')
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    throw new QueryError('bad-filter', error.message, error.remedy, { position: error.position, length: error.length, cause: error })
  }
  if (precision === 'network') {
    const finer = finerThanNetwork(filter)
    if (finer !== null) {
      throw new QueryError(
        'precision',
        `Your role sees networks, and the filter on ${finer} is finer.`,
        `Use networks of at most /${NETWORK_PRECISION[4]} (IPv4) or /${NETWORK_PRECISION[6]} (IPv6), or ask an admin for the role operator.`,
      )
    }
  }
  return { filter, filterText: printFilter(filter) }
}

/** A whole number within bounds, or the default. Throws QueryError `out-of-range`. */
export function checkCount(value: number | undefined, name: string, least: number, most: number, otherwise: number): number {
  if (value === undefined) return otherwise
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new QueryError('out-of-range', `${name} is ${value}.`, `Give a whole number from ${least} to ${most}.`)
}

/** The value when it is one of the known names. Throws QueryError `unknown-dimension` with the names and the nearest one. */
export function checkDimension<T extends string>(name: string, known: readonly T[]): T {
  const found = known.find((dimension) => dimension === name)
  if (found !== undefined) return found
  const near = didYouMean(name, known)
  throw new QueryError(
    'unknown-dimension',
    `'${name.slice(0, 60)}' is not a dimension.`,
    `${near === null ? '' : `Did you mean ${near}? `}Use one of ${known.join(', ')}.`,
  )
}
