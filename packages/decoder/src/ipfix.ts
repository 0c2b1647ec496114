import { allZero, u16, u32 } from './bytes.ts'
import type { DecoderLimits } from './limits.ts'
import { PROBLEM, type ProblemList } from './problems.ts'
import type { DatagramResult } from './record.ts'
import type { MessageContext, SetDecoder } from './sets.ts'
import type { FieldSpec } from './template.ts'

/**
 * IPFIX (RFC 7011).
 *
 *     header: version 2 · length 2 (whole message) · export time 4 · sequence 4 · observation domain 4
 *     set: id 2 · length 2 (with this header) · body
 */
export const IPFIX_HEADER = 16

/** Read the sets between `from` (behind the message header) and `to`. Never throws; each turn moves on by at least 4 octets. */
export function readIpfixSets(
  sets: SetDecoder,
  m: MessageContext,
  b: Uint8Array,
  from: number,
  to: number,
  limits: DecoderLimits,
  result: DatagramResult,
  problems: ProblemList,
): void {
  let at = from
  while (to - at >= 4) {
    if (result.sets >= limits.setsPerDatagram) {
      problems.add(PROBLEM.LIMIT, at, `more than ${limits.setsPerDatagram} sets in one datagram`)
      return
    }
    const id = u16(b, at)
    const length = u16(b, at + 2)
    if (length < 4 || at + length > to) {
      if (allZero(b, at, to)) return
      result.sets++
      result.malformedSets++
      problems.add(PROBLEM.SET_LENGTH, at, `set ${id} says ${length} octets, ${to - at} remain`)
      // The records that are whole still count: some exporters leave the padding of the last set out of the message length.
      if (length >= 4 && id >= 256) sets.cutDataSet(m, id, b, at + 4, Math.min(at + length, b.length))
      return
    }
    result.sets++
    const end = at + length
    if (id === 2 || id === 3) {
      if (readTemplates(sets, m, b, id, at + 4, end, problems)) result.templateSets++
      else result.malformedSets++
    } else if (id < 256) {
      result.malformedSets++
      problems.add(PROBLEM.RESERVED_SET, at, `set id ${id} is reserved`)
    } else sets.dataSet(m, id, b, at + 4, end)
    at = end
  }
}

/**
 *     template:  id 2 · field count 2 ·                fields      (RFC 7011, section 3.4.1)
 *     options:   id 2 · field count 2 · scope count 2 · fields      (section 3.4.2.2)
 *     field:     enterprise bit 1 · element 15 · length 16 · [enterprise number 32]
 *     withdrawal: id 2 · 0 2; id 2 or 3 withdraws all of its kind     (section 8.1)
 *
 * What remains behind the last template and is too short for another is padding, whatever its length or content of zeros.
 */
function readTemplates(
  sets: SetDecoder,
  m: MessageContext,
  b: Uint8Array,
  setId: number,
  from: number,
  to: number,
  problems: ProblemList,
): boolean {
  const options = setId === 3
  let at = from
  while (to - at >= 4) {
    const id = u16(b, at)
    const count = u16(b, at + 2)
    if (id < 256 && !(id === setId && count === 0)) {
      if (allZero(b, at, to)) return true
      problems.add(PROBLEM.TEMPLATE, at, `template id ${id} is below 256`)
      return false
    }
    if (!sets.takeTemplate(at)) return false
    const start = at
    at += 4
    if (count === 0) {
      sets.withdraw(m, id)
      continue
    }
    let scopes = 0
    if (options) {
      if (to - at < 2) {
        problems.add(PROBLEM.TEMPLATE, start, `options template ${id} ends before its scope count`)
        return false
      }
      scopes = u16(b, at)
      at += 2
      if (scopes === 0 || scopes > count) {
        problems.add(PROBLEM.TEMPLATE, start, `options template ${id} has ${scopes} scopes of ${count} fields`)
        return false
      }
    }
    if (at + count * 4 > to) {
      problems.add(PROBLEM.TEMPLATE, start, `template ${id} announces ${count} fields, room for ${(to - at) >> 2}`)
      return false
    }
    const fields: FieldSpec[] = []
    for (let i = 0; i < count; i++) {
      if (to - at < 4) break
      const element = u16(b, at)
      const length = u16(b, at + 2)
      at += 4
      let pen = 0
      if (element & 0x8000) {
        if (to - at < 4) break
        pen = u32(b, at)
        at += 4
      }
      fields.push({ pen, id: element & 0x7fff, length })
    }
    if (fields.length < count) {
      problems.add(PROBLEM.TEMPLATE, start, `template ${id} ends after ${fields.length} of ${count} fields`)
      return false
    }
    sets.define(m, id, options, scopes, fields, start)
  }
  return true
}
