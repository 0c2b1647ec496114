/**
 * The guard rails once more, by another mind and another way: everything as text of bits, '0' and '1', compared bit by bit. Shares
 * no code with the sources. Slow and plain on purpose.
 */
export interface Net {
  version: 4 | 6
  bits: string
}
export type Read = Net | 'refused'

function bitsOfNumber(value: number, width: number): string {
  let out = ''
  for (let i = width - 1; i >= 0; i--) out += Math.floor(value / 2 ** i) % 2 === 1 ? '1' : '0'
  return out
}

function quad(text: string): string | null {
  let out = ''
  const parts = text.split('.')
  if (parts.length !== 4) return null
  for (const part of parts) {
    let known = false
    for (let value = 0; value < 256; value++)
      if (String(value) === part) {
        out += bitsOfNumber(value, 8)
        known = true
      }
    if (!known) return null
  }
  return out
}

function hexBits(group: string): string | null {
  if (group.length < 1 || group.length > 4) return null
  let out = ''
  for (const digit of group) {
    const value = '0123456789abcdef'.indexOf(digit.toLowerCase())
    if (value < 0) return null
    out += bitsOfNumber(value, 4)
  }
  return '0'.repeat(16 - out.length) + out
}

function six(text: string): string | null {
  let rest = text
  let tail = ''
  const lastColon = rest.lastIndexOf(':')
  if (rest.slice(lastColon + 1).includes('.')) {
    const v4 = quad(rest.slice(lastColon + 1))
    if (v4 === null) return null
    tail = v4
    // "::1.2.3.4" keeps both colons, "1:2:…:1.2.3.4" loses the one before the quad.
    rest = rest[lastColon - 1] === ':' ? rest.slice(0, lastColon + 1) : rest.slice(0, lastColon)
    if (!rest.includes(':')) return null
  }
  const whole = 128 - tail.length
  const gap = rest.indexOf('::')
  const read = (side: string): string | null => {
    if (side === '') return ''
    let out = ''
    for (const group of side.split(':')) {
      const bits = hexBits(group)
      if (bits === null) return null
      out += bits
    }
    return out
  }
  if (gap < 0) {
    const bits = read(rest)
    return bits !== null && bits.length === whole ? bits + tail : null
  }
  const [before, after] = [read(rest.slice(0, gap)), read(rest.slice(gap + 2))]
  if (before === null || after === null || before.length + after.length > whole - 16) return null
  return before + '0'.repeat(whole - before.length - after.length) + after + tail
}

/** One side of a request as the guarantees want it read: exact, canonical network or refused. */
export function readNet(text: string): Read {
  const parts = text.split('/')
  const [address = '', length] = parts
  if (parts.length > 2) return 'refused'
  let bits = address.includes(':') ? six(address) : quad(address)
  if (bits === null) return 'refused'
  let n = bits.length
  if (length !== undefined) {
    n = -1
    for (let candidate = 0; candidate <= bits.length; candidate++) if (String(candidate) === length) n = candidate
    if (n < 0) return 'refused'
  }
  if (bits.length === 128 && n >= 96 && bits.startsWith(`${'0'.repeat(80)}${'1'.repeat(16)}`)) {
    bits = bits.slice(96)
    n -= 96
  }
  for (let i = n; i < bits.length; i++) if (bits[i] === '1') return 'refused'
  return { version: bits.length === 32 ? 4 : 6, bits: bits.slice(0, n) }
}

/** Do two networks share an address? Walk down both until one ends or they part. */
export function meet(a: Net, b: Net): boolean {
  if (a.version !== b.version) return false
  for (let i = 0; i < a.bits.length && i < b.bits.length; i++) if (a.bits[i] !== b.bits[i]) return false
  return true
}

const NEVER = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/96',
  'fe80::/10',
  'ff00::/8',
  '::fffe:0:0/95',
].map(readNet)

export interface OracleFacts {
  role: string
  stepUpAge: number | null
  ttl: number
  share: number | null
  peers: number | null
  service: boolean | null
  collateral: number | null
  ceiling: number
  byRequester: number
  total: number
  live: (number | undefined)[]
}

/** The decision by the words of the guarantees; `protectedNets` as written in the site's list. */
export function oracle(
  src: string | null,
  dst: string | null,
  protectedNets: string[],
  facts: OracleFacts,
): 'allowed' | 'needs_second_person' | 'refused' {
  const sides = [src, dst].filter((side) => side !== null).map(readNet)
  if (sides.length === 0) return 'refused'
  const nets: Net[] = []
  for (const side of sides) {
    if (side === 'refused') return 'refused'
    nets.push(side)
  }
  if (new Set(nets.map((net) => net.version)).size > 1) return 'refused'
  for (const net of nets) {
    if (net.bits.length === 0) return 'refused'
    for (const never of [...NEVER, ...protectedNets.map(readNet)]) if (never === 'refused' || meet(never, net)) return 'refused'
  }
  if (facts.role !== 'operator' && facts.role !== 'oncall') return 'refused'
  if (facts.stepUpAge === null || facts.stepUpAge < 0 || facts.stepUpAge > 300_000) return 'refused'
  if (facts.ttl < 60 || facts.ttl > 604_800) return 'refused'
  const longest = Math.max(...nets.map((net) => net.bits.length))
  const four = nets[0]?.version === 4
  if (longest < (four ? 24 : 48)) return 'refused'
  const alone =
    longest === (four ? 32 : 128) &&
    facts.share !== null &&
    facts.share <= 0.01 &&
    facts.peers !== null &&
    facts.peers <= 50 &&
    facts.service === false &&
    facts.collateral !== null &&
    facts.collateral <= facts.ceiling &&
    facts.byRequester < 10 &&
    facts.total < 30 &&
    facts.live.every((count) => count !== undefined && count < 1000)
  return alone ? 'allowed' : 'needs_second_person'
}

/** Numbers that are the same in every run (mulberry32). */
export function dice(seed: number): { below(n: number): number; pick<T>(items: readonly T[]): T; chance(p: number): boolean } {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    below,
    chance: (p) => next() < p,
    pick: <T>(items: readonly T[]): T => {
      if (items.length === 0) throw new RangeError('nothing to pick from')
      return items[below(items.length)] as T
    },
  }
}
