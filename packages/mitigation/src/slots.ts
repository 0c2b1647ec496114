import type { BlockIntent } from './intent.ts'
import { familyOf, prefixOf, ruleKey } from './match.ts'
import { MAX_SLOT } from './render/dialect.ts'
import { entriesOf } from './render/entries.ts'
import { layerOf } from './render/nftables.ts'
import { BANKS, setName } from './render/nftables-base.ts'

/** A rule that is on a device, or about to be, and its slot there. */
export interface Placed {
  intent: BlockIntent
  slot: number
}

/** First and last key of one element, per part of the key, as text of fixed width so that comparing text compares numbers. */
type Box = { first: string; last: string }[]

const hex = (value: number, width: number) => value.toString(16).padStart(width, '0')

function side(text: string | null, octets: number): Box[number] {
  if (text === null) return { first: '0'.repeat(octets * 2), last: 'f'.repeat(octets * 2) }
  const prefix = prefixOf(text)
  const last = prefix.octets.map((octet, i) => octet | (0xff >> Math.max(0, Math.min(8, prefix.bits - i * 8))))
  const show = (bytes: Uint8Array) => Array.from(bytes, (octet) => hex(octet, 2)).join('')
  return { first: show(prefix.octets), last: show(last) }
}

function boxesOf(intent: BlockIntent): Box[] {
  const { match } = intent
  const octets = familyOf(match) === 6 ? 16 : 4
  const proto = match.proto === null ? { first: '00', last: 'ff' } : { first: hex(match.proto, 2), last: hex(match.proto, 2) }
  const ports = (range: { low: number; high: number } | null) => ({ first: hex(range?.low ?? 0, 4), last: hex(range?.high ?? 65_535, 4) })
  return entriesOf(match).map((entry) => [side(match.src, octets), side(match.dst, octets), proto, ports(entry.src), ports(entry.dst)])
}

const holds = (box: Box, end: 'first' | 'last', of: Box) =>
  box.every((part, i) => part.first <= (of[i]?.[end] ?? '') && (of[i]?.[end] ?? '') <= part.last)

/**
 * True when the kernel would refuse one of the two beside the other in one set, whichever comes first: the first or last key of
 * one lies in the other. That both hit some packet alone is no conflict (all from A, all to B).
 */
export function conflicts(a: BlockIntent, b: BlockIntent): boolean {
  const set = (intent: BlockIntent) => setName(intent.action.kind, layerOf(intent.match), familyOf(intent.match) ?? 4, 0)
  if (set(a) !== set(b)) return false
  const others = boxesOf(b)
  return boxesOf(a).some((x) =>
    others.some((y) => holds(x, 'first', y) || holds(x, 'last', y) || holds(y, 'first', x) || holds(y, 'last', x)),
  )
}

/**
 * True when both match the same packets. BGP knows a rule by what it matches: the second would replace the first, and undoing one
 * would undo both. A caller allows one live rule per match and device.
 */
export function sameMatch(a: BlockIntent, b: BlockIntent): boolean {
  return ruleKey(a.match, { kind: 'drop' }) === ruleKey(b.match, { kind: 'drop' })
}

/**
 * The lowest slot for `intent` on a device that carries `placed`: unused, and (for nftables) in a bank without a conflict. Null
 * when every bank has one: the intent is then already hit by rules that nest as deep as there are banks, or must wait for them.
 * A rule that is placed already keeps its slot.
 */
export function freeSlot(intent: BlockIntent, placed: readonly Placed[]): number | null {
  const own = placed.find((other) => other.intent.id === intent.id)
  if (own !== undefined) return own.slot
  const used = new Set(placed.map((other) => other.slot))
  const blocked = new Set(placed.filter((other) => conflicts(intent, other.intent)).map((other) => other.slot % BANKS))
  for (let slot = 0; slot <= MAX_SLOT; slot++) if (!used.has(slot) && !blocked.has(slot % BANKS)) return slot
  return null
}
