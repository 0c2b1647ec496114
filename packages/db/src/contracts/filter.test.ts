import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FIELDS, FILTER_FIELDS, type Field } from './fields.ts'
import {
  addToFilter,
  type Filter,
  FilterError,
  type FilterValue,
  fieldOperators,
  filterParts,
  parseFilter,
  printFilter,
  removeFromFilter,
} from './filter.ts'
import { FILTER_LIMITS } from './filter-ast.ts'
import { completions } from './filter-complete.ts'
import { explainFilter } from './filter-explain.ts'
import { formatAddress, maskAddress, parseAddress } from './ip.ts'
import { FLOW_TYPES } from './services.ts'

const v4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ({ family: 4 as const, value }))
const v6 = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    fc.bigInt({ min: 0n, max: 2n ** 49n }),
    fc.constantFrom(0n, 1n, 1n << 112n, 0xffff01020304n),
  )
  .map((value) => ({ family: 6 as const, value }))
const ip = fc.oneof(v4, v6)

const network: fc.Arbitrary<FilterValue & { kind: 'network' }> = fc.tuple(ip, fc.nat(128)).map(([address, wanted]) => {
  const length = Math.min(wanted, address.family === 4 ? 32 : 128)
  return { kind: 'network', family: address.family, address: formatAddress(maskAddress(address, length)), length }
})
const networkText = network.map((n) => (n.length === (n.family === 4 ? 32 : 128) ? n.address : `${n.address}/${n.length}`))
const country = fc.constantFrom('DE', 'US', 'IN', 'IS', 'OR', 'NO')
const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => text.trim() !== '')

function numberOf(field: Field): fc.Arbitrary<number> {
  return fc.nat(field.max ?? Number.MAX_SAFE_INTEGER)
}

function valueOfField(field: Field): fc.Arbitrary<FilterValue> {
  const number = numberOf(field).map((value): FilterValue => ({ kind: 'number', value }))
  const range = fc
    .tuple(numberOf(field), numberOf(field))
    .filter(([a, b]) => a !== b)
    .map(([a, b]): FilterValue => ({ kind: 'range', low: Math.min(a, b), high: Math.max(a, b) }))
  const pair = (end: fc.Arbitrary<string | number>): fc.Arbitrary<FilterValue> =>
    fc.tuple(fc.option(end), fc.option(end), fc.boolean()).map(([src, dst, both]): FilterValue => ({ kind: 'pair', src, dst, both }))
  switch (field.type) {
    case 'address':
      return fc.oneof(
        network,
        fc
          .oneof(fc.tuple(v4, v4), fc.tuple(v6, v6))
          .filter(([a, b]) => a.value !== b.value)
          .map(([a, b]): FilterValue => {
            const [low, high] = a.value < b.value ? [a, b] : [b, a]
            return { kind: 'address-range', family: a.family, low: formatAddress(low), high: formatAddress(high) }
          }),
      )
    case 'exporter':
      return fc.oneof(
        network,
        name.map((value): FilterValue => ({ kind: 'text', value })),
      )
    case 'interface':
      return fc.oneof(
        number,
        range,
        name.map((value): FilterValue => ({ kind: 'text', value })),
        fc
          .tuple(ip, numberOf(field))
          .map(([exporter, index]): FilterValue => ({ kind: 'interface', exporter: formatAddress(exporter), index })),
      )
    case 'service':
      return fc
        .tuple(fc.option(fc.nat(255)), fc.option(fc.nat(65_535)))
        .filter(([proto, port]) => proto !== null || port !== null)
        .map(([proto, port]): FilterValue => ({ kind: 'service', proto, port }))
    case 'country':
      return country.map((value) => ({ kind: 'text', value }))
    case 'mac':
      return fc.uint8Array({ minLength: 6, maxLength: 6 }).map((octets) => ({
        kind: 'text',
        value: Buffer.from(octets)
          .toString('hex')
          .replace(/(..)(?!$)/g, '$1:'),
      }))
    case 'boundary':
      return fc.constantFrom('external', 'internal').map((value) => ({ kind: 'text', value }))
    case 'conversation':
      return pair(networkText)
    case 'as-pair':
      return pair(fc.nat(4_294_967_295))
    case 'country-pair':
      return pair(country)
    case 'flow-type':
      return fc.constantFrom(...FLOW_TYPES.map(([code]) => code)).map((value) => ({ kind: 'number', value }))
    case 'flags':
    case 'proto':
      return number
    default:
      return fc.oneof(number, range)
  }
}

const condition: fc.Arbitrary<Filter> = fc.constantFrom(...FILTER_FIELDS).chain((field) =>
  fc.oneof(
    fc.tuple(fc.constantFrom(...fieldOperators(field)), valueOfField(field)).map(
      ([operator, value]): Filter => ({
        kind: 'compare',
        field: field.name,
        operator: value.kind === 'number' || operator === '=' || operator === '!=' ? operator : '=',
        value,
      }),
    ),
    fc.record({
      kind: fc.constant('in' as const),
      field: fc.constant(field.name),
      negated: fc.boolean(),
      values: fc.array(valueOfField(field), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('unknown' as const), field: fc.constant(field.name), negated: fc.boolean() }),
  ),
)

const filters = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4 },
    condition,
    fc
      .array(tie('filter'), { minLength: 2, maxLength: 3 })
      .map((items): Filter => ({ kind: 'and', items: items.flatMap((item) => (item.kind === 'and' ? item.items : [item])) })),
    fc
      .array(tie('filter'), { minLength: 2, maxLength: 3 })
      .map((items): Filter => ({ kind: 'or', items: items.flatMap((item) => (item.kind === 'or' ? item.items : [item])) })),
    tie('filter').map((item): Filter => ({ kind: 'not', item })),
  ),
})).filter

function errorOf(text: string): FilterError {
  try {
    parseFilter(text)
  } catch (error) {
    if (error instanceof FilterError) return error
    throw error
  }
  throw new Error(`'${text}' was accepted`)
}

describe('the filter language', () => {
  it('reads back exactly what it printed', () => {
    fc.assert(
      fc.property(filters, (filter) => {
        const text = printFilter(filter)
        fc.pre(text.length <= FILTER_LIMITS.length)
        expect(parseFilter(text)).toEqual(filter)
        expect(explainFilter(filter)).not.toBe('')
      }),
      { numRuns: 1_000 },
    )
  })

  it('throws FilterError with a place inside the text and a remedy, and nothing else, for any text', () => {
    const fragments = fc.constantFrom(
      ...FIELDS.slice(0, 30).map((field) => field.name),
      ...[
        '=',
        '!=',
        '<',
        '->',
        '<->',
        '(',
        ')',
        ',',
        'and',
        'or',
        'not',
        'in',
        'is',
        'has',
        'unknown',
        '"',
        "'",
        '\\',
        '10.0.0.0/8',
        '::1',
        '1..2',
        'tcp/443',
        'AS1',
        'syn+ack',
        '…',
        '\u0000',
        '💥',
      ],
    )
    const texts = fc.oneof(
      fc.string({ maxLength: 60, unit: 'binary' }),
      fc.array(fragments, { maxLength: 12 }).map((parts) => parts.join(' ')),
      fc.array(fragments, { maxLength: 12 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const filter = parseFilter(text)
          if (filter !== null) expect(parseFilter(printFilter(filter))).toEqual(filter)
        } catch (error) {
          if (!(error instanceof FilterError)) throw error
          expect(error.position).toBeGreaterThanOrEqual(0)
          expect(error.position + error.length).toBeLessThanOrEqual(text.length)
          expect(error.message).not.toBe('')
          expect(error.remedy).not.toBe('')
        }
        const at = Math.floor(text.length / 2)
        const offered = completions(text, at)
        expect(offered.from).toBeLessThanOrEqual(at)
      }),
      { numRuns: 3_000 },
    )
  })

  it('is bounded in length, depth, list and conditions', () => {
    expect(errorOf('('.repeat(FILTER_LIMITS.depth + 1)).message).toContain('levels')
    expect(errorOf(`${'not '.repeat(FILTER_LIMITS.depth + 1)}proto = tcp`).message).toContain('levels')
    expect(errorOf(' '.repeat(FILTER_LIMITS.length + 1)).message).toContain('characters')
    expect(errorOf(`proto in (${Array.from({ length: FILTER_LIMITS.listValues + 1 }, () => '1').join(',')})`).message).toContain('values')
    expect(errorOf(Array.from({ length: FILTER_LIMITS.conditions + 1 }, () => 'tcp').join(' or ')).message).toContain('conditions')
  })

  it.each([
    ['', ''],
    ['   ', ''],
    [
      'src_addr=10.0.0.0/8 and dst_port in (53,443) and not proto=udp',
      'src_addr = 10.0.0.0/8 and dst_port in (53, 443) and not proto = udp',
    ],
    ['SRC_ADDR == 10.0.0.1 && (tcp || udp)', 'src_addr = 10.0.0.1 and (proto = tcp or proto = udp)'],
    ['(((proto = tcp)))', 'proto = tcp'],
    ['proto = tcp and (src_port = 1 and dst_port = 2)', 'proto = tcp and src_port = 1 and dst_port = 2'],
    ['proto = tcp and src_port = 1 or dst_port = 2', 'proto = tcp and src_port = 1 or dst_port = 2'],
    ['! proto <> 6', 'not proto != tcp'],
    ['10.1.2.3', 'addr = 10.1.2.3'],
    ['icmp6', 'proto = icmp6'],
    ['dport = https or sport = DNS', 'dst_port = 443 or src_port = 53'],
    ['dst_port = 1024..2048', 'dst_port = 1024..2048'],
    ['dst_port = 7..7', 'dst_port = 7'],
    ['srcAddr = 2001:DB8:0:0::1', 'src_addr = 2001:db8::1'],
    ['addr = ::ffff:192.0.2.1', 'addr = ::ffff:192.0.2.1'],
    ['src = 10.0.0.1..10.0.0.9', 'src_addr = 10.0.0.1..10.0.0.9'],
    ['as = AS15169', 'as = 15169'],
    ['src_country in (de, in, is)', 'src_country in (DE, IN, IS)'],
    ['tcp_flags has ack+syn and tcp_flags != 0x12', 'tcp_flags has syn+ack and tcp_flags != syn+ack'],
    ['tcp_flags = none', 'tcp_flags = none'],
    ['exporter = edge-1 or exporter = 192.0.2.1', 'exporter = "edge-1" or exporter = 192.0.2.1'],
    ['exporter = "a \\"b\\" \\\\ c"', 'exporter = "a \\"b\\" \\\\ c"'],
    ["in_if = 'Gi0/1' and out_if = 192.0.2.1#3 and if = 7", 'in_if = "Gi0/1" and out_if = 192.0.2.1#3 and if = 7'],
    [
      'service = https or service = tcp/22 or service = icmp or service = 6/*',
      'service = 443 or service = tcp/22 or service = icmp or service = tcp',
    ],
    ['conversation = 10.0.0.1->10.0.0.2', 'conversation = 10.0.0.1 -> 10.0.0.2'],
    ['conversation in (10.0.0.1 <-> ::1, unknown -> 10.0.0.0/8)', 'conversation in (10.0.0.1 <-> ::1, unknown -> 10.0.0.0/8)'],
    ['as_pair = 64500 -> 15169', 'as_pair = 64500 -> 15169'],
    ['country_pair = de -> unknown', 'country_pair = DE -> unknown'],
    ['src_as is null', 'src_as is unknown'],
    ['src_as is known', 'src_as is not unknown'],
    ['src_as = unknown', 'src_as is unknown'],
    ['src_as != unknown', 'src_as is not unknown'],
    ['bytes >= 1.5M and bytes < 2Ki', 'bytes >= 1500000 and bytes < 2048'],
    ['duration > 10s', 'duration_ms > 10000'],
    ['type = v5 or type = ipfix or type = sflow', 'type = NETFLOW_V5 or type = IPFIX or type = SFLOW_5'],
    ['mac = 00-00-5E-00-53-01', 'mac = 00:00:5e:00:53:01'],
    ['in_boundary = External', 'in_boundary = external'],
    ['etype = 0x86dd', 'etype = 34525'],
  ])('reads %s as %s', (text, canonical) => {
    expect(printFilter(parseFilter(text))).toBe(canonical)
    expect(printFilter(parseFilter(canonical))).toBe(canonical)
  })

  it.each([
    ['dst_prot = 53', 0, 8, 'Did you mean dst_port?'],
    ['proto = tpc', 8, 3, 'Did you mean tcp?'],
    ['dst_port = htps', 11, 4, 'Did you mean https?'],
    ['dst_port = 65536', 11, 5, 'number up to 65535'],
    ['src_addr = 10.0.0.5/8', 11, 10, '10.0.0.0/8 for the network or 10.0.0.5 for the host'],
    ['src_addr = 2001:db8::1/32', 11, 14, '2001:db8::/32 for the network'],
    ['src_addr = 10.0.0.0/33', 11, 11, 'from 0 to 32'],
    ['src_addr = 010.0.0.1', 11, 9, 'leading zeros'],
    ['src_addr = 10.0.0', 11, 6, 'address such as'],
    ['src_addr = 1::2::3', 11, 7, 'address such as'],
    ['src_addr = 10.0.0.9..10.0.0.1', 11, 18, '10.0.0.1..10.0.0.9'],
    ['src_addr < 10.0.0.1', 9, 1, 'range'],
    ['dst_port in ()', 13, 1, 'for example'],
    ['dst_port in (1, unknown)', 16, 7, 'or dst_port is unknown'],
    ['dst_port in (1', 14, 0, "','"],
    ['proto', 5, 0, 'proto = tcp'],
    ['proto =', 7, 0, 'tcp'],
    ['(proto = tcp', 12, 0, "')'"],
    ['proto = tcp)', 11, 1, 'Remove'],
    ['proto = tcp dst_port = 1', 12, 8, "'and' or 'or'"],
    ['proto = tcp and', 15, 0, 'Write one'],
    ['src_country = Germany', 14, 7, 'two letters'],
    ['src_country = ZZ', 14, 2, 'is unknown'],
    ['exporter = "edge', 11, 5, 'Add "'],
    ['src_port has syn', 9, 3, 'Use ='],
    ['dst_port > 1..2', 9, 1, '= for a range'],
    ['conversation = 10.0.0.1', 23, 0, '->'],
    ['proto = tcp; drop table flow', 11, 1, 'double quotes'],
  ])('marks what is wrong in %s and says what to do', (text, position, length, remedy) => {
    const error = errorOf(text)
    expect({ position: error.position, length: error.length }).toEqual({ position, length })
    expect(error.remedy).toContain(remedy)
  })

  it('adds and removes conditions without changing the meaning of what stands', () => {
    expect(addToFilter('', 'proto = tcp')).toBe('proto = tcp')
    expect(addToFilter('proto = tcp or proto = udp', 'dst_port = 53')).toBe('(proto = tcp or proto = udp) and dst_port = 53')
    expect(addToFilter('proto = tcp and dst_port = 53', 'dport = 53')).toBe('proto = tcp and dst_port = 53')
    expect(filterParts('proto = tcp and (src_port = 1 or src_port = 2)')).toEqual(['proto = tcp', 'src_port = 1 or src_port = 2'])
    expect(removeFromFilter('proto = tcp and (src_port = 1 or src_port = 2)', 'proto = tcp')).toBe('src_port = 1 or src_port = 2')
    expect(removeFromFilter('proto = tcp', 'proto = tcp')).toBe('')
  })

  it('explains itself in English', () => {
    expect(explainFilter(parseFilter('src_addr = 10.0.0.0/8 and dst_port in (53, 443) and not proto = udp'))).toBe(
      'source address is in 10.0.0.0/8, and destination port is 53 (dns) or 443 (https), and not (protocol is UDP)',
    )
    expect(explainFilter(parseFilter('src_country = DE or tcp_flags has syn'))).toBe('source country is Germany, or TCP flags includes syn')
  })
})

describe('completion', () => {
  const texts = (text: string): string[] => completions(text, text.length).items.map((item) => item.text)

  it('offers fields, then operators, then values, then what may follow', () => {
    expect(texts('')).toContain('src_addr')
    expect(texts('dst_p')).toEqual(['dst_port'])
    expect(texts('dst_port ')).toEqual(['=', '!=', '<', '<=', '>', '>=', 'in (', 'not in (', 'is unknown', 'is not unknown'])
    expect(texts('tcp_flags ')).toContain('has')
    expect(texts('proto = ').slice(0, 3)).toEqual(['tcp', 'udp', 'icmp'])
    expect(texts('dst_port = http')[0]).toBe('80')
    expect(texts('dst_port in (53, ').length).toBeGreaterThan(10)
    expect(texts('dst_port in (53')).toEqual(['53', ...texts('dst_port in (53').slice(1)])
    expect(texts('dst_port in (53 ')).toEqual([',', ')'])
    expect(texts('proto = tcp ')).toEqual(['and', 'or'])
    expect(texts('(proto = tcp ')).toEqual(['and', 'or', ')'])
    expect(texts('nonsense = ')).toEqual([])
  })

  it('replaces the word under the cursor and takes values from the caller', () => {
    expect(completions('proto = tc', 10)).toMatchObject({ from: 8, to: 10, field: 'proto' })
    const offered = completions('exporter = ed', 13, { exporter: [{ text: '"edge-1"', detail: '192.0.2.1' }] })
    expect(offered.items).toEqual([{ text: '"edge-1"', kind: 'value', detail: '192.0.2.1' }])
    expect(completions('exporter = "ed', 14, { exporter: [{ text: '"edge-1"', detail: '' }] })).toMatchObject({
      from: 11,
      items: [{ text: '"edge-1"' }],
    })
  })
})

describe('IP text', () => {
  it('is read back as the same address', () => {
    fc.assert(
      fc.property(ip, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address)
      }),
    )
  })

  it.each([
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    '::1.2.3',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7::8',
  ])('refuses %s', (text) => {
    expect(parseAddress(text)).toBeNull()
  })
})
