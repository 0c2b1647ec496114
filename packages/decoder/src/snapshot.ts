import type { DecoderLimits } from './limits.ts'
import { ABSENT } from './record.ts'
import { type Domain, Exporter, SamplerTable } from './store.ts'
import type { FieldSpec } from './template.ts'

/**
 * The text of a snapshot: one line `WEIR-DECODER-STATE 1 <crc32> <octets>`, then JSON. The checksum decides: a file that was cut,
 * overwritten or written by another version restores nothing and says why.
 */
const MAGIC = 'WEIR-DECODER-STATE'
const VERSION = 1

export interface RestoreOutcome {
  exporters: number
  templates: number
  /** Why nothing was restored, or null. */
  problem: string | null
}

interface SavedTemplate {
  p: number
  i: number
  o: 0 | 1
  s: number
  /** Enterprise, element, octets; three numbers a field. */
  f: number[]
  d: number
  c: number
}

interface SavedDomain {
  i: number
  x: 0 | 1
  b: number
  t: SavedTemplate[]
  /** Session, common rate, rates by sampler, rates by interface. */
  r: [number, number, [number, number][], [number, number][]][]
  a: [number, string][]
}

interface SavedExporter {
  a: string
  l: number
  d: SavedDomain[]
}

export function writeSnapshot(exporters: Iterable<Exporter>): string {
  const saved: SavedExporter[] = []
  for (const exporter of exporters) {
    const domains: SavedDomain[] = []
    for (const domain of exporter.domains.values()) {
      const kept = saveDomain(domain)
      if (kept !== null) domains.push(kept)
    }
    if (domains.length > 0) saved.push({ a: exporter.address, l: exporter.lastMs, d: domains })
  }
  const body = JSON.stringify(saved)
  const octets = new TextEncoder().encode(body)
  return `${MAGIC} ${VERSION} ${crc32(octets).toString(16)} ${octets.length}\n${body}`
}

function saveDomain(domain: Domain): SavedDomain | null {
  const templates: SavedTemplate[] = []
  for (const t of domain.templates.values()) {
    if (t.port > 65535) continue
    templates.push({
      p: t.port,
      i: t.id,
      o: t.options ? 1 : 0,
      s: t.scopes,
      f: t.fields.flatMap((f) => [f.pen, f.id, f.length]),
      d: t.definedMs,
      c: t.changes,
    })
  }
  const rates: SavedDomain['r'] = []
  for (const [session, table] of domain.samplers)
    if (session <= 65535) rates.push([session, table.rate, [...table.byId], [...table.byInterface]])
  if (templates.length === 0 && rates.length === 0 && domain.applications.size === 0) return null
  return { i: domain.id, x: domain.ipfix ? 1 : 0, b: domain.bootMs, t: templates, r: rates, a: [...domain.applications] }
}

/** Parse and check a snapshot. Never throws; the exporters are new objects that nothing else refers to. */
export function readSnapshot(
  snapshot: string | Uint8Array,
  now: number,
  limits: DecoderLimits,
): { exporters: Exporter[]; outcome: RestoreOutcome } {
  const refuse = (problem: string): { exporters: Exporter[]; outcome: RestoreOutcome } => ({
    exporters: [],
    outcome: { exporters: 0, templates: 0, problem },
  })
  if (snapshot.length > limits.snapshotOctets) return refuse(`the snapshot has more than ${limits.snapshotOctets} octets`)
  const octets = typeof snapshot === 'string' ? new TextEncoder().encode(snapshot) : snapshot
  const newline = octets.subarray(0, 128).indexOf(10)
  if (newline < 0) return refuse('the snapshot has no header line')
  const header = new TextDecoder().decode(octets.subarray(0, newline))
  const [magic, version, sum, length] = header.split(' ')
  if (magic !== MAGIC) return refuse('this is no decoder snapshot')
  if (version !== String(VERSION)) return refuse(`the snapshot has version ${version}, this decoder reads version ${VERSION}`)
  const body = octets.subarray(newline + 1)
  if (String(body.length) !== length) return refuse(`the snapshot is cut: ${body.length} of ${length} octets`)
  if (crc32(body).toString(16) !== sum) return refuse('the checksum of the snapshot is wrong')
  try {
    const exporters = (JSON.parse(new TextDecoder().decode(body)) as SavedExporter[])
      .slice(0, limits.exporters)
      .map((saved) => restoreExporter(saved, now, limits))
    return {
      exporters,
      outcome: { exporters: exporters.length, templates: exporters.reduce((sum, e) => sum + e.templateCount, 0), problem: null },
    }
  } catch (error) {
    return refuse(`the snapshot does not read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function restoreExporter(saved: SavedExporter, now: number, limits: DecoderLimits): Exporter {
  const exporter = new Exporter(saved.a)
  exporter.lastMs = saved.l
  const counters = { defined: 0, refreshed: 0, redefined: 0, withdrawn: 0, expired: 0, evicted: 0, refused: 0 }
  for (const d of saved.d) {
    const domain = exporter.domain(d.i, d.x === 1, limits)
    domain.bootMs = typeof d.b === 'number' ? d.b : ABSENT
    for (const t of d.t) {
      const fields: FieldSpec[] = []
      for (let i = 0; i + 2 < t.f.length && fields.length < limits.fieldsPerTemplate; i += 3) {
        fields.push({ pen: t.f[i] ?? 0, id: t.f[i + 1] ?? 0, length: t.f[i + 2] ?? 0 })
      }
      if (fields.every((f) => f.length === 0)) continue
      const template = exporter.define(domain, t.p, t.i, t.o === 1, t.s, fields, now, limits, counters)
      if (template !== null) {
        template.definedMs = t.d
        template.changes = t.c
      }
    }
    for (const [session, rate, byId, byInterface] of d.r) {
      const table = new SamplerTable()
      table.rate = rate
      for (const [id, n] of byId) table.byId.set(id, n)
      for (const [id, n] of byInterface) table.byInterface.set(id, n)
      domain.samplers.set(session, table)
    }
    for (const [id, name] of d.a) domain.applications.set(id, name)
  }
  return exporter
}

let table: Uint32Array | null = null

/** CRC-32 of IEEE 802.3. */
export function crc32(octets: Uint8Array): number {
  if (table === null) {
    table = new Uint32Array(256)
    for (let n = 0; n < 256; n++) {
      let c = n
      for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
      table[n] = c >>> 0
    }
  }
  let crc = 0xffffffff
  for (let i = 0; i < octets.length; i++) crc = (table[(crc ^ (octets[i] as number)) & 255] as number) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
