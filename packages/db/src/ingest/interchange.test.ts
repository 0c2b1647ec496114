import { describe, expect, it } from 'vitest'
import { addressText } from './extra.ts'
import { createImportedFlow, readInterchange } from './interchange.ts'

const read = (record: object | string) => {
  const flow = createImportedFlow()
  const problem = readInterchange(typeof record === 'string' ? record : JSON.stringify(record), flow)
  return { flow, problem }
}

describe('an interchange record', () => {
  it('keeps every digit of nanoseconds and counters beyond 2^53', () => {
    const { flow, problem } = read(
      '{"time_flow_start_ns":1717372800375318001,"time_flow_end_ns": "1717372800425318999","bytes":18014398509481985,"packets":1}',
    )
    expect(problem).toBeNull()
    expect([flow.startMs, flow.startNs, flow.endMs, flow.endNs]).toEqual([1717372800375, 318001, 1717372800425, 318999])
    expect(flow.exact).toEqual({ bytes: 18014398509481985n })
  })
  it('a text that spells a field name does not become its value', () => {
    const { flow } = read({ application_name: '"time_flow_end_ns":1', time_flow_end_ns: 1717372800425000000 })
    expect(flow.endMs).toBe(1717372800425)
  })
  it('unknown is absent: null, empty text, a rate, AS or MAC of zero', () => {
    const { flow, problem } = read({
      time_flow_end_ns: 1e18,
      src_addr: '',
      tcp_flags: null,
      sampling_rate: 0,
      src_mac: '00:00:00:00:00:00',
      dst_port: 80,
    })
    expect(problem).toBeNull()
    expect([flow.srcAddr.length, flow.tcpFlags, flow.samplingRate, flow.srcMac, flow.dstPort]).toEqual([0, -1, -1, -1, 80])
  })
  it('nothing of the record before it is left', () => {
    const flow = createImportedFlow()
    readInterchange(JSON.stringify({ time_flow_end_ns: 1e18, src_addr: '2001:db8::1', in_if: 4, foo: 'x', bytes: 9 }), flow)
    expect([addressText(flow.srcAddr), flow.extra]).toEqual(['2001:db8::1', { foo: 'x' }])
    readInterchange(JSON.stringify({ time_flow_start_ns: 1e18 }), flow)
    expect([flow.srcAddr.length, flow.inIf, flow.extra, flow.bytes]).toEqual([0, -1, null, 0])
  })
  it('ICMP type and code are read from the port, as NetFlow has them', () => {
    const { flow } = read({ time_flow_end_ns: 1e18, proto: 'ICMP', dst_port: 2048 })
    expect([flow.proto, flow.icmpType, flow.icmpCode]).toEqual([1, 8, 0])
  })
  it.each([
    ['{"time_flow_end_ns":1', /not JSON/],
    ['[1]', /not a JSON object/],
    ['{"bytes":1}', /no time/],
    ['{"time_flow_end_ns":1e18,"src_addr":"10.0.0.256"}', /src_addr is no address/],
    ['{"time_flow_end_ns":1e18,"src_addr":"1.2.3"}', /src_addr is no address/],
    ['{"time_flow_end_ns":1e18,"src_addr":"010.0.0.1"}', /src_addr is no address/],
    ['{"time_flow_end_ns":-5}', /time_flow_end_ns is no time/],
    ['{"time_flow_end_ns":1e18,"bytes":-1}', /bytes is no count/],
    ['{"time_flow_end_ns":1e18,"src_port":1.5}', /src_port is no whole number/],
    ['{"time_flow_end_ns":1e18,"proto":"carrier pigeon"}', /proto is no protocol/],
  ])('%s is refused with its cause', (line, cause) => expect(read(line).problem).toMatch(cause))
})
