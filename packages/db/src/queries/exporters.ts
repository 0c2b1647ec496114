import type pg from 'pg'
import type { ExporterObject, ExportersAnswer } from '../contracts/api.ts'
import { onSnapshot } from './session.ts'

/** An exporter is live while its last datagram is at most this old. */
export const LIVE_MS = 5 * 60_000

interface ExporterRow {
  id: number
  address: string
  name: string | null
  demo: boolean
  first_seen: Date
  last_seen: Date
  retired: Date | null
  formats: string[]
  sampling_rate: number | null
  skew_ms: number | null
  datagrams: string
  flows: string
  witnesses: string
  duplicates: string
  lost: string
  announced: string
  problems: string
  templates: string
  flows_per_second: number
  bits_per_second: number
}

interface InterfaceRow {
  exporter_id: number
  if_index: string
  name: string | null
  description: string | null
  boundary: 'external' | 'internal' | null
  speed_bits_per_second: string | null
}

/** Every exporter with its health and interfaces: live ones first, then by name and address. Rates of one that is not live are 0. */
export async function exporters(pool: pg.Pool): Promise<ExportersAnswer> {
  return onSnapshot(pool, async (client) => {
    const { rows } = await client.query<ExporterRow>(
      `select id, host(address) as address, name, demo, first_seen, last_seen, retired, formats, sampling_rate, skew_ms, datagrams, flows, witnesses, duplicates, lost,
         announced, problems, templates, flows_per_second, bits_per_second
       from exporter order by retired is not null, lower(coalesce(name, '')), address`,
    )
    const interfaces = await client.query<InterfaceRow>(
      'select exporter_id, if_index, name, description, boundary, speed_bits_per_second from interface order by exporter_id, if_index',
    )
    const byExporter = new Map<number, ExporterObject['interfaces']>()
    for (const row of interfaces.rows) {
      const own = byExporter.get(row.exporter_id) ?? []
      own.push({
        ifIndex: Number(row.if_index),
        name: row.name,
        description: row.description,
        boundary: row.boundary,
        speedBitsPerSecond: row.speed_bits_per_second === null ? null : Number(row.speed_bits_per_second),
      })
      byExporter.set(row.exporter_id, own)
    }
    const now = Date.now()
    const objects = rows.map((row) => exporterObject(row, byExporter.get(row.id) ?? [], now))
    const order = { live: 0, silent: 1, retired: 2 }
    return { exporters: objects.sort((a, b) => order[a.state] - order[b.state]) }
  })
}

/** Shape of one exporter at the moment `now` (epoch milliseconds). */
function exporterObject(row: ExporterRow, interfaces: ExporterObject['interfaces'], now: number): ExporterObject {
  const live = row.retired === null && now - row.last_seen.getTime() <= LIVE_MS
  const lost = Number(row.lost)
  const announced = Number(row.announced)
  return {
    id: row.id,
    address: row.address,
    name: row.name,
    demo: row.demo,
    formats: row.formats,
    state: row.retired !== null ? 'retired' : live ? 'live' : 'silent',
    firstSeen: row.first_seen.toISOString(),
    lastSeen: row.last_seen.toISOString(),
    samplingRate: row.sampling_rate,
    skewSeconds: row.skew_ms === null ? null : row.skew_ms / 1_000,
    datagrams: Number(row.datagrams),
    flows: Number(row.flows),
    witnessShare: Number(row.flows) === 0 ? null : Number(row.witnesses) / Number(row.flows),
    duplicates: Number(row.duplicates),
    lost,
    lossShare: announced === 0 ? null : Math.min(1, lost / announced),
    problems: Number(row.problems),
    templates: Number(row.templates),
    flowsPerSecond: live ? row.flows_per_second : 0,
    bitsPerSecond: live ? row.bits_per_second : 0,
    interfaces,
  }
}
