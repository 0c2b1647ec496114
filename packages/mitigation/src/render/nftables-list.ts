import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../address.ts'
import { isRecord } from '../fields.ts'
import { type BlockAction, type BlockMatch, type PortRange, TCP } from '../match.ts'
import { RenderError, TAG } from './dialect.ts'
import { type Entry, listsOf } from './entries.ts'
import { TABLE } from './nftables-base.ts'

/** One rule as the kernel holds it now. */
export interface LiveBlock {
  /** From the comment; null for an element in our sets that is not ours: reported, never touched. */
  id: string | null
  set: string
  bank: number
  /** Null when the elements are not one whole rule (one was removed by hand) or cannot be read. */
  match: BlockMatch | null
  action: BlockAction
  elements: number
  /** Of the element that ends first, whole seconds; null when it never ends, which nothing of ours does. */
  remainingSeconds: number | null
  /** Sums over the elements; null when this nft does not say (1.0.6 leaves counters out beside a limit). */
  packets: number | null
  bytes: number | null
}

const unreadable = (message: string) => new RenderError('unreadable', 'nftables', message)
const SET = /^(drop|limit)_(l3|l4|syn)_(v4|v6)_(\d)$/
const OURS = new RegExp(`^${TAG}([a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?)$`)

interface Element {
  id: string | null
  match: BlockMatch | null
  entry: Entry
  action: BlockAction
  remaining: number | null
  packets: number | null
  bytes: number | null
}

const count = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null)

/** Both ends of a number, a range of numbers, or a name where nft was not told to print numbers. */
function span(value: unknown): PortRange | null {
  if (typeof value === 'number') return { low: value, high: value }
  const range = isRecord(value) ? value['range'] : undefined
  if (!Array.isArray(range) || range.length !== 2) return null
  const [low, high] = range as unknown[]
  return typeof low === 'number' && typeof high === 'number' ? { low, high } : null
}

/** A host, `{prefix}`, or a `{range}` that is one prefix; canonical text, or null. */
function prefix(value: unknown): string | null {
  if (typeof value === 'string') {
    const result = parsePrefix(value)
    return result.ok ? formatPrefix(result.prefix) : null
  }
  if (!isRecord(value)) return null
  if (isRecord(value['prefix'])) return prefix(`${String(value['prefix']['addr'])}/${String(value['prefix']['len'])}`)
  const [first, last] = Array.isArray(value['range']) ? (value['range'] as unknown[]) : []
  const from = typeof first === 'string' ? parseAddress(first) : null
  const to = typeof last === 'string' ? parseAddress(last) : null
  if (from === null || to === null || from.length !== to.length) return null
  let bits = 0
  const bit = (octets: Uint8Array, i: number) => ((octets[i >> 3] ?? 0) >> (7 - (i & 7))) & 1
  while (bits < from.length * 8 && bit(from, bits) === bit(to, bits)) bits++
  for (let i = bits; i < from.length * 8; i++) if (bit(from, i) !== 0 || bit(to, i) !== 1) return null
  return `${formatAddress(from)}/${bits}`
}

const port = (range: PortRange): PortRange | null => (range.low === 0 && range.high === 65_535 ? null : range)

function element(raw: unknown, layer: string, kind: string): Element {
  // nft writes { elem: { val, … } } for an element that has more than its key.
  const body = isRecord(raw) && isRecord(raw['elem']) ? raw['elem'] : { val: raw }
  const limit = isRecord(body['limit']) ? body['limit'] : {}
  const scale = { bytes: 8, kbytes: 8 * 1024, mbytes: 8 * 1024 * 1024 }[String(limit['rate_unit'])]
  const rate = kind === 'limit' && limit['per'] === 'second' && limit['inv'] === true ? (count(limit['rate']) ?? 0) * (scale ?? 0) : 0
  const counter = isRecord(body['counter']) ? body['counter'] : {}
  const comment = typeof body['comment'] === 'string' ? OURS.exec(body['comment']) : null
  const concat = isRecord(body['val']) && Array.isArray(body['val']['concat']) ? (body['val']['concat'] as unknown[]) : []
  const [src, dst] = [prefix(concat[0]), prefix(concat[1])]
  const proto = layer === 'syn' ? { low: TCP, high: TCP } : span(concat[2])
  const [sport, dport] =
    layer === 'l3'
      ? [
          { low: 0, high: 65_535 },
          { low: 0, high: 65_535 },
        ]
      : concat.slice(-2).map(span)
  const any = (text: string) => (text === '0.0.0.0/0' || text === '::/0' ? null : text)
  const one = proto !== null && (proto.low === proto.high || (proto.low === 0 && proto.high === 255))
  const readable = src !== null && dst !== null && one && sport && dport && (kind === 'drop' || rate > 0)
  return {
    id: comment?.[1] ?? null,
    match: readable
      ? {
          src: any(src),
          dst: any(dst),
          proto: proto.low === proto.high ? proto.low : null,
          srcPorts: [],
          dstPorts: [],
          tcpFlags: layer === 'syn' ? { set: ['syn'], unset: ['ack'] } : null,
        }
      : null,
    entry: { src: sport ? port(sport) : null, dst: dport ? port(dport) : null },
    action: kind === 'drop' ? { kind: 'drop' } : { kind: 'rate_limit', bitsPerSecond: rate },
    remaining: count(body['expires']),
    packets: count(counter['packets']),
    bytes: count(counter['bytes']),
  }
}

function block(set: string, bank: number, elements: readonly Element[]): LiveBlock {
  const [first] = elements
  if (first === undefined) throw unreadable('a rule without elements')
  const heads = new Set(elements.map((e) => JSON.stringify([e.match, e.action])))
  const sum = (of: (e: Element) => number | null) =>
    elements.reduce<number | null>((total, e) => (total === null || of(e) === null ? null : total + (of(e) ?? 0)), 0)
  const ends = elements.map((e) => e.remaining).filter((remaining) => remaining !== null)
  let match: BlockMatch | null = null
  if (heads.size === 1 && first.match !== null)
    try {
      match = {
        ...first.match,
        ...listsOf(
          elements.map((e) => e.entry),
          'nftables',
        ),
      }
    } catch (error) {
      // Not one whole rule: told by `match: null`, which the caller answers by asserting the rule again.
      if (!(error instanceof RenderError)) throw error
    }
  return {
    id: first.id,
    set,
    bank,
    match,
    action: first.action,
    elements: elements.length,
    remainingSeconds: ends.length === 0 ? null : Math.min(...ends),
    packets: sum((e) => e.packets),
    bytes: sum((e) => e.bytes),
  }
}

/**
 * Read the parsed JSON of `LIST_ARGV` (or of `nft -n -j list ruleset`): which blocks the kernel holds, with their remaining time
 * and counters. Tables and sets of others are passed over. Throws RenderError `unreadable` when it is not nft's JSON.
 */
export function parseRuleset(json: unknown): LiveBlock[] {
  const items = isRecord(json) ? json['nftables'] : undefined
  if (!Array.isArray(items)) throw unreadable('this is not the JSON of nft')
  const out: LiveBlock[] = []
  for (const item of items as unknown[]) {
    const set = isRecord(item) && isRecord(item['set']) ? item['set'] : null
    if (set === null || set['family'] !== 'inet' || set['table'] !== TABLE || typeof set['name'] !== 'string') continue
    const [name, kind = '', layer = '', , bank] = SET.exec(set['name']) ?? []
    if (name === undefined) continue
    const groups = new Map<string, Element[]>()
    for (const [i, raw] of (Array.isArray(set['elem']) ? (set['elem'] as unknown[]) : []).entries()) {
      const read = element(raw, layer, kind)
      // What is not ours stands alone.
      const key = read.id ?? `#${i}`
      groups.set(key, [...(groups.get(key) ?? []), read])
    }
    for (const elements of groups.values()) out.push(block(name, Number(bank), elements))
  }
  return out
}
