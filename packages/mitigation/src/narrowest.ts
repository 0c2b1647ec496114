import { type BlockMatch, TCP, UDP } from './match.ts'
import { levelsOf, type TrafficRow } from './traffic.ts'

/**
 * The search space of one-rule answers, in words: source and destination each any, the host, or its /24 or /48 (not both any);
 * then nothing, the protocol, or the protocol with source port, destination port or both. 40 shapes; every bad row gives one rule
 * per shape. Larger wins nothing: a rule with a value no bad row has hits no bad traffic.
 */
const SIDES = ['any', 'host', 'network'] as const
const SERVICES = ['any', 'proto', 'source port', 'destination port', 'both ports'] as const
type Side = (typeof SIDES)[number]
type Service = (typeof SERVICES)[number]
interface Shape {
  src: Side
  dst: Side
  service: Service
}

const SHAPES: readonly Shape[] = SIDES.flatMap((src) => SIDES.flatMap((dst) => SERVICES.map((service) => ({ src, dst, service })))).filter(
  ({ src, dst }) => src !== 'any' || dst !== 'any',
)

interface Row {
  row: TrafficRow
  src: { host: string; network: string }
  dst: { host: string; network: string }
}

/** Names the rule of this shape that hits this row, cheaply; null where the row lacks a part (a port of a protocol without ports). */
function keyOf({ row, src, dst }: Row, shape: Shape): string | null {
  const sides = `${shape.src === 'any' ? '' : src[shape.src]} ${shape.dst === 'any' ? '' : dst[shape.dst]}`
  if (shape.service === 'any') return sides
  if (row.proto === null) return null
  if (shape.service === 'proto') return `${sides} ${row.proto}`
  if (row.proto !== TCP && row.proto !== UDP) return null
  const [from, to] = [shape.service !== 'destination port', shape.service !== 'source port']
  if ((from && row.srcPort === null) || (to && row.dstPort === null)) return null
  return `${sides} ${row.proto} ${from ? row.srcPort : ''} ${to ? row.dstPort : ''}`
}

/** The rule of this shape that hits this row, for a row that `keyOf` has a name for. */
function ruleOf({ row, src, dst }: Row, { src: source, dst: destination, service }: Shape): BlockMatch {
  const ports = (wanted: boolean, port: number | null) => (wanted && port !== null ? [{ low: port, high: port }] : [])
  return {
    src: source === 'any' ? null : src[source],
    dst: destination === 'any' ? null : dst[destination],
    proto: service === 'any' ? null : row.proto,
    srcPorts: ports(service === 'source port' || service === 'both ports', row.srcPort),
    dstPorts: ports(service === 'destination port' || service === 'both ports', row.dstPort),
    tcpFlags: null,
  }
}

/** More is narrower; only to choose between rules that hit the same traffic. */
function narrowness({ src, dst, service }: Shape): number {
  return (
    SIDES.length * (Number(src === 'host') * 2 + Number(src === 'network') + Number(dst === 'host') * 2 + Number(dst === 'network')) +
    SERVICES.indexOf(service)
  )
}

/**
 * The one rule that hits at least `share` of the bad bytes and the least normal bytes; between equals fewer normal packets, then
 * the narrower. Null when no single rule hits so much. Exact over the space above. Rows × 40 steps; rows with unreadable
 * addresses count in the total and are never hit.
 */
export function narrowest(rows: readonly TrafficRow[], share: number): BlockMatch | null {
  const total = rows.reduce((sum, row) => sum + row.badBytes, 0)
  if (total <= 0) return null
  const known: Row[] = []
  for (const row of rows) {
    const [src, dst] = [levelsOf(row.src), levelsOf(row.dst)]
    if (src !== null && dst !== null) known.push({ row, src, dst })
  }
  let best: { match: BlockMatch; bytes: number; packets: number; narrowness: number } | null = null
  for (const shape of SHAPES) {
    const bad = new Map<string, { first: Row; bytes: number }>()
    for (const entry of known) {
      const key = entry.row.badBytes > 0 ? keyOf(entry, shape) : null
      if (key === null) continue
      const sum = bad.get(key)
      if (sum === undefined) bad.set(key, { first: entry, bytes: entry.row.badBytes })
      else sum.bytes += entry.row.badBytes
    }
    // At most one rule of a shape hits more than half, so this second pass is made for few.
    const enough = new Map<string, { match: BlockMatch; bytes: number; packets: number }>()
    for (const [key, { first, bytes }] of bad)
      if (bytes >= share * total) enough.set(key, { match: ruleOf(first, shape), bytes: 0, packets: 0 })
    if (enough.size === 0) continue
    for (const entry of known) {
      const key = keyOf(entry, shape)
      const sum = key === null ? undefined : enough.get(key)
      if (sum === undefined) continue
      sum.bytes += entry.row.normalBytes
      sum.packets += entry.row.normalPackets
    }
    for (const candidate of enough.values()) {
      const next = { ...candidate, narrowness: narrowness(shape) }
      const order = best === null ? -1 : next.bytes - best.bytes || next.packets - best.packets || best.narrowness - next.narrowness
      if (order < 0) best = next
    }
  }
  return best?.match ?? null
}
