import type pg from 'pg'
import type { Metric } from '../contracts/api.ts'
import type { Plan } from './chooser.ts'
import { Parameters } from './parameters.ts'
import { sourceSql } from './source.ts'

/** So many pairs of the days are looked at closer; the last of them bounds what all others have there. */
const LOOKED_AT = 1_000
/** With more contenders than this beyond the asked ones, reading everything costs no more. */
const CONTENDERS_MOST = 500
/** Stands for an address that is not known; no real one has this mask. */
const ABSENT = '0.0.0.0/0'

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
  plan: Plan,
  scaled: boolean,
  metric: Metric,
  limit: number,
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
