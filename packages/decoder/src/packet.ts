import { formatIpv4, formatIpv6, setAddress4, setAddress16 } from './address.ts'
import { u8, u16, u24, u32, u48 } from './bytes.ts'
import { ABSENT, type FlowRecord } from './record.ts'

/** What the first octet of a sampled header is, numbered like `header_protocol` of sFlow version 5 (section 5.3). */
export const HEADER = { ETHERNET: 1, PPP: 7, IPV4: 11, IPV6: 12, MPLS: 13, POS: 14 } as const

const ETYPE_IPV4 = 0x0800
const ETYPE_IPV6 = 0x86dd
const ETYPE_TEB = 0x6558

/** What comes next while walking down a packet. Ethertypes stand for themselves; these lie outside their range. */
const NEXT = { NOTHING: 0, ETHERNET: 0x10001, PPP: 0x10002, MPLS: 0x10003, IP_BY_VERSION: 0x10004 } as const

/**
 * Reads the head of one packet into a flow record: the outermost IP header and its ports are the flow's; the headers inside a
 * tunnel (GRE, IP in IP, VXLAN, Geneve, GTP-U, SRv6) are kept beside them in `extra` under `inner…` names.
 *
 * Truncated input ends the walk where the octets end; whatever was whole has been stored. Each step moves forward, and at most
 * `depth` headers are followed, so no input can loop. Nothing is allocated unless something goes to `extra`.
 */
export class PacketReader {
  readonly #depth: number
  /** Octets of the outermost IP packet by its own header, or ABSENT: what remains to count when only a frame was exported. */
  networkOctets: number = ABSENT
  #record: FlowRecord | null = null
  #inner = false
  #at = 0

  constructor(depth: number) {
    this.#depth = depth
  }

  /** `kind` is one of HEADER. Returns false when the header begins with nothing this reader knows. */
  read(record: FlowRecord, kind: number, b: Uint8Array, from: number, to: number): boolean {
    this.#record = record
    this.#inner = false
    this.#at = from
    this.networkOctets = ABSENT
    let next: number
    switch (kind) {
      case HEADER.ETHERNET:
        next = NEXT.ETHERNET
        break
      case HEADER.PPP:
      case HEADER.POS:
        next = NEXT.PPP
        break
      case HEADER.IPV4:
        next = ETYPE_IPV4
        break
      case HEADER.IPV6:
        next = ETYPE_IPV6
        break
      case HEADER.MPLS:
        next = NEXT.MPLS
        break
      default:
        return false
    }
    for (let i = 0; i < this.#depth && next !== NEXT.NOTHING; i++) next = this.#step(record, next, b, to)
    return true
  }

  #step(r: FlowRecord, next: number, b: Uint8Array, to: number): number {
    switch (next) {
      case NEXT.ETHERNET:
        return this.#ethernet(r, b, to)
      case NEXT.PPP:
        return this.#ppp(b, to)
      case NEXT.IP_BY_VERSION:
        if (this.#at >= to) return NEXT.NOTHING
        return u8(b, this.#at) >> 4 === 4 ? ETYPE_IPV4 : u8(b, this.#at) >> 4 === 6 ? ETYPE_IPV6 : NEXT.NOTHING
      case NEXT.MPLS:
      case 0x8847:
      case 0x8848:
        return this.#mpls(r, b, to)
      case 0x8100:
      case 0x88a8:
      case 0x9100:
      case 0x9200:
        return this.#vlan(r, b, to)
      case 0x8864:
        // PPPoE (RFC 2516, section 4): version and type, code, session, length; then PPP.
        this.#at += 6
        return NEXT.PPP
      case 0x8926:
        // VN-Tag: four octets of tag, then the next type.
        if (this.#at + 6 > to) return NEXT.NOTHING
        this.#at += 6
        return this.#type(u16(b, this.#at - 2))
      case ETYPE_TEB:
        return NEXT.ETHERNET
      case ETYPE_IPV4:
        return this.#ipv4(r, b, to)
      case ETYPE_IPV6:
        return this.#ipv6(r, b, to)
      default:
        return NEXT.NOTHING
    }
  }

  #put(name: string, value: number | string): void {
    const r = this.#record
    if (r === null) return
    r.extra ??= {}
    if (!(name in r.extra)) r.extra[name] = value
  }

  /** Note an ethertype; an IEEE 802.3 length is followed by LLC and, for SNAP, by the type. */
  #type(type: number): number {
    const r = this.#record
    if (r !== null && !this.#inner && type >= 0x600) r.etype = type
    return type
  }

  /**     destination 6 · source 6 · type or length 2     */
  #ethernet(r: FlowRecord, b: Uint8Array, to: number): number {
    const at = this.#at
    if (at + 14 > to) return NEXT.NOTHING
    if (!this.#inner) {
      r.dstMac = u48(b, at)
      r.srcMac = u48(b, at + 6)
    }
    const type = u16(b, at + 12)
    this.#at = at + 14
    if (type >= 0x600) return this.#type(type)
    if (at + 22 <= to && u24(b, at + 14) === 0xaaaa03) {
      this.#at = at + 22
      return this.#type(u16(b, at + 20))
    }
    return NEXT.NOTHING
  }

  /**     priority 3 · drop 1 · VLAN 12 · type 16     (IEEE 802.1Q; a second tag is QinQ) */
  #vlan(r: FlowRecord, b: Uint8Array, to: number): number {
    const at = this.#at
    if (at + 4 > to) return NEXT.NOTHING
    const vlan = u16(b, at) & 0xfff
    if (this.#inner) this.#put('innerVlanId', vlan)
    else if (r.vlanId === ABSENT) r.vlanId = vlan
    else this.#put('customerVlanId', vlan)
    this.#at = at + 4
    const type = u16(b, at + 2)
    return type >= 0x600 ? this.#type(type) : NEXT.NOTHING
  }

  /**     [address 0xff · control 0x03] · protocol 2     (RFC 1661; the first two may be compressed away) */
  #ppp(b: Uint8Array, to: number): number {
    let at = this.#at
    if (at + 4 <= to && u16(b, at) === 0xff03) at += 2
    if (at + 2 > to) return NEXT.NOTHING
    const protocol = u16(b, at)
    this.#at = at + 2
    if (protocol === 0x0021) return this.#type(ETYPE_IPV4)
    if (protocol === 0x0057) return this.#type(ETYPE_IPV6)
    return protocol === 0x0281 ? NEXT.MPLS : NEXT.NOTHING
  }

  /**     label 20 · class 3 · bottom 1 · TTL 8, repeated until bottom     (RFC 3032) */
  #mpls(r: FlowRecord, b: Uint8Array, to: number): number {
    for (let i = 1; i <= this.#depth; i++) {
      const at = this.#at
      if (at + 4 > to) return NEXT.NOTHING
      const entry = u32(b, at)
      this.#at = at + 4
      const label = entry >>> 12
      if (this.#inner) this.#put(`innerMplsLabel${i}`, label)
      else if (i === 1) r.mplsLabel1 = label
      else this.#put(`mplsLabel${i}`, label)
      if (entry & 0x100) break
    }
    // What follows is not announced: IP by its version; a zero nibble is a pseudowire control word before Ethernet (RFC 4385).
    if (this.#at >= to) return NEXT.NOTHING
    const version = u8(b, this.#at) >> 4
    if (version === 4) return this.#type(ETYPE_IPV4)
    if (version === 6) return this.#type(ETYPE_IPV6)
    if (version === 0 && this.#at + 18 <= to) {
      this.#at += 4
      return NEXT.ETHERNET
    }
    return NEXT.NOTHING
  }

  /**
   *     version 4 · IHL 4 · TOS 8 · total length 16 · id 16 · flags 3 · offset 13 · TTL 8 · protocol 8 · checksum 16 · source · destination
   *     (RFC 791, section 3.1)
   */
  #ipv4(r: FlowRecord, b: Uint8Array, to: number): number {
    const at = this.#at
    if (at + 20 > to || u8(b, at) >> 4 !== 4) return NEXT.NOTHING
    const length = (u8(b, at) & 15) * 4
    if (length < 20) return NEXT.NOTHING
    const protocol = u8(b, at + 9)
    const fragment = u16(b, at + 6)
    if (this.#inner) {
      this.#put('innerSrcAddr', formatIpv4(b, at + 12))
      this.#put('innerDstAddr', formatIpv4(b, at + 16))
      this.#put('innerProto', protocol)
    } else {
      this.networkOctets = u16(b, at + 2)
      r.etype = ETYPE_IPV4
      setAddress4(r.srcAddr, b, at + 12)
      setAddress4(r.dstAddr, b, at + 16)
      r.proto = protocol
      r.ipTos = u8(b, at + 1)
      r.fragmentId = u16(b, at + 4)
      r.ipFlags = fragment >> 13
      r.fragmentOffset = fragment & 0x1fff
      r.ipTtl = u8(b, at + 8)
    }
    this.#at = at + length
    return (fragment & 0x1fff) !== 0 ? NEXT.NOTHING : this.#transport(r, protocol, b, to)
  }

  /**
   *     version 4 · class 8 · flow label 20 · payload length 16 · next header 8 · hop limit 8 · source 128 · destination 128
   *     (RFC 8200, section 3), then extension headers: next 8 · length 8 · …
   */
  #ipv6(r: FlowRecord, b: Uint8Array, to: number): number {
    const at = this.#at
    if (at + 40 > to || u8(b, at) >> 4 !== 6) return NEXT.NOTHING
    let protocol = u8(b, at + 6)
    const first = u32(b, at)
    if (this.#inner) {
      this.#put('innerSrcAddr', formatIpv6(b, at + 8))
      this.#put('innerDstAddr', formatIpv6(b, at + 24))
    } else {
      this.networkOctets = u16(b, at + 4) + 40
      r.etype = ETYPE_IPV6
      setAddress16(r.srcAddr, b, at + 8)
      setAddress16(r.dstAddr, b, at + 24)
      r.ipTos = (first >>> 20) & 0xff
      r.ipv6FlowLabel = first & 0xfffff
      r.ipTtl = u8(b, at + 7)
    }
    let place = at + 40
    let whole = true
    for (let i = 0; i < this.#depth; i++) {
      if (protocol === 44) {
        // Fragment header: next 8 · reserved 8 · offset 13 · reserved 2 · more 1 · identification 32.
        if (place + 8 > to) break
        const word = u16(b, place + 2)
        if (!this.#inner) {
          r.fragmentOffset = word >> 3
          r.ipFlags = word & 1
          r.fragmentId = u32(b, place + 4)
        }
        whole = word >> 3 === 0
        protocol = u8(b, place)
        place += 8
        if (!whole) break
      } else if (protocol === 0 || protocol === 43 || protocol === 60 || protocol === 135 || protocol === 139 || protocol === 140) {
        if (place + 8 > to) break
        if (protocol === 43) this.#routing(b, place, to)
        protocol = u8(b, place)
        place += (u8(b, place + 1) + 1) * 8
      } else if (protocol === 51) {
        if (place + 8 > to) break
        protocol = u8(b, place)
        place += (u8(b, place + 1) + 2) * 4
      } else break
    }
    if (this.#inner) this.#put('innerProto', protocol)
    else r.proto = protocol
    this.#at = place
    return whole ? this.#transport(r, protocol, b, to) : NEXT.NOTHING
  }

  /** Segment routing header (RFC 8754, section 2): the active segment and how many are left. */
  #routing(b: Uint8Array, at: number, to: number): void {
    if (u8(b, at + 2) !== 4 || this.#inner) return
    const left = u8(b, at + 3)
    this.#put('srhSegmentsIPv6Left', left)
    const end = Math.min(to, at + (u8(b, at + 1) + 1) * 8)
    const segments: string[] = []
    for (let place = at + 8; place + 16 <= end && segments.length < this.#depth; place += 16) segments.push(formatIpv6(b, place))
    if (segments.length > 0) this.#put('srhSegmentIPv6BasicList', segments.join(','))
  }

  #transport(r: FlowRecord, protocol: number, b: Uint8Array, to: number): number {
    const at = this.#at
    if (at >= to) return NEXT.NOTHING
    switch (protocol) {
      case 6:
      case 17:
      case 33:
      case 132:
      case 136:
        return this.#ports(r, protocol, b, at, to)
      case 1:
      case 58:
        if (at + 2 > to || this.#inner) return NEXT.NOTHING
        r.icmpType = u8(b, at)
        r.icmpCode = u8(b, at + 1)
        return NEXT.NOTHING
      case 4:
        this.#inner = true
        return ETYPE_IPV4
      case 41:
        this.#inner = true
        return ETYPE_IPV6
      case 137:
        this.#inner = true
        return NEXT.MPLS
      case 143:
        this.#inner = true
        return NEXT.ETHERNET
      case 47:
        return this.#gre(b, at, to)
      default:
        return NEXT.NOTHING
    }
  }

  #ports(r: FlowRecord, protocol: number, b: Uint8Array, at: number, to: number): number {
    if (at + 4 > to) return NEXT.NOTHING
    const source = u16(b, at)
    const destination = u16(b, at + 2)
    if (this.#inner) {
      this.#put('innerSrcPort', source)
      this.#put('innerDstPort', destination)
      return NEXT.NOTHING
    }
    r.srcPort = source
    r.dstPort = destination
    if (protocol === 6 && at + 14 <= to) r.tcpFlags = u8(b, at + 13)
    if (protocol !== 17) return NEXT.NOTHING
    const body = at + 8
    if (destination === 4789 || destination === 8472) {
      // VXLAN (RFC 7348, section 5): flags with the I bit, reserved, VNI 24, reserved.
      if (body + 8 > to || (u8(b, body) & 0x08) === 0) return NEXT.NOTHING
      this.#put('vni', u24(b, body + 4))
      this.#inner = true
      this.#at = body + 8
      return NEXT.ETHERNET
    }
    if (destination === 6081) {
      // Geneve (RFC 8926, section 3.4): version 2 and option length 6 in words, flags, type 16, VNI 24, reserved, options.
      if (body + 8 > to) return NEXT.NOTHING
      this.#put('vni', u24(b, body + 4))
      this.#inner = true
      this.#at = body + 8 + (u8(b, body) & 0x3f) * 4
      return u16(b, body + 2)
    }
    if (destination === 2152) {
      // GTP-U (3GPP TS 29.281, section 5.1): flags, type 255 is a user packet, length, TEID, and 4 octets more with any of E, S, PN.
      if (body + 8 > to || u8(b, body) >> 5 !== 1 || u8(b, body + 1) !== 255) return NEXT.NOTHING
      this.#put('gtpuTEid', u32(b, body + 4))
      let place = body + 8
      if (u8(b, body) & 7) {
        place += 4
        let kind = place <= to ? u8(b, place - 1) : 0
        for (let i = 0; i < this.#depth && kind !== 0 && place < to; i++) {
          const words = u8(b, place)
          if (words === 0 || place + words * 4 > to) return NEXT.NOTHING
          place += words * 4
          kind = u8(b, place - 1)
        }
      }
      this.#inner = true
      this.#at = place
      return NEXT.IP_BY_VERSION
    }
    return NEXT.NOTHING
  }

  /**     C 1 · 0 · K 1 · S 1 · reserved · version 3 · protocol 16 · [checksum 32] · [key 32] · [sequence 32]     (RFC 2784, RFC 2890) */
  #gre(b: Uint8Array, at: number, to: number): number {
    if (at + 4 > to) return NEXT.NOTHING
    const flags = u16(b, at)
    const type = u16(b, at + 2)
    let place = at + 4
    if (flags & 0x8000) place += 4
    if (flags & 0x2000) {
      if (place + 4 <= to) this.#put('greKey', u32(b, place))
      place += 4
    }
    if (flags & 0x1000) place += 4
    if ((flags & 7) === 1) return NEXT.NOTHING
    this.#inner = true
    if (type === 0x88be) place += flags & 0x1000 ? 8 : 0
    this.#at = place
    return type === 0x88be ? NEXT.ETHERNET : type
  }
}
