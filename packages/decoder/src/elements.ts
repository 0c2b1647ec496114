import { IANA_ELEMENTS } from './elements-iana.ts'
import { VENDOR_ELEMENTS } from './elements-vendors.ts'

/** How an element's octets are read (RFC 7012, section 3.1; RFC 6313 for the lists). */
export type ElementType =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'i8'
  | 'i16'
  | 'i32'
  | 'i64'
  | 'f32'
  | 'f64'
  | 'bool'
  | 'mac'
  | 'octets'
  | 'text'
  | 'seconds'
  | 'ms'
  | 'us'
  | 'ns'
  | 'ip4'
  | 'ip6'
  | 'list'
  | 'stl'
  | 'stml'

/** One Information Element: its number under a private enterprise number (0 is IANA), name, type, semantics and unit. */
export interface Element {
  readonly pen: number
  readonly id: number
  readonly name: string
  readonly type: ElementType
  readonly semantics: string
  readonly unit: string
}

/**
 * A site's own element: read like `type`, named `name` in `extra`. With `as`, its value counts as that IANA element
 * instead, so a vendor's "user bytes" can become octetDeltaCount (1) without a line of code.
 */
export interface CustomElement {
  pen: number
  id: number
  name: string
  type?: ElementType
  as?: number
}

/** Enterprise number of reverse elements (RFC 5103, section 6.1). */
export const REVERSE_PEN = 29305
/** YAF marks the reverse of its own elements by a bit of the number (RFC 5103, section 6.2). */
const CERT_PEN = 6871
const CERT_REVERSE = 0x4000
/** nProbe sends its own elements in v9 as 57472 + number. */
const NTOP_PEN = 35632
const NTOP_V9_BASE = 57472

const TYPES: ReadonlySet<string> = new Set(
  'u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 bool mac octets text seconds ms us ns ip4 ip6 list stl stml'.split(' '),
)

function isType(text: string): text is ElementType {
  return TYPES.has(text)
}

function load(): Map<number, Map<number, Element>> {
  const all = new Map<number, Map<number, Element>>()
  let pen = 0
  for (const line of `${IANA_ELEMENTS}\n${VENDOR_ELEMENTS}`.split('\n')) {
    if (line.startsWith('[')) pen = Number.parseInt(line.slice(1), 10)
    const [id = '', name = '', type = '', semantics = '', unit = ''] = line.split('|')
    if (name === '' || !isType(type)) continue
    let of = all.get(pen)
    if (of === undefined) {
      of = new Map()
      all.set(pen, of)
    }
    of.set(Number(id), { pen, id: Number(id), name, type, semantics, unit })
  }
  // Version 9 numbers above 32767 are no enterprise elements: Cisco ASA and Palo Alto use them bare.
  const iana = all.get(0)
  for (const [id, name, type] of V9_HIGH) iana?.set(id, { pen: 0, id, name, type, semantics: '', unit: '' })
  return all
}

const V9_HIGH: readonly (readonly [number, string, ElementType])[] = [
  [33000, 'ingressAclId', 'octets'],
  [33001, 'egressAclId', 'octets'],
  [33002, 'firewallExtendedEvent', 'u16'],
  [40000, 'aaaUsername', 'text'],
  [40001, 'xlateSourceAddressIPv4', 'ip4'],
  [40002, 'xlateDestinationAddressIPv4', 'ip4'],
  [40003, 'xlateSourcePort', 'u16'],
  [40004, 'xlateDestinationPort', 'u16'],
  [40005, 'firewallEventV9', 'u8'],
  [56701, 'panosAppId', 'text'],
  [56702, 'panosUserId', 'text'],
]

const BUILT_IN = load()

/** The elements a decoder knows: the built-in tables and the site's own. */
export class ElementRegistry {
  readonly #custom = new Map<number, Map<number, CustomElement>>()

  constructor(custom: readonly CustomElement[] = []) {
    for (const element of custom) {
      let of = this.#custom.get(element.pen)
      if (of === undefined) {
        of = new Map()
        this.#custom.set(element.pen, of)
      }
      of.set(element.id, element)
    }
  }

  /** The IANA number that a site's mapping makes of an element, or -1. */
  mappedTo(pen: number, id: number): number {
    return this.#custom.get(pen)?.get(id)?.as ?? -1
  }

  /** An element by its numbers. An unknown one is named `e<pen>_<id>` and read as octets, so nothing is lost. */
  find(pen: number, id: number): Element {
    const custom = this.#custom.get(pen)?.get(id)
    if (custom !== undefined) return { pen, id, name: custom.name, type: custom.type ?? 'octets', semantics: '', unit: '' }
    const known = BUILT_IN.get(pen)?.get(id)
    if (known !== undefined) return known
    if (pen === REVERSE_PEN) {
      const forward = BUILT_IN.get(0)?.get(id)
      if (forward !== undefined) return { ...forward, pen, name: `reverse${forward.name.charAt(0).toUpperCase()}${forward.name.slice(1)}` }
    }
    if (pen === CERT_PEN && id & CERT_REVERSE) {
      const forward = BUILT_IN.get(pen)?.get(id & ~CERT_REVERSE)
      if (forward !== undefined) return { ...forward, id, name: `reverse${forward.name.charAt(0).toUpperCase()}${forward.name.slice(1)}` }
    }
    if (pen === 0 && id > NTOP_V9_BASE) {
      const ntop = BUILT_IN.get(NTOP_PEN)?.get(id - NTOP_V9_BASE)
      if (ntop !== undefined) return ntop
    }
    return { pen, id, name: `e${pen}_${id}`, type: 'octets', semantics: '', unit: '' }
  }

  known(pen: number, id: number): boolean {
    return !/^e\d+_\d+$/.test(this.find(pen, id).name)
  }
}

/** Every built-in element, for documents and pickers. */
export function* builtInElements(): Generator<Element> {
  for (const of of BUILT_IN.values()) yield* of.values()
}
