import type pg from 'pg'
import { DIMENSIONS, type Dimension, type Series, type TimeseriesAnswer } from '../contracts/api.ts'
import { bothFilters, type Filter } from '../contracts/filter-ast.ts'
import type { TimeseriesQuestion } from '../contracts/questions.ts'
import { LEVEL_SECONDS } from '../rollups.ts'
import {
  type Availability,
  alignWindow,
  BUCKET_ORIGIN_MS,
  chooseRollup,
  finestAvailable,
  levelFor,
  niceBucket,
  type Plan,
  planLevel,
  planRaw,
  planRollup,
} from './chooser.ts'
import { dimensionColumns, type GroupKey, groupKeys, Names, nameKey } from './dimensions.ts'
import { filterColumns } from './filter-sql.ts'
import { Parameters } from './parameters.ts'
import { type CheckedWindow, checkCount, checkDimension, checkWindow } from './question.ts'
import { onSnapshot } from './session.ts'
import {
  asksSightings,
  checkRaw,
  countFlows,
  type Kept,
  type Reading,
  readAvailability,
  readFloor,
  readingColumns,
  type SumRow,
  sourceSql,
} from './source.ts'

/** The most buckets a chart can show (STACK, "Charts"), and the default. */
export const POINTS_MOST = 300
const SERIES = { least: 1, most: 20, otherwise: 8 } as const

/** Buckets below a minute come from raw records: only for short windows with few flows, and only when the caller asks for that many points. */
const FINE_WINDOW_MS = 15 * 60_000
const FINE_FLOWS = 1_000_000
const FINE_SECONDS = 10

/** After this long without any flow, nothing is being received: the same bound that makes an exporter "silent". */
export const SILENT_SECONDS = 300

interface BucketRow {
  bucket: string
  rank: number | null
  value: string
}

interface Shape {
  bucketSeconds: number
  from: number
  to: number
  plan: Plan
}

/**
 * Sums per bucket, for the total or for the largest values of a dimension with the exact rest as 'other'.
 *
 * The window is widened to whole buckets and ends with the bucket of the present. Buckets are evenly spaced and aligned to UTC days and
 * Mondays. **Gaps:** a bucket is null when no flow at all (of any exporter, or of the exporters the filter selects) ended in it nor in the
 * five minutes before its end: nothing was being received. Otherwise no matching flow is 0. Parts of long flows show all the same. With the dimension `exporter` this holds for
 * each exporter on its own. Throws QueryError: see `QUERY_ERROR_CODES`.
 */
export async function timeseries(pool: pg.Pool, question: TimeseriesQuestion): Promise<TimeseriesAnswer> {
  const dimension =
    question.dimension === undefined || question.dimension === null || question.dimension === ''
      ? null
      : checkDimension(question.dimension, DIMENSIONS)
  const points = checkCount(question.points, 'points', 1, POINTS_MOST, POINTS_MOST)
  const limit = checkCount(question.limit, 'limit', SERIES.least, SERIES.most, SERIES.otherwise)
  const window = checkWindow(question)
  return onSnapshot(pool, async (client) => {
    const now = Date.now()
    const available = await readAvailability(client, window.from, window.to, now)
    const reading = { filter: window.filter, columns: dimension === null ? [] : dimensionColumns(dimension) }
    const shape = await chooseShape(client, reading, window, points, question.points !== undefined, available, now)
    const width = shape.bucketSeconds * 1_000
    const times = Array.from({ length: Math.round((shape.to - shape.from) / width) }, (_, index) => shape.from + index * width)
    const receiving = () => readReceiving(client, window.filter, shape, dimension === 'exporter', available)
    const series =
      dimension === null
        ? await totalSeries(client, window, shape, times, receiving)
        : await dimensionSeries(client, dimension, window, shape, times, limit, available, await receiving())
    const floor = dimension === null ? null : await readFloor(client, shape.plan)
    return {
      dimension,
      from: new Date(shape.from).toISOString(),
      to: new Date(shape.to).toISOString(),
      metric: window.metric,
      scaled: window.scaled,
      filter: window.filterText,
      rollup: shape.plan.rollup,
      resolutionSeconds: shape.plan.resolutionSeconds,
      bucketSeconds: shape.bucketSeconds,
      times,
      series,
      ...(floor === null ? {} : { floor }),
      ...(asksSightings(window.filter, reading.columns) ? { sightings: true as const } : {}),
    }
  })
}

async function chooseShape(
  client: pg.PoolClient,
  reading: Reading,
  window: CheckedWindow,
  points: number,
  fineAsked: boolean,
  available: Kept,
  now: number,
): Promise<Shape> {
  const rollup = chooseRollup(readingColumns(reading))
  const short = window.to - window.from <= FINE_WINDOW_MS && (await available.raw()) <= window.from
  const fine = fineAsked && short && (await countFlows(client, window.from, window.to, available)) <= FINE_FLOWS
  let least = 60
  if (fine) least = FINE_SECONDS
  else if (rollup !== null) least = LEVEL_SECONDS[finestAvailable(window.from, available)]
  const bucketSeconds = niceBucket(window.from, window.to, points, least)
  const aligned = alignWindow(window.from, window.to, bucketSeconds)
  // No bucket lies wholly in the future, unless the window does.
  const present = alignWindow(now, now + 1, bucketSeconds).to
  const to = aligned.from < present ? Math.min(aligned.to, present) : aligned.to
  const level = levelFor(bucketSeconds)
  if (rollup !== null && level !== null) {
    const plan = planLevel(rollup, level, aligned.from, to, available, filterColumns(reading.filter))
    return { bucketSeconds, from: aligned.from, to, plan }
  }
  await checkRaw(client, reading, aligned.from, to, available)
  return { bucketSeconds, from: aligned.from, to, plan: planRaw(aligned.from, to) }
}

/** SQL of the bucket a row belongs to. */
function bucketSql(bucketSeconds: number, parameters: Parameters): string {
  return `date_bin(${parameters.add(`${bucketSeconds} seconds`, 'interval')}, $time, ${parameters.addTime(BUCKET_ORIGIN_MS)})`
}

const EPOCH_MS = '(extract(epoch from bucket) * 1000)::bigint::text'

async function totalSeries(
  client: pg.PoolClient,
  window: CheckedWindow,
  shape: Shape,
  times: readonly number[],
  receiving: () => Promise<Receiving>,
): Promise<Series[]> {
  const sums = await bucketSums(client, window, shape)
  // Where every bucket holds something, nobody asks why one is empty.
  const seen = times.every((time) => (sums.get(time) ?? 0n) !== 0n) ? null : await receiving()
  return [oneSeries({ key: '', label: 'total', filter: window.filterText }, sums, times, (time) => seen?.any(time) ?? true)]
}

/** What each bucket comes to in all. */
async function bucketSums(client: pg.PoolClient, window: CheckedWindow, shape: Shape): Promise<Map<number, bigint>> {
  const parameters = new Parameters()
  const source = sourceSql(
    shape.plan,
    window.filter,
    [{ name: 'bucket', sql: bucketSql(shape.bucketSeconds, parameters) }],
    window.scaled,
    parameters,
  )
  const { rows } = await client.query<BucketRow>(
    `select ${EPOCH_MS} as bucket, 0 as rank, sum(${window.metric})::text as value from (${source}) part group by bucket`,
    parameters.values,
  )
  return new Map(rows.map((row) => [Number(row.bucket), BigInt(row.value)]))
}

function oneSeries(
  name: { key: string | null; label: string; filter: string },
  sums: ReadonlyMap<number, bigint>,
  times: readonly number[],
  received: (time: number) => boolean,
): Series {
  let total = 0n
  for (const sum of sums.values()) total += sum
  const values = times.map((time) => {
    const sum = sums.get(time)
    // Nothing is also what the parts of a long flow add to `flows` in the minutes before its end.
    if (sum !== undefined && sum !== 0n) return Number(sum)
    return received(time) ? 0 : null
  })
  return { ...name, values, total: Number(total) }
}

interface RankRow extends SumRow {
  t1: string | null
  t2: string | null
}

async function dimensionSeries(
  client: pg.PoolClient,
  dimension: Dimension,
  window: CheckedWindow,
  shape: Shape,
  times: readonly number[],
  limit: number,
  available: Availability,
  receiving: Receiving,
): Promise<Series[]> {
  const keys = groupKeys(dimension, window.precision)
  const parameters = new Parameters()
  const names = keys.map((key) => key.name).join(', ')
  // The ranking reads the same window in the coarsest buckets that cover it; both are whole buckets, so both hold the same flows.
  const rollup = chooseRollup(new Set([...filterColumns(window.filter), ...dimensionColumns(dimension)]))
  const rankPlan =
    shape.plan.resolutionSeconds === 0 || rollup === null
      ? shape.plan
      : planRollup(rollup, shape.from, shape.to, available, filterColumns(window.filter))
  const rankSource = sourceSql(rankPlan, window.filter, keys, window.scaled, parameters)
  const bucketed = [{ name: 'bucket', sql: bucketSql(shape.bucketSeconds, parameters) }, ...keys]
  const source = sourceSql(shape.plan, window.filter, bucketed, window.scaled, parameters)
  const ranked = `ranked as materialized (
    select row_number() over (order by sum(${window.metric}) desc, ${keys.map((key) => `${key.name} nulls last`).join(', ')})::int as rank, ${names}
    from (${rankSource}) part group by ${names} order by rank limit ${parameters.add(limit, 'bigint')})`
  const join = keys.map((key) => `${present(key, 'ranked')} = ${present(key, 'part')}`).join(' and ')
  const { rows } = await client.query<BucketRow & Partial<RankRow>>(
    `with ${ranked}
     select null as bucket, rank, null as value, ${keys.map((key, index) => `${key.text} as t${index + 1}`).join(', ')} from ranked
     union all
     (select ${EPOCH_MS}, ranked.rank, sum(part.${window.metric})::text, ${keys.map(() => 'null').join(', ')}
      from (${source}) part left join ranked on ${join} group by part.bucket, ranked.rank)`,
    parameters.values,
  )
  const tops = rows.filter((row) => row.bucket === null).sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
  const sums = new Map<number | null, Map<number, bigint>>()
  for (const row of rows) {
    if (row.bucket === null) continue
    const own = sums.get(row.rank) ?? new Map<number, bigint>()
    own.set(Number(row.bucket), BigInt(row.value))
    sums.set(row.rank, own)
  }
  const keyTexts = tops.map((row) => keys.map((_, index) => (index === 0 ? row.t1 : row.t2) ?? null))
  const known = await Names.load(client, dimension, keyTexts)
  const series = tops.map((row, index) => {
    const texts = keyTexts[index] ?? []
    const own = dimension === 'exporter' ? Number(texts[0]) : null
    const received = own === null ? (time: number) => receiving.any(time) : (time: number) => receiving.exporter(own, time)
    return oneSeries(nameKey(dimension, texts, known), sums.get(row.rank) ?? new Map(), times, received)
  })
  const other = { key: '', label: 'other', filter: window.filterText }
  const rest = sums.get(null) ?? new Map<number, bigint>()
  if (shape.plan.whole !== undefined) {
    // Days without what is below their floor: the rest is what the whole comes to, less what is shown of it.
    for (const [bucket, sum] of await bucketSums(client, window, { ...shape, plan: shape.plan.whole })) {
      let left = sum
      for (const [rank, own] of sums) if (rank !== null) left -= own.get(bucket) ?? 0n
      if (left > (rest.get(bucket) ?? 0n)) rest.set(bucket, left)
    }
  }
  return [...series, oneSeries(other, rest, times, (time) => receiving.any(time))]
}

/** A key that can be joined by equality: a value that no key has stands for null. */
function present(key: GroupKey, relation: string): string {
  return `coalesce(${relation}.${key.name}, ${key.absent})`
}

/** Whether flows were being received in the bucket that starts at a time. */
interface Receiving {
  any(time: number): boolean
  exporter(id: number, time: number): boolean
}

/**
 * In which buckets flows were being received, read from the interface rollup: it is small, and knows the exporter. Of the filter only
 * the top-level conditions on exporters count.
 */
async function readReceiving(
  client: pg.PoolClient,
  filter: Filter | null,
  shape: Shape,
  perExporter: boolean,
  available: Availability,
): Promise<Receiving> {
  const lookback = Math.max(shape.bucketSeconds, SILENT_SECONDS) * 1_000
  const width = shape.bucketSeconds * 1_000
  const finest = finestAvailable(shape.from - lookback, available)
  const wanted = levelFor(shape.bucketSeconds) ?? '1m'
  const level = LEVEL_SECONDS[wanted] >= LEVEL_SECONDS[finest] ? wanted : finest
  const step = LEVEL_SECONDS[level] * 1_000
  const from = Math.floor((shape.from + width - lookback) / step) * step
  const parameters = new Parameters()
  const plan = planLevel('rollup_interface', level, from, shape.to, available, new Set())
  const selected = [{ name: 'bucket', sql: '$time' }, ...(perExporter ? [{ name: 'exporter_id', sql: 'exporter_id' }] : [])]
  const source = sourceSql(plan, exporterConditions(filter), selected, false, parameters)
  const { rows } = await client.query<{ bucket: string; exporter_id?: number }>(
    `select distinct ${EPOCH_MS} as bucket${perExporter ? ', exporter_id' : ''} from (${source}) part where flows <> 0`,
    parameters.values,
  )
  const all = new Set<number>()
  const byExporter = new Map<number, Set<number>>()
  for (const row of rows) {
    all.add(Number(row.bucket))
    if (row.exporter_id === undefined) continue
    const own = byExporter.get(row.exporter_id) ?? new Set<number>()
    own.add(Number(row.bucket))
    byExporter.set(row.exporter_id, own)
  }
  const received = (seen: ReadonlySet<number>, time: number): boolean => {
    const end = time + width
    for (let at = Math.floor((end - lookback) / step) * step; at < end; at += step) if (seen.has(at)) return true
    return false
  }
  return { any: (time) => received(all, time), exporter: (id, time) => received(byExporter.get(id) ?? new Set(), time) }
}

function exporterConditions(filter: Filter | null): Filter | null {
  if (filter === null) return null
  const items = filter.kind === 'and' ? filter.items : [filter]
  return items
    .filter((item) => [...filterColumns(item)].every((column) => column === 'exporter_id'))
    .reduce<Filter | null>(bothFilters, null)
}
