import { ALSO_EXTRA, SILENT, TARGETS } from './candidates.ts'
import type { ElementRegistry, ElementType } from './elements.ts'
import type { DecoderLimits } from './limits.ts'
import { OP } from './operations.ts'
import { type FieldSpec, V9_SCOPE, VARIABLE } from './template.ts'

/** A field that goes to `extra`, under which name and read how. `mpls` is the label of a stack entry. */
export interface ExtraField {
  readonly index: number
  readonly name: string
  readonly type: ElementType | 'mpls'
}

/**
 * A template made ready: a flat list of small integers that a loop runs over, one entry per thing to store.
 *
 * Entry i reads field `index[i]` and does `ops[i]`; `skipZero[i]` leaves the record alone when the value is zero.
 * With a fixed record length every field's place is known (`offsets`); otherwise one pass finds the places first.
 */
export interface Plan {
  /** Octets of each record, or -1 when they vary. */
  readonly fixed: number
  readonly minimum: number
  /** Per field of the template. */
  readonly fieldLengths: Int32Array
  readonly fieldOffsets: Int32Array
  /** Per operation. */
  readonly ops: Uint8Array
  readonly index: Uint16Array
  readonly skipZero: Uint8Array
  readonly extras: readonly ExtraField[]
  /** The record must be emptied before each run, because some operation may leave its field alone. */
  readonly sparse: boolean
  readonly eventKind: 0 | 1 | 2
  readonly etypeFromAddress: boolean
  readonly ipVersion: boolean
  readonly icmpFromPort: boolean
  readonly icmpFields: boolean
  readonly twoFamilies: boolean
  readonly samples: boolean
  readonly times: boolean
  readonly application: boolean
  readonly biflow: boolean
  readonly frame: boolean
}

/** Whether a field of so many octets can be an unsigned integer at all. */
function fits(op: number, length: number): boolean {
  if (length === VARIABLE) return true
  if (op < OP.FIRST_OCTETS) return length >= 1 && length <= 8
  if (op <= OP.NAT_DST4) return length === 4
  if (op <= OP.NAT_DST6) return length === 16
  if (op <= OP.END_NTP_NS || op === OP.EVENT_NTP_US || op === OP.EVENT_NTP_NS) return length === 8
  if (op === OP.SAMPLING_PROBABILITY) return length === 4 || length === 8
  return length > 0
}

/** Compile the fields of a template. Zero-length fields are absent; nothing here depends on the data. */
export function compile(fields: readonly FieldSpec[], registry: ElementRegistry, limits: DecoderLimits): Plan {
  const offsets = new Int32Array(fields.length)
  const lengths = new Int32Array(fields.length)
  let fixed = 0
  let minimum = 0
  for (const [i, field] of fields.entries()) {
    lengths[i] = field.length
    offsets[i] = fixed === -1 ? 0 : fixed
    minimum += field.length === VARIABLE ? 1 : field.length
    if (field.length === VARIABLE) fixed = -1
    else if (fixed !== -1) fixed += field.length
  }
  const first = new Map<string, number>()
  for (const [i, field] of fields.entries()) {
    if (field.length === 0 || field.pen === V9_SCOPE) continue
    const mapped = registry.mappedTo(field.pen, field.id)
    const key = mapped >= 0 ? `0/${mapped}` : `${field.pen}/${field.id}`
    if (!first.has(key)) first.set(key, i)
  }
  const has = (id: number, pen = 0): boolean => first.has(`${pen}/${id}`)
  const used = new Set<number>()
  const ops: number[] = []
  const index: number[] = []
  const skipZero: number[] = []
  const chosen = new Set<number>()
  for (const target of TARGETS) {
    if (target.name.startsWith('responder') && !chosen.has(target.name === 'responderBytes' ? OP.INITIATOR_BYTES : OP.INITIATOR_PACKETS))
      continue
    const found: { at: number; op: number }[] = []
    for (const candidate of target.candidates) {
      const at = first.get(`${candidate.pen}/${candidate.id}`)
      if (at === undefined || !fits(candidate.op, (fields[at] as FieldSpec).length)) continue
      found.push({ at, op: candidate.op })
      if (target.rule === 'first') break
    }
    for (let i = found.length - 1; i >= 0; i--) {
      const { at, op } = found[i] as { at: number; op: number }
      chosen.add(op)
      used.add(at)
      ops.push(op)
      index.push(at)
      skipZero.push(i < found.length - 1 ? 1 : 0)
    }
  }
  const extras = extraFields(fields, used, registry, limits)
  const any = (...wanted: number[]): boolean => wanted.some((op) => chosen.has(op))
  const counted = any(OP.BYTES, OP.PACKETS, OP.INITIATOR_BYTES, OP.INITIATOR_PACKETS)
  const biflow = any(OP.REVERSE_BYTES, OP.REVERSE_PACKETS)
  const frame = any(OP.FRAME, OP.IP_PACKET)
  const times = any(
    OP.INIT_MS,
    OP.START_DELTA_US,
    OP.END_DELTA_US,
    OP.DURATION_MS,
    OP.DURATION_US,
    OP.EVENT_MS,
    OP.EVENT_SECONDS,
    OP.EVENT_NTP_NS,
    OP.EVENT_NTP_US,
  )
  const twoFamilies = (has(8) && has(27)) || (has(12) && has(28))
  return {
    fixed,
    minimum,
    fieldLengths: lengths,
    fieldOffsets: offsets,
    ops: Uint8Array.from(ops),
    index: Uint16Array.from(index),
    skipZero: Uint8Array.from(skipZero),
    extras,
    sparse: fixed === -1 || skipZero.includes(1) || biflow || frame || twoFamilies || times || chosen.has(OP.APPLICATION_ID),
    eventKind: eventKind(has, counted, any(OP.FIREWALL_EVENT), any(OP.NAT_EVENT, OP.NAT_SRC4, OP.NAT_DST4, OP.NAT_SRC6, OP.NAT_DST6)),
    etypeFromAddress: !any(OP.ETYPE),
    ipVersion: any(OP.IP_VERSION),
    icmpFromPort: any(OP.PROTO) && any(OP.DST_PORT) && !any(OP.ICMP_TYPE, OP.ICMP_TYPE_CODE),
    icmpFields: any(OP.ICMP_TYPE, OP.ICMP_TYPE_CODE),
    twoFamilies,
    samples: any(
      OP.SAMPLER_ID,
      OP.SAMPLING_INTERVAL,
      OP.PACKET_INTERVAL,
      OP.PACKET_SPACE,
      OP.SAMPLE_SIZE,
      OP.SAMPLE_POPULATION,
      OP.SAMPLING_PROBABILITY,
    ),
    times,
    application: any(OP.APPLICATION_ID),
    biflow,
    frame,
  }
}

/**
 * Whether records of a template report an event instead of traffic. A firewall event without delta counters is NSEL (its totals
 * repeat what flow records count); with them it is a flow that says what the firewall did (Palo Alto, Barracuda). Translations
 * without any counter are NAT logging (RFC 8158; Nokia's under 637 have no natEvent).
 */
function eventKind(has: (id: number, pen?: number) => boolean, counted: boolean, firewall: boolean, nat: boolean): 0 | 1 | 2 {
  if (firewall && !has(1) && !has(2)) return 2
  return !counted && (nat || has(91, 637) || has(93, 637)) ? 1 : 0
}

function extraFields(
  fields: readonly FieldSpec[],
  used: ReadonlySet<number>,
  registry: ElementRegistry,
  limits: DecoderLimits,
): ExtraField[] {
  const extras: ExtraField[] = []
  const names = new Map<string, number>()
  for (const [i, field] of fields.entries()) {
    if (field.length === 0 || extras.length >= limits.extraValues) continue
    const iana = field.pen === 0
    if (used.has(i) && !(iana && ALSO_EXTRA.has(field.id))) continue
    if (iana && SILENT.has(field.id)) continue
    const element = registry.find(field.pen, field.id)
    const seen = (names.get(element.name) ?? 0) + 1
    names.set(element.name, seen)
    const name = seen === 1 ? element.name : `${element.name}_${seen}`
    extras.push({ index: i, name, type: iana && field.id >= 70 && field.id <= 79 ? 'mpls' : element.type })
  }
  return extras
}
