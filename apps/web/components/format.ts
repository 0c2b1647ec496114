/**
 * The only formatter of the browser side: every number and every time on a screen passes through here, so that a value
 * reads the same in a chart, a table, a tooltip and a copied text.
 *
 * All functions are pure. Times are epoch milliseconds on the house clock and come out in the browser's zone, 24 h, ISO
 * order; `utc()` gives the same instant in UTC. Unknown (null, undefined, NaN) comes out as an en dash, never as 0.
 */

/** What a person chose to look at. `bits` is asked from the API as `bytes` and multiplied by eight here. */
export type ViewMetric = 'bits' | 'packets' | 'flows'

export const UNKNOWN = '–'

const UP = ['', 'k', 'M', 'G', 'T', 'P', 'E'] as const
const known = (value: number | null | undefined): value is number => value != null && Number.isFinite(value)

/** Three significant digits without an exponent and without trailing zeros: 1.24, 12.4, 124. */
export function significant(value: number): string {
  const size = Math.abs(value)
  if (size === 0) return '0'
  if (size < 0.001) return value < 0 ? '> −0.001' : '< 0.001'
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3
  const text = value.toFixed(digits)
  const short = text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text
  return short.replace('-', '−')
}

/** Split a value into a short number and an SI prefix: 1240000 → ['1.24', 'M']. Rounding moves up a step where it must: 999 999 → 1 M. */
export function si(value: number): [string, string] {
  let step = 0
  let scaled = value
  while (Math.abs(scaled) >= 999.5 && step < UP.length - 1) {
    scaled /= 1000
    step += 1
  }
  return [significant(scaled), UP[step] ?? '']
}

const withUnit = (value: number | null | undefined, unit: string): string => {
  if (!known(value)) return UNKNOWN
  const [number, prefix] = si(value)
  return `${number} ${prefix}${unit}`
}

/** 1.24 Gbit/s */
export const bitsPerSecond = (value: number | null | undefined): string => withUnit(value, 'bit/s')
/** 12.4 kpkt/s */
export const packetsPerSecond = (value: number | null | undefined): string => withUnit(value, 'pkt/s')
/** 1.2 kflow/s */
export const flowsPerSecond = (value: number | null | undefined): string => withUnit(value, 'flow/s')
/** 8.2 GB, powers of 1000. */
export const bytes = (value: number | null | undefined): string => withUnit(value, 'B')
/** 12.3 k: a count whose unit stands in the heading. */
export function count(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN
  const [number, prefix] = si(value)
  return prefix === '' ? number : `${number} ${prefix}`
}
/** 1,234,567: every digit, for tooltips, details and copies. */
export function exact(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN
  const [whole = '0', part] = String(value).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  return (part === undefined ? grouped : `${grouped}.${part}`).replace('-', '−')
}

/** A rate of the chosen metric, `value` per second in the metric's own unit (bits, packets, flows). */
export function rate(metric: ViewMetric, value: number | null | undefined): string {
  if (metric === 'bits') return bitsPerSecond(value)
  return metric === 'packets' ? packetsPerSecond(value) : flowsPerSecond(value)
}

/** Unit of `rate`, for axes and headings. */
export const rateUnit = (metric: ViewMetric): string => (metric === 'bits' ? 'bit/s' : metric === 'packets' ? 'pkt/s' : 'flow/s')

/** A sum of the chosen metric as the API gives it: bytes, packets or flows. */
export function volume(metric: ViewMetric, sum: number | null | undefined): string {
  if (metric === 'bits') return bytes(sum)
  return withUnit(sum, metric === 'packets' ? 'pkt' : sum === 1 ? 'flow' : 'flows')
}

/** The API's sum (bytes, packets, flows) over a number of seconds as a rate in the view's unit (bits/s, packets/s, flows/s). */
export function toRate(metric: ViewMetric, sum: number, seconds: number): number {
  if (seconds <= 0) return 0
  return (metric === 'bits' ? sum * 8 : sum) / seconds
}

/** 0.0342 → 3.4 %. Small but not nothing is said as such. */
export function share(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN
  const percent = value * 100
  if (percent === 0) return '0 %'
  if (percent < 0.1) return '< 0.1 %'
  if (percent >= 99.95 && percent < 100) return '> 99.9 %'
  return `${percent >= 10 ? percent.toFixed(percent >= 99.5 ? 0 : 1).replace(/\.0$/, '') : percent.toFixed(1).replace(/\.0$/, '')} %`
}

/** Change against an earlier value, −1 … ∞: 0.18 → +18 %. Above tenfold it is said as a factor. */
export function change(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN
  if (value >= 9) return `×${significant(value + 1)}`
  const percent = value * 100
  const size = Math.abs(percent)
  if (size < 0.5) return '±0 %'
  const text = size < 9.5 ? size.toFixed(1).replace(/\.0$/, '') : size.toFixed(0)
  return `${percent > 0 ? '+' : '−'}${text} %`
}

/** Seconds as the two largest units that matter: 0.35 → 350 ms, 75 → 1 min 15 s, 7 260 → 2 h 1 min. */
export function duration(seconds: number | null | undefined): string {
  if (!known(seconds)) return UNKNOWN
  const sign = seconds < 0 ? '−' : ''
  const size = Math.abs(seconds)
  if (size === 0) return '0 s'
  if (size < 0.001) return `${sign}< 1 ms`
  if (size < 0.9995) return `${sign}${Math.round(size * 1000)} ms`
  if (size < 59.95) return `${sign}${significant(Math.round(size * 10) / 10)} s`
  const whole = Math.round(size)
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor((whole % 86_400) / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's'],
  ]
  const first = parts.findIndex(([amount]) => amount > 0)
  return (
    sign +
    parts
      .slice(first, first + 2)
      .filter(([amount]) => amount > 0)
      .map(([amount, unit]) => `${amount} ${unit}`)
      .join(' ')
  )
}

/** How long ago, from `now`: 'just now', '12 s ago', '3 min ago', '2 d ago'; a future instant says 'in …'. */
export function ago(at: number | null | undefined, now: number): string {
  if (!known(at)) return UNKNOWN
  const seconds = (now - at) / 1000
  const size = Math.abs(seconds)
  if (size < 2) return 'just now'
  const text =
    size < 60
      ? `${Math.round(size)} s`
      : size < 3600
        ? `${Math.round(size / 60)} min`
        : size < 86_400
          ? `${Math.round(size / 3600)} h`
          : `${Math.round(size / 86_400)} d`
  return seconds < 0 ? `in ${text}` : `${text} ago`
}

const two = (value: number): string => String(value).padStart(2, '0')
const localDate = (date: Date): string => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
const localTime = (date: Date): string => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`

/** 2026-11-20 22:49:15 in the browser's zone. */
export function dateTime(at: number | null | undefined): string {
  if (!known(at)) return UNKNOWN
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? UNKNOWN : `${localDate(date)} ${localTime(date)}`
}

/** 2026-11-20 22:49 */
export const dateMinute = (at: number | null | undefined): string => dateTime(at).replace(/:\d\d$/, '')

/** 22:49:15 */
export function clock(at: number | null | undefined): string {
  if (!known(at)) return UNKNOWN
  return localTime(new Date(at))
}

/** 22:49:15.042, for flow records. */
export function clockMillis(at: number | null | undefined): string {
  if (!known(at)) return UNKNOWN
  const date = new Date(at)
  return `${localTime(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** 2026-11-20 22:49:15 UTC: what a time's tooltip says. */
export function utc(at: number | null | undefined): string {
  if (!known(at)) return UNKNOWN
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? UNKNOWN : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** Label of a time axis whose whole width is `spanMs`: seconds for minutes, minutes for a day, day and hour for a week, days beyond. */
export function axisTime(at: number, spanMs: number): string {
  const date = new Date(at)
  if (spanMs <= 10 * 60_000) return localTime(date)
  if (spanMs <= 26 * 3_600_000) return localTime(date).slice(0, 5)
  const day = `${date.getDate()} ${MONTHS[date.getMonth()] ?? ''}`
  return spanMs <= 8 * 86_400_000 ? `${day} ${localTime(date).slice(0, 5)}` : day
}
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** An absolute window, the date said once where both ends share it: '20 Nov 22:00 – 22:49'. */
export function timeRange(from: number, to: number): string {
  const a = new Date(from)
  const b = new Date(to)
  const seconds = to - from < 10 * 60_000
  const time = (date: Date): string => (seconds ? localTime(date) : localTime(date).slice(0, 5))
  const day = (date: Date): string => `${date.getDate()} ${MONTHS[date.getMonth()] ?? ''}`
  if (localDate(a) === localDate(b)) return `${day(a)} ${time(a)} – ${time(b)}`
  const year = a.getFullYear() === b.getFullYear() ? '' : ` ${a.getFullYear()}`
  return `${day(a)}${year} ${time(a)} – ${day(b)} ${time(b)}`
}

/** Nanoseconds as a decimal string (interchange stamps) → epoch milliseconds with fraction dropped; null when it is no number. */
export function nanosToMillis(nanos: string | number | boolean | null | undefined): number | null {
  if (nanos == null || typeof nanos === 'boolean' || nanos === '') return null
  try {
    return Number(BigInt(nanos) / 1_000_000n)
  } catch {
    return null
  }
}

/** 1 in 1,000 · unsampled · unknown: how a sampling rate is said everywhere. */
export function sampling(rate: number | null | undefined): string {
  if (!known(rate) || rate === 0) return 'unknown'
  return rate === 1 ? 'unsampled' : `1 in ${exact(rate)}`
}

/** Name of the rollup that answered, for people: 'rollup_service_1m' → '1 min rollup', 'flow' → 'raw records'. */
export function rollup(name: string): string {
  const parts = name.split('+').map((part) => {
    if (part === 'flow') return 'raw records'
    const width = /_(1m|1h|1d)$/.exec(part)?.[1]
    return width === '1m' ? '1 min rollup' : width === '1h' ? '1 h rollup' : width === '1d' ? '1 d rollup' : part
  })
  return [...new Set(parts)].join(' + ')
}
