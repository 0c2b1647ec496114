/** Random flows over small value sets, so that groups are large, ties happen and every field is sometimes unknown. For tests. */
import type { Pool } from '../../connection.ts'
import { createWriter, type Engine, FlowBatch, type FlowContext, upsertExporters, upsertInterfaces } from '../../ingest/index.ts'
import { address, type SampleFlow, sampleFlow, seededRandom } from '../../testing/sample-flow.ts'
import type { OracleExporter, OracleFlow } from './oracle.ts'

export const ADDRESSES = [
  '10.0.0.1',
  '10.0.0.2',
  '10.0.0.77',
  '10.0.1.5',
  '192.168.3.4',
  '8.8.8.8',
  '9.9.9.9',
  '203.0.113.7',
  '203.0.113.200',
  '2001:db8::1',
  '2001:db8:0:1::9',
  'fd00::5',
  '2a00:1450:4001::200e',
] as const
export const PORTS = [0, 22, 53, 80, 443, 1024, 50_000, 65_535] as const
export const PROTOCOLS = [1, 6, 17, 47, 58, 253] as const
export const SYSTEMS = [64_500, 64_501, 15_169, 4_294_967_295] as const
export const COUNTRIES = ['DE', 'US', 'IN', 'JP'] as const
export const VLANS = [1, 10, 4_094] as const
const RATES = [1, 100, 4_096] as const
const TYPES = ['NETFLOW_V5', 'NETFLOW_V9', 'IPFIX', 'SFLOW_5'] as const
const TYPE_CODE = { NETFLOW_V5: 5, NETFLOW_V9: 9, IPFIX: 10, SFLOW_5: 105 } as const

export interface Traffic {
  flows: OracleFlow[]
  exporters: OracleExporter[]
}

/** Exporters with interfaces, written to the database and described to the oracle. */
export async function writeExporters(pool: Pool): Promise<OracleExporter[]> {
  const described = [
    { address: '192.0.2.1', name: 'edge-1' },
    { address: '192.0.2.2', name: null },
    { address: '2001:db8:ffff::1', name: 'Core "A"' },
  ]
  const ids = await upsertExporters(
    pool,
    described.map((exporter) => ({
      address: exporter.address,
      lastSeenMs: Date.now(),
      formats: ['IPFIX'],
      samplingRate: null,
      skewMs: null,
      datagrams: 1,
      flows: 1,
      lost: 0,
      announced: 1,
      problems: 0,
      templates: 1,
      flowsPerSecond: 1,
      bitsPerSecond: 1,
    })),
  )
  const exporters = described.map(
    (exporter): OracleExporter => ({
      id: ids.get(exporter.address) ?? 0,
      ...exporter,
      interfaces: [
        { index: 1, name: 'Gi0/1', boundary: 'external' },
        { index: 2, name: 'Gi0/2', boundary: 'internal' },
        { index: 3, name: null, boundary: null },
      ],
    }),
  )
  for (const exporter of exporters) await pool.query('update exporter set name = $2 where id = $1', [exporter.id, exporter.name])
  await upsertInterfaces(
    pool,
    exporters.flatMap((exporter) =>
      exporter.interfaces.map(({ index, name }) => ({
        exporterId: exporter.id,
        ifIndex: index,
        name,
        description: null,
        speedBitsPerSecond: null,
      })),
    ),
  )
  for (const exporter of exporters) {
    for (const { index, boundary } of exporter.interfaces) {
      await pool.query('update interface set boundary = $3 where exporter_id = $1 and if_index = $2', [exporter.id, index, boundary])
    }
  }
  return exporters
}

interface Made {
  flow: OracleFlow
  exported: SampleFlow
  context: FlowContext
}

/** `count` random flows with times in [from, to), the same for the same seed. */
export function makeFlows(seed: number, count: number, from: number, to: number, exporters: readonly OracleExporter[]): Made[] {
  const random = seededRandom(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const pick = <T>(values: readonly T[]): T => {
    const value = values[below(values.length)]
    if (value === undefined) throw new Error('an empty list has nothing to pick')
    return value
  }
  const maybe = <T>(values: readonly T[]): T | null => (random() < 0.15 ? null : pick(values))
  // A quarter of the flows stand at whole minutes, hours or days, where buckets begin.
  const moment = (): number => {
    const time = from + below(to - from)
    const width = random() < 0.25 ? pick([60_000, 3_600_000, 86_400_000]) : 1
    return Math.max(from, Math.floor(time / width) * width)
  }
  return Array.from({ length: count }, () => {
    const type = pick(TYPES)
    const src = maybe(ADDRESSES)
    const dst = maybe(ADDRESSES)
    const event = random() < 0.03 ? 1 : null
    const flow: OracleFlow = {
      time: moment(),
      exporter_id: pick(exporters).id,
      src_addr: src,
      dst_addr: dst,
      src_port: maybe(PORTS),
      dst_port: maybe(PORTS),
      service_port: maybe(PORTS),
      proto: maybe(PROTOCOLS),
      // Now and then so large that sums leave the doubles, yet no bucket's sum reaches 2^63, where rollups saturate.
      bytes: random() < 0.02 ? 2n ** 45n + BigInt(below(9)) : BigInt(below(1_000_000)),
      packets: BigInt(below(1_000)),
      sampling_rate: maybe(RATES),
      in_if: maybe([1, 2, 3, 77]),
      out_if: maybe([1, 2, 3, 4_294_967_295]),
      src_as: maybe(SYSTEMS),
      dst_as: maybe(SYSTEMS),
      src_country: maybe(COUNTRIES),
      dst_country: maybe(COUNTRIES),
      tcp_flags: maybe([0, 2, 16, 18, 27]),
      ip_tos: maybe([0, 184, 255]),
      etype: maybe([2_048, 34_525]),
      type: TYPE_CODE[type],
      src_vlan: maybe(VLANS),
      dst_vlan: maybe(VLANS),
      vlan_id: maybe(VLANS),
      duration_ms: pick([0, 1_000, 61_000]),
      event_kind: event,
      witness: random() < 0.1,
    }
    // Some are long; the large ones are not, because doubles could not share them out.
    if (random() < 0.1 && flow.bytes < 2n ** 40n) flow.duration_ms = 90_000 + below(55 * 60_000)
    const number = (value: number | null): number => value ?? -1
    const exported = sampleFlow({
      type,
      eventKind: event === null ? 0 : 1,
      receivedMs: flow.time,
      startMs: flow.time - flow.duration_ms,
      endMs: flow.time,
      srcAddr: address(src ?? ''),
      dstAddr: address(dst ?? ''),
      srcPort: number(flow.src_port),
      dstPort: number(flow.dst_port),
      proto: number(flow.proto),
      bytes: Number(flow.bytes),
      exact: flow.bytes > 2n ** 53n ? { bytes: flow.bytes } : null,
      packets: Number(flow.packets),
      samplingRate: number(flow.sampling_rate),
      inIf: number(flow.in_if),
      outIf: number(flow.out_if),
      tcpFlags: number(flow.tcp_flags),
      ipTos: number(flow.ip_tos),
      etype: number(flow.etype),
      srcVlan: number(flow.src_vlan),
      dstVlan: number(flow.dst_vlan),
      vlanId: number(flow.vlan_id),
    })
    const context: FlowContext = {
      exporterId: flow.exporter_id,
      timeMs: flow.time,
      durationMs: flow.duration_ms,
      servicePort: number(flow.service_port),
      srcAs: number(flow.src_as),
      dstAs: number(flow.dst_as),
      srcCountry: flow.src_country ?? '',
      dstCountry: flow.dst_country ?? '',
      witness: flow.witness,
    }
    return { flow, exported, context }
  })
}

/** Store flows through the ingest door, `batchRows` at a time. */
export async function writeFlows(pool: Pool, engine: Engine, made: readonly Made[], batchRows = 500): Promise<void> {
  const writer = createWriter(pool, engine)
  const batch = new FlowBatch({ rows: batchRows })
  for (const { exported, context } of made) {
    if (batch.append(exported, context)) continue
    await writer.write(batch)
    batch.reset()
    if (!batch.append(exported, context)) throw new Error('a flow does not fit an empty batch')
  }
  await writer.write(batch)
}
