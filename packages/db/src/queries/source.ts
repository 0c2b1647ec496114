import type pg from 'pg'
import type { Metric } from '../contracts/api.ts'
import type { Filter } from '../contracts/filter.ts'
import { QueryError } from '../contracts/query-error.ts'
import { DEFAULT_FLOORS, DEFAULT_RETENTION_DAYS, rawShare, TIERS, type Tier } from '../rollups.ts'
import { type Availability, chooseRollup, type Plan, planRaw, planRollup } from './chooser.ts'
import { filterColumns, filterSql } from './filter-sql.ts'
import { Parameters } from './parameters.ts'

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

/** The same of raw records, looked up when it is asked: of a window longer than their retention that costs as much as many a question. */
export interface Kept extends Availability {
  raw(): Promise<number>
}

/**
 * From when on each tier holds every flow of [from, to). Inside the retention a tier is complete by definition. Before it, what is kept is
 * compared with the coarser tiers, hour by hour: imported old flows are kept in full, and then answered in full.
 */
export async function readAvailability(client: pg.PoolClient, from: number, to: number, now: number): Promise<Kept> {
  const days = await retentionDays(client)
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
  const hours = await missing('1h', '1d')
  const evidence = hours <= from ? '1h' : '1d'
  let raw: number | null = null
  return {
    '1m': Math.max(hours, await missing('1m', evidence)),
    '1h': hours,
    '1d': -Infinity,
    raw: async () => {
      raw ??= Math.max(hours, await missing('raw', evidence))
      return raw
    },
  }
}

/** Days each tier is kept. */
export async function retentionDays(client: pg.PoolClient): Promise<Record<Tier, number>> {
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
  const plan = planRollup('rollup_interface', from, to, available, new Set())
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
  available: Kept,
): Promise<{ rollup: string | null; plan: Plan }> {
  const rollup = chooseRollup(readingColumns(reading))
  if (rollup !== null) {
    const plan = planRollup(rollup, from, to, available, filterColumns(reading.filter))
    const widened = (plan.to - plan.from) / Math.max(1, to - from)
    if (widened <= WIDENED_MOST || (await available.raw()) > from) return { rollup, plan }
    if ((await countFlows(client, plan.from, plan.to, available)) > RAW_LIMIT) return { rollup, plan }
    return { rollup: null, plan: planRaw(from, to) }
  }
  await checkRaw(client, reading, from, to, available)
  return { rollup: null, plan: planRaw(from, to) }
}

/** Throws QueryError `window-too-large` unless raw records hold the whole window and are few enough to read. */
export async function checkRaw(client: pg.PoolClient, reading: Reading, from: number, to: number, available: Kept): Promise<void> {
  const columns = [...readingColumns(reading)].join(', ')
  const kept = await available.raw()
  if (kept > from) {
    throw new QueryError(
      'window-too-large',
      `No rollup keeps ${columns} together, and raw records of this window are kept only from ${new Date(kept).toISOString()}.`,
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

/** Columns that say where a flow was seen. */
const PLACES: ReadonlySet<string> = new Set(['exporter_id', 'in_if', 'out_if'])

/**
 * Whether a question is about what exporters or interfaces saw: it groups by them or its filter names them. Then everything that each saw is
 * its answer. Any other question counts a conversation once, however many exporters told of it.
 */
export function asksSightings(filter: Filter | null, columns: Iterable<string>): boolean {
  return [...filterColumns(filter), ...columns].some((column) => PLACES.has(column))
}

const namesPlace = (sql: string): boolean => [...PLACES].some((column) => new RegExp(`\\b${column}\\b`).test(sql))

/** Octets a day below which days leave out the keys of a plan, as the setting says, or null: the plan reads no such days. */
export async function readFloor(client: pg.PoolClient, plan: Plan): Promise<{ bytesPerDay: number; exactTotal: boolean } | null> {
  if (plan.floor === undefined) return null
  const { rows } = await client.query<{ value: unknown }>(`select value from setting where key = 'rollup_floor'`)
  const value: unknown = rows[0]?.value
  const told: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, plan.floor) : undefined
  const bytesPerDay = typeof told === 'number' && told >= 0 ? told : DEFAULT_FLOORS[plan.floor]
  return bytesPerDay === 0 ? null : { bytesPerDay, exactTotal: plan.whole !== undefined }
}

/** What a window comes to, from a plan that has everything. */
export async function readTotal(client: pg.PoolClient, plan: Plan, filter: Filter | null, scaled: boolean): Promise<Sums> {
  const parameters = new Parameters()
  const source = sourceSql(plan, filter, [], scaled, parameters)
  const { rows } = await client.query<SumRow>(
    `select sum(flows)::text as flows, sum(bytes)::text as bytes, sum(packets)::text as packets from (${source}) part`,
    parameters.values,
  )
  return sumsOf(rows[0])
}

/**
 * The plan as a SELECT without grouping: `select <selected>, flows, bytes, packets from … union all …`, filter pushed into each branch.
 * `time` in a selected expression is written `$time`: the column differs between raw records and rollups. `bytes` and `packets` are
 * scaled when asked. Rows are partial sums: the caller groups. Witnesses are in it when the question asks for sightings (`asksSightings`),
 * and slices of long flows add their share to their minute and no flow.
 */
export function sourceSql(
  plan: Plan,
  filter: Filter | null,
  selected: readonly Selected[],
  scaled: boolean,
  parameters: Parameters,
): string {
  const sightings = asksSightings(filter, []) || selected.some(({ sql }) => namesPlace(sql))
  const branches = plan.segments.map((segment) => {
    const raw = segment.level === 'raw'
    const apart = raw || segment.relation.startsWith('rollup_interface_')
    const time = raw ? 'time' : 'bucket'
    const columns = selected.map(({ sql, name }) => `${sql.replaceAll('$time', time)} as ${name}`)
    const sums = raw
      ? [
          '(case when slice is null then 1 else 0 end)::bigint as flows',
          `${rawShare('bytes', scaled)} as bytes`,
          `${rawShare('packets', scaled)} as packets`,
        ]
      : ['flows', `${scaled ? 'scaled_bytes' : 'bytes'} as bytes`, `${scaled ? 'scaled_packets' : 'packets'} as packets`]
    const conditions = [
      `${time} >= ${parameters.addTime(segment.from)}`,
      `${time} < ${parameters.addTime(segment.to)}`,
      ...(raw ? ['event_kind is null'] : []),
      ...(apart && !sightings ? ['witness is not true'] : []),
      ...(filter === null ? [] : [filterSql(filter, parameters)]),
    ]
    return `select ${[...columns, ...sums].join(', ')} from ${segment.relation} where ${conditions.join(' and ')}`
  })
  return branches.join('\nunion all\n')
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
