import { parseFilter } from '@weir/db/contracts'
import { describe, expect, test } from 'vitest'
import { captureFilters, captureWindow } from '../../apps/web/components/flows/capture-filter.ts'
import { doubtsOf, factOf, factsOf, filterOf, sessionFilter } from '../../apps/web/components/flows/flow-facts.ts'

const end = 1_795_217_177_418_000_000n
const flow = {
  type: 'IPFIX',
  sampler_address: '127.66.0.1',
  exporter: 'core-rtr-1',
  src_addr: '10.30.0.10',
  dst_addr: '10.20.8.73',
  proto: 6,
  src_port: 443,
  dst_port: 41_664,
  service_port: 443,
  bytes: 2220,
  packets: 5,
  duration_ms: 33_793,
  in_if: 3,
  out_if: 2,
  tcp_flags: 0x12,
  sampling_rate: 1000,
  time_flow_start_ns: String(end - 33_793_000_000n),
  time_flow_end_ns: String(end),
  time_received_ns: String(end + 56_000_000n),
}

describe('the packets of a flow', () => {
  test('tcpdump and Wireshark get both directions with ports', () => {
    const filters = captureFilters(flow)
    expect(filters?.pcap).toBe(
      'tcp and ((src host 10.30.0.10 and src port 443 and dst host 10.20.8.73 and dst port 41664) or (src host 10.20.8.73 and src port 41664 and dst host 10.30.0.10 and dst port 443))',
    )
    expect(filters?.wireshark).toBe('tcp && ip.addr == 10.30.0.10 && ip.addr == 10.20.8.73 && tcp.port == 443 && tcp.port == 41664')
    expect(filters?.wiresharkTimed).toContain('frame.time_epoch >= 1795217142.625 && frame.time_epoch <= 1795217178.418')
  })

  test('the window is the flow, a second wider on each side', () => {
    expect(captureWindow(flow)).toEqual({ from: 1_795_217_142_625, to: 1_795_217_178_418 })
    const { time_flow_start_ns: _, ...startless } = flow
    expect(captureWindow(startless)).toEqual({ from: 1_795_217_142_625, to: 1_795_217_178_418 })
    expect(captureWindow({})).toBeNull()
  })

  test('IPv6, ICMP and protocols without ports', () => {
    const v6 = captureFilters({ ...flow, src_addr: '2001:db8::1', dst_addr: '2001:db8::2', proto: 58, src_port: 0, dst_port: 0 })
    expect(v6?.pcap).toBe('icmp6 and ((src host 2001:db8::1 and dst host 2001:db8::2) or (src host 2001:db8::2 and dst host 2001:db8::1))')
    expect(v6?.wireshark).toBe('icmpv6 && ipv6.addr == 2001:db8::1 && ipv6.addr == 2001:db8::2')
    expect(captureFilters({ ...flow, proto: 89 })?.pcap).toMatch(/^proto 89 and/)
    expect(captureFilters({ ...flow, proto: 89 })?.wireshark).toMatch(/^ip\.proto == 89 &&/)
  })

  test('equal ends are said once', () => {
    expect(captureFilters({ ...flow, dst_addr: flow.src_addr, dst_port: 443 })?.wireshark).toBe(
      'tcp && ip.addr == 10.30.0.10 && tcp.port == 443',
    )
  })

  test('without a whole address there is no filter, because it would match other people’s packets', () => {
    const { src_addr: _s, dst_addr: _d, ...nobody } = flow
    expect(captureFilters(nobody)).toBeNull()
    expect(captureFilters({ ...flow, src_addr: '10.30.0.0/24' })).toBeNull()
  })
})

describe('values of a record', () => {
  test('every filter offered can be read back', () => {
    for (const name of Object.keys(flow)) {
      const filter = filterOf(flow, name)
      if (filter !== null) expect(() => parseFilter(filter)).not.toThrow()
    }
    expect(filterOf(flow, 'src_addr')).toBe('src_addr = 10.30.0.10')
    expect(filterOf(flow, 'proto')).toBe('proto = tcp')
    expect(filterOf(flow, 'tcp_flags')).toBe('tcp_flags = syn+ack')
    expect(filterOf(flow, 'exporter')).toBe('exporter = 127.66.0.1')
    expect(filterOf(flow, 'in_if')).toBe('in_if = 127.66.0.1#3')
    expect(filterOf(flow, 'time_received_ns')).toBeNull()
    expect(filterOf(flow, 'flowSamplerName')).toBeNull()
  })

  test('a session is its five-tuple in both directions', () => {
    const text = sessionFilter(flow)
    expect(text).toContain('src_addr = 10.30.0.10 and dst_addr = 10.20.8.73 and src_port = 443')
    expect(text).toContain('src_addr = 10.20.8.73 and dst_addr = 10.30.0.10 and src_port = 41664')
    expect(sessionFilter({ proto: 6 })).toBeNull()
  })

  test('numbers are read in words, the exact value stays beside', () => {
    expect(factOf(flow, 'proto')).toMatchObject({ text: 'TCP', detail: '6' })
    expect(factOf(flow, 'src_port').text).toBe('443 https')
    expect(factOf(flow, 'bytes')).toMatchObject({ text: '2.22 kB', detail: '2,220 octets' })
    expect(factOf({ ...flow, sampling_rate: 0 }, 'sampling_rate').text).toBe('unknown')
  })

  test('no field of a record is lost, extra ones included', () => {
    const record = { ...flow, src_vlan: 12, flowSamplerName: 'edge', made_up: 7 }
    const shown = factsOf(record).flatMap((group) => group.facts.map((fact) => fact.name))
    expect(new Set(shown)).toEqual(new Set(Object.keys(record)))
    expect(factsOf(record).at(-1)).toMatchObject({ title: 'Beyond the vocabulary' })
  })
})

describe('doubts', () => {
  const shorts = (record: Parameters<typeof doubtsOf>[0]) => doubtsOf(record).map((doubt) => doubt.short)

  test('a sound record has none', () => expect(shorts(flow)).toEqual([]))

  test('73 octets in 146 packets are implausible, not hidden', () => {
    expect(shorts({ ...flow, bytes: 73, packets: 146 })).toEqual(['implausible'])
    expect(doubtsOf({ ...flow, bytes: 73, packets: 146 })[0]?.why).toContain('73 octets in 146 packets')
  })

  test('more octets than packets can hold', () => {
    expect(shorts({ ...flow, bytes: 100_000, packets: 1 })).toEqual(['implausible'])
    expect(shorts({ ...flow, bytes: 10, packets: 0 })).toEqual(['implausible'])
  })

  test('unknown sampling and rate 0 are the same doubt', () => {
    const { sampling_rate: _, ...unsaid } = flow
    expect(shorts(unsaid)).toEqual(['sampling unknown'])
    expect(shorts({ ...flow, sampling_rate: 0 })).toEqual(['sampling unknown'])
  })

  test('clocks: ahead, late, turned round', () => {
    expect(shorts({ ...flow, time_received_ns: String(end - 60_000_000_000n) })).toEqual(['clock ahead'])
    expect(shorts({ ...flow, time_received_ns: String(end + 3_600_000_000_000n) })).toEqual(['late'])
    expect(shorts({ ...flow, time_flow_start_ns: String(end + 1_000_000_000n) })).toEqual(['times'])
  })
})
