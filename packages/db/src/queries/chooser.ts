/**
 * Which relation answers a question. Pure.
 *
 * A rollup can answer when it keeps every column the question reads; of those that can, the one usually smallest. A window is cut into
 * segments of the coarsest level that fits: whole days in the middle, hours and minutes at the edges, so that it is exact to the minute
 * and costs little. Where minutes (or hours) are no longer kept, the edge widens to the next level. Raw records answer everything else.
 */
import { type Floor, LEVEL_SECONDS, ROLLUP_FLOORS, ROLLUP_LEVELS, ROLLUPS, type RollupLevel } from '../rollups.ts'

const LEVEL_MS: Readonly<Record<RollupLevel, number>> = {
  '1m': LEVEL_SECONDS['1m'] * 1_000,
  '1h': LEVEL_SECONDS['1h'] * 1_000,
  '1d': LEVEL_SECONDS['1d'] * 1_000,
}

/** From when on each level holds every flow of the window, epoch milliseconds; -Infinity: all of it. */
export type Availability = Readonly<Record<RollupLevel, number>>

export const ALL_AVAILABLE: Availability = { '1m': -Infinity, '1h': -Infinity, '1d': -Infinity }

/** A stretch of time read from one relation. `from` and `to` are epoch milliseconds, [from, to), whole buckets for a rollup. */
export interface Segment {
  relation: string
  level: RollupLevel | 'raw'
  from: number
  to: number
}

export interface Plan {
  segments: readonly Segment[]
  /** What is really answered: the asked window, widened to whole buckets. */
  from: number
  to: number
  /** Name for people and the API: relations joined by '+', the finest last. */
  rollup: string
  /** Width in seconds of the coarsest bucket; 0 for raw records. */
  resolutionSeconds: number
  /** Set when days are read in which keys below this floor are left out: each key may lack that much a day. */
  floor?: Floor
  /** With `floor`: the same window from the rollup that has everything, for the exact total. Absent where none can tell it. */
  whole?: Plan
}

/** Usual size, smallest first: few ports and protocols, then interfaces, then systems, then hosts, then pairs of hosts. */
const BY_SIZE = ['rollup_service', 'rollup_interface', 'rollup_as', 'rollup_src', 'rollup_dst', 'rollup_conversation'] as const

/** The columns of a rollup. */
const dimsOf = (name: string): readonly string[] => ROLLUPS.find((rollup) => rollup.name === name)?.dims ?? []

/** The smallest rollup that keeps all `columns`, or null when only raw records have them. */
export function chooseRollup(columns: ReadonlySet<string>): string | null {
  for (const name of BY_SIZE) {
    const dims = dimsOf(name)
    if ([...columns].every((column) => dims.includes(column))) return name
  }
  return null
}

const floorTo = (ms: number, width: number): number => Math.floor(ms / width) * width
const ceilTo = (ms: number, width: number): number => Math.ceil(ms / width) * width

/** The window read from raw records, exact to the millisecond. */
export function planRaw(from: number, to: number): Plan {
  return { segments: [{ relation: 'flow', level: 'raw', from, to }], from, to, rollup: 'flow', resolutionSeconds: 0 }
}

/**
 * The window read from a rollup, in as few and as coarse buckets as cover it exactly to the minute, or to what is still kept. `filtered` are
 * the columns of the filter, and those by which the rest must be told: they decide whether the rest of a day below its floor can be told
 * exactly. Where it cannot (the filter is about hosts themselves) hours are read instead of days, as long as they are kept.
 */
export function planRollup(rollup: string, from: number, to: number, available: Availability, filtered: ReadonlySet<string>): Plan {
  const whole = wholeRollup(rollup, filtered)
  const hours = ROLLUP_FLOORS[rollup] !== undefined && whole === null && floorTo(from, LEVEL_MS['1h']) >= available['1h']
  const plan = planSegments(rollup, coverWindow(from, to, available, hours ? '1h' : '1d'), from, to)
  return withFloor(plan, rollup, whole)
}

/** The rollup that has what the floor of `rollup` leaves out, if it keeps the filter's columns. */
function wholeRollup(rollup: string, filtered: ReadonlySet<string>): string | null {
  const whole = ROLLUP_FLOORS[rollup]?.whole
  if (whole === undefined) return null
  // The smallest that leaves nothing out, where the filter lets it.
  for (const name of ['rollup_service', whole]) {
    const dims = dimsOf(name)
    if ([...filtered].every((column) => dims.includes(column))) return name
  }
  return null
}

function withFloor(plan: Plan, rollup: string, whole: string | null): Plan {
  const floor = ROLLUP_FLOORS[rollup]?.floor
  if (floor === undefined || !plan.segments.some((segment) => segment.level === '1d')) return plan
  if (whole === null) return { ...plan, floor }
  return { ...plan, floor, whole: planSegments(whole, plan.segments, plan.from, plan.to) }
}

function planSegments(rollup: string, segments: readonly Piece[], from: number, to: number): Plan {
  const used = [...ROLLUP_LEVELS].reverse().filter((level) => segments.some((segment) => segment.level === level))
  return {
    segments: segments.map(({ level, from: begin, to: end }) => ({ level, from: begin, to: end, relation: `${rollup}_${level}` })),
    from: segments[0]?.from ?? from,
    to: segments.at(-1)?.to ?? to,
    rollup: used.map((level) => `${rollup}_${level}`).join('+'),
    resolutionSeconds: used[0] === undefined ? 0 : LEVEL_SECONDS[used[0]],
  }
}

interface Piece<Level = RollupLevel | 'raw'> {
  level: Level
  from: number
  to: number
}

/** The pieces of the window widened as little as what is kept allows: first at the end, then at the start. Days are always there. */
function coverWindow(from: number, to: number, available: Availability, coarsest: RollupLevel): Piece<RollupLevel>[] {
  let pieces: Piece<RollupLevel>[] = []
  for (const startLevel of ROLLUP_LEVELS) {
    for (const endLevel of ROLLUP_LEVELS) {
      pieces = []
      cut(floorTo(from, LEVEL_MS[startLevel]), ceilTo(to, LEVEL_MS[endLevel]), ROLLUP_LEVELS.indexOf(coarsest), pieces)
      if (pieces.every((piece) => piece.level === '1d' || piece.from >= available[piece.level])) return pieces
    }
  }
  return pieces
}

/** Whole buckets of the level in the middle, the next finer level at both edges. Pieces come in order of time. */
function cut(from: number, to: number, index: number, pieces: Piece<RollupLevel>[]): void {
  if (from >= to) return
  const level = ROLLUP_LEVELS[index]
  if (level === undefined) return
  const width = LEVEL_MS[level]
  const first = index === 0 ? from : ceilTo(from, width)
  const last = index === 0 ? to : floorTo(to, width)
  if (first >= last) {
    cut(from, to, index - 1, pieces)
    return
  }
  cut(from, first, index - 1, pieces)
  pieces.push({ level, from: first, to: last })
  cut(last, to, index - 1, pieces)
}

/** Bucket widths in seconds that people can read on an axis. Those from a minute on are multiples of a rollup level. */
export const NICE_SECONDS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600,
  2_419_200,
] as const

/** All buckets are aligned to this Monday, midnight UTC, so that weeks begin on Monday. */
export const BUCKET_ORIGIN_MS = Date.UTC(2001, 0, 1)

/** The smallest nice width, at least `leastSeconds`, that cuts the window into at most `points` buckets. */
export function niceBucket(from: number, to: number, points: number, leastSeconds: number): number {
  for (const seconds of NICE_SECONDS) {
    if (seconds < leastSeconds) continue
    const window = alignWindow(from, to, seconds)
    if ((window.to - window.from) / (seconds * 1_000) <= points) return seconds
  }
  const widest = NICE_SECONDS.at(-1) ?? 86_400
  return widest * Math.ceil((to - from) / (widest * 1_000) / Math.max(1, points - 1))
}

/** The window widened to whole buckets. */
export function alignWindow(from: number, to: number, bucketSeconds: number): { from: number; to: number } {
  const width = bucketSeconds * 1_000
  return {
    from: BUCKET_ORIGIN_MS + floorTo(from - BUCKET_ORIGIN_MS, width),
    to: BUCKET_ORIGIN_MS + ceilTo(to - BUCKET_ORIGIN_MS, width),
  }
}

/** The coarsest level whose buckets divide `bucketSeconds`, or null below a minute. */
export function levelFor(bucketSeconds: number): RollupLevel | null {
  return [...ROLLUP_LEVELS].reverse().find((level) => bucketSeconds % LEVEL_SECONDS[level] === 0) ?? null
}

/** The finest level that holds everything from `from` on. */
export function finestAvailable(from: number, available: Availability): RollupLevel {
  return ROLLUP_LEVELS.find((level) => floorTo(from, LEVEL_MS[level]) >= available[level]) ?? '1d'
}

/** A window of whole buckets read from one level of a rollup; of hours instead of days where `planRollup` would. */
export function planLevel(
  rollup: string,
  level: RollupLevel,
  from: number,
  to: number,
  available: Availability,
  filtered: ReadonlySet<string>,
): Plan {
  const whole = wholeRollup(rollup, filtered)
  const hours = level === '1d' && ROLLUP_FLOORS[rollup] !== undefined && whole === null && from >= available['1h']
  return withFloor(planSegments(rollup, [{ level: hours ? '1h' : level, from, to }], from, to), rollup, whole)
}
