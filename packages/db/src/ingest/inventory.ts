import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import type { Pool } from '../connection.ts'
import { storable } from './extra.ts'

/** What the collector learned about one exporter since it last reported. */
export interface ExporterReport {
  /** Canonical text of the address. */
  address: string
  demo?: boolean
  /** Epoch milliseconds of the last datagram. */
  lastSeenMs: number
  /** Export formats seen since the last report, as `type` of the interchange record. */
  formats: readonly string[]
  /** N of "1 in N"; null not known (what was known before stays). */
  samplingRate: number | null
  /** Exporter's clock minus ours, milliseconds; null not measurable. */
  skewMs: number | null
  /** Increments since the last report. */
  datagrams: number
  flows: number
  /** Of the flows, those of conversations that are counted from another exporter. */
  witnesses?: number
  /** Datagrams that came twice and were left out. */
  duplicates?: number
  lost: number
  announced: number
  problems: number
  /** Templates held now, and the rates now. */
  templates: number
  flowsPerSecond: number
  bitsPerSecond: number
}

/**
 * The ids of exporters by address, adding those that are new. `demo` marks new ones only: what has once been counted as real stays real.
 * Safe from several processes at once.
 */
export async function resolveExporters(
  pool: Pool,
  exporters: readonly { address: string; demo?: boolean; seenMs?: number }[],
): Promise<Map<string, number>> {
  const ids = new Map<string, number>()
  if (exporters.length === 0) return ids
  const { rows } = await pool.query<{ address: string; id: number }>(
    `with wanted as (
       select distinct on (address::inet) address::inet as address, address as text, demo, seen
       from unnest($1::text[], $2::boolean[], $3::timestamptz[]) w (address, demo, seen)
       order by address::inet
     ), added as (
       insert into exporter (address, demo, first_seen, last_seen)
       select address, demo, seen, seen from wanted where address not in (select address from exporter)
       on conflict (address) do update set last_seen = greatest(exporter.last_seen, excluded.last_seen)
       returning id, address
     )
     select wanted.text as address, coalesce(added.id, exporter.id) as id
     from wanted left join added using (address) left join exporter using (address)`,
    [exporters.map((e) => e.address), exporters.map((e) => e.demo ?? false), exporters.map((e) => new Date(e.seenMs ?? Date.now()))],
  )
  for (const row of rows) ids.set(row.address, row.id)
  return ids
}

/**
 * Add reports to the exporters' rows: counters are added, the rest is replaced. One statement, so a report counts wholly or not at all.
 * Unknown exporters are added. Returns ids by address.
 */
export async function upsertExporters(pool: Pool, reports: readonly ExporterReport[]): Promise<Map<string, number>> {
  const ids = new Map<string, number>()
  if (reports.length === 0) return ids
  const { rows } = await pool.query<{ address: string; id: number }>(
    `insert into exporter as e (address, demo, first_seen, last_seen, formats, sampling_rate, skew_ms, datagrams, flows, lost, announced,
       problems, templates, flows_per_second, bits_per_second, witnesses, duplicates)
     select r.address, coalesce(r.demo, false), r.last_seen, r.last_seen, coalesce(r.formats, '{}'), r.sampling_rate, r.skew_ms, r.datagrams, r.flows, r.lost, r.announced,
       r.problems, r.templates, r.flows_per_second, r.bits_per_second, r.witnesses, r.duplicates
     from jsonb_to_recordset($1) as r (address inet, demo boolean, last_seen timestamptz, formats text[], sampling_rate integer, skew_ms double precision,
       datagrams bigint, flows bigint, lost bigint, announced bigint, problems bigint, templates bigint,
       flows_per_second double precision, bits_per_second double precision, witnesses bigint, duplicates bigint)
     order by r.address
     on conflict (address) do update set
       last_seen = greatest(e.last_seen, excluded.last_seen),
       -- Sorted union, so that the list does not depend on the order of arrival.
       formats = array(select distinct f from unnest(e.formats || excluded.formats) f order by f),
       sampling_rate = coalesce(excluded.sampling_rate, e.sampling_rate),
       skew_ms = coalesce(excluded.skew_ms, e.skew_ms),
       datagrams = e.datagrams + excluded.datagrams,
       flows = e.flows + excluded.flows,
       lost = e.lost + excluded.lost,
       announced = e.announced + excluded.announced,
       problems = e.problems + excluded.problems,
       templates = excluded.templates,
       flows_per_second = excluded.flows_per_second,
       bits_per_second = excluded.bits_per_second,
       witnesses = e.witnesses + excluded.witnesses,
       duplicates = e.duplicates + excluded.duplicates
     returning id, host(address) as address`,
    [
      JSON.stringify(
        reports.map((r) => ({
          address: r.address,
          demo: r.demo ?? false,
          last_seen: new Date(r.lastSeenMs).toISOString(),
          formats: r.formats,
          sampling_rate: r.samplingRate === null ? null : Math.min(r.samplingRate, 2_147_483_647),
          skew_ms: r.skewMs,
          datagrams: r.datagrams,
          flows: r.flows,
          lost: r.lost,
          announced: r.announced,
          problems: r.problems,
          templates: r.templates,
          flows_per_second: r.flowsPerSecond,
          bits_per_second: r.bitsPerSecond,
          witnesses: r.witnesses ?? 0,
          duplicates: r.duplicates ?? 0,
        })),
      ),
    ],
  )
  for (const row of rows) ids.set(row.address, row.id)
  return ids
}

/** What an exporter said about one of its interfaces. null: it did not say, and what was known stays. */
export interface InterfaceReport {
  exporterId: number
  ifIndex: number
  name: string | null
  description: string | null
  speedBitsPerSecond: number | null
}

/** Add or update interfaces. Boundary and given name are a person's and never touched. Reports for exporters that were removed meanwhile are left out. */
export async function upsertInterfaces(pool: Pool, reports: readonly InterfaceReport[]): Promise<void> {
  if (reports.length === 0) return
  await pool.query(
    `insert into interface as i (exporter_id, if_index, told_name, description, speed_bits_per_second)
     select distinct on (r.exporter_id, r.if_index) r.exporter_id, r.if_index, r.name, r.description, r.speed
     from unnest($1::int[], $2::bigint[], $3::text[], $4::text[], $5::bigint[]) with ordinality r (exporter_id, if_index, name, description, speed, position)
     join exporter on exporter.id = r.exporter_id
     order by r.exporter_id, r.if_index, r.position desc
     on conflict (exporter_id, if_index) do update set
       told_name = coalesce(excluded.told_name, i.told_name),
       description = coalesce(excluded.description, i.description),
       speed_bits_per_second = coalesce(excluded.speed_bits_per_second, i.speed_bits_per_second)
     where (i.told_name, i.description, i.speed_bits_per_second) is distinct from
       (coalesce(excluded.told_name, i.told_name), coalesce(excluded.description, i.description), coalesce(excluded.speed_bits_per_second, i.speed_bits_per_second))`,
    [
      reports.map((r) => r.exporterId),
      reports.map((r) => r.ifIndex),
      reports.map((r) => (r.name === null ? null : storable(r.name))),
      reports.map((r) => (r.description === null ? null : storable(r.description))),
      reports.map((r) => (r.speedBitsPerSecond === null ? null : Math.round(r.speedBitsPerSecond))),
    ],
  )
}

/** Keep the latest status of a collector; `status` is any JSON. */
export async function recordStatus(pool: Pool, id: string, status: unknown): Promise<void> {
  await pool.query(
    `insert into collector_status (id, updated_at, status) values ($1, now(), $2)
     on conflict (id) do update set updated_at = excluded.updated_at, status = excluded.status`,
    // JSON may carry NUL and lone surrogates as escapes, which jsonb refuses.
    [id, JSON.stringify(status, (_key, value: unknown) => (typeof value === 'string' ? storable(value) : value))],
  )
}

/**
 * Replace the names of autonomous systems with those of `edition`, unless that edition is already there. One transaction: readers see the
 * old names until the new ones are complete. Returns how many were stored; 0 when nothing was to do.
 */
export async function seedAsNames(pool: Pool, edition: string, names: Iterable<readonly [asn: number, name: string]>): Promise<number> {
  const client = await pool.connect()
  let broken = true
  try {
    await client.query('begin')
    await client.query(`select pg_advisory_xact_lock(hashtextextended('weir as_names', 0))`)
    const { rows } = await client.query<{ edition: string }>(`select value #>> '{}' as edition from setting where key = 'as_names'`)
    if (rows[0]?.edition === edition) {
      await client.query('rollback')
      broken = false
      return 0
    }
    await client.query('create temporary table as_name_new (asn bigint, name text) on commit drop')
    await pipeline(Readable.from(asNameLines(names)), client.query(copyFrom('copy as_name_new from stdin')))
    await client.query('delete from as_name')
    const { rowCount } = await client.query(
      'insert into as_name (asn, name) select distinct on (asn) asn, name from as_name_new order by asn',
    )
    await client.query(
      `insert into setting (key, value) values ('as_names', to_jsonb($1::text)) on conflict (key) do update set value = excluded.value`,
      [edition],
    )
    await client.query('commit')
    broken = false
    return rowCount ?? 0
  } catch (error) {
    broken = !(await client.query('rollback').then(
      () => true,
      () => false,
    ))
    throw error
  } finally {
    client.release(broken)
  }
}

/** Lines of COPY's text format, gathered into pieces of about 64 KiB. */
function* asNameLines(names: Iterable<readonly [number, string]>): Generator<string> {
  let piece = ''
  for (const [asn, name] of names) {
    const text = storable(name).replace(/[\\\n\r\t]/g, (c) => (c === '\\' ? '\\\\' : ' '))
    piece += `${asn}\t${text}\n`
    if (piece.length > 65_536) {
      yield piece
      piece = ''
    }
  }
  if (piece !== '') yield piece
}
