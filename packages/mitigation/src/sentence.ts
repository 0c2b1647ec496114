import { isHost } from './address.ts'
import type { BlockIntent } from './intent.ts'
import { type BlockMatch, type PortRange, prefixOf, type TcpFlagsMatch } from './match.ts'

const PROTO_WORDS: Record<number, string> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 47: 'GRE', 50: 'ESP', 58: 'ICMPv6', 132: 'SCTP' }

function list(words: readonly string[], last = 'and'): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}

function side(text: string | null): string {
  if (text === null) return 'anywhere'
  return isHost(prefixOf(text)) ? text.slice(0, text.indexOf('/')) : text
}

function ports(ranges: readonly PortRange[], name: string): string {
  if (ranges.length === 0) return ''
  const many = ranges.length > 1 || ranges.some((range) => range.low !== range.high)
  return `, ${name} port${many ? 's' : ''} ${list(
    ranges.map(({ low, high }) => (low === high ? String(low) : `${low}–${high}`)),
    'or',
  )}`
}

function flags(match: TcpFlagsMatch | null): string {
  if (match === null) return ''
  const names = (part: readonly string[]) => list(part.map((flag) => flag.toUpperCase()))
  const parts = []
  if (match.set.length > 0) parts.push(`with ${names(match.set)}`)
  if (match.unset.length > 0) parts.push(`without ${names(match.unset)}`)
  return ` ${parts.join(' and ')}`
}

/** Which packets, in plain English: "UDP packets from 192.0.2.7 to anywhere, source port 53". */
export function describeMatch(match: BlockMatch): string {
  const kind = match.proto === null ? 'packets' : `${PROTO_WORDS[match.proto] ?? `protocol ${match.proto}`} packets`
  const route = match.src === null && match.dst === null ? '' : ` from ${side(match.src)} to ${side(match.dst)}`
  return `${match.src === null && match.dst === null ? 'all ' : ''}${kind}${flags(match.tcpFlags)}${route}${ports(match.srcPorts, 'source')}${ports(match.dstPorts, 'destination')}`
}

/** A rate as people say it, exact: 1.5 Mbit/s. */
export function describeRate(bitsPerSecond: number): string {
  const [unit, size] = bitsPerSecond >= 1e9 ? ['Gbit/s', 1e9] : bitsPerSecond >= 1e6 ? ['Mbit/s', 1e6] : ['kbit/s', 1e3]
  return `${bitsPerSecond / Number(size)} ${unit}`
}

/** A time as people say it, exact to the second: "1 hour and 30 minutes". */
export function describeDuration(seconds: number): string {
  const parts: string[] = []
  let rest = seconds
  for (const [word, size] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
    ['second', 1],
  ] as const) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${word}${count === 1 ? '' : 's'}`)
  }
  return parts.length === 0 ? '0 seconds' : list(parts)
}

/** The whole request in one sentence, for the person who signs it. */
export function describeIntent(intent: BlockIntent): string {
  const verb = intent.action.kind === 'drop' ? 'Drop' : `Limit to ${describeRate(intent.action.bitsPerSecond)}`
  return `${verb} ${describeMatch(intent.match)}; on ${list(intent.devices)}, for ${describeDuration(intent.ttlSeconds)}.`
}
