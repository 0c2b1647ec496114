import { formatPrefix, parsePrefix } from './address.ts'
import { MAX_BITS_PER_SECOND } from './intent.ts'
import { type BlockAction, type BlockMatch, MAX_RANGES, TCP, UDP } from './match.ts'
import { narrowest } from './narrowest.ts'
import { describeMatch, describeRate } from './sentence.ts'
import { type Effect, effectOf, hits, levelsOf, type TrafficRow } from './traffic.ts'

export { type Effect, effectOf, hits, type TrafficRow } from './traffic.ts'

/** Stored traffic of an attack and of normal time, and how long each was. `victim` is a host, or null for the one that got the most. */
export interface TrafficSample {
  rows: readonly TrafficRow[]
  badSeconds: number
  normalSeconds: number
  victim: string | null
}

export type AlternativeKind =
  | 'narrowest'
  | 'sources'
  | 'source_port'
  | 'source_networks'
  | 'source_as'
  | 'service'
  | 'reflection_port'
  | 'rate_limit'
  | 'victim_rtbh'

/** One way to stop it: one or more rules with one action, and what that would have hit. */
export interface Alternative {
  kind: AlternativeKind
  /** In plain words, without the figures. */
  title: string
  matches: BlockMatch[]
  action: BlockAction
  effect: Effect
  /** Part of all normal traffic that the rules apply to, 0 to 1: all of it is hit by a drop, a part of it by a limit. */
  normalReach: number
  /** True when it stops at least 95 % of the bad bytes. */
  sufficient: boolean
}

export const ENOUGH = 0.95
/** More rules than this is a list to maintain, not a decision. */
export const MAX_RULES = 32
const FLOOR_BITS_PER_SECOND = 1_000_000
const DROP: BlockAction = { kind: 'drop' }
const ANY: BlockMatch = { src: null, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }

const host = (address: string): string | null => {
  const result = parsePrefix(address)
  return result.ok ? formatPrefix(result.prefix) : null
}
const withPorts = (row: TrafficRow) => row.proto === TCP || row.proto === UDP
const single = (port: number) => [{ low: port, high: port }]

/**
 * Ways to stop the bad traffic of `sample`, best first: those that stop enough, by the least normal traffic reached, the most bad
 * traffic hit, and the fewest rules. Empty when there is no bad traffic. Shares are computed from the rows alone; nothing is estimated but the rate
 * limit, which says how.
 */
export function alternatives(sample: TrafficSample): Alternative[] {
  const { rows } = sample
  const total = rows.reduce((sum, row) => sum + row.badBytes, 0)
  if (total <= 0) return []
  const victim = victimOf(sample)
  const out: Alternative[] = []
  const add = (kind: AlternativeKind, title: string, matches: BlockMatch[]) => {
    const effect = effectOf(matches, rows)
    if (matches.length > 0 && effect.badBytes > 0)
      out.push({
        kind,
        title,
        matches,
        action: DROP,
        effect,
        normalReach: effect.normalByteShare,
        sufficient: effect.badByteShare >= ENOUGH,
      })
  }
  const tight = narrowest(rows, ENOUGH)
  if (tight !== null) add('narrowest', `One narrow rule: ${describeMatch(tight)}`, [tight])
  const sources = heaviest(rows, total, (row) => bySource(row, {}))
  add('sources', plural(sources.length, 'source host'), sources)
  const [byDst, bySrc] = (['dstPort', 'srcPort'] as const).map((side) => heaviest(rows, total, (row) => bySourcePort(row, side)))
  const ported = better(byDst ?? [], bySrc ?? [], rows)
  add('source_port', `${plural(ported.length, 'source host')}, each with protocol and port`, ported)
  if (victim !== null) {
    const reflection = reflectionOf(rows, victim, total)
    if (reflection !== null) add('reflection_port', describeMatch(reflection), [reflection])
    add('victim_rtbh', `Black hole: everything to ${victim}, good and bad`, [{ ...ANY, dst: victim }])
    out.push(limitOf(sample, tight !== null && tight.dst !== null ? tight : { ...ANY, dst: victim }))
  }
  // Where nearly all of it goes to one host, rules for networks need not reach further than that host.
  const only = victim !== null && effectOf([{ ...ANY, dst: victim }], rows).badByteShare >= ENOUGH ? victim : null
  const towards = only === null ? '' : ` to ${only}`
  // Two ways to the same rules are one.
  const more: typeof add = (kind, title, matches) => {
    const key = JSON.stringify(matches)
    if (!out.some((other) => other.action.kind === 'drop' && JSON.stringify(other.matches) === key)) add(kind, title, matches)
  }
  const systems = systemsOf(rows, total)
  const seen = systems.flatMap((system) =>
    heaviest(
      rows.filter((row) => row.srcAs === system),
      Number.POSITIVE_INFINITY,
      (row) => byNetwork(row, only),
    ),
  )
  if (systems.length > 0 && seen.length < MAX_RULES)
    more(
      'source_as',
      `${systems.map((system) => `AS${system}`).join(', ')}${towards}: the ${plural(seen.length, 'network')} of it that took part`,
      [...new Map(seen.map((match) => [JSON.stringify(match), match])).values()],
    )
  const networks = heaviest(rows, total, (row) => byNetwork(row, only))
  more('source_networks', `${plural(networks.length, 'source network')}${towards}`, networks)
  if (only !== null) {
    const ports = heaviest(rows, total, (row) =>
      row.dstPort === null || !withPorts(row) || host(row.dst) !== only
        ? null
        : { ...ANY, dst: only, proto: row.proto, dstPorts: single(row.dstPort) },
    )
    more(
      'service',
      ports.length === 1 && ports[0] !== undefined ? describeMatch(ports[0]) : `${plural(ports.length, 'port')} of ${only}`,
      ports,
    )
  }
  // By reach, not by what a limit is estimated to spare: a trickle left of the bad is not better than none.
  return out.sort(
    (a, b) =>
      Number(b.sufficient) - Number(a.sufficient) ||
      (a.sufficient ? 0 : b.effect.badByteShare - a.effect.badByteShare) ||
      a.normalReach - b.normalReach ||
      b.effect.badByteShare - a.effect.badByteShare ||
      a.matches.length - b.matches.length,
  )
}

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`

function victimOf({ rows, victim }: TrafficSample): string | null {
  if (victim !== null) return host(victim)
  const sums = new Map<string, number>()
  for (const row of rows) {
    const dst = host(row.dst)
    if (dst !== null && row.badBytes > 0) sums.set(dst, (sums.get(dst) ?? 0) + row.badBytes)
  }
  return [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]?.[0] ?? null
}

function bySource(row: TrafficRow, rest: Partial<BlockMatch>): BlockMatch | null {
  const src = host(row.src)
  return src === null ? null : { ...ANY, ...rest, src }
}

function byNetwork(row: TrafficRow, dst: string | null): BlockMatch | null {
  const levels = levelsOf(row.src)
  return levels === null || (dst !== null && host(row.dst) !== dst) ? null : { ...ANY, src: levels.network, dst }
}

/** More systems than this are no longer "that network". */
const SYSTEMS_MOST = 3

/** The fewest systems that enough of it comes from; none when they are too many or not known. */
function systemsOf(rows: readonly TrafficRow[], total: number): number[] {
  const sums = new Map<number, number>()
  for (const { srcAs = null, badBytes } of rows)
    if (srcAs !== null && srcAs > 0 && badBytes > 0) sums.set(srcAs, (sums.get(srcAs) ?? 0) + badBytes)
  const out: number[] = []
  let hit = 0
  for (const [system, bytes] of [...sums].sort((a, b) => b[1] - a[1] || a[0] - b[0])) {
    if (hit >= ENOUGH * total) break
    out.push(system)
    hit += bytes
  }
  return hit >= ENOUGH * total && out.length <= SYSTEMS_MOST ? out : []
}

function bySourcePort(row: TrafficRow, side: 'srcPort' | 'dstPort'): BlockMatch | null {
  const port = row[side]
  if (port === null || !withPorts(row)) return null
  return bySource(row, { proto: row.proto, [side === 'srcPort' ? 'srcPorts' : 'dstPorts']: single(port) })
}

/** The fewest rules that hit enough: rules of one shape never overlap, so taking the heaviest first is the fewest there can be. */
function heaviest(rows: readonly TrafficRow[], total: number, ruleOf: (row: TrafficRow) => BlockMatch | null): BlockMatch[] {
  const sums = new Map<string, { match: BlockMatch; bytes: number }>()
  for (const row of rows) {
    const match = row.badBytes > 0 ? ruleOf(row) : null
    if (match === null) continue
    const key = JSON.stringify(match)
    const sum = sums.get(key) ?? { match, bytes: 0 }
    sum.bytes += row.badBytes
    sums.set(key, sum)
  }
  const out: BlockMatch[] = []
  let hit = 0
  for (const [, { match, bytes }] of [...sums].sort((a, b) => b[1].bytes - a[1].bytes || (a[0] < b[0] ? -1 : 1))) {
    if (hit >= ENOUGH * total || out.length === MAX_RULES) break
    out.push(match)
    hit += bytes
  }
  return out
}

/** The one that hits more bad traffic when one is not enough, else the one with fewer rules. */
function better(a: BlockMatch[], b: BlockMatch[], rows: readonly TrafficRow[]): BlockMatch[] {
  const [x, y] = [effectOf(a, rows), effectOf(b, rows)]
  if (x.badByteShare >= ENOUGH && y.badByteShare >= ENOUGH) {
    if (a.length !== b.length) return a.length < b.length ? a : b
    return x.normalBytes <= y.normalBytes ? a : b
  }
  return x.badByteShare >= y.badByteShare ? a : b
}

/** Victim and the ports that answers are bounced from: one rule with the heaviest source ports of the heaviest protocol. */
function reflectionOf(rows: readonly TrafficRow[], victim: string, total: number): BlockMatch | null {
  const toVictim = rows.filter((row) => row.badBytes > 0 && row.srcPort !== null && withPorts(row) && host(row.dst) === victim)
  const protos = [TCP, UDP].map((proto) => ({
    proto,
    bytes: toVictim.reduce((sum, row) => sum + (row.proto === proto ? row.badBytes : 0), 0),
  }))
  const proto = (protos[0]?.bytes ?? 0) > (protos[1]?.bytes ?? 0) ? TCP : UDP
  const ports = heaviest(toVictim, total, (row) =>
    row.proto === proto && row.srcPort !== null ? { ...ANY, srcPorts: single(row.srcPort) } : null,
  )
  if (ports.length === 0) return null
  const srcPorts = ports.slice(0, MAX_RANGES).flatMap((match) => match.srcPorts)
  return { ...ANY, dst: victim, proto, srcPorts: srcPorts.sort((a, b) => a.low - b.low) }
}

/**
 * The part of what a limit matches that it stops during the attack, 0 to 1. The device drops what is above without knowing good from bad, so
 * both lose the same part: 1 − limit / (bad rate + normal rate).
 */
export function stoppedByLimit(
  bitsPerSecond: number,
  hit: Pick<Effect, 'badBytes' | 'normalBytes'>,
  { badSeconds, normalSeconds }: Pick<TrafficSample, 'badSeconds' | 'normalSeconds'>,
): number {
  const offered = bitRate(hit.badBytes, badSeconds) + bitRate(hit.normalBytes, normalSeconds)
  return offered > bitsPerSecond ? 1 - bitsPerSecond / offered : 0
}

const bitRate = (bytes: number, seconds: number) => (seconds > 0 ? (bytes * 8) / seconds : 0)

/**
 * Limit instead of drop: twice the normal rate of what the rule matches, at least 1 Mbit/s.
 */
function limitOf(sample: TrafficSample, match: BlockMatch): Alternative {
  const all = effectOf([match], sample.rows)
  const normal = bitRate(all.normalBytes, sample.normalSeconds)
  const bitsPerSecond = Math.min(MAX_BITS_PER_SECOND, Math.max(FLOOR_BITS_PER_SECOND, Math.ceil((normal * 2) / 1000) * 1000))
  const lost = stoppedByLimit(bitsPerSecond, all, sample)
  const effect: Effect = {
    badBytes: all.badBytes * lost,
    badPackets: all.badPackets * lost,
    badByteShare: all.badByteShare * lost,
    badPacketShare: all.badPacketShare * lost,
    normalBytes: all.normalBytes * lost,
    normalPackets: all.normalPackets * lost,
    normalByteShare: all.normalByteShare * lost,
    normalPairs: lost > 0 ? all.normalPairs : 0,
  }
  const title = `Limit to ${describeRate(bitsPerSecond)}: ${describeMatch(match)}`
  return {
    kind: 'rate_limit',
    title,
    matches: [match],
    action: { kind: 'rate_limit', bitsPerSecond },
    effect,
    normalReach: all.normalByteShare,
    sufficient: effect.badByteShare >= ENOUGH,
  }
}

/** Which of `rows` a rule hits: the collateral list is the normal part of these. */
export function hitRows(match: BlockMatch, rows: readonly TrafficRow[]): TrafficRow[] {
  return rows.filter(hits(match))
}
