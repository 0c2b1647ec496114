/**
 * A set that mostly has a handful of members: an array until it has eight, which takes a third of a Set's memory, then a Set.
 * The shared array is never changed: whoever adds keeps what `include` returns. `concat` makes an array of exactly its length, where `push` and
 * a spread leave room for sixteen more.
 */
export type Few<T> = readonly T[] | Set<T>

const FEW = 8
export const NONE: readonly never[] = []

export function include<T>(few: Few<T>, member: T): Few<T> {
  if (few instanceof Set) return few.add(member)
  if (few.includes(member)) return few
  return few.length < FEW ? few.concat([member]) : new Set([...few, member])
}

export const holds = <T>(few: Few<T>, member: T): boolean => (few instanceof Set ? few.has(member) : few.includes(member))

export const howMany = (few: Few<unknown>): number => (few instanceof Set ? few.size : few.length)

/**
 * Distinct count: exact up to 64 members, then HyperLogLog with 256 registers (256 octets, standard error 6.5 %:
 * Flajolet et al. 2007). Plain data, so that a state snapshot needs no code.
 */
export type Distinct = Few<string | number> | Uint8Array

const EXACT = 64
const REGISTERS = 256

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

/** Count `key` too; keep what is returned. */
export function add(count: Distinct, key: string | number): Distinct {
  if (count instanceof Uint8Array) {
    register(count, key)
    return count
  }
  const exact = include(count, key)
  if (howMany(exact) <= EXACT) return exact
  const registers = new Uint8Array(REGISTERS)
  for (const member of exact) register(registers, member)
  return registers
}

/** Estimated number of distinct members. */
export function size(count: Distinct): number {
  if (!(count instanceof Uint8Array)) return howMany(count)
  let sum = 0
  let zero = 0
  for (const rank of count) {
    sum += 2 ** -rank
    if (rank === 0) zero++
  }
  const estimate = (0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS * (1 / sum)
  return estimate <= 2.5 * REGISTERS && zero > 0 ? REGISTERS * Math.log(REGISTERS / zero) : estimate
}

/**
 * The heaviest keys by SpaceSaving (Metwally et al. 2005): at most `limit` counters, overestimates only. Key and weight take turns in one
 * array, in the order in which the keys came: most have one key or two, where a Map would be twice as large.
 */
export type Heavy = (string | number)[]

/** Add `weight` to `key`; keep what is returned. An empty array is not changed, so that many may share one. */
export function count(heavy: Heavy, key: string, weight: number, limit = 16): Heavy {
  for (let i = 0; i < heavy.length; i += 2)
    if (heavy[i] === key) {
      heavy[i + 1] = Number(heavy[i + 1]) + weight
      return heavy
    }
  if (heavy.length < limit * 2) return heavy.concat([key, weight])
  let least = 0
  for (let i = 2; i < heavy.length; i += 2) if (Number(heavy[i + 1]) < Number(heavy[least + 1])) least = i
  const [, smallest] = heavy.splice(least, 2)
  heavy.push(key, Number(smallest) + weight)
  return heavy
}

/** The `n` largest as [key, weight], largest first. */
export function largest(heavy: Heavy, n: number): [string, number][] {
  const all: [string, number][] = []
  for (let i = 0; i < heavy.length; i += 2) all.push([String(heavy[i]), Number(heavy[i + 1])])
  return all.sort((a, b) => b[1] - a[1]).slice(0, n)
}
