import { contains, formatPrefix, type Prefix, parsePrefix } from './address.ts'
import type { BlockMatch, PortRange } from './match.ts'
import { prefixOf } from './match.ts'

/** Traffic of one kind, as stored flows say it: what of it was bad, and what was normal. Null is unknown; addresses are hosts. */
export interface TrafficRow {
  src: string
  dst: string
  /** Of the source; left out where nobody asked. */
  srcAs?: number | null
  proto: number | null
  srcPort: number | null
  dstPort: number | null
  badBytes: number
  badPackets: number
  normalBytes: number
  normalPackets: number
}

/** What a choice of rules would have hit. Shares are of all bad and of all normal traffic given, 0 to 1; 0 when there was none. */
export interface Effect {
  badBytes: number
  badPackets: number
  badByteShare: number
  badPacketShare: number
  normalBytes: number
  normalPackets: number
  normalByteShare: number
  /** Distinct pairs of addresses whose normal traffic is hit. */
  normalPairs: number
}

const within = (ranges: readonly PortRange[], port: number | null) =>
  ranges.length === 0 || (port !== null && ranges.some(({ low, high }) => low <= port && port <= high))

function hostOf(address: string): Prefix | null {
  const result = parsePrefix(address)
  return result.ok ? result.prefix : null
}

/** The test of a match on a row whose addresses were read once for all rules; null is an address that cannot be read. */
function tester(match: BlockMatch): (row: TrafficRow, from: Prefix | null, to: Prefix | null) => boolean {
  const src = match.src === null ? null : prefixOf(match.src)
  const dst = match.dst === null ? null : prefixOf(match.dst)
  const covers = (side: Prefix | null, host: Prefix | null) => side === null || (host !== null && contains(side, host))
  return (row, from, to) =>
    (match.proto === null || match.proto === row.proto) &&
    within(match.srcPorts, row.srcPort) &&
    within(match.dstPorts, row.dstPort) &&
    covers(src, from) &&
    covers(dst, to)
}

/** Which rows a match hits. Rows carry no TCP flags: a match on flags is taken to hit all TCP it names, the most it could be. */
export function hits(match: BlockMatch): (row: TrafficRow) => boolean {
  const test = tester(match)
  return (row) => test(row, hostOf(row.src), hostOf(row.dst))
}

/** What rules with these matches hit together; a row that several hit counts once. */
export function effectOf(matches: readonly BlockMatch[], rows: readonly TrafficRow[]): Effect {
  const tests = matches.map(tester)
  const total = { badBytes: 0, badPackets: 0, normalBytes: 0 }
  const hit = { badBytes: 0, badPackets: 0, normalBytes: 0, normalPackets: 0 }
  const pairs = new Set<string>()
  for (const row of rows) {
    total.badBytes += row.badBytes
    total.badPackets += row.badPackets
    total.normalBytes += row.normalBytes
    const [from, to] = [hostOf(row.src), hostOf(row.dst)]
    if (!tests.some((test) => test(row, from, to))) continue
    hit.badBytes += row.badBytes
    hit.badPackets += row.badPackets
    hit.normalBytes += row.normalBytes
    hit.normalPackets += row.normalPackets
    if (row.normalBytes > 0) pairs.add(`${row.src} ${row.dst}`)
  }
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)
  return {
    ...hit,
    badByteShare: share(hit.badBytes, total.badBytes),
    badPacketShare: share(hit.badPackets, total.badPackets),
    normalByteShare: share(hit.normalBytes, total.normalBytes),
    normalPairs: pairs.size,
  }
}

/** The host itself and the widest network a rule may name around it (/24, /48), as canonical text; null when it is no address. */
export function levelsOf(address: string): { host: string; network: string } | null {
  const result = parsePrefix(address)
  if (!result.ok) return null
  const host = result.prefix
  const bits = host.octets.length === 4 ? 24 : 48
  return { host: formatPrefix(host), network: formatPrefix({ octets: host.octets.map((octet, i) => (i < bits / 8 ? octet : 0)), bits }) }
}
