/**
 * Distinct count: exact up to 64 members, then HyperLogLog with 256 registers (256 octets, standard error 6.5 %:
 * Flajolet et al. 2007). Plain data, so that a state snapshot needs no code.
 */
export interface Distinct {
  exact: Set<string | number> | null
  registers: Uint8Array | null
}

const EXACT = 64
const REGISTERS = 256

export function distinct(): Distinct {
  return { exact: new Set(), registers: null }
}

/** FNV-1a with a murmur finaliser: spreads near-equal addresses over all registers. */
export function hash(key: string | number): number {
  const text = typeof key === 'number' ? `n${key}` : key
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function register(registers: Uint8Array, key: string | number): void {
  const h = hash(key)
  const at = h & (REGISTERS - 1)
  const rank = Math.clz32(h >>> 8) - 7
  if (rank > (registers[at] ?? 0)) registers[at] = rank
}

export function add(count: Distinct, key: string | number): void {
  if (count.exact !== null) {
    count.exact.add(key)
    if (count.exact.size <= EXACT) return
    count.registers = new Uint8Array(REGISTERS)
    for (const member of count.exact) register(count.registers, member)
    count.exact = null
  } else if (count.registers !== null) register(count.registers, key)
}

/** Estimated number of distinct members. */
export function size(count: Distinct): number {
  if (count.exact !== null) return count.exact.size
  let sum = 0
  let zero = 0
  for (const rank of count.registers ?? []) {
    sum += 2 ** -rank
    if (rank === 0) zero++
  }
  const estimate = (0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS * (1 / sum)
  return estimate <= 2.5 * REGISTERS && zero > 0 ? REGISTERS * Math.log(REGISTERS / zero) : estimate
}

/** Add every member of `other`; both may be exact or estimated. */
export function merge(into: Distinct, other: Distinct): void {
  if (other.exact !== null) {
    for (const member of other.exact) add(into, member)
    return
  }
  if (into.exact !== null) {
    const members = into.exact
    into.exact = null
    into.registers = new Uint8Array(REGISTERS)
    for (const member of members) register(into.registers, member)
  }
  const target = into.registers
  if (target !== null)
    other.registers?.forEach((rank, at) => {
      if (rank > (target[at] ?? 0)) target[at] = rank
    })
}

/** The heaviest keys by SpaceSaving (Metwally et al. 2005): at most `limit` counters, overestimates only. */
export type Heavy = Map<string, number>

export function count(heavy: Heavy, key: string, weight: number, limit = 16): void {
  const known = heavy.get(key)
  if (known !== undefined) heavy.set(key, known + weight)
  else if (heavy.size < limit) heavy.set(key, weight)
  else {
    let least = ''
    let smallest = Number.POSITIVE_INFINITY
    for (const [candidate, value] of heavy) if (value < smallest) [least, smallest] = [candidate, value]
    heavy.delete(least)
    heavy.set(key, smallest + weight)
  }
}

/** The `n` largest as [key, weight], largest first. */
export function largest(heavy: Heavy, n: number): [string, number][] {
  return [...heavy].sort((a, b) => b[1] - a[1]).slice(0, n)
}
