import type pg from 'pg'
import type { Metric } from '../contracts/api.ts'
import type { Filter } from '../contracts/filter.ts'
import { QueryError } from '../contracts/query-error.ts'
import { DEFAULT_RETENTION_DAYS, TIERS, type Tier } from '../rollups.ts'
import { type Availability, chooseRollup, type Plan, planRaw, planRollup } from './chooser.ts'
import { filterColumns, filterSql } from './filter-sql.ts'
import type { Parameters } from './parameters.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Raw records one question may read: about ten seconds of work of one core. */
export const RAW_LIMIT = 20_000_000

/**
 * A window may become this much longer by whole minutes. Ten seconds of a flood told as a minute of it would be another number than the one
 * whose link was followed: so short a window is read from the raw records, as long as they are kept.
 */
const WIDENED_MOST = 1.5

/** What the question reads besides its window. */
export interface Reading {
  filter: Filter | null
  /** Columns it groups by. */
  columns: readonly string[]
}

/** Every column a reading needs. */
export function readingColumns(reading: Reading): Set<string> {
  return new Set([...filterColumns(reading.filter), ...reading.columns])
}

/**
 * From when on each tier holds every flow of [from, to). Inside the retention a tier is complete by definition. Before it, what is kept is
 * compared with the coarser tiers, hour by hour: imported old flows are kept in full, and then answered in full.
 */
export async function readAvailability(client: pg.PoolClient, from: number, to: number, now: number): Promise<Availability> {
  const days = await retentionDays(client)
  const available: Record<Tier, number> = { raw: -Infinity, '1m': -Infinity, '1h': -Infinity, '1d': -Infinity }
  const missing = async (tier: Tier, evidence: '1h' | '1d'): Promise<number> => {
    const limit = Math.min(to, now - days[tier] * DAY_MS)
    if (from >= limit) return -Infinity
    const step = evidence === '1h' ? HOUR_MS : DAY_MS
    const relation = tier === 'raw' ? 'flow' : `rollup_interface_${tier}`
    const column = tier === 'raw' ? 'time' : 'bucket'
    const { rows } = await client.query<{ last: string | null }>(
      `select (extract(epoch from max(known.bucket)) * 1000)::bigint as last
       from (select distinct bucket from rollup_interface_${evidence} where bucket >= $1 and bucket < $2) known
       where not exists (
         select from ${relation} kept where kept.${column} >= known.bucket and kept.${column} < known.bucket + $3::interval offset 0)`,
      [new Date(Math.floor(from / step) * step), new Date(limit), evidence === '1h' ? '1 hour' : '1 day'],
    )
    const last = rows[0]?.last ?? null
    return last === null ? -Infinity : Number(last) + step
  }
  available['1h'] = await missing('1h', '1d')
  const evidence = available['1h'] <= from ? '1h' : '1d'
  available['1m'] = Math.max(available['1h'], await missing('1m', evidence))
  available.raw = Math.max(available['1h'], await missing('raw', evidence))
  return available
}

async function retentionDays(client: pg.PoolClient): Promise<Record<Tier, number>> {
  const { rows } = await client.query<{ value: unknown }>(`select value from setting where key = 'retention'`)
  const value: unknown = rows[0]?.value
  const days = { ...DEFAULT_RETENTION_DAYS }
  if (typeof value !== 'object' || value === null) return days
  for (const tier of TIERS) {
    const kept: unknown = Reflect.get(value, tier)
    if (typeof kept === 'number' && kept > 0) days[tier] = kept
  }
  return days
}

/** How many flows the window holds, whatever the filter: what reading it raw would cost. Cheap: from the interface rollup. */
export async function countFlows(client: pg.PoolClient, from: number, to: number, available: Availability): Promise<number> {
  const plan = planRollup('rollup_interface', from, to, available)
  const branches = plan.segments.map(
    (segment, index) => `select flows from ${segment.relation} where bucket >= $${index * 2 + 1} and bucket < $${index * 2 + 2}`,
  )
  const { rows } = await client.query<{ flows: string | null }>(
    `select sum(flows) as flows from (${branches.join(' union all ')}) part`,
    plan.segments.flatMap((segment) => [new Date(segment.from), new Date(segment.to)]),
  )
  return Number(rows[0]?.flows ?? 0)
}

/**
 * Which relation answers. Throws QueryError `window-too-large` when only raw records could and they are too many, or no longer kept.
 */
export async function planReading(
  client: pg.PoolClient,
  reading: Reading,
  from: number,
  to: number,
  available: Availability,
): Promise<{ rollup: string | null; plan: Plan }> {
  const rollup = chooseRollup(readingColumns(reading))
  if (rollup !== null) {
    const plan = planRollup(rollup, from, to, available)
    const widened = (plan.to - plan.from) / Math.max(1, to - from)
    if (widened <= WIDENED_MOST || available.raw > from) return { rollup, plan }
    if ((await countFlows(client, plan.from, plan.to, available)) > RAW_LIMIT) return { rollup, plan }
    return { rollup: null, plan: planRaw(from, to) }
  }
  await checkRaw(client, reading, from, to, available)
  return { rollup: null, plan: planRaw(from, to) }
}

/** Throws QueryError `window-too-large` unless raw records hold the whole window and are few enough to read. */
export async function checkRaw(client: pg.PoolClient, reading: Reading, from: number, to: number, available: Availability): Promise<void> {
  const columns = [...readingColumns(reading)].join(', ')
  if (available.raw > from) {
    throw new QueryError(
      'window-too-large',
      `No rollup keeps ${columns} together, and raw records of this window are kept only from ${new Date(available.raw).toISOString()}.`,
      'Choose a later start, or leave out a field of the filter: service_port instead of dst_port, for example, is kept for years.',
    )
  }
  const flows = await countFlows(client, from, to, available)
  if (flows > RAW_LIMIT) {
    const hours = ((to - from) / HOUR_MS) * (RAW_LIMIT / flows)
    const shorter = hours >= 1 ? `${Math.floor(hours)} h` : `${Math.max(1, Math.floor(hours * 60))} min`
    throw new QueryError(
      'window-too-large',
      `No rollup keeps ${columns} together, and this window holds ${flows.toLocaleString('en')} raw records; ${RAW_LIMIT.toLocaleString('en')} is the most one question reads.`,
      `Narrow the window to about ${shorter}, or leave out a field of the filter: service_port instead of dst_port, for example, is kept in rollups.`,
    )
  }
}

/** What a branch of the union selects besides the sums: SQL over the columns of the relation, and the name it gets. */
export interface Selected {
  sql: string
  name: string
}

/**
 * The plan as a SELECT without grouping: `select <selected>, flows, bytes, packets from … union all …`, filter pushed into each branch.
 * `time` in a selected expression is written `$time`: the column differs between raw records and rollups. `bytes` and `packets` are
 * scaled when asked. Rows are partial sums: the caller groups.
 */
export function sourceSql(
  plan: Plan,
  filter: Filter | null,
  selected: readonly Selected[],
  scaled: boolean,
  parameters: Parameters,
): string {
  const branches = plan.segments.map((segment) => {
    const raw = segment.level === 'raw'
    const time = raw ? 'time' : 'bucket'
    const columns = selected.map(({ sql, name }) => `${sql.replaceAll('$time', time)} as ${name}`)
    const sums = raw
      ? ['1::bigint as flows', `${scaledSql('bytes', scaled)} as bytes`, `${scaledSql('packets', scaled)} as packets`]
      : ['flows', `${scaled ? 'scaled_bytes' : 'bytes'} as bytes`, `${scaled ? 'scaled_packets' : 'packets'} as packets`]
    const conditions = [
      `${time} >= ${parameters.addTime(segment.from)}`,
      `${time} < ${parameters.addTime(segment.to)}`,
      ...(raw ? ['event_kind is null'] : []),
      ...(filter === null ? [] : [filterSql(filter, parameters)]),
    ]
    return `select ${[...columns, ...sums].join(', ')} from ${segment.relation} where ${conditions.join(' and ')}`
  })
  return branches.join('\nunion all\n')
}

function scaledSql(column: string, scaled: boolean): string {
  return scaled ? `weir_scaled(${column}, sampling_rate)` : column
}

/** The three sums of a group, as text in `row`: numeric in SQL, because a sum of bigints may exceed one. */
export interface SumRow {
  flows: string
  bytes: string
  packets: string
}

/** Exact sums. */
export interface Sums {
  flows: bigint
  bytes: bigint
  packets: bigint
}

export function sumsOf(row: SumRow | undefined): Sums {
  return { flows: BigInt(row?.flows ?? 0), bytes: BigInt(row?.bytes ?? 0), packets: BigInt(row?.packets ?? 0) }
}

export function subtract(a: Sums, b: Sums): Sums {
  return { flows: a.flows - b.flows, bytes: a.bytes - b.bytes, packets: a.packets - b.packets }
}

export function addSums(a: Sums, b: Sums): Sums {
  return { flows: a.flows + b.flows, bytes: a.bytes + b.bytes, packets: a.packets + b.packets }
}

export const NO_SUMS: Sums = { flows: 0n, bytes: 0n, packets: 0n }

/** Sums as the API's numbers (nearest double beyond 2^53), with the chosen metric as `value`. */
export function sumsObject(sums: Sums, metric: Metric): { value: number; flows: number; bytes: number; packets: number } {
  return { value: Number(sums[metric]), flows: Number(sums.flows), bytes: Number(sums.bytes), packets: Number(sums.packets) }
}

/** Part of a whole, 0–1; 0 of nothing. */
export function shareOf(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number(part) / Number(whole)
}
