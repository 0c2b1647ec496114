import type { PoolClient } from '../connection.ts'
import {
  boundedSum,
  LEVEL_SECONDS,
  ROLLUP_FLOORS,
  ROLLUP_LEVELS,
  ROLLUP_PEAK,
  ROLLUP_SUMS,
  ROLLUPS,
  type RollupLevel,
  sumColumns,
} from '../rollups.ts'
import type { Floors } from './floor.ts'
import { bin, transaction } from './fold.ts'

/*
 * Rewriting closed buckets of the `postgres` engine, in words.
 *
 * Folds leave an hour in many parts, each a sum of what one fold took. Once the hour is over, nothing of it is pending and it was left alone
 * for a while, it is written again from its minutes as one part, and then its greatest minutes are known too (a part cannot know: the minute
 * goes on in the next part). A day is written from its hours, and there the keys below the floor are left out. What comes later makes a new
 * part, and the bucket is written again. Where the finer level no longer holds all of the bucket, the parts are only added up.
 */

/**
 * When a bucket is worth rewriting: it ended `graceMs` ago, its peaks are not known, and nothing came for `quietMs` or a lot did (slices of
 * flows that lasted a day keep all of its hours from being quiet).
 */
const COMPACT: Readonly<Record<'1h' | '1d', { graceMs: number; quietMs: number; parts: number; buckets: number }>> = {
  '1h': { graceMs: 15 * 60_000, quietMs: 10 * 60_000, parts: 16, buckets: 4 },
  '1d': { graceMs: 3 * 3_600_000, quietMs: 3_600_000, parts: 16, buckets: 1 },
}

/** Rewrite closed buckets. Returns how many. */
export async function compactDue(client: PoolClient, level: '1h' | '1d', now: Date, floors: Floors): Promise<number> {
  const rule = COMPACT[level]
  const index = ROLLUP_LEVELS.indexOf(level)
  const finer = ROLLUP_LEVELS[index - 1] ?? '1m'
  const pending = (of: RollupLevel, level: number, to: string) =>
    `exists (select from ${ROLLUPS[0].name}_${of}_data d where d.bucket >= r.bucket and d.bucket < r.bucket + ${to}
       and d.fold in (select id from rollup_pending where level = ${level}))`
  const { rows } = await client.query<{ bucket: Date }>(
    `select bucket from (
       select * from rollup_part where level = $1 and not peaks and bucket < $2 and (touched_at < $3 or parts >= $6) order by bucket desc limit 50) r
     where not ${pending(finer, index, '$4::interval')} and not ${pending(level, index + 1, `interval '1 microsecond'`)}
       -- The day's hours first.
       and not exists (select from rollup_part f where f.level = $1 - 1 and f.level > 0 and not f.peaks and f.bucket >= r.bucket and f.bucket < r.bucket + $4::interval)
     order by bucket desc limit $5`,
    [
      index,
      new Date(now.getTime() - rule.graceMs - LEVEL_SECONDS[level] * 1000),
      new Date(now.getTime() - rule.quietMs),
      `${LEVEL_SECONDS[level]} seconds`,
      rule.buckets,
      rule.parts,
    ],
  )
  for (const { bucket } of rows) await transaction(client, () => compact(client, level, [bucket], floors))
  return rows.length
}

/**
 * Inside a transaction, with nothing of the buckets pending above the raw rows: rewrite each as one part, from the finer level where that
 * has all of it.
 */
export async function compact(client: PoolClient, level: RollupLevel, buckets: readonly Date[], floors: Floors): Promise<void> {
  const index = ROLLUP_LEVELS.indexOf(level)
  const whole = await wholeBelow(client, level, buckets)
  const others = buckets.filter((bucket) => !whole.some((one) => one.getTime() === bucket.getTime()))
  if (whole.length > 0) await rewrite(client, level, whole, floors)
  if (others.length > 0) await addUp(client, level, others)
  await client.query('update rollup_part set parts = 1, peaks = true where level = $1 and bucket = any($2)', [index, buckets])
}

/**
 * The buckets whose finer level holds all of them. A finer partition that is there proves nothing: retention may have dropped it and a late
 * flow made it again. So the sums are compared, in the smallest rollup.
 */
async function wholeBelow(client: PoolClient, level: RollupLevel, buckets: readonly Date[]): Promise<Date[]> {
  const finer = ROLLUP_LEVELS[ROLLUP_LEVELS.indexOf(level) - 1]
  if (finer === undefined) return []
  const sums = `row(coalesce(sum(flows), 0), coalesce(sum(bytes), 0), coalesce(sum(packets), 0))`
  const { rows } = await client.query<{ bucket: Date }>(
    `select b as bucket from unnest($1::timestamptz[]) b
     where (select ${sums} from ${ROLLUPS[0].name}_${level}_data where bucket = b)
       = (select ${sums} from ${ROLLUPS[0].name}_${finer}_data where bucket >= b and bucket < b + $2::interval)`,
    [buckets, `${LEVEL_SECONDS[level]} seconds`],
  )
  return rows.map((row) => row.bucket)
}

const NOT_NOTHING = 'sum(flows) <> 0 or sum(bytes) <> 0 or sum(packets) <> 0'

async function rewrite(client: PoolClient, level: RollupLevel, buckets: readonly Date[], floors: Floors): Promise<void> {
  const finer = ROLLUP_LEVELS[ROLLUP_LEVELS.indexOf(level) - 1]
  if (finer === undefined) return
  // What a key's minute comes to; or the greatest minute of its hour, known when the hour is one row that knows.
  const peak = finer === '1m' ? boundedSum('scaled_bytes') : `case when count(*) = 1 then max(${ROLLUP_PEAK}) end`
  for (const { name, dims } of ROLLUPS) {
    const data = `${name}_${level}_data`
    const floor = level === '1d' ? floors[ROLLUP_FLOORS[name]?.floor ?? 'hosts'] : 0
    const floored = floor > 0 && ROLLUP_FLOORS[name] !== undefined
    for (const bucket of buckets) {
      await client.query(`delete from ${data} where bucket = $1`, [bucket])
      await client.query(
        `insert into ${data} (bucket, ${dims.join(', ')}, ${sumColumns(level).join(', ')}, fold)
         select ${bin(level, 'bucket')}, ${dims.join(', ')}, ${ROLLUP_SUMS.map(boundedSum).join(', ')}, case when bool_and(peak is not null) then max(peak) end, 0
         from (
           select bucket, ${dims.join(', ')}, ${ROLLUP_SUMS.map((sum) => `${boundedSum(sum)} as ${sum}`).join(', ')}, ${peak} as peak
           from ${name}_${finer}_data where bucket >= $1 and bucket < $2 group by bucket, ${dims.join(', ')}) fine
         group by 1, ${dims.join(', ')} having ${floored ? 'sum(scaled_bytes) >= $3' : NOT_NOTHING}`,
        [bucket, new Date(bucket.getTime() + LEVEL_SECONDS[level] * 1000), ...(floored ? [floor] : [])],
      )
    }
  }
}

/** Add up the parts: minutes after a deletion, and hours and days whose finer level is gone. */
async function addUp(client: PoolClient, level: RollupLevel, buckets: readonly Date[]): Promise<void> {
  for (const { name, dims } of ROLLUPS) {
    const data = `${name}_${level}_data`
    const peak = level === '1m' ? '' : `, case when count(*) = 1 then max(${ROLLUP_PEAK}) end`
    await client.query(
      `with taken as (delete from ${data} where bucket = any($1) returning *)
       insert into ${data} (bucket, ${dims.join(', ')}, ${sumColumns(level).join(', ')}, fold)
       select bucket, ${dims.join(', ')}, ${ROLLUP_SUMS.map(boundedSum).join(', ')}${peak}, 0 from taken
       group by bucket, ${dims.join(', ')}
       -- Flows that were deleted left parts that cancel out.
       having ${NOT_NOTHING}
       order by 1`,
      [buckets],
    )
  }
}
