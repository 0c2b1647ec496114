export type Protocol = 'v5' | 'v9' | 'ipfix' | 'sflow'
export const PROTOCOLS: readonly Protocol[] = ['v5', 'v9', 'ipfix', 'sflow']

/** Datagrams of one exporter, as many flows as asked for, and what they add up to. Same seed, same bytes. */
export interface Traffic {
  datagrams: Buffer[]
  flows: number
  octets: number
  /**
   * Make the headers say "exported now" and count on where the last sending ended (the first `datagrams` of them were sent): clocks are compared with
   * the one, and by the other the same octets are new datagrams and none that the network delivered twice.
   */
  stamp(epochSeconds: number, datagrams?: number): void
}

/** As real exporters fill 1,500 octets. */
const PER_DATAGRAM: Record<Protocol, number> = { v5: 30, v9: 24, ipfix: 20, sflow: 8 }
const UP = 864_000_000
const HOSTS_OUTSIDE = 50_000
const HOSTS_INSIDE = 4_096

/** Element and octets, in record order; IPFIX has wide counters and absolute milliseconds. */
const V9: readonly (readonly [number, number])[] = [
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
const IPFIX = V9.map(([element, octets]): readonly [number, number] =>
  element <= 2 ? [element, 8] : element === 21 ? [153, 8] : element === 22 ? [152, 8] : [element, octets],
)

/** 32-bit xorshift: fast, and the same everywhere. */
function randomSource(seed: number): () => number {
  let x = seed >>> 0 || 1
  return () => {
    x ^= x << 13
    x >>>= 0
    x ^= x >>> 17
    x ^= x << 5
    x >>>= 0
    return x / 4_294_967_296
  }
}

/** Draws 0 … n−1 with weights 1 / (i + 1)^s, by bisection of their sums. */
function zipf(n: number, s: number): (random: number) => number {
  const sums = new Float64Array(n)
  let sum = 0
  for (let i = 0; i < n; i++) {
    sum += 1 / (i + 1) ** s
    sums[i] = sum
  }
  return (random) => {
    const wanted = random * sum
    let low = 0
    let high = n - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

const SERVICES = [
  443, 80, 53, 22, 123, 25, 993, 3389, 8080, 8443, 5432, 3306, 445, 389, 636, 110, 143, 161, 179, 514, 853, 1194, 1433, 1521, 1883, 2049,
  3128, 3478, 4500, 5060, 5222, 5353, 5900, 6379, 6443, 6667, 8000, 8081, 8883, 9000, 9092, 9100, 9200, 9418, 11_211, 27_017, 51_820,
]

/** Spreads small numbers over 32 bits. */
function mix(value: number): number {
  let x = value >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

interface Flow {
  src: number
  dst: number
  nextHop: number
  srcPort: number
  dstPort: number
  proto: number
  tos: number
  flags: number
  inIf: number
  outIf: number
  srcAs: number
  dstAs: number
  srcMask: number
  dstMask: number
  packets: number
  octets: number
  durationMs: number
}

/**
 * A site of 4,096 hosts and 50,000 hosts all over the address space, both by Zipf's law, 47 services, both directions, lengths by a
 * log-normal law: the caches of a collector that has any meet what they meet in the wild.
 */
function flowSource(seed: number): () => Flow {
  const random = randomSource(seed)
  const outside = zipf(HOSTS_OUTSIDE, 1)
  const inside = zipf(HOSTS_INSIDE, 0.9)
  const services = zipf(SERVICES.length, 1.2)
  return () => {
    const e = outside(random())
    const i = inside(random())
    const hash = mix(Math.imul(e, 2_654_435_761) + 12_345)
    const there = (((11 + (hash % 180)) << 24) | ((hash >>> 8) & 0xffffff)) >>> 0
    const here = ((10 << 24) | (Math.floor(i / 250) << 8) | ((i % 250) + 1)) >>> 0
    const theirAs = 1000 + (mix(e >>> 4) % 60_000)
    const kind = random()
    const proto = kind < 0.78 ? 6 : kind < 0.96 ? 17 : kind < 0.98 ? 1 : 50
    const ports = proto === 6 || proto === 17
    const service = ports ? (SERVICES[services(random())] ?? 443) : 0
    const client = ports ? 32_768 + Math.floor(random() * 28_232) : 0
    const up = random() < 0.5
    const normal = Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random())
    const octets = Math.floor(Math.min(2e9, Math.max(40, Math.exp(6.8 + 1.9 * normal))))
    const user = 1 + (i % 24)
    const line = 25 + (e % 4)
    return {
      src: up ? here : there,
      dst: up ? there : here,
      nextHop: 0xc0a80000 + (up ? 1 : 254),
      srcPort: up ? client : service,
      dstPort: up ? service : client,
      proto,
      tos: random() < 1 / 16 ? 0xb8 : 0,
      flags: proto === 6 ? 0x1b : 0,
      inIf: up ? user : line,
      outIf: up ? line : user,
      srcAs: up ? 65_001 : theirAs,
      dstAs: up ? theirAs : 65_001,
      srcMask: up ? 24 : 16,
      dstMask: up ? 16 : 24,
      packets: Math.max(1, Math.floor(octets / (60 + random() * 1200))),
      octets,
      durationMs: Math.floor(random() * 30_000),
    }
  }
}

/** Appends numbers in network order. */
class Writer {
  readonly buffer = Buffer.alloc(65_536)
  at = 0
  u8(value: number): this {
    this.buffer[this.at++] = value
    return this
  }
  u16(value: number): this {
    this.at = this.buffer.writeUInt16BE(value, this.at)
    return this
  }
  u32(value: number): this {
    this.at = this.buffer.writeUInt32BE(value, this.at)
    return this
  }
  u64(value: number): this {
    return this.u32(Math.floor(value / 4_294_967_296)).u32(value % 4_294_967_296)
  }
  /** Fill in the length of a set that began at `start`. */
  close(start: number): void {
    this.buffer.writeUInt16BE(this.at - start, start + 2)
  }
  done(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.at))
  }
}

export function traffic(protocol: Protocol, flows: number, nowMs: number, seed = 42): Traffic {
  const next = flowSource(seed)
  const datagrams: Buffer[] = []
  const seconds = Math.floor(nowMs / 1000)
  const made = { flows: 0, octets: 0 }
  const counted = (): Flow => {
    const f = next()
    made.flows++
    made.octets += f.octets
    return f
  }
  while (made.flows < flows) {
    const count = Math.min(PER_DATAGRAM[protocol], flows - made.flows)
    const w = new Writer()
    if (protocol === 'v5') v5(w, counted, count, made.flows, seconds)
    else if (protocol === 'sflow') sflow(w, counted, count, datagrams.length)
    else templated(w, protocol, counted, count, made.flows, datagrams.length, seconds)
    datagrams.push(w.done())
  }
  const timeAt = protocol === 'ipfix' ? 4 : 8
  const sequenceAt = { v5: 16, v9: 12, ipfix: 8, sflow: 16 }[protocol]
  // v5 and IPFIX count flows, v9 and sFlow datagrams.
  const units = protocol === 'v5' || protocol === 'ipfix' ? PER_DATAGRAM[protocol] : 1
  let sent = 0
  return {
    datagrams,
    ...made,
    stamp: (epochSeconds, count = datagrams.length) => {
      for (const [k, datagram] of datagrams.entries()) {
        if (protocol !== 'sflow') datagram.writeUInt32BE(epochSeconds, timeAt)
        datagram.writeUInt32BE((sent + k * units) >>> 0, sequenceAt)
      }
      sent += Math.min(count * units, made.flows)
    },
  }
}

function v5(w: Writer, next: () => Flow, count: number, sequence: number, seconds: number): void {
  w.u16(5).u16(count).u32(UP).u32(seconds).u32(0).u32(sequence).u16(0).u16(0)
  for (let i = 0; i < count; i++) {
    const f = next()
    w.u32(f.src).u32(f.dst).u32(f.nextHop).u16(f.inIf).u16(f.outIf).u32(f.packets).u32(f.octets)
    w.u32(UP - f.durationMs)
      .u32(UP)
      .u16(f.srcPort)
      .u16(f.dstPort)
      .u8(0)
      .u8(f.flags)
      .u8(f.proto)
      .u8(f.tos)
    w.u16(f.srcAs).u16(f.dstAs).u8(f.srcMask).u8(f.dstMask).u16(0)
  }
}

function templated(
  w: Writer,
  protocol: 'v9' | 'ipfix',
  next: () => Flow,
  count: number,
  sequence: number,
  k: number,
  seconds: number,
): void {
  const v9 = protocol === 'v9'
  const withTemplate = k % 500 === 0
  if (v9)
    w.u16(9)
      .u16(count + (withTemplate ? 1 : 0))
      .u32(UP)
      .u32(seconds)
      .u32(k)
      .u32(0)
  else w.u16(10).u16(0).u32(seconds).u32(sequence).u32(0)
  if (withTemplate) {
    const start = w.at
    const fields = v9 ? V9 : IPFIX
    w.u16(v9 ? 0 : 2)
      .u16(0)
      .u16(256)
      .u16(fields.length)
    for (const [element, octets] of fields) w.u16(element).u16(octets)
    w.close(start)
  }
  const start = w.at
  w.u16(256).u16(0)
  for (let i = 0; i < count; i++) {
    const f = next()
    if (v9) w.u32(f.octets).u32(f.packets)
    else w.u64(f.octets).u64(f.packets)
    w.u8(f.proto).u8(f.tos).u8(f.flags).u16(f.srcPort).u32(f.src).u8(f.srcMask).u32(f.inIf)
    w.u16(f.dstPort).u32(f.dst).u8(f.dstMask).u32(f.outIf).u32(f.nextHop).u32(f.srcAs).u32(f.dstAs)
    if (v9) w.u32(UP).u32(UP - f.durationMs)
    else w.u64(seconds * 1000).u64(seconds * 1000 - f.durationMs)
    w.u8(f.src >>> 24 === 10 ? 1 : 0)
  }
  while ((w.at - start) % 4 !== 0) w.u8(0)
  w.close(start)
  if (!v9) w.buffer.writeUInt16BE(w.at, 2)
}

/** One flow sample each, holding a raw Ethernet header; a sample stands for its packet. */
function sflow(w: Writer, next: () => Flow, count: number, k: number): void {
  w.u32(5).u32(1).u32(0x7f000001).u32(0).u32(k).u32(UP).u32(count)
  for (let i = 0; i < count; i++) {
    const f = next()
    const frame = Math.min(1514, Math.max(64, Math.floor(f.octets / f.packets)))
    const header = 14 + 20 + (f.proto === 6 ? 20 : 8)
    const pad = (4 - (header % 4)) % 4
    const record = 16 + header + pad
    w.u32(1)
      .u32(32 + 8 + record)
      .u32(k * 8 + i)
      .u32(f.inIf)
    w.u32(1000)
      .u32((k * 8 + i) * 1000)
      .u32(0)
      .u32(f.inIf)
      .u32(f.outIf)
      .u32(1)
    w.u32(1).u32(record).u32(1).u32(frame).u32(4).u32(header)
    w.u32(0x02020202).u32(0x02020606).u32(0x06060606).u16(0x0800)
    w.u8(0x45)
      .u8(f.tos)
      .u16(frame - 14)
      .u16(0)
      .u16(0x4000)
      .u8(60)
      .u8(f.proto)
      .u16(0)
      .u32(f.src)
      .u32(f.dst)
    w.u16(f.srcPort).u16(f.dstPort)
    if (f.proto === 6) w.u32(1).u32(1).u8(0x50).u8(f.flags).u16(1000).u32(0)
    else w.u16(frame - 34).u16(0)
    for (let p = 0; p < pad; p++) w.u8(0)
  }
}

/** Make a v5 datagram one that is sent at `nowMs` by an exporter that started before `startMs`: its flows end then and keep their durations. */
export function restamp(b: Buffer, nowMs: number, startMs: number, sequence: number): void {
  const up = (nowMs - startMs + UP) >>> 0
  b.writeUInt32BE(up, 4)
  b.writeUInt32BE(Math.floor(nowMs / 1_000), 8)
  b.writeUInt32BE((nowMs % 1_000) * 1_000_000, 12)
  b.writeUInt32BE(sequence >>> 0, 16)
  for (let at = 24; at < b.length; at += 48) {
    const duration = b.readUInt32BE(at + 28) - b.readUInt32BE(at + 24)
    b.writeUInt32BE(up - duration, at + 24)
    b.writeUInt32BE(up, at + 28)
  }
}
