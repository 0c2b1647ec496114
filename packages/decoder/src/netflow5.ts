import { setAddress4 } from './address.ts'
import { u8, u16, u32 } from './bytes.ts'
import { ABSENT, type FlowRecord } from './record.ts'

/**
 * The NetFlow formats without templates: 1, 5 and 7 share most of a record.
 *
 *     header 1 (16): version 2 · count 2 · sysUpTime 4 · seconds 4 · nanoseconds 4
 *     header 5 (24): … · sequence 4 · engine type 1 · engine id 1 · sampling mode 2 bits and interval 14 bits
 *     header 7 (24): … · sequence 4 · reserved 4
 *
 *     octets 0–39 of every record:
 *       source 4 · destination 4 · next hop 4 · input 2 · output 2 · packets 4 · octets 4 · first 4 · last 4 · source port 2 · destination port 2
 *     version 1 (48): … · pad 2 · protocol 1 · TOS 1 · TCP flags 1 · pad 3 · reserved 4
 *     version 5 (48): … · pad 1 · TCP flags 1 · protocol 1 · TOS 1 · source AS 2 · destination AS 2 · source mask 1 · destination mask 1 · pad 2
 *     version 7 (52): … · flags 1 · TCP flags 1 · protocol 1 · TOS 1 · source AS 2 · destination AS 2 · source mask 1 · destination mask 1 · flags 2 · router 4
 */
export const V1_HEADER = 16
export const V5_HEADER = 24
export const V1_RECORD = 48
export const V5_RECORD = 48
export const V7_RECORD = 52

/** The header's clock: sysUpTime zero in epoch milliseconds, the nanoseconds below one, and the uptime itself. */
export interface UptimeClock {
  bootMs: number
  ns: number
  upTime: number
}

/** See RecordReader: a stamp more than half the range above the uptime was taken before it wrapped. ABSENT before 1970. */
export function fromUpTime(clock: UptimeClock, stamp: number): number {
  const ms = stamp - clock.upTime > 0x80000000 ? clock.bootMs + stamp - 4294967296 : clock.bootMs + stamp
  return ms < 0 ? ABSENT : ms
}

/** The octets that versions 1, 5 and 7 have in common, and the times. */
function readCommon(r: FlowRecord, b: Uint8Array, at: number, clock: UptimeClock): void {
  setAddress4(r.srcAddr, b, at)
  setAddress4(r.dstAddr, b, at + 4)
  setAddress4(r.nextHop, b, at + 8)
  r.inIf = u16(b, at + 12)
  r.outIf = u16(b, at + 14)
  r.packets = u32(b, at + 16)
  r.bytes = u32(b, at + 20)
  r.startMs = fromUpTime(clock, u32(b, at + 24))
  r.startNs = clock.ns
  r.endMs = fromUpTime(clock, u32(b, at + 28))
  r.endNs = clock.ns
  r.srcPort = u16(b, at + 32)
  r.dstPort = u16(b, at + 34)
}

/** ICMP type and code stand in the destination port. */
function icmpFromPort(r: FlowRecord): void {
  if (r.proto === 1) {
    r.icmpType = r.dstPort >> 8
    r.icmpCode = r.dstPort & 0xff
  } else {
    r.icmpType = ABSENT
    r.icmpCode = ABSENT
  }
}

export function readV1Record(r: FlowRecord, b: Uint8Array, at: number, clock: UptimeClock): void {
  readCommon(r, b, at, clock)
  r.proto = u8(b, at + 38)
  r.ipTos = u8(b, at + 39)
  r.tcpFlags = u8(b, at + 40)
  icmpFromPort(r)
}

export function readV5Record(r: FlowRecord, b: Uint8Array, at: number, clock: UptimeClock): void {
  readCommon(r, b, at, clock)
  r.tcpFlags = u8(b, at + 37)
  r.proto = u8(b, at + 38)
  r.ipTos = u8(b, at + 39)
  r.srcAs = u16(b, at + 40)
  r.dstAs = u16(b, at + 42)
  r.srcMask = u8(b, at + 44)
  r.dstMask = u8(b, at + 45)
  icmpFromPort(r)
}

export function readV7Record(r: FlowRecord, b: Uint8Array, at: number, clock: UptimeClock): void {
  readV5Record(r, b, at, clock)
  // The router whose work the switch took over (router shortcut).
  const router = u32(b, at + 48)
  r.extra = router === 0 ? null : { ipv4RouterSc: `${u8(b, at + 48)}.${u8(b, at + 49)}.${u8(b, at + 50)}.${u8(b, at + 51)}` }
}

/** Sampling of a version 5 header: the low 14 bits are N; 0 says nothing. Some exporters leave the mode bits clear. */
export function v5SamplingRate(word: number): number {
  const interval = word & 0x3fff
  return interval === 0 ? ABSENT : interval
}
