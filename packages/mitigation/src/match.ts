import { formatPrefix, type Prefix, parsePrefix } from './address.ts'

/** Ports `low` to `high`, both included. */
export interface PortRange {
  low: number
  high: number
}

/** In the order of the octet (RFC 9293, section 3.1), lowest bit first. */
export const TCP_FLAGS = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg'] as const
export type TcpFlag = (typeof TCP_FLAGS)[number]

/** Packets that carry all flags of `set` and none of `unset`; the rest may be either. Never both empty, never overlapping. */
export interface TcpFlagsMatch {
  set: readonly TcpFlag[]
  unset: readonly TcpFlag[]
}

/**
 * Which packets a rule hits: all parts must agree. `src` and `dst` are canonical prefixes of one family with their length, null
 * for any. `proto` is the IANA number, null for any. Port lists are sorted and do not touch; empty is any; only with TCP or UDP.
 */
export interface BlockMatch {
  src: string | null
  dst: string | null
  proto: number | null
  srcPorts: readonly PortRange[]
  dstPorts: readonly PortRange[]
  tcpFlags: TcpFlagsMatch | null
}

export type BlockAction = { kind: 'drop' } | { kind: 'rate_limit'; bitsPerSecond: number }

export const TCP = 6
export const UDP = 17
/** More ranges than this on one side is a list, not a rule; it also bounds what a device must hold (8 × 8 entries). */
export const MAX_RANGES = 8

/** Sorted, with overlapping and adjoining ranges joined: the one spelling of a set of ports. */
export function joinRanges(ranges: readonly PortRange[]): PortRange[] {
  const out: PortRange[] = []
  for (const { low, high } of [...ranges].sort((a, b) => a.low - b.low || a.high - b.high)) {
    const last = out.at(-1)
    if (last !== undefined && low <= last.high + 1) last.high = Math.max(last.high, high)
    else out.push({ low, high })
  }
  return out
}

/** A prefix that was already accepted. Throws RangeError for one that was not: a programming error, not an input error. */
export function prefixOf(text: string): Prefix {
  const result = parsePrefix(text)
  if (!result.ok) throw new RangeError(`not a canonical prefix: ${JSON.stringify(text.slice(0, 60))}`)
  return result.prefix
}

/** 4 or 6, or null when neither side is given. */
export function familyOf(match: BlockMatch): 4 | 6 | null {
  const side = match.src ?? match.dst
  if (side === null) return null
  return side.includes(':') ? 6 : 4
}

/** The one text of a rule: two rules hit the same packets in the same way when this is equal. */
export function ruleKey(match: BlockMatch, action: BlockAction): string {
  const side = (text: string | null) => (text === null ? null : formatPrefix(prefixOf(text)))
  const flags = (list: readonly TcpFlag[]) => TCP_FLAGS.filter((flag) => list.includes(flag))
  return JSON.stringify({
    src: side(match.src),
    dst: side(match.dst),
    proto: match.proto,
    srcPorts: joinRanges(match.srcPorts),
    dstPorts: joinRanges(match.dstPorts),
    tcpFlags: match.tcpFlags === null ? null : { set: flags(match.tcpFlags.set), unset: flags(match.tcpFlags.unset) },
    action: action.kind === 'drop' ? { kind: 'drop' } : { kind: 'rate_limit', bitsPerSecond: action.bitsPerSecond },
  })
}
