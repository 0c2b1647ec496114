/** One end of a pair: an address or network as canonical text, an AS number, a country code; null: unknown. */
export type PairEnd = string | number | null

/** A value as understood. Which kinds a field takes follows from its type in the catalogue. */
export type FilterValue =
  /** Number, port, protocol, AS, flags (as bits), duration (ms), flow type (code), interface index. */
  | { kind: 'number'; value: number }
  /** Both ends belong to it. */
  | { kind: 'range'; low: number; high: number }
  /** A network in canonical text without host bits; `length` 32 or 128 is one host. */
  | { kind: 'network'; family: 4 | 6; address: string; length: number }
  /** From low to high, both included, of one family. */
  | { kind: 'address-range'; family: 4 | 6; low: string; high: string }
  /** Exporter or interface name, MAC in lower case with colons, country in capitals, boundary. */
  | { kind: 'text'; value: string }
  /** An interface index of one exporter, given by its address. */
  | { kind: 'interface'; exporter: string; index: number }
  /** At least one of the two is known. */
  | { kind: 'service'; proto: number | null; port: number | null }
  /** `both`: either direction. */
  | { kind: 'pair'; src: PairEnd; dst: PairEnd; both: boolean }

export type CompareOperator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'has'

export interface Compare {
  kind: 'compare'
  /** Name in the catalogue. */
  field: string
  operator: CompareOperator
  value: FilterValue
}

/**
 * A filter. Two-valued: a comparison with an unknown value is false, and `!=`, `not in` and `not` are exact complements, so that
 * a filter and its negation together are all the traffic. `and` and `or` hold two or more items and never one of their own kind.
 */
export type Filter =
  | { kind: 'and'; items: Filter[] }
  | { kind: 'or'; items: Filter[] }
  | { kind: 'not'; item: Filter }
  | Compare
  | { kind: 'in'; field: string; negated: boolean; values: FilterValue[] }
  | { kind: 'unknown'; field: string; negated: boolean }

/** Why a filter text was refused. The only error the parser throws. */
export class FilterError extends Error {
  /** UTF-16 offset of the fault, and its length (0 at the end of the text). */
  readonly position: number
  readonly length: number
  readonly remedy: string
  /** What could stand there, as a person would type it. */
  readonly expected: readonly string[]

  constructor(message: string, remedy: string, position: number, length: number, expected: readonly string[] = []) {
    super(message)
    this.name = 'FilterError'
    this.remedy = remedy
    this.position = position
    this.length = length
    this.expected = expected
  }
}

/** Bounds of a filter text, so that no input costs more than it should. */
export const FILTER_LIMITS = {
  /** UTF-16 units of text. */
  length: 4_096,
  /** Parentheses and `not` within each other. */
  depth: 32,
  /** Values of one `in (…)`. */
  listValues: 256,
  /** Comparisons altogether. */
  conditions: 256,
} as const

/** Calls `visit` for each comparison, from left to right. */
export function eachCondition(filter: Filter, visit: (condition: Exclude<Filter, { kind: 'and' | 'or' | 'not' }>) => void): void {
  if (filter.kind === 'and' || filter.kind === 'or') for (const item of filter.items) eachCondition(item, visit)
  else if (filter.kind === 'not') eachCondition(filter.item, visit)
  else visit(filter)
}

/** `a and b` of two filters, flat; null selects everything. */
export function bothFilters(a: Filter | null, b: Filter | null): Filter | null {
  if (a === null) return b
  if (b === null) return a
  return { kind: 'and', items: [a, b].flatMap((part) => (part.kind === 'and' ? part.items : [part])) }
}
