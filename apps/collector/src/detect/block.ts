import { addressText } from '@weir/db/ingest'
import type { FlowRecord } from '@weir/decoder'
import type { FlowEvent } from '@weir/detection'
import type { Enrichment } from '../enrich/enrich.ts'

/*
 * A block of flow events on their way to the thread that detects: one buffer that changes hands and comes back, so that the hand-over costs
 * the receiving thread no allocation and its number bounds what can wait.
 *
 *   float64 × 9 per event: start, end, received (epoch ms), bytes, packets, in_if, out_if, src_as, dst_as
 *   int32 × 8 per event:   src_port, dst_port, proto, tcp_flags, icmp_type, etype, sampling_rate, exporter id
 *   uint8 × 40 per event:  source address 16, destination address 16, their lengths 2, countries 2 + 2, witness 1, unused 1
 */

export const BLOCK_EVENTS = 1_024
const DOUBLES = 9
const INTS = 8
const OCTETS = 40
const INTS_AT = BLOCK_EVENTS * DOUBLES * 8
const OCTETS_AT = INTS_AT + BLOCK_EVENTS * INTS * 4
const BLOCK_BYTES = OCTETS_AT + BLOCK_EVENTS * OCTETS

/** One event as read back, with the moment it was received. */
export interface ReceivedEvent extends FlowEvent {
  receivedMs: number
  exporterId: number
}

export class EventBlock {
  readonly buffer: ArrayBuffer
  readonly #doubles: Float64Array
  readonly #ints: Int32Array
  readonly #octets: Uint8Array
  #count: number

  constructor(buffer: ArrayBuffer = new ArrayBuffer(BLOCK_BYTES), count = 0) {
    this.buffer = buffer
    this.#doubles = new Float64Array(buffer, 0, BLOCK_EVENTS * DOUBLES)
    this.#ints = new Int32Array(buffer, INTS_AT, BLOCK_EVENTS * INTS)
    this.#octets = new Uint8Array(buffer, OCTETS_AT, BLOCK_EVENTS * OCTETS)
    this.#count = count
  }

  get count(): number {
    return this.#count
  }

  get full(): boolean {
    return this.#count >= BLOCK_EVENTS
  }

  /** Add one accepted flow. The block must not be full. */
  append(record: FlowRecord, context: Enrichment): void {
    const i = this.#count++
    const d = i * DOUBLES
    const doubles = this.#doubles
    doubles[d] = context.timeMs - context.durationMs
    doubles[d + 1] = context.timeMs
    doubles[d + 2] = record.receivedMs
    doubles[d + 3] = Math.max(0, record.bytes)
    doubles[d + 4] = Math.max(0, record.packets)
    doubles[d + 5] = record.inIf
    doubles[d + 6] = record.outIf
    doubles[d + 7] = context.srcAs
    doubles[d + 8] = context.dstAs
    const n = i * INTS
    const ints = this.#ints
    ints[n] = record.srcPort
    ints[n + 1] = record.dstPort
    ints[n + 2] = record.proto
    ints[n + 3] = record.tcpFlags
    ints[n + 4] = record.icmpType
    ints[n + 5] = record.etype
    ints[n + 6] = Math.min(record.samplingRate, 2_147_483_647)
    ints[n + 7] = context.exporterId
    const o = i * OCTETS
    const octets = this.#octets
    const { srcAddr, dstAddr } = record
    for (let k = 0; k < srcAddr.length; k++) octets[o + k] = srcAddr.bytes[k] ?? 0
    for (let k = 0; k < dstAddr.length; k++) octets[o + 16 + k] = dstAddr.bytes[k] ?? 0
    octets[o + 32] = srcAddr.length
    octets[o + 33] = dstAddr.length
    octets[o + 38] = context.witness ? 1 : 0
    for (let k = 0; k < 2; k++) {
      octets[o + 34 + k] = context.srcCountry.length === 2 ? context.srcCountry.charCodeAt(k) : 0
      octets[o + 36 + k] = context.dstCountry.length === 2 ? context.dstCountry.charCodeAt(k) : 0
    }
  }

  /** Event number `i`; `exporters` gives addresses by id. */
  read(i: number, exporters: ReadonlyMap<number, string>): ReceivedEvent {
    const d = i * DOUBLES
    const n = i * INTS
    const o = i * OCTETS
    const exporterId = this.#ints[n + 7] ?? 0
    return {
      startMs: this.#doubles[d] ?? 0,
      endMs: this.#doubles[d + 1] ?? 0,
      receivedMs: this.#doubles[d + 2] ?? 0,
      bytes: this.#doubles[d + 3] ?? 0,
      packets: this.#doubles[d + 4] ?? 0,
      inIf: this.#doubles[d + 5] ?? -1,
      outIf: this.#doubles[d + 6] ?? -1,
      srcAs: this.#doubles[d + 7] ?? -1,
      dstAs: this.#doubles[d + 8] ?? -1,
      srcPort: this.#ints[n] ?? -1,
      dstPort: this.#ints[n + 1] ?? -1,
      proto: this.#ints[n + 2] ?? -1,
      tcpFlags: this.#ints[n + 3] ?? -1,
      icmpType: this.#ints[n + 4] ?? -1,
      etype: this.#ints[n + 5] ?? -1,
      samplingRate: Math.max(0, this.#ints[n + 6] ?? 0),
      exporterId,
      exporter: exporters.get(exporterId) ?? '',
      src: this.#address(o, this.#octets[o + 32] ?? 0),
      dst: this.#address(o + 16, this.#octets[o + 33] ?? 0),
      srcCountry: this.#country(o + 34),
      dstCountry: this.#country(o + 36),
      witness: this.#octets[o + 38] === 1,
    }
  }

  #country(at: number): string {
    const a = this.#octets[at] ?? 0
    return a === 0 ? '' : String.fromCharCode(a, this.#octets[at + 1] ?? 0)
  }

  #address(at: number, length: number): string {
    const b = this.#octets
    if (length === 4) return `${b[at]}.${b[at + 1]}.${b[at + 2]}.${b[at + 3]}`
    if (length !== 16) return ''
    return addressText({ bytes: b.subarray(at, at + 16), length: 16 })
  }
}
