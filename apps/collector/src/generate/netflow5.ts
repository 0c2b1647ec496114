import type { Encoder, ExporterFacts } from './encoder.ts'
import type { GenFlow } from './network.ts'

const HEADER = 24
const RECORD = 48
const MOST = 30

/**
 * NetFlow version 5: a header of 24 octets and up to 30 records of 48.
 *
 *     header  version 2 · count 2 · sysUptime 4 · seconds 4 · nanoseconds 4 · flow sequence 4 · engine type 1 · engine id 1 · sampling 2
 *     record  source 4 · destination 4 · next hop 4 · input 2 · output 2 · packets 4 · octets 4 · first 4 · last 4 · ports 2+2 ·
 *             pad 1 · flags 1 · protocol 1 · tos 1 · AS 2+2 · masks 1+1 · pad 2
 *
 * It knows IPv4 only: IPv6 flows do not fit and are left out by the profile.
 */
export class NetFlow5Encoder implements Encoder {
  readonly #facts: ExporterFacts
  #flows: GenFlow[] = []
  #sequence = 0

  constructor(facts: ExporterFacts) {
    this.#facts = facts
  }

  get pending(): number {
    return this.#flows.length
  }

  add(flow: GenFlow): boolean {
    if (this.#flows.length >= MOST) return false
    this.#flows.push(flow)
    return true
  }

  flush(exportMs: number): Buffer | null {
    const flows = this.#flows
    if (flows.length === 0) return null
    this.#flows = []
    const { bootMs, domain, profile } = this.#facts
    const b = Buffer.alloc(HEADER + flows.length * RECORD)
    b.writeUInt16BE(5, 0)
    b.writeUInt16BE(flows.length, 2)
    b.writeUInt32BE((exportMs - bootMs) >>> 0, 4)
    b.writeUInt32BE(Math.floor(exportMs / 1000), 8)
    b.writeUInt32BE((exportMs % 1000) * 1_000_000, 12)
    b.writeUInt32BE(this.#sequence, 16)
    b.writeUInt8(0, 20)
    b.writeUInt8(domain & 255, 21)
    // Two bits of mode (1: packet interval) and fourteen of interval.
    if (profile.sampling > 1) b.writeUInt16BE((1 << 14) | (profile.sampling & 0x3fff), 22)
    this.#sequence = (this.#sequence + flows.length) >>> 0
    flows.forEach((flow, i) => {
      const at = HEADER + i * RECORD
      b.set(flow.src.subarray(0, 4), at)
      b.set(flow.dst.subarray(0, 4), at + 4)
      b.writeUInt16BE(flow.inIf, at + 12)
      b.writeUInt16BE(flow.outIf, at + 14)
      b.writeUInt32BE(Math.min(flow.packets, 0xffffffff), at + 16)
      b.writeUInt32BE(Math.min(flow.bytes, 0xffffffff), at + 20)
      b.writeUInt32BE((flow.startMs - bootMs) >>> 0, at + 24)
      b.writeUInt32BE((flow.endMs - bootMs) >>> 0, at + 28)
      b.writeUInt16BE(flow.srcPort, at + 32)
      b.writeUInt16BE(flow.dstPort, at + 34)
      b.writeUInt8(flow.flags, at + 37)
      b.writeUInt8(flow.proto, at + 38)
      b.writeUInt8(flow.tos, at + 39)
    })
    return b
  }

  housekeeping(): Buffer[] {
    return []
  }
}
