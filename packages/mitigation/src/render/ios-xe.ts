import { formatAddress, formatPrefix, isHost, parseAddress, parsePrefix } from '../address.ts'
import type { BlockIntent } from '../intent.ts'
import { type BlockMatch, familyOf, type PortRange, prefixOf, TCP, TCP_FLAGS, type TcpFlagsMatch, UDP } from '../match.ts'
import { type Dialect, dialect, linesOf, MAX_SLOT, needsSide, type ParsedRule, RenderError, type Support, TAG } from './dialect.ts'
import { type Entry, entriesOf, listsOf, number, prefixText } from './entries.ts'

/**
 * Cisco IOS XE: entries in the named extended access lists WEIR-V4 and WEIR-V6, which the site binds to its interfaces.
 *
 *   ip access-list extended WEIR-V4
 *    remark weir-<id>
 *    1064 deny udp host 192.0.2.7 any eq 53
 *
 * A slot is 64 sequence numbers from 1000 on: every pair of port ranges of any intent fits (8 × 8). The closing permit is part of
 * every apply: a list that holds only denies denies everything, and that must not depend on a step before.
 */
const ID = 'ios-xe'
const STRIDE = 64
const FIRST = 1_000
const LAST = 2_000_000_000
const unreadable = (message: string) => new RenderError('unreadable', ID, message)

interface Family {
  open: string
  name: string
  sequence: string
  any: string
  permit: string
  show: string
}
const FAMILIES: Record<4 | 6, Family> = {
  4: {
    open: 'ip access-list extended WEIR-V4',
    name: 'WEIR-V4',
    sequence: '',
    any: 'ip',
    permit: `${LAST} permit ip any any`,
    show: 'show ip access-lists WEIR-V4',
  },
  6: {
    open: 'ipv6 access-list WEIR-V6',
    name: 'WEIR-V6',
    sequence: 'sequence ',
    any: 'ipv6',
    permit: `sequence ${LAST} permit ipv6 any any`,
    show: 'show ipv6 access-list WEIR-V6',
  },
}

function supports(intent: BlockIntent): Support {
  const side = needsSide(intent)
  if (!side.ok) return side
  if (intent.action.kind === 'rate_limit')
    return { ok: false, reason: 'An access list only permits and denies; limiting needs a policy map, which is the site’s.' }
  if (intent.match.tcpFlags !== null && familyOf(intent.match) === 6)
    return { ok: false, reason: 'IPv6 access lists match any of the named TCP flags, not all of them.' }
  return { ok: true }
}

/** IPv4 with a wildcard mask, IPv6 with its length; `host` and `any` as the device itself writes them. */
function address(text: string | null): string {
  if (text === null) return 'any'
  const prefix = prefixOf(text)
  if (isHost(prefix)) return `host ${formatAddress(prefix.octets)}`
  if (prefix.octets.length === 16) return formatPrefix(prefix)
  const wildcard = prefix.octets.map((_, i) => 0xff >> Math.max(0, Math.min(8, prefix.bits - i * 8)))
  return `${formatAddress(prefix.octets)} ${wildcard.join('.')}`
}

const ports = (range: PortRange | null) =>
  range === null ? '' : range.low === range.high ? ` eq ${range.low}` : ` range ${range.low} ${range.high}`

function proto(value: number | null, family: Family): string {
  return value === null ? family.any : value === TCP ? 'tcp' : value === UDP ? 'udp' : String(value)
}

function flags(match: TcpFlagsMatch | null): string {
  if (match === null) return ''
  return ` match-all ${[...match.set.map((flag) => `+${flag}`), ...match.unset.map((flag) => `-${flag}`)].join(' ')}`
}

function entry(match: BlockMatch, family: Family, { src, dst }: Entry): string {
  return `deny ${proto(match.proto, family)} ${address(match.src)}${ports(src)} ${address(match.dst)}${ports(dst)}${flags(match.tcpFlags)}`
}

/** Reads the words of one entry from left to right. */
class Words {
  readonly #words: string[]
  #at = 0

  constructor(text: string) {
    this.#words = text.split(' ')
  }

  next(): string {
    return this.#words[this.#at++] ?? ''
  }

  rest(): string[] {
    return this.#words.slice(this.#at)
  }

  address(): string | null {
    const word = this.next()
    if (word === 'any') return null
    if (word === 'host') {
      const octets = parseAddress(this.next())
      if (octets === null) throw unreadable('a host is no address')
      return `${formatAddress(octets)}/${octets.length * 8}`
    }
    if (word.includes('/')) return prefixText(word, ID)
    const mask = parseAddress(this.next())
    if (mask === null || mask.length !== 4) throw unreadable('a wildcard mask is no mask')
    const bits = Array.from(mask, (octet) => octet.toString(2).padStart(8, '0')).join('')
    if (!/^0*1*$/.test(bits)) throw unreadable('a wildcard mask has holes')
    const result = parsePrefix(`${word}/${bits.indexOf('1') < 0 ? 32 : bits.indexOf('1')}`)
    if (!result.ok) throw unreadable('an address does not fit its mask')
    return formatPrefix(result.prefix)
  }

  ports(): PortRange | null {
    const operator = this.rest()[0]
    if (operator !== 'eq' && operator !== 'range') return null
    this.next()
    const low = number(this.next(), 65_535, ID)
    return { low, high: operator === 'eq' ? low : number(this.next(), 65_535, ID) }
  }

  flags(): TcpFlagsMatch | null {
    const [keyword, ...signed] = this.rest()
    if (keyword === undefined) return null
    if (keyword !== 'match-all' || signed.length === 0) throw unreadable('words behind the end of an entry')
    const of = (sign: string) => TCP_FLAGS.filter((flag) => signed.includes(sign + flag))
    if (of('+').length + of('-').length !== signed.length) throw unreadable('a flag is not known')
    return { set: of('+'), unset: of('-') }
  }
}

function parse(apply: string): ParsedRule {
  const [configure, open, permit, remark, ...rest] = linesOf(apply)
  const family = Object.values(FAMILIES).find((candidate) => candidate.open === open)
  const id = /^ remark weir-([a-z0-9-]+)$/.exec(remark ?? '')?.[1]
  if (
    configure !== 'configure terminal' ||
    family === undefined ||
    permit !== ` ${family.permit}` ||
    id === undefined ||
    rest.pop() !== 'end'
  )
    throw unreadable('this is not an access list of ours')
  const entries: Entry[] = []
  const heads = new Map<string, BlockMatch>()
  let sequence: number | null = null
  for (const line of rest) {
    const m = new RegExp(`^ ${family.sequence}(\\d+) deny (.+)$`).exec(line)
    if (m === null) throw unreadable('a line is not an entry of ours')
    const at = number(m[1], FIRST + (MAX_SLOT + 1) * STRIDE - 1, ID)
    if (sequence === null ? at < FIRST || (at - FIRST) % STRIDE !== 0 : at !== sequence + 1)
      throw unreadable('sequence numbers do not follow each other')
    sequence = at
    const words = new Words(m[2] ?? '')
    const word = words.next()
    const number_ = word === family.any ? null : word === 'tcp' ? TCP : word === 'udp' ? UDP : number(word, 255, ID)
    const src = words.address()
    const srcPorts = words.ports()
    const dst = words.address()
    const dstPorts = words.ports()
    const match: BlockMatch = { src, dst, proto: number_, srcPorts: [], dstPorts: [], tcpFlags: words.flags() }
    entries.push({ src: srcPorts, dst: dstPorts })
    heads.set(JSON.stringify(match), match)
  }
  const [match] = heads.values()
  if (match === undefined || heads.size !== 1) throw unreadable('the entries are not of one rule')
  return { id, match: { ...match, ...listsOf(entries, ID) }, action: { kind: 'drop' }, ttlSeconds: null }
}

export const iosXe: Dialect = dialect({
  id: ID,
  title: 'Cisco IOS XE access list',
  base: `configure terminal\n${Object.values(FAMILIES)
    .map((family) => `${family.open}\n ${family.permit}\n exit\n`)
    .join('')}end\n`,
  expiresByItself: false,
  supports,
  parse,
  write(intent, slot) {
    const family = FAMILIES[familyOf(intent.match) ?? 4]
    const lines = entriesOf(intent.match).map((pair, i) => ({ at: FIRST + slot * STRIDE + i, text: entry(intent.match, family, pair) }))
    const frame = (body: readonly string[]) => `configure terminal\n${family.open}\n${body.map((line) => ` ${line}\n`).join('')}end\n`
    return {
      apply: frame([family.permit, `remark ${TAG}${intent.id}`, ...lines.map(({ at, text }) => `${family.sequence}${at} ${text}`)]),
      undo: frame([...lines.map(({ at }) => `no ${family.sequence}${at}`), `no remark ${TAG}${intent.id}`]),
      check: `${family.show}\n`,
      confirm: null,
    }
  },
})
