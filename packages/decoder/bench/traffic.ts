import { ipfixTemplate, Octets, type Spec, set, v9Template } from '../test/encode.ts'
import { Random } from '../test/fuzz.ts'

export type Protocol = 'v5' | 'v9' | 'ipfix' | 'sflow'

/** Datagrams of one exporter, as many flows as asked for, and the flows they hold. Same seed, same bytes. */
export interface Traffic {
  datagrams: Uint8Array[]
  flows: number
}

const PER_DATAGRAM: Record<Protocol, number> = { v5: 30, v9: 24, ipfix: 20, sflow: 8 }
const UP = 864_000_000
const SECONDS = 1_700_000_000

const V9: readonly Spec[] = [
  [1, 4],
  [2, 4],
  [4, 1],
  [5, 1],
  [6, 1],
  [7, 2],
  [8, 4],
  [9, 1],
  [10, 4],
  [11, 2],
  [12, 4],
  [13, 1],
  [14, 4],
  [15, 4],
  [16, 4],
  [17, 4],
  [21, 4],
  [22, 4],
  [61, 1],
]
const IPFIX: readonly Spec[] = [
  [1, 8],
  [2, 8],
  [4, 1],
  [5, 1],
  [6, 1],
  [7, 2],
  [8, 4],
  [9, 1],
  [10, 4],
  [11, 2],
  [12, 4],
  [13, 1],
  [14, 4],
  [15, 4],
  [16, 4],
  [17, 4],
  [153, 8],
  [152, 8],
  [61, 1],
]

/** A believable mix: zipf-like hosts and services, both directions, 24 interfaces. */
export function traffic(protocol: Protocol, flows: number, seed = 42): Traffic {
  const random = new Random(seed)
  const datagrams: Uint8Array[] = []
  let made = 0
  for (let k = 0; made < flows; k++) {
    const count = Math.min(PER_DATAGRAM[protocol], flows - made)
    datagrams.push(
      protocol === 'v5'
        ? v5(random, count, made)
        : protocol === 'sflow'
          ? sflow(random, count, k)
          : templated(random, protocol, count, made, k),
    )
    made += count
  }
  return { datagrams, flows: made }
}

const SERVICES = [443, 80, 53, 22, 123, 25, 993, 3389, 8080, 5432]

interface Flow {
  source: number[]
  destination: number[]
  port: number
  service: number
  packets: number
  octets: number
  udp: boolean
}

function flow(random: Random): Flow {
  const host = Math.floor(4096 * (random.below(1_000_000) / 1_000_000) ** 3)
  const peer = Math.floor(50_000 * (random.below(1_000_000) / 1_000_000) ** 3)
  const inside = [10, host >> 8, host & 255, 1]
  const outside = [11 + (peer % 180), (peer >> 8) & 255, peer & 255, 9]
  const up = random.below(2) === 0
  const packets = 1 + random.below(40)
  return {
    source: up ? inside : outside,
    destination: up ? outside : inside,
    port: 32_768 + random.below(28_000),
    service: random.pick(SERVICES),
    packets,
    octets: packets * (60 + random.below(1200)),
    udp: random.below(5) === 0,
  }
}

function v5(random: Random, count: number, sequence: number): Uint8Array {
  const o = new Octets().u16(5).u16(count).u32(UP).u32(SECONDS).u32(0).u32(sequence).u16(0).u16(0)
  for (let i = 0; i < count; i++) {
    const f = flow(random)
    o.bytes(f.source)
      .bytes(f.destination)
      .bytes([192, 168, 1, 1])
      .u16(1 + (f.port % 24))
      .u16(25)
      .u32(f.packets)
      .u32(f.octets)
      .u32(UP - random.below(30_000))
      .u32(UP)
    o.u16(f.port)
      .u16(f.service)
      .u8(0)
      .u8(f.udp ? 0 : 0x1b)
      .u8(f.udp ? 17 : 6)
      .u8(0)
      .u16(65_001)
      .u16(3356)
      .u8(24)
      .u8(16)
      .u16(0)
  }
  return o.done()
}

function templated(random: Random, protocol: 'v9' | 'ipfix', count: number, sequence: number, k: number): Uint8Array {
  const v9 = protocol === 'v9'
  const body = new Octets()
  for (let i = 0; i < count; i++) {
    const f = flow(random)
    body
      .uint(f.octets, v9 ? 4 : 8)
      .uint(f.packets, v9 ? 4 : 8)
      .u8(f.udp ? 17 : 6)
      .u8(0)
      .u8(f.udp ? 0 : 0x1b)
      .u16(f.port)
      .bytes(f.source)
      .u8(24)
      .u32(1 + (f.port % 24))
    body.u16(f.service).bytes(f.destination).u8(16).u32(25).bytes([192, 168, 1, 1]).u32(65_001).u32(3356)
    if (v9) body.u32(UP).u32(UP - random.below(30_000))
    else body.uint(SECONDS * 1000, 8).uint(SECONDS * 1000 - random.below(30_000), 8)
    body.u8(0)
  }
  const sets: Uint8Array[] = []
  if (k % 500 === 0) sets.push(set(v9 ? 0 : 2, v9 ? v9Template(256, V9) : ipfixTemplate(256, IPFIX)))
  sets.push(set(256, body.done(), (4 - (body.length % 4)) % 4))
  const length = sets.reduce((sum, s) => sum + s.length, 0)
  const o = v9
    ? new Octets()
        .u16(9)
        .u16(count + sets.length - 1)
        .u32(UP)
        .u32(SECONDS)
        .u32(k)
        .u32(0)
    : new Octets()
        .u16(10)
        .u16(16 + length)
        .u32(SECONDS)
        .u32(sequence)
        .u32(0)
  for (const s of sets) o.bytes(s)
  return o.done()
}

function sflow(random: Random, count: number, k: number): Uint8Array {
  const o = new Octets().u32(5).u32(1).bytes([127, 0, 0, 1]).u32(0).u32(k).u32(UP).u32(count)
  for (let i = 0; i < count; i++) {
    const f = flow(random)
    const header = new Octets()
      .bytes([2, 2, 2, 2, 2, 2, 6, 6, 6, 6, 6, 6])
      .u16(0x0800)
      .u8(0x45)
      .u8(0)
      .u16(1000)
      .u16(0)
      .u16(0x4000)
      .u8(60)
      .u8(f.udp ? 17 : 6)
      .u16(0)
    header.bytes(f.source).bytes(f.destination).u16(f.port).u16(f.service)
    if (f.udp) header.u16(966).u16(0)
    else header.u32(1).u32(1).u8(0x50).u8(0x18).u16(1000).u32(0)
    const pad = (4 - (header.length % 4)) % 4
    const record = 16 + header.length + pad
    o.u32(1)
      .u32(32 + 8 + record)
      .u32(k * 8 + i)
      .u32(1 + (f.port % 24))
      .u32(1000)
      .u32(1000)
      .u32(0)
      .u32(1 + (f.port % 24))
      .u32(25)
      .u32(1)
    o.u32(1).u32(record).u32(1).u32(1014).u32(4).u32(header.length).bytes(header.done()).bytes(new Array<number>(pad).fill(0))
  }
  return o.done()
}
