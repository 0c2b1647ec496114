import { setAddress4 } from './address.ts'
import { u8, u16, u32 } from './bytes.ts'
import { fromUpTime, type UptimeClock } from './netflow5.ts'
import type { FlowRecord } from './record.ts'

/**
 * NetFlow version 8: flows aggregated on the router. What an aggregation has dropped is absent; how many flows a record stands
 * for is `deltaFlowCount` in `extra`.
 *
 *     header (28): version 2 · count 2 · sysUpTime 4 · seconds 4 · nanoseconds 4 · sequence 4 · engine type 1 · engine id 1 ·
 *                  aggregation 1 · aggregation version 1 · reserved 4
 *
 * Schemes 1–5 and 9–14 begin with: flows 4 · packets 4 · octets 4 · first 4 · last 4, then the fields named below.
 * Schemes 6–8 (Catalyst) begin with the addresses. The destination's mask stands before the source's in 5, 13 and 14: flow-tools
 * reads them so; Wireshark shows them the other way round.
 */
export const V8_HEADER = 28

type Field =
  | 'srcAddr'
  | 'dstAddr'
  | 'srcAs'
  | 'dstAs'
  | 'inIf'
  | 'outIf'
  | 'proto'
  | 'srcPort'
  | 'dstPort'
  | 'srcMask'
  | 'dstMask'
  | 'ipTos'

interface Scheme {
  readonly octets: number
  readonly name: string
  /** Where the counters are: flows (-1: none), packets, octets, first, last. */
  readonly counters: readonly [number, number, number, number, number]
  readonly fields: readonly (readonly [Field, number])[]
}

const ROUTER: Scheme['counters'] = [0, 4, 8, 12, 16]

const SCHEMES = new Map<number, Scheme>([
  [
    1,
    {
      octets: 28,
      name: 'AS',
      counters: ROUTER,
      fields: [
        ['srcAs', 20],
        ['dstAs', 22],
        ['inIf', 24],
        ['outIf', 26],
      ],
    },
  ],
  [
    2,
    {
      octets: 28,
      name: 'ProtocolPort',
      counters: ROUTER,
      fields: [
        ['proto', 20],
        ['srcPort', 24],
        ['dstPort', 26],
      ],
    },
  ],
  [
    3,
    {
      octets: 32,
      name: 'SourcePrefix',
      counters: ROUTER,
      fields: [
        ['srcAddr', 20],
        ['srcMask', 24],
        ['srcAs', 26],
        ['inIf', 28],
      ],
    },
  ],
  [
    4,
    {
      octets: 32,
      name: 'DestinationPrefix',
      counters: ROUTER,
      fields: [
        ['dstAddr', 20],
        ['dstMask', 24],
        ['dstAs', 26],
        ['outIf', 28],
      ],
    },
  ],
  [
    5,
    {
      octets: 40,
      name: 'Prefix',
      counters: ROUTER,
      fields: [
        ['srcAddr', 20],
        ['dstAddr', 24],
        ['dstMask', 28],
        ['srcMask', 29],
        ['srcAs', 32],
        ['dstAs', 34],
        ['inIf', 36],
        ['outIf', 38],
      ],
    },
  ],
  [
    6,
    {
      octets: 32,
      name: 'Destination',
      counters: [-1, 4, 8, 12, 16],
      fields: [
        ['dstAddr', 0],
        ['outIf', 20],
        ['ipTos', 22],
      ],
    },
  ],
  [
    7,
    {
      octets: 40,
      name: 'SourceDestination',
      counters: [-1, 8, 12, 16, 20],
      fields: [
        ['dstAddr', 0],
        ['srcAddr', 4],
        ['outIf', 24],
        ['inIf', 26],
        ['ipTos', 28],
      ],
    },
  ],
  [
    8,
    {
      octets: 44,
      name: 'FullFlow',
      counters: [-1, 12, 16, 20, 24],
      fields: [
        ['dstAddr', 0],
        ['srcAddr', 4],
        ['dstPort', 8],
        ['srcPort', 10],
        ['outIf', 28],
        ['inIf', 30],
        ['ipTos', 32],
        ['proto', 33],
      ],
    },
  ],
  [
    9,
    {
      octets: 32,
      name: 'TosAS',
      counters: ROUTER,
      fields: [
        ['srcAs', 20],
        ['dstAs', 22],
        ['inIf', 24],
        ['outIf', 26],
        ['ipTos', 28],
      ],
    },
  ],
  [
    10,
    {
      octets: 32,
      name: 'TosProtocolPort',
      counters: ROUTER,
      fields: [
        ['proto', 20],
        ['ipTos', 21],
        ['srcPort', 24],
        ['dstPort', 26],
        ['inIf', 28],
        ['outIf', 30],
      ],
    },
  ],
  [
    11,
    {
      octets: 32,
      name: 'TosSourcePrefix',
      counters: ROUTER,
      fields: [
        ['srcAddr', 20],
        ['srcMask', 24],
        ['ipTos', 25],
        ['srcAs', 26],
        ['inIf', 28],
      ],
    },
  ],
  [
    12,
    {
      octets: 32,
      name: 'TosDestinationPrefix',
      counters: ROUTER,
      fields: [
        ['dstAddr', 20],
        ['dstMask', 24],
        ['ipTos', 25],
        ['dstAs', 26],
        ['outIf', 28],
      ],
    },
  ],
  [
    13,
    {
      octets: 40,
      name: 'TosPrefix',
      counters: ROUTER,
      fields: [
        ['srcAddr', 20],
        ['dstAddr', 24],
        ['dstMask', 28],
        ['srcMask', 29],
        ['ipTos', 30],
        ['srcAs', 32],
        ['dstAs', 34],
        ['inIf', 36],
        ['outIf', 38],
      ],
    },
  ],
  [
    14,
    {
      octets: 40,
      name: 'TosPrefixPort',
      counters: ROUTER,
      fields: [
        ['srcAddr', 20],
        ['dstAddr', 24],
        ['dstMask', 28],
        ['srcMask', 29],
        ['ipTos', 30],
        ['proto', 31],
        ['srcPort', 32],
        ['dstPort', 34],
        ['inIf', 36],
        ['outIf', 38],
      ],
    },
  ],
])

/** Octets of one record of an aggregation scheme, or 0 when there is no such scheme. */
export function v8RecordOctets(aggregation: number): number {
  return SCHEMES.get(aggregation)?.octets ?? 0
}

/** Read one record into an empty `r`. The caller has checked that its octets are there. */
export function readV8Record(r: FlowRecord, aggregation: number, b: Uint8Array, at: number, clock: UptimeClock): void {
  const scheme = SCHEMES.get(aggregation)
  if (scheme === undefined) return
  const [flows, packets, octets, first, last] = scheme.counters
  r.packets = u32(b, at + packets)
  r.bytes = u32(b, at + octets)
  r.startMs = fromUpTime(clock, u32(b, at + first))
  r.startNs = clock.ns
  r.endMs = fromUpTime(clock, u32(b, at + last))
  r.endNs = clock.ns
  r.extra = flows < 0 ? { aggregation: scheme.name } : { aggregation: scheme.name, deltaFlowCount: u32(b, at + flows) }
  for (const [field, offset] of scheme.fields) {
    const place = at + offset
    if (field === 'srcAddr' || field === 'dstAddr') setAddress4(r[field], b, place)
    else if (field === 'proto' || field === 'ipTos' || field === 'srcMask' || field === 'dstMask') r[field] = u8(b, place)
    else r[field] = u16(b, place)
  }
  if (r.srcAddr.length === 4 || r.dstAddr.length === 4) r.etype = 0x0800
}
