import type { ExportedAddress, ExportedFlow, FlowContext } from '../ingest/flow.ts'

/** Writable copies of the two halves of a row, for tests and benches that build rows by hand. */
export type SampleFlow = { -readonly [K in keyof ExportedFlow]: ExportedFlow[K] }

/** An address from text such as `192.0.2.1` or `2001:db8::1`; '' is absent. */
export function address(text: string): ExportedAddress {
  if (text === '') return { bytes: new Uint8Array(16), length: 0 }
  if (!text.includes(':')) return { bytes: Uint8Array.from(text.split('.'), Number), length: 4 }
  const [head = '', tail] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
  return { bytes: Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255])), length: 16 }
}

/** A traffic flow with the fields every exporter sends and nothing else. */
export function sampleFlow(fields: Partial<SampleFlow> = {}): SampleFlow {
  return {
    type: 'IPFIX',
    eventKind: 0,
    event: -1,
    receivedMs: 1_760_000_000_000,
    receivedNs: 0,
    startMs: 1_759_999_990_000,
    startNs: 0,
    endMs: 1_760_000_000_000,
    endNs: 0,
    sequenceNum: -1,
    observationDomainId: -1,
    observationPointId: -1,
    samplingRate: -1,
    srcAddr: address('192.0.2.1'),
    dstAddr: address('198.51.100.2'),
    nextHop: address(''),
    bgpNextHop: address(''),
    postNatSrcAddr: address(''),
    postNatDstAddr: address(''),
    bytes: 1500,
    packets: 3,
    etype: 0x0800,
    proto: 6,
    srcPort: 51_000,
    dstPort: 443,
    postNatSrcPort: -1,
    postNatDstPort: -1,
    inIf: 1,
    outIf: 2,
    tcpFlags: 0x1b,
    ipTos: 0,
    ipTtl: -1,
    ipFlags: -1,
    icmpType: -1,
    icmpCode: -1,
    fragmentId: -1,
    fragmentOffset: -1,
    ipv6FlowLabel: -1,
    nextHopAs: -1,
    srcMask: -1,
    dstMask: -1,
    srcMac: -1,
    dstMac: -1,
    srcVlan: -1,
    dstVlan: -1,
    vlanId: -1,
    forwardingStatus: -1,
    flowEndReason: -1,
    direction: -1,
    mplsLabel1: -1,
    applicationName: '',
    extra: null,
    exact: null,
    ...fields,
  }
}

/** The enrichment to go with `sampleFlow`. */
export function sampleContext(fields: Partial<FlowContext> = {}): FlowContext {
  return {
    exporterId: 1,
    timeMs: 1_760_000_000_000,
    durationMs: 10_000,
    servicePort: 443,
    srcAs: -1,
    dstAs: -1,
    srcCountry: '',
    dstCountry: '',
    ...fields,
  }
}

/** A small seeded generator (mulberry32): numbers in [0, 1), the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
