import type pg from 'pg'
import { DIMENSIONS, type Dimension, type TopAnswer } from '../contracts/api.ts'
import type { TopQuestion } from '../contracts/questions.ts'
import { type Contest, contendingHosts, contendingPairs } from './contenders.ts'
import { dimensionColumns, groupKeys, Names, nameKey } from './dimensions.ts'
import { Parameters } from './parameters.ts'
import { readPeaks } from './peaks.ts'
import { checkCount, checkDimension, checkWindow } from './question.ts'
import { onSnapshot } from './session.ts'
import {
  addSums,
  asksSightings,
  NO_SUMS,
  planReading,
  readAvailability,
  readFloor,
  readTotal,
  type SumRow,
  type Sums,
  shareOf,
  sourceSql,
  subtract,
  sumsObject,
  sumsOf,
} from './source.ts'

const LIMIT = { least: 1, most: 1_000, otherwise: 10 } as const

interface GroupRow extends SumRow {
  total: boolean
  w_flows: string | null
  w_bytes: string | null
  w_packets: string | null
  t1: string | null
  t2: string | null
}

/**
 * The largest values of one dimension in a window, the exact rest and the total.
 *
 * Rows, rest and total come from one scan (or snapshot, where days leave out what is below a floor), so rest is never negative and
 * rows + rest = total, whatever arrives meanwhile. Of hosts and pairs of hosts over days only those are read that can be among the largest
 * (`contend`; a test compares with reading all). Equal values are ordered by key. Throws QueryError: see `QUERY_ERROR_CODES`.
 */
export async function top(pool: pg.Pool, question: TopQuestion, contend = true): Promise<TopAnswer> {
  const dimension = checkDimension(question.dimension, DIMENSIONS)
  const limit = checkCount(question.limit, 'limit', LIMIT.least, LIMIT.most, LIMIT.otherwise)
  const window = checkWindow(question)
  const { metric, scaled, filter, precision } = window
  return onSnapshot(pool, async (client) => {
    const available = await readAvailability(client, window.from, window.to, Date.now())
    const { plan } = await planReading(client, { filter, columns: dimensionColumns(dimension) }, window.from, window.to, available)
    const keys = groupKeys(dimension, precision)
    const parameters = new Parameters()
    const sightings = asksSightings(filter, dimensionColumns(dimension))
    const source = sourceSql(
      plan,
      filter,
      [...keys, { name: 'witnessed', sql: sightings ? 'witness is true' : 'false' }],
      scaled,
      parameters,
    )
    const sums = ['flows', 'bytes', 'packets']
    const witnessed = sums.map((sum) => `sum(${sum}) filter (where witnessed) as w_${sum}`).join(', ')
    const names = keys.map((key) => key.name).join(', ')
    const texts = keys.map((key, index) => `${key.text} as t${index + 1}`).join(', ')
    const floor = await readFloor(client, plan)
    // Where another rollup tells the total, the groups need not be added up, nor kept for that.
    const apart = floor === null ? undefined : plan.whole
    const whole = apart === undefined ? null : await readTotal(client, apart, filter, scaled)
    const among =
      contend && whole !== null && precision === 'host' && filter === null
        ? await amongContenders(client, dimension, { plan, scaled, metric, limit, total: whole[metric] }, parameters)
        : ''
    const order = `order by ${metric} desc, ${keys.map((key) => `${key.name} nulls last`).join(', ')}`
    const best = `${order} limit ${parameters.add(limit, 'bigint')}`
    const grouped = `select ${names}, sum(flows) as flows, sum(bytes) as bytes, sum(packets) as packets${sightings ? `, ${witnessed}` : ''}
      from (${source}) part ${among} group by ${names}`
    const shownRows = (from: string) =>
      `select false as total, ${texts}, flows, bytes, packets, ${sums.map((sum) => `null::numeric as w_${sum}`).join(', ')} from ${from}`
    const { rows } = await client.query<GroupRow>(
      apart !== undefined
        ? `${shownRows(`(${grouped} ${best}) grouped`)} ${order}`
        : `with grouped as materialized (${grouped})
           (${shownRows('grouped')} ${best})
           union all
           select true, ${keys.map(() => 'null').join(', ')}, sum(flows), sum(bytes), sum(packets),
             ${sums.map((sum) => (sightings ? `sum(w_${sum})` : 'null')).join(', ')} from grouped`,
      parameters.values,
    )
    const groups = rows.filter((row) => !row.total)
    const shown = groups.map(sumsOf).reduce(addSums, NO_SUMS)
    const told = rows.find((row) => row.total && row.flows !== null)
    // In `timescale` two rollups may have come differently far with late flows: the total is never less than what is shown of it.
    const total = whole === null ? sumsOf(told) : atLeast(whole, shown)
    const rest = subtract(total, shown)
    const keyTexts = groups.map((row) => keys.map((_, index) => (index === 0 ? row.t1 : row.t2)))
    const known = await Names.load(client, dimension, keyTexts)
    const peaks = question.peak === true && scaled ? await readPeaks(client, plan, filter, keys, keyTexts, available) : null
    return {
      dimension,
      from: new Date(plan.from).toISOString(),
      to: new Date(plan.to).toISOString(),
      metric,
      scaled,
      filter: window.filterText,
      rollup: plan.rollup,
      resolutionSeconds: plan.resolutionSeconds,
      rows: groups.map((row, index) => {
        const sums = sumsOf(row)
        return {
          ...nameKey(dimension, keyTexts[index] ?? [], known),
          ...sumsObject(sums, metric),
          share: shareOf(sums[metric], total[metric]),
          ...(question.peak === true ? { peakBytes: peaks?.[index] ?? null } : {}),
        }
      }),
      rest: { ...sumsObject(rest, metric), share: shareOf(rest[metric], total[metric]) },
      total: sumsObject(total, metric),
      ...(floor === null ? {} : { floor }),
      ...(sightings
        ? { witnesses: { flows: Number(told?.w_flows ?? 0), bytes: Number(told?.w_bytes ?? 0), packets: Number(told?.w_packets ?? 0) } }
        : {}),
    }
  })
}

/** SQL that keeps those rows alone whose key can be among the largest; nothing where that cannot be told. */
async function amongContenders(client: pg.PoolClient, dimension: Dimension, asked: Contest, parameters: Parameters): Promise<string> {
  if (dimension === 'conversation') {
    const pairs = await contendingPairs(client, asked)
    if (pairs === null) return ''
    const src = parameters.add(pairs.src, 'inet[]')
    return `where k1 = any(${src}) and (k1, k2) in (select * from unnest(${src}, ${parameters.add(pairs.dst, 'inet[]')}))`
  }
  if (dimension !== 'src_addr' && dimension !== 'dst_addr') return ''
  const hosts = await contendingHosts(client, dimension, asked)
  return hosts === null ? '' : `where k1 = any(${parameters.add(hosts, 'inet[]')})`
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)

function atLeast(sums: Sums, least: Sums): Sums {
  return { flows: larger(sums.flows, least.flows), bytes: larger(sums.bytes, least.bytes), packets: larger(sums.packets, least.packets) }
}
