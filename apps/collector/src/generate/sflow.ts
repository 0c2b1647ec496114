import { DATAGRAM_OCTETS, type Encoder, type ExporterFacts } from './encoder.ts'
import type { GenFlow } from './network.ts'

const HEADER_OCTETS = 128
const TCP = 6
const UDP = 17

/**
 * sFlow version 5: each record becomes one sampled packet with its raw header, beside counters of the interfaces.
 *
 *     datagram  version 4 · address type 4 · agent 4 · sub-agent 4 · sequence 4 · uptime 4 · samples 4
 *     flow sample (1)      sequence 4 · source 4 · rate 4 · pool 4 · drops 4 · input 4 · output 4 · records 4
 *       raw header (1)     protocol 4 · frame length 4 · stripped 4 · header length 4 · header, padded to 4
 *       switch (1001)      source vlan 4 · priority 4 · destination vlan 4 · priority 4
 *     counter sample (2)   sequence 4 · source 4 · records 4
 *       interface (1)      88 octets, see `#counters`
 */
export class SflowEncoder implements Encoder {
  readonly #facts: ExporterFacts
  readonly #rate: number
  #samples: Buffer[] = []
  #octets = 0
  #sequence = 0
  #sampleSequence = 0
  #pool = 0
  #counterSequence = 0
  readonly #inOctets = new Map<number, number>()
  readonly #outOctets = new Map<number, number>()

  constructor(facts: ExporterFacts, rate: number) {
    this.#facts = facts
    this.#rate = rate
  }

  get pending(): number {
    return this.#samples.length
  }

  add(flow: GenFlow): boolean {
    const sample = this.#flowSample(flow)
    if (28 + this.#octets + sample.length > DATAGRAM_OCTETS) {
      this.#sampleSequence--
      this.#pool -= this.#rate
      return false
    }
    const octets = frameLength(flow) * this.#rate
    this.#inOctets.set(flow.inIf, (this.#inOctets.get(flow.inIf) ?? 0) + octets)
    this.#outOctets.set(flow.outIf, (this.#outOctets.get(flow.outIf) ?? 0) + octets)
    this.#samples.push(sample)
    this.#octets += sample.length
    return true
  }

  flush(exportMs: number): Buffer | null {
    if (this.#samples.length === 0) return null
    const samples = this.#samples
    this.#samples = []
    this.#octets = 0
    return this.#datagram(samples, exportMs)
  }

  housekeeping(exportMs: number): Buffer[] {
    return [
      this.#datagram(
        this.#facts.profile.interfaces.map(({ index, speed }) => this.#counters(index, speed)),
        exportMs,
      ),
    ]
  }

  #datagram(samples: Buffer[], exportMs: number): Buffer {
    const header = Buffer.alloc(28)
    header.writeUInt32BE(5, 0)
    header.writeUInt32BE(1, 4)
    header.set(this.#facts.agent.subarray(0, 4), 8)
    header.writeUInt32BE(this.#facts.domain, 12)
    header.writeUInt32BE(++this.#sequence >>> 0, 16)
    header.writeUInt32BE((exportMs - this.#facts.bootMs) >>> 0, 20)
    header.writeUInt32BE(samples.length, 24)
    return Buffer.concat([header, ...samples])
  }

  #flowSample(flow: GenFlow): Buffer {
    const packet = packetHeader(flow)
    const padded = Math.ceil(packet.length / 4) * 4
    const raw = Buffer.alloc(8 + 16 + padded)
    raw.writeUInt32BE(1, 0)
    raw.writeUInt32BE(16 + padded, 4)
    raw.writeUInt32BE(1, 8)
    raw.writeUInt32BE(frameLength(flow), 12)
    raw.writeUInt32BE(4, 16)
    raw.writeUInt32BE(packet.length, 20)
    packet.copy(raw, 24)
    const vlan = flow.vlan === 0 ? 1 : flow.vlan
    const extended = uint32s([1001, 16, vlan, 0, vlan, 0])
    this.#pool += this.#rate
    const head = uint32s([++this.#sampleSequence, flow.inIf, this.#rate, this.#pool, 0, flow.inIf, flow.outIf, 2])
    const body = Buffer.concat([head, raw, extended])
    return Buffer.concat([uint32s([1, body.length]), body])
  }

  /** Generic interface counters: index, type, speed 8, direction, status, then input (octets 8, five of 4, unknown 4) and output likewise. */
  #counters(index: number, speed: number): Buffer {
    const counters = Buffer.alloc(88)
    const input = this.#inOctets.get(index) ?? 0
    const output = this.#outOctets.get(index) ?? 0
    counters.writeUInt32BE(index, 0)
    counters.writeUInt32BE(6, 4)
    counters.writeBigUInt64BE(BigInt(speed), 8)
    counters.writeUInt32BE(1, 16)
    counters.writeUInt32BE(3, 20)
    counters.writeBigUInt64BE(BigInt(input), 24)
    counters.writeUInt32BE(Math.floor(input / 900) >>> 0, 32)
    counters.writeBigUInt64BE(BigInt(output), 56)
    counters.writeUInt32BE(Math.floor(output / 900) >>> 0, 64)
    const body = Buffer.concat([uint32s([++this.#counterSequence, index, 1, 1, counters.length]), counters])
    return Buffer.concat([uint32s([2, body.length]), body])
  }
}

/** Length of the packet on the wire: the flow's mean, with Ethernet's 14 octets and checksum, within what Ethernet allows. */
function frameLength(flow: GenFlow): number {
  return Math.max(64, Math.min(1518, Math.round(flow.bytes / flow.packets) + 18))
}

/** The first octets of a packet of the flow: Ethernet, IPv4 or IPv6, TCP or UDP. */
function packetHeader(flow: GenFlow): Buffer {
  const v6 = flow.family === 6
  const vlan = flow.vlan !== 0
  const network = vlan ? 18 : 14
  const transport = network + (v6 ? 40 : 20)
  const transportOctets = flow.proto === TCP ? 20 : flow.proto === UDP ? 8 : 0
  const b = Buffer.alloc(Math.min(HEADER_OCTETS, Math.min(frameLength(flow) - 4, transport + transportOctets + 16)))
  b.set([0x02, 0, 0x5e, 0, 0, flow.outIf & 255, 0x02, 0, 0x5e, 0, 1, flow.inIf & 255], 0)
  if (vlan) {
    b.writeUInt16BE(0x8100, 12)
    b.writeUInt16BE(flow.vlan, 14)
  }
  b.writeUInt16BE(v6 ? 0x86dd : 0x0800, network - 2)
  const length = frameLength(flow) - 4 - network
  if (v6) {
    b.writeUInt32BE(((6 << 28) | (flow.tos << 20)) >>> 0, network)
    b.writeUInt16BE(Math.max(0, length - 40), network + 4)
    b[network + 6] = flow.proto
    b[network + 7] = 60
    b.set(flow.src, network + 8)
    b.set(flow.dst, network + 24)
  } else {
    b[network] = 0x45
    b[network + 1] = flow.tos
    b.writeUInt16BE(length, network + 2)
    b.writeUInt16BE(0x4000, network + 6)
    b[network + 8] = 60
    b[network + 9] = flow.proto
    b.set(flow.src.subarray(0, 4), network + 12)
    b.set(flow.dst.subarray(0, 4), network + 16)
  }
  if (transportOctets > 0) {
    b.writeUInt16BE(flow.srcPort, transport)
    b.writeUInt16BE(flow.dstPort, transport + 2)
    if (flow.proto === TCP) {
      b[transport + 12] = 0x50
      b[transport + 13] = flow.flags === 0x1b ? 0x10 : flow.flags
    } else {
      b.writeUInt16BE(Math.max(8, length - (v6 ? 40 : 20)), transport + 4)
    }
  }
  return b
}

function uint32s(words: number[]): Buffer {
  const b = Buffer.alloc(words.length * 4)
  for (const [i, word] of words.entries()) b.writeUInt32BE(word >>> 0, i * 4)
  return b
}
