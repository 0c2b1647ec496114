/**
 * The part of the decoder's FlowRecord that is stored, structurally: this room imports no other.
 * Absent numbers are -1, absent addresses have length 0, absent texts are ''; see packages/decoder/src/record.ts.
 */
export interface ExportedAddress {
  readonly bytes: Uint8Array
  readonly length: 0 | 4 | 16
}

export interface ExportedFlow {
  readonly type: string
  readonly eventKind: 0 | 1 | 2
  readonly event: number
  readonly receivedMs: number
  readonly receivedNs: number
  readonly startMs: number
  readonly startNs: number
  readonly endMs: number
  readonly endNs: number
  readonly sequenceNum: number
  readonly observationDomainId: number
  readonly observationPointId: number
  readonly samplingRate: number
  readonly srcAddr: ExportedAddress
  readonly dstAddr: ExportedAddress
  readonly nextHop: ExportedAddress
  readonly bgpNextHop: ExportedAddress
  readonly postNatSrcAddr: ExportedAddress
  readonly postNatDstAddr: ExportedAddress
  readonly bytes: number
  readonly packets: number
  readonly etype: number
  readonly proto: number
  readonly srcPort: number
  readonly dstPort: number
  readonly postNatSrcPort: number
  readonly postNatDstPort: number
  readonly inIf: number
  readonly outIf: number
  readonly tcpFlags: number
  readonly ipTos: number
  readonly ipTtl: number
  readonly ipFlags: number
  readonly icmpType: number
  readonly icmpCode: number
  readonly fragmentId: number
  readonly fragmentOffset: number
  readonly ipv6FlowLabel: number
  readonly nextHopAs: number
  readonly srcMask: number
  readonly dstMask: number
  readonly srcMac: number
  readonly dstMac: number
  readonly srcVlan: number
  readonly dstVlan: number
  readonly vlanId: number
  readonly forwardingStatus: number
  readonly flowEndReason: number
  readonly direction: number
  readonly mplsLabel1: number
  readonly applicationName: string
  readonly extra: Readonly<Record<string, number | bigint | string>> | null
  readonly exact: Readonly<Record<string, bigint>> | null
}

/** What the collector adds to an exported flow. Unknown numbers are -1, unknown texts ''. */
export interface FlowContext {
  exporterId: number
  /** End of the flow on the house clock, epoch milliseconds. */
  timeMs: number
  /** End minus start, milliseconds. */
  durationMs: number
  /** The server side's port as judged from both. */
  servicePort: number
  /** AS as exported, else as looked up. */
  srcAs: number
  dstAs: number
  /** ISO 3166-1 alpha-2. */
  srcCountry: string
  dstCountry: string
  /** True when the same conversation counts from another exporter: this row shows what this one saw and is in no total. */
  witness?: boolean
}

/** The column `type`: the version word of the format, 105 for sFlow 5, 0 for imported records that do not say. */
export const TYPE_CODES: Readonly<Record<string, number>> = {
  UNKNOWN: 0,
  NETFLOW_V1: 1,
  NETFLOW_V5: 5,
  NETFLOW_V7: 7,
  NETFLOW_V8: 8,
  NETFLOW_V9: 9,
  IPFIX: 10,
  SFLOW_5: 105,
}

/** Columns in the order in which a batch encodes them; `batch` first, where it can be filled in last. */
export const COPY_COLUMNS = [
  'batch',
  'time',
  'time_flow_start_ns',
  'time_flow_end_ns',
  'time_received_ns',
  'bytes',
  'packets',
  'in_if',
  'out_if',
  'src_as',
  'dst_as',
  'exporter_id',
  'sampling_rate',
  'src_port',
  'dst_port',
  'service_port',
  'duration_ms',
  'etype',
  'proto',
  'tcp_flags',
  'ip_tos',
  'type',
  'src_addr',
  'dst_addr',
  'src_country',
  'dst_country',
  'src_mask',
  'dst_mask',
  'next_hop',
  'bgp_next_hop',
  'next_hop_as',
  'observation_domain_id',
  'observation_point_id',
  'sequence_num',
  'src_mac',
  'dst_mac',
  'src_vlan',
  'dst_vlan',
  'vlan_id',
  'ip_ttl',
  'ip_flags',
  'icmp_type',
  'icmp_code',
  'fragment_id',
  'fragment_offset',
  'ipv6_flow_label',
  'forwarding_status',
  'flow_end_reason',
  'direction',
  'event_kind',
  'witness',
  'slice',
  'share_bytes',
  'share_packets',
  'extra',
] as const
