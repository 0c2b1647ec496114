/** Builds export datagrams by the letter of their documents, independently of the decoder. */

export class Octets {
  readonly #parts: number[] = []

  u8(v: number): this {
    this.#parts.push(v & 255)
    return this
  }

  u16(v: number): this {
    this.#parts.push((v >> 8) & 255, v & 255)
    return this
  }

  u32(v: number): this {
    return this.u16(Math.floor(v / 65536) & 0xffff).u16(v & 0xffff)
  }

  /** An unsigned integer of `n` octets. */
  uint(v: number | bigint, n: number): this {
    for (let i = n - 1; i >= 0; i--) this.#parts.push(Number((BigInt(v) >> BigInt(8 * i)) & 255n))
    return this
  }

  bytes(of: Iterable<number>): this {
    for (const b of of) this.#parts.push(b)
    return this
  }

  text(s: string): this {
    return this.bytes(new TextEncoder().encode(s))
  }

  /** An IPFIX variable-length value: the short form below 255 octets, or the long one. */
  variable(of: readonly number[] | Uint8Array, long = of.length > 254): this {
    if (long) this.u8(255).u16(of.length)
    else this.u8(of.length)
    return this.bytes(of)
  }

  get length(): number {
    return this.#parts.length
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#parts)
  }
}

export type Spec = readonly [id: number, length: number, pen?: number]

export function set(id: number, body: Uint8Array, pad = 0): Uint8Array {
  return new Octets()
    .u16(id)
    .u16(body.length + 4 + pad)
    .bytes(body)
    .bytes(new Array<number>(pad).fill(0))
    .done()
}

export function v9Template(id: number, fields: readonly Spec[]): Uint8Array {
  const o = new Octets().u16(id).u16(fields.length)
  for (const [type, length] of fields) o.u16(type).u16(length)
  return o.done()
}

export function v9Options(id: number, scopes: readonly Spec[], fields: readonly Spec[]): Uint8Array {
  const o = new Octets()
    .u16(id)
    .u16(scopes.length * 4)
    .u16(fields.length * 4)
  for (const [type, length] of [...scopes, ...fields]) o.u16(type).u16(length)
  return o.done()
}

export interface V9Header {
  sequence?: number
  domain?: number
  upTime?: number
  seconds?: number
  count?: number
}

export function v9(sets: readonly Uint8Array[], h: V9Header = {}): Uint8Array {
  const o = new Octets()
    .u16(9)
    .u16(h.count ?? sets.length)
    .u32(h.upTime ?? 1_000_000)
    .u32(h.seconds ?? 1_700_000_000)
    .u32(h.sequence ?? 0)
    .u32(h.domain ?? 0)
  for (const s of sets) o.bytes(s)
  return o.done()
}

export function ipfixTemplate(id: number, fields: readonly Spec[]): Uint8Array {
  return specs(new Octets().u16(id).u16(fields.length), fields)
}

export function ipfixOptions(id: number, scopes: readonly Spec[], fields: readonly Spec[]): Uint8Array {
  return specs(
    new Octets()
      .u16(id)
      .u16(scopes.length + fields.length)
      .u16(scopes.length),
    [...scopes, ...fields],
  )
}

function specs(o: Octets, fields: readonly Spec[]): Uint8Array {
  for (const [id, length, pen] of fields) {
    o.u16(pen === undefined ? id : id | 0x8000).u16(length)
    if (pen !== undefined) o.u32(pen)
  }
  return o.done()
}

export interface IpfixHeader {
  sequence?: number
  domain?: number
  seconds?: number
}

export function ipfix(sets: readonly Uint8Array[], h: IpfixHeader = {}): Uint8Array {
  const body = new Octets()
  for (const s of sets) body.bytes(s)
  return new Octets()
    .u16(10)
    .u16(16 + body.length)
    .u32(h.seconds ?? 1_700_000_000)
    .u32(h.sequence ?? 0)
    .u32(h.domain ?? 0)
    .bytes(body.done())
    .done()
}

export interface V5Header {
  sequence?: number
  engine?: number
  sampling?: number
  upTime?: number
  seconds?: number
  count?: number
}

/** `count` version 5 records; the i-th has i as its source port. */
export function v5(count: number, h: V5Header = {}): Uint8Array {
  const o = new Octets()
    .u16(5)
    .u16(h.count ?? count)
    .u32(h.upTime ?? 1_000_000)
    .u32(h.seconds ?? 1_700_000_000)
    .u32(0)
    .u32(h.sequence ?? 0)
    .u16(h.engine ?? 0)
    .u16(h.sampling ?? 0)
  for (let i = 0; i < count; i++) {
    o.bytes([10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 254]).u16(1).u16(2).u32(3).u32(400).u32(999_000).u32(999_500).u16(i).u16(443)
    o.u8(0).u8(0x1b).u8(6).u8(0).u16(65001).u16(65002).u8(24).u8(16).u16(0)
  }
  return o.done()
}

/** A record of an sFlow sample or a sample itself: format, length, body. */
export function xdr(format: number, body: Uint8Array): Uint8Array {
  return new Octets().u32(format).u32(body.length).bytes(body).done()
}

export interface SflowHead {
  sequence?: number
  subAgent?: number
  upTime?: number
  agent?: readonly number[]
}

export function sflow(samples: readonly Uint8Array[], h: SflowHead = {}): Uint8Array {
  const agent = h.agent ?? [192, 0, 2, 9]
  const o = new Octets()
    .u32(5)
    .u32(agent.length === 4 ? 1 : 2)
    .bytes(agent)
    .u32(h.subAgent ?? 0)
    .u32(h.sequence ?? 0)
    .u32(h.upTime ?? 1000)
    .u32(samples.length)
  for (const s of samples) o.bytes(s)
  return o.done()
}

/** A flow sample with the given records. */
export function flowSample(records: readonly Uint8Array[], rate = 100, input = 1, output = 2): Uint8Array {
  const o = new Octets().u32(1).u32(1).u32(rate).u32(rate).u32(0).u32(input).u32(output).u32(records.length)
  for (const r of records) o.bytes(r)
  return xdr(1, o.done())
}

/** The raw header record: protocol, frame length, stripped, header. */
export function rawHeader(header: Uint8Array, protocol = 1, frame = 1000): Uint8Array {
  const pad = (4 - (header.length % 4)) % 4
  return xdr(1, new Octets().u32(protocol).u32(frame).u32(4).u32(header.length).bytes(header).bytes(new Array<number>(pad).fill(0)).done())
}

export const MAC_A = [2, 0, 0, 0, 0, 1]
export const MAC_B = [2, 0, 0, 0, 0, 2]

export function ethernet(type: number, body: Uint8Array): Uint8Array {
  return new Octets().bytes(MAC_B).bytes(MAC_A).u16(type).bytes(body).done()
}

export function ip4(
  protocol: number,
  body: Uint8Array,
  fragment = 0x4000,
  from: readonly number[] = [10, 0, 0, 1],
  to: readonly number[] = [10, 0, 0, 2],
): Uint8Array {
  return new Octets()
    .u8(0x45)
    .u8(0xb8)
    .u16(20 + body.length)
    .u16(7)
    .u16(fragment)
    .u8(61)
    .u8(protocol)
    .u16(0)
    .bytes(from)
    .bytes(to)
    .bytes(body)
    .done()
}

export const V6_A = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
export const V6_B = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]

export function ip6(next: number, body: Uint8Array): Uint8Array {
  return new Octets().u32(0x6b812345).u16(body.length).u8(next).u8(60).bytes(V6_A).bytes(V6_B).bytes(body).done()
}

export function tcp(source = 51_000, destination = 443, flags = 0x18): Uint8Array {
  return new Octets().u16(source).u16(destination).u32(1).u32(1).u8(0x50).u8(flags).u16(1000).u32(0).done()
}

export function udp(source: number, destination: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  return new Octets()
    .u16(source)
    .u16(destination)
    .u16(8 + body.length)
    .u16(0)
    .bytes(body)
    .done()
}
