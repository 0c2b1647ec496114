import type { TimeseriesAnswer, TopAnswer, TopRow } from '@weir/db/contracts'
import { toRate, type ViewMetric } from '../components/format.ts'

/** Pure steps from an answer of the API to what a chart or a table draws. Rates are per second, in the view's unit. */

export type ChartSeries = {
  /** Stable name inside the chart's rows: s0, s1 … */
  id: string
  key: string | null
  label: string
  filter: string
  /** The exact rest, always grey and last. */
  other: boolean
  /** Mean over the time in which data was received, the bucket still filling included, and the largest whole bucket. */
  average: number
  peak: number
  last: number | null
}
export type ChartRow = { time: number; total: number | null } & Record<string, number | null>
export type ChartData = {
  series: ChartSeries[]
  rows: ChartRow[]
  bucketSeconds: number
  total: { average: number; peak: number; peakAt: number | null; last: number | null }
}

/**
 * Sums per bucket become rates. The newest bucket is left out while it is still filling (it ends after `now`): drawn as it stands it
 * would show a fall in traffic that did not happen. A null stays null, so that a gap in the data is a gap in the drawing.
 */
export function toChart(answer: TimeseriesAnswer, metric: ViewMetric, now: number): ChartData {
  const width = answer.bucketSeconds * 1000
  const count = answer.times.filter((time) => time + width <= now).length
  const used = count === 0 ? answer.times.length : count
  const times = answer.times.slice(0, used)
  const isOther = (index: number): boolean => {
    const series = answer.series[index]
    return answer.dimension !== null && index === answer.series.length - 1 && series?.key === '' && series.label === 'other'
  }
  const covered = coveredSeconds(answer, now, gapSeconds(answer, now))
  const meanOf = (values: readonly (number | null)[]): number =>
    toRate(
      metric,
      values.reduce((sum: number, value) => sum + (value ?? 0), 0),
      covered,
    )
  const series = answer.series.map((one, index): ChartSeries => {
    const rates = one.values.slice(0, used).map((value) => (value === null ? null : toRate(metric, value, answer.bucketSeconds)))
    const known = rates.filter((value): value is number => value !== null)
    return {
      id: `s${index}`,
      key: one.key,
      label: one.label,
      filter: one.filter,
      other: isOther(index),
      average: meanOf(one.values),
      peak: Math.max(0, ...known),
      last: rates.at(-1) ?? null,
    }
  })
  // A rest of nothing is no series: it would be a line in the legend that says zero.
  const rest = series.at(-1)
  if (rest?.other === true && rest.peak === 0 && series.length > 1) series.pop()
  const rows = times.map((time, at): ChartRow => {
    const row: ChartRow = { time, total: null }
    let total: number | null = null
    answer.series.forEach((one, index) => {
      const value = one.values[at] ?? null
      const rate = value === null ? null : toRate(metric, value, answer.bucketSeconds)
      row[`s${index}`] = rate
      if (rate !== null) total = (total ?? 0) + rate
    })
    row.total = total
    return row
  })
  const totals = rows.map((row) => row.total)
  const known = totals.filter((value): value is number => value !== null)
  const peak = Math.max(0, ...known)
  return {
    series,
    rows,
    bucketSeconds: answer.bucketSeconds,
    total: {
      average: answer.series.reduce((sum, one) => sum + meanOf(one.values), 0),
      peak,
      peakAt: known.length === 0 ? null : (rows.find((row) => row.total === peak)?.time ?? null),
      last: totals.at(-1) ?? null,
    },
  }
}

/**
 * Seconds of a window in which nothing was being received (null buckets), up to `now`. What happened then is unknown, so a mean must not
 * count it as silence.
 */
export function gapSeconds(answer: TimeseriesAnswer, now: number): number {
  const width = answer.bucketSeconds * 1000
  return answer.times.reduce((sum, time, at) => {
    const unknown = answer.series.every((one) => (one.values[at] ?? null) === null)
    return unknown ? sum + Math.max(0, Math.min(time + width, now) - time) / 1000 : sum
  }, 0)
}

/**
 * Seconds an answer really covers: the API widens to whole buckets, what lies after `now` has not happened, and `gap` seconds of it
 * are not known. At least one.
 */
export function coveredSeconds(answer: { from: string; to: string }, now: number, gap = 0): number {
  return Math.max(1, (Math.min(Date.parse(answer.to), now) - Date.parse(answer.from)) / 1000 - gap)
}

/** Relative change of a rate; null where there is nothing to compare with. */
export function relativeChange(value: number, before: number | null | undefined): number | null {
  if (before == null || before <= 0) return null
  return value / before - 1
}

export type Trend = { kind: 'change'; value: number } | { kind: 'new' } | { kind: 'unknown' }

/**
 * How each row did against the window before. A row that is missing there is new only if the earlier answer was complete (its rest
 * is nothing); otherwise it may hide in the rest, and then nothing is claimed.
 */
export function trends(
  current: TopAnswer,
  previous: TopAnswer | undefined,
  now: number,
  gaps: { current: number; previous: number } = { current: 0, previous: 0 },
): Map<string | null, Trend> {
  const result = new Map<string | null, Trend>()
  if (
    previous === undefined ||
    previous.dimension !== current.dimension ||
    previous.metric !== current.metric ||
    previous.total.flows === 0
  ) {
    for (const row of current.rows) result.set(row.key, { kind: 'unknown' })
    return result
  }
  const seconds = coveredSeconds(current, now, gaps.current)
  const before = coveredSeconds(previous, now, gaps.previous)
  const earlier = new Map<string | null, TopRow>(previous.rows.map((row) => [row.key, row]))
  for (const row of current.rows) {
    const match = earlier.get(row.key)
    if (match === undefined) result.set(row.key, previous.rest.flows === 0 ? { kind: 'new' } : { kind: 'unknown' })
    else {
      const value = relativeChange(row.value / seconds, match.value / before)
      result.set(row.key, value === null ? { kind: 'unknown' } : { kind: 'change', value })
    }
  }
  return result
}

/** Smallest "nice" ceiling for an axis, 1–2–2.5–5 × 10ⁿ, and its ticks. */
export function niceTicks(peak: number, wanted = 4): number[] {
  if (peak <= 0) return [0, 1]
  const rough = peak / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power
  const ticks: number[] = []
  for (let tick = 0; tick < peak + step * 0.999; tick += step) ticks.push(Number(tick.toPrecision(12)))
  return ticks
}

const TIME_STEPS = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 604_800].map(
  (s) => s * 1000,
)

/** Round instants of the local clock inside [from, to], about `wanted` of them. */
export function timeTicks(from: number, to: number, wanted = 6): number[] {
  if (to <= from) return []
  const step = TIME_STEPS.find((candidate) => (to - from) / candidate <= wanted) ?? 604_800_000
  const offset = new Date(from).getTimezoneOffset() * 60_000
  const first = Math.ceil((from - offset) / step) * step + offset
  const ticks: number[] = []
  for (let tick = first; tick <= to; tick += step) ticks.push(tick)
  return ticks
}

/** Rows as RFC 4180 text. A cell that a spreadsheet could take for a formula is prefixed with an apostrophe. */
export function csv(header: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const cell = (value: string | number | null): string => {
    if (value === null) return ''
    if (typeof value === 'number') return String(value)
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return [header, ...rows]
    .map((row) => row.map(cell).join(','))
    .join('\r\n')
    .concat('\r\n')
}
