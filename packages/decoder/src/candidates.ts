import { REVERSE_PEN } from './elements.ts'
import { OP } from './operations.ts'

/**
 * Which elements can fill which field of the record.
 *
 * Candidates of one target stand in order of preference. In a `first` target the most preferred one that the template has
 * decides, and the others go to `extra`. In a `nonzero` target a less preferred one counts where the more preferred is zero:
 * templates that carry both an IPv4 and an IPv6 address leave the other zero.
 */
export interface Target {
  readonly name: string
  readonly rule: 'first' | 'nonzero'
  readonly candidates: readonly Candidate[]
}

/** An element number, what to do with it, and its enterprise number where it is not IANA's. */
export interface Candidate {
  readonly id: number
  readonly op: number
  readonly pen: number
}

function c(id: number, op: number, pen = 0): Candidate {
  return { id, op, pen }
}

const CISCO = 9

/** In the order of application: a packet's own header first, so that what the exporter says of it wins; then the start of sysUpTime. */
export const TARGETS: readonly Target[] = [
  { name: 'frame', rule: 'first', candidates: [c(315, OP.FRAME), c(104, OP.FRAME)] },
  { name: 'ipPacket', rule: 'first', candidates: [c(313, OP.IP_PACKET)] },
  { name: 'systemInit', rule: 'first', candidates: [c(160, OP.INIT_MS)] },
  // octetDeltaCount, octetTotalCount, layer 2 counts, PSAMP lengths; only the outgoing count; both directions of a firewall.
  {
    name: 'bytes',
    rule: 'first',
    candidates: [
      c(1, OP.BYTES),
      c(85, OP.BYTES),
      c(352, OP.BYTES),
      c(353, OP.BYTES),
      c(23, OP.BYTES),
      c(171, OP.BYTES),
      c(20, OP.BYTES),
      c(231, OP.INITIATOR_BYTES),
    ],
  },
  {
    name: 'packets',
    rule: 'first',
    candidates: [
      c(2, OP.PACKETS),
      c(86, OP.PACKETS),
      c(24, OP.PACKETS),
      c(172, OP.PACKETS),
      c(19, OP.PACKETS),
      c(298, OP.INITIATOR_PACKETS),
    ],
  },
  { name: 'responderBytes', rule: 'first', candidates: [c(232, OP.RESPONDER_BYTES)] },
  { name: 'responderPackets', rule: 'first', candidates: [c(299, OP.RESPONDER_PACKETS)] },
  { name: 'proto', rule: 'nonzero', candidates: [c(4, OP.PROTO), c(193, OP.PROTO)] },
  { name: 'ipTos', rule: 'first', candidates: [c(5, OP.IP_TOS), c(195, OP.DSCP), c(55, OP.IP_TOS)] },
  { name: 'tcpFlags', rule: 'first', candidates: [c(6, OP.TCP_FLAGS)] },
  {
    name: 'srcPort',
    rule: 'nonzero',
    candidates: [c(7, OP.SRC_PORT), c(180, OP.SRC_PORT), c(182, OP.SRC_PORT), c(12240, OP.SRC_PORT, CISCO)],
  },
  {
    name: 'dstPort',
    rule: 'nonzero',
    candidates: [c(11, OP.DST_PORT), c(181, OP.DST_PORT), c(183, OP.DST_PORT), c(12241, OP.DST_PORT, CISCO)],
  },
  { name: 'inIf', rule: 'first', candidates: [c(10, OP.IN_IF), c(252, OP.IN_IF)] },
  { name: 'outIf', rule: 'first', candidates: [c(14, OP.OUT_IF), c(253, OP.OUT_IF)] },
  { name: 'srcAs', rule: 'first', candidates: [c(16, OP.SRC_AS)] },
  { name: 'dstAs', rule: 'first', candidates: [c(17, OP.DST_AS)] },
  { name: 'nextHopAs', rule: 'first', candidates: [c(128, OP.NEXT_HOP_AS)] },
  { name: 'srcMask', rule: 'nonzero', candidates: [c(9, OP.SRC_MASK), c(29, OP.SRC_MASK)] },
  { name: 'dstMask', rule: 'nonzero', candidates: [c(13, OP.DST_MASK), c(30, OP.DST_MASK)] },
  { name: 'srcVlan', rule: 'first', candidates: [c(58, OP.SRC_VLAN), c(243, OP.SRC_VLAN)] },
  { name: 'dstVlan', rule: 'first', candidates: [c(59, OP.DST_VLAN), c(254, OP.DST_VLAN)] },
  { name: 'vlanId', rule: 'first', candidates: [c(243, OP.VLAN_ID), c(58, OP.VLAN_ID)] },
  { name: 'ipTtl', rule: 'first', candidates: [c(192, OP.IP_TTL), c(52, OP.IP_TTL)] },
  { name: 'ipFlags', rule: 'first', candidates: [c(197, OP.IP_FLAGS)] },
  { name: 'icmpTypeCode', rule: 'nonzero', candidates: [c(32, OP.ICMP_TYPE_CODE), c(139, OP.ICMP_TYPE_CODE)] },
  { name: 'icmpType', rule: 'nonzero', candidates: [c(176, OP.ICMP_TYPE), c(178, OP.ICMP_TYPE)] },
  { name: 'icmpCode', rule: 'nonzero', candidates: [c(177, OP.ICMP_CODE), c(179, OP.ICMP_CODE)] },
  { name: 'fragmentId', rule: 'first', candidates: [c(54, OP.FRAGMENT_ID)] },
  { name: 'fragmentOffset', rule: 'first', candidates: [c(88, OP.FRAGMENT_OFFSET)] },
  { name: 'ipv6FlowLabel', rule: 'first', candidates: [c(31, OP.FLOW_LABEL)] },
  { name: 'forwardingStatus', rule: 'first', candidates: [c(89, OP.FORWARDING_STATUS)] },
  { name: 'flowEndReason', rule: 'first', candidates: [c(136, OP.END_REASON)] },
  { name: 'direction', rule: 'first', candidates: [c(61, OP.DIRECTION)] },
  { name: 'observationPointId', rule: 'first', candidates: [c(138, OP.OBSERVATION_POINT)] },
  { name: 'samplingInterval', rule: 'first', candidates: [c(34, OP.SAMPLING_INTERVAL), c(50, OP.SAMPLING_INTERVAL)] },
  { name: 'samplerId', rule: 'first', candidates: [c(48, OP.SAMPLER_ID), c(302, OP.SAMPLER_ID)] },
  { name: 'packetInterval', rule: 'first', candidates: [c(305, OP.PACKET_INTERVAL)] },
  { name: 'packetSpace', rule: 'first', candidates: [c(306, OP.PACKET_SPACE)] },
  { name: 'sampleSize', rule: 'first', candidates: [c(309, OP.SAMPLE_SIZE)] },
  { name: 'samplePopulation', rule: 'first', candidates: [c(310, OP.SAMPLE_POPULATION)] },
  { name: 'samplingProbability', rule: 'first', candidates: [c(311, OP.SAMPLING_PROBABILITY)] },
  { name: 'natEvent', rule: 'first', candidates: [c(230, OP.NAT_EVENT)] },
  { name: 'firewallEvent', rule: 'first', candidates: [c(233, OP.FIREWALL_EVENT), c(40005, OP.FIREWALL_EVENT)] },
  { name: 'postNatSrcPort', rule: 'nonzero', candidates: [c(227, OP.NAT_SRC_PORT), c(40003, OP.NAT_SRC_PORT)] },
  { name: 'postNatDstPort', rule: 'nonzero', candidates: [c(228, OP.NAT_DST_PORT), c(40004, OP.NAT_DST_PORT)] },
  { name: 'srcMac', rule: 'first', candidates: [c(56, OP.SRC_MAC), c(81, OP.SRC_MAC), c(365, OP.SRC_MAC)] },
  { name: 'dstMac', rule: 'first', candidates: [c(80, OP.DST_MAC), c(57, OP.DST_MAC)] },
  {
    name: 'start',
    rule: 'nonzero',
    candidates: [
      c(152, OP.START_MS),
      c(156, OP.START_NTP_NS),
      c(154, OP.START_NTP_US),
      c(22, OP.START_UPTIME),
      c(150, OP.START_SECONDS),
      c(158, OP.START_DELTA_US),
    ],
  },
  {
    name: 'end',
    rule: 'nonzero',
    candidates: [
      c(153, OP.END_MS),
      c(157, OP.END_NTP_NS),
      c(155, OP.END_NTP_US),
      c(21, OP.END_UPTIME),
      c(151, OP.END_SECONDS),
      c(159, OP.END_DELTA_US),
    ],
  },
  { name: 'duration', rule: 'first', candidates: [c(161, OP.DURATION_MS), c(162, OP.DURATION_US)] },
  {
    name: 'eventTime',
    rule: 'nonzero',
    candidates: [c(323, OP.EVENT_MS), c(325, OP.EVENT_NTP_NS), c(324, OP.EVENT_NTP_US), c(322, OP.EVENT_SECONDS)],
  },
  { name: 'ipVersion', rule: 'first', candidates: [c(60, OP.IP_VERSION)] },
  { name: 'etype', rule: 'first', candidates: [c(256, OP.ETYPE)] },
  {
    name: 'applicationName',
    rule: 'first',
    candidates: [c(96, OP.APPLICATION_NAME), c(56701, OP.APPLICATION_NAME), c(56701, OP.APPLICATION_NAME, 25461)],
  },
  { name: 'applicationId', rule: 'first', candidates: [c(95, OP.APPLICATION_ID)] },
  { name: 'mplsLabel1', rule: 'first', candidates: [c(70, OP.MPLS_LABEL1)] },
  {
    name: 'srcAddr',
    rule: 'nonzero',
    candidates: [
      c(27, OP.SRC_ADDR6),
      c(8, OP.SRC_ADDR4),
      c(170, OP.SRC_ADDR6),
      c(44, OP.SRC_ADDR4),
      c(12238, OP.SRC_ADDR6, CISCO),
      c(12236, OP.SRC_ADDR4, CISCO),
    ],
  },
  {
    name: 'dstAddr',
    rule: 'nonzero',
    candidates: [
      c(28, OP.DST_ADDR6),
      c(12, OP.DST_ADDR4),
      c(169, OP.DST_ADDR6),
      c(45, OP.DST_ADDR4),
      c(12239, OP.DST_ADDR6, CISCO),
      c(12237, OP.DST_ADDR4, CISCO),
    ],
  },
  { name: 'nextHop', rule: 'nonzero', candidates: [c(62, OP.NEXT_HOP6), c(15, OP.NEXT_HOP4)] },
  { name: 'bgpNextHop', rule: 'nonzero', candidates: [c(63, OP.BGP_NEXT_HOP6), c(18, OP.BGP_NEXT_HOP4)] },
  { name: 'postNatSrcAddr', rule: 'nonzero', candidates: [c(281, OP.NAT_SRC6), c(225, OP.NAT_SRC4), c(40001, OP.NAT_SRC4)] },
  { name: 'postNatDstAddr', rule: 'nonzero', candidates: [c(282, OP.NAT_DST6), c(226, OP.NAT_DST4), c(40002, OP.NAT_DST4)] },
  { name: 'frameSize', rule: 'first', candidates: [c(312, OP.FRAME_SIZE), c(103, OP.FRAME_SIZE)] },
  {
    name: 'reverseBytes',
    rule: 'first',
    candidates: [c(1, OP.REVERSE_BYTES, REVERSE_PEN), c(85, OP.REVERSE_BYTES, REVERSE_PEN), c(352, OP.REVERSE_BYTES, REVERSE_PEN)],
  },
  { name: 'reversePackets', rule: 'first', candidates: [c(2, OP.REVERSE_PACKETS, REVERSE_PEN), c(86, OP.REVERSE_PACKETS, REVERSE_PEN)] },
  { name: 'reverseTcpFlags', rule: 'first', candidates: [c(6, OP.REVERSE_TCP_FLAGS, REVERSE_PEN)] },
  { name: 'reverseTos', rule: 'first', candidates: [c(5, OP.REVERSE_TOS, REVERSE_PEN)] },
  { name: 'reverseVlan', rule: 'first', candidates: [c(58, OP.REVERSE_VLAN, REVERSE_PEN)] },
  { name: 'reverseStart', rule: 'first', candidates: [c(152, OP.REVERSE_START_MS, REVERSE_PEN)] },
  { name: 'reverseEnd', rule: 'first', candidates: [c(153, OP.REVERSE_END_MS, REVERSE_PEN)] },
]

/** Elements whose value also stays readable in `extra` under its own name. */
export const ALSO_EXTRA: ReadonlySet<number> = new Set([231, 232, 298, 299, 95, 52])

/** Elements that never go to `extra`: padding says nothing, and these are told by another field. */
export const SILENT: ReadonlySet<number> = new Set([210, 60])
