import { describe, expect, it } from 'vitest'
import { type Alternative, alternatives, ENOUGH, hitRows, MAX_RULES } from '../src/alternatives.ts'
import { parseIntent } from '../src/intent.ts'
import type { BlockMatch } from '../src/match.ts'
import { narrowest } from '../src/narrowest.ts'
import { effectOf, type TrafficRow } from '../src/traffic.ts'
import { dice, meet, type Read, readNet } from './oracle.ts'
import { request } from './requests.ts'

const VICTIM = '203.0.113.5'
const row = (src: string, over: Partial<TrafficRow> = {}): TrafficRow => ({
  src,
  dst: VICTIM,
  proto: 17,
  srcPort: 53,
  dstPort: 40_000,
  badBytes: 0,
  badPackets: 0,
  normalBytes: 0,
  normalPackets: 0,
  ...over,
})
const bad = (src: string, bytes: number, over: Partial<TrafficRow> = {}) => row(src, { badBytes: bytes, badPackets: bytes / 100, ...over })
const good = (src: string, bytes: number, over: Partial<TrafficRow> = {}) =>
  row(src, { proto: 6, dstPort: 443, srcPort: 50_000, normalBytes: bytes, normalPackets: bytes / 100, ...over })
const sample = (rows: TrafficRow[], over = {}) => ({ rows, badSeconds: 60, normalSeconds: 3600, victim: null, ...over })
const kind = (list: Alternative[], wanted: string) => list.find((one) => one.kind === wanted)

const remembered = new Map<string, Read>()
const net = (text: string): Read => {
  const known = remembered.get(text) ?? readNet(text)
  remembered.set(text, known)
  return known
}

/** Does a rule hit a row? Written from the words of the rule, by bits. */
function plainHits(match: BlockMatch, r: TrafficRow): boolean {
  const side = (text: string | null, address: string) => {
    if (text === null) return true
    const [wide, host] = [net(text), net(address)]
    return wide !== 'refused' && host !== 'refused' && wide.bits.length <= host.bits.length && meet(wide, host)
  }
  const port = (ranges: BlockMatch['srcPorts'], value: number | null) =>
    ranges.length === 0 || ranges.some(({ low, high }) => value !== null && value >= low && value <= high)
  return (
    side(match.src, r.src) &&
    side(match.dst, r.dst) &&
    (match.proto === null || match.proto === r.proto) &&
    port(match.srcPorts, r.srcPort) &&
    port(match.dstPorts, r.dstPort)
  )
}

function randomRows(d: ReturnType<typeof dice>): TrafficRow[] {
  return Array.from({ length: 1 + d.below(7) }, () => {
    const six = d.chance(0.15)
    const isBad = d.chance(0.6)
    const bytes = d.pick([1, 5, 20, 100, 1000])
    return row(six ? `2001:db8:${d.below(2)}::${d.below(2)}` : `198.51.${d.below(2)}.${d.below(3)}`, {
      dst: six ? '2001:db8:9::5' : `203.0.113.${d.below(2)}`,
      proto: d.pick([6, 17, 17, six ? 58 : 1, null]),
      srcPort: d.pick([53, 123, null]),
      dstPort: d.pick([80, 443, null]),
      ...(isBad ? { badBytes: bytes, badPackets: d.below(5) } : {}),
      ...(isBad && d.chance(0.7) ? {} : { normalBytes: d.pick([1, 10, 100]), normalPackets: d.below(5) }),
    })
  })
}

describe('against brute force', () => {
  const nets = (address: string) => [
    null,
    `${address}/${address.includes(':') ? 128 : 32}`,
    address.includes(':') ? `${address.split('::')[0]}::/48` : address.replace(/\.\d+$/, '.0/24'),
  ]
  it('the narrowest rule is the best of all there are, on 500 small samples', () => {
    const d = dice(21)
    let none = 0
    for (let n = 0; n < 500; n++) {
      const rows = randomRows(d)
      const total = rows.reduce((sum, r) => sum + r.badBytes, 0)
      let least = Number.POSITIVE_INFINITY
      for (const src of new Set(rows.flatMap((r) => nets(r.src))))
        for (const dst of new Set(rows.flatMap((r) => nets(r.dst))))
          for (const proto of new Set([null, ...rows.map((r) => r.proto)]))
            for (const sport of new Set([null, ...rows.map((r) => r.srcPort)]))
              for (const dport of new Set([null, ...rows.map((r) => r.dstPort)])) {
                if ((src === null && dst === null) || ((sport !== null || dport !== null) && proto !== 6 && proto !== 17)) continue
                const one = (port: number | null) => (port === null ? [] : [{ low: port, high: port }])
                const match = { src, dst, proto, srcPorts: one(sport), dstPorts: one(dport), tcpFlags: null }
                const hit = rows.filter((r) => plainHits(match, r))
                if (total > 0 && hit.reduce((sum, r) => sum + r.badBytes, 0) >= ENOUGH * total)
                  least = Math.min(
                    least,
                    hit.reduce((sum, r) => sum + r.normalBytes, 0),
                  )
              }
      const found = narrowest(rows, ENOUGH)
      if (found === null) {
        none++
        expect(least).toBe(Number.POSITIVE_INFINITY)
        continue
      }
      const hit = rows.filter((r) => plainHits(found, r))
      expect(hit.reduce((sum, r) => sum + r.badBytes, 0)).toBeGreaterThanOrEqual(ENOUGH * total)
      expect(hit.reduce((sum, r) => sum + r.normalBytes, 0)).toBe(least)
    }
    expect(none).toBeGreaterThan(5)
  })
  it('every share is what the rows say, and no fewer sources would do', () => {
    const d = dice(22)
    for (let n = 0; n < 1_000; n++) {
      const rows = randomRows(d)
      const total = rows.reduce((sum, r) => sum + r.badBytes, 0)
      const normal = rows.reduce((sum, r) => sum + r.normalBytes, 0)
      for (const one of alternatives(sample(rows))) {
        if (one.kind === 'rate_limit') continue
        const hit = rows.filter((r) => one.matches.some((match) => plainHits(match, r)))
        const sum = (of: (r: TrafficRow) => number) => hit.reduce((all, r) => all + of(r), 0)
        expect(one.effect).toMatchObject({
          badBytes: sum((r) => r.badBytes),
          badPackets: sum((r) => r.badPackets),
          normalBytes: sum((r) => r.normalBytes),
          normalPackets: sum((r) => r.normalPackets),
          badByteShare: sum((r) => r.badBytes) / total,
          normalByteShare: normal === 0 ? 0 : sum((r) => r.normalBytes) / normal,
          normalPairs: new Set(hit.filter((r) => r.normalBytes > 0).map((r) => `${r.src}>${r.dst}`)).size,
        })
        expect(one.sufficient).toBe(one.effect.badBytes >= ENOUGH * total)
        for (const match of one.matches) expect(parseIntent(request(match as unknown as Record<string, unknown>)).ok).toBe(true)
        if (one.kind !== 'sources') continue
        const sources = [...new Set(rows.filter((r) => r.badBytes > 0).map((r) => r.src))]
        let fewest = Number.POSITIVE_INFINITY
        for (let subset = 1; subset < 2 ** sources.length; subset++) {
          const chosen = new Set(sources.filter((_, i) => (subset >> i) & 1))
          if (rows.reduce((all, r) => all + (chosen.has(r.src) ? r.badBytes : 0), 0) >= ENOUGH * total)
            fewest = Math.min(fewest, chosen.size)
        }
        expect(one.matches).toHaveLength(fewest)
      }
    }
  })
})

describe('the alternatives (N1)', () => {
  it('a reflection from many hosts: victim and port is the narrow rule, sources are too many, the black hole hits all', () => {
    const rows = [
      ...Array.from({ length: 200 }, (_, i) => bad(`198.51.${Math.floor(i / 100)}.${i % 100}`, 10_000_000, { dstPort: 1024 + i })),
      ...Array.from({ length: 40 }, (_, i) => good(`192.0.2.${i}`, 1_000_000)),
      good('192.0.2.99', 500_000, { proto: 17, srcPort: 53, dstPort: 33_000 }),
      good('192.0.2.1', 7_000_000, { dst: '203.0.113.6' }),
    ]
    const list = alternatives(sample(rows, { victim: VICTIM }))
    const port = { src: null, dst: `${VICTIM}/32`, proto: 17, srcPorts: [{ low: 53, high: 53 }], dstPorts: [], tcpFlags: null }
    expect(kind(list, 'reflection_port')).toMatchObject({
      matches: [port],
      sufficient: true,
      effect: { badByteShare: 1, normalBytes: 500_000, normalPairs: 1 },
    })
    expect(kind(list, 'narrowest')?.effect.normalBytes).toBe(500_000)
    expect(kind(list, 'victim_rtbh')).toMatchObject({ sufficient: true, effect: { normalBytes: 40_500_000, normalPairs: 41 } })
    expect(kind(list, 'sources')).toMatchObject({ sufficient: false, effect: { badByteShare: MAX_RULES / 200 } })
    // Two networks of the attackers towards the victim reach no normal traffic at all.
    expect(list[0]).toMatchObject({ kind: 'source_networks', sufficient: true, effect: { badByteShare: 1, normalBytes: 0 } })
    expect(list[0]?.matches).toEqual(
      ['198.51.0.0/24', '198.51.1.0/24'].map((src) => ({
        src,
        dst: `${VICTIM}/32`,
        proto: null,
        srcPorts: [],
        dstPorts: [],
        tcpFlags: null,
      })),
    )
    expect(list[1]?.kind).toMatch(/narrowest|reflection_port/)
    expect(list.at(-1)?.sufficient).toBe(false)
    expect(hitRows(port, rows).filter((r) => r.normalBytes > 0)).toHaveLength(1)
  })
  it('one system behind many networks: its networks, named as that system, and none where it is not known or not alone', () => {
    const from = (srcAs: number | null) => [
      ...Array.from({ length: 20 }, (_, i) => ({ ...bad(`198.51.${i % 4}.${i}`, 1_000_000), srcAs })),
      { ...bad('192.0.2.77', 500_000), srcAs: 64_501 },
      { ...good('198.51.9.1', 9_000_000), srcAs },
      { ...good('198.51.2.200', 40_000), srcAs },
    ]
    const list = alternatives(sample(from(64_500), { victim: VICTIM }))
    const system = kind(list, 'source_as')
    expect(system?.title).toMatch(/^AS64500 /)
    expect(system?.matches.map(({ src }) => src).sort()).toEqual(['198.51.0.0/24', '198.51.1.0/24', '198.51.2.0/24', '198.51.3.0/24'])
    // What of the system took no part is spared, what lives in a network that did is hit, and said to be.
    expect(system).toMatchObject({ sufficient: true, effect: { normalBytes: 40_000 } })
    expect(kind(alternatives(sample(from(null), { victim: VICTIM })), 'source_as')).toBeUndefined()
    const many = Array.from({ length: 8 }, (_, i) => ({ ...bad(`198.51.${i}.1`, 1_000_000), srcAs: 64_500 + i }))
    expect(kind(alternatives(sample(many, { victim: VICTIM })), 'source_as')).toBeUndefined()
  })
  it('a flood to one port of a host: that port, and the rest of the host goes on', () => {
    const rows = [
      ...Array.from({ length: 300 }, (_, i) =>
        bad(`198.${i % 250}.7.${i % 200}`, 1_000_000, { proto: 6, srcPort: 1024 + i, dstPort: 8443 }),
      ),
      ...Array.from({ length: 40 }, (_, i) => good(`192.0.2.${i}`, 1_000_000, { dstPort: 443 })),
      good('192.0.2.99', 10_000, { dstPort: 8443 }),
    ]
    const list = alternatives(sample(rows, { victim: VICTIM }))
    const rule = { src: null, dst: `${VICTIM}/32`, proto: 6, srcPorts: [], dstPorts: [{ low: 8443, high: 8443 }], tcpFlags: null }
    const service = list.find(({ matches }) => JSON.stringify(matches) === JSON.stringify([rule]))
    expect(service).toMatchObject({ sufficient: true, effect: { badByteShare: 1, normalBytes: 10_000 } })
    expect(list[0]?.effect.normalBytes).toBe(10_000)
  })
  it('three attackers among forty peers: three source rules without any collateral', () => {
    const rows = [
      ...['198.51.100.1', '198.51.100.2', '192.0.2.200'].map((src, i) => bad(src, 1_000_000 * (i + 1))),
      ...Array.from({ length: 40 }, (_, i) => good(`192.0.2.${i}`, 10_000)),
    ]
    const list = alternatives(sample(rows))
    const sources = kind(list, 'sources')
    expect(sources).toMatchObject({
      sufficient: true,
      title: '3 source hosts',
      effect: { badByteShare: 1, normalBytes: 0, normalPairs: 0 },
    })
    expect(sources?.matches.map((match) => match.src)).toEqual(['192.0.2.200/32', '198.51.100.2/32', '198.51.100.1/32'])
    expect(kind(list, 'source_port')?.matches[0]).toMatchObject({ src: '192.0.2.200/32', proto: 17 })
  })
  it('an attacker that is also a customer: the port keeps the customer', () => {
    const list = alternatives(sample([bad('198.51.100.1', 1e6, { dstPort: 53, srcPort: 1000 }), good('198.51.100.1', 1e6)]))
    expect(kind(list, 'sources')?.effect.normalByteShare).toBe(1)
    expect(kind(list, 'source_port')?.effect).toMatchObject({ badByteShare: 1, normalByteShare: 0 })
  })
  it('a rate limit says what it lets through: twice the normal rate, both sides losing alike', () => {
    // 60 s of 100 Mbit/s bad on UDP, an hour of 2 Mbit/s normal on the same.
    const rows = [bad('198.51.100.1', 750_000_000), good('192.0.2.1', 900_000_000, { proto: 17, srcPort: 53, dstPort: 40_000 })]
    const limited = kind(alternatives(sample(rows)), 'rate_limit')
    expect(limited?.action).toEqual({ kind: 'rate_limit', bitsPerSecond: 1_000_000 })
    const wide = kind(
      alternatives(
        sample([
          bad('198.51.100.1', 750_000_000),
          bad('198.51.100.2', 750_000_000),
          good('198.51.100.2', 900_000_000, { proto: 17, srcPort: 53, dstPort: 40_000 }),
        ]),
      ),
      'rate_limit',
    )
    expect(wide?.action).toEqual({ kind: 'rate_limit', bitsPerSecond: 4_000_000 })
    const lost = 1 - 4 / 202
    expect(wide?.effect.badByteShare).toBeCloseTo(lost, 9)
    expect(wide?.effect.normalByteShare).toBeCloseTo(lost, 9)
    expect(wide?.sufficient).toBe(true)
    expect(parseIntent(request({}, { action: wide?.action })).ok).toBe(true)
  })
  it('no bad traffic has no answer, unknown ports and odd addresses are counted and never guessed', () => {
    expect(alternatives(sample([good('192.0.2.1', 100)]))).toEqual([])
    expect(alternatives(sample([]))).toEqual([])
    const list = alternatives(sample([bad('not an address', 1_000), bad('198.51.100.1', 1, { proto: null, srcPort: null, dstPort: null })]))
    expect(list.filter((one) => one.sufficient).every((one) => one.matches.every((match) => match.src === null))).toBe(true)
    expect(effectOf([], [bad('198.51.100.1', 1)])).toMatchObject({ badByteShare: 0, normalByteShare: 0 })
  })
  it('20,000 rows are answered within seconds', () => {
    const d = dice(4)
    const rows = Array.from({ length: 20_000 }, (_, i) =>
      i % 2 === 0
        ? bad(`198.51.${d.below(256)}.${d.below(256)}`, 1 + d.below(1000), { srcPort: d.below(65_536) })
        : good(`192.0.${d.below(256)}.${d.below(256)}`, d.below(1000)),
    )
    const began = performance.now()
    expect(alternatives(sample(rows)).length).toBeGreaterThan(3)
    expect(performance.now() - began).toBeLessThan(10_000)
  })
})
