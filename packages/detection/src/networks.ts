/** A prefix as octets of its network and its length in bits. */
interface Prefix {
  octets: Uint8Array
  bits: number
}

/** Parse a canonical IPv4 or IPv6 address to 4 or 16 octets; null when the text is not one. */
export function octetsOf(text: string): Uint8Array | null {
  if (!text.includes(':')) {
    const parts = text.split('.')
    if (parts.length !== 4) return null
    const octets = new Uint8Array(4)
    for (let i = 0; i < 4; i++) {
      const value = Number(parts[i])
      if (!/^\d{1,3}$/.test(parts[i] ?? '') || value > 255) return null
      octets[i] = value
    }
    return octets
  }
  const [head = '', tail, more] = text.split('::')
  if (more !== undefined) return null
  const groups = (side: string) => (side === '' ? [] : side.split(':'))
  const first = groups(head)
  const last = tail === undefined ? [] : groups(tail)
  if (tail === undefined ? first.length !== 8 : first.length + last.length > 7) return null
  const words = [...first, ...new Array<string>(8 - first.length - last.length).fill('0'), ...last]
  const octets = new Uint8Array(16)
  for (let i = 0; i < 8; i++) {
    if (!/^[0-9a-f]{1,4}$/i.test(words[i] ?? '')) return null
    const value = Number.parseInt(words[i] ?? '', 16)
    octets[i * 2] = value >> 8
    octets[i * 2 + 1] = value & 255
  }
  return octets
}

function parsePrefix(text: string): Prefix {
  const [address = '', length] = text.split('/')
  const octets = octetsOf(address)
  const bits = length === undefined ? (octets?.length ?? 0) * 8 : Number(length)
  if (octets === null || !Number.isInteger(bits) || bits < 0 || bits > octets.length * 8) throw new RangeError(`not a prefix: ${text}`)
  return { octets, bits }
}

function covers(prefix: Prefix, address: Uint8Array): boolean {
  if (prefix.octets.length !== address.length) return false
  const whole = prefix.bits >> 3
  for (let i = 0; i < whole; i++) if (prefix.octets[i] !== address[i]) return false
  const rest = prefix.bits & 7
  return rest === 0 || ((prefix.octets[whole] ?? 0) ^ (address[whole] ?? 0)) >> (8 - rest) === 0
}

/** Loopback, link-local, multicast, broadcast and unspecified addresses: never a scanner, a victim or a destination. */
const SPECIAL = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/127', 'fe80::/10', 'ff00::/8'].map(parsePrefix)

const CACHE = 200_000

/**
 * Which addresses are ours. `inside` and `special` remember their last 200,000 answers, so that a flood of new sources costs
 * one parse each and bounded memory. Throws RangeError on a prefix that is none.
 */
export class Networks {
  readonly #home: Prefix[]
  #answers = new Map<string, 0 | 1 | 2>()

  constructor(home: readonly string[]) {
    this.#home = home.map(parsePrefix)
  }

  /** 0 outside, 1 inside, 2 special (multicast, broadcast, link-local …). */
  #side(address: string): 0 | 1 | 2 {
    const known = this.#answers.get(address)
    if (known !== undefined) return known
    const octets = octetsOf(address)
    const side = octets === null || SPECIAL.some((p) => covers(p, octets)) ? 2 : this.#home.some((p) => covers(p, octets)) ? 1 : 0
    if (this.#answers.size >= CACHE) this.#answers = new Map()
    this.#answers.set(address, side)
    return side
  }

  inside(address: string): boolean {
    return this.#side(address) === 1
  }

  special(address: string): boolean {
    return this.#side(address) === 2
  }

  outside(address: string): boolean {
    return this.#side(address) === 0
  }
}

/** The /24 or /64 an address lies in, as text. */
export function neighbourhood(address: string): string {
  if (!address.includes(':')) return `${address.slice(0, address.lastIndexOf('.'))}.0/24`
  const octets = octetsOf(address)
  if (octets === null) return address
  const words: string[] = []
  for (let i = 0; i < 4; i++) words.push((((octets[i * 2] ?? 0) << 8) | (octets[i * 2 + 1] ?? 0)).toString(16))
  return `${words.join(':')}::/64`
}
