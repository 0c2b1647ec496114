import { describe, expect, it } from 'vitest'
import { canonicalIntent, parseIntent } from '../src/intent.ts'
import { describeDuration, describeIntent, describeMatch, describeRate } from '../src/sentence.ts'
import { intent, request } from './requests.ts'

const problems = (input: unknown) => {
  const result = parseIntent(input)
  return result.ok ? [] : result.problems.map((problem) => problem.field)
}

describe('a request', () => {
  it('comes out canonical, with defaults', () => {
    const result = parseIntent(
      request(
        {
          src: '::ffff:198.51.100.7',
          proto: 'udp',
          srcPorts: [
            { low: 60, high: 70 },
            { low: 53, high: 53 },
            { low: 54, high: 59 },
          ],
        },
        { ttlSeconds: undefined, devices: ['b', 'a', 'b'] },
      ),
    )
    expect(result).toEqual({
      ok: true,
      intent: {
        id: 'b-1',
        match: { src: '198.51.100.7/32', dst: null, proto: 17, srcPorts: [{ low: 53, high: 70 }], dstPorts: [], tcpFlags: null },
        action: { kind: 'drop' },
        ttlSeconds: 3600,
        devices: ['a', 'b'],
        anomalyId: null,
        reason: 'flood from one host',
      },
    })
  })
  it('what was parsed parses again to itself', () => {
    const built = intent(
      { dst: '203.0.113.0/24', proto: 6, dstPorts: [{ low: 443, high: 443 }], tcpFlags: { unset: ['ack'], set: ['syn'] } },
      { anomalyId: 'syn_flood-abc-1' },
    )
    expect(parseIntent(JSON.parse(canonicalIntent(built)))).toEqual({ ok: true, intent: built })
  })
  it.each([
    ['no object', null, ['']],
    ['a list', [], ['']],
    ['everything missing', {}, ['id', 'match', 'action', 'devices', 'reason']],
    ['an unknown field', request({}, { note: 'x' }), ['note']],
    ['an unknown part of the match', request({ vlan: 7 }), ['match.vlan']],
    ['a prototype as a field', JSON.parse('{"__proto__": {}}'), ['__proto__', 'id', 'match', 'action', 'devices', 'reason']],
    ['host bits', request({ src: '198.51.100.7/24' }), ['match.src']],
    ['a number as an address', request({ src: 7 }), ['match.src']],
    ['two versions', request({ dst: '2001:db8::1' }), ['match.dst']],
    ['ports without a protocol', request({ dstPorts: [{ low: 1, high: 2 }] }), ['match.proto']],
    ['ports of ICMP', request({ proto: 1, srcPorts: [{ low: 1, high: 2 }] }), ['match.proto']],
    ['flags of UDP', request({ proto: 17, tcpFlags: { set: ['syn'] } }), ['match.proto']],
    ['a flag both set and not', request({ proto: 6, tcpFlags: { set: ['syn'], unset: ['syn'] } }), ['match.tcpFlags']],
    ['no flags', request({ proto: 6, tcpFlags: {} }), ['match.tcpFlags']],
    ['ICMPv6 in IPv4', request({ proto: 58 }), ['match.proto']],
    ['a protocol of 256', request({ proto: 256 }), ['match.proto']],
    ['a protocol named like a property', request({ proto: 'constructor' }), ['match.proto']],
    ['a range backwards', request({ proto: 6, dstPorts: [{ low: 9, high: 8 }] }), ['match.dstPorts[0]']],
    ['a port of 65536', request({ proto: 6, dstPorts: [{ low: 1, high: 65_536 }] }), ['match.dstPorts[0].high']],
    [
      'nine ranges',
      request({ proto: 6, dstPorts: Array.from({ length: 9 }, (_, i) => ({ low: i * 2, high: i * 2 })) }),
      ['match.dstPorts'],
    ],
    [
      'a rate that is no whole kilobit',
      request({}, { action: { kind: 'rate_limit', bitsPerSecond: 1_000_001 } }),
      ['action.bitsPerSecond'],
    ],
    ['a rate of nothing', request({}, { action: { kind: 'rate_limit', bitsPerSecond: 0 } }), ['action.bitsPerSecond']],
    ['an action of another kind', request({}, { action: { kind: 'redirect' } }), ['action']],
    ['no time to live but null', request({}, { ttlSeconds: null }), ['ttlSeconds']],
    ['no devices', request({}, { devices: [] }), ['devices']],
    ['a device with a blank', request({}, { devices: ['a b'] }), ['devices']],
    ['an id in capitals', request({}, { id: 'B-1' }), ['id']],
    ['an id with an end in a hyphen', request({}, { id: 'b-' }), ['id']],
    ['an id of 49', request({}, { id: 'b'.repeat(49) }), ['id']],
    ['no reason', request({}, { reason: '  ' }), ['reason']],
    ['a reason that turns the text round', request({}, { reason: 'see \u202e gnp.exe' }), ['reason']],
    ['a reason of two lines', request({}, { reason: 'a\nb' }), ['reason']],
  ])('%s is refused and named', (_, input, fields) => {
    expect(problems(input)).toEqual(fields)
  })
  it('a hostile request makes no long answer', () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`${'x'.repeat(100)}${i}`, i]))
    const result = parseIntent(many)
    expect(result.ok).toBe(false)
    expect(JSON.stringify(result).length).toBeLessThan(10_000)
  })
  it('canonical text: equal for equal rules however they were written, different for each difference', () => {
    const a = intent({ src: '2001:DB8::7', proto: 'tcp', dstPorts: [{ low: 80, high: 81 }] })
    const b = intent({
      proto: 6,
      src: '2001:db8:0::7/128',
      dstPorts: [
        { low: 81, high: 81 },
        { low: 80, high: 80 },
      ],
    })
    expect(canonicalIntent(a)).toBe(canonicalIntent(b))
    const others = [
      { id: 'b-2' },
      { ttlSeconds: 61 },
      { devices: ['edge-2'] },
      { anomalyId: 'x' },
      { reason: 'other' },
      { action: { kind: 'rate_limit', bitsPerSecond: 1e6 } },
    ]
    const texts = others.map((over) => canonicalIntent(intent({ src: '2001:db8::7', proto: 6, dstPorts: [{ low: 80, high: 81 }] }, over)))
    expect(new Set([canonicalIntent(a), ...texts]).size).toBe(others.length + 1)
  })
})

describe('in plain English', () => {
  it.each([
    [intent(), 'Drop packets from 198.51.100.7 to anywhere; on edge-1, for 1 hour.'],
    [
      intent(
        {
          src: null,
          dst: '203.0.113.0/24',
          proto: 17,
          srcPorts: [
            { low: 53, high: 53 },
            { low: 123, high: 125 },
          ],
        },
        { ttlSeconds: 5_400, devices: ['a', 'b', 'c'] },
      ),
      'Drop UDP packets from anywhere to 203.0.113.0/24, source ports 53 or 123–125; on a, b and c, for 1 hour and 30 minutes.',
    ],
    [
      intent(
        { src: null, dst: '2001:db8::5', proto: 6, dstPorts: [{ low: 443, high: 443 }], tcpFlags: { set: ['syn'], unset: ['ack'] } },
        { action: { kind: 'rate_limit', bitsPerSecond: 1_500_000 } },
      ),
      'Limit to 1.5 Mbit/s TCP packets with SYN and without ACK from anywhere to 2001:db8::5, destination port 443; on edge-1, for 1 hour.',
    ],
    [intent({ proto: 99 }, { ttlSeconds: 604_800 }), 'Drop protocol 99 packets from 198.51.100.7 to anywhere; on edge-1, for 7 days.'],
  ])('%#', (built, sentence) => {
    expect(describeIntent(built)).toBe(sentence)
  })
  it('a rule without sides says so', () => {
    expect(describeMatch(intent({ src: null, proto: 1 }).match)).toBe('all ICMP packets')
  })
  it('rates and times are exact', () => {
    expect([100_000, 1e6, 2_345_000, 1e9, 1e12].map(describeRate)).toEqual([
      '100 kbit/s',
      '1 Mbit/s',
      '2.345 Mbit/s',
      '1 Gbit/s',
      '1000 Gbit/s',
    ])
    expect([0, 60, 61, 90_061].map(describeDuration)).toEqual([
      '0 seconds',
      '1 minute',
      '1 minute and 1 second',
      '1 day, 1 hour, 1 minute and 1 second',
    ])
  })
})
