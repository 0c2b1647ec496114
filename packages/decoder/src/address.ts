import { u16 } from './bytes.ts'
import type { Address } from './record.ts'

/** A new absent address with room for both families. */
export function createAddress(): Address {
  return { bytes: new Uint8Array(16), length: 0 }
}

/** Copy 4 or 16 octets into an address; nothing is allocated. */
export function setAddress4(to: Address, b: Uint8Array, o: number): void {
  const t = to.bytes
  t[0] = b[o] as number
  t[1] = b[o + 1] as number
  t[2] = b[o + 2] as number
  t[3] = b[o + 3] as number
  to.length = 4
}

export function setAddress16(to: Address, b: Uint8Array, o: number): void {
  const t = to.bytes
  for (let i = 0; i < 16; i++) t[i] = b[o + i] as number
  to.length = 16
}

export function copyAddress(to: Address, from: Address): void {
  const t = to.bytes
  const f = from.bytes
  for (let i = 0; i < 16; i++) t[i] = f[i] as number
  to.length = from.length
}

/** Exchange two addresses (the reverse direction of a biflow). */
export function swapAddresses(a: Address, b: Address): void {
  const x = a.bytes
  const y = b.bytes
  for (let i = 0; i < 16; i++) {
    const t = x[i] as number
    x[i] = y[i] as number
    y[i] = t
  }
  const length = a.length
  a.length = b.length
  b.length = length
}

function text4(b: Uint8Array, o: number): string {
  return `${b[o]}.${b[o + 1]}.${b[o + 2]}.${b[o + 3]}`
}

/**
 * Canonical text of the 16 octets at `o`: RFC 5952 (lower case, the longest run of two or more zero groups compressed, the
 * first of equal ones); an IPv4-mapped address in its mixed form `::ffff:192.0.2.1` (section 5).
 */
export function formatIpv6(b: Uint8Array, o = 0): string {
  let best = -1
  let bestLength = 1
  for (let i = 0; i < 8; ) {
    let j = i
    while (j < 8 && u16(b, o + 2 * j) === 0) j++
    if (j - i > bestLength) {
      best = i
      bestLength = j - i
    }
    i = j + 1
  }
  if (best === 0 && bestLength === 5 && u16(b, o + 10) === 0xffff) return `::ffff:${text4(b, o + 12)}`
  let out = ''
  for (let i = 0; i < 8; i++) {
    if (i === best) {
      out += i === 0 ? '::' : ':'
      i += bestLength - 1
      continue
    }
    out += u16(b, o + 2 * i).toString(16)
    if (i < 7) out += ':'
  }
  return out
}

export function formatIpv4(b: Uint8Array, o = 0): string {
  return text4(b, o)
}

/** Canonical text of an address, '' when it is absent. */
export function formatAddress(address: Address): string {
  if (address.length === 4) return text4(address.bytes, 0)
  return address.length === 16 ? formatIpv6(address.bytes) : ''
}

/** `a.b.c.d/n` or `x::/n`: the address with its host bits cleared. '' when the address is absent or the length is not one of it. */
export function formatPrefix(address: Address, bits: number): string {
  if (address.length === 0 || bits < 0 || bits > address.length * 8) return ''
  const cut = createAddress()
  cut.length = address.length
  for (let i = 0; i < address.length; i++) {
    const keep = Math.max(0, Math.min(8, bits - 8 * i))
    cut.bytes[i] = (address.bytes[i] as number) & ((0xff00 >> keep) & 0xff)
  }
  return `${formatAddress(cut)}/${bits}`
}

/** Text of a 48-bit MAC address given as an integer. */
export function formatMac(mac: number): string {
  const digits = mac.toString(16).padStart(12, '0')
  return `${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4, 6)}:${digits.slice(6, 8)}:${digits.slice(8, 10)}:${digits.slice(10, 12)}`
}

/** Parse canonical or loose address text (a zone is ignored). False, and an absent address, when it is none. */
export function parseAddress(text: string, to: Address): boolean {
  to.length = 0
  const plain = text.split('%')[0] ?? ''
  if (!plain.includes(':')) {
    if (!parse4(plain, to.bytes, 0)) return false
    to.length = 4
    return true
  }
  const halves = plain.split('::')
  if (halves.length > 2) return false
  const head = parseGroups(halves[0] ?? '')
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '') : []
  if (head === null || tail === null) return false
  const missing = 16 - head.length - tail.length
  if (halves.length === 2 ? missing < 2 : missing !== 0) return false
  to.bytes.fill(0)
  to.bytes.set(head, 0)
  to.bytes.set(tail, 16 - tail.length)
  to.length = 16
  return true
}

function parse4(text: string, out: Uint8Array, at: number): boolean {
  const parts = text.split('.')
  if (parts.length !== 4) return false
  for (let i = 0; i < 4; i++) {
    const part = parts[i] ?? ''
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return false
    out[at + i] = Number(part)
  }
  return true
}

function parseGroups(text: string): number[] | null {
  if (text === '') return []
  const out: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (index === groups.length - 1 && group.includes('.')) {
      const four = new Uint8Array(4)
      if (!parse4(group, four, 0)) return null
      out.push(...four)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return null
      const value = Number.parseInt(group, 16)
      out.push(value >> 8, value & 255)
    }
  }
  return out.length > 16 ? null : out
}
