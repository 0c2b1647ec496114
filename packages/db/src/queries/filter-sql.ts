import { type Field, fieldByName } from '../contracts/fields.ts'
import { catalogued, eachCondition, type Filter, type FilterValue, type PairEnd } from '../contracts/filter.ts'
import { addressBits, formatAddress, maskAddress, parseAddress } from '../contracts/ip.ts'
import type { Parameters } from './parameters.ts'

/** Columns of `flow` that a filter reads: what a rollup must keep to answer it. */
export function filterColumns(filter: Filter | null): Set<string> {
  const columns = new Set<string>()
  if (filter === null) return columns
  eachCondition(filter, (condition) => {
    const field = catalogued(condition.field)
    for (const column of field.columns) columns.add(column)
    const values = condition.kind === 'compare' ? [condition.value] : condition.kind === 'in' ? condition.values : []
    // A name or an address makes an interface index unique: then the exporter matters too.
    if (field.type === 'interface' && values.some((value) => value.kind === 'text' || value.kind === 'interface'))
      columns.add('exporter_id')
  })
  return columns
}

/**
 * A filter as a SQL condition over the columns of `flow` or of a rollup, with every value a parameter. Null selects all: `true`.
 *
 * Two-valued as the language says: SQL's null is false at the leaves, and a negation is written `is not true`, so that rows with an
 * unknown value are on exactly one side. Columns are not qualified; the caller's FROM has one relation.
 */
export function filterSql(filter: Filter | null, parameters: Parameters): string {
  if (filter === null) return 'true'
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.items.map((item) => filterSql(item, parameters)).join(` ${filter.kind} `)})`
    case 'not':
      return `(${filterSql(filter.item, parameters)}) is not true`
    case 'unknown': {
      const condition = unknownSql(catalogued(filter.field))
      return filter.negated ? `(${condition}) is not true` : condition
    }
    case 'in': {
      const condition = listSql(catalogued(filter.field), filter.values, parameters)
      return filter.negated ? `(${condition}) is not true` : condition
    }
    case 'compare': {
      const field = catalogued(filter.field)
      if (filter.operator === '!=') return `(${listSql(field, [filter.value], parameters)}) is not true`
      if (filter.operator === '=') return listSql(field, [filter.value], parameters)
      return orderedSql(field, filter.operator, filter.value, parameters)
    }
  }
}

/** `or` of several conditions; one alone stands bare. */
function anyOf(conditions: readonly string[]): string {
  const [only] = conditions
  if (conditions.length === 1 && only !== undefined) return only
  return `(${conditions.join(' or ')})`
}

function unknownSql(field: Field): string {
  if (field.type === 'exporter') return '(exporter_id in (select id from exporter)) is not true'
  if (field.type === 'service') return 'service_port is null'
  if (field.type === 'boundary') return `(${boundarySql(field, "in ('external', 'internal')")}) is not true`
  return anyOf(field.columns.map((column) => `${column} is null`))
}

function orderedSql(field: Field, operator: '<' | '<=' | '>' | '>=' | 'has', value: FilterValue, parameters: Parameters): string {
  if (value.kind !== 'number') throw new RangeError(`${operator} compares with a number`)
  if (operator === 'has') {
    const flags = parameters.add(value.value, 'int')
    return anyOf(field.columns.map((column) => `(${column}::int & ${flags}) = ${flags}`))
  }
  const bound = parameters.add(value.value, 'bigint')
  return anyOf(field.columns.map((column) => `${column} ${operator} ${bound}`))
}

/** "Is one of": what `=` and `in` share. */
function listSql(field: Field, values: readonly FilterValue[], parameters: Parameters): string {
  switch (field.type) {
    case 'address':
      return anyOf(field.columns.map((column) => addressSql(column, values, parameters)))
    case 'exporter':
      return exporterSql(values, parameters)
    case 'interface':
      return anyOf(field.columns.map((column) => interfaceSql(column, values, parameters)))
    case 'boundary':
      return boundarySql(field, `= any(${parameters.add(texts(values), 'text[]')})`)
    case 'service':
      return anyOf(values.map((value) => serviceSql(value, parameters)))
    case 'conversation':
    case 'as-pair':
    case 'country-pair':
      return anyOf(values.map((value) => pairSql(field, value, parameters)))
    case 'country':
      return anyOf(field.columns.map((column) => `${column} = any(${parameters.add(texts(values), 'text[]')})`))
    case 'mac':
      return anyOf(field.columns.map((column) => `${column} = any(${parameters.add(texts(values), 'macaddr[]')})`))
    default:
      return anyOf(field.columns.map((column) => numberSql(column, values, parameters)))
  }
}

function texts(values: readonly FilterValue[]): string[] {
  return values.flatMap((value) => (value.kind === 'text' ? [value.value] : []))
}

function numberSql(column: string, values: readonly FilterValue[], parameters: Parameters): string {
  const conditions: string[] = []
  const single = values.flatMap((value) => (value.kind === 'number' ? [value.value] : []))
  const [only] = single
  if (single.length === 1 && only !== undefined) conditions.push(`${column} = ${parameters.add(only, 'bigint')}`)
  else if (single.length > 1) conditions.push(`${column} = any(${parameters.add(single, 'bigint[]')})`)
  for (const value of values) {
    if (value.kind === 'range') {
      conditions.push(`${column} between ${parameters.add(value.low, 'bigint')} and ${parameters.add(value.high, 'bigint')}`)
    }
  }
  return anyOf(conditions)
}

/** First and last address of a network. Stored addresses are hosts, and hosts of one family sort by number: a range is exact and cheap. */
function bounds(address: string, length: number): { low: string; high: string } {
  const parsed = parseAddress(address)
  if (parsed === null) throw new RangeError(`'${address}' is not an address`)
  return { low: formatAddress(maskAddress(parsed, length)), high: formatAddress(maskAddress(parsed, length, true)) }
}

function addressSql(column: string, values: readonly FilterValue[], parameters: Parameters): string {
  const hosts: string[] = []
  const conditions: string[] = []
  for (const value of values) {
    if (value.kind === 'network' && value.length === addressBits(value.family)) hosts.push(value.address)
    else if (value.kind === 'network' || value.kind === 'address-range') {
      const { low, high } = value.kind === 'network' ? bounds(value.address, value.length) : value
      conditions.push(`${column} between ${parameters.add(low, 'inet')} and ${parameters.add(high, 'inet')}`)
    }
  }
  const [only] = hosts
  if (hosts.length === 1 && only !== undefined) conditions.unshift(`${column} = ${parameters.add(only, 'inet')}`)
  else if (hosts.length > 1) conditions.unshift(`${column} = any(${parameters.add(hosts, 'inet[]')})`)
  return anyOf(conditions)
}

function exporterSql(values: readonly FilterValue[], parameters: Parameters): string {
  const conditions: string[] = []
  const names = texts(values).map((name) => name.toLowerCase())
  if (names.length > 0) conditions.push(`lower(exporter.name) = any(${parameters.add(names, 'text[]')})`)
  const addresses = values.filter((value) => value.kind === 'network')
  if (addresses.length > 0) conditions.push(addressSql('exporter.address', addresses, parameters))
  return `exporter_id in (select exporter.id from exporter where ${anyOf(conditions)})`
}

function interfaceSql(column: string, values: readonly FilterValue[], parameters: Parameters): string {
  const conditions: string[] = []
  const numbers = values.filter((value) => value.kind === 'number' || value.kind === 'range')
  if (numbers.length > 0) conditions.push(numberSql(column, numbers, parameters))
  const names = texts(values).map((name) => name.toLowerCase())
  if (names.length > 0) {
    conditions.push(
      `(exporter_id, ${column}) in (select interface.exporter_id, interface.if_index from interface where lower(interface.name) = any(${parameters.add(names, 'text[]')}))`,
    )
  }
  for (const value of values) {
    if (value.kind !== 'interface') continue
    const exporter = `exporter_id = (select exporter.id from exporter where exporter.address = ${parameters.add(value.exporter, 'inet')})`
    conditions.push(`(${column} = ${parameters.add(value.index, 'bigint')} and ${exporter})`)
  }
  return anyOf(conditions)
}

function boundarySql(field: Field, condition: string): string {
  const column = field.columns.at(-1) ?? 'in_if'
  return `(exporter_id, ${column}) in (select interface.exporter_id, interface.if_index from interface where interface.boundary ${condition})`
}

function serviceSql(value: FilterValue, parameters: Parameters): string {
  if (value.kind !== 'service') throw new RangeError('a service compares with protocol and port')
  const conditions: string[] = []
  if (value.proto !== null) conditions.push(`proto = ${parameters.add(value.proto, 'bigint')}`)
  if (value.port !== null) conditions.push(`service_port = ${parameters.add(value.port, 'bigint')}`)
  return conditions.length === 1 ? conditions.join('') : `(${conditions.join(' and ')})`
}

function pairSql(field: Field, value: FilterValue, parameters: Parameters): string {
  if (value.kind !== 'pair') throw new RangeError('a pair compares with two ends')
  const [first, second] = field.columns
  if (first === undefined || second === undefined) throw new RangeError(`${field.name} has no two columns`)
  const directed = (src: PairEnd, dst: PairEnd): string =>
    `(${pairEndSql(field, first, src, parameters)} and ${pairEndSql(field, second, dst, parameters)})`
  return value.both ? anyOf([directed(value.src, value.dst), directed(value.dst, value.src)]) : directed(value.src, value.dst)
}

function pairEndSql(field: Field, column: string, end: PairEnd, parameters: Parameters): string {
  if (end === null) return `${column} is null`
  if (field.type === 'as-pair') return `${column} = ${parameters.add(Number(end), 'bigint')}`
  if (field.type === 'country-pair') return `${column} = ${parameters.add(String(end), 'text')}`
  const [address = '', length] = String(end).split('/')
  const parsed = parseAddress(address)
  if (parsed === null) throw new RangeError(`'${end}' is not an address`)
  const value: FilterValue = { kind: 'network', family: parsed.family, address, length: Number(length ?? addressBits(parsed.family)) }
  return addressSql(column, [value], parameters)
}

/** Prefix lengths that the precision 'network' shows and accepts. */
export const NETWORK_PRECISION = { 4: 24, 6: 48 } as const

/**
 * The first field whose value tells hosts apart more finely than /24 or /48, or null: what a reader with precision 'network' may not ask.
 * Ranges of addresses and Ethernet addresses always do.
 */
export function finerThanNetwork(filter: Filter | null): string | null {
  if (filter === null) return null
  let finer: string | null = null
  eachCondition(filter, (condition) => {
    const field = fieldByName(condition.field)
    if (field === undefined || finer !== null || condition.kind === 'unknown') return
    const values = condition.kind === 'in' ? condition.values : [condition.value]
    if (field.type === 'mac' || (field.type !== 'exporter' && values.some(isFiner))) finer = field.name
  })
  return finer
}

function isFiner(value: FilterValue): boolean {
  if (value.kind === 'address-range') return true
  if (value.kind === 'network') return value.length > NETWORK_PRECISION[value.family]
  if (value.kind !== 'pair') return false
  return [value.src, value.dst].some((end) => {
    if (typeof end !== 'string') return false
    const [address = '', length] = end.split('/')
    const parsed = parseAddress(address)
    return parsed !== null && Number(length ?? addressBits(parsed.family)) > NETWORK_PRECISION[parsed.family]
  })
}
