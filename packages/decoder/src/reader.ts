import { setAddress4, setAddress16, swapAddresses } from './address.ts'
import { allZero, big64, bigUint, float, text, u8, u16, u32, uint } from './bytes.ts'
import type { ElementRegistry } from './elements.ts'
import { resetFlowRecord } from './flow.ts'
import type { DecoderLimits } from './limits.ts'
import { OP } from './operations.ts'
import { HEADER, PacketReader } from './packet.ts'
import type { Plan } from './plan.ts'
import { ABSENT, type FlowRecord, LATEST_MS } from './record.ts'
import { formatList } from './structured.ts'
import { type Template, VARIABLE } from './template.ts'
import { ntpNanoseconds, ntpSeconds, readValue } from './value.ts'

/** What a record needs to know of the place it came from: rates and names that options records told. */
export interface RecordSurroundings {
  /** N of "1 in N" for records that name no sampler, or ABSENT. */
  readonly rate: number
  rateOfSampler(id: number): number
  /** Rate announced for an interface, or ABSENT. */
  rateOfInterface(index: number): number
  readonly ratesByInterface: boolean
  applicationName(id: number): string
  template(id: number): Template | undefined
  /** systemInitTimeMilliseconds told by options, or ABSENT. */
  readonly bootMs: number
}

/** A rate with the octets in the wrong order: RouterOS sends 34 little-endian, so 10 arrives as 167,772,160. No router samples 1 in 16 million. */
export function plausibleRate(rate: number): number {
  if (rate <= 0xffffff || rate > 0xffffffff) return rate
  const swapped = (((rate & 0xff) << 24) | ((rate & 0xff00) << 8) | ((rate >>> 8) & 0xff00) | (rate >>> 24)) >>> 0
  return swapped <= 0xffffff && swapped > 0 ? swapped : rate
}

/**
 * Runs compiled plans over data records into the one reused record. One instance serves all exporters of a decoder:
 * `begin` says where the next records come from.
 */
export class RecordReader {
  readonly record: FlowRecord
  readonly packet: PacketReader
  readonly #limits: DecoderLimits
  readonly #registry: ElementRegistry
  #last: Plan | null = null
  #sparse = false
  #around: RecordSurroundings | null = null
  #commonRate = ABSENT
  #byInterface = false
  /** Export time and the moment sysUpTime was zero, epoch milliseconds and the nanoseconds below one. */
  #exportMs = ABSENT
  #bootMs = ABSENT
  #bootNs = 0
  #upTime = 0
  /** Places of variable-length records. */
  readonly #places: Int32Array
  readonly #lengths: Int32Array
  // Values that only mean something together, gathered while a record is read.
  #applicationId = -1
  #duration = -1
  #startDelta = -1
  #endDelta = -1
  #eventMs = ABSENT
  #eventNs = 0
  #samplerId = -1
  #interval = 0
  #space = -1
  #size = 0
  #population = 0
  #probability = 0
  #packetInterval = 0
  #frameSize = -1
  #ipVersion = -1
  // The other direction of a biflow.
  #reverseBytes = 0
  #reversePackets = 0
  #reverseFlags = ABSENT
  #reverseTos = ABSENT
  #reverseVlan = ABSENT
  #reverseStart = ABSENT
  #reverseEnd = ABSENT

  constructor(record: FlowRecord, limits: DecoderLimits, registry: ElementRegistry) {
    this.record = record
    this.packet = new PacketReader(limits.headerDepth)
    this.#limits = limits
    this.#registry = registry
    this.#places = new Int32Array(limits.fieldsPerTemplate)
    this.#lengths = new Int32Array(limits.fieldsPerTemplate)
  }

  /** Another format has written the record: the next plan starts from an empty one. */
  forget(): void {
    this.#last = null
  }

  /** `upTime` is the header's sysUpTime in milliseconds, or ABSENT for IPFIX, whose header has none. */
  begin(around: RecordSurroundings, exportMs: number, upTime: number): void {
    this.#around = around
    this.#exportMs = exportMs
    this.#upTime = upTime
    this.#bootMs = upTime === ABSENT ? around.bootMs : exportMs - upTime
    this.#bootNs = 0
    this.#commonRate = around.rate
    this.#byInterface = around.ratesByInterface
    this.#last = null
  }

  /**
   * Read the record at `at`. Returns where the next one begins, or -1 when this one does not fit into `to`.
   * The fields lie in `record` afterwards.
   */
  read(plan: Plan, b: Uint8Array, at: number, to: number): number {
    const r = this.record
    if (plan !== this.#last) {
      resetFlowRecord(r)
      r.eventKind = plan.eventKind
      this.#last = plan
    } else if (plan.sparse) {
      resetFlowRecord(r)
      r.eventKind = plan.eventKind
    } else {
      r.exact = null
      r.extra = null
      r.event = ABSENT
    }
    let next: number
    if (plan.fixed >= 0) {
      next = at + plan.fixed
      if (next > to) return -1
      this.#run(plan, b, at, plan.fieldOffsets, plan.fieldLengths)
    } else {
      next = this.#locate(plan, b, at, to)
      if (next < 0) return -1
      this.#run(plan, b, 0, this.#places, this.#lengths)
    }
    return next
  }

  /** First pass over a record of varying length: where each field is, and how long. */
  #locate(plan: Plan, b: Uint8Array, from: number, to: number): number {
    const places = this.#places
    const lengths = this.#lengths
    const specified = plan.fieldLengths
    let at = from
    for (let i = 0; i < specified.length; i++) {
      let length = specified[i] as number
      if (length === VARIABLE) {
        if (at >= to) return -1
        length = u8(b, at++)
        if (length === 255) {
          if (at + 2 > to) return -1
          length = u16(b, at)
          at += 2
        }
      }
      if (at + length > to) return -1
      places[i] = at
      lengths[i] = length
      at += length
    }
    return at
  }

  #run(plan: Plan, b: Uint8Array, base: number, places: Int32Array, lengths: Int32Array): void {
    const r = this.record
    const { ops, index, skipZero } = plan
    this.#sparse = plan.sparse
    if (plan.times || plan.samples || plan.biflow || plan.application || plan.frame || plan.twoFamilies) this.#clear()
    for (let i = 0; i < ops.length; i++) {
      const op = ops[i] as number
      const field = index[i] as number
      const at = base + (places[field] as number)
      const length = lengths[field] as number
      if (op >= OP.FIRST_OCTETS) {
        this.#octets(op, b, at, length, skipZero[i] === 1)
        continue
      }
      let v: number
      if (length === 4) v = u32(b, at)
      else if (length === 2) v = u16(b, at)
      else if (length === 1) v = u8(b, at)
      else if (length === 0) continue
      else v = uint(b, at, length)
      if (v === 0 && skipZero[i] === 1) continue
      switch (op) {
        case OP.BYTES:
          r.bytes = v
          if (v > Number.MAX_SAFE_INTEGER) this.#exact('bytes', b, at, length)
          break
        case OP.PACKETS:
          r.packets = v
          if (v > Number.MAX_SAFE_INTEGER) this.#exact('packets', b, at, length)
          break
        case OP.PROTO:
          r.proto = v
          break
        case OP.IP_TOS:
          r.ipTos = v
          break
        case OP.DSCP:
          r.ipTos = (v & 63) << 2
          break
        case OP.TCP_FLAGS:
          r.tcpFlags = v & 0xff
          if (v > 0xff) this.#extra('tcpControlBits', v)
          break
        case OP.SRC_PORT:
          r.srcPort = v
          break
        case OP.DST_PORT:
          r.dstPort = v
          break
        case OP.IN_IF:
          r.inIf = v
          break
        case OP.OUT_IF:
          r.outIf = v
          break
        case OP.SRC_AS:
          r.srcAs = v
          break
        case OP.DST_AS:
          r.dstAs = v
          break
        case OP.NEXT_HOP_AS:
          r.nextHopAs = v
          break
        case OP.SRC_MASK:
          r.srcMask = v
          break
        case OP.DST_MASK:
          r.dstMask = v
          break
        case OP.START_UPTIME:
          this.#startUpTime(v)
          break
        case OP.END_UPTIME:
          this.#endUpTime(v)
          break
        case OP.START_MS:
          r.startMs = v
          r.startNs = 0
          break
        case OP.END_MS:
          r.endMs = v
          r.endNs = 0
          break
        case OP.START_SECONDS:
          r.startMs = v * 1000
          r.startNs = 0
          break
        case OP.END_SECONDS:
          r.endMs = v * 1000
          r.endNs = 0
          break
        case OP.DIRECTION:
          r.direction = v
          break
        default:
          this.#number(op, v)
      }
    }
    this.#finish(plan, b, base, places, lengths)
  }

  /** The rarer numbers, apart so that the loop above stays small. */
  #number(op: number, v: number): void {
    const r = this.record
    switch (op) {
      case OP.SRC_VLAN:
        r.srcVlan = v
        break
      case OP.DST_VLAN:
        r.dstVlan = v
        break
      case OP.VLAN_ID:
        r.vlanId = v
        break
      case OP.IP_TTL:
        r.ipTtl = v
        break
      case OP.IP_FLAGS:
        // IE 197 has the header's three bits at the top of its octet.
        r.ipFlags = (v & 0xff) >> 5
        break
      case OP.ICMP_TYPE:
        r.icmpType = v
        break
      case OP.ICMP_CODE:
        r.icmpCode = v
        break
      case OP.ICMP_TYPE_CODE:
        r.icmpType = (v >> 8) & 0xff
        r.icmpCode = v & 0xff
        break
      case OP.FRAGMENT_ID:
        r.fragmentId = v
        break
      case OP.FRAGMENT_OFFSET:
        r.fragmentOffset = v
        break
      case OP.FLOW_LABEL:
        r.ipv6FlowLabel = v % 0x100000
        break
      case OP.FORWARDING_STATUS:
        r.forwardingStatus = v
        break
      case OP.END_REASON:
        r.flowEndReason = v
        break
      case OP.OBSERVATION_POINT:
        r.observationPointId = v
        break
      case OP.NAT_EVENT:
      case OP.FIREWALL_EVENT:
        r.event = v
        break
      case OP.NAT_SRC_PORT:
        r.postNatSrcPort = v
        break
      case OP.NAT_DST_PORT:
        r.postNatDstPort = v
        break
      case OP.SRC_MAC:
        r.srcMac = v
        break
      case OP.DST_MAC:
        r.dstMac = v
        break
      case OP.ETYPE:
        r.etype = v
        break
      case OP.IP_VERSION:
        this.#ipVersion = v
        break
      case OP.MPLS_LABEL1:
        r.mplsLabel1 = v >>> 4
        break
      case OP.INITIATOR_BYTES:
        r.bytes = v
        break
      case OP.INITIATOR_PACKETS:
        r.packets = v
        break
      case OP.RESPONDER_BYTES:
        r.bytes = (r.bytes === ABSENT ? 0 : r.bytes) + v
        break
      case OP.RESPONDER_PACKETS:
        r.packets = (r.packets === ABSENT ? 0 : r.packets) + v
        break
      default:
        this.#scratch(op, v)
    }
  }

  /** Numbers that only count together with others. */
  #scratch(op: number, v: number): void {
    switch (op) {
      case OP.INIT_MS:
        this.#bootMs = v
        this.#bootNs = 0
        break
      case OP.DURATION_MS:
        this.#duration = v * 1000
        break
      case OP.DURATION_US:
        this.#duration = v
        break
      case OP.START_DELTA_US:
        this.#startDelta = v
        break
      case OP.END_DELTA_US:
        this.#endDelta = v
        break
      case OP.EVENT_MS:
        this.#eventMs = v
        this.#eventNs = 0
        break
      case OP.EVENT_SECONDS:
        this.#eventMs = v * 1000
        this.#eventNs = 0
        break
      case OP.SAMPLER_ID:
        this.#samplerId = v
        break
      case OP.SAMPLING_INTERVAL:
        this.#interval = v
        break
      case OP.PACKET_INTERVAL:
        this.#packetInterval = v
        break
      case OP.PACKET_SPACE:
        this.#space = v
        break
      case OP.SAMPLE_SIZE:
        this.#size = v
        break
      case OP.SAMPLE_POPULATION:
        this.#population = v
        break
      case OP.FRAME_SIZE:
        this.#frameSize = v
        break
      case OP.REVERSE_BYTES:
        this.#reverseBytes = v
        break
      case OP.REVERSE_PACKETS:
        this.#reversePackets = v
        break
      case OP.REVERSE_TCP_FLAGS:
        this.#reverseFlags = v & 0xff
        break
      case OP.REVERSE_TOS:
        this.#reverseTos = v
        break
      case OP.REVERSE_VLAN:
        this.#reverseVlan = v
        break
      case OP.REVERSE_START_MS:
        this.#reverseStart = v
        break
      case OP.REVERSE_END_MS:
        this.#reverseEnd = v
        break
      default:
        break
    }
  }

  #octets(op: number, b: Uint8Array, at: number, length: number, skipZero: boolean): void {
    const r = this.record
    if (op <= OP.NAT_DST4) {
      if (length !== 4 || (skipZero && u32(b, at) === 0)) return
      setAddress4(this.#address(op), b, at)
      return
    }
    if (op <= OP.NAT_DST6) {
      if (length !== 16 || (skipZero && allZero(b, at, at + 16))) return
      setAddress16(this.#address(op), b, at)
      return
    }
    switch (op) {
      case OP.APPLICATION_NAME:
        r.applicationName = text(b, at, at + length, this.#limits.valueOctets)
        break
      case OP.APPLICATION_ID:
        this.#applicationId = applicationKey(b, at, length)
        break
      case OP.SAMPLING_PROBABILITY:
        this.#probability = float(b, at, length)
        break
      case OP.FRAME:
        this.packet.read(r, HEADER.ETHERNET, b, at, at + length)
        break
      case OP.IP_PACKET:
        this.packet.read(r, length > 0 && u8(b, at) >> 4 === 6 ? HEADER.IPV6 : HEADER.IPV4, b, at, at + length)
        break
      default:
        if (length === 8 && !(skipZero && allZero(b, at, at + 8))) this.#ntp(op, b, at)
    }
  }

  #address(op: number): FlowRecord['srcAddr'] {
    const r = this.record
    switch (op) {
      case OP.SRC_ADDR4:
      case OP.SRC_ADDR6:
        return r.srcAddr
      case OP.DST_ADDR4:
      case OP.DST_ADDR6:
        return r.dstAddr
      case OP.NEXT_HOP4:
      case OP.NEXT_HOP6:
        return r.nextHop
      case OP.BGP_NEXT_HOP4:
      case OP.BGP_NEXT_HOP6:
        return r.bgpNextHop
      case OP.NAT_SRC4:
      case OP.NAT_SRC6:
        return r.postNatSrcAddr
      default:
        return r.postNatDstAddr
    }
  }

  /**
   * NTP stamps (RFC 7011, sections 6.1.9 and 6.1.10): seconds since 1900 and a binary fraction. Some exporters send plain
   * micro- or nanoseconds since 1970 instead; those would be dates after 2036 here, and are taken for what they are when
   * that lands within a month of the export time.
   */
  #ntp(op: number, b: Uint8Array, at: number): void {
    const nano = op === OP.START_NTP_NS || op === OP.END_NTP_NS || op === OP.EVENT_NTP_NS
    const seconds = u32(b, at)
    const fraction = nano ? u32(b, at + 4) : (u32(b, at + 4) & 0xfffff800) >>> 0
    let nanoseconds = ntpNanoseconds(fraction)
    let ms = ntpSeconds(seconds) * 1000 + Math.floor(nanoseconds / 1e6)
    nanoseconds %= 1e6
    if (this.#exportMs !== ABSENT && Math.abs(ms - this.#exportMs) > 2_678_400_000) {
      const plain = seconds * 4294967296 + u32(b, at + 4)
      const unit = nano ? 1e6 : 1e3
      const plainMs = Math.floor(plain / unit)
      if (Math.abs(plainMs - this.#exportMs) <= 2_678_400_000) {
        ms = plainMs
        nanoseconds = nano ? Number(big64(b, at) % 1_000_000n) : (plain % 1e3) * 1000
      }
    }
    const r = this.record
    if (op === OP.START_NTP_US || op === OP.START_NTP_NS) {
      r.startMs = ms
      r.startNs = nanoseconds
    } else if (op === OP.END_NTP_US || op === OP.END_NTP_NS) {
      r.endMs = ms
      r.endNs = nanoseconds
    } else {
      this.#eventMs = ms
      this.#eventNs = nanoseconds
    }
  }

  /**
   * sysUpTime stamps wrap after 49.7 days. A stamp more than half that range above the header's uptime was taken before the wrap;
   * one a little above it is a flow that ended while the datagram was filled.
   */
  #fromUpTime(v: number): number {
    if (this.#upTime !== ABSENT && v - this.#upTime > 0x80000000) return this.#bootMs + v - 4294967296
    return this.#bootMs + v
  }

  #startUpTime(v: number): void {
    if (this.#bootMs === ABSENT) {
      if (!this.#sparse) this.record.startMs = ABSENT
      this.#extra('flowStartSysUpTime', v)
      return
    }
    this.record.startMs = this.#fromUpTime(v)
    this.record.startNs = this.#bootNs
  }

  #endUpTime(v: number): void {
    if (this.#bootMs === ABSENT) {
      if (!this.#sparse) this.record.endMs = ABSENT
      this.#extra('flowEndSysUpTime', v)
      return
    }
    this.record.endMs = this.#fromUpTime(v)
    this.record.endNs = this.#bootNs
  }

  #exact(name: string, b: Uint8Array, at: number, length: number): void {
    const r = this.record
    r.exact ??= {}
    r.exact[name] = bigUint(b, at, length)
  }

  #extra(name: string, value: number | bigint | string): void {
    const r = this.record
    r.extra ??= {}
    r.extra[name] = value
  }

  #clear(): void {
    this.#applicationId = -1
    this.#duration = -1
    this.#startDelta = -1
    this.#endDelta = -1
    this.#eventMs = ABSENT
    this.#eventNs = 0
    this.#samplerId = -1
    this.#interval = 0
    this.#space = -1
    this.#size = 0
    this.#population = 0
    this.#probability = 0
    this.#packetInterval = 0
    this.#frameSize = -1
    this.#reverseBytes = 0
    this.#reversePackets = 0
    this.#reverseFlags = ABSENT
    this.#reverseTos = ABSENT
    this.#reverseVlan = ABSENT
    this.#reverseStart = ABSENT
    this.#reverseEnd = ABSENT
    // The record's own systemInit counts for this record only.
    if (this.#upTime === ABSENT && this.#around !== null) this.#bootMs = this.#around.bootMs
  }

  #finish(plan: Plan, b: Uint8Array, base: number, places: Int32Array, lengths: Int32Array): void {
    const r = this.record
    if (plan.twoFamilies && r.srcAddr.length !== r.dstAddr.length) this.#sameFamily()
    if (plan.etypeFromAddress && (r.etype === ABSENT || !plan.frame)) {
      const version =
        r.srcAddr.length !== 0 ? r.srcAddr.length : r.dstAddr.length !== 0 ? r.dstAddr.length : plan.ipVersion ? this.#ipVersion : 0
      r.etype = version === 4 ? 0x0800 : version === 16 || version === 6 ? 0x86dd : ABSENT
    }
    if (plan.icmpFromPort) {
      if ((r.proto === 1 || r.proto === 58) && r.dstPort !== ABSENT) {
        r.icmpType = r.dstPort >> 8
        r.icmpCode = r.dstPort & 0xff
      } else if (!plan.frame) {
        r.icmpType = ABSENT
        r.icmpCode = ABSENT
      }
    } else if (plan.icmpFields && r.proto !== 1 && r.proto !== 58 && r.icmpType === 0 && r.icmpCode <= 0) {
      r.icmpType = ABSENT
      r.icmpCode = ABSENT
    }
    if (plan.times) this.#finishTimes()
    if (r.startMs < 0 || r.startMs > LATEST_MS) r.startMs = ABSENT
    if (r.endMs < 0 || r.endMs > LATEST_MS) r.endMs = ABSENT
    if (plan.frame && r.bytes === ABSENT) {
      r.bytes = this.#frameSize >= 0 ? this.#frameSize : this.packet.networkOctets
      if (r.packets === ABSENT) r.packets = 1
    }
    const around = this.#around
    if (around === null) return
    if (plan.application && r.applicationName === '' && this.#applicationId >= 0)
      r.applicationName = around.applicationName(this.#applicationId)
    r.samplingRate = plan.samples ? this.#rate(around) : this.#commonRate
    if (this.#byInterface && r.samplingRate === ABSENT && r.inIf !== ABSENT) r.samplingRate = around.rateOfInterface(r.inIf)
    if (plan.extras.length > 0) this.#extras(plan, around, b, base, places, lengths)
  }

  /** A template for both families left one address all zero: it is the unspecified address of the other's family. */
  #sameFamily(): void {
    const r = this.record
    const short = r.srcAddr.length < r.dstAddr.length ? r.srcAddr : r.dstAddr
    if (!allZero(short.bytes, 0, short.length)) return
    short.bytes.fill(0)
    short.length = short === r.srcAddr ? r.dstAddr.length : r.srcAddr.length
  }

  #finishTimes(): void {
    const r = this.record
    if (r.startMs === ABSENT && this.#startDelta >= 0 && this.#exportMs !== ABSENT) {
      const us = this.#exportMs * 1000 - this.#startDelta
      r.startMs = Math.floor(us / 1000)
      r.startNs = (us - r.startMs * 1000) * 1000
    }
    if (r.endMs === ABSENT && this.#endDelta >= 0 && this.#exportMs !== ABSENT) {
      const us = this.#exportMs * 1000 - this.#endDelta
      r.endMs = Math.floor(us / 1000)
      r.endNs = (us - r.endMs * 1000) * 1000
    }
    if (this.#eventMs !== ABSENT) {
      if (r.startMs === ABSENT) {
        r.startMs = this.#eventMs
        r.startNs = this.#eventNs
      }
      if (r.endMs === ABSENT) {
        r.endMs = this.#eventMs
        r.endNs = this.#eventNs
      }
    }
    if (this.#duration >= 0) {
      const ms = Math.floor(this.#duration / 1000)
      if (r.endMs === ABSENT && r.startMs !== ABSENT) {
        r.endMs = r.startMs + ms
        r.endNs = r.startNs
      } else if (r.startMs === ABSENT && r.endMs !== ABSENT) {
        r.startMs = r.endMs - ms
        r.startNs = r.endNs
      } else if (r.startMs === ABSENT) this.#extra('flowDurationMilliseconds', ms)
    }
  }

  /** The record's own word first (Huawei, H3C, MikroTik), then its sampler's, then its domain's. */
  #rate(around: RecordSurroundings): number {
    const own = samplingRate(this.#interval, this.#packetInterval, this.#space, this.#size, this.#population, this.#probability)
    if (own !== ABSENT) return own
    if (this.#samplerId > 0) {
      const named = around.rateOfSampler(this.#samplerId)
      if (named !== ABSENT) return named
    }
    return this.#commonRate
  }

  #extras(plan: Plan, around: RecordSurroundings, b: Uint8Array, base: number, places: Int32Array, lengths: Int32Array): void {
    const r = this.record
    const out = r.extra ?? {}
    for (const field of plan.extras) {
      const at = base + (places[field.index] as number)
      const length = lengths[field.index] as number
      if (length === 0) continue
      const type = field.type
      if (type === 'list' || type === 'stl' || type === 'stml') {
        out[field.name] = formatList(
          type,
          { registry: this.#registry, limits: this.#limits, template: (id) => around.template(id) },
          b,
          at,
          at + length,
        )
        continue
      }
      const value = readValue(type, b, at, length, this.#limits.valueOctets)
      if (value !== undefined) out[field.name] = value
    }
    r.extra = out
  }

  /** Whether the record just read carries traffic of the other direction (RFC 5103). */
  get hasReverse(): boolean {
    return this.#reverseBytes > 0 || this.#reversePackets > 0
  }

  /** Turn the record round: the responder's half of a biflow becomes a flow of its own, so that totals are whole. */
  reverse(): void {
    const r = this.record
    swapAddresses(r.srcAddr, r.dstAddr)
    swapAddresses(r.postNatSrcAddr, r.postNatDstAddr)
    let t = r.srcPort
    r.srcPort = r.dstPort
    r.dstPort = t
    t = r.postNatSrcPort
    r.postNatSrcPort = r.postNatDstPort
    r.postNatDstPort = t
    t = r.inIf
    r.inIf = r.outIf
    r.outIf = t
    t = r.srcAs
    r.srcAs = r.dstAs
    r.dstAs = t
    t = r.srcMask
    r.srcMask = r.dstMask
    r.dstMask = t
    t = r.srcMac
    r.srcMac = r.dstMac
    r.dstMac = t
    r.nextHop.length = 0
    r.bgpNextHop.length = 0
    r.bytes = this.#reverseBytes
    r.packets = this.#reversePackets
    r.exact = null
    r.tcpFlags = this.#reverseFlags
    if (this.#reverseTos !== ABSENT) r.ipTos = this.#reverseTos
    if (this.#reverseVlan !== ABSENT) {
      r.srcVlan = this.#reverseVlan
      r.vlanId = this.#reverseVlan
    }
    if (this.#reverseStart > 0 && this.#reverseStart <= LATEST_MS) r.startMs = this.#reverseStart
    if (this.#reverseEnd > 0 && this.#reverseEnd <= LATEST_MS) r.endMs = this.#reverseEnd
    r.extra = null
    this.#reverseBytes = 0
    this.#reversePackets = 0
  }
}

/**
 * N of "1 in N" from whichever elements were sent, or ABSENT: samplingInterval and samplerRandomInterval say N (34, 50); of PSAMP,
 * `interval` packets are taken and `space` left out (305, 306), `size` of `population` (309, 310), or each with a probability (311).
 */
export function samplingRate(
  interval: number,
  packets: number,
  space: number,
  size: number,
  population: number,
  probability: number,
): number {
  if (interval > 0) return plausibleRate(interval)
  const swappedPackets = packets > 0 ? plausibleRate(packets) : 0
  if (swappedPackets > 0 && space >= 0) return Math.max(1, Math.round((swappedPackets + plausibleRate(space)) / swappedPackets))
  if (swappedPackets > 0 && size === 0 && population === 0 && !(probability > 0)) return swappedPackets
  if (size > 0 && population > 0) return Math.max(1, Math.round(population / size))
  if (probability > 0 && probability <= 1) return Math.max(1, Math.round(1 / probability))
  return ABSENT
}

/**
 * An applicationId (RFC 6759: one octet of engine, the rest a selector) as a number to look names up by: its value when it has
 * up to 6 octets; of longer ones the last 6, marked with the length.
 */
export function applicationKey(b: Uint8Array, at: number, length: number): number {
  if (length <= 6) return uint(b, at, length)
  return uint(b, at + length - 6, 6) + (length & 15) * 281474976710656
}
