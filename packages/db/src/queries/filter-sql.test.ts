import { describe, expect, it } from 'vitest'
import { parseFilter } from '../contracts/filter.ts'
import { filterColumns, filterSql, finerThanNetwork } from './filter-sql.ts'
import { Parameters } from './parameters.ts'

function sqlOf(text: string): { sql: string; values: unknown[] } {
  const parameters = new Parameters()
  const sql = filterSql(parseFilter(text), parameters)
  return { sql, values: parameters.values }
}

describe('a filter in SQL', () => {
  it.each([
    ['', 'true', []],
    ['proto = tcp', 'proto = $1::bigint', [6]],
    ['proto != tcp', '(proto = $1::bigint) is not true', [6]],
    ['not proto = tcp', '(proto = $1::bigint) is not true', [6]],
    [
      'src_addr = 10.0.0.0/8 and dst_port in (53, 443) and not proto = udp',
      '(src_addr between $1::inet and $2::inet and dst_port = any($3::bigint[]) and (proto = $4::bigint) is not true)',
      ['10.0.0.0', '10.255.255.255', [53, 443], 17],
    ],
    ['src_addr = 192.0.2.1', 'src_addr = $1::inet', ['192.0.2.1']],
    [
      'addr in (192.0.2.1, 192.0.2.2, 2001:db8::/32)',
      '((src_addr = any($3::inet[]) or src_addr between $1::inet and $2::inet) or (dst_addr = any($3::inet[]) or dst_addr between $1::inet and $2::inet))',
      ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', ['192.0.2.1', '192.0.2.2']],
    ],
    ['dst_port = 1024..2048', 'dst_port between $1::bigint and $2::bigint', [1024, 2048]],
    ['port >= 1024', '(src_port >= $1::bigint or dst_port >= $1::bigint)', [1024]],
    ['dst_port not in (1, 5..9)', '((dst_port = $1::bigint or dst_port between $2::bigint and $3::bigint)) is not true', [1, 5, 9]],
    ['tcp_flags has syn+ack', '(tcp_flags::int & $1::int) = $1::int', [18]],
    ['src_country in (DE, US)', 'src_country = any($1::text[])', [['DE', 'US']]],
    ['src_as is unknown', 'src_as is null', []],
    ['country is not unknown', '((src_country is null or dst_country is null)) is not true', []],
    ['service = tcp/443', '(proto = $1::bigint and service_port = $2::bigint)', [6, 443]],
    ['service in (icmp, 53)', '(proto = $1::bigint or service_port = $2::bigint)', [1, 53]],
    [
      'conversation = 10.0.0.1 <-> unknown',
      '((src_addr = $1::inet and dst_addr is null) or (src_addr is null and dst_addr = $1::inet))',
      ['10.0.0.1'],
    ],
    ['as_pair = 64500 -> 15169', '(src_as = $1::bigint and dst_as = $2::bigint)', [64500, 15169]],
    ['country_pair = DE -> US', '(src_country = $1::text and dst_country = $2::text)', ['DE', 'US']],
    [
      `exporter in ("x'; drop table flow --", 192.0.2.1)`,
      'exporter_id in (select exporter.id from exporter where (lower(exporter.name) = any($1::text[]) or exporter.address = $2::inet))',
      [["x'; drop table flow --"], '192.0.2.1'],
    ],
    [
      'in_if = 192.0.2.1#3',
      '(in_if = $2::bigint and exporter_id = (select exporter.id from exporter where exporter.address = $1::inet))',
      ['192.0.2.1', 3],
    ],
    [
      'out_if = "Gi0/1"',
      '(exporter_id, out_if) in (select interface.exporter_id, interface.if_index from interface where lower(interface.name) = any($1::text[]))',
      [['gi0/1']],
    ],
    [
      'in_boundary = external',
      '(exporter_id, in_if) in (select interface.exporter_id, interface.if_index from interface where interface.boundary = any($1::text[]))',
      [['external']],
    ],
    ['src_mac = 00:00:5e:00:53:01', 'src_mac = any($1::macaddr[])', [['00:00:5e:00:53:01']]],
    ['type = ipfix', 'type = $1::bigint', [10]],
    ['duration > 10s', 'duration_ms > $1::bigint', [10_000]],
  ])('%s', (text, sql, values) => {
    expect(sqlOf(text)).toEqual({ sql, values })
  })

  it('knows the columns it reads', () => {
    expect([...filterColumns(parseFilter('src_addr = ::1 and not service = https'))]).toEqual(['src_addr', 'proto', 'service_port'])
    expect([...filterColumns(parseFilter('in_if = 3'))]).toEqual(['in_if'])
    expect([...filterColumns(parseFilter('in_if = "Gi0/1"'))]).toEqual(['in_if', 'exporter_id'])
    expect([...filterColumns(parseFilter('out_boundary = external'))]).toEqual(['exporter_id', 'out_if'])
    expect([...filterColumns(null)]).toEqual([])
  })

  it('finds what tells hosts apart', () => {
    expect(finerThanNetwork(parseFilter('src_addr = 10.0.0.0/24 and dst_addr = 2001:db8::/48 and exporter = 192.0.2.1'))).toBeNull()
    expect(finerThanNetwork(parseFilter('dst_port = 53 or src_addr = 10.0.0.0/25'))).toBe('src_addr')
    expect(finerThanNetwork(parseFilter('not addr in (10.0.0.0/8, 2001:db8::/64)'))).toBe('addr')
    expect(finerThanNetwork(parseFilter('addr = 10.0.0.0..10.0.0.255'))).toBe('addr')
    expect(finerThanNetwork(parseFilter('conversation = 10.0.0.0/24 -> 10.0.1.7'))).toBe('conversation')
    expect(finerThanNetwork(parseFilter('conversation = 10.0.0.0/24 -> 10.0.1.0/24'))).toBeNull()
    expect(finerThanNetwork(parseFilter('next_hop = 10.0.0.1'))).toBe('next_hop')
    expect(finerThanNetwork(parseFilter('src_mac = 00:00:5e:00:53:01'))).toBe('src_mac')
  })
})
