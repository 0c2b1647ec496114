/**
 * The same answers by brute force, for tests: every flow is looked at, one by one, in plain TypeScript that shares no code with the SQL.
 * Slow and obvious on purpose.
 */
import { catalogued, type Filter, type FilterValue, type PairEnd } from '../../contracts/filter.ts'
import { parseAddress } from '../../contracts/ip.ts'

/** A stored flow with the values a test compares. Null: unknown. */
export interface OracleFlow {
  /** Epoch milliseconds. */
  time: number
  exporter_id: number
  src_addr: string | null
  dst_addr: string | null
  src_port: number | null
  dst_port: number | null
  service_port: number | null
  proto: number | null
  bytes: bigint
  packets: bigint
  sampling_rate: number | null
  in_if: number | null
  out_if: number | null
  src_as: number | null
  dst_as: number | null
  src_country: string | null
  dst_country: string | null
  tcp_flags: number | null
  ip_tos: number | null
  etype: number | null
  type: number
  src_vlan: number | null
  dst_vlan: number | null
  vlan_id: number | null
  duration_ms: number
  event_kind: number | null
  /** Counted from another exporter. */
  witness: boolean
}

export interface OracleExporter {
  id: number
  address: string
  name: string | null
  interfaces: { index: number; name: string | null; boundary: 'external' | 'internal' | null }[]
}

type Column = keyof OracleFlow

function columnOf(name: string): Column {
  const columns: readonly string[] = [
    'time',
    'exporter_id',
    'src_addr',
    'dst_addr',
    'src_port',
    'dst_port',
    'service_port',
    'proto',
    'bytes',
    'packets',
    'sampling_rate',
    'in_if',
    'out_if',
    'src_as',
    'dst_as',
    'src_country',
    'dst_country',
    'tcp_flags',
    'ip_tos',
    'etype',
    'type',
    'src_vlan',
    'dst_vlan',
    'vlan_id',
    'duration_ms',
    'event_kind',
  ] satisfies Column[]
  if (!columns.includes(name)) throw new Error(`the oracle has no column ${name}`)
  return name as Column
}

const toNumber = (value: OracleFlow[Column]): number | null => (value === null || typeof value === 'string' ? null : Number(value))

/** Does the flow pass the filter? A comparison with an unknown value is false. */
export function passes(filter: Filter | null, flow: OracleFlow, exporters: readonly OracleExporter[]): boolean {
  if (filter === null) return true
  switch (filter.kind) {
    case 'and':
      return filter.items.every((item) => passes(item, flow, exporters))
    case 'or':
      return filter.items.some((item) => passes(item, flow, exporters))
    case 'not':
      return !passes(filter.item, flow, exporters)
    case 'unknown':
      return unknown(filter.field, flow, exporters) !== filter.negated
    case 'in':
      return filter.values.some((value) => matches(filter.field, value, flow, exporters)) !== filter.negated
    case 'compare': {
      if (filter.operator === '=') return matches(filter.field, filter.value, flow, exporters)
      if (filter.operator === '!=') return !matches(filter.field, filter.value, flow, exporters)
      const { operator, value } = filter
      if (value.kind !== 'number') throw new Error('an order needs a number')
      return catalogued(filter.field).columns.some((column) => {
        const actual = toNumber(flow[columnOf(column)])
        if (actual === null) return false
        if (operator === '<') return actual < value.value
        if (operator === '<=') return actual <= value.value
        if (operator === '>') return actual > value.value
        if (operator === '>=') return actual >= value.value
        return (actual & value.value) === value.value
      })
    }
  }
}

function unknown(name: string, flow: OracleFlow, exporters: readonly OracleExporter[]): boolean {
  const field = catalogued(name)
  if (field.type === 'exporter') return !exporters.some((exporter) => exporter.id === flow.exporter_id)
  if (field.type === 'service') return flow.service_port === null
  if (field.type === 'boundary') return boundaryOf(name, flow, exporters) === null
  return field.columns.some((column) => flow[columnOf(column)] === null)
}

function boundaryOf(name: string, flow: OracleFlow, exporters: readonly OracleExporter[]): string | null {
  const index = name === 'in_boundary' ? flow.in_if : flow.out_if
  const exporter = exporters.find((known) => known.id === flow.exporter_id)
  return exporter?.interfaces.find((known) => known.index === index)?.boundary ?? null
}

function within(address: string | null, value: FilterValue): boolean {
  const actual = address === null ? null : parseAddress(address)
  if (actual === null) return false
  if (value.kind === 'address-range') {
    const [low, high] = [parseAddress(value.low), parseAddress(value.high)]
    return low !== null && high !== null && actual.family === low.family && actual.value >= low.value && actual.value <= high.value
  }
  if (value.kind !== 'network') return false
  const network = parseAddress(value.address)
  if (network === null || network.family !== actual.family) return false
  const shift = BigInt((actual.family === 4 ? 32 : 128) - value.length)
  return actual.value >> shift === network.value >> shift
}

function endMatches(type: string, actual: OracleFlow[Column], end: PairEnd): boolean {
  if (end === null) return actual === null
  if (actual === null) return false
  if (type !== 'conversation') return String(actual) === String(end)
  const [address = '', length] = String(end).split('/')
  const family = parseAddress(address)?.family ?? 4
  return within(String(actual), { kind: 'network', family, address, length: Number(length ?? (family === 4 ? 32 : 128)) })
}

function matches(name: string, value: FilterValue, flow: OracleFlow, exporters: readonly OracleExporter[]): boolean {
  const field = catalogued(name)
  const exporter = exporters.find((known) => known.id === flow.exporter_id)
  switch (field.type) {
    case 'exporter':
      if (exporter === undefined) return false
      return value.kind === 'text' ? exporter.name?.toLowerCase() === value.value.toLowerCase() : within(exporter.address, value)
    case 'boundary':
      return value.kind === 'text' && boundaryOf(name, flow, exporters) === value.value
    case 'service':
      return (
        value.kind === 'service' &&
        (value.proto === null || flow.proto === value.proto) &&
        (value.port === null || flow.service_port === value.port)
      )
    case 'conversation':
    case 'as-pair':
    case 'country-pair': {
      if (value.kind !== 'pair') return false
      const [first = '', second = ''] = field.columns
      const directed = (src: PairEnd, dst: PairEnd): boolean =>
        endMatches(field.type, flow[columnOf(first)], src) && endMatches(field.type, flow[columnOf(second)], dst)
      return directed(value.src, value.dst) || (value.both && directed(value.dst, value.src))
    }
    default:
      return field.columns.some((column) => {
        const actual = flow[columnOf(column)]
        if (field.type === 'address') return within(actual === null ? null : String(actual), value)
        if (field.type === 'interface' && value.kind === 'text') {
          const known = exporter?.interfaces.find((one) => one.index === actual)
          return known?.name?.toLowerCase() === value.value.toLowerCase()
        }
        if (value.kind === 'interface') return exporter?.address === value.exporter && actual === value.index
        if (value.kind === 'text') return actual === value.value
        const number = toNumber(actual)
        if (number === null) return false
        if (value.kind === 'number') return number === value.value
        return value.kind === 'range' && number >= value.low && number <= value.high
      })
  }
}

export interface OracleSums {
  flows: bigint
  bytes: bigint
  packets: bigint
}

/** Adds a flow to sums, scaled by its sampling rate when asked; unknown, 0 and 1 all count once. */
export function addFlow(sums: OracleSums, flow: OracleFlow, scaled: boolean): OracleSums {
  const rate = scaled && flow.sampling_rate !== null && flow.sampling_rate > 1 ? BigInt(flow.sampling_rate) : 1n
  return { flows: sums.flows + 1n, bytes: sums.bytes + flow.bytes * rate, packets: sums.packets + flow.packets * rate }
}

export const NOTHING: OracleSums = { flows: 0n, bytes: 0n, packets: 0n }

/** What a flow adds to which moment: all of it to its end, or a part to each minute that a long one went on in, and no flow there. */
export function partsOf(flow: OracleFlow): OracleFlow[] {
  if (flow.duration_ms <= 90_000 || flow.event_kind !== null || (flow.bytes === 0n && flow.packets === 0n)) return [flow]
  if (flow.duration_ms > 3_600_000 || flow.bytes > 2n ** 45n) throw new Error('the oracle spreads small flows over an hour at most')
  const start = flow.time - flow.duration_ms
  const upTo = (value: bigint, moment: number): bigint =>
    BigInt(Math.floor(Number(value) * Math.min(1, Math.max(0, (moment - start) / flow.duration_ms))))
  const parts: OracleFlow[] = []
  for (let minute = Math.floor(start / 60_000) * 60_000; minute <= flow.time; minute += 60_000) {
    const own = minute + 60_000 > flow.time
    const end = own ? flow.time : minute + 60_000
    const part = (value: bigint): bigint => upTo(value, end) - upTo(value, minute)
    parts.push({ ...flow, time: own ? flow.time : minute, bytes: part(flow.bytes), packets: part(flow.packets) })
  }
  return parts
}

/**
 * Sums per group of the traffic in [from, to) that passes the filter. `group` names a flow's group as text. Witnesses count when the question
 * is about what exporters saw.
 */
export function sumBy(
  flows: readonly OracleFlow[],
  exporters: readonly OracleExporter[],
  question: { from: number; to: number; filter: Filter | null; scaled: boolean; sightings?: boolean },
  group: (flow: OracleFlow) => string,
): Map<string, OracleSums> {
  const groups = new Map<string, OracleSums>()
  for (const flow of flows) {
    if (flow.event_kind !== null || (flow.witness && question.sightings !== true)) continue
    if (!passes(question.filter, flow, exporters)) continue
    for (const part of partsOf(flow)) {
      if (part.time < question.from || part.time >= question.to) continue
      const key = group(part)
      const sums = addFlow(groups.get(key) ?? NOTHING, part, question.scaled)
      groups.set(key, part.time === flow.time ? sums : { ...sums, flows: sums.flows - 1n })
    }
  }
  return groups
}
