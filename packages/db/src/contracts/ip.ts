/** An IP address as a number: 32 bits when `family` is 4, 128 when 6. */
export interface IpAddress {
  family: 4 | 6
  value: bigint
}

/** Bits of an address of that family. */
export function addressBits(family: 4 | 6): number {
  return family === 4 ? 32 : 128
}

function parseV4(text: string): bigint | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  let value = 0n
  for (const part of parts) {
    // A leading zero is refused: some programs read 010 as eight (RFC 6943, section 3.1.1).
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return null
    const octet = Number(part)
    if (octet > 255) return null
    value = (value << 8n) | BigInt(octet)
  }
  return value
}

function parseV6(text: string): bigint | null {
  if (!/^[0-9a-fA-F:.]+$/.test(text)) return null
  let body = text
  // The last 32 bits may be written as IPv4 (RFC 4291, section 2.2).
  if (body.includes('.')) {
    const colon = body.lastIndexOf(':')
    const tail = parseV4(body.slice(colon + 1))
    if (colon < 0 || tail === null) return null
    body = `${body.slice(0, colon + 1)}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`
  }
  const halves = body.split('::')
  if (halves.length > 2) return null
  const words = (half: string | undefined): string[] => (half === undefined || half === '' ? [] : half.split(':'))
  const head = words(halves[0])
  const tail = words(halves[1])
  const given = head.length + tail.length
  if (halves.length === 1 ? given !== 8 : given > 7) return null
  let value = 0n
  for (const word of [...head, ...Array.from({ length: 8 - given }, () => '0'), ...tail]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(word)) return null
    value = (value << 16n) | BigInt(Number.parseInt(word, 16))
  }
  return value
}

/** An IPv4 dotted quad or an IPv6 address (RFC 4291, section 2.2; no zone), or null. */
export function parseAddress(text: string): IpAddress | null {
  if (text.includes(':')) {
    const value = parseV6(text)
    return value === null ? null : { family: 6, value }
  }
  const value = parseV4(text)
  return value === null ? null : { family: 4, value }
}

/** Canonical text: RFC 5952 for IPv6, with the dotted form for ::ffff:0:0/96. */
export function formatAddress({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.')
  if (value >> 32n === 0xffffn) return `::ffff:${formatAddress({ family: 4, value: value & 0xffffffffn })}`
  const words = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn))
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start += 1) {
    let length = 0
    while (start + length < 8 && words[start + length] === 0) length += 1
    if (length > best.length) best = { start, length }
  }
  const hex = (part: number[]): string => part.map((word) => word.toString(16)).join(':')
  if (best.start < 0) return hex(words)
  return `${hex(words.slice(0, best.start))}::${hex(words.slice(best.start + best.length))}`
}

/** The address with the bits after `length` set to zero, or to one when `ones`. */
export function maskAddress(address: IpAddress, length: number, ones = false): IpAddress {
  const host = (1n << BigInt(addressBits(address.family) - length)) - 1n
  return { family: address.family, value: ones ? address.value | host : address.value & ~host }
}

/** `2001:db8::/32` as its canonical network text, or null when the text is not a network or has host bits set. */
export function canonicalNetwork(text: string): string | null {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === null) return null
  const bits = addressBits(address.family)
  const lengthText = slash < 0 ? String(bits) : text.slice(slash + 1)
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText) || Number(lengthText) > bits) return null
  const length = Number(lengthText)
  if (maskAddress(address, length).value !== address.value) return null
  return `${formatAddress(address)}/${length}`
}

/** Networks that are nobody's on the Internet: private use, shared, loopback, link-local, unique local, multicast and reserved (RFC 6890, RFC 1112). */
export const INTERNAL_NETWORKS: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
]
