import { u16, u32 } from '../bytes.ts'

/** One frame of a capture file: its bytes are only valid during the call. */
export interface CapturedFrame {
  /** LINKTYPE of www.tcpdump.org. */
  linkType: number
  /** Epoch milliseconds, and the nanoseconds below one. */
  ms: number
  ns: number
  octets: Uint8Array
}

/** A frame or block longer than this is no capture but damage. */
const MAXIMUM_BLOCK = 64 << 20

const PCAP_MAGICS = new Map<number, { little: boolean; nano: boolean }>([
  [0xa1b2c3d4, { little: false, nano: false }],
  [0xd4c3b2a1, { little: true, nano: false }],
  [0xa1b23c4d, { little: false, nano: true }],
  [0x4d3cb2a1, { little: true, nano: true }],
  // Kuznetzov's variant has eight octets more per frame and is not read.
])
const PCAPNG_MAGIC = 0x0a0d0d0a

/** Whether a file begins like a capture; otherwise it is one raw datagram. */
export function isCapture(head: Uint8Array): boolean {
  return head.length >= 4 && (u32(head, 0) === PCAPNG_MAGIC || PCAP_MAGICS.has(u32(head, 0)))
}

/**
 * Reads pcap and pcapng from chunks of any size. Damage ends the reading with `problem` set; frames before it were given out.
 *
 *     pcap:   magic 4 · version 2+2 · zone 4 · accuracy 4 · snapshot 4 · link type 4; frame: seconds 4 · fraction 4 · captured 4 · original 4 · octets
 *     pcapng: block type 4 · length 4 · body · length 4   (draft-ietf-opsawg-pcapng)
 */
export class CaptureReader {
  problem: string | null = null
  #held: Uint8Array = new Uint8Array(0)
  #kind: 'unknown' | 'pcap' | 'pcapng' = 'unknown'
  #little = false
  #nano = false
  #linkType = 1
  #interfaces: { linkType: number; perSecond: bigint; offset: bigint }[] = []
  #frame: CapturedFrame = { linkType: 1, ms: 0, ns: 0, octets: new Uint8Array(0) }

  push(chunk: Uint8Array, frame: (frame: CapturedFrame) => void): void {
    if (this.problem !== null) return
    let b = chunk
    if (this.#held.length > 0) {
      b = new Uint8Array(this.#held.length + chunk.length)
      b.set(this.#held)
      b.set(chunk, this.#held.length)
    }
    let at = 0
    for (;;) {
      const next = this.#next(b, at, frame)
      if (next <= at) break
      at = next
    }
    this.#held = b.slice(at)
    if (this.#held.length > MAXIMUM_BLOCK + 64) this.#fail('a block is too long')
  }

  /** The file has ended. */
  end(): void {
    if (this.problem === null && this.#held.length > 0) this.#fail(`the file ends inside a frame (${this.#held.length} octets left)`)
  }

  #fail(problem: string): number {
    this.problem ??= problem
    return -1
  }

  #u32(b: Uint8Array, at: number): number {
    return this.#little
      ? (((b[at + 3] as number) << 24) | ((b[at + 2] as number) << 16) | ((b[at + 1] as number) << 8) | (b[at] as number)) >>> 0
      : u32(b, at)
  }

  #u16(b: Uint8Array, at: number): number {
    return this.#little ? (b[at] as number) | ((b[at + 1] as number) << 8) : u16(b, at)
  }

  /** Read one header, frame or block; returns where the next one begins, or -1 when more octets are needed. */
  #next(b: Uint8Array, at: number, frame: (frame: CapturedFrame) => void): number {
    if (this.problem !== null) return -1
    if (this.#kind === 'unknown') return this.#header(b, at)
    return this.#kind === 'pcap' ? this.#pcapFrame(b, at, frame) : this.#block(b, at, frame)
  }

  #header(b: Uint8Array, at: number): number {
    if (b.length - at < 24) return -1
    const magic = u32(b, at)
    if (magic === PCAPNG_MAGIC) {
      this.#kind = 'pcapng'
      return this.#block(b, at, () => undefined)
    }
    const known = PCAP_MAGICS.get(magic)
    if (known === undefined) return this.#fail('this is no capture file')
    this.#kind = 'pcap'
    this.#little = known.little
    this.#nano = known.nano
    this.#linkType = this.#u32(b, at + 20) & 0x0fffffff
    return at + 24
  }

  #pcapFrame(b: Uint8Array, at: number, frame: (frame: CapturedFrame) => void): number {
    if (b.length - at < 16) return -1
    const captured = this.#u32(b, at + 8)
    if (captured > MAXIMUM_BLOCK) return this.#fail(`a frame says it has ${captured} octets`)
    if (b.length - at < 16 + captured) return -1
    const fraction = this.#u32(b, at + 4)
    const f = this.#frame
    const nanoseconds = this.#nano ? fraction : fraction * 1000
    f.linkType = this.#linkType
    f.ms = this.#u32(b, at) * 1000 + Math.floor(nanoseconds / 1e6)
    f.ns = nanoseconds % 1e6
    f.octets = b.subarray(at + 16, at + 16 + captured)
    frame(f)
    return at + 16 + captured
  }

  #block(b: Uint8Array, at: number, frame: (frame: CapturedFrame) => void): number {
    if (b.length - at < 12) return -1
    const isSection = u32(b, at) === PCAPNG_MAGIC
    if (isSection) {
      const order = u32(b, at + 8)
      if (order !== 0x1a2b3c4d && order !== 0x4d3c2b1a) return this.#fail('a section has no byte order')
      this.#little = order === 0x4d3c2b1a
      this.#interfaces = []
    }
    const length = this.#u32(b, at + 4)
    if (length < 12 || length % 4 !== 0 || length > MAXIMUM_BLOCK) return this.#fail(`a block says it has ${length} octets`)
    if (b.length - at < length) return -1
    const type = this.#u32(b, at)
    const body = at + 8
    const end = at + length - 4
    if (type === 1) this.#interface(b, body, end)
    else if (type === 6 && end - body >= 20)
      this.#packet(b, this.#u32(b, body), this.#u32(b, body + 4), this.#u32(b, body + 8), body + 20, this.#u32(b, body + 12), end, frame)
    else if (type === 2 && end - body >= 20)
      this.#packet(b, this.#u16(b, body), this.#u32(b, body + 4), this.#u32(b, body + 8), body + 20, this.#u32(b, body + 12), end, frame)
    else if (type === 3 && end - body >= 4) this.#packet(b, 0, 0, 0, body + 4, Math.min(this.#u32(b, body), end - body - 4), end, frame)
    return at + length
  }

  /** Interface description: link type 2 · reserved 2 · snapshot 4 · options; 9 is the resolution of stamps, 14 their offset. */
  #interface(b: Uint8Array, body: number, end: number): void {
    if (end - body < 8) return
    let perSecond = 1_000_000n
    let offset = 0n
    let at = body + 8
    while (end - at >= 4) {
      const code = this.#u16(b, at)
      const length = this.#u16(b, at + 2)
      if (code === 0 || at + 4 + length > end) break
      if (code === 9 && length >= 1) {
        const resolution = b[at + 4] as number
        perSecond = resolution & 0x80 ? 1n << BigInt(resolution & 63) : 10n ** BigInt(Math.min(resolution & 127, 18))
      } else if (code === 14 && length === 8) {
        const [low, high] = this.#little ? [this.#u32(b, at + 4), this.#u32(b, at + 8)] : [this.#u32(b, at + 8), this.#u32(b, at + 4)]
        offset = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))
      }
      at += 4 + ((length + 3) & ~3)
    }
    this.#interfaces.push({ linkType: this.#u16(b, body), perSecond, offset })
  }

  #packet(
    b: Uint8Array,
    index: number,
    high: number,
    low: number,
    at: number,
    captured: number,
    end: number,
    frame: (frame: CapturedFrame) => void,
  ): void {
    const of = this.#interfaces[index]
    if (of === undefined || captured > end - at) return
    const stamp = (BigInt(high) << 32n) | BigInt(low)
    const nanoseconds = (stamp * 1_000_000_000n) / of.perSecond + of.offset * 1_000_000_000n
    const f = this.#frame
    f.linkType = of.linkType
    f.ms = Number(nanoseconds / 1_000_000n)
    f.ns = Number(nanoseconds % 1_000_000n)
    f.octets = b.subarray(at, at + captured)
    frame(f)
  }
}
