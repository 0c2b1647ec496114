import { formatPrefix, parsePrefix } from '../address.ts'
import { isRecord } from '../fields.ts'
import { type BlockAction, type BlockMatch, joinRanges, type PortRange, ruleKey, TCP_FLAGS, type TcpFlagsMatch } from '../match.ts'

/** A route as GoBGP holds it now. It carries no id: what it matches and does is all that tells whose it is. */
export interface LiveRoute {
  match: BlockMatch
  action: BlockAction
}

/** Components and operators of RFC 8955, section 4.2 (RFC 8956 for IPv6). */
const TYPES = { destination: 1, source: 2, protocol: 3, destinationPort: 5, sourcePort: 6, tcpFlags: 9 }
const AND = 0x40
const LESS = 0x04
const GREATER = 0x02
const EQUAL = 0x01
const NOT = 0x02
const OPERATOR = 0x07
/** Bits of the TCP header (RFC 9293, section 3.1), in the order of TCP_FLAGS. */
const FLAG_BITS = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20 }
/** Path attributes: communities (RFC 1997), extended communities (RFC 4360). */
const COMMUNITIES = 8
const EXTENDED = 16
/** Traffic rate in octets a second (RFC 8955, section 7.1): generic transitive, subtype 6. */
const RATE = { type: 0x80, subtype: 0x06 }
/** BLACKHOLE (RFC 7999). */
const BLACKHOLE = 65_535 * 65_536 + 666
const DROP: BlockAction = { kind: 'drop' }

interface Term {
  op: number
  value: number
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

function termsOf(value: unknown): Term[] | null {
  const terms: Term[] = []
  for (const term of list(value)) {
    if (!isRecord(term) || typeof term['op'] !== 'number' || typeof term['value'] !== 'number') return null
    terms.push({ op: term['op'], value: term['value'] })
  }
  return terms.length === 0 ? null : terms
}

/** `==53`, or `>=80&<=90`; null for anything that no rule of ours says. */
function rangesOf(terms: readonly Term[]): PortRange[] | null {
  const out: PortRange[] = []
  for (let i = 0; i < terms.length; i++) {
    const term = terms[i]
    const next = terms[i + 1]
    if (term === undefined || (term.op & AND) !== 0) return null
    if ((term.op & OPERATOR) === EQUAL) out.push({ low: term.value, high: term.value })
    else if ((term.op & OPERATOR) === (GREATER | EQUAL) && next !== undefined && (next.op & (AND | OPERATOR)) === (AND | LESS | EQUAL)) {
      out.push({ low: term.value, high: next.value })
      i++
    } else return null
  }
  return joinRanges(out)
}

function flagsOf(terms: readonly Term[]): TcpFlagsMatch | null {
  const named = (bits: number) => TCP_FLAGS.filter((flag) => (bits & FLAG_BITS[flag]) !== 0)
  // `=SP&!A`: each after the first is joined to it.
  if (terms.some(({ op }, i) => ((op & AND) !== 0) !== i > 0)) return null
  const flags = (wanted: boolean) => terms.filter(({ op }) => ((op & NOT) === 0) === wanted).flatMap(({ value }) => named(value))
  return { set: flags(true), unset: flags(false) }
}

/** Some versions put the offset of an IPv6 component behind its prefix: `2001:db8::1/128/0`. */
function prefixOf(value: unknown): string | null {
  const text = isRecord(value) && typeof value['prefix'] === 'string' ? value['prefix'] : null
  const read = text === null ? null : parsePrefix(text.replace(/^(.+:.*\/\d+)\/0$/, '$1'))
  return read?.ok === true ? formatPrefix(read.prefix) : null
}

/** What a flow route matches; null when it holds a component or an operator that no rule of ours has. */
function matchOf(components: readonly unknown[]): BlockMatch | null {
  const match: BlockMatch = { src: null, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }
  for (const component of components) {
    if (!isRecord(component)) return null
    const { type, value } = component
    if (type === TYPES.destination || type === TYPES.source) {
      const prefix = prefixOf(value)
      if (prefix === null || (component['offset'] ?? 0) !== 0) return null
      match[type === TYPES.source ? 'src' : 'dst'] = prefix
      continue
    }
    const terms = termsOf(value)
    if (terms === null) return null
    if (type === TYPES.tcpFlags) {
      match.tcpFlags = flagsOf(terms)
      if (match.tcpFlags === null) return null
      continue
    }
    const ranges = rangesOf(terms)
    const [first, more] = ranges ?? []
    if (ranges === null || first === undefined) return null
    if (type === TYPES.sourcePort) match.srcPorts = ranges
    else if (type === TYPES.destinationPort) match.dstPorts = ranges
    else if (type === TYPES.protocol && more === undefined && first.low === first.high) match.proto = first.low
    else return null
  }
  return match
}

function attribute(path: Record<string, unknown>, type: number): Record<string, unknown> | null {
  return (
    list(path['attrs'])
      .filter(isRecord)
      .find((one) => one['type'] === type) ?? null
  )
}

function flowRoute(path: Record<string, unknown>): LiveRoute | null {
  const { nlri } = path
  const match = isRecord(nlri) ? matchOf(list(nlri['value'])) : null
  const rate = list(attribute(path, EXTENDED)?.['value'])
    .filter(isRecord)
    .find((one) => one['type'] === RATE.type && one['subtype'] === RATE.subtype)?.['rate']
  if (match === null || typeof rate !== 'number') return null
  return { match, action: rate === 0 ? DROP : { kind: 'rate_limit', bitsPerSecond: rate * 8 } }
}

function blackHole(path: Record<string, unknown>): LiveRoute | null {
  const dst = prefixOf(path['nlri'])
  if (dst === null || !list(attribute(path, COMMUNITIES)?.['communities']).includes(BLACKHOLE)) return null
  return { match: { src: null, dst, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }, action: DROP }
}

/**
 * Flow routes and black holes in what `gobgp global rib -j` prints for one table; other routes and what no rule of ours could say are left
 * out. Empty for a table without routes, which GoBGP prints as nothing or as words.
 */
export function parseGobgpRib(text: string): LiveRoute[] {
  if (!text.trimStart().startsWith('{')) return []
  const table: unknown = JSON.parse(text)
  if (!isRecord(table)) return []
  return Object.values(table).flatMap((paths) =>
    list(paths)
      .filter(isRecord)
      .flatMap((path) => flowRoute(path) ?? blackHole(path) ?? []),
  )
}

/** Whether a route is the one of a rule. A rate travels as a 32-bit float of octets a second, so it is compared as one. */
export function isRouteOf(route: LiveRoute, match: BlockMatch, action: BlockAction): boolean {
  const kept = ({ kind, ...rest }: BlockAction) => [kind, 'bitsPerSecond' in rest ? Math.fround(rest.bitsPerSecond / 8) : null].join()
  return kept(route.action) === kept(action) && ruleKey(route.match, DROP) === ruleKey(match, DROP)
}
