/** How figures read in the sentence of a finding. Decimal units; three digits say enough. */

const three = (n: number): string => (n >= 100 ? Math.round(n).toLocaleString('en-US') : Number(n.toPrecision(3)).toString())

function prefixed(value: number, unit: string): string {
  const [prefix, by] =
    value >= 1e9 ? (['G', 1e9] as const) : value >= 1e6 ? (['M', 1e6] as const) : value >= 1e3 ? (['k', 1e3] as const) : (['', 1] as const)
  return `${three(value / by)} ${prefix}${unit}`
}

/** Octets: '473 MB', '22.9 kB'. */
export const volume = (bytes: number): string => prefixed(bytes, 'B')

/** A value in its unit: '14,400 packets/s', '1.24 Gbit/s'. */
export const amount = (value: number, unit: string): string => (unit === 'bit/s' ? prefixed(value, unit) : `${three(value)} ${unit}`)

/** What is usual: the figure, or 'none' where it would read as zero. */
export const usually = (value: number, unit: string): string => (value < 0.05 ? 'none' : amount(value, unit))

/** A length of time: '40 ms', '0.5 s', '23 s', '34 min', '30 h', '3 days'. */
export function lasting(ms: number): string {
  if (ms < 95) return `${Math.max(1, Math.round(ms))} ms`
  const seconds = ms / 1000
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  if (seconds < 259_200) return `${Math.round(seconds / 3_600)} h`
  return `${Math.round(seconds / 86_400)} days`
}
