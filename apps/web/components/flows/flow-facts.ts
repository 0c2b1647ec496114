import {
  etypeLabel,
  FIELDS,
  type Field,
  FilterError,
  type FlowObject,
  fieldByName,
  parseFilter,
  portLabel,
  printFilter,
  protocolLabel,
  protocolName,
  tcpFlagsText,
  tosLabel,
} from '@weir/db/contracts'
import { bytes, clockMillis, count, dateTime, duration, exact, nanosToMillis, sampling, utc } from '../format.ts'

/** How one value of a flow record is read, and the filter that selects it. Pure. */
export type Fact = { name: string; label: string; text: string; detail: string | null; filter: string | null; field: Field | null }

const numeric = (value: FlowObject[string] | undefined): number | null => (typeof value === 'number' ? value : null)

/** A value in words: numbers with their unit or name, stamps as times. The exact value is kept in `detail`. */
export function factOf(flow: FlowObject, name: string): Fact {
  const value = flow[name] ?? null
  const field = fieldByName(name) ?? null
  const base = { name, label: name, field, filter: filterOf(flow, name) }
  if (value === null) return { ...base, text: '–', detail: null }
  const number = numeric(value)
  if (field?.type === 'time') {
    const at = nanosToMillis(value)
    return {
      ...base,
      text: at === null ? String(value) : `${dateTime(at).slice(0, 10)} ${clockMillis(at)}`,
      detail: at === null ? null : `${utc(at)} · ${value} ns`,
    }
  }
  if (number === null) return { ...base, text: String(value), detail: null }
  switch (name) {
    case 'proto':
      return { ...base, text: protocolLabel(number), detail: String(number) }
    case 'src_port':
    case 'dst_port':
    case 'service_port':
      return { ...base, text: portLabel(number, numeric(flow.proto)), detail: null }
    case 'tcp_flags':
      return { ...base, text: tcpFlagsText(number), detail: `0x${number.toString(16).padStart(2, '0')}` }
    case 'ip_tos':
      return { ...base, text: tosLabel(number), detail: null }
    case 'etype':
      return { ...base, text: etypeLabel(number), detail: `0x${number.toString(16).padStart(4, '0')}` }
    case 'bytes':
      return { ...base, text: bytes(number), detail: `${exact(number)} octets` }
    case 'packets':
      return { ...base, text: count(number), detail: exact(number) }
    case 'duration_ms':
      return { ...base, text: duration(number / 1000), detail: `${exact(number)} ms` }
    case 'sampling_rate':
      return { ...base, text: sampling(number), detail: null }
    case 'src_as':
    case 'dst_as':
    case 'next_hop_as':
      return { ...base, text: number === 0 ? '0 (none)' : `AS${number}`, detail: null }
    default:
      return { ...base, text: String(number), detail: null }
  }
}

/** The filter that selects flows with this value; null where the language has none for it. */
export function filterOf(flow: FlowObject, name: string): string | null {
  const value = flow[name] ?? null
  const field = fieldByName(name)
  const target = name === 'sampler_address' || name === 'exporter' ? 'exporter' : name
  if (field === undefined || value === null || typeof value === 'boolean') return null
  if (!field.filterable && target !== 'exporter')
    return name.endsWith('_net') ? checked(`${name.replace('_net', '_addr')} = ${value}`) : null
  const written = ((): string => {
    if (target === 'exporter') return String(flow.sampler_address ?? value)
    if (typeof value === 'number') {
      if (name === 'proto') return protocolName(value)
      if (name === 'tcp_flags') return tcpFlagsText(value)
      if (field.type === 'interface' && typeof flow.sampler_address === 'string') return `${flow.sampler_address}#${value}`
      return String(value)
    }
    return value
  })()
  return checked(`${target} = ${written}`)
}

/** The text as the language prints it, or null when it would not be understood: better no menu than one that fails. */
function checked(text: string): string | null {
  try {
    const filter = parseFilter(text)
    return filter === null ? null : printFilter(filter)
  } catch (error) {
    if (error instanceof FilterError) return null
    throw error
  }
}

/** Both directions of the session this record belongs to (5-tuple); null when it names no address. */
export function sessionFilter(flow: FlowObject): string | null {
  const one = (pairs: readonly [string, string][]): string =>
    pairs
      .map(([field, source]) => filterOf({ ...flow, [field]: flow[source] ?? null }, field))
      .filter((part) => part !== null)
      .join(' and ')
  if (typeof flow.src_addr !== 'string' || typeof flow.dst_addr !== 'string') return null
  const there = one([
    ['src_addr', 'src_addr'],
    ['dst_addr', 'dst_addr'],
    ['src_port', 'src_port'],
    ['dst_port', 'dst_port'],
    ['proto', 'proto'],
  ])
  const back = one([
    ['src_addr', 'dst_addr'],
    ['dst_addr', 'src_addr'],
    ['src_port', 'dst_port'],
    ['dst_port', 'src_port'],
    ['proto', 'proto'],
  ])
  return checked(there === back ? there : `(${there}) or (${back})`)
}

export type Doubt = { short: string; why: string }

/** What about a record deserves a second look. It is stored and counted all the same. */
export function doubtsOf(flow: FlowObject): Doubt[] {
  const doubts: Doubt[] = []
  const octets = numeric(flow.bytes)
  const packets = numeric(flow.packets)
  if (octets !== null && packets !== null && packets > 0) {
    const least = flow.etype === 34525 || (typeof flow.src_addr === 'string' && flow.src_addr.includes(':')) ? 40 : 20
    if (octets < packets * least) {
      doubts.push({
        short: 'implausible',
        why: `${exact(octets)} octets in ${exact(packets)} packets: an IP header alone takes ${least} octets per packet. The exporter probably swaps or truncates counters.`,
      })
    } else if (octets / packets > 65_575) {
      doubts.push({
        short: 'implausible',
        why: `${exact(Math.round(octets / packets))} octets per packet is more than an IP packet can hold.`,
      })
    }
  }
  if (octets !== null && packets === 0 && octets > 0)
    doubts.push({ short: 'implausible', why: `${exact(octets)} octets in no packet at all.` })
  if (numeric(flow.sampling_rate) === null || flow.sampling_rate === 0) {
    doubts.push({
      short: 'sampling unknown',
      why: 'The exporter did not say whether it samples. Counted as exported (×1): the true traffic may be higher.',
    })
  }
  const start = nanosToMillis(flow.time_flow_start_ns)
  const end = nanosToMillis(flow.time_flow_end_ns)
  const received = nanosToMillis(flow.time_received_ns)
  if (start !== null && end !== null && start > end)
    doubts.push({ short: 'times', why: 'The flow starts after its end: the exporter’s clock was set meanwhile, or its stamps are wrong.' })
  if (end !== null && received !== null && end - received > 5_000) {
    doubts.push({
      short: 'clock ahead',
      why: `The flow ends ${duration((end - received) / 1000)} after it was received: the exporter’s clock is ahead. Weir counts it at its corrected time.`,
    })
  } else if (end !== null && received !== null && received - end > 600_000) {
    doubts.push({
      short: 'late',
      why: `Received ${duration((received - end) / 1000)} after its end: the exporter’s clock is behind, or it held the record back.`,
    })
  }
  return doubts
}

/** Order and headings of the detail. A name that is nowhere here comes under the last heading. */
const GROUPS: readonly { title: string; names: readonly string[] }[] = [
  { title: 'Who', names: ['src_addr', 'src_port', 'dst_addr', 'dst_port', 'proto', 'service_port', 'tcp_flags', 'icmp_type', 'icmp_code'] },
  { title: 'How much', names: ['bytes', 'packets', 'duration_ms', 'sampling_rate'] },
  { title: 'When', names: ['time_flow_start_ns', 'time_flow_end_ns', 'time_received_ns'] },
  {
    title: 'Exporter',
    names: [
      'exporter',
      'sampler_address',
      'type',
      'in_if',
      'out_if',
      'direction',
      'observation_domain_id',
      'observation_point_id',
      'sequence_num',
      'forwarding_status',
      'flow_end_reason',
    ],
  },
  {
    title: 'Where',
    names: [
      'src_as',
      'dst_as',
      'src_country',
      'dst_country',
      'src_net',
      'dst_net',
      'src_mask',
      'dst_mask',
      'next_hop',
      'bgp_next_hop',
      'next_hop_as',
    ],
  },
  {
    title: 'Packet headers',
    names: [
      'etype',
      'ip_tos',
      'ip_ttl',
      'ip_flags',
      'fragment_id',
      'fragment_offset',
      'ipv6_flow_label',
      'src_mac',
      'dst_mac',
      'src_vlan',
      'dst_vlan',
      'vlan_id',
    ],
  },
]

/** Everything a record says, grouped. What the exporter sent beyond the vocabulary comes under its own heading. */
export function factsOf(flow: FlowObject): { title: string; facts: Fact[] }[] {
  const placed = new Set(GROUPS.flatMap((group) => group.names))
  const known = FIELDS.map((field) => field.name).filter((name) => !placed.has(name) && flow[name] !== undefined)
  const extra = Object.keys(flow).filter((name) => !placed.has(name) && fieldByName(name) === undefined)
  return [
    ...GROUPS.map((group) => ({
      title: group.title,
      facts: group.names.filter((name) => flow[name] !== undefined && flow[name] !== null).map((name) => factOf(flow, name)),
    })),
    { title: 'More fields', facts: known.map((name) => factOf(flow, name)) },
    { title: 'Beyond the vocabulary', facts: extra.map((name) => factOf(flow, name)) },
  ].filter((group) => group.facts.length > 0)
}
