import { describe, expect, it } from 'vitest'
import { dialects, type GuardContext, judge, parseIntent } from '../src/index.ts'

/**
 * B32: the rules that took networks down elsewhere. One FlowSpec rule for packets of a length that hardly exists, with everything else left
 * open, reached routers that could not take it; one rule for "any host" dropped the very sessions that were to take it back.
 */

const NOW = Date.UTC(2026, 0, 1)
const body = (match: object) => ({ id: 'outage', match, action: { kind: 'drop' }, devices: ['edge'], ttlSeconds: 600, reason: 'test' })
const ANY = { src: null, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }
const context: GuardContext = {
  requester: { id: 'op', role: 'oncall' },
  stepUpAtMs: NOW - 1_000,
  protected: [
    { prefix: '192.0.2.1/32', reason: 'the router itself' },
    { prefix: '192.0.2.179/32', reason: 'its BGP peer' },
    { prefix: '2001:db8::1/128', reason: 'the router itself' },
  ],
  target: { shareOfBytes: 0, insidePeers: 0, knownService: false },
  collateralShare: 0,
  collateralCeiling: 1,
  load: { byRequester: 0, total: 0, live: { edge: 0 } },
}
const verdict = (match: object) => {
  const read = parseIntent(body({ ...ANY, ...match }))
  if (!read.ok)
    return { decision: 'unreadable', codes: read.problems.map(({ field }) => field), words: read.problems.map(({ message }) => message) }
  const judged = judge(read.intent, context, NOW)
  return { decision: judged.decision, codes: judged.reasons.map(({ code }) => code), words: judged.reasons.map(({ message }) => message) }
}

describe('the outages of others', () => {
  it.each([
    ['any host at all', {}],
    ['any host, one protocol', { proto: 17 }],
    ['any host, BGP itself', { proto: 6, dstPorts: [{ low: 179, high: 179 }] }],
    ['any host, every port', { proto: 17, srcPorts: [{ low: 0, high: 65_535 }] }],
  ])('%s is refused', (_, match) => {
    const { decision, words } = verdict(match)
    expect(['refused', 'unreadable']).toContain(decision)
    expect(words.join()).not.toBe('')
  })

  it.each([
    ['0.0.0.0/0', 'src'],
    ['0.0.0.0/0', 'dst'],
    ['::/0', 'src'],
    ['::/0', 'dst'],
    ['0.0.0.0/1', 'dst'],
    ['128.0.0.0/1', 'src'],
    ['::ffff:0.0.0.0/96', 'dst'],
    ['::/1', 'dst'],
  ])('%s as %s is refused', (prefix, side) => {
    expect(['refused', 'unreadable']).toContain(verdict({ [side]: prefix }).decision)
  })

  it('packets by their length cannot be asked for at all: not 99,971 to 99,985, not any', () => {
    for (const field of ['length', 'packetLength', 'packet-length', 'packet_length'])
      for (const range of [[{ low: 99_971, high: 99_985 }], [{ low: 64, high: 64 }], '99971-99985'])
        expect(verdict({ dst: '203.0.113.9/32', [field]: range })).toMatchObject({
          decision: 'unreadable',
          codes: [expect.stringContaining(field)],
        })
    // Nor through a port, which is the only number of a rule that looks like one.
    for (const low of [65_536, 99_971])
      expect(verdict({ dst: '203.0.113.9/32', proto: 17, srcPorts: [{ low, high: 99_985 }] }).decision).toBe('unreadable')
  })

  it('no dialect ever says a length', () => {
    const read = parseIntent(body({ ...ANY, dst: '203.0.113.9/32', proto: 17, srcPorts: [{ low: 53, high: 53 }] }))
    if (!read.ok) throw new Error('a plain rule was not read')
    for (const dialect of dialects().values())
      if (dialect.supports(read.intent).ok) expect(dialect.render(read.intent, 0).apply, dialect.id).not.toMatch(/length|fragment/i)
  })

  it.each([
    ['the router', { dst: '192.0.2.1/32' }],
    ['the network it is in', { dst: '192.0.2.0/24' }],
    ['its peer as a source', { src: '192.0.2.179/32', proto: 6, dstPorts: [{ low: 179, high: 179 }] }],
    ['the router in a mapped spelling', { dst: '::ffff:192.0.2.1' }],
    ['the router by IPv6', { dst: '2001:db8::/48' }],
    ['what routing speaks to', { dst: '224.0.0.5/32' }],
    ['the link itself', { dst: 'fe80::1/128' }],
  ])('own control traffic is never hit: %s', (_, match) => {
    expect(verdict(match)).toMatchObject({ decision: 'refused', codes: expect.arrayContaining(['protected']) })
  })
})
