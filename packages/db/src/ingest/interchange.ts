import { parseAddress } from '../contracts/ip.ts'
import { flowTypeCode, protocolByName } from '../contracts/services.ts'
import type { ExportedFlow } from './flow.ts'

/** An address that is filled in again and again. */
interface WritableAddress {
  readonly bytes: Uint8Array
  length: 0 | 4 | 16
}
type AddressField = 'srcAddr' | 'dstAddr' | 'nextHop' | 'bgpNextHop' | 'postNatSrcAddr' | 'postNatDstAddr'

/** One interchange record as read: an exported flow, and what is enrichment elsewhere. One instance is filled again and again. */
export type ImportedFlow = { -readonly [K in Exclude<keyof ExportedFlow, AddressField>]: ExportedFlow[K] } & Record<
  AddressField | 'samplerAddress',
  WritableAddress
> & {
    srcAs: number
    dstAs: number
    srcCountry: string
    dstCountry: string
  }

const LATEST_MS = 9_223_372_036_854
const ABSENT = -1

const NUMBERS = {
  sequence_num: 'sequenceNum',
  observation_domain_id: 'observationDomainId',
  observation_point_id: 'observationPointId',
  sampling_rate: 'samplingRate',
  src_port: 'srcPort',
  dst_port: 'dstPort',
  post_nat_src_port: 'postNatSrcPort',
  post_nat_dst_port: 'postNatDstPort',
  in_if: 'inIf',
  out_if: 'outIf',
  tcp_flags: 'tcpFlags',
  ip_tos: 'ipTos',
  ip_ttl: 'ipTtl',
  ip_flags: 'ipFlags',
  icmp_type: 'icmpType',
  icmp_code: 'icmpCode',
  fragment_id: 'fragmentId',
  fragment_offset: 'fragmentOffset',
  ipv6_flow_label: 'ipv6FlowLabel',
  src_as: 'srcAs',
  dst_as: 'dstAs',
  next_hop_as: 'nextHopAs',
  src_mask: 'srcMask',
  dst_mask: 'dstMask',
  src_vlan: 'srcVlan',
  dst_vlan: 'dstVlan',
  vlan_id: 'vlanId',
  forwarding_status: 'forwardingStatus',
  flow_end_reason: 'flowEndReason',
  direction: 'direction',
  mpls_label_1: 'mplsLabel1',
  event: 'event',
} as const
const ADDRESSES = {
  sampler_address: 'samplerAddress',
  src_addr: 'srcAddr',
  dst_addr: 'dstAddr',
  next_hop: 'nextHop',
  bgp_next_hop: 'bgpNextHop',
  post_nat_src_addr: 'postNatSrcAddr',
  post_nat_dst_addr: 'postNatDstAddr',
} as const
/** Said otherwise by columns of ours, or about the data set and not the flow. */
const IGNORED = new Set(['label', 'attack_type', 'src_net', 'dst_net', 'exporter', 'time', 'duration_ms', 'service_port'])
const ETYPES: Readonly<Record<string, number>> = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd, mpls: 0x8847 }

const numberField = new Map<string, (typeof NUMBERS)[keyof typeof NUMBERS]>(Object.entries(NUMBERS))
const addressField = new Map<string, (typeof ADDRESSES)[keyof typeof ADDRESSES]>(Object.entries(ADDRESSES))

const address = (): WritableAddress => ({ bytes: new Uint8Array(16), length: 0 })

/** An empty record to read into. */
export function createImportedFlow(): ImportedFlow {
  const flow: ImportedFlow = {
    type: 'UNKNOWN',
    eventKind: 0,
    event: ABSENT,
    receivedMs: 0,
    receivedNs: 0,
    startMs: ABSENT,
    startNs: 0,
    endMs: ABSENT,
    endNs: 0,
    sequenceNum: ABSENT,
    observationDomainId: ABSENT,
    observationPointId: ABSENT,
    samplingRate: ABSENT,
    samplerAddress: address(),
    srcAddr: address(),
    dstAddr: address(),
    nextHop: address(),
    bgpNextHop: address(),
    postNatSrcAddr: address(),
    postNatDstAddr: address(),
    bytes: 0,
    packets: 0,
    etype: ABSENT,
    proto: ABSENT,
    srcPort: ABSENT,
    dstPort: ABSENT,
    postNatSrcPort: ABSENT,
    postNatDstPort: ABSENT,
    inIf: ABSENT,
    outIf: ABSENT,
    tcpFlags: ABSENT,
    ipTos: ABSENT,
    ipTtl: ABSENT,
    ipFlags: ABSENT,
    icmpType: ABSENT,
    icmpCode: ABSENT,
    fragmentId: ABSENT,
    fragmentOffset: ABSENT,
    ipv6FlowLabel: ABSENT,
    nextHopAs: ABSENT,
    srcMask: ABSENT,
    dstMask: ABSENT,
    srcMac: ABSENT,
    dstMac: ABSENT,
    srcVlan: ABSENT,
    dstVlan: ABSENT,
    vlanId: ABSENT,
    forwardingStatus: ABSENT,
    flowEndReason: ABSENT,
    direction: ABSENT,
    mplsLabel1: ABSENT,
    applicationName: '',
    extra: null,
    exact: null,
    srcAs: ABSENT,
    dstAs: ABSENT,
    srcCountry: '',
    dstCountry: '',
  }
  return flow
}

function reset(flow: ImportedFlow): void {
  for (const name of numberField.values()) flow[name] = ABSENT
  for (const name of addressField.values()) flow[name].length = 0
  flow.type = 'UNKNOWN'
  flow.eventKind = 0
  flow.receivedMs = 0
  flow.receivedNs = flow.startNs = flow.endNs = 0
  flow.startMs = flow.endMs = ABSENT
  flow.bytes = flow.packets = 0
  flow.etype = flow.proto = flow.srcMac = flow.dstMac = ABSENT
  flow.applicationName = flow.srcCountry = flow.dstCountry = ''
  flow.extra = flow.exact = null
}

/** Raised for one record; the message is the cause, in words. */
class Unreadable extends Error {}

function readAddress(text: string, to: WritableAddress): boolean {
  // The common spelling without allocation; everything else by the parser that knows all of them.
  let octet = 0
  let digits = 0
  let at = 0
  for (let i = 0; i <= text.length; i++) {
    const c = i === text.length ? 46 : text.charCodeAt(i)
    if (c >= 48 && c <= 57) {
      octet = octet * 10 + c - 48
      if (++digits > 3 || (digits > 1 && octet < 10) || octet > 255) return readAnyAddress(text, to)
    } else if (c === 46 && digits > 0 && at < 4) {
      to.bytes[at++] = octet
      octet = digits = 0
    } else return readAnyAddress(text, to)
  }
  to.length = at === 4 ? 4 : 0
  return at === 4
}

function readAnyAddress(text: string, to: WritableAddress): boolean {
  const parsed = parseAddress(text)
  if (parsed === null) return false
  const length = parsed.family === 4 ? 4 : 16
  let { value } = parsed
  for (let i = length - 1; i >= 0; i--) {
    to.bytes[i] = Number(value & 255n)
    value >>= 8n
  }
  to.length = length
  return true
}

/** The digits that follow `"name":` in the line, exact beyond 2^53; null when they are not there (other spacing, an exponent). */
function digitsAfter(line: string, name: string): string | null {
  let at = line.indexOf(`"${name}":`)
  if (at < 0) return null
  at += name.length + 3
  while (line.charCodeAt(at) === 32) at++
  if (line.charCodeAt(at) === 34) at++
  let end = at
  while (line.charCodeAt(end) >= 48 && line.charCodeAt(end) <= 57) end++
  return end > at ? line.slice(at, end) : null
}

/** Nanoseconds since 1970 → milliseconds and the rest, exact to the nanosecond where the line has the digits. */
function stamp(line: string, name: string, value: unknown): [ms: number, ns: number] | null {
  if (value === null || value === '' || value === 0) return null
  const near = typeof value === 'number' ? value : typeof value === 'string' && /^\d{1,19}$/.test(value) ? Number(value) : Number.NaN
  if (!(near >= 0) || near > LATEST_MS * 1e6) throw new Unreadable(`${name} is no time: ${JSON.stringify(value).slice(0, 40)}`)
  const digits = digitsAfter(line, name)
  // The name may stand elsewhere in the line (inside a text): then the digits differ from what JSON read.
  if (digits !== null && Number(digits) === near) {
    const ms = digits.length > 6 ? Number(digits.slice(0, -6)) : 0
    return [ms, Number(digits.slice(-6))]
  }
  const ms = Math.floor(near / 1e6)
  return [ms, Math.round(near - ms * 1e6)]
}

function counter(flow: ImportedFlow, line: string, name: 'bytes' | 'packets', value: unknown): void {
  const number = typeof value === 'string' && /^\d{1,20}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !(number >= 0)) throw new Unreadable(`${name} is no count: ${JSON.stringify(value).slice(0, 40)}`)
  flow[name] = number
  if (number > Number.MAX_SAFE_INTEGER) {
    const digits = typeof value === 'string' ? value : digitsAfter(line, name)
    if (digits !== null && Number(digits) === number) flow.exact = { ...flow.exact, [name]: BigInt(digits) }
  }
}

function whole(name: string, value: unknown): number {
  const number = typeof value === 'number' ? value : typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (Number.isInteger(number) && number >= 0) return number
  if (number === ABSENT) return ABSENT
  throw new Unreadable(`${name} is no whole number: ${JSON.stringify(value).slice(0, 40)}`)
}

function mac(name: string, value: unknown): number {
  const digits = typeof value === 'string' ? value.replace(/[:.-]/g, '') : ''
  if (!/^[0-9a-fA-F]{12}$/.test(digits)) throw new Unreadable(`${name} is no MAC address: ${JSON.stringify(value).slice(0, 40)}`)
  // All zeros is how exporters say that they do not know.
  return Number.parseInt(digits, 16) || ABSENT
}

function proto(value: unknown): number {
  if (typeof value === 'string' && !/^\d/.test(value)) {
    const known = protocolByName(value.toLowerCase())
    if (known !== null) return known
    throw new Unreadable(`proto is no protocol: ${JSON.stringify(value).slice(0, 40)}`)
  }
  const number = whole('proto', value)
  if (number > 255) throw new Unreadable(`proto is above 255: ${number}`)
  return number
}

const TYPE_TEXT: Readonly<Record<number, string>> = {
  1: 'NETFLOW_V1',
  5: 'NETFLOW_V5',
  7: 'NETFLOW_V7',
  8: 'NETFLOW_V8',
  9: 'NETFLOW_V9',
  10: 'IPFIX',
  105: 'SFLOW_5',
}

function other(flow: ImportedFlow, name: string, value: unknown): void {
  if (name === 'extra' && typeof value === 'object' && value !== null) {
    for (const [inner, v] of Object.entries(value)) other(flow, inner, v)
    return
  }
  if (typeof value === 'number' || typeof value === 'string') flow.extra = { ...flow.extra, [name]: value }
}

/**
 * Read one interchange record (one line of NDJSON) into `flow`. null when it was read, else the cause in words.
 *
 * Absent: a missing field, null, or ''. A sampling rate, AS number or MAC address of 0 is unknown as well. Times are nanoseconds since
 * 1970, exact as written; a record needs at least one of them. Unknown fields are kept in `extra`; `label` and `attack_type` of data sets
 * are not. Never throws.
 */
export function readInterchange(line: string, flow: ImportedFlow): string | null {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch (error) {
    return `not JSON: ${error instanceof Error ? error.message.slice(0, 100) : 'unreadable'}`
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'not a JSON object'
  reset(flow)
  try {
    for (const [name, value] of Object.entries(record)) {
      if (value === null || value === '') continue
      const numeric = numberField.get(name)
      if (numeric !== undefined) {
        flow[numeric] = whole(name, value)
        continue
      }
      const end = addressField.get(name)
      if (end !== undefined) {
        if (typeof value !== 'string' || !readAddress(value, flow[end]))
          throw new Unreadable(`${name} is no address: ${JSON.stringify(value).slice(0, 60)}`)
        continue
      }
      set(flow, line, name, value)
    }
  } catch (error) {
    if (error instanceof Unreadable) return error.message
    throw error
  }
  if (flow.endMs === ABSENT) {
    flow.endMs = flow.startMs !== ABSENT ? flow.startMs : flow.receivedMs > 0 ? flow.receivedMs : ABSENT
    flow.endNs = flow.startMs !== ABSENT ? flow.startNs : flow.receivedNs
  }
  if (flow.endMs === ABSENT) return 'no time: neither time_flow_end_ns nor time_flow_start_ns nor time_received_ns'
  if (flow.receivedMs === 0) {
    flow.receivedMs = flow.endMs
    flow.receivedNs = flow.endNs
  }
  if (flow.samplingRate === 0) flow.samplingRate = ABSENT
  if (flow.proto === 1 && flow.icmpType === ABSENT && flow.dstPort !== ABSENT) {
    // As NetFlow says it: type and code stand in the destination port.
    flow.icmpType = flow.dstPort >> 8
    flow.icmpCode = flow.dstPort & 255
  }
  return null
}

function set(flow: ImportedFlow, line: string, name: string, value: unknown): void {
  switch (name) {
    case 'time_flow_start_ns': {
      const at = stamp(line, name, value)
      if (at !== null) [flow.startMs, flow.startNs] = at
      return
    }
    case 'time_flow_end_ns': {
      const at = stamp(line, name, value)
      if (at !== null) [flow.endMs, flow.endNs] = at
      return
    }
    case 'time_received_ns': {
      const at = stamp(line, name, value)
      if (at !== null) [flow.receivedMs, flow.receivedNs] = at
      return
    }
    case 'bytes':
    case 'packets':
      counter(flow, line, name, value)
      return
    case 'proto':
      flow.proto = proto(value)
      return
    case 'etype':
      flow.etype = (typeof value === 'string' ? ETYPES[value.toLowerCase()] : undefined) ?? whole(name, value)
      return
    case 'src_mac':
      flow.srcMac = mac(name, value)
      return
    case 'dst_mac':
      flow.dstMac = mac(name, value)
      return
    case 'src_country':
    case 'dst_country': {
      if (typeof value !== 'string' || !/^[A-Z]{2}$/.test(value))
        throw new Unreadable(`${name} is no country: ${JSON.stringify(value).slice(0, 40)}`)
      if (name === 'src_country') flow.srcCountry = value
      else flow.dstCountry = value
      return
    }
    case 'type': {
      const code = typeof value === 'string' ? flowTypeCode(value) : typeof value === 'number' ? value : null
      flow.type = (code === null ? undefined : TYPE_TEXT[code]) ?? 'UNKNOWN'
      return
    }
    case 'event_kind':
      flow.eventKind = value === 1 ? 1 : value === 2 ? 2 : 0
      return
    case 'application_name':
      if (typeof value === 'string') flow.applicationName = value
      return
    default:
      if (!IGNORED.has(name)) other(flow, name, value)
  }
}
