/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * Canonical JSON (RFC 8785): no blanks, keys in the order of their UTF-16 code units, numbers and strings as ECMAScript writes them.
 * Takes plain JSON only. Throws TypeError on a number that is not finite.
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`)
    return JSON.stringify(value)
  }
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  // Plain sort compares UTF-16 code units, which is what section 3.2.3 asks for.
  const members = Object.keys(value).sort()
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`).join(',')}}`
}

// Array.isArray does not narrow readonly arrays.
const isArray = (value: Json): value is readonly Json[] => Array.isArray(value)

/** Text that every store can hold: lone surrogates and NUL, which PostgreSQL refuses, become U+FFFD. */
export const storable = (text: string): string => text.toWellFormed().replaceAll('\u0000', '\ufffd')

/**
 * Any value as the JSON that will come back from a jsonb column: dates as RFC 3339, big integers as text, absent members left out, text
 * made storable. Throws TypeError on what has no JSON form (functions, symbols, numbers that are not finite, cycles by their depth).
 */
export function toJson(value: unknown, depth = 0): Json {
  if (depth > 32) throw new TypeError('the value is nested deeper than 32 levels')
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') return storable(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`)
    // jsonb keeps no sign of zero.
    return value === 0 ? 0 : value
  }
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map((item: unknown) => toJson(item, depth + 1))
  if (typeof value === 'object') {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    // Without a prototype, so that a member called __proto__ is a member.
    const made: Record<string, Json> = Object.create(null)
    for (const [key, member] of members) made[storable(key)] = toJson(member, depth + 1)
    return made
  }
  throw new TypeError(`a ${typeof value} has no JSON form`)
}
