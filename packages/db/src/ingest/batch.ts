import { StorageError } from '../errors.ts'
import { EXTRA_LIMIT, extraJson, hasExtra } from './extra.ts'
import { COPY_COLUMNS, type ExportedAddress, type ExportedFlow, type FlowContext, TYPE_CODES } from './flow.ts'
import { MOST_SLICES, type Spread, spreadFlow } from './spread.ts'

/*
 * The binary COPY format (PostgreSQL manual, COPY, "Binary Format"):
 *
 *   'PGCOPY\n' 0xFF '\r\n' 0x00   flags int32 = 0   extension length int32 = 0
 *   per row:  field count int16, then per field: length int32 (-1 NULL), octets in network order
 *   trailer:  int16 = -1
 *
 * timestamptz: int64 microseconds since 2000-01-01. inet: family (2 or 3), prefix length, 0, octet count, octets.
 * macaddr: 6 octets. jsonb: version 1, then text.
 */

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const HEADER = SIGNATURE.length + 8
const TRAILER = 2
const FIELDS = COPY_COLUMNS.length
/** Octets of a row without `extra`, at most: every field's length word, and the widest value of each. */
const ROW_MAX = 2 + FIELDS * 4 + 18 * 8 + 14 * 4 + 12 * 2 + 4 * 20 + 2 * 6 + 2 * 2 + 2 * 1
const EPOCH_2000_MS = 946_684_800_000
const DAY_MS = 86_400_000
/** 2^63 ns after 1970 is in 2262: the last moment that both stamps and partitions can hold. */
const LAST_MS = 9_223_372_036_854
const TWO32 = 4_294_967_296
const TWO63 = 2 ** 63
const INT_MAX = 2_147_483_647
/** A NULL is the length -1. The unused part of the buffer is full of it, so that an absent value costs a step forward and no write. */
const NULL_OCTET = 0xff
const NULL_LENGTH = 4
const SMALL_MAX = 32_767
const BIG_MAX = 9_223_372_036_854_775_807n

/** A counter beyond 2^53 up to a cut, which is a part of 1. */
function bigCut(whole: bigint, cut: number): bigint {
  return cut >= 1 ? whole : (whole * BigInt(Math.floor(cut * TWO32))) / BigInt(TWO32)
}

export interface BatchLimits {
  /** Rows at most. Default 20,000. */
  rows?: number
  /** Octets of the encoded batch at most. Default 6 MiB, which 20,000 ordinary rows fill to three quarters. */
  bytes?: number
}

/**
 * Flow rows encoded for binary COPY, straight into one buffer that is allocated once.
 *
 * A value that its column cannot hold never spoils the batch. Counters and the sampling rate saturate at the column's maximum; any other
 * number becomes NULL; both are counted in `clamped`. Text loses NUL and broken UTF-16.
 */
export class FlowBatch {
  /** Values that did not fit their column since the last reset. */
  clamped = 0
  /** Earliest and latest `time` in the batch, epoch milliseconds; Infinity and -Infinity when empty. */
  minTimeMs = Number.POSITIVE_INFINITY
  maxTimeMs = Number.NEGATIVE_INFINITY
  /** Days since 1970 (UTC) that the rows touch. */
  readonly days = new Set<number>()
  /** Of the rows, those that are slices of a long flow and no flow themselves. */
  slices = 0

  readonly #buffer: Buffer
  readonly #view: DataView
  readonly #rowLimit: number
  /** Where each row begins, so that the batch number can be filled in. */
  readonly #starts: Int32Array
  #rows = 0
  #at = HEADER
  #lastDay = -1
  readonly #spread: Spread = { times: [], cuts: [] }

  constructor(limits: BatchLimits = {}) {
    this.#rowLimit = limits.rows ?? 20_000
    const bytes = Math.max(limits.bytes ?? 6 * 1024 * 1024, HEADER + (1 + MOST_SLICES) * ROW_MAX + EXTRA_LIMIT * 3 + 128 + TRAILER)
    this.#buffer = Buffer.allocUnsafeSlow(bytes).fill(NULL_OCTET)
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.byteLength)
    this.#starts = new Int32Array(this.#rowLimit)
    SIGNATURE.copy(this.#buffer)
    this.#view.setInt32(SIGNATURE.length, 0)
    this.#view.setInt32(SIGNATURE.length + 4, 0)
  }

  get rows(): number {
    return this.#rows
  }

  /** Octets of the payload. */
  get bytes(): number {
    return this.#at + TRAILER
  }

  /**
   * Encode one flow: a row, and for a long flow its slices (see spread.ts), all of them or none. False when the batch is full: nothing was
   * added, write it and append again.
   * Throws StorageError `row-invalid` (kind `data`) when time, exporter or type are missing; the batch is as before.
   */
  append(flow: ExportedFlow, context: FlowContext): boolean {
    const extra = hasExtra(flow) ? extraJson(flow) : ''
    const sliced = spreadFlow(flow, context, Math.min(MOST_SLICES, this.#rowLimit - 1), this.#spread)
    const room = (1 + sliced) * ROW_MAX + extra.length * 3 + 1 + TRAILER
    if (this.#rows + sliced >= this.#rowLimit || this.#at + room > this.#buffer.length) return false
    const timeMs = context.timeMs
    const type = TYPE_CODES[flow.type]
    if (!(timeMs >= 0 && timeMs <= LAST_MS) || type === undefined || !(context.exporterId >= 0) || !(flow.receivedMs >= 0)) {
      throw new StorageError(
        `a flow cannot be stored: time ${timeMs}, received ${flow.receivedMs}, type ${flow.type}, exporter ${context.exporterId}`,
        {
          code: 'row-invalid',
          kind: 'data',
          remedy: 'Time must be between 1970 and 2262, and type and exporter known.',
        },
      )
    }
    this.#begin(timeMs)
    this.#nanos(flow.startMs, flow.startNs)
    this.#nanos(flow.endMs, flow.endNs)
    const received = this.#at
    this.#nanos(flow.receivedMs, flow.receivedNs)
    this.#counter(flow.bytes, flow.exact === null ? undefined : flow.exact.bytes)
    this.#counter(flow.packets, flow.exact === null ? undefined : flow.exact.packets)
    this.#int8(flow.inIf)
    this.#int8(flow.outIf)
    this.#int8(context.srcAs)
    this.#int8(context.dstAs)
    this.#int4(context.exporterId)
    this.#int4(this.#saturate(flow.samplingRate))
    this.#int4(flow.srcPort)
    this.#int4(flow.dstPort)
    this.#int4(context.servicePort)
    this.#int4(Math.max(0, this.#saturate(context.durationMs)))
    this.#int4(flow.etype)
    this.#int2(flow.proto)
    // RFC 7125: 16 bits, of which the upper four are the header's data offset. Without them the flags fit.
    this.#int2(flow.tcpFlags > SMALL_MAX ? flow.tcpFlags & 0x0fff : flow.tcpFlags)
    this.#int2(flow.ipTos)
    this.#int2(type)
    this.#inet(flow.srcAddr)
    this.#inet(flow.dstAddr)
    this.#country(context.srcCountry)
    this.#country(context.dstCountry)
    this.#int2(flow.srcMask)
    this.#int2(flow.dstMask)
    this.#inet(flow.nextHop)
    this.#inet(flow.bgpNextHop)
    this.#int8(flow.nextHopAs)
    this.#int8(flow.observationDomainId)
    this.#int8(flow.observationPointId)
    this.#int8(flow.sequenceNum)
    this.#layer2(flow)
    this.#details(flow)
    this.#int2(flow.direction)
    this.#int2(flow.eventKind === 0 ? -1 : flow.eventKind)
    this.#true(context.witness === true)
    const shared = this.#at
    this.#true(false)
    if (sliced === 0) {
      this.#null()
      this.#null()
    } else {
      this.#share(flow.bytes, flow.exact?.bytes, sliced)
      this.#share(flow.packets, flow.exact?.packets, sliced)
    }
    if (extra === '') this.#null()
    else this.#jsonb(extra)
    for (let i = 0; i < sliced; i++) this.#slice(flow, i, received, shared)
    return true
  }

  /** Seven columns that routers leave out and switches send: passed over together when none is there. */
  #layer2(flow: ExportedFlow): void {
    if (
      flow.srcMac < 0 &&
      flow.dstMac < 0 &&
      flow.srcVlan < 0 &&
      flow.dstVlan < 0 &&
      flow.vlanId < 0 &&
      flow.ipTtl < 0 &&
      flow.ipFlags < 0
    ) {
      this.#at += 7 * NULL_LENGTH
      return
    }
    this.#mac(flow.srcMac)
    this.#mac(flow.dstMac)
    this.#int4(flow.srcVlan)
    this.#int4(flow.dstVlan)
    this.#int4(flow.vlanId)
    this.#int2(flow.ipTtl)
    this.#int2(flow.ipFlags)
  }

  /** Seven more that most flows do not have. */
  #details(flow: ExportedFlow): void {
    if (
      flow.icmpType < 0 &&
      flow.icmpCode < 0 &&
      flow.fragmentId < 0 &&
      flow.fragmentOffset < 0 &&
      flow.ipv6FlowLabel < 0 &&
      flow.forwardingStatus < 0 &&
      flow.flowEndReason < 0
    ) {
      this.#at += 7 * NULL_LENGTH
      return
    }
    this.#int2(flow.icmpType)
    this.#int2(flow.icmpCode)
    this.#int8(flow.fragmentId)
    this.#int4(flow.fragmentOffset)
    this.#int4(flow.ipv6FlowLabel)
    this.#int2(flow.forwardingStatus)
    this.#int2(flow.flowEndReason)
  }

  /** What every row begins with: field count, batch number (filled in later), time. */
  #begin(timeMs: number): void {
    const day = Math.floor(timeMs / DAY_MS)
    if (day !== this.#lastDay) {
      this.days.add(day)
      this.#lastDay = day
    }
    if (timeMs < this.minTimeMs) this.minTimeMs = timeMs
    if (timeMs > this.maxTimeMs) this.maxTimeMs = timeMs
    this.#starts[this.#rows++] = this.#at
    this.#view.setInt16(this.#at, FIELDS)
    this.#view.setInt32(this.#at + 2, 4)
    this.#view.setInt32(this.#at + 6, 0)
    this.#at += 10
    this.#micros(timeMs)
  }

  /** Slice `i` of the flow whose row was just encoded: its columns [received, shared) without its stamps, at another time, with a share. */
  #slice(flow: ExportedFlow, i: number, received: number, shared: number): void {
    this.#begin(this.#spread.times[i] ?? 0)
    this.#null()
    this.#null()
    this.#buffer.copyWithin(this.#at, received, shared)
    this.#at += shared - received
    this.#true(true)
    this.#share(flow.bytes, flow.exact?.bytes, i)
    this.#share(flow.packets, flow.exact?.packets, i)
    this.#null()
    this.slices++
  }

  /** The part of a counter between two cuts. Rounded at the cuts, not in between, so that the parts come to the counter exactly. */
  #share(value: number, exact: bigint | undefined, i: number): void {
    const { cuts } = this.#spread
    const from = cuts[i] ?? 0
    const to = cuts[i + 1] ?? 1
    if (exact !== undefined || value > Number.MAX_SAFE_INTEGER) {
      const counter = exact ?? BigInt(Math.min(value, TWO63))
      const whole = counter > BIG_MAX ? BIG_MAX : counter < 0n ? 0n : counter
      this.#counter(0, bigCut(whole, to) - bigCut(whole, from))
    } else this.#int8(value > 0 ? Math.floor(value * to) - Math.floor(value * from) : 0)
  }

  /** Empty the batch for the next rows. The buffer stays. */
  reset(): void {
    // The trailer of `payload` is all ones as well.
    this.#buffer.fill(NULL_OCTET, HEADER, this.#at)
    this.#rows = 0
    this.slices = 0
    this.#at = HEADER
    this.#lastDay = -1
    this.clamped = 0
    this.minTimeMs = Number.POSITIVE_INFINITY
    this.maxTimeMs = Number.NEGATIVE_INFINITY
    this.days.clear()
  }

  /** The whole COPY stream. A view of the batch's own buffer: valid until the next `append` or `reset`. */
  payload(): Buffer {
    this.#view.setInt16(this.#at, -1)
    return this.#buffer.subarray(0, this.#at + TRAILER)
  }

  /** The rows alone, without the stream's header and trailer. A view, valid as long as that of `payload`. */
  body(): Buffer {
    return this.#buffer.subarray(HEADER, this.#at)
  }

  /** Octets of each row, in order. A row is below 64 KiB: its columns are narrow and `extra` is bounded. */
  lengths(): Uint16Array {
    const lengths = new Uint16Array(this.#rows)
    for (let i = 0; i < this.#rows; i++) {
      const end = i + 1 < this.#rows ? (this.#starts[i + 1] ?? 0) : this.#at
      lengths[i] = end - (this.#starts[i] ?? 0)
    }
    return lengths
  }

  /** Put the batch's number into every row. May be called again: a retry may bring another number. */
  stamp(batch: number): void {
    for (let i = 0; i < this.#rows; i++) this.#view.setInt32((this.#starts[i] ?? 0) + 6, batch)
  }

  #null(): void {
    this.#at += NULL_LENGTH
  }

  /** A boolean that is true or NULL. */
  #true(value: boolean): void {
    if (!value) {
      this.#null()
      return
    }
    this.#view.setInt32(this.#at, 1)
    this.#buffer[this.#at + 4] = 1
    this.#at += 5
  }

  #saturate(value: number): number {
    if (value <= INT_MAX) return value
    this.clamped++
    return INT_MAX
  }

  #int2(value: number): void {
    if (value >= 0 && value <= SMALL_MAX) {
      this.#view.setInt32(this.#at, 2)
      this.#view.setInt16(this.#at + 4, value)
      this.#at += 6
      return
    }
    if (value > SMALL_MAX) this.clamped++
    this.#null()
  }

  #int4(value: number): void {
    if (value >= 0 && value <= INT_MAX) {
      this.#view.setInt32(this.#at, 4)
      this.#view.setInt32(this.#at + 4, value)
      this.#at += 8
      return
    }
    if (value > INT_MAX) this.clamped++
    this.#null()
  }

  /** int64 from a double: exact up to 2^53, which every identifier is below. */
  #int8(value: number): void {
    if (value >= 0 && value < TWO63) {
      this.#view.setInt32(this.#at, 8)
      this.#view.setInt32(this.#at + 4, Math.floor(value / TWO32))
      this.#view.setUint32(this.#at + 8, value >>> 0)
      this.#at += 12
      return
    }
    if (value > 0) this.clamped++
    this.#null()
  }

  /** A counter is never NULL: absent is 0, too large is the maximum. `exact` is given beyond 2^53. */
  #counter(value: number, exact: bigint | undefined): void {
    if (exact !== undefined) {
      if (exact > BIG_MAX) this.clamped++
      this.#view.setInt32(this.#at, 8)
      this.#view.setBigInt64(this.#at + 4, exact > BIG_MAX ? BIG_MAX : exact < 0n ? 0n : exact)
      this.#at += 12
    } else if (value >= TWO63) {
      this.#counter(0, BIG_MAX)
      this.clamped++
    } else {
      // biome-ignore lint/complexity/useMathMinMax: Math.max would keep NaN, and a counter is never NULL.
      this.#int8(value > 0 ? value : 0)
    }
  }

  #micros(ms: number): void {
    const value = Math.round((ms - EPOCH_2000_MS) * 1000)
    this.#view.setInt32(this.#at, 8)
    this.#view.setInt32(this.#at + 4, Math.floor(value / TWO32))
    this.#view.setUint32(this.#at + 8, value >>> 0)
    this.#at += 12
  }

  /**
   * Nanoseconds since 1970 as int64, from milliseconds and the nanoseconds below one: beyond 2^53, so in two halves. A million is
   * 15,625 · 2^6, and 4,096 milliseconds are 15,625 · 2^18 nanoseconds: the upper part is shifted, not multiplied.
   */
  #nanos(ms: number, ns: number): void {
    if (!(ms >= 0 && ms <= LAST_MS)) {
      if (ms > LAST_MS) this.clamped++
      this.#null()
      return
    }
    const blocks = Math.floor(ms / 4096)
    const upper = blocks * 15_625
    const high = Math.floor(upper / 16_384)
    const low = (upper - high * 16_384) * 262_144 + (ms - blocks * 4096) * 1_000_000 + ns
    const view = this.#view
    const at = this.#at
    view.setInt32(at, 8)
    if (low < TWO32) {
      view.setInt32(at + 4, high)
      view.setUint32(at + 8, low)
    } else {
      view.setInt32(at + 4, high + 1)
      view.setUint32(at + 8, low - TWO32)
    }
    this.#at = at + 12
  }

  #inet(address: ExportedAddress): void {
    const length = address.length
    if (length === 0) {
      this.#null()
      return
    }
    const buffer = this.#buffer
    const bytes = address.bytes
    let at = this.#at
    this.#view.setInt32(at, 4 + length)
    buffer[at + 4] = length === 4 ? 2 : 3
    buffer[at + 5] = length * 8
    buffer[at + 6] = 0
    buffer[at + 7] = length
    at += 8
    if (length === 4) {
      buffer[at] = bytes[0] ?? 0
      buffer[at + 1] = bytes[1] ?? 0
      buffer[at + 2] = bytes[2] ?? 0
      buffer[at + 3] = bytes[3] ?? 0
    } else for (let i = 0; i < 16; i++) buffer[at + i] = bytes[i] ?? 0
    this.#at = at + length
  }

  #mac(value: number): void {
    if (value >= 0 && value < 281_474_976_710_656) {
      this.#view.setInt32(this.#at, 6)
      this.#view.setUint16(this.#at + 4, Math.floor(value / TWO32))
      this.#view.setUint32(this.#at + 6, value >>> 0)
      this.#at += 10
      return
    }
    if (value > 0) this.clamped++
    this.#null()
  }

  /** Two capital letters, else NULL. */
  #country(value: string): void {
    if (value.length === 2) {
      const a = value.charCodeAt(0)
      const b = value.charCodeAt(1)
      if (a >= 65 && a <= 90 && b >= 65 && b <= 90) {
        this.#view.setInt32(this.#at, 2)
        this.#buffer[this.#at + 4] = a
        this.#buffer[this.#at + 5] = b
        this.#at += 6
        return
      }
    }
    if (value !== '') this.clamped++
    this.#null()
  }

  #jsonb(text: string): void {
    this.#buffer[this.#at + 4] = 1
    const written = this.#buffer.write(text, this.#at + 5, 'utf8')
    this.#view.setInt32(this.#at, written + 1)
    this.#at += 5 + written
  }
}
