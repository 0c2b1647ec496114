import { allZero, u16 } from './bytes.ts'
import type { DecoderLimits } from './limits.ts'
import { PROBLEM, type ProblemList } from './problems.ts'
import type { DatagramResult } from './record.ts'
import type { MessageContext, SetDecoder } from './sets.ts'
import { type FieldSpec, V9_SCOPE } from './template.ts'

/**
 * NetFlow version 9 (RFC 3954).
 *
 *     header: version 2 · count 2 · sysUpTime 4 · seconds 4 · sequence 4 · source id 4
 *     flowset: id 2 · length 2 (with this header) · body
 *
 * The count is not trusted: some exporters count flowsets in it, some records, softflowd only data records. It decides in one
 * case: what lies beyond it by either reading, and does not divide into flowsets up to the end, is no part of the packet.
 * Lengths need not be multiples of four.
 */
export const V9_HEADER = 20

/** Read the flowsets of one packet. `from` is behind the header. Never throws; each turn moves on by at least 4 octets. */
export function readV9Sets(
  sets: SetDecoder,
  m: MessageContext,
  b: Uint8Array,
  from: number,
  limits: DecoderLimits,
  result: DatagramResult,
  problems: ProblemList,
): void {
  const to = b.length
  const count = u16(b, 2)
  let sound = false
  let at = from
  for (let n = 0; to - at >= 4; n++) {
    if (n >= limits.setsPerDatagram) {
      problems.add(PROBLEM.LIMIT, at, `more than ${limits.setsPerDatagram} sets in one datagram`)
      return
    }
    if (n >= count && !sound && result.flows + result.templates + result.optionsTemplates + result.optionsRecords >= count) {
      sound = divides(b, at)
      if (!sound) {
        problems.add(PROBLEM.TRAILING, at, `${to - at} octets behind the ${count} records announced`)
        return
      }
    }
    let id = u16(b, at)
    let length = u16(b, at + 2)
    if (length < 4 || at + length > to) {
      // Zeros up to the next multiple of four, or to the end, are padding that the last length left out.
      const aligned = from + ((at - from + 3) & ~3)
      if (aligned > at && aligned + 4 <= to && allZero(b, at, aligned) && u16(b, aligned + 2) >= 4 && aligned + u16(b, aligned + 2) <= to) {
        at = aligned
        id = u16(b, at)
        length = u16(b, at + 2)
      } else if (allZero(b, at, to)) return
      else {
        result.sets++
        result.malformedSets++
        problems.add(PROBLEM.SET_LENGTH, at, `flowset ${id} says ${length} octets, ${to - at} remain`)
        if (length >= 4 && id >= 256) sets.cutDataSet(m, id, b, at + 4, to)
        return
      }
    }
    result.sets++
    const end = at + length
    if (id === 0) {
      if (readTemplates(sets, m, b, at + 4, end, problems)) result.templateSets++
      else result.malformedSets++
    } else if (id === 1) {
      if (readOptionsTemplates(sets, m, b, at + 4, end, problems)) result.templateSets++
      else result.malformedSets++
    } else if (id < 256) {
      result.malformedSets++
      problems.add(PROBLEM.RESERVED_SET, at, `flowset id ${id} is reserved`)
    } else sets.dataSet(m, id, b, at + 4, end)
    at = end
  }
}

/** Whether the octets from `from` on are flowsets up to the end, by their ids and lengths. */
function divides(b: Uint8Array, from: number): boolean {
  let at = from
  while (b.length - at >= 4) {
    const id = u16(b, at)
    const length = u16(b, at + 2)
    if ((id > 1 && id < 256) || length < 4 || at + length > b.length) {
      const aligned = from + ((at - from + 3) & ~3)
      if (aligned === at || !allZero(b, at, Math.min(aligned, b.length))) return allZero(b, at, b.length)
      at = aligned
      continue
    }
    at += length
  }
  return true
}

/**     template id 2 · field count 2 · (type 2 · length 2)*     (RFC 3954, section 5.2) */
function readTemplates(sets: SetDecoder, m: MessageContext, b: Uint8Array, from: number, to: number, problems: ProblemList): boolean {
  let at = from
  while (to - at >= 4) {
    const id = u16(b, at)
    const count = u16(b, at + 2)
    if (id < 256) {
      if (allZero(b, at, to)) return true
      problems.add(PROBLEM.TEMPLATE, at, `template id ${id} is below 256`)
      return false
    }
    if (!sets.takeTemplate(at)) return false
    const start = at
    at += 4
    if (at + count * 4 > to) {
      problems.add(PROBLEM.TEMPLATE, start, `template ${id} announces ${count} fields, room for ${(to - at) >> 2}`)
      return false
    }
    if (count === 0) {
      // No v9 text knows withdrawal, but a template without fields can mean nothing else.
      sets.withdraw(m, id)
      continue
    }
    const fields: FieldSpec[] = []
    for (let i = 0; i < count; i++, at += 4) fields.push({ pen: 0, id: u16(b, at), length: u16(b, at + 2) })
    sets.define(m, id, false, 0, fields, start)
  }
  return true
}

/**     template id 2 · scope octets 2 · option octets 2 · (type 2 · length 2)*     (RFC 3954, section 6.1) */
function readOptionsTemplates(
  sets: SetDecoder,
  m: MessageContext,
  b: Uint8Array,
  from: number,
  to: number,
  problems: ProblemList,
): boolean {
  let at = from
  while (to - at >= 6) {
    const id = u16(b, at)
    const scopeOctets = u16(b, at + 2)
    const optionOctets = u16(b, at + 4)
    if (id < 256) {
      if (allZero(b, at, to)) return true
      problems.add(PROBLEM.TEMPLATE, at, `options template id ${id} is below 256`)
      return false
    }
    if (!sets.takeTemplate(at)) return false
    const start = at
    at += 6
    if (scopeOctets % 4 !== 0 || optionOctets % 4 !== 0 || at + scopeOctets + optionOctets > to) {
      problems.add(PROBLEM.TEMPLATE, start, `options template ${id} announces ${scopeOctets} + ${optionOctets} octets, ${to - at} remain`)
      return false
    }
    const fields: FieldSpec[] = []
    const scopes = scopeOctets / 4
    const count = scopes + optionOctets / 4
    for (let i = 0; i < count; i++, at += 4) {
      const type = u16(b, at)
      // Scope types 1–5 are their own numbers; larger ones are fields used as scopes.
      fields.push({ pen: i < scopes && type <= 5 ? V9_SCOPE : 0, id: type, length: u16(b, at + 2) })
    }
    if (fields.length === 0) sets.withdraw(m, id)
    else sets.define(m, id, true, scopes, fields, start)
  }
  return true
}
