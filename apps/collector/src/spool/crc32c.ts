/** Tables for eight octets at a time (CRC-32C, Castagnoli, reflected polynomial 0x82F63B78; RFC 3720, appendix B.4). */
const TABLES = Array.from({ length: 8 }, () => new Uint32Array(256))
for (let n = 0; n < 256; n++) {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  table(0)[n] = c >>> 0
}
for (let n = 0; n < 256; n++) {
  for (let k = 1; k < 8; k++) {
    const before = table(k - 1)[n] ?? 0
    table(k)[n] = ((before >>> 8) ^ (table(0)[before & 255] ?? 0)) >>> 0
  }
}
const [T0, T1, T2, T3, T4, T5, T6, T7] = [0, 1, 2, 3, 4, 5, 6, 7].map(table) as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
]

function table(k: number): Uint32Array {
  const found = TABLES[k]
  if (found === undefined) throw new RangeError(`no table ${k}`)
  return found
}

/** CRC-32C of the octets; `seed` is the CRC of what came before them, or any number that the octets shall be bound to. */
export function crc32c(octets: Uint8Array, seed = 0): number {
  let c = ~seed
  let i = 0
  const eights = octets.length - (octets.length % 8)
  for (; i < eights; i += 8) {
    const low =
      c ^ ((octets[i] as number) | ((octets[i + 1] as number) << 8) | ((octets[i + 2] as number) << 16) | ((octets[i + 3] as number) << 24))
    c =
      (T7[low & 255] as number) ^
      (T6[(low >>> 8) & 255] as number) ^
      (T5[(low >>> 16) & 255] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[octets[i + 4] as number] as number) ^
      (T2[octets[i + 5] as number] as number) ^
      (T1[octets[i + 6] as number] as number) ^
      (T0[octets[i + 7] as number] as number)
  }
  for (; i < octets.length; i++) c = (c >>> 8) ^ (T0[(c ^ (octets[i] as number)) & 255] as number)
  return ~c >>> 0
}
