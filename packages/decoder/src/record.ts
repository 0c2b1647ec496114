/** The mark of an absent numeric field. Real fields are never negative, so records stay monomorphic and free of allocation. */
export const ABSENT = -1

/** The last millisecond whose nanoseconds since 1970 fit into 63 bits (April 2262). Stamps beyond it, or before 1970, are no times. */
export const LATEST_MS = 9_223_372_036_854

/** The export formats, spelled as the interchange record's `type`. */
export type FlowType = 'NETFLOW_V1' | 'NETFLOW_V5' | 'NETFLOW_V7' | 'NETFLOW_V8' | 'NETFLOW_V9' | 'IPFIX' | 'SFLOW_5'

/** An IP address in network order: the first `length` octets of `bytes`. `length` is 0 (absent), 4 or 16. */
export interface Address {
  readonly bytes: Uint8Array
  length: 0 | 4 | 16
}

/**
 * One flow record as exported, in the vocabulary of the interchange record (camelCase of `src_addr`, `bytes` …).
 *
 * The decoder fills ONE instance again and again and hands it to the sink: a sink that keeps anything copies it.
 * Absent numbers are `ABSENT`, absent addresses have length 0, absent texts are ''. Counters are as exported, never multiplied.
 * `bytes` and `packets` are exact up to 2^53; a larger value stands in `exact` under its interchange name and the number is its nearest double.
 */
export interface FlowRecord {
  type: FlowType
  /** 0 traffic; 1 NAT event (RFC 8158); 2 firewall event (NSEL). Events are never counted as traffic. */
  eventKind: 0 | 1 | 2
  /** IE 230 natEvent or IE 233 firewallEvent, as exported. */
  event: number
  /** When the collector received the datagram that carried the record: epoch milliseconds, and the nanoseconds below one. */
  receivedMs: number
  receivedNs: number
  /** Start and end of the flow on the exporter's clock: epoch milliseconds (integer), and the nanoseconds below one (0–999,999). */
  startMs: number
  startNs: number
  endMs: number
  endNs: number
  sequenceNum: number
  observationDomainId: number
  observationPointId: number
  /** N of "1 in N"; ABSENT when nothing said so. 1 only when the exporter said so. */
  samplingRate: number
  /** sFlow: the agent address. Else the datagram's source address; an exporter address element (130, 131) stays in `extra`. */
  readonly samplerAddress: Address
  readonly srcAddr: Address
  readonly dstAddr: Address
  readonly nextHop: Address
  readonly bgpNextHop: Address
  readonly postNatSrcAddr: Address
  readonly postNatDstAddr: Address
  bytes: number
  packets: number
  etype: number
  proto: number
  srcPort: number
  dstPort: number
  postNatSrcPort: number
  postNatDstPort: number
  inIf: number
  outIf: number
  tcpFlags: number
  ipTos: number
  ipTtl: number
  ipFlags: number
  icmpType: number
  icmpCode: number
  fragmentId: number
  fragmentOffset: number
  ipv6FlowLabel: number
  srcAs: number
  dstAs: number
  nextHopAs: number
  srcMask: number
  dstMask: number
  /** 48-bit MAC addresses as integers. */
  srcMac: number
  dstMac: number
  srcVlan: number
  dstVlan: number
  vlanId: number
  forwardingStatus: number
  flowEndReason: number
  /** IE 61: 0 ingress, 1 egress. */
  direction: number
  mplsLabel1: number
  /** Name of the application (NBAR, PAN-OS, Fortinet, RFC 6759 by options) or ''. */
  applicationName: string
  /** Everything else the record carried, by IANA name or `e<PEN>_<id>`; null when nothing. Values: number, bigint, text, or hex of octets. */
  extra: Record<string, number | bigint | string> | null
  /** Counters beyond 2^53 by interchange name, else null. */
  exact: Record<string, bigint> | null
}

/** Why part of a datagram could not be decoded. `offset` counts octets from the start of the datagram. */
export interface Problem {
  code: string
  offset: number
  detail: string
}

/** Where a datagram came from. `address` is canonical text; `session` names a TCP or TLS connection. */
export interface DatagramSource {
  address: string
  port: number
  receivedMs: number
  receivedNs?: number
  session?: string
}

/** A name the exporter told about itself through options: interface names, application names, VRFs, users. */
export interface LearnedName {
  kind: 'interface' | 'application' | 'vrf' | 'user' | 'sampler'
  /** Interface index, application id, … as text. */
  key: string
  name: string
  description: string
}

/** Counters of one sFlow counter sample: generic interface counters as RFC 2863 names. */
export interface InterfaceCounters {
  ifIndex: number
  ifSpeed: number
  ifInOctets: bigint
  ifOutOctets: bigint
  ifInUcastPkts: number
  ifOutUcastPkts: number
  ifInDiscards: number
  ifOutDiscards: number
  ifInErrors: number
  ifOutErrors: number
}

/** Receives what a datagram held, in order. `flow` gets the reused record. */
export interface FlowSink {
  flow(record: FlowRecord): void
  name?(source: DatagramSource, observationDomainId: number, name: LearnedName): void
  counters?(source: DatagramSource, agent: string, counters: InterfaceCounters): void
}

/**
 * What one datagram came to. The object is reused by the next `decode`.
 * Sets: templateSets + optionsSets + decodedSets + malformedSets + parkedSets = sets. A set is a v9 flowset, an IPFIX set, an
 * sFlow sample (counter samples are options), or all records of a datagram without templates.
 */
export interface DatagramResult {
  /** null when the version word is unknown or the datagram is shorter than its header: "unreadable". */
  type: FlowType | null
  observationDomainId: number
  /** Export time of the header, epoch milliseconds on the exporter's clock; ABSENT when the format has none (sFlow). */
  exportTimeMs: number
  flows: number
  sets: number
  /** Sets that hold templates or options templates. */
  templateSets: number
  /** Data sets of options templates. */
  optionsSets: number
  /** Template records and options template records, refreshes included. */
  templates: number
  optionsTemplates: number
  optionsRecords: number
  decodedSets: number
  malformedSets: number
  parkedSets: number
  replayedSets: number
  /** Estimated units lost before this datagram by its protocol's own sequence rule (v5 flows, v9 packets, IPFIX records, sFlow datagrams). */
  lost: number
  problems: Problem[]
}
