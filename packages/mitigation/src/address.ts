/** An IPv4 or IPv6 network: its octets (4 or 16, bits after `bits` are zero) and its length. IPv4-mapped IPv6 is folded to IPv4. */
export interface Prefix {
  octets: Uint8Array
  bits: number
}

export type PrefixResult =
  | { ok: true; prefix: Prefix }
  /** `canonical` is what was probably meant, offered but never assumed: the network without its host bits. */
  | { ok: false; message: string; remedy: string; canonical: Prefix | null }

/** The longest spelling is 45 characters of address and 4 of length. */
const LONGEST = 49
const DECIMAL = /^(?:0|[1-9]\d{0,2})$/

function parseV4(text: string): Uint8Array | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  const octets = new Uint8Array(4)
  for (const [i, part] of parts.entries()) {
    // A leading zero is octal to some readers and decimal to others: nobody may have to guess what is blocked.
    if (!DECIMAL.test(part) || Number(part) > 255) return null
    octets[i] = Number(part)
  }
  return octets
}

/** The 16-bit groups of one side of `::`; a dotted quad may stand for the last two. Null when it is no list of groups. */
function groups(side: string, last: boolean): number[] | null {
  if (side === '') return []
  const out: number[] = []
  const parts = side.split(':')
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const v4 = parseV4(part)
      if (v4 === null) return null
      out.push(((v4[0] ?? 0) << 8) | (v4[1] ?? 0), ((v4[2] ?? 0) << 8) | (v4[3] ?? 0))
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(Number.parseInt(part, 16))
    else return null
  }
  return out
}

function parseV6(text: string): Uint8Array | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const head = groups(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : []
  if (head === null || tail === null) return null
  // RFC 4291, section 2.2: `::` stands for one or more groups.
  if (halves.length === 1 ? head.length !== 8 : head.length + tail.length > 7) return null
  const words = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
  const octets = new Uint8Array(16)
  for (const [i, word] of words.entries()) {
    octets[i * 2] = word >> 8
    octets[i * 2 + 1] = word & 255
  }
  return octets
}

/** True for ::ffff:0:0/96 (RFC 4291, section 2.5.5.2). */
function isMapped(octets: Uint8Array): boolean {
  return octets.length === 16 && octets[10] === 255 && octets[11] === 255 && octets.subarray(0, 10).every((o) => o === 0)
}

/**
 * Parse one address to 4 or 16 octets; IPv4-mapped IPv6 gives the 4 octets of the IPv4 address. Null for anything else:
 * short, octal and hexadecimal IPv4, zone ids, brackets, white space, lengths.
 */
export function parseAddress(text: string): Uint8Array | null {
  if (text.length > LONGEST) return null
  const octets = text.includes(':') ? parseV6(text) : parseV4(text)
  return octets !== null && isMapped(octets) ? octets.slice(12) : octets
}

/** The same network without bits beyond `bits`. */
function masked(octets: Uint8Array, bits: number): Uint8Array {
  return octets.map((octet, i) => octet & (0xff00 >> Math.max(0, Math.min(8, bits - i * 8))))
}

/**
 * Parse `address` or `address/length`. Refused with a remedy: odd spellings, a length out of range, host bits that are set
 * (the network that was probably meant is offered in `canonical`).
 */
export function parsePrefix(text: string): PrefixResult {
  const refuse = (message: string, remedy: string, canonical: Prefix | null = null): PrefixResult => ({
    ok: false,
    message,
    remedy,
    canonical,
  })
  const slash = text.indexOf('/')
  const written = slash < 0 ? text : text.slice(0, slash)
  const raw = text.length > LONGEST ? null : written.includes(':') ? parseV6(written) : parseV4(written)
  if (raw === null)
    return refuse('This is not an IPv4 or IPv6 address or prefix.', 'Write it like 192.0.2.7, 192.0.2.0/24, 2001:db8::7 or 2001:db8::/48.')
  const width = raw.length * 8
  const length = slash < 0 ? String(width) : text.slice(slash + 1)
  if (!DECIMAL.test(length) || Number(length) > width)
    return refuse(
      `The length after the slash is not a whole number from 0 to ${width}.`,
      'Write the prefix like 192.0.2.0/24 or 2001:db8::/48.',
    )
  const folds = isMapped(raw) && Number(length) >= 96
  const octets = folds ? raw.slice(12) : raw
  const bits = Number(length) - (folds ? 96 : 0)
  const network: Prefix = { octets: masked(octets, bits), bits }
  if (network.octets.some((octet, i) => octet !== octets[i])) {
    const canonical = formatPrefix(network)
    return refuse(
      'Bits behind the prefix length are set.',
      `Use ${canonical} for the network, or ${formatAddress(octets)} for the one host.`,
      network,
    )
  }
  return { ok: true, prefix: network }
}

/** True when every address of `inner` lies in `outer`. Families never contain each other. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.octets.length !== inner.octets.length || outer.bits > inner.bits) return false
  const whole = outer.bits >> 3
  for (let i = 0; i < whole; i++) if (outer.octets[i] !== inner.octets[i]) return false
  const rest = outer.bits & 7
  return rest === 0 || ((outer.octets[whole] ?? 0) ^ (inner.octets[whole] ?? 0)) >> (8 - rest) === 0
}

/** True when the two share an address: prefixes are nested or apart. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a)
}

/** True for one single address. */
export function isHost(prefix: Prefix): boolean {
  return prefix.bits === prefix.octets.length * 8
}

/** Canonical text of 4 or 16 octets (RFC 5952 for IPv6: lower case, the first longest run of zero groups shortened). */
export function formatAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  const words = Array.from({ length: 8 }, (_, i) => ((octets[i * 2] ?? 0) << 8) | (octets[i * 2 + 1] ?? 0))
  let best = 0
  let length = 1
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && words[i + run] === 0) run++
    if (run > length) {
      best = i
      length = run
    }
  }
  const hex = (from: number, to: number) =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(':')
  return length < 2 ? hex(0, 8) : `${hex(0, best)}::${hex(best + length, 8)}`
}

/** Canonical text with its length, always: 192.0.2.7/32. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.octets)}/${prefix.bits}`
}
