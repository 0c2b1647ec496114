import type pg from 'pg'
import { DIMENSIONS, type Dimension } from '../contracts/api.ts'
import { type Filter, type FilterValue, printFilter } from '../contracts/filter.ts'
import { parseAddress } from '../contracts/ip.ts'
import type { Precision } from '../contracts/questions.ts'
import {
  etypeLabel,
  flowTypeText,
  portLabel,
  protocolLabel,
  protocolName,
  serviceLabel,
  tcpFlagsText,
  tosLabel,
} from '../contracts/services.ts'
import { NETWORK_PRECISION } from './filter-sql.ts'

/** SQL type of a grouped column, which decides its text and the value that stands for null in joins. */
type KeyType = 'address' | 'number' | 'text'

interface Key {
  column: string
  type: KeyType
}

/** Columns a dimension groups by, in the order of its key. */
const KEYS: Readonly<Record<Dimension, readonly Key[]>> = {
  src_addr: [{ column: 'src_addr', type: 'address' }],
  dst_addr: [{ column: 'dst_addr', type: 'address' }],
  conversation: [
    { column: 'src_addr', type: 'address' },
    { column: 'dst_addr', type: 'address' },
  ],
  service: [
    { column: 'proto', type: 'number' },
    { column: 'service_port', type: 'number' },
  ],
  proto: [{ column: 'proto', type: 'number' }],
  src_port: [{ column: 'src_port', type: 'number' }],
  dst_port: [{ column: 'dst_port', type: 'number' }],
  src_as: [{ column: 'src_as', type: 'number' }],
  dst_as: [{ column: 'dst_as', type: 'number' }],
  as_pair: [
    { column: 'src_as', type: 'number' },
    { column: 'dst_as', type: 'number' },
  ],
  src_country: [{ column: 'src_country', type: 'text' }],
  dst_country: [{ column: 'dst_country', type: 'text' }],
  country_pair: [
    { column: 'src_country', type: 'text' },
    { column: 'dst_country', type: 'text' },
  ],
  exporter: [{ column: 'exporter_id', type: 'number' }],
  in_if: [
    { column: 'exporter_id', type: 'number' },
    { column: 'in_if', type: 'number' },
  ],
  out_if: [
    { column: 'exporter_id', type: 'number' },
    { column: 'out_if', type: 'number' },
  ],
  type: [{ column: 'type', type: 'number' }],
  etype: [{ column: 'etype', type: 'number' }],
  ip_tos: [{ column: 'ip_tos', type: 'number' }],
  tcp_flags: [{ column: 'tcp_flags', type: 'number' }],
  src_vlan: [{ column: 'src_vlan', type: 'number' }],
  dst_vlan: [{ column: 'dst_vlan', type: 'number' }],
}

export { DIMENSIONS }

/** Columns of `flow` the dimension reads. */
export function dimensionColumns(dimension: Dimension): string[] {
  return KEYS[dimension].map((key) => key.column)
}

/** An address column cut to the precision: as it is, or its /24 or /48. */
export function addressExpression(column: string, precision: Precision): string {
  if (precision === 'host') return column
  return `network(set_masklen(${column}, case when family(${column}) = 4 then ${NETWORK_PRECISION[4]} else ${NETWORK_PRECISION[6]} end))::inet`
}

/**
 * What a dimension groups by: `name` k1, k2 …; `sql` over the relation; `type` in SQL; `text` prints the grouped value, and the type reads it
 * back; `absent` stands for null in joins.
 */
export interface GroupKey {
  name: string
  sql: string
  type: 'inet' | 'bigint' | 'text'
  text: string
  absent: string
}

export function groupKeys(dimension: Dimension, precision: Precision): GroupKey[] {
  return KEYS[dimension].map(({ column, type }, index) => {
    const name = `k${index + 1}`
    if (type === 'address') {
      // 0.0.0.0/0 is no host and no network of the two precisions, so it cannot be a real key.
      const text = precision === 'host' ? `host(${name})` : `${name}::text`
      return { name, sql: addressExpression(column, precision), type: 'inet', text, absent: `'0.0.0.0/0'::inet` }
    }
    return type === 'number'
      ? { name, sql: column, type: 'bigint', text: `${name}::text`, absent: '-1' }
      : { name, sql: column, type: 'text', text: `${name}::text`, absent: `''` }
  })
}

/** A group's key for the API. */
export interface NamedKey {
  key: string | null
  label: string
  filter: string
}

interface KnownExporter {
  address: string
  name: string | null
}

/** Names that the database knows for the keys of an answer. */
export class Names {
  readonly #exporters = new Map<number, KnownExporter>()
  readonly #interfaces = new Map<string, string>()
  readonly #systems = new Map<number, string>()

  exporter(id: number): KnownExporter | undefined {
    return this.#exporters.get(id)
  }

  interfaceName(exporterId: number, index: number): string | undefined {
    return this.#interfaces.get(`${exporterId}#${index}`)
  }

  system(asn: number): string | undefined {
    return this.#systems.get(asn)
  }

  /** Look up everything the keys of `dimension` may need: one small query per kind of name. `keys` are the texts of k1, k2. */
  static async load(client: pg.PoolClient, dimension: Dimension, keys: readonly (readonly (string | null)[])[]): Promise<Names> {
    const names = new Names()
    if (keys.length === 0) return names
    const numbers = [...new Set(keys.flat().flatMap((text) => (text === null ? [] : [text])))]
    if (dimension === 'src_as' || dimension === 'dst_as' || dimension === 'as_pair') {
      const { rows } = await client.query<{ asn: string; name: string }>('select asn, name from as_name where asn = any($1::bigint[])', [
        numbers,
      ])
      for (const row of rows) names.#systems.set(Number(row.asn), row.name)
    }
    if (dimension === 'exporter' || dimension === 'in_if' || dimension === 'out_if') {
      const ids = [...new Set(keys.flatMap(([id]) => (id === null || id === undefined ? [] : [id])))]
      const exporters = await client.query<{ id: number; address: string; name: string | null }>(
        'select id, host(address) as address, name from exporter where id = any($1::int[])',
        [ids],
      )
      for (const row of exporters.rows) names.#exporters.set(row.id, { address: row.address, name: row.name })
      if (dimension !== 'exporter') {
        const interfaces = await client.query<{ exporter_id: number; if_index: string; name: string }>(
          'select exporter_id, if_index, name from interface where exporter_id = any($1::int[]) and name is not null',
          [ids],
        )
        for (const row of interfaces.rows) names.#interfaces.set(`${row.exporter_id}#${row.if_index}`, row.name)
      }
    }
    return names
  }
}

const countries = new Intl.DisplayNames('en', { type: 'region', fallback: 'code' })

/** English name of a country code; the code itself when it is none of ISO 3166-1. */
export function countryName(code: string): string {
  try {
    return countries.of(code) ?? code
  } catch {
    // Intl refuses texts that are not formed like a region code; such a text names itself.
    return code
  }
}

const number = (value: number): FilterValue => ({ kind: 'number', value })
const text = (value: string): FilterValue => ({ kind: 'text', value })

/** An address or network as the filter's value. */
export function networkValue(address: string): FilterValue {
  const [host = '', length] = address.split('/')
  const family = parseAddress(host)?.family ?? 4
  return { kind: 'network', family, address: host, length: length === undefined ? (family === 4 ? 32 : 128) : Number(length) }
}

/** `field = value`, or `field is unknown` for null. */
export function equals(field: string, value: FilterValue | null): Filter {
  if (value === null) return { kind: 'unknown', field, negated: false }
  return { kind: 'compare', field, operator: '=', value }
}

const both = (items: Filter[]): string => printFilter({ kind: 'and', items })

/** Key, label and filter of one group from the texts of its key columns. */
export function nameKey(dimension: Dimension, keys: readonly (string | null)[], names: Names): NamedKey {
  const [first = null, second = null] = keys
  switch (dimension) {
    case 'conversation':
      return pairKey(first, second, (end) => end, both([equals('src_addr', addressValue(first)), equals('dst_addr', addressValue(second))]))
    case 'as_pair':
      return pairKey(
        first,
        second,
        (end) => systemLabel(Number(end), names),
        both([equals('src_as', numberValue(first)), equals('dst_as', numberValue(second))]),
      )
    case 'country_pair':
      return pairKey(first, second, countryName, both([equals('src_country', textValue(first)), equals('dst_country', textValue(second))]))
    case 'service':
      return serviceKey(numeric(first), numeric(second))
    case 'in_if':
    case 'out_if':
      return interfaceKey(dimension, Number(first), numeric(second), names)
    case 'exporter':
      return exporterKey(Number(first), names)
    default:
      return singleKey(dimension, first, names)
  }
}

const numeric = (key: string | null): number | null => (key === null ? null : Number(key))
const addressValue = (key: string | null): FilterValue | null => (key === null ? null : networkValue(key))
const numberValue = (key: string | null): FilterValue | null => (key === null ? null : number(Number(key)))
const textValue = (key: string | null): FilterValue | null => (key === null ? null : text(key))

function pairKey(first: string | null, second: string | null, label: (end: string) => string, filter: string): NamedKey {
  const shown = (end: string | null): string => (end === null ? 'unknown' : label(end))
  return {
    key: first === null && second === null ? null : `${first ?? 'unknown'} -> ${second ?? 'unknown'}`,
    label: first === null && second === null ? 'unknown' : `${shown(first)} → ${shown(second)}`,
    filter,
  }
}

function serviceKey(proto: number | null, port: number | null): NamedKey {
  const label = serviceLabel(proto, port)
  const filter = both([equals('proto', proto === null ? null : number(proto)), equals('service_port', port === null ? null : number(port))])
  if (proto === null) return { key: port === null ? null : String(port), label, filter }
  return { key: port === null ? protocolName(proto) : `${protocolName(proto)}/${port}`, label, filter }
}

function exporterKey(id: number, names: Names): NamedKey {
  const exporter = names.exporter(id)
  // Flows of an exporter whose row is gone (its removal is under way) cannot be told apart by address.
  if (exporter === undefined) return { key: `#${id}`, label: `removed exporter ${id}`, filter: 'exporter is unknown' }
  return {
    key: exporter.address,
    label: exporter.name ?? exporter.address,
    filter: printFilter(equals('exporter', networkValue(exporter.address))),
  }
}

function interfaceKey(dimension: 'in_if' | 'out_if', exporterId: number, index: number | null, names: Names): NamedKey {
  const exporter = exporterKey(exporterId, names)
  const filter = `${exporter.filter} and ${printFilter(equals(dimension, index === null ? null : number(index)))}`
  if (index === null) return { key: `${exporter.key ?? ''}#unknown`, label: `${exporter.label} unknown`, filter }
  return {
    key: `${exporter.key ?? ''}#${index}`,
    label: `${exporter.label} ${names.interfaceName(exporterId, index) ?? `if ${index}`}`,
    filter,
  }
}

function systemLabel(asn: number, names: Names): string {
  const name = names.system(asn)
  return name === undefined ? `AS${asn}` : `AS${asn} ${name}`
}

function singleKey(dimension: Dimension, key: string | null, names: Names): NamedKey {
  if (key === null) return { key: null, label: 'unknown', filter: printFilter(equals(dimension, null)) }
  switch (dimension) {
    case 'src_addr':
    case 'dst_addr':
      return { key, label: key, filter: printFilter(equals(dimension, networkValue(key))) }
    case 'src_country':
    case 'dst_country':
      return { key, label: countryName(key), filter: printFilter(equals(dimension, text(key))) }
    default: {
      const value = Number(key)
      const filter = printFilter(equals(dimension, number(value)))
      return { key: numberKey(dimension, value), label: numberLabel(dimension, value, names), filter }
    }
  }
}

function numberKey(dimension: Dimension, value: number): string {
  if (dimension === 'proto') return protocolName(value)
  if (dimension === 'tcp_flags') return tcpFlagsText(value)
  if (dimension === 'type') return flowTypeText(value) ?? String(value)
  return String(value)
}

function numberLabel(dimension: Dimension, value: number, names: Names): string {
  switch (dimension) {
    case 'proto':
      return protocolLabel(value)
    case 'src_port':
    case 'dst_port':
      return portLabel(value)
    case 'src_as':
    case 'dst_as':
      return systemLabel(value, names)
    case 'type':
      return flowTypeText(value) ?? String(value)
    case 'etype':
      return etypeLabel(value)
    case 'ip_tos':
      return tosLabel(value)
    case 'tcp_flags':
      return tcpFlagsText(value)
    case 'src_vlan':
    case 'dst_vlan':
      return `VLAN ${value}`
    default:
      return String(value)
  }
}
