import { formatIpv4, formatIpv6 } from '../address.ts'
import { u8, u16, u32 } from '../bytes.ts'
import { IpfixStream } from '../ipfix-stream.ts'
import type { DatagramSource } from '../record.ts'
import type { CapturedFrame } from './file.ts'
import { Reassembly } from './reassembly.ts'

/** A UDP payload, or one IPFIX message of a captured TCP connection. The octets are only valid during the call. */
export type DatagramHandler = (octets: Uint8Array, source: DatagramSource, destinationPort: number) => void

/** TCP connections followed at once; beyond that the oldest is dropped. */
const CONNECTIONS = 1_024

interface Connection {
  readonly stream: IpfixStream
  next: number
  /** Segments ahead of a gap, by sequence number. */
  readonly ahead: Map<number, Uint8Array>
}

/**
 * Finds the datagrams in captured frames: Ethernet (VLAN tags, PPPoE, MPLS), raw IP, Linux cooked, loopback; IPv4 and IPv6
 * with extension headers, fragments put together. TCP is followed only where the connection begins like IPFIX.
 */
export class DatagramFinder {
  readonly #handler: DatagramHandler
  readonly #reassembly = new Reassembly()
  readonly #connections = new Map<string, Connection>()
  #frame: CapturedFrame | null = null
  /** Frames that held no UDP and no IPFIX over TCP. */
  ignored = 0

  constructor(handler: DatagramHandler) {
    this.#handler = handler
  }

  frame(frame: CapturedFrame): void {
    this.#frame = frame
    const b = frame.octets
    switch (frame.linkType) {
      case 1:
        this.#ethernet(b, 12)
        break
      case 0:
      case 108:
        // BSD loopback: a protocol family of 4 octets in the byte order of the capturing host; IP says its own version.
        this.#ip(b, 4)
        break
      case 12:
      case 14:
      case 101:
      case 228:
      case 229:
        this.#ip(b, 0)
        break
      case 113:
        // Linux cooked: type 2 · hardware 2 · address length 2 · address 8 · protocol 2.
        this.#ethernet(b, 14)
        break
      case 276:
        // Linux cooked 2: protocol 2 · reserved 2 · interface 4 · hardware 2 · type 1 · address length 1 · address 8.
        if (b.length >= 20) this.#typed(b, u16(b, 0), 20)
        else this.ignored++
        break
      case 9:
      case 50:
        // PPP, with or without address and control.
        this.#ppp(b, b.length >= 2 && u16(b, 0) === 0xff03 ? 2 : 0)
        break
      case 51:
        this.#ppp(b, 6)
        break
      default:
        this.ignored++
    }
  }

  /** The ethertype at `at`. */
  #ethernet(b: Uint8Array, at: number): void {
    if (b.length < at + 2) this.ignored++
    else this.#typed(b, u16(b, at), at + 2)
  }

  #typed(b: Uint8Array, first: number, from: number): void {
    let type = first
    let at = from
    for (let i = 0; i < 8; i++) {
      if (type === 0x8100 || type === 0x88a8 || type === 0x9100 || type === 0x9200) {
        if (b.length < at + 4) break
        type = u16(b, at + 2)
        at += 4
      } else if (type === 0x8864) {
        this.#ppp(b, at + 6)
        return
      } else if (type === 0x8847 || type === 0x8848) {
        while (b.length >= at + 4 && (u8(b, at + 2) & 1) === 0) at += 4
        this.#ip(b, at + 4)
        return
      } else break
    }
    if (type === 0x0800 || type === 0x86dd) this.#ip(b, at)
    else this.ignored++
  }

  #ppp(b: Uint8Array, at: number): void {
    const protocol = b.length >= at + 2 ? u16(b, at) : 0
    if (protocol === 0x0021 || protocol === 0x0057) this.#ip(b, at + 2)
    else this.ignored++
  }

  #ip(b: Uint8Array, at: number): void {
    const version = b.length > at ? u8(b, at) >> 4 : 0
    if (version === 4) this.#ipv4(b, at)
    else if (version === 6) this.#ipv6(b, at)
    else this.ignored++
  }

  #ipv4(b: Uint8Array, at: number): void {
    const header = b.length >= at + 20 ? (u8(b, at) & 15) * 4 : 0
    if (header < 20 || b.length < at + header) {
      this.ignored++
      return
    }
    // A total length of 0 is segmentation offload: the frame is the packet.
    const total = u16(b, at + 2)
    const end = total >= header && at + total <= b.length ? at + total : b.length
    const fragment = u16(b, at + 6)
    const protocol = u8(b, at + 9)
    const source = formatIpv4(b, at + 12)
    const destination = formatIpv4(b, at + 16)
    const body = b.subarray(at + header, end)
    if ((fragment & 0x3fff) === 0) this.#transport(body, protocol, source, destination)
    else {
      const whole = this.#reassembly.add(
        `${source}>${destination}|${protocol}|${u16(b, at + 4)}`,
        (fragment & 0x1fff) * 8,
        (fragment & 0x2000) !== 0,
        body,
      )
      if (whole !== null) this.#transport(whole, protocol, source, destination)
    }
  }

  #ipv6(b: Uint8Array, at: number): void {
    if (b.length < at + 40) {
      this.ignored++
      return
    }
    const payload = u16(b, at + 4)
    const end = payload > 0 && at + 40 + payload <= b.length ? at + 40 + payload : b.length
    const source = formatIpv6(b, at + 8)
    const destination = formatIpv6(b, at + 24)
    let protocol = u8(b, at + 6)
    let place = at + 40
    for (let i = 0; i < 8 && place + 8 <= end; i++) {
      if (protocol === 44) {
        const word = u16(b, place + 2)
        const inner = u8(b, place)
        const body = b.subarray(place + 8, end)
        if ((word & 0xfff9) === 0) this.#transport(body, inner, source, destination)
        else {
          const whole = this.#reassembly.add(
            `${source}>${destination}|${inner}|${u32(b, place + 4)}`,
            word & 0xfff8,
            (word & 1) === 1,
            body,
          )
          if (whole !== null) this.#transport(whole, inner, source, destination)
        }
        return
      }
      if (protocol !== 0 && protocol !== 43 && protocol !== 60 && protocol !== 51) break
      const words = u8(b, place + 1)
      place += protocol === 51 ? (words + 2) * 4 : (words + 1) * 8
      protocol = u8(b, place - (protocol === 51 ? (words + 2) * 4 : (words + 1) * 8))
    }
    if (place <= end) this.#transport(b.subarray(place, end), protocol, source, destination)
    else this.ignored++
  }

  #transport(b: Uint8Array, protocol: number, source: string, destination: string): void {
    if (protocol === 17 && b.length >= 8) {
      const length = u16(b, 4)
      // A UDP length that does not fit is a capture cut short (or offload): what is there is given out.
      const end = length >= 8 && length <= b.length ? length : b.length
      this.#handler(b.subarray(8, end), this.#source(source, u16(b, 0)), u16(b, 2))
    } else if (protocol === 6 && b.length >= 20) this.#tcp(b, source, destination)
    else this.ignored++
  }

  #source(address: string, port: number, session?: string): DatagramSource {
    const receivedMs = this.#frame?.ms ?? 0
    const receivedNs = this.#frame?.ns ?? 0
    return session === undefined ? { address, port, receivedMs, receivedNs } : { address, port, receivedMs, receivedNs, session }
  }

  /** Follow a connection whose first octets are an IPFIX header; put segments in order, forget repeats. */
  #tcp(b: Uint8Array, source: string, destination: string): void {
    const header = (u8(b, 12) >> 4) * 4
    if (header < 20 || b.length < header) return
    const flags = u8(b, 13)
    const key = `${source}:${u16(b, 0)}>${destination}:${u16(b, 2)}`
    const sequence = (u32(b, 4) + (flags & 2 ? 1 : 0)) >>> 0
    const payload = b.subarray(header)
    let connection = this.#connections.get(key)
    if (flags & 2) connection = undefined
    if (connection === undefined) {
      if (payload.length < 2 ? (flags & 2) === 0 : u16(payload, 0) !== 10) {
        this.ignored++
        return
      }
      if (this.#connections.size >= CONNECTIONS) {
        const oldest = this.#connections.keys().next().value
        if (oldest !== undefined) this.#connections.delete(oldest)
      }
      connection = { stream: new IpfixStream(), next: sequence, ahead: new Map() }
      this.#connections.set(key, connection)
    }
    if (payload.length > 0 && connection.stream.broken === null)
      this.#segment(connection, sequence, payload, this.#source(source, u16(b, 0), key), u16(b, 2))
    if (flags & 5) this.#connections.delete(key)
  }

  #segment(connection: Connection, sequence: number, payload: Uint8Array, from: DatagramSource, port: number): void {
    const late = (connection.next - sequence) | 0
    if (late < 0) {
      if (connection.ahead.size < 64) connection.ahead.set(sequence, payload.slice())
      return
    }
    if (late >= payload.length) return
    const give = (octets: Uint8Array): void => this.#handler(octets, from, port)
    connection.stream.push(payload.subarray(late), give)
    connection.next = (sequence + payload.length) >>> 0
    for (;;) {
      const next = connection.ahead.get(connection.next)
      if (next === undefined) return
      connection.ahead.delete(connection.next)
      connection.stream.push(next, give)
      connection.next = (connection.next + next.length) >>> 0
    }
  }
}
