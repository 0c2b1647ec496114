import type pg from 'pg'
import type { Filter } from '../contracts/filter.ts'
import { LEVEL_SECONDS, ROLLUP_PEAK, type RollupLevel } from '../rollups.ts'
import type { Availability, Plan, Segment } from './chooser.ts'
import type { GroupKey } from './dimensions.ts'
import { Parameters } from './parameters.ts'
import { sourceSql } from './source.ts'

/*
 * The greatest minute of some groups, exactly, from as little as will do.
 *
 * An hour (or day) of a rollup knows the greatest minute of each of its keys. That is the group's when the group is one key there and the row
 * knows it; else it is no more than the sum of what its rows know, because at worst all of them have their greatest minute together. So
 * first everything is read at the plan's levels; then, where an hour could still hold more than the best minute known, its minutes are read.
 */

/** Hours whose minutes one answer reads at most. */
const HOURS_MOST = 48
const CANDIDATES_MOST = 10_000

interface Judged {
  rank: number
  level: RollupLevel
  /** Epoch milliseconds. */
  bucket: number
  /** At most this many octets in a minute of the bucket. */
  most: bigint
}

/**
 * Octets (scaled) in the greatest minute of each group, in the order of `keyTexts`, the texts of its keys; null where that is not known any
 * more or would cost too much to find out. Null in all for raw records, which have no minutes to look up.
 */
export async function readPeaks(
  client: pg.PoolClient,
  plan: Plan,
  filter: Filter | null,
  keys: readonly GroupKey[],
  keyTexts: readonly (readonly (string | null)[])[],
  available: Availability,
): Promise<(number | null)[] | null> {
  if (plan.resolutionSeconds === 0 || keyTexts.length === 0) return null
  const relation = (level: RollupLevel) => plan.segments[0]?.relation.replace(/_1[mhd]$/, `_${level}`) ?? ''
  const best = new Map<number, bigint>()
  const lost = new Set<number>()
  const beats = ({ rank, most }: Judged) => most > (best.get(rank) ?? 0n)
  const look = async (segments: readonly Segment[]): Promise<Judged[]> => {
    if (segments.length === 0) return []
    const { found, open } = await judge(client, segments, filter, keys, keyTexts)
    for (const [rank, value] of found) if (value > (best.get(rank) ?? 0n)) best.set(rank, value)
    if (open.length > CANDIDATES_MOST) for (const { rank } of open) lost.add(rank)
    return open
  }
  /** Look into buckets of one level, if what they are made of is still there. */
  const lookInto = (candidates: readonly Judged[], finer: RollupLevel): Promise<Judged[]> => {
    const width = candidates[0] === undefined ? 0 : LEVEL_SECONDS[candidates[0].level] * 1000
    const buckets = new Set<number>()
    for (const { rank, bucket } of candidates) {
      if (bucket >= available[finer]) buckets.add(bucket)
      else lost.add(rank)
    }
    return look([...buckets].map((from) => ({ relation: relation(finer), level: finer, from, to: from + width })))
  }
  const open = await look(plan.segments)
  const days = open.filter((one) => one.level === '1d' && beats(one))
  const hours = [...open.filter((one) => one.level === '1h'), ...(await lookInto(days, '1h'))]
  // The most promising hour of each group first: what it holds settles most of the others.
  const first = new Map<number, Judged>()
  for (const one of hours.filter(beats)) if (one.most > (first.get(one.rank)?.most ?? -1n)) first.set(one.rank, one)
  const promising = [...first.values()].sort((a, b) => a.rank - b.rank).slice(0, HOURS_MOST / 2)
  await lookInto(promising, '1m')
  const seen = new Set(promising.map((one) => one.bucket))
  const left = hours.filter((one) => beats(one) && !lost.has(one.rank) && !seen.has(one.bucket))
  const buckets = new Set<number>()
  const affordable: Judged[] = []
  for (const one of left.sort((a, b) => a.rank - b.rank)) {
    if (!buckets.has(one.bucket) && buckets.size >= HOURS_MOST / 2) lost.add(one.rank)
    else {
      buckets.add(one.bucket)
      affordable.push(one)
    }
  }
  await lookInto(
    affordable.filter((one) => !lost.has(one.rank)),
    '1m',
  )
  return keyTexts.map((_, index) => (lost.has(index + 1) ? null : Number(best.get(index + 1) ?? 0n)))
}

/** What the buckets of some segments say: the greatest exact minute per rank, and the buckets that may hold more than is known. */
async function judge(
  client: pg.PoolClient,
  segments: readonly Segment[],
  filter: Filter | null,
  keys: readonly GroupKey[],
  keyTexts: readonly (readonly (string | null)[])[],
): Promise<{ found: Map<number, bigint>; open: Judged[] }> {
  const parameters = new Parameters()
  const parts = segments.map((segment) => {
    const selected = [
      { name: 'bucket', sql: '$time' },
      { name: 'level', sql: `'${segment.level}'` },
      ...keys,
      { name: 'peak', sql: segment.level === '1m' ? 'null::bigint' : ROLLUP_PEAK },
    ]
    const plan: Plan = { segments: [segment], from: segment.from, to: segment.to, rollup: segment.relation, resolutionSeconds: 60 }
    return sourceSql(plan, filter, selected, true, parameters)
  })
  const arrays = keys.map((_, index) =>
    parameters.add(
      keyTexts.map((texts) => texts[index] ?? ''),
      'text[]',
    ),
  )
  const absent = keys.map((_, index) =>
    parameters.add(
      keyTexts.map((texts) => (texts[index] === null || texts[index] === undefined ? 1 : 0)),
      'int[]',
    ),
  )
  const names = keys.flatMap((_, index) => [`t${index}`, `a${index}`])
  const shown = keys.map((key, index) => `case when a${index} = 1 then ${key.absent} else t${index}::${key.type} end as ${key.name}`)
  const { rows } = await client.query<{ rank: number; level: RollupLevel; bucket: string; exact: string | null; most: string }>(
    `with shown as (
       select rank::int as rank, ${shown.join(', ')}
       from unnest(${arrays.map((array, index) => `${array}, ${absent[index]}`).join(', ')}) with ordinality s (${names.join(', ')}, rank)),
     part as (${parts.join('\nunion all\n')}),
     bucketed as (
       select shown.rank, level, bucket, count(*) as n, sum(bytes) as bytes, sum(coalesce(peak, bytes)) as most, max(peak) as least, bool_or(peak is null) as unknown
       from part join shown on ${keys.map((key) => `coalesce(part.${key.name}, ${key.absent}) = shown.${key.name}`).join(' and ')}
       group by 1, 2, 3),
     judged as (
       select *, case when level = '1m' then bytes when n = 1 and not unknown then least end as exact from bucketed),
     bound as (select rank, max(exact) as exact, max(coalesce(exact, least)) as least from judged group by rank)
     select rank, '1m' as level, '0' as bucket, exact::text, '0' as most from bound where exact is not null
     union all
     (select j.rank, j.level, (extract(epoch from j.bucket) * 1000)::bigint::text, null, j.most::text
      from judged j join bound b using (rank) where j.exact is null and j.most > coalesce(b.least, 0)
        or j.exact is null and j.most = b.least and b.least > coalesce(b.exact, 0)
      order by j.most desc limit ${parameters.add(CANDIDATES_MOST + 1, 'bigint')})`,
    parameters.values,
  )
  const found = new Map<number, bigint>()
  const open: Judged[] = []
  for (const { rank, level, bucket, exact, most } of rows) {
    if (exact !== null) found.set(rank, BigInt(exact))
    else open.push({ rank, level, bucket: Number(bucket), most: BigInt(most) })
  }
  return { found, open }
}
