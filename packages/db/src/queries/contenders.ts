import type pg from 'pg'
import type { Metric } from '../contracts/api.ts'
import type { Plan } from './chooser.ts'
import { Parameters } from './parameters.ts'
import { sourceSql } from './source.ts'

/** What is asked: the `limit` largest by `metric` of a plan without a filter, whose window comes to `total`. */
export interface Contest {
  plan: Plan
  scaled: boolean
  metric: Metric
  limit: number
  total: bigint
}

/** So many pairs of the days are looked at closer; the last of them bounds what all others have there. */
const LOOKED_AT = 1_000
/** With more contenders than this beyond the asked ones, reading everything costs no more. */
const CONTENDERS_MOST = 500
/** Stands for an address that is not known; no real one has this mask. */
const ABSENT = '0.0.0.0/0'

/** Small rows are added up in so many groups of hosts. More of them bound closer and cost more to keep. */
const GROUPS = 4_096
/** A row is large from this part of a day's traffic on. */
const LARGE_PART = 4_000
/** More than this many asked ones lie too close together to be told apart by groups. */
const HOSTS_MOST = 100
const BIGINT_MOST = 2n ** 63n - 1n
/** Sums of doubles are off by far less than this part of them, however many there are. */
const INEXACT = 1e-6

/**
 * The only hosts that can be among the largest; null when that cannot be told cheaply.
 *
 * Nearly all rows are small, and adding each to its own host is most of the work. So only large rows are; small ones are added up by groups
 * of hosts, and no host has more in small rows than its group. What the asked number of hosts have in large rows alone is the least that
 * counts; a host must reach it with all of its group's small rows.
 */
export async function contendingHosts(
  client: pg.PoolClient,
  column: 'src_addr' | 'dst_addr',
  { plan, scaled, metric, limit, total }: Contest,
): Promise<string[] | null> {
  if (limit > HOSTS_MOST) return null
  const days = BigInt(Math.ceil((plan.to - plan.from) / 86_400_000))
  const largeFrom = total / (BigInt(LARGE_PART) * days) + 1n
  if (largeFrom > BIGINT_MOST) return null
  const parameters = new Parameters()
  const source = sourceSql(plan, null, [{ name: 'k1', sql: `coalesce(${column}, '${ABSENT}'::inet)` }], scaled, parameters)
  const large = `${metric} >= ${parameters.add(String(largeFrom), 'bigint')}`
  const group = `hashinet(k1) & ${GROUPS - 1}`
  const { rows } = await client.query<{ host: string | null }>(
    `with part as materialized (
       select case when ${large} then k1 end as host, case when ${large} then -1 else ${group} end as small, sum(${metric}::float8) as value
       from (${source}) part group by 1, 2),
     least as (
       select value * ${1 - INEXACT} as value from part where host is not null
       order by value desc offset ${parameters.add(limit - 1, 'bigint')} limit 1)
     select large.host::text as host from part large join least on true
     left join part rest on rest.small = hashinet(large.host) & ${GROUPS - 1}
     where large.host is not null and large.value + coalesce(rest.value, 0) >= least.value
     union all
     select null from part join least on true where part.host is null and part.value >= least.value
     limit ${limit + CONTENDERS_MOST + 1}`,
    parameters.values,
  )
  const hosts = rows.map(({ host }) => host)
  // A group that reaches it by itself may hide a host without a large row.
  if (hosts.length < limit || hosts.length > limit + CONTENDERS_MOST) return null
  return hosts.every((host) => host !== null && host !== ABSENT) ? (hosts as string[]) : null
}

const PAIR = ['src', 'dst'].map((end, index) => ({ name: `k${index + 1}`, sql: `coalesce(${end}_addr, '${ABSENT}'::inet)` }))

/**
 * The only pairs of hosts that can be among the `limit` largest of a plan that reads days in its middle, without a filter; null when that
 * cannot be told cheaply.
 *
 * At the edges of such a window hours keep every pair, many times what the days hold. But a pair that is small in the days needs much in the
 * edges, and no pair has more there than its source has to all its peers together. So: what the asked number of pairs have
 * in the days alone is the least that counts; a pair of the days must reach it with all of its source's edges, any other with all but what the
 * last pair that was looked at has.
 */
export async function contendingPairs(
  client: pg.PoolClient,
  { plan, scaled, metric, limit }: Omit<Contest, 'total'>,
): Promise<{ src: string[]; dst: string[] } | null> {
  const days = { ...plan, segments: plan.segments.filter(({ level }) => level === '1d') }
  const edges = { ...plan, segments: plan.segments.filter(({ level }) => level !== '1d') }
  if (days.segments.length === 0 || edges.segments.length === 0) return null
  const most = Math.max(LOOKED_AT, limit * 5)
  const sum = `sum(${metric})`

  const looking = new Parameters()
  const { rows: looked } = await client.query<{ src: string; dst: string; value: string }>(
    `select k1::text as src, k2::text as dst, ${sum}::text as value from (${sourceSql(days, null, PAIR, scaled, looking)}) part
     group by k1, k2 order by ${sum} desc limit ${looking.add(most, 'bigint')}`,
    looking.values,
  )
  const least = looked[limit - 1]
  if (least === undefined) return null
  const counts = BigInt(least.value)
  const needed = counts - (looked.length < most ? 0n : BigInt(looked.at(-1)?.value ?? 0))
  if (needed <= 0n) return null

  const adding = new Parameters()
  const hosts = {
    ...edges,
    segments: edges.segments.map((segment) => ({ ...segment, relation: segment.relation.replace('rollup_conversation_', 'rollup_src_') })),
  }
  const { rows: sources } = await client.query<{ src: string; value: string }>(
    `select k1::text as src, ${sum}::text as value from (${sourceSql(hosts, null, PAIR.slice(0, 1), scaled, adding)}) part
     group by k1 having ${sum} >= ${adding.add(String(needed), 'bigint')} or k1 = any(${adding.add([...new Set(looked.map(({ src }) => src))], 'inet[]')})`,
    adding.values,
  )
  const edgesOf = new Map(sources.map(({ src, value }) => [src, BigInt(value)]))
  const pairs = new Map<string, { src: string; dst: string }>()
  for (const { src, dst, value } of looked) if (BigInt(value) + (edgesOf.get(src) ?? 0n) >= counts) pairs.set(`${src} ${dst}`, { src, dst })

  const heavy = [...edgesOf].filter(([, value]) => value >= needed).map(([src]) => src)
  if (heavy.includes(ABSENT)) return null
  if (heavy.length > 0) {
    const finding = new Parameters()
    const source = sourceSql(edges, null, [{ name: 'k1', sql: 'src_addr' }, ...PAIR.slice(1)], scaled, finding)
    const { rows } = await client.query<{ src: string; dst: string }>(
      `select k1::text as src, k2::text as dst from (${source}) part where k1 = any(${finding.add(heavy, 'inet[]')})
       group by k1, k2 having ${sum} >= ${finding.add(String(needed), 'bigint')} limit ${limit + CONTENDERS_MOST + 1}`,
      finding.values,
    )
    for (const { src, dst } of rows) pairs.set(`${src} ${dst}`, { src, dst })
  }
  const contenders = [...pairs.values()]
  if (contenders.length > limit + CONTENDERS_MOST || contenders.some(({ src, dst }) => src === ABSENT || dst === ABSENT)) return null
  return { src: contenders.map(({ src }) => src), dst: contenders.map(({ dst }) => dst) }
}
