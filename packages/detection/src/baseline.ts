/**
 * What is usual for the metrics of one entity, on y = ln(1 + x) per minute: a fast level with spread (half-life 35 min) and a
 * slow level per hour of the day. `expected` is the larger of the two, so that a busy hour is not abnormal for being busy.
 * All metrics are learned at once and share one array: an array each costs several times what it holds.
 */
export interface Baseline {
  minutes: number
  lastMinute: number
  level: number[]
  spread: number[]
  /** Of each hour of the day: minutes seen, then level and spread of each metric. */
  hours: Float32Array
}

const FAST = 0.02
const SLOW = 0.01
/** Below this the spread of a quiet entity would make every packet a surprise. */
const SPREAD_FLOOR = 0.15
/** Mean absolute deviation to standard deviation of a normal distribution. */
const TO_SIGMA = 1.2533
const SEEN_MOST = 65_535

export function baseline(metrics = 1): Baseline {
  return {
    minutes: 0,
    lastMinute: -1,
    level: Array.from({ length: metrics }, () => 0),
    spread: Array.from({ length: metrics }, () => SPREAD_FLOOR),
    hours: new Float32Array(24 * (1 + 2 * metrics)),
  }
}

const hourOf = (minute: number) => Math.floor(minute / 60) % 24

/** Learn the averages per second `xs` of `minute` (epoch minutes). Minutes without a record between two calls count as zero. */
export function learn(b: Baseline, minute: number, xs: readonly number[]): void {
  const { level, spread, hours } = b
  const row = 1 + 2 * level.length
  if (b.lastMinute >= 0 && minute > b.lastMinute + 1) {
    const quiet = Math.min(minute - b.lastMinute - 1, 10_080)
    for (let m = 0; m < level.length; m++) level[m] = (level[m] ?? 0) * (1 - FAST) ** quiet
    b.minutes += quiet
    for (let h = 0; h < 24; h++) {
      const passed = quiet >= 1440 ? quiet / 24 : hoursBetween(b.lastMinute + 1, minute, h)
      if (passed <= 0) continue
      const at = h * row
      for (let m = 0; m < level.length; m++) hours[at + 1 + 2 * m] = (hours[at + 1 + 2 * m] ?? 0) * (1 - SLOW) ** passed
      hours[at] = Math.min(SEEN_MOST, Math.trunc((hours[at] ?? 0) + passed))
    }
  }
  // The first minutes set the level outright: half an hour of climbing from zero would hide the first real excess.
  const rate = Math.max(FAST, 1 / (b.minutes + 1))
  const at = hourOf(minute) * row
  const seen = hours[at] ?? 0
  const slow = Math.max(SLOW, 1 / (seen + 1))
  for (let m = 0; m < level.length; m++) {
    const y = Math.log1p(xs[m] ?? 0)
    const usual = level[m] ?? 0
    const width = spread[m] ?? SPREAD_FLOOR
    const error = y - usual
    const bound = 3 * Math.max(width, SPREAD_FLOOR)
    level[m] = usual + rate * (b.minutes < 10 ? error : Math.max(-bound, Math.min(bound, error)))
    spread[m] = Math.max(SPREAD_FLOOR, width + FAST * (Math.abs(error) * TO_SIGMA - width))
    const hour = at + 1 + 2 * m
    const hourError = y - (hours[hour] ?? 0)
    hours[hour] = (hours[hour] ?? 0) + slow * hourError
    hours[hour + 1] = (hours[hour + 1] ?? 0) + slow * (Math.abs(hourError) * TO_SIGMA - (hours[hour + 1] ?? 0))
  }
  hours[at] = Math.min(SEEN_MOST, seen + 1)
  b.minutes++
  b.lastMinute = minute
}

function hoursBetween(from: number, to: number, hour: number): number {
  let n = 0
  for (let m = from; m < to; m += 60 - (m % 60)) if (hourOf(m) === hour) n += Math.min(to, m + 60 - (m % 60)) - m
  return n
}

/** The expected value per second of a metric and the score of `x` at `minute`, in spreads above it. */
export function judge(b: Baseline, minute: number, x: number, metric = 0): { expected: number; z: number } {
  const decay = b.lastMinute < 0 ? 0 : Math.max(0, Math.min(10_080, minute - b.lastMinute - 1))
  const at = hourOf(minute) * (1 + 2 * b.level.length)
  const known = (b.hours[at] ?? 0) >= 30
  const fast = (b.level[metric] ?? 0) * (1 - FAST) ** decay
  const slow = known ? (b.hours[at + 1 + 2 * metric] ?? 0) : 0
  const level = Math.max(fast, slow)
  const spread = Math.max(b.spread[metric] ?? 0, known ? (b.hours[at + 2 + 2 * metric] ?? 0) : 0, SPREAD_FLOOR)
  return { expected: Math.expm1(level), z: (Math.log1p(x) - level) / spread }
}
