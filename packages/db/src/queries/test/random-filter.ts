/** Random filters whose values are those of the random traffic, so that they select something. For tests. */

import { FILTER_FIELDS, type Field } from '../../contracts/fields.ts'
import type { Filter, FilterValue } from '../../contracts/filter.ts'
import { fieldOperators } from '../../contracts/filter.ts'
import { formatAddress, maskAddress, parseAddress } from '../../contracts/ip.ts'
import { ADDRESSES, COUNTRIES, PORTS, PROTOCOLS, SYSTEMS, VLANS } from './traffic.ts'

/** Fields the random traffic fills. */
const FIELDS = FILTER_FIELDS.filter(
  (field) =>
    ![
      'icmp_type',
      'icmp_code',
      'ip_ttl',
      'ip_flags',
      'fragment_id',
      'fragment_offset',
      'ipv6_flow_label',
      'src_mac',
      'dst_mac',
      'mac',
      'src_mask',
      'dst_mask',
      'next_hop',
      'bgp_next_hop',
      'next_hop_as',
      'forwarding_status',
      'flow_end_reason',
      'direction',
      'observation_domain_id',
      'observation_point_id',
      'sequence_num',
    ].includes(field.name),
)

/** Fields that some rollup keeps: half of the filters use only these, so that rollups are tried as well. */
const ROLLED = FIELDS.filter((field) => field.rollups.length > 0)

export interface Dice {
  below(n: number): number
  pick<T>(values: readonly T[]): T
}

export function dice(random: () => number): Dice {
  const below = (n: number): number => Math.floor(random() * n)
  return {
    below,
    pick: (values) => {
      const value = values[below(values.length)]
      if (value === undefined) throw new Error('an empty list has nothing to pick')
      return value
    },
  }
}

function address(roll: Dice): FilterValue {
  const parsed = parseAddress(roll.pick(ADDRESSES))
  if (parsed === null) throw new Error('the traffic has an address that is none')
  const lengths = parsed.family === 4 ? [8, 16, 24, 30, 32, 32] : [16, 32, 48, 64, 128, 128]
  const length = roll.pick(lengths)
  return { kind: 'network', family: parsed.family, address: formatAddress(maskAddress(parsed, length)), length }
}

function numberFrom(values: readonly number[]): (roll: Dice) => FilterValue {
  return (roll) => {
    if (roll.below(4) > 0) return { kind: 'number', value: roll.pick(values) }
    const [a, b] = [roll.pick(values), roll.pick(values)]
    return a === b ? { kind: 'number', value: a } : { kind: 'range', low: Math.min(a, b), high: Math.max(a, b) }
  }
}

function valueFor(field: Field, roll: Dice): FilterValue {
  const end = (make: () => string | number): string | number | null => (roll.below(5) === 0 ? null : make())
  const pair = (make: () => string | number): FilterValue => ({ kind: 'pair', src: end(make), dst: end(make), both: roll.below(2) === 0 })
  switch (field.type) {
    case 'address':
      return address(roll)
    case 'exporter':
      return roll.pick<FilterValue>([
        { kind: 'text', value: 'EDGE-1' },
        { kind: 'text', value: 'nobody' },
        { kind: 'network', family: 4, address: '192.0.2.2', length: 32 },
        { kind: 'network', family: 6, address: '2001:db8::', length: 32 },
      ])
    case 'interface':
      return roll.pick<FilterValue>([
        { kind: 'number', value: 1 },
        { kind: 'range', low: 2, high: 77 },
        { kind: 'text', value: 'gi0/1' },
        { kind: 'interface', exporter: '192.0.2.1', index: 2 },
      ])
    case 'boundary':
      return { kind: 'text', value: roll.pick(['external', 'internal']) }
    case 'service':
      return roll.pick<FilterValue>([
        { kind: 'service', proto: 6, port: 443 },
        { kind: 'service', proto: null, port: 53 },
        { kind: 'service', proto: 1, port: null },
      ])
    case 'conversation':
      return pair(() => {
        const value = address(roll)
        return value.kind === 'network'
          ? `${value.address}/${value.length}`.replace(/\/(32|128)$/, (_, n: string) =>
              (n === '32') === (value.family === 4) ? '' : `/${n}`,
            )
          : ''
      })
    case 'as-pair':
      return pair(() => roll.pick(SYSTEMS))
    case 'country-pair':
      return pair(() => roll.pick(COUNTRIES))
    case 'country':
      return { kind: 'text', value: roll.pick(COUNTRIES) }
    case 'port':
      return numberFrom(PORTS)(roll)
    case 'proto':
      return { kind: 'number', value: roll.pick(PROTOCOLS) }
    case 'as':
      return numberFrom(SYSTEMS)(roll)
    case 'flags':
      return { kind: 'number', value: roll.pick([0, 2, 16, 18]) }
    case 'flow-type':
      return { kind: 'number', value: roll.pick([5, 9, 10, 105, 1]) }
    default:
      return numberFrom(VALUES[field.name] ?? [0, 1, 1_000])(roll)
  }
}

const VALUES: Readonly<Record<string, readonly number[]>> = {
  bytes: [0, 1_000, 500_000, 900_000],
  packets: [1, 10, 500],
  duration_ms: [0, 1_000, 61_000],
  etype: [2_048, 34_525],
  ip_tos: [0, 184, 255],
  src_vlan: VLANS,
  dst_vlan: VLANS,
  vlan_id: VLANS,
  vlan: VLANS,
  sampling_rate: [1, 100, 4_096],
}

function condition(roll: Dice, fields: readonly Field[]): Filter {
  const field = roll.pick(fields)
  const kind = roll.below(10)
  if (kind === 0) return { kind: 'unknown', field: field.name, negated: roll.below(2) === 0 }
  if (kind < 4) {
    const values = Array.from({ length: 1 + roll.below(3) }, () => valueFor(field, roll))
    return { kind: 'in', field: field.name, negated: roll.below(3) === 0, values }
  }
  const value = valueFor(field, roll)
  const operator = roll.pick(fieldOperators(field))
  return { kind: 'compare', field: field.name, operator: value.kind === 'number' || operator === '!=' ? operator : '=', value }
}

/** A filter with up to four conditions; null now and then. `rolled`: only fields that rollups keep. */
export function randomFilter(roll: Dice, rolled: boolean, depth = 2): Filter | null {
  if (depth === 2 && roll.below(4) === 0) return null
  const fields = rolled ? ROLLED : FIELDS
  const kind = depth === 0 ? 0 : roll.below(4)
  const item = (): Filter => randomFilter(roll, rolled, depth - 1) ?? condition(roll, fields)
  const several = (kindOf: 'and' | 'or'): Filter => ({
    kind: kindOf,
    items: [item(), item()].flatMap((one) => (one.kind === kindOf ? one.items : [one])),
  })
  if (kind === 1) return several('and')
  if (kind === 2) return several('or')
  if (kind === 3) return { kind: 'not', item: item() }
  return condition(roll, fields)
}
