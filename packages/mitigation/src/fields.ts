import { formatPrefix, type Prefix, parsePrefix } from './address.ts'
import {
  type BlockAction,
  type BlockMatch,
  joinRanges,
  MAX_RANGES,
  type PortRange,
  TCP,
  TCP_FLAGS,
  type TcpFlag,
  type TcpFlagsMatch,
  UDP,
} from './match.ts'

/** One thing that is wrong with a request: where (`match.srcPorts[0]`), what, and how to put it right. */
export interface FieldProblem {
  field: string
  message: string
  remedy: string
}

/** Names that people write; everything else is a number. */
const PROTO_NAMES: Record<string, number> = { icmp: 1, tcp: 6, udp: 17, gre: 47, esp: 50, icmpv6: 58, sctp: 132 }
const MAX_DEVICES = 64
/** Enough to mend a form; a hostile request must not make a long answer. */
const MAX_PROBLEMS = 32

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads parts of a request and collects what is wrong; after a problem the returned value is a stand-in that must not be used. */
export class FieldReader {
  readonly problems: FieldProblem[] = []

  problem(field: string, message: string, remedy: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ field, message, remedy })
  }

  /** Refuse fields that nobody knows, lengths of packets by their own words: a rule on 99,971 octets once took a network down. */
  only(record: Record<string, unknown>, at: string, known: readonly string[]): void {
    for (const key of Object.keys(record)) {
      if (known.includes(key)) continue
      const shown = /^[\w.-]{1,40}$/.test(key) ? key : 'another field'
      const field = at === '' ? shown : `${at}.${shown}`
      if (/length|size/i.test(key))
        this.problem(
          field,
          'A rule cannot match on packet length (no IP packet is longer than 65,535 octets).',
          'Match on addresses, protocol and ports.',
        )
      else this.problem(field, 'This field is not known.', `Leave it out; known are ${known.join(', ')}.`)
    }
  }

  text(value: unknown, field: string, shape: RegExp, remedy: string): string {
    if (typeof value === 'string' && shape.test(value)) return value
    this.problem(field, 'This is missing or has characters that are not allowed.', remedy)
    return ''
  }

  integer(value: unknown, field: string, low: number, high: number, remedy: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value
    this.problem(field, `This must be a whole number from ${low} to ${high}.`, remedy)
    return low
  }

  names(value: unknown, field: string, shape: RegExp): string[] {
    const ok = Array.isArray(value) && value.length > 0 && value.length <= MAX_DEVICES
    if (!ok || !value.every((name): name is string => typeof name === 'string' && shape.test(name))) {
      this.problem(
        field,
        `A list of 1 to ${MAX_DEVICES} names is needed.`,
        'Name the devices that are to carry the rule: a-z, 0-9, dot, hyphen and underscore.',
      )
      return []
    }
    return [...new Set(value)].sort()
  }

  match(value: unknown): BlockMatch {
    const none: BlockMatch = { src: null, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }
    if (!isRecord(value)) {
      this.problem('match', 'What to match is missing.', 'Send src, dst, proto, srcPorts and dstPorts; null or an empty list means any.')
      return none
    }
    this.only(value, 'match', Object.keys(none))
    const src = this.#prefix(value['src'], 'match.src')
    const dst = this.#prefix(value['dst'], 'match.dst')
    const proto = this.#proto(value['proto'])
    const srcPorts = this.#ports(value['srcPorts'], 'match.srcPorts')
    const dstPorts = this.#ports(value['dstPorts'], 'match.dstPorts')
    const tcpFlags = this.#tcpFlags(value['tcpFlags'])
    if (src !== null && dst !== null && src.octets.length !== dst.octets.length)
      this.problem('match.dst', 'Source and destination are of different IP versions: no packet is.', 'Give both as IPv4 or both as IPv6.')
    if (srcPorts.length + dstPorts.length > 0 && proto !== TCP && proto !== UDP)
      this.problem('match.proto', 'Ports are only matched for TCP and UDP.', 'Set proto to 6 (TCP) or 17 (UDP), or leave the ports empty.')
    if (tcpFlags !== null && proto !== TCP)
      this.problem('match.proto', 'TCP flags are only matched for TCP.', 'Set proto to 6 (TCP), or leave the flags out.')
    const width = (src ?? dst)?.octets.length
    if ((proto === 1 && width === 16) || (proto === 58 && width === 4))
      this.problem(
        'match.proto',
        'ICMP is protocol 1 in IPv4 and 58 in IPv6: this rule would hit nothing.',
        'Use the number of the other version.',
      )
    const text = (prefix: Prefix | null) => (prefix === null ? null : formatPrefix(prefix))
    return { src: text(src), dst: text(dst), proto, srcPorts, dstPorts, tcpFlags }
  }

  action(value: unknown, low: number, high: number): BlockAction {
    if (isRecord(value) && value['kind'] === 'drop') {
      this.only(value, 'action', ['kind'])
      return { kind: 'drop' }
    }
    if (isRecord(value) && value['kind'] === 'rate_limit') {
      this.only(value, 'action', ['kind', 'bitsPerSecond'])
      const remedy = 'Give bits per second in whole kilobits: 1000000 is 1 Mbit/s.'
      const bitsPerSecond = this.integer(value['bitsPerSecond'], 'action.bitsPerSecond', low, high, remedy)
      // Devices count in octets; whole kilobits are whole octets in every dialect, so that what is read back is what was asked for.
      if (bitsPerSecond % 1000 !== 0) this.problem('action.bitsPerSecond', 'The rate must be a multiple of 1000.', remedy)
      return { kind: 'rate_limit', bitsPerSecond }
    }
    this.problem('action', 'What to do is missing.', "Send { kind: 'drop' } or { kind: 'rate_limit', bitsPerSecond }.")
    return { kind: 'drop' }
  }

  #prefix(value: unknown, field: string): Prefix | null {
    if (value === undefined || value === null) return null
    const result = typeof value === 'string' ? parsePrefix(value) : null
    if (result?.ok === true) return result.prefix
    this.problem(
      field,
      result?.message ?? 'An address must be a text, or null for any.',
      result?.remedy ?? 'Write it like 192.0.2.0/24 or 2001:db8::/48.',
    )
    return null
  }

  #proto(value: unknown): number | null {
    if (value === undefined || value === null) return null
    const named = typeof value === 'string' && Object.hasOwn(PROTO_NAMES, value) ? PROTO_NAMES[value] : value
    return this.integer(
      named,
      'match.proto',
      0,
      255,
      `Give the protocol number or one of ${Object.keys(PROTO_NAMES).join(', ')}; null means any.`,
    )
  }

  #ports(value: unknown, field: string): PortRange[] {
    if (value === undefined || value === null) return []
    const remedy = `Give at most ${MAX_RANGES} ranges like { low: 80, high: 443 }, ports from 0 to 65535.`
    if (!Array.isArray(value) || value.length > MAX_RANGES) {
      this.problem(field, 'This is not a list of port ranges.', remedy)
      return []
    }
    const ranges: PortRange[] = []
    for (const [i, item] of value.entries()) {
      const at = `${field}[${i}]`
      if (!isRecord(item)) {
        this.problem(at, 'This is not a port range.', remedy)
        continue
      }
      this.only(item, at, ['low', 'high'])
      const low = this.integer(item['low'], `${at}.low`, 0, 65_535, remedy)
      const high = this.integer(item['high'], `${at}.high`, 0, 65_535, remedy)
      if (Number(item['high']) < Number(item['low'])) this.problem(at, 'The range ends before it begins.', remedy)
      ranges.push({ low, high })
    }
    const joined = joinRanges(ranges)
    // All ports is no condition: one spelling for "any", so that every dialect says it alike.
    return joined[0]?.low === 0 && joined[0].high === 65_535 ? [] : joined
  }

  #tcpFlags(value: unknown): TcpFlagsMatch | null {
    if (value === undefined || value === null) return null
    const remedy = `Give { set: [...], unset: [...] } of ${TCP_FLAGS.join(', ')}, each flag at most once and at least one.`
    const list = (part: unknown): TcpFlag[] | null => {
      if (part === undefined) return []
      if (!Array.isArray(part) || part.length > TCP_FLAGS.length || new Set(part).size !== part.length) return null
      return part.every((flag) => TCP_FLAGS.some((known) => known === flag)) ? TCP_FLAGS.filter((flag) => part.includes(flag)) : null
    }
    if (isRecord(value)) {
      this.only(value, 'match.tcpFlags', ['set', 'unset'])
      const set = list(value['set'])
      const unset = list(value['unset'])
      if (set !== null && unset !== null && set.length + unset.length > 0 && !set.some((flag) => unset.includes(flag)))
        return { set, unset }
    }
    this.problem('match.tcpFlags', 'These TCP flags cannot be read.', remedy)
    return null
  }
}
