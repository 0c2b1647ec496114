import { formatIpv4, formatIpv6, formatMac } from './address.ts'
import { exactInt, exactUint, float, hex, text, u32, u48, uint } from './bytes.ts'
import type { ElementType } from './elements.ts'

/** Seconds from the NTP epoch (1900) to the Unix epoch (RFC 7011, section 6.1.9). */
export const NTP_UNIX = 2_208_988_800

/**
 * NTP seconds as Unix seconds. A clear first bit is era 1, after February 2036 (RFC 4330, section 3), except where it is no
 * plausible date at all: 0 stays 0.
 */
export function ntpSeconds(seconds: number): number {
  return seconds >= 0x80000000 ? seconds - NTP_UNIX : seconds + 4294967296 - NTP_UNIX
}

/** Nanoseconds of an NTP fraction. */
export function ntpNanoseconds(fraction: number): number {
  return Math.floor((fraction * 1e9) / 4294967296)
}

/** One value as `extra` keeps it; undefined when there is nothing to keep. The caller has checked the octets. */
export function readValue(
  type: ElementType | 'mpls',
  b: Uint8Array,
  at: number,
  length: number,
  limit: number,
): number | bigint | string | undefined {
  if (length === 0) return undefined
  switch (type) {
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64':
    case 'seconds':
    case 'ms':
      return length <= 8 ? exactUint(b, at, length) : hex(b, at, at + Math.min(length, limit))
    case 'i8':
    case 'i16':
    case 'i32':
    case 'i64':
      return length <= 8 ? exactInt(b, at, length) : hex(b, at, at + Math.min(length, limit))
    case 'bool':
      // RFC 7011, section 6.1.5: 1 is true, 2 is false.
      return length === 1 && b[at] === 2 ? 0 : uint(b, at, Math.min(length, 8))
    case 'f32':
    case 'f64': {
      const value = float(b, at, length)
      return Number.isFinite(value) ? value : hex(b, at, at + Math.min(length, limit))
    }
    case 'mac':
      return length === 6 ? formatMac(u48(b, at)) : hex(b, at, at + Math.min(length, limit))
    case 'ip4':
      return length === 4 ? formatIpv4(b, at) : hex(b, at, at + Math.min(length, limit))
    case 'ip6':
      return length === 16 ? formatIpv6(b, at) : hex(b, at, at + Math.min(length, limit))
    case 'text': {
      const value = text(b, at, at + length, limit)
      return value === '' ? undefined : value
    }
    case 'us':
    case 'ns':
      if (length !== 8) return exactUint(b, at, Math.min(length, 8))
      return BigInt(ntpSeconds(u32(b, at))) * 1_000_000_000n + BigInt(ntpNanoseconds(u32(b, at + 4)))
    case 'mpls':
      return length >= 3 ? uint(b, at, 3) >>> 4 : uint(b, at, length)
    default:
      return hex(b, at, at + Math.min(length, limit))
  }
}
