import { formatAddress, formatMac, formatPrefix } from './address.ts'
import { ABSENT, type FlowRecord } from './record.ts'

/** A flow in the vocabulary of the interchange record: snake case, absent fields left out, integers with all their digits. */
export type InterchangeFlow = Record<string, number | bigint | string | Record<string, number | bigint | string>>

const NUMBERS = [
  ['sequence_num', 'sequenceNum'],
  ['observation_domain_id', 'observationDomainId'],
  ['observation_point_id', 'observationPointId'],
  ['sampling_rate', 'samplingRate'],
  ['etype', 'etype'],
  ['proto', 'proto'],
  ['src_port', 'srcPort'],
  ['dst_port', 'dstPort'],
  ['post_nat_src_port', 'postNatSrcPort'],
  ['post_nat_dst_port', 'postNatDstPort'],
  ['in_if', 'inIf'],
  ['out_if', 'outIf'],
  ['tcp_flags', 'tcpFlags'],
  ['ip_tos', 'ipTos'],
  ['ip_ttl', 'ipTtl'],
  ['ip_flags', 'ipFlags'],
  ['icmp_type', 'icmpType'],
  ['icmp_code', 'icmpCode'],
  ['fragment_id', 'fragmentId'],
  ['fragment_offset', 'fragmentOffset'],
  ['ipv6_flow_label', 'ipv6FlowLabel'],
  ['src_as', 'srcAs'],
  ['dst_as', 'dstAs'],
  ['next_hop_as', 'nextHopAs'],
  ['src_mask', 'srcMask'],
  ['dst_mask', 'dstMask'],
  ['src_vlan', 'srcVlan'],
  ['dst_vlan', 'dstVlan'],
  ['vlan_id', 'vlanId'],
  ['forwarding_status', 'forwardingStatus'],
  ['flow_end_reason', 'flowEndReason'],
  ['direction', 'direction'],
  ['mpls_label_1', 'mplsLabel1'],
] as const

const ADDRESSES = [
  ['sampler_address', 'samplerAddress'],
  ['src_addr', 'srcAddr'],
  ['dst_addr', 'dstAddr'],
  ['next_hop', 'nextHop'],
  ['bgp_next_hop', 'bgpNextHop'],
  ['post_nat_src_addr', 'postNatSrcAddr'],
  ['post_nat_dst_addr', 'postNatDstAddr'],
] as const

/** Epoch milliseconds and the nanoseconds below one, as nanoseconds. */
function nanoseconds(ms: number, ns: number): bigint {
  return BigInt(ms) * 1_000_000n + BigInt(Math.trunc(ns))
}

/** The record as an object; `src_net` and `dst_net` are prefixes as text where address and mask are known. */
export function toInterchange(r: FlowRecord): InterchangeFlow {
  const out: InterchangeFlow = { type: r.type }
  if (r.receivedMs > 0) out.time_received_ns = nanoseconds(r.receivedMs, r.receivedNs)
  if (r.startMs !== ABSENT) out.time_flow_start_ns = nanoseconds(r.startMs, r.startNs)
  if (r.endMs !== ABSENT) out.time_flow_end_ns = nanoseconds(r.endMs, r.endNs)
  for (const [name, key] of ADDRESSES) {
    const address = r[key]
    if (address.length !== 0) out[name] = formatAddress(address)
  }
  if (r.bytes !== ABSENT) out.bytes = r.exact?.bytes ?? r.bytes
  if (r.packets !== ABSENT) out.packets = r.exact?.packets ?? r.packets
  for (const [name, key] of NUMBERS) if (r[key] !== ABSENT) out[name] = r[key]
  if (r.srcMask !== ABSENT && r.srcAddr.length !== 0) setIf(out, 'src_net', formatPrefix(r.srcAddr, r.srcMask))
  if (r.dstMask !== ABSENT && r.dstAddr.length !== 0) setIf(out, 'dst_net', formatPrefix(r.dstAddr, r.dstMask))
  if (r.srcMac !== ABSENT) out.src_mac = formatMac(r.srcMac)
  if (r.dstMac !== ABSENT) out.dst_mac = formatMac(r.dstMac)
  setIf(out, 'application_name', r.applicationName)
  if (r.eventKind !== 0) out.event_kind = r.eventKind
  if (r.event !== ABSENT) out.event = r.event
  if (r.extra !== null) out.extra = r.extra
  return out
}

function setIf(out: InterchangeFlow, name: string, value: string): void {
  if (value !== '') out[name] = value
}

function write(value: number | bigint | string | Record<string, number | bigint | string>): string {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object') return JSON.stringify(value)
  return writeObject(value)
}

function writeObject(value: InterchangeFlow): string {
  const parts: string[] = []
  for (const [key, inner] of Object.entries(value)) parts.push(`${JSON.stringify(key)}:${write(inner)}`)
  return `{${parts.join(',')}}`
}

/** The record as one line of JSON without its newline. Integers above 2^53 are written whole. */
export function toInterchangeLine(r: FlowRecord): string {
  return writeObject(toInterchange(r))
}
