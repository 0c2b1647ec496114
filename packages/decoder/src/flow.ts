import { createAddress } from './address.ts'
import { ABSENT, type FlowRecord } from './record.ts'

/**
 * A new record with everything absent. Fields that can pass 2^31 are first given a fraction, so that the engine stores them
 * unboxed as doubles from the start and never has to change the shape of the one record that everything goes through.
 */
export function createFlowRecord(): FlowRecord {
  const wide = 4294967295.5
  const record: FlowRecord = {
    type: 'NETFLOW_V5',
    eventKind: 0,
    event: wide,
    receivedMs: wide,
    receivedNs: 0,
    startMs: wide,
    startNs: 0,
    endMs: wide,
    endNs: 0,
    sequenceNum: wide,
    observationDomainId: wide,
    observationPointId: wide,
    samplingRate: wide,
    samplerAddress: createAddress(),
    srcAddr: createAddress(),
    dstAddr: createAddress(),
    nextHop: createAddress(),
    bgpNextHop: createAddress(),
    postNatSrcAddr: createAddress(),
    postNatDstAddr: createAddress(),
    bytes: wide,
    packets: wide,
    etype: ABSENT,
    proto: ABSENT,
    srcPort: ABSENT,
    dstPort: ABSENT,
    postNatSrcPort: ABSENT,
    postNatDstPort: ABSENT,
    inIf: wide,
    outIf: wide,
    tcpFlags: ABSENT,
    ipTos: ABSENT,
    ipTtl: ABSENT,
    ipFlags: ABSENT,
    icmpType: ABSENT,
    icmpCode: ABSENT,
    fragmentId: wide,
    fragmentOffset: ABSENT,
    ipv6FlowLabel: ABSENT,
    srcAs: wide,
    dstAs: wide,
    nextHopAs: wide,
    srcMask: ABSENT,
    dstMask: ABSENT,
    srcMac: wide,
    dstMac: wide,
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
  }
  record.receivedMs = 0
  record.sequenceNum = ABSENT
  resetFlowRecord(record)
  return record
}

/** Make everything that one flow says absent. What the datagram says (type, received, sampler address) stays. */
export function resetFlowRecord(r: FlowRecord): void {
  r.eventKind = 0
  r.event = ABSENT
  r.startMs = ABSENT
  r.startNs = 0
  r.endMs = ABSENT
  r.endNs = 0
  r.observationPointId = ABSENT
  r.samplingRate = ABSENT
  r.srcAddr.length = 0
  r.dstAddr.length = 0
  r.nextHop.length = 0
  r.bgpNextHop.length = 0
  r.postNatSrcAddr.length = 0
  r.postNatDstAddr.length = 0
  r.bytes = ABSENT
  r.packets = ABSENT
  r.etype = ABSENT
  r.proto = ABSENT
  r.srcPort = ABSENT
  r.dstPort = ABSENT
  r.postNatSrcPort = ABSENT
  r.postNatDstPort = ABSENT
  r.inIf = ABSENT
  r.outIf = ABSENT
  r.tcpFlags = ABSENT
  r.ipTos = ABSENT
  r.ipTtl = ABSENT
  r.ipFlags = ABSENT
  r.icmpType = ABSENT
  r.icmpCode = ABSENT
  r.fragmentId = ABSENT
  r.fragmentOffset = ABSENT
  r.ipv6FlowLabel = ABSENT
  r.srcAs = ABSENT
  r.dstAs = ABSENT
  r.nextHopAs = ABSENT
  r.srcMask = ABSENT
  r.dstMask = ABSENT
  r.srcMac = ABSENT
  r.dstMac = ABSENT
  r.srcVlan = ABSENT
  r.dstVlan = ABSENT
  r.vlanId = ABSENT
  r.forwardingStatus = ABSENT
  r.flowEndReason = ABSENT
  r.direction = ABSENT
  r.mplsLabel1 = ABSENT
  r.applicationName = ''
  r.extra = null
  r.exact = null
}
