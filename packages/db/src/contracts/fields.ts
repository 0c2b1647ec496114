/**
 * The field catalogue: every name the filter language, completion, the flows JSON, the OpenAPI document and the field help know.
 * `docs/adding-a-field.md` says what else a new one needs.
 */

/** How values of a field are written and compared. */
export type FieldType =
  | 'address'
  | 'number'
  | 'port'
  | 'proto'
  | 'as'
  | 'country'
  | 'flags'
  | 'mac'
  | 'text'
  | 'time'
  | 'duration'
  | 'interface'
  | 'exporter'
  | 'service'
  | 'conversation'
  | 'as-pair'
  | 'country-pair'
  | 'flow-type'
  | 'boundary'

export interface Field {
  /** The interchange record's name, used in JSON, SQL and filters. */
  name: string
  /** The same words in TypeScript. */
  camel: string
  /** IANA IPFIX information element, and the one that carries the IPv6 variant; null where there is none. */
  ie: number | null
  ie6: number | null
  type: FieldType
  /** Unit of the number, or null. */
  unit: string | null
  /** One sentence for people. */
  help: string
  /**
   * Columns of `flow` (and of the rollups) the field reads. Several mean "either end" for the types address, port, as, country,
   * interface, number and mac, and a tuple for exporter-like and pair types.
   */
  columns: readonly string[]
  /** May stand in a filter. */
  filterable: boolean
  /** Is a dimension of `top` and `timeseries`. */
  groupable: boolean
  /** Appears in flow records (JSON). */
  record: boolean
  /** Largest value of a numeric field. */
  max: number | null
  /** Rollups that keep it, from the smallest; empty: only raw records answer. */
  rollups: readonly string[]
}

/** The rollups and what each keeps, in the order of their usual size, smallest first. Fixed by the storage catalogue; a test compares them. */
export const ROLLUP_DIMENSIONS: Readonly<Record<string, readonly string[]>> = {
  rollup_service: ['proto', 'service_port'],
  rollup_interface: ['exporter_id', 'in_if', 'out_if', 'proto', 'type', 'witness'],
  rollup_as: ['src_as', 'dst_as', 'src_country', 'dst_country'],
  rollup_src: ['src_addr', 'src_as', 'src_country'],
  rollup_dst: ['dst_addr', 'dst_as', 'dst_country'],
  rollup_conversation: ['src_addr', 'dst_addr', 'proto', 'service_port'],
}

interface Options {
  ie?: number
  ie6?: number
  unit?: string
  columns?: readonly string[]
  /** 'f' filterable, 'g' groupable, 'r' in records. */
  use: string
  max?: number
}

const UINT16 = 65_535
const UINT32 = 4_294_967_295

function field(name: string, type: FieldType, help: string, options: Options): Field {
  const columns = options.columns ?? [name]
  return {
    name,
    camel: name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    ie: options.ie ?? null,
    ie6: options.ie6 ?? null,
    type,
    unit: options.unit ?? null,
    help,
    columns,
    filterable: options.use.includes('f'),
    groupable: options.use.includes('g'),
    record: options.use.includes('r'),
    max: options.max ?? null,
    rollups: Object.entries(ROLLUP_DIMENSIONS)
      .filter(([, dimensions]) => columns.length > 0 && columns.every((column) => dimensions.includes(column)))
      .map(([rollup]) => rollup),
  }
}

/** In the order people look for them: who, what, how much, where, then the rest. */
export const FIELDS: readonly Field[] = [
  field('src_addr', 'address', 'Address the flow came from.', { ie: 8, ie6: 27, use: 'fgr' }),
  field('dst_addr', 'address', 'Address the flow went to.', { ie: 12, ie6: 28, use: 'fgr' }),
  field('addr', 'address', 'Either end: source or destination address.', { columns: ['src_addr', 'dst_addr'], use: 'f' }),
  field('conversation', 'conversation', 'Source and destination address together, written a -> b, or a <-> b for both directions.', {
    columns: ['src_addr', 'dst_addr'],
    use: 'fg',
  }),
  field('proto', 'proto', 'IP protocol: tcp, udp, icmp … or its number.', { ie: 4, use: 'fgr', max: 255 }),
  field('service', 'service', 'Protocol and server port, written tcp/443 or https.', { columns: ['proto', 'service_port'], use: 'fg' }),
  field('service_port', 'port', 'Port of the server side, judged when the flow was stored.', { use: 'fr', max: UINT16 }),
  field('src_port', 'port', 'Port the flow came from.', { ie: 7, use: 'fgr', max: UINT16 }),
  field('dst_port', 'port', 'Port the flow went to.', { ie: 11, use: 'fgr', max: UINT16 }),
  field('port', 'port', 'Either end: source or destination port.', { columns: ['src_port', 'dst_port'], use: 'f', max: UINT16 }),
  field('bytes', 'number', 'Octets of the flow as exported, before scaling by sampling.', { ie: 1, unit: 'octets', use: 'fr' }),
  field('packets', 'number', 'Packets of the flow as exported, before scaling by sampling.', { ie: 2, unit: 'packets', use: 'fr' }),
  field('duration_ms', 'duration', 'End minus start of the flow.', { ie: 161, unit: 'ms', use: 'fr' }),
  field('src_as', 'as', 'Autonomous system of the source: exported, else looked up.', { ie: 16, use: 'fgr', max: UINT32 }),
  field('dst_as', 'as', 'Autonomous system of the destination: exported, else looked up.', { ie: 17, use: 'fgr', max: UINT32 }),
  field('as', 'as', 'Either end: source or destination autonomous system.', { columns: ['src_as', 'dst_as'], use: 'f', max: UINT32 }),
  field('as_pair', 'as-pair', 'Source and destination autonomous system together, written 64500 -> 15169.', {
    columns: ['src_as', 'dst_as'],
    use: 'fg',
  }),
  field('src_country', 'country', 'Country of the source address, two letters (ISO 3166-1).', { use: 'fgr' }),
  field('dst_country', 'country', 'Country of the destination address, two letters (ISO 3166-1).', { use: 'fgr' }),
  field('country', 'country', 'Either end: source or destination country.', { columns: ['src_country', 'dst_country'], use: 'f' }),
  field('country_pair', 'country-pair', 'Source and destination country together, written DE -> US.', {
    columns: ['src_country', 'dst_country'],
    use: 'fg',
  }),
  field('exporter', 'exporter', 'The device that exported the flow, by address or name.', { columns: ['exporter_id'], use: 'fgr' }),
  field('sampler_address', 'exporter', 'Address of the device that exported the flow; the same as exporter.', {
    ie: 130,
    ie6: 131,
    columns: ['exporter_id'],
    use: 'r',
  }),
  field('in_if', 'interface', 'Interface the flow entered by: index, index of one exporter (192.0.2.1#3), or "name".', {
    ie: 10,
    use: 'fgr',
    max: UINT32,
  }),
  field('out_if', 'interface', 'Interface the flow left by: index, index of one exporter (192.0.2.1#3), or "name".', {
    ie: 14,
    use: 'fgr',
    max: UINT32,
  }),
  field('if', 'interface', 'Either interface: in or out.', { columns: ['in_if', 'out_if'], use: 'f', max: UINT32 }),
  field('in_boundary', 'boundary', 'Whether the entry interface is marked external or internal.', {
    columns: ['exporter_id', 'in_if'],
    use: 'f',
  }),
  field('out_boundary', 'boundary', 'Whether the exit interface is marked external or internal.', {
    columns: ['exporter_id', 'out_if'],
    use: 'f',
  }),
  field('tcp_flags', 'flags', 'TCP control bits seen in the flow: = for exactly these, has for at least these.', {
    ie: 6,
    use: 'fgr',
    max: UINT16,
  }),
  field('icmp_type', 'number', 'ICMP type.', { ie: 176, use: 'fr', max: 255 }),
  field('icmp_code', 'number', 'ICMP code.', { ie: 177, use: 'fr', max: 255 }),
  field('etype', 'number', 'EtherType: 2048 IPv4, 34525 IPv6, 2054 ARP.', { ie: 256, use: 'fgr', max: UINT16 }),
  field('ip_tos', 'number', 'Type of service octet: DSCP in the upper six bits.', { ie: 5, use: 'fgr', max: 255 }),
  field('ip_ttl', 'number', 'Time to live or hop limit.', { ie: 192, use: 'fr', max: 255 }),
  field('ip_flags', 'number', 'IPv4 fragmentation flags.', { ie: 197, use: 'fr', max: 255 }),
  field('fragment_id', 'number', 'IP fragment identification.', { ie: 54, use: 'fr', max: UINT32 }),
  field('fragment_offset', 'number', 'IP fragment offset.', { ie: 88, use: 'fr', max: UINT16 }),
  field('ipv6_flow_label', 'number', 'IPv6 flow label.', { ie: 31, use: 'fr', max: UINT32 }),
  field('src_vlan', 'number', 'VLAN id of the source side.', { ie: 58, use: 'fgr', max: 4_095 }),
  field('dst_vlan', 'number', 'VLAN id of the destination side.', { ie: 59, use: 'fgr', max: 4_095 }),
  field('vlan_id', 'number', '802.1Q VLAN id of the frame.', { ie: 243, use: 'fr', max: 4_095 }),
  field('vlan', 'number', 'Any of source, destination or frame VLAN id.', {
    columns: ['src_vlan', 'dst_vlan', 'vlan_id'],
    use: 'f',
    max: 4_095,
  }),
  field('src_mac', 'mac', 'Source Ethernet address.', { ie: 56, use: 'fr' }),
  field('dst_mac', 'mac', 'Destination Ethernet address.', { ie: 80, use: 'fr' }),
  field('mac', 'mac', 'Either end: source or destination Ethernet address.', { columns: ['src_mac', 'dst_mac'], use: 'f' }),
  field('src_mask', 'number', 'Prefix length of the route to the source.', { ie: 9, ie6: 29, unit: 'bits', use: 'fr', max: 128 }),
  field('dst_mask', 'number', 'Prefix length of the route to the destination.', { ie: 13, ie6: 30, unit: 'bits', use: 'fr', max: 128 }),
  field('src_net', 'text', 'Network of the route to the source; in a filter write src_addr = 10.0.0.0/24.', {
    ie: 44,
    ie6: 170,
    columns: ['src_addr', 'src_mask'],
    use: 'r',
  }),
  field('dst_net', 'text', 'Network of the route to the destination; in a filter write dst_addr = 10.0.0.0/24.', {
    ie: 45,
    ie6: 169,
    columns: ['dst_addr', 'dst_mask'],
    use: 'r',
  }),
  field('next_hop', 'address', 'Address of the next router.', { ie: 15, ie6: 62, use: 'fr' }),
  field('bgp_next_hop', 'address', 'Address of the next BGP router.', { ie: 18, ie6: 63, use: 'fr' }),
  field('next_hop_as', 'as', 'Autonomous system of the next hop.', { ie: 128, use: 'fr', max: UINT32 }),
  field('forwarding_status', 'number', 'How the router treated the packets: 64–127 forwarded, 128–191 dropped, 192–255 consumed.', {
    ie: 89,
    use: 'fr',
    max: 255,
  }),
  field('flow_end_reason', 'number', 'Why the flow ended: 1 idle, 2 active timeout, 3 end seen, 4 forced, 5 out of memory.', {
    ie: 136,
    use: 'fr',
    max: 255,
  }),
  field('direction', 'number', 'Where the flow was observed: 0 entering, 1 leaving.', { ie: 61, use: 'fr', max: 255 }),
  field('type', 'flow-type', 'Format of the export: NETFLOW_V5, NETFLOW_V9, IPFIX, SFLOW_5 …', { use: 'fgr' }),
  field('sampling_rate', 'number', 'N of "1 in N" packets; unknown is counted as 1.', { ie: 305, use: 'fr', max: UINT32 }),
  field('observation_domain_id', 'number', 'Observation domain (NetFlow v9: source id) within the exporter.', {
    ie: 149,
    use: 'fr',
    max: UINT32,
  }),
  field('observation_point_id', 'number', 'Observation point within the domain.', { ie: 138, use: 'fr', max: UINT32 }),
  field('sequence_num', 'number', 'Sequence number of the export datagram.', { use: 'fr', max: UINT32 }),
  field('time_flow_start_ns', 'time', 'Start of the flow on the exporter’s clock.', { ie: 156, unit: 'ns', use: 'r' }),
  field('time_flow_end_ns', 'time', 'End of the flow on the exporter’s clock.', { ie: 157, unit: 'ns', use: 'r' }),
  field('time_received_ns', 'time', 'When the export datagram arrived, on our clock.', { ie: 258, unit: 'ns', use: 'r' }),
]

const byName = new Map(FIELDS.map((known) => [known.name, known]))

/** Other spellings people type, each with the field it means. */
const ALIASES: Readonly<Record<string, string>> = {
  src: 'src_addr',
  dst: 'dst_addr',
  ip: 'addr',
  host: 'addr',
  src_net: 'src_addr',
  dst_net: 'dst_addr',
  net: 'addr',
  src_ip: 'src_addr',
  dst_ip: 'dst_addr',
  sport: 'src_port',
  dport: 'dst_port',
  protocol: 'proto',
  asn: 'as',
  src_asn: 'src_as',
  dst_asn: 'dst_as',
  interface: 'if',
  sampler_address: 'exporter',
  tos: 'ip_tos',
  flags: 'tcp_flags',
  duration: 'duration_ms',
}
for (const known of FIELDS) if (known.camel !== known.name && known.filterable) byName.set(known.camel.toLowerCase(), known)

/** The field of a name as the catalogue writes it, or undefined. */
export function fieldByName(name: string): Field | undefined {
  return byName.get(name)
}

/** The filterable field that `word` means: its name, camelCase name or alias, in any letter case; undefined when none. */
export function filterField(word: string): Field | undefined {
  const plain = word.toLowerCase()
  const alias = Object.hasOwn(ALIASES, plain) ? ALIASES[plain] : undefined
  const found = byName.get(alias ?? plain)
  return found?.filterable === true ? found : undefined
}

/** Names of the fields a filter may use, in catalogue order. */
export const FILTER_FIELDS: readonly Field[] = FIELDS.filter((known) => known.filterable)

/** The nearest of `known` to a mistyped `word`, or null when none is near (at most a third of its letters wrong). */
export function didYouMean(word: string, known: Iterable<string>): string | null {
  const plain = word.toLowerCase().slice(0, 64)
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(plain.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(plain, candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment); gives up with `limit` once that is reached. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let cost = Math.min(replace, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (beforePrevious[j - 2] ?? 0) + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? limit
}
