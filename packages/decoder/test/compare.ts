import { createAddress, formatAddress, type InterchangeFlow, parseAddress } from '../src/index.ts'

/** An expected flow: field → value, or `{ any: [...] }`; `_optional` flows need not be decoded. */
export type ExpectedFlow = Record<string, unknown>

export interface Expectation {
  capture: string
  protocol: string
  complete: boolean
  optional?: string
  aggregate?: { by: string[]; sum: string[] }
  flows: ExpectedFlow[]
}

const ADDRESSES = new Set(['src_addr', 'dst_addr', 'next_hop', 'bgp_next_hop', 'sampler_address'])
const TIME_TOLERANCE_NS = 1_000_000n

/** A value as the comparison sees it: addresses canonical with mapped ones unmapped, integers without signs of their writing. */
function normal(field: string, value: unknown): string {
  if (value === null || value === undefined) return '0'
  const text = String(value).trim()
  if (ADDRESSES.has(field)) {
    const address = createAddress()
    if (!parseAddress(text, address)) return text
    return formatAddress(address).replace(/^::ffff:(?=\d+\.)/, '')
  }
  if (field.endsWith('_mac')) return text.toLowerCase().replace(/[^0-9a-f]/g, '')
  return /^-?\d+$/.test(text) ? BigInt(text).toString() : text
}

function isZero(text: string): boolean {
  return text === '' || text === '::' || text === '0.0.0.0' || /^0+$/.test(text)
}

/** Whether a decoded value satisfies an expected one: zero is satisfied by absence, times by one millisecond. */
export function satisfies(field: string, expected: unknown, actual: unknown): boolean {
  if (typeof expected === 'object' && expected !== null && 'any' in expected && Array.isArray(expected.any)) {
    return expected.any.some((one) => satisfies(field, one, actual))
  }
  const want = normal(field, expected)
  if (actual === undefined) return isZero(want)
  const got = normal(field, actual)
  if (want === got || (isZero(want) && isZero(got))) return true
  if (!field.startsWith('time_')) return false
  const apart = BigInt(want) - BigInt(got)
  return apart <= TIME_TOLERANCE_NS && apart >= -TIME_TOLERANCE_NS
}

/** The fields of an expected flow that a decoded one does not satisfy. */
export function differences(expected: ExpectedFlow, actual: InterchangeFlow): string[] {
  return Object.keys(expected).filter((field) => !field.startsWith('_') && !satisfies(field, expected[field], actual[field]))
}

export interface Score {
  required: number
  matched: number
  /** Decoded flows that no expectation asks for, where the expectation is complete. */
  surplus: InterchangeFlow[]
  missing: ExpectedFlow[]
}

/** Match each expected flow to its own decoded one (augmenting paths; required ones first). */
export function score(expectation: Expectation, decoded: readonly InterchangeFlow[]): Score {
  const wanted = [...expectation.flows].sort((a, b) => Number(a._optional === true) - Number(b._optional === true))
  const fits = wanted.map((expected) => decoded.flatMap((actual, j) => (differences(expected, actual).length === 0 ? [j] : [])))
  const owner = new Map<number, number>()
  const mate = new Map<number, number>()
  const assign = (i: number, seen: Set<number>): boolean => {
    for (const j of fits[i] ?? []) {
      if (seen.has(j)) continue
      seen.add(j)
      const holder = owner.get(j)
      if (holder !== undefined && !assign(holder, seen)) continue
      owner.set(j, i)
      mate.set(i, j)
      return true
    }
    return false
  }
  for (let i = 0; i < wanted.length; i++) assign(i, new Set())
  const required = wanted.filter((flow) => flow._optional !== true)
  const missing = required.filter((_, i) => !mate.has(i))
  const surplus = expectation.complete ? decoded.filter((_, j) => !owner.has(j)) : []
  return { required: required.length, matched: required.length - missing.length, surplus, missing }
}
