/**
 * A stepped logarithmic scale for shading: equal ratios get equal steps, because traffic per country spans many orders of
 * magnitude and a linear scale would paint one country and leave the rest blank. The steps are round numbers, so that the
 * legend can be read.
 */
export interface Scale {
  /** Lower bounds of the classes above the first, ascending; empty when nothing has a value. */
  thresholds: number[]
  /** How many classes there are: thresholds + 1, or 0 without values. */
  classes: number
  /** Largest value seen. */
  max: number
  /** 0-based class; -1 for nothing (zero, negative, not a number). */
  classOf(value: number): number
}

/** At most this many classes: more shades than this cannot be told apart on a map. */
const MOST = 6

/** Ratios between neighbouring thresholds, tried from fine to coarse. */
const FAMILIES: readonly (readonly number[])[] = [[1, 2, 5], [1, 3], [1]]

function niceBetween(low: number, high: number, digits: readonly number[]): number[] {
  const result: number[] = []
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.log10(high); exponent++) {
    for (const digit of digits) {
      const value = digit * 10 ** exponent
      if (value > low && value < high) result.push(value)
    }
  }
  return result
}

/** Builds a scale over `values` in any unit. The low end is the value that four in five countries exceed. */
export function createScale(values: readonly number[]): Scale {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0).sort((a, b) => a - b)
  const max = positive.at(-1) ?? 0
  const low = positive[Math.floor(positive.length * 0.2)] ?? 0
  let thresholds: number[] = []
  if (max > low) {
    for (const digits of FAMILIES) {
      thresholds = niceBetween(low, max, digits)
      if (thresholds.length < MOST) break
    }
    thresholds = thresholds.slice(-(MOST - 1))
  }
  const classOf = (value: number) => {
    if (!(value > 0)) return -1
    let found = 0
    while (found < thresholds.length && value >= (thresholds[found] ?? 0)) found++
    return found
  }
  return { thresholds, classes: max > 0 ? thresholds.length + 1 : 0, max, classOf }
}

export type Rgb = readonly [number, number, number]

/**
 * Shades from least to most. Light: darker is more. Dark: brighter is more. One hue, and lightness in even steps (CIELAB L*),
 * so that the order is seen without colour vision too.
 */
const RAMPS: { light: readonly Rgb[]; dark: readonly Rgb[] } = {
  light: [
    [205, 228, 231],
    [164, 205, 211],
    [119, 180, 190],
    [70, 153, 167],
    [11, 122, 140],
    [4, 82, 97],
  ],
  dark: [
    [24, 62, 72],
    [27, 83, 95],
    [31, 107, 121],
    [40, 134, 148],
    [63, 168, 181],
    [132, 217, 225],
  ],
}

/** The colour of each class of `scale`. Few classes are spread over the whole ramp, its palest shade left out. */
export function shades(classes: number, theme: 'light' | 'dark'): Rgb[] {
  const ramp = RAMPS[theme]
  const last = ramp.length - 1
  if (classes <= 0) return []
  if (classes === 1) return [ramp[Math.min(3, last)] ?? [0, 0, 0]]
  const first = classes <= 3 ? 1 : 0
  return Array.from({ length: classes }, (_, i) => ramp[Math.round(first + ((last - first) * i) / (classes - 1))] ?? [0, 0, 0])
}

/** Line width in px of a value: area-like (square root), from `thin` to `thick` at the largest. */
export function lineWidth(value: number, max: number, thin: number, thick: number): number {
  if (!(value > 0) || !(max > 0)) return thin
  return thin + (thick - thin) * Math.sqrt(Math.min(1, value / max))
}
