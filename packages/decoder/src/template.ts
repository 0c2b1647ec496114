import type { Plan } from './plan.ts'

/** A field's length that says "variable" (RFC 7011, section 7). */
export const VARIABLE = 0xffff

/** One field specifier: enterprise number (0 is IANA; -1 a v9 scope type), element number, octets. */
export interface FieldSpec {
  readonly pen: number
  readonly id: number
  readonly length: number
}

/** The enterprise number that stands for v9 scope types (RFC 3954, section 6.1), which are no Information Elements. */
export const V9_SCOPE = -1

/**
 * A template as one exporter defined it. `scopes` is 0 for a data template; otherwise the first `scopes` fields are scopes.
 * `port` is the source port of the UDP exporter, or the number of its connection.
 */
export interface Template {
  readonly id: number
  readonly port: number
  readonly options: boolean
  readonly scopes: number
  readonly fields: readonly FieldSpec[]
  /** Octets of the shortest record. */
  readonly minimum: number
  /** Milliseconds on the collector's clock. */
  definedMs: number
  refreshedMs: number
  usedMs: number
  records: number
  /** How often the id was defined anew with other fields, and when the last three times were. */
  changes: number
  changedMs: [number, number, number]
  /** Compiled at the first data set. */
  plan: Plan | null
  /** Set by use, cleared by the clock hand that looks for a victim. */
  recent: boolean
  live: boolean
}

export function createTemplate(
  id: number,
  port: number,
  scopes: number,
  options: boolean,
  fields: readonly FieldSpec[],
  now: number,
): Template {
  let minimum = 0
  for (const field of fields) minimum += field.length === VARIABLE ? 1 : field.length
  return {
    id,
    port,
    options,
    scopes,
    fields,
    minimum,
    definedMs: now,
    refreshedMs: now,
    usedMs: now,
    records: 0,
    changes: 0,
    changedMs: [0, 0, 0],
    plan: null,
    recent: true,
    live: true,
  }
}

/** What a template costs in memory, estimated: its object, its specifiers, and the plan that its first use compiles. */
export function templateOctets(fields: number): number {
  return 320 + fields * 72
}

export function sameDefinition(a: Template, options: boolean, scopes: number, fields: readonly FieldSpec[]): boolean {
  if (a.options !== options || a.scopes !== scopes || a.fields.length !== fields.length) return false
  for (let i = 0; i < fields.length; i++) {
    const x = a.fields[i] as FieldSpec
    const y = fields[i] as FieldSpec
    if (x.id !== y.id || x.pen !== y.pen || x.length !== y.length) return false
  }
  return true
}

/** Three changed definitions within ten minutes: somebody else speaks for this exporter, or two processes share one id. */
export function isContested(t: Template, now: number): boolean {
  return t.changes >= 3 && now - t.changedMs[0] <= 600_000
}
