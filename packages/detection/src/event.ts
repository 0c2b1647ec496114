/** TCP control bits (RFC 9293, section 3.1). */
export const FIN = 1
export const SYN = 2
export const RST = 4
export const PSH = 8
export const ACK = 16

export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const ICMPV6 = 58
export const ETYPE_ARP = 0x0806

/**
 * One accepted flow record as the detectors read it: one direction of one conversation.
 * Times are epoch milliseconds on the house clock. Counters are as exported; `samplingRate` is N of "1 in N", 0 unknown.
 * `tcpFlags`, `icmpType`, `srcAs` and `dstAs` are -1, countries '' where the exporter or the enrichment did not say.
 */
export interface FlowEvent {
  startMs: number
  endMs: number
  src: string
  dst: string
  srcPort: number
  dstPort: number
  proto: number
  bytes: number
  packets: number
  tcpFlags: number
  icmpType: number
  etype: number
  samplingRate: number
  exporter: string
  inIf: number
  outIf: number
  srcCountry: string
  dstCountry: string
  srcAs: number
  dstAs: number
  /** The conversation is counted from another exporter; absent: it is not. */
  witness?: boolean
}

/** Packets and octets scaled by the sampling rate; an unknown rate counts once. */
export function scale(event: FlowEvent): number {
  return Math.max(event.samplingRate, 1)
}

/** ICMP type, from its own field or, as NetFlow says it, from the upper octet of the destination port; -1 for other protocols. */
export function icmpTypeOf(event: FlowEvent): number {
  if (event.proto !== ICMP && event.proto !== ICMPV6) return -1
  return event.icmpType >= 0 ? event.icmpType : event.dstPort >> 8
}

const ICMP_ERRORS = new Set([3, 4, 5, 11, 12])
const ICMPV6_ERRORS = new Set([1, 2, 3, 4])

/** An error message (RFC 792; RFC 4443, section 2.1): it speaks of somebody else's packet, and begins nothing. */
export function isIcmpError(event: FlowEvent): boolean {
  return (event.proto === ICMP ? ICMP_ERRORS : ICMPV6_ERRORS).has(icmpTypeOf(event))
}
