import { u8, u16, u32 } from './bytes.ts'
import type { ElementRegistry } from './elements.ts'
import type { DecoderLimits } from './limits.ts'
import { type Template, VARIABLE } from './template.ts'
import { readValue } from './value.ts'

/** What lists need to know of the place they stand in. */
export interface ListContext {
  readonly registry: ElementRegistry
  readonly limits: DecoderLimits
  /** The template of the same session and domain, or undefined. */
  template(id: number): Template | undefined
}

/** A budget shared by all nested lists of one field, so that nesting multiplies nothing. */
interface Budget {
  elements: number
}

/**
 * RFC 6313 lists as JSON text: `[1,2]` for a basicList, `[{"name":value}]` for template lists.
 * Malformed ends are cut; at most `listElements` values in all and `listDepth` levels; never throws.
 *
 *     basicList              subTemplateList        subTemplateMultiList
 *     semantic        1      semantic        1      semantic        1
 *     field id        2      template id     2      template id     2  \
 *     element length  2      records         …      data length     2   | repeated
 *     [enterprise     4]                            records         …  /
 *     values          …
 */
export function formatList(kind: 'list' | 'stl' | 'stml', context: ListContext, b: Uint8Array, from: number, to: number): string {
  return list(kind, context, b, from, to, 1, { elements: context.limits.listElements })
}

function list(
  kind: 'list' | 'stl' | 'stml',
  context: ListContext,
  b: Uint8Array,
  from: number,
  to: number,
  depth: number,
  budget: Budget,
): string {
  if (depth > context.limits.listDepth) return '[]'
  const out: string[] = []
  let at = from + 1
  if (kind === 'list') {
    if (to - at < 4) return '[]'
    let pen = 0
    let id = u16(b, at)
    const length = u16(b, at + 2)
    at += 4
    if (id & 0x8000) {
      if (to - at < 4) return '[]'
      id &= 0x7fff
      pen = u32(b, at)
      at += 4
    }
    const type = context.registry.find(pen, id).type
    while (at < to && budget.elements > 0 && length > 0) {
      const place = locate(b, at, to, length)
      if (place === null) break
      budget.elements--
      out.push(value(type, context, b, place.at, place.length, depth, budget))
      at = place.at + place.length
    }
    return `[${out.join(',')}]`
  }
  if (kind === 'stl') {
    if (to - at < 2) return '[]'
    records(context, b, u16(b, at), at + 2, to, depth, budget, out)
    return `[${out.join(',')}]`
  }
  while (to - at >= 4 && budget.elements > 0) {
    const length = u16(b, at + 2)
    if (length < 4 || at + length > to) break
    records(context, b, u16(b, at), at + 4, at + length, depth, budget, out)
    at += length
  }
  return `[${out.join(',')}]`
}

function records(
  context: ListContext,
  b: Uint8Array,
  id: number,
  from: number,
  to: number,
  depth: number,
  budget: Budget,
  out: string[],
): void {
  const template = context.template(id)
  if (template === undefined || template.minimum === 0) return
  let at = from
  while (to - at >= template.minimum && budget.elements > 0) {
    const pairs: string[] = []
    for (const field of template.fields) {
      const place = locate(b, at, to, field.length)
      if (place === null) return
      at = place.at + place.length
      if (place.length === 0) continue
      const element = context.registry.find(field.pen, field.id)
      budget.elements--
      pairs.push(`${JSON.stringify(element.name)}:${value(element.type, context, b, place.at, place.length, depth, budget)}`)
    }
    out.push(`{${pairs.join(',')}}`)
  }
}

function value(
  type: Parameters<typeof readValue>[0],
  context: ListContext,
  b: Uint8Array,
  at: number,
  length: number,
  depth: number,
  budget: Budget,
): string {
  if (type === 'list' || type === 'stl' || type === 'stml') return list(type, context, b, at, at + length, depth + 1, budget)
  const read = readValue(type, b, at, length, context.limits.valueOctets)
  return typeof read === 'bigint' ? read.toString() : JSON.stringify(read ?? '')
}

/** Where a field's octets are: after one or three octets of length when it is variable (RFC 7011, section 7). Null when they do not fit. */
export function locate(b: Uint8Array, at: number, to: number, length: number): { at: number; length: number } | null {
  if (length !== VARIABLE) return at + length <= to ? { at, length } : null
  if (at >= to) return null
  const short = u8(b, at)
  if (short < 255) return at + 1 + short <= to ? { at: at + 1, length: short } : null
  if (to - at < 3) return null
  const long = u16(b, at + 1)
  return at + 3 + long <= to ? { at: at + 3, length: long } : null
}
