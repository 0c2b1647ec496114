import { readFileSync } from 'node:fs'
import { type CustomElement, ElementRegistry } from '@weir/decoder'

/** More than any vendor has. */
const MAX_ELEMENTS = 10_000
const MAX_OCTETS = 4 * 1024 * 1024
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
const KEYS = new Set(['pen', 'id', 'name', 'type', 'as'])
const TYPES = new Set<string>(
  'u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 bool mac octets text seconds ms us ns ip4 ip6 list stl stml'.split(' '),
)

/**
 * The site's own elements: a JSON array of `{"pen": 4242, "id": 1, "name": "customerBytes", "type": "u64", "as": 1}`.
 *
 * `pen` is the enterprise number (0 for types of NetFlow v9 that no one registered), `name` the key in `extra`, `type` how octets are read
 * (default `octets`, shown as hex). With `as` the value counts as that IANA element instead. Throws an Error that says which entry is wrong.
 */
export function readElements(path: string): CustomElement[] {
  const text = readFileSync(path, 'utf8')
  if (text.length > MAX_OCTETS) throw new Error(`it is longer than ${MAX_OCTETS} octets`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Error(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!Array.isArray(json)) throw new Error('it holds no array')
  if (json.length > MAX_ELEMENTS) throw new Error(`it holds more than ${MAX_ELEMENTS} elements`)
  const seen = new Set<string>()
  return json.map((entry: unknown, i) => {
    const element = check(entry, `element ${i + 1}`)
    const key = `${element.pen}/${element.id}`
    if (seen.has(key)) throw new Error(`element ${i + 1}: ${key} stands there twice`)
    seen.add(key)
    return element
  })
}

function check(entry: unknown, where: string): CustomElement {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw new Error(`${where} is no object`)
  for (const key of Object.keys(entry))
    if (!KEYS.has(key)) throw new Error(`${where}: "${key}" is unknown; there are ${[...KEYS].join(', ')}`)
  const { pen, id, name, type, as } = entry as Record<string, unknown>
  if (!whole(pen, 0xffffffff)) throw new Error(`${where}: "pen" must be an enterprise number, 0 to 4294967295`)
  if (!whole(id, 0xffff)) throw new Error(`${where}: "id" must be an element number, 0 to 65535`)
  if (typeof name !== 'string' || !NAME.test(name)) throw new Error(`${where}: "name" must be a letter and up to 63 letters, digits or _`)
  const element: CustomElement = { pen, id, name }
  if (type !== undefined) {
    if (!isType(type)) throw new Error(`${where}: "type" must be one of ${[...TYPES].join(', ')}`)
    element.type = type
  }
  if (as !== undefined) {
    if (!whole(as, 0x7fff) || !new ElementRegistry().known(0, as)) throw new Error(`${where}: "as" must be the number of an IANA element`)
    element.as = as
  }
  return element
}

function whole(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
}

function isType(value: unknown): value is NonNullable<CustomElement['type']> {
  return typeof value === 'string' && TYPES.has(value)
}
