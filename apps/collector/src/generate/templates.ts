import { DATAGRAM_OCTETS, type Encoder, type ExporterFacts } from './encoder.ts'
import type { GenFlow } from './network.ts'

/** One field of a template: IPFIX element number (the same in NetFlow v9 where it exists), length, and how its value is written. */
interface Field {
  id: number
  length: number
  write(b: Buffer, at: number, flow: GenFlow, facts: ExporterFacts): void
}

const field = (id: number, length: number, write: Field['write']): Field => ({ id, length, write })
const number = (id: number, length: 1 | 2 | 4 | 6, read: (flow: GenFlow, facts: ExporterFacts) => number): Field =>
  field(id, length, (b, at, flow, facts) => b.writeUIntBE(read(flow, facts), at, length))
const counter = (id: number, read: (flow: GenFlow) => number): Field =>
  field(id, 8, (b, at, flow) => b.writeBigUInt64BE(BigInt(read(flow)), at))

const SELECTOR = 1

const COMMON: Field[] = [
  number(7, 2, (f) => f.srcPort),
  number(11, 2, (f) => f.dstPort),
  number(4, 1, (f) => f.proto),
  number(6, 1, (f) => f.flags),
  number(5, 1, (f) => f.tos),
  number(61, 1, () => 0),
  number(10, 4, (f) => f.inIf),
  number(14, 4, (f) => f.outIf),
  counter(1, (f) => f.bytes),
  counter(2, (f) => f.packets),
]
const ADDRESSES = {
  4: [field(8, 4, (b, at, f) => b.set(f.src.subarray(0, 4), at)), field(12, 4, (b, at, f) => b.set(f.dst.subarray(0, 4), at))],
  6: [field(27, 16, (b, at, f) => b.set(f.src, at)), field(28, 16, (b, at, f) => b.set(f.dst, at))],
}
/** NetFlow v9 stamps in milliseconds since boot (22, 21), IPFIX in epoch milliseconds (152, 153). */
const TIMES = {
  v9: [number(22, 4, (f, facts) => (f.startMs - facts.bootMs) >>> 0), number(21, 4, (f, facts) => (f.endMs - facts.bootMs) >>> 0)],
  ipfix: [
    field(152, 8, (b, at, f) => b.writeBigUInt64BE(BigInt(Math.floor(f.startMs)), at)),
    field(153, 8, (b, at, f) => b.writeBigUInt64BE(BigInt(Math.floor(f.endMs)), at)),
  ],
}
/** Which sampler saw the flow: 48 in v9, 302 (selectorId) in IPFIX. */
const SELECTORS = { v9: number(48, 2, () => SELECTOR), ipfix: field(302, 8, (b, at) => b.writeBigUInt64BE(BigInt(SELECTOR), at)) }

const TEMPLATE = { 4: 256, 6: 257 }
const INTERFACES = 258
const SAMPLERS = 259
const NAME_OCTETS = 32
const DESCRIPTION_OCTETS = 48

/**
 * NetFlow v9 (RFC 3954) and IPFIX (RFC 7011), which share templates and sets and differ in headers, set numbers, stamps and in what the
 * sequence counts: datagrams in v9, data records in IPFIX.
 *
 *     v9     version 2 · count 2 · sysUptime 4 · seconds 4 · sequence 4 · source id 4            sets: templates 0, options 1
 *     IPFIX  version 2 · length 2 · seconds 4 · sequence 4 · observation domain 4                 sets: templates 2, options 3
 *     set    id 2 · length 2 · records
 */
export class TemplateEncoder implements Encoder {
  readonly #facts: ExporterFacts
  readonly #ipfix: boolean
  readonly #fields: Record<4 | 6, Field[]>
  readonly #octets: Record<4 | 6, number>
  #flows: Record<4 | 6, GenFlow[]> = { 4: [], 6: [] }
  #filled = 0
  #sequence = 0

  constructor(facts: ExporterFacts, protocol: 'v9' | 'ipfix') {
    this.#facts = facts
    this.#ipfix = protocol === 'ipfix'
    const sampler = facts.profile.sampling > 1 ? [SELECTORS[protocol]] : []
    this.#fields = {
      4: [...ADDRESSES[4], ...COMMON, ...TIMES[protocol], ...sampler],
      6: [...ADDRESSES[6], ...COMMON, ...TIMES[protocol], ...sampler],
    }
    this.#octets = { 4: sum(this.#fields[4]), 6: sum(this.#fields[6]) }
  }

  get pending(): number {
    return this.#flows[4].length + this.#flows[6].length
  }

  get #header(): number {
    return this.#ipfix ? 16 : 20
  }

  add(flow: GenFlow): boolean {
    const octets = this.#octets[flow.family] + (this.#flows[flow.family].length === 0 ? 4 : 0)
    if (this.#header + this.#filled + octets > DATAGRAM_OCTETS) return false
    this.#flows[flow.family].push(flow)
    this.#filled += octets
    return true
  }

  flush(exportMs: number): Buffer | null {
    const records = this.pending
    if (records === 0) return null
    const sets: Buffer[] = []
    for (const family of [4, 6] as const) {
      const flows = this.#flows[family]
      if (flows.length === 0) continue
      const fields = this.#fields[family]
      const b = Buffer.alloc(flows.length * this.#octets[family])
      let at = 0
      for (const flow of flows) {
        for (const { length, write } of fields) {
          write(b, at, flow, this.#facts)
          at += length
        }
      }
      sets.push(this.#set(TEMPLATE[family], b))
    }
    this.#flows = { 4: [], 6: [] }
    this.#filled = 0
    return this.#message(sets, records, records, exportMs)
  }

  /** Templates, then the names of the interfaces and, when packets are sampled, the sampler: one datagram each. */
  housekeeping(exportMs: number): Buffer[] {
    const { profile } = this.#facts
    const families = profile.ipv6 ? ([4, 6] as const) : ([4] as const)
    const templates = this.#set(this.#ipfix ? 2 : 0, Buffer.concat(families.map((family) => this.#template(family))))
    const options = [this.#interfaceTemplate(), ...(profile.sampling > 1 ? [this.#samplerTemplate()] : [])]
    const optionsTemplates = this.#set(this.#ipfix ? 3 : 1, Buffer.concat(options))
    const data = [
      this.#set(INTERFACES, this.#interfaceRecords()),
      ...(profile.sampling > 1 ? [this.#set(SAMPLERS, this.#samplerRecord())] : []),
    ]
    const records = profile.interfaces.length + (profile.sampling > 1 ? 1 : 0)
    return [
      this.#message([templates, optionsTemplates], families.length + options.length, 0, exportMs),
      this.#message(data, records, records, exportMs),
    ]
  }

  #template(family: 4 | 6): Buffer {
    const fields = this.#fields[family]
    const words = [TEMPLATE[family], fields.length, ...fields.flatMap(({ id, length }) => [id, length])]
    return uint16s(words)
  }

  /** Scope: the interface. IPFIX says ingressInterface as scope field 10; v9 has scope type 2. Then interfaceName and interfaceDescription. */
  #interfaceTemplate(): Buffer {
    const names = [82, NAME_OCTETS, 83, DESCRIPTION_OCTETS]
    return this.#ipfix ? uint16s([INTERFACES, 3, 1, 10, 4, ...names]) : uint16s([INTERFACES, 4, 8, 2, 4, ...names])
  }

  #interfaceRecords(): Buffer {
    return Buffer.concat(
      this.#facts.profile.interfaces.map(({ index, name, description }) => {
        const b = Buffer.alloc(4 + NAME_OCTETS + DESCRIPTION_OCTETS)
        b.writeUInt32BE(index, 0)
        b.write(name, 4, NAME_OCTETS, 'utf8')
        b.write(description, 4 + NAME_OCTETS, DESCRIPTION_OCTETS, 'utf8')
        return b
      }),
    )
  }

  /** IPFIX: selectorId as scope, algorithm 1 (systematic count-based), 1 packet of every N (RFC 5477). v9: scope system, sampler, mode, interval. */
  #samplerTemplate(): Buffer {
    return this.#ipfix ? uint16s([SAMPLERS, 4, 1, 302, 8, 304, 2, 305, 4, 306, 4]) : uint16s([SAMPLERS, 4, 12, 1, 4, 48, 2, 49, 1, 50, 4])
  }

  #samplerRecord(): Buffer {
    const { sampling } = this.#facts.profile
    const b = Buffer.alloc(this.#ipfix ? 18 : 11)
    if (this.#ipfix) {
      b.writeBigUInt64BE(BigInt(SELECTOR), 0)
      b.writeUInt16BE(1, 8)
      b.writeUInt32BE(1, 10)
      b.writeUInt32BE(sampling - 1, 14)
    } else {
      b.writeUInt32BE(this.#facts.domain, 0)
      b.writeUInt16BE(SELECTOR, 4)
      b.writeUInt8(2, 6)
      b.writeUInt32BE(sampling, 7)
    }
    return b
  }

  /** A set with its header, padded to four octets. */
  #set(id: number, body: Buffer): Buffer {
    const length = Math.ceil((4 + body.length) / 4) * 4
    const b = Buffer.alloc(length)
    b.writeUInt16BE(id, 0)
    b.writeUInt16BE(length, 2)
    body.copy(b, 4)
    return b
  }

  #message(sets: Buffer[], records: number, dataRecords: number, exportMs: number): Buffer {
    const header = Buffer.alloc(this.#header)
    const seconds = Math.floor(exportMs / 1000)
    const octets = header.length + sets.reduce((total, set) => total + set.length, 0)
    header.writeUInt16BE(this.#ipfix ? 10 : 9, 0)
    header.writeUInt16BE(this.#ipfix ? octets : records, 2)
    if (this.#ipfix) {
      header.writeUInt32BE(seconds, 4)
      header.writeUInt32BE(this.#sequence, 8)
      header.writeUInt32BE(this.#facts.domain, 12)
      this.#sequence = (this.#sequence + dataRecords) >>> 0
    } else {
      // Uptime at the whole second the header names, so that stamps since boot come out where they were.
      header.writeUInt32BE((seconds * 1000 - this.#facts.bootMs) >>> 0, 4)
      header.writeUInt32BE(seconds, 8)
      header.writeUInt32BE(this.#sequence, 12)
      header.writeUInt32BE(this.#facts.domain, 16)
      this.#sequence = (this.#sequence + 1) >>> 0
    }
    return Buffer.concat([header, ...sets])
  }
}

function sum(fields: Field[]): number {
  return fields.reduce((total, { length }) => total + length, 0)
}

function uint16s(words: number[]): Buffer {
  const b = Buffer.alloc(words.length * 2)
  for (const [i, word] of words.entries()) b.writeUInt16BE(word, i * 2)
  return b
}
