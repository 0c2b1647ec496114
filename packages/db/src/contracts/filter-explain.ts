import type { Field } from './fields.ts'
import { catalogued, type Filter, type FilterValue } from './filter.ts'
import { printValue } from './filter-values.ts'
import { portName, protocolLabel } from './services.ts'

const NAMES: Readonly<Record<string, string>> = {
  src_addr: 'source address',
  dst_addr: 'destination address',
  addr: 'source or destination address',
  conversation: 'conversation',
  proto: 'protocol',
  service: 'service',
  service_port: 'server port',
  src_port: 'source port',
  dst_port: 'destination port',
  port: 'source or destination port',
  duration_ms: 'duration',
  src_as: 'source AS',
  dst_as: 'destination AS',
  as: 'source or destination AS',
  as_pair: 'AS pair',
  src_country: 'source country',
  dst_country: 'destination country',
  country: 'source or destination country',
  country_pair: 'country pair',
  in_if: 'entry interface',
  out_if: 'exit interface',
  if: 'entry or exit interface',
  in_boundary: 'entry boundary',
  out_boundary: 'exit boundary',
  tcp_flags: 'TCP flags',
  type: 'export format',
  src_mac: 'source MAC',
  dst_mac: 'destination MAC',
  mac: 'source or destination MAC',
  vlan: 'any VLAN',
}

function nameOf(field: Field): string {
  return NAMES[field.name] ?? field.name.replaceAll('_', ' ')
}

const countryNames = new Intl.DisplayNames('en', { type: 'region', fallback: 'code' })

function valueText(field: Field, value: FilterValue): string {
  if (value.kind === 'number') {
    if (field.type === 'proto') return protocolLabel(value.value)
    if (field.type === 'as') return `AS${value.value}`
    if (field.type === 'port') {
      const name = portName(value.value)
      return name === null ? String(value.value) : `${value.value} (${name})`
    }
    if (field.type === 'duration') return value.value % 1_000 === 0 ? `${value.value / 1_000} s` : `${value.value} ms`
    return field.unit === null ? printValue(field, value) : `${value.value} ${field.unit}`
  }
  if (value.kind === 'range') return `${value.low} to ${value.high}`
  if (value.kind === 'address-range') return `${value.low} to ${value.high}`
  if (field.type === 'country' && value.kind === 'text') return countryNames.of(value.value) ?? value.value
  return printValue(field, value)
}

function isNetwork(value: FilterValue): boolean {
  return value.kind === 'network' && value.length < (value.family === 4 ? 32 : 128)
}

const COMPARISON = {
  '=': 'is',
  '!=': 'is not',
  '<': 'is below',
  '<=': 'is at most',
  '>': 'is above',
  '>=': 'is at least',
  has: 'includes',
} as const

function either(texts: readonly string[]): string {
  return texts.length < 2 ? (texts[0] ?? '') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`
}

/** The filter as an English phrase, such as "source address is in 10.0.0.0/8, and protocol is not UDP". '' for null. */
export function explainFilter(filter: Filter | null): string {
  if (filter === null) return ''
  switch (filter.kind) {
    case 'and':
      return filter.items.map((item) => (item.kind === 'or' ? `(${explainFilter(item)})` : explainFilter(item))).join(', and ')
    case 'or':
      return filter.items.map((item) => (item.kind === 'and' ? `(${explainFilter(item)})` : explainFilter(item))).join(', or ')
    case 'not':
      return `not (${explainFilter(filter.item)})`
    case 'unknown':
      return `${nameOf(catalogued(filter.field))} is ${filter.negated ? 'known' : 'unknown'}`
    case 'in': {
      const field = catalogued(filter.field)
      return `${nameOf(field)} is ${filter.negated ? 'none of ' : ''}${either(filter.values.map((value) => valueText(field, value)))}`
    }
    case 'compare': {
      const field = catalogued(filter.field)
      const inside = isNetwork(filter.value) || filter.value.kind === 'range' || filter.value.kind === 'address-range' ? ' in' : ''
      return `${nameOf(field)} ${COMPARISON[filter.operator]}${inside} ${valueText(field, filter.value)}`
    }
  }
}
