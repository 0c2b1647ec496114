import { createAddress, formatAddress, setAddress4, setAddress16 } from './address.ts'
import { hex, text, u24, u32, u48 } from './bytes.ts'
import { resetFlowRecord } from './flow.ts'
import type { DecoderLimits } from './limits.ts'
import { PacketReader } from './packet.ts'
import { ABSENT, type Address, type FlowRecord } from './record.ts'

/**
 * The flow records of one sFlow sample, gathered into one flow. The sampled header wins over the sampled IPv4, IPv6 and Ethernet
 * records, which only fill what it left open; extended data adds to either.
 */
export class SampleRecords {
  readonly #record: FlowRecord
  readonly #limits: DecoderLimits
  readonly #packet: PacketReader
  readonly #address = createAddress()
  #hasHeader = false
  #networkBytes = ABSENT
  #frameBytes = ABSENT
  /** Some record described the packet itself; extended data alone is no flow. */
  hasPacket = false
  // The place inside the current record, for the XDR readers below.
  #at = 0
  #to = 0

  constructor(record: FlowRecord, limits: DecoderLimits) {
    this.#record = record
    this.#limits = limits
    this.#packet = new PacketReader(limits.headerDepth)
  }

  begin(): void {
    resetFlowRecord(this.#record)
    this.hasPacket = false
    this.#hasHeader = false
    this.#networkBytes = ABSENT
    this.#frameBytes = ABSENT
  }

  finish(): void {
    const r = this.#record
    r.packets = 1
    if (r.bytes === ABSENT) r.bytes = this.#frameBytes !== ABSENT ? this.#frameBytes : this.#networkBytes
  }

  /** One record of format `kind` (enterprise × 4096 + format). Short records are ignored: nothing is read past `to`. */
  read(kind: number, b: Uint8Array, from: number, to: number): void {
    this.#at = from
    this.#to = to
    switch (kind) {
      case 1:
        this.#rawHeader(b, from, to)
        break
      case 2:
        this.#ethernet(b, from, to)
        break
      case 3:
        this.#sampledIp(b, from, to, 4)
        break
      case 4:
        this.#sampledIp(b, from, to, 16)
        break
      case 1001:
        this.#switch(b, from, to)
        break
      case 1002:
        this.#router(b)
        break
      case 1003:
        this.#gateway(b)
        break
      case 1004:
        this.#strings(b, ['', 'srcUser', '', 'dstUser'])
        break
      case 1005:
        this.#strings(b, ['', 'url', 'urlHost'])
        break
      case 1006:
        this.#mpls(b)
        break
      case 1007:
        this.#nat(b)
        break
      case 1008:
        this.#strings(b, ['mplsTunnelName'])
        break
      case 1009:
        this.#strings(b, ['mplsVcName'])
        break
      case 1010:
        this.#strings(b, ['mplsFtnDescription'])
        break
      case 1020:
        this.#natPorts(b, from, to)
        break
      case 1023:
      case 1024:
      case 1025:
      case 1026:
        this.#tunnel(b, from, to, kind < 1025 ? 4 : 16)
        break
      case 1029:
      case 1030:
        if (to - from >= 4) this.#put('vni', u32(b, from))
        break
      case 1036:
        if (to - from >= 4) this.#put('egressQueue', u32(b, from))
        break
      case 1037:
        this.#acl(b)
        break
      case 1038:
        this.#strings(b, ['dropFunction'])
        break
      case 1041:
        this.#strings(b, ['dropTrapGroup', 'dropTrap'])
        break
      case 1042:
        this.#strings(b, ['dropReasonName'])
        break
      case 2100:
      case 2101:
        break
      default:
        this.#put(`sflow_${kind >>> 12}_${kind & 0xfff}`, hex(b, from, Math.min(to, from + this.#limits.valueOctets)))
    }
  }

  #put(name: string, value: number | string): void {
    const r = this.#record
    r.extra ??= {}
    r.extra[name] = value
  }

  /**     protocol 4 · frame length 4 · stripped 4 · header length 4 · header     (section 5.3, sampled_header) */
  #rawHeader(b: Uint8Array, from: number, to: number): void {
    if (to - from < 16) return
    const end = Math.min(to, from + 16 + u32(b, from + 12))
    this.hasPacket = true
    this.#hasHeader = true
    this.#packet.read(this.#record, u32(b, from), b, from + 16, end)
    this.#record.bytes = u32(b, from + 4)
  }

  /**     length 4 · source 6, padded to 8 · destination 6, padded to 8 · type 4     */
  #ethernet(b: Uint8Array, from: number, to: number): void {
    if (to - from < 24) return
    this.hasPacket = true
    const r = this.#record
    this.#frameBytes = u32(b, from)
    if (this.#hasHeader) return
    r.srcMac = u48(b, from + 4)
    r.dstMac = u48(b, from + 12)
    if (r.etype === ABSENT) r.etype = u32(b, from + 20) & 0xffff
  }

  /**     length 4 · protocol 4 · source 4 or 16 · destination 4 or 16 · ports 4 + 4 · TCP flags 4 · TOS or priority 4     */
  #sampledIp(b: Uint8Array, from: number, to: number, octets: number): void {
    if (to - from < 8 + 2 * octets + 16) return
    this.hasPacket = true
    const r = this.#record
    this.#networkBytes = u32(b, from)
    if (this.#hasHeader && r.srcAddr.length !== 0) return
    r.proto = u32(b, from + 4) & 0xff
    if (octets === 4) {
      setAddress4(r.srcAddr, b, from + 8)
      setAddress4(r.dstAddr, b, from + 12)
    } else {
      setAddress16(r.srcAddr, b, from + 8)
      setAddress16(r.dstAddr, b, from + 24)
    }
    const at = from + 8 + 2 * octets
    r.etype = octets === 4 ? 0x0800 : 0x86dd
    r.srcPort = u32(b, at) & 0xffff
    r.dstPort = u32(b, at + 4) & 0xffff
    r.tcpFlags = u32(b, at + 8) & 0xff
    r.ipTos = u32(b, at + 12) & 0xff
    if (r.proto === 1 || r.proto === 58) {
      r.icmpType = r.dstPort >> 8
      r.icmpCode = r.dstPort & 0xff
    }
  }

  /**     source VLAN 4 · priority 4 · destination VLAN 4 · priority 4; 0xffffffff is unknown     */
  #switch(b: Uint8Array, from: number, to: number): void {
    if (to - from < 16) return
    const source = u32(b, from)
    const destination = u32(b, from + 8)
    if (source !== 0xffffffff) this.#record.srcVlan = source
    if (destination !== 0xffffffff) this.#record.dstVlan = destination
  }

  /**     next hop address · source mask 4 · destination mask 4     */
  #router(b: Uint8Array): void {
    const r = this.#record
    if (!this.#takeAddress(b, r.nextHop)) return
    const source = this.#take(b)
    const destination = this.#take(b)
    if (source >= 0 && source <= 128) r.srcMask = source
    if (destination >= 0 && destination <= 128) r.dstMask = destination
  }

  /**
   *     next hop address · own AS 4 · source AS 4 · source peer AS 4 · path segments 4, each: type 4 · length 4 · AS 4 … ·
   *     communities 4, each 4 · local preference 4
   *
   * The first AS of the path is the next hop's, the last the destination's.
   */
  #gateway(b: Uint8Array): void {
    const r = this.#record
    if (!this.#takeAddress(b, r.bgpNextHop)) return
    const own = this.#take(b)
    const source = this.#take(b)
    this.#take(b)
    if (source >= 0) r.srcAs = source
    if (own > 0) this.#put('gatewayAs', own)
    const segments = this.#take(b)
    const path: number[] = []
    for (let n = 0; n < segments && path.length < this.#limits.listElements; n++) {
      if (this.#take(b) < 0) break
      const length = this.#take(b)
      if (length < 0) break
      for (let i = 0; i < length && path.length < this.#limits.listElements; i++) {
        const as = this.#take(b)
        if (as < 0) {
          this.#path(path)
          return
        }
        path.push(as)
      }
    }
    this.#path(path)
    const communities = this.#take(b)
    const list: string[] = []
    for (let n = 0; n < communities && list.length < this.#limits.listElements; n++) {
      const community = this.#take(b)
      if (community < 0) break
      list.push(`${community >>> 16}:${community & 0xffff}`)
    }
    if (list.length > 0) this.#put('bgpCommunities', list.join(' '))
    const preference = this.#take(b)
    if (preference > 0) this.#put('bgpLocalPreference', preference)
  }

  #path(path: readonly number[]): void {
    const first = path[0]
    const last = path[path.length - 1]
    if (first === undefined || last === undefined) return
    this.#record.nextHopAs = first
    this.#record.dstAs = last
    this.#put('bgpDestinationAsPathList', path.join(' '))
  }

  /**     next hop address · stack going in: count 4, each 4 · stack going out: count 4, each 4     */
  #mpls(b: Uint8Array): void {
    if (!this.#takeAddress(b, this.#address)) return
    if (this.#address.length !== 0) this.#put('mplsNextHop', formatAddress(this.#address))
    for (const name of ['mplsLabelsIn', 'mplsLabelsOut']) {
      const count = this.#take(b)
      const labels: number[] = []
      for (let n = 0; n < count && labels.length < this.#limits.listElements; n++) {
        const entry = this.#take(b)
        if (entry < 0) break
        labels.push(entry >>> 12)
      }
      if (labels.length === 0) continue
      this.#put(name, labels.join(' '))
      if (this.#record.mplsLabel1 === ABSENT) this.#record.mplsLabel1 = labels[0] ?? ABSENT
    }
  }

  #nat(b: Uint8Array): void {
    if (this.#takeAddress(b, this.#record.postNatSrcAddr)) this.#takeAddress(b, this.#record.postNatDstAddr)
  }

  #natPorts(b: Uint8Array, from: number, to: number): void {
    if (to - from < 8) return
    this.#record.postNatSrcPort = u32(b, from) & 0xffff
    this.#record.postNatDstPort = u32(b, from + 4) & 0xffff
  }

  /** The tunnel's own addresses; the flow stays that of the sampled header. */
  #tunnel(b: Uint8Array, from: number, to: number, octets: number): void {
    if (to - from < 8 + 2 * octets) return
    const address = this.#address
    for (const [name, at] of [
      ['tunnelSrcAddr', from + 8],
      ['tunnelDstAddr', from + 8 + octets],
    ] as const) {
      if (octets === 4) setAddress4(address, b, at)
      else setAddress16(address, b, at)
      this.#put(name, formatAddress(address))
    }
    this.#put('tunnelProto', u24(b, from + 5) & 0xff)
  }

  /**     number 4 · name · direction 4     */
  #acl(b: Uint8Array): void {
    const number = this.#take(b)
    if (number < 0) return
    this.#put('aclNumber', number)
    const name = this.#takeString(b)
    if (name !== '') this.#put('aclName', name)
  }

  /** Strings by name; an empty name skips a number. */
  #strings(b: Uint8Array, names: readonly string[]): void {
    for (const name of names) {
      if (name === '') {
        if (this.#take(b) < 0) return
        continue
      }
      const value = this.#takeString(b)
      if (value !== '') this.#put(name, value)
    }
  }

  /** The next 32-bit number of the record, or -1 at its end. */
  #take(b: Uint8Array): number {
    if (this.#at + 4 > this.#to) {
      this.#at = this.#to
      return -1
    }
    this.#at += 4
    return u32(b, this.#at - 4)
  }

  #takeString(b: Uint8Array): string {
    const length = this.#take(b)
    if (length <= 0) return ''
    const from = this.#at
    const end = Math.min(this.#to, from + length)
    this.#at = Math.min(this.#to, from + ((length + 3) & ~3))
    return text(b, from, end, this.#limits.valueOctets)
  }

  /** An address with its type; type 0 is an unknown one without octets. False at the end of the record. */
  #takeAddress(b: Uint8Array, to: Address): boolean {
    const family = this.#take(b)
    const octets = family === 1 ? 4 : family === 2 ? 16 : 0
    if (family < 0 || this.#at + octets > this.#to) return false
    if (octets === 4) setAddress4(to, b, this.#at)
    else if (octets === 16) setAddress16(to, b, this.#at)
    this.#at += octets
    return true
  }
}
