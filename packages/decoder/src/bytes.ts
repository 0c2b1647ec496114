/**
 * Big-endian readers. The caller has checked that the octets exist: nothing here looks at a length.
 * Values up to 2^53 are exact; `u64` rounds above that and `big64` does not.
 */
export function u8(b: Uint8Array, o: number): number {
  return b[o] as number
}

export function u16(b: Uint8Array, o: number): number {
  return ((b[o] as number) << 8) | (b[o + 1] as number)
}

export function u24(b: Uint8Array, o: number): number {
  return ((b[o] as number) << 16) | ((b[o + 1] as number) << 8) | (b[o + 2] as number)
}

export function u32(b: Uint8Array, o: number): number {
  return (((b[o] as number) << 24) | ((b[o + 1] as number) << 16) | ((b[o + 2] as number) << 8) | (b[o + 3] as number)) >>> 0
}

export function u48(b: Uint8Array, o: number): number {
  return u16(b, o) * 4294967296 + u32(b, o + 2)
}

export function u64(b: Uint8Array, o: number): number {
  return u32(b, o) * 4294967296 + u32(b, o + 4)
}

export function big64(b: Uint8Array, o: number): bigint {
  return (BigInt(u32(b, o)) << 32n) | BigInt(u32(b, o + 4))
}

/** An unsigned integer of `n` octets (reduced-size encoding, RFC 7011, section 6.2). Of more than 8 octets the last 8 count. */
export function uint(b: Uint8Array, o: number, n: number): number {
  switch (n) {
    case 0:
      return 0
    case 1:
      return u8(b, o)
    case 2:
      return u16(b, o)
    case 3:
      return u24(b, o)
    case 4:
      return u32(b, o)
    case 5:
      return u8(b, o) * 4294967296 + u32(b, o + 1)
    case 6:
      return u48(b, o)
    case 7:
      return u24(b, o) * 4294967296 + u32(b, o + 3)
    default:
      return u64(b, o + n - 8)
  }
}

/** An unsigned integer of 7 or more octets, all digits kept; of more than 8 octets the last 8 count. */
export function bigUint(b: Uint8Array, o: number, n: number): bigint {
  return n === 7 ? (BigInt(u24(b, o)) << 32n) | BigInt(u32(b, o + 3)) : big64(b, o + n - 8)
}

/** The same without rounding: a bigint where a number would round. */
export function exactUint(b: Uint8Array, o: number, n: number): number | bigint {
  const value = uint(b, o, n)
  return n >= 7 && value > Number.MAX_SAFE_INTEGER ? bigUint(b, o, n) : value
}

export function exactInt(b: Uint8Array, o: number, n: number): number | bigint {
  if (n === 0) return 0
  const value = exactUint(b, o, n)
  const bits = Math.min(n, 8) * 8
  if (u8(b, o + Math.max(0, n - 8)) < 128) return value
  if (bits === 64) {
    const signed = BigInt.asIntN(64, BigInt(value))
    return signed >= -9007199254740991n ? Number(signed) : signed
  }
  return Number(value) - 2 ** bits
}

export function allZero(b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (b[i] !== 0) return false
  return true
}

const HEX = '0123456789abcdef'

export function hex(b: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += HEX.charAt(u8(b, i) >> 4) + HEX.charAt(u8(b, i) & 15)
  return text
}

const utf8 = new TextDecoder('utf-8')

/** Text as exporters send it: up to the first NUL padding, NULs inside removed, bad UTF-8 replaced, at most `limit` octets. */
export function text(b: Uint8Array, from: number, to: number, limit: number): string {
  let end = Math.min(to, from + limit)
  while (end > from && b[end - 1] === 0) end--
  let ascii = true
  for (let i = from; i < end; i++) {
    const c = u8(b, i)
    if (c === 0 || c > 126) {
      ascii = false
      break
    }
  }
  if (ascii && end - from <= 24) {
    let out = ''
    for (let i = from; i < end; i++) out += String.fromCharCode(u8(b, i))
    return out
  }
  const out = utf8.decode(b.subarray(from, end))
  return ascii ? out : out.replaceAll('\0', '')
}

const scratch = new DataView(new ArrayBuffer(8))

export function float(b: Uint8Array, o: number, n: number): number {
  if (n === 4) {
    scratch.setUint32(0, u32(b, o))
    return scratch.getFloat32(0)
  }
  if (n !== 8) return Number.NaN
  scratch.setUint32(0, u32(b, o))
  scratch.setUint32(4, u32(b, o + 4))
  return scratch.getFloat64(0)
}
