/**
 * What is usual for one (entity, metric), on y = ln(1 + x) per minute: a fast level with spread (half-life 35 min) and a
 * slow level per hour of the day. `expected` is the larger of the two, so that a busy hour is not abnormal for being busy.
 * Plain numbers: 2 + 2·24 doubles.
 */
export interface Baseline {
  minutes: number
  lastMinute: number
  level: number
  spread: number
  hourLevel: Float32Array
  hourSpread: Float32Array
  hourSeen: Uint16Array
}

const FAST = 0.02
const SLOW = 0.01
/** Below this the spread of a quiet entity would make every packet a surprise. */
const SPREAD_FLOOR = 0.15
/** Mean absolute deviation to standard deviation of a normal distribution. */
const TO_SIGMA = 1.2533

export function baseline(): Baseline {
  return {
    minutes: 0,
    lastMinute: -1,
    level: 0,
    spread: SPREAD_FLOOR,
    hourLevel: new Float32Array(24),
    hourSpread: new Float32Array(24),
    hourSeen: new Uint16Array(24),
  }
}

const hourOf = (minute: number) => Math.floor(minute / 60) % 24

/** Learn the average per second `x` of `minute` (epoch minutes). Minutes without a record between two calls count as zero. */
export function learn(b: Baseline, minute: number, x: number): void {
  if (b.lastMinute >= 0 && minute > b.lastMinute + 1) {
    const quiet = Math.min(minute - b.lastMinute - 1, 10_080)
    b.level *= (1 - FAST) ** quiet
    b.minutes += quiet
    for (let h = 0; h < 24; h++) {
      const passed = quiet >= 1440 ? quiet / 24 : hoursBetween(b.lastMinute + 1, minute, h)
      if (passed > 0) {
        b.hourLevel[h] = (b.hourLevel[h] ?? 0) * (1 - SLOW) ** passed
        b.hourSeen[h] = Math.min(65_535, (b.hourSeen[h] ?? 0) + passed)
      }
    }
  }
  const y = Math.log1p(x)
  const error = y - b.level
  const bound = 3 * Math.max(b.spread, SPREAD_FLOOR)
  // The first minutes set the level outright: half an hour of climbing from zero would hide the first real excess.
  const rate = Math.max(FAST, 1 / (b.minutes + 1))
  b.level += rate * (b.minutes < 10 ? error : Math.max(-bound, Math.min(bound, error)))
  b.spread = Math.max(SPREAD_FLOOR, b.spread + FAST * (Math.abs(error) * TO_SIGMA - b.spread))
  const h = hourOf(minute)
  const seen = b.hourSeen[h] ?? 0
  const slow = Math.max(SLOW, 1 / (seen + 1))
  const hourError = y - (b.hourLevel[h] ?? 0)
  b.hourLevel[h] = (b.hourLevel[h] ?? 0) + slow * hourError
  b.hourSpread[h] = (b.hourSpread[h] ?? 0) + slow * (Math.abs(hourError) * TO_SIGMA - (b.hourSpread[h] ?? 0))
  b.hourSeen[h] = Math.min(65_535, seen + 1)
  b.minutes++
  b.lastMinute = minute
}

function hoursBetween(from: number, to: number, hour: number): number {
  let n = 0
  for (let m = from; m < to; m += 60 - (m % 60)) if (hourOf(m) === hour) n += Math.min(to, m + 60 - (m % 60)) - m
  return n
}

/** The expected value per second and the score of `x` at `minute`, in spreads above it. */
export function judge(b: Baseline, minute: number, x: number): { expected: number; z: number } {
  const decay = b.lastMinute < 0 ? 0 : Math.max(0, Math.min(10_080, minute - b.lastMinute - 1))
  const h = hourOf(minute)
  const fast = b.level * (1 - FAST) ** decay
  const slow = (b.hourSeen[h] ?? 0) >= 30 ? (b.hourLevel[h] ?? 0) : 0
  const level = Math.max(fast, slow)
  const spread = Math.max(b.spread, (b.hourSeen[h] ?? 0) >= 30 ? (b.hourSpread[h] ?? 0) : 0, SPREAD_FLOOR)
  return { expected: Math.expm1(level), z: (Math.log1p(x) - level) / spread }
}
