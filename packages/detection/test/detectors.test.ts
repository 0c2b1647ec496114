import { describe, expect, it } from 'vitest'
import { entries } from '../src/fingerprints.ts'
import { Engine, type FlowEvent } from '../src/index.ts'
import { address, CONFIG, connection, flow, run, T0 } from './traffic.ts'

const named = (events: FlowEvent[], detector: string, config = {}) => run(events, config).filter((f) => f.detector === detector)
const series = (n: number, make: (i: number) => FlowEvent | FlowEvent[]) => Array.from({ length: n }, (_, i) => make(i)).flat()

describe('ddos', () => {
  const flood = (perSecond: number, seconds: number, over: Partial<FlowEvent> = {}) =>
    series(perSecond * seconds, (i) =>
      flow(T0 + Math.floor((i * 1000) / perSecond), {
        src: address(i % 5_000),
        srcPort: 123,
        dstPort: 3_299,
        proto: 17,
        tcpFlags: -1,
        packets: 4,
        bytes: 2_000,
        ...over,
      }),
    )

  it('a reflection flood is found, names its kind and is critical', () => {
    const [first] = named(flood(200, 40), 'ddos')
    expect(first).toMatchObject({ severity: 'critical', target: '203.0.113.10' })
    expect(first?.why).toContain('NTP reflection')
  })
  it('the printed value is the rate of its window', () => {
    const found = named(flood(200, 40), 'ddos')
    expect(Math.max(...found.map((f) => f.value))).toBeCloseTo(800, -1)
  })
  it('traffic that we asked for is no flood', () => {
    const asked = series(5_000, (i) =>
      flow(T0 - 5_000 + i, { src: '203.0.113.10', dst: address(i), srcPort: 3_299, dstPort: 123, proto: 17, tcpFlags: -1 }),
    )
    expect(named([...asked, ...flood(200, 40)], 'ddos')).toEqual([])
  })
  it('a flash crowd of made connections is a surge, not an attack', () => {
    const crowd = series(6_000, (i) => flow(T0 + i * 5, { src: address(i), srcPort: 50_000, packets: 20, bytes: 4_000, tcpFlags: 27 }))
    const found = run(crowd)
    expect(found.some((f) => f.detector === 'surge')).toBe(true)
    expect(found.some((f) => f.detector === 'ddos')).toBe(false)
  })
  it('an IPv6 victim is found like an IPv4 one', () => {
    const config = { homeNetworks: ['2001:db8:1::/48'] }
    const events = flood(200, 40).map((e, i) => ({ ...e, src: `2001:db8:ffff::${(i % 5_000).toString(16)}`, dst: '2001:db8:1::10' }))
    expect(named(events, 'ddos', config)[0]?.target).toBe('2001:db8:1::10')
  })
  it('port unreachables of the victim do not make a flood asked for, nor the victim a scanner', () => {
    const errors = flood(200, 40).map((e) => ({
      ...e,
      src: e.dst,
      dst: e.src,
      srcPort: 0,
      dstPort: 0x0303,
      proto: 1,
      startMs: e.startMs - 1,
      endMs: e.endMs - 1,
      packets: 1,
      bytes: 56,
    }))
    const found = run([...errors, ...flood(200, 40)])
    expect(found.some((f) => f.detector === 'ddos')).toBe(true)
    expect(found.some((f) => f.detector === 'host_scan')).toBe(false)
  })
  it('one window of noise is not enough', () => {
    expect(named(flood(80, 9), 'ddos')).toEqual([])
  })
})

describe('syn_flood', () => {
  it('bare SYN far above made connections, ECN bits or not', () => {
    const events = series(4_000, (i) => flow(T0 + i * 10, { src: address(i), tcpFlags: i % 2 === 0 ? 2 : 2 | 64 | 128 }))
    expect(named(events, 'syn_flood')[0]).toMatchObject({ severity: 'critical', target: '203.0.113.10' })
  })
  it('one source on many ports is a scan, not a flood', () => {
    const events = series(900, (i) => flow(T0 + i * 50, { dstPort: 1 + i }))
    const found = run(events)
    expect(found.some((f) => f.detector === 'syn_flood')).toBe(false)
    expect(found.find((f) => f.detector === 'port_scan')).toMatchObject({ severity: 'warning', actor: '198.51.100.1' })
  })
})

describe('scans', () => {
  it('answers are never attempts: a resolver whose replies go to many ports does not scan', () => {
    const events = series(400, (i) => [
      flow(T0 + i * 100, { src: '10.0.0.5', dst: '8.8.8.8', srcPort: 20_000 + i, dstPort: 53, proto: 17, tcpFlags: -1 }),
      flow(T0 + i * 100 + 20, { src: '8.8.8.8', dst: '10.0.0.5', srcPort: 53, dstPort: 20_000 + i, proto: 17, tcpFlags: -1 }),
    ])
    expect(run(events).filter((f) => f.detector.endsWith('_scan'))).toEqual([])
  })
  it('the refused side is not the scanner', () => {
    const events = series(60, (i) => [
      flow(T0 + i * 100, { src: '10.0.0.9', dst: '10.0.1.1', srcPort: 45_000, dstPort: 100 + i }),
      flow(T0 + i * 100 + 1, { src: '10.0.1.1', dst: '10.0.0.9', srcPort: 100 + i, dstPort: 45_000, tcpFlags: 20 }),
    ])
    const actors = new Set(
      run(events)
        .filter((f) => f.detector === 'port_scan')
        .map((f) => f.actor),
    )
    expect(actors).toEqual(new Set(['10.0.0.9']))
  })
  it('an inside sweep of one port is critical at ten hosts, and silent at nine', () => {
    const sweep = (n: number) =>
      series(n, (i) => flow(T0 + i * 300, { src: '10.0.0.9', dst: `10.0.2.${i + 1}`, srcPort: 41_000 + i, dstPort: 445 }))
    expect(named(sweep(10), 'host_scan')[0]).toMatchObject({ severity: 'critical', actor: '10.0.0.9' })
    expect(named(sweep(9), 'host_scan')).toEqual([])
  })
  it('backscatter of a spoofed attack is not a scan', () => {
    const events = series(100, (i) => flow(T0 + i * 200, { src: '198.51.100.1', srcPort: 80, dstPort: 1_000 + i, tcpFlags: 18 }))
    expect(run(events).filter((f) => f.detector.endsWith('_scan'))).toEqual([])
  })
})

describe('icmp_share over a billing period', () => {
  const month = (icmp: number, of: number) =>
    series(of, (i) =>
      Math.floor(((i + 1) * icmp) / of) > Math.floor((i * icmp) / of)
        ? flow(T0 + i * 1_000, { proto: 1, tcpFlags: -1, dstPort: 2_048 })
        : (connection(T0 + i * 1_000, '10.0.0.5', '203.0.113.10', 443)[0] ?? []),
    )
  it('9.9 % is silent', () => expect(named(month(198, 2_000), 'icmp_share')).toEqual([]))
  it('10.1 % fires, and prints the share', () => {
    const found = named(month(202, 2_000), 'icmp_share').at(-1)
    expect(found?.value).toBeCloseTo(0.101, 3)
  })
  it('too few flows say nothing', () => expect(named(month(200, 900), 'icmp_share')).toEqual([]))
  it('a new billing period starts from zero', () => {
    const engine = new Engine({ homeNetworks: [], billingDay: 15, billingOffsetMinutes: 0, allowedCountries: [], roles: {} })
    run(month(500, 2_000), {}, engine)
    const later = Date.UTC(2026, 2, 15, 1)
    expect(
      run(
        series(2_000, (i) => flow(later + i * 1_000, { srcPort: i + 1 })),
        {},
        engine,
      ).filter((f) => f.detector === 'icmp_share' && f.firstMs >= later),
    ).toEqual([])
  })
})

describe('beacon, exfil, retry storm', () => {
  const background = (days: number) =>
    series(days * 24 * 60, (m) => [...connection(T0 + m * 60_000, `10.0.0.${5 + (m % 4)}`, '192.0.2.80', 443)])
  it('a regular call home to a new place after a day of learning is a warning', () => {
    const start = T0 + 26 * 3_600_000
    const calls = series(80, (i) => connection(start + i * 45_000 + (i % 3) * 200, '10.0.0.7', '198.51.100.44', 8_081))
    expect(named([...background(1.2), ...calls], 'beacon').at(-1)).toMatchObject({ actor: '10.0.0.7', target: '198.51.100.44' })
    expect(named([...background(1.2), ...calls], 'beacon').some((f) => f.severity !== 'info')).toBe(true)
  })
  it('a long session cut into records every 60 s is one connection, not a beacon', () => {
    const start = T0 + 26 * 3_600_000
    const session = series(120, (i) =>
      flow(start + i * 60_000, {
        src: '10.0.0.7',
        dst: '198.51.100.44',
        srcPort: 50_001,
        dstPort: 443,
        endMs: start + (i + 1) * 60_000,
        tcpFlags: 24,
        packets: 50,
        bytes: 4_000,
      }),
    )
    expect(named([...background(1.2), ...session], 'beacon')).toEqual([])
  })
  it('an upload of 250 MB to a new place is critical, a backup to a known one is silent', () => {
    const start = T0 + 26 * 3_600_000
    const upload = (at: number, dst: string) =>
      series(30, (i) =>
        flow(at + i * 20_000, {
          src: '10.0.0.7',
          dst,
          srcPort: 50_002,
          endMs: at + (i + 1) * 20_000,
          tcpFlags: 24,
          packets: 7_000,
          bytes: 9_000_000,
        }),
      )
    expect(named([...background(1.2), ...upload(start, '198.51.100.200')], 'exfil').at(-1)).toMatchObject({
      severity: 'critical',
      actor: '10.0.0.7',
    })
    const known = series(5, (h) => upload(T0 + h * 3_600_000, '198.51.100.99'))
    expect(named([...background(1.2), ...known, ...upload(start, '198.51.100.99')], 'exfil').filter((f) => f.firstMs >= start)).toEqual([])
  })
  it('an upload of a host without a past says so; where an exporter is new it is context, for nobody looked there before', () => {
    const start = T0 + 26 * 3_600_000
    const upload = (exporter: string) =>
      series(30, (i) =>
        flow(start + i * 20_000, {
          src: '10.0.0.77',
          dst: '198.51.100.200',
          endMs: start + (i + 1) * 20_000,
          tcpFlags: 24,
          packets: 7_000,
          bytes: 9_000_000,
          exporter,
        }),
      )
    const guest = named([...background(1.2), ...upload('192.0.2.1')], 'exfil').at(-1)
    expect(guest).toMatchObject({ severity: 'warning', expected: null })
    expect(guest?.why).toMatch(/not known yet: it has been seen for a moment|for \d+ min/)
    expect(guest?.why).not.toMatch(/ 0 [kM]?B/)
    const fresh = named([...background(1.2), ...upload('192.0.2.9')], 'exfil')
    expect(new Set(fresh.map((f) => f.severity))).toEqual(new Set(['info']))
  })
  it('first contacts behind an exporter that has just been added alarm nobody', () => {
    const admin = (at: number, exporter: string) =>
      series(5, (i) => connection(at + i * 60_000, '10.0.0.8', `10.0.9.${i + 1}`, 22, { exporter }))
    const quiet = background(2.2)
    const at = T0 + 50 * 3_600_000
    expect(named([...quiet, ...admin(at, '192.0.2.1')], 'lateral').length).toBeGreaterThan(0)
    expect([
      ...named([...quiet, ...admin(at, '192.0.2.9')], 'lateral'),
      ...named([...quiet, ...admin(at, '192.0.2.9')], 'new_edge'),
    ]).toEqual([])
  })
  it('what an outside client fetches from an own service is context, not an upload', () => {
    const start = T0 + 26 * 3_600_000
    const served = series(30, (i) => {
      const at = start + i * 20_000
      return connection(at, '198.51.100.200', '10.0.0.7', 443, { srcPort: 41_000 + i }).map((f) =>
        f.src === '10.0.0.7' ? { ...f, bytes: 9_000_000, packets: 7_000 } : f,
      )
    })
    const found = named([...background(1.2), ...served], 'exfil')
    expect(new Set(found.map((f) => f.severity))).toEqual(new Set(['info']))
  })
  it('a client that hammers its service is a retry storm; the same growth with usual connections is not', () => {
    const usual = series(120, (m) => series(4, (i) => connection(T0 + m * 60_000 + i * 9_000 + i, '10.0.5.1', '10.0.6.1', 8_443)))
    const at = T0 + 121 * 60_000
    const storm = series(1_500, (i) => [
      flow(at + i * 160, { src: '10.0.5.1', dst: '10.0.6.1', srcPort: 20_000 + i, dstPort: 8_443, tcpFlags: 6, packets: 2, bytes: 100 }),
      flow(at + i * 160 + 1, { src: '10.0.6.1', dst: '10.0.5.1', srcPort: 8_443, dstPort: 20_000 + i, tcpFlags: 20, bytes: 40 }),
    ])
    const growth = series(1_500, (i) => connection(at + i * 160, '10.0.5.1', '10.0.6.1', 8_443, { srcPort: 20_000 + i }))
    expect(named([...usual, ...storm], 'retry_storm')[0]).toMatchObject({ actor: '10.0.5.1', target: '10.0.6.1' })
    expect(named([...usual, ...growth], 'retry_storm')).toEqual([])
  })
})

describe('the engine', () => {
  it('the same records from a second exporter change nothing', () => {
    const events = series(4_000, (i) => flow(T0 + i * 10, { src: address(i) }))
    const twice = events.flatMap((e) => [e, { ...e, exporter: '192.0.2.2' }])
    const strip = (list: FlowEvent[]) => run(list).map((f) => [f.detector, f.severity, f.entity, f.value])
    expect(strip(twice)).toEqual(strip(events))
  })
  it('a restart from its snapshot finds what an uninterrupted run finds', () => {
    const events = series(3_000, (i) => flow(T0 + i * 20, { src: address(i), packets: 4 }))
    const config = { homeNetworks: ['203.0.113.0/24'], billingDay: 1, billingOffsetMinutes: 0, allowedCountries: [], roles: {} }
    const whole = run(events, {}, new Engine(config))
    const first = new Engine(config)
    const before = events.slice(0, 1_500).flatMap((e) => {
      const found = first.advance(e.endMs)
      first.push(e, e.endMs)
      return found
    })
    const second = new Engine(config, structuredClone(first.snapshot()))
    const after = run(events.slice(1_500), {}, second)
    const key = (f: { detector: string; window: readonly [number, number]; value: number }) => `${f.detector} ${f.window[0]} ${f.value}`
    expect([...before, ...after].map(key)).toEqual(whole.map(key))
  })
  it('a spoofed flood keeps every table within its limit', () => {
    const engine = new Engine({ homeNetworks: ['203.0.113.0/24'], billingDay: 1, billingOffsetMinutes: 0, allowedCountries: [], roles: {} })
    const one = (i: number) => flow(T0 + Math.floor(i / 100), { src: address(i), srcPort: i & 0xffff })
    for (let i = 0; i < 610_000; i++) engine.push(one(i), T0 + Math.floor(i / 100))
    const { shared } = engine.snapshot()
    const { conversations, duplicates } = shared
    expect(conversations.size).toBeLessThanOrEqual(400_000)
    expect(conversations.evicted).toBeGreaterThan(0)
    expect(entries(duplicates)).toBeLessThanOrEqual(600_000)
    // What was told just now is known all the same when a second exporter repeats it.
    for (let i = 600_000; i < 610_000; i++) engine.push({ ...one(i), exporter: '192.0.2.99' }, T0 + Math.floor(i / 100))
    expect(shared.dropped).toBe(10_000)
  }, 180_000)
})

describe('scans that are answered, slow, or go elsewhere', () => {
  it('many system ports of one host are a scan even where each answers; many high ports are not', () => {
    const ports = (from: number) =>
      Array.from({ length: 20 }, (_, i) => connection(T0 + i * 1_000, '10.0.0.9', '198.51.100.7', from + i)).flat()
    expect(run(ports(980)).map((f) => [f.detector, f.severity])).toContainEqual(['port_scan', 'warning'])
    expect(run(ports(40_000)).filter((f) => f.detector === 'port_scan')).toEqual([])
  })
  it('an outside source that never connects is named after 15 ports in a day; one that does needs 60', () => {
    const tries = (n: number) => Array.from({ length: n }, (_, i) => flow(T0 + i * 1_800_000, { src: '198.51.100.9', dstPort: 1_000 + i }))
    const slow = (events: FlowEvent[]) => run(events).filter((f) => f.statistic === 'distinct_failed_ports_24h')
    expect(slow(tries(14))).toEqual([])
    expect(slow(tries(15)).map((f) => f.severity)).toEqual(['info'])
    expect(slow([...tries(15), ...connection(T0 + 60_000, '198.51.100.9', '203.0.113.10', 443), ...tries(15)])).toEqual([])
  })
  it('an inside host that pings fifteen hosts of a foreign network sweeps it; fifteen of our own it may monitor', () => {
    const ping = (net: string) =>
      Array.from({ length: 16 }, (_, i) =>
        flow(T0 + i * 1_000, { src: '10.0.0.9', dst: `${net}.${i + 1}`, srcPort: 0, dstPort: 2048, proto: 1, tcpFlags: -1, icmpType: 8 }),
      )
    expect(run(ping('198.51.100')).some((f) => f.detector === 'host_scan')).toBe(true)
    expect(run(ping('10.0.7')).some((f) => f.detector === 'host_scan')).toBe(false)
  })
})

describe('half of a conversation', () => {
  const half = (at: number) =>
    flow(at, {
      src: '10.0.0.9',
      dst: '198.51.100.7',
      srcPort: 50_001,
      dstPort: 443,
      packets: 12_000,
      bytes: 480_000,
      tcpFlags: 24,
      endMs: at + 60_000,
    })
  it('acknowledgements to an address that the host is talking to are context, to a stranger a flood', () => {
    const flood = (events: FlowEvent[]) => run(events).filter((f) => f.detector === 'outbound_flood')
    expect(new Set(flood([half(T0)]).map((f) => f.severity))).toEqual(new Set(['critical']))
    expect(new Set(flood([...connection(T0 - 5_000, '10.0.0.9', '198.51.100.7', 443), half(T0)]).map((f) => f.severity))).toEqual(
      new Set(['info']),
    )
  })
})

describe('through sampling', () => {
  it('a big download whose requests were not picked is no flood; the same unsampled and unasked is', () => {
    const download = (samplingRate: number) =>
      Array.from({ length: 4 }, (_, i) =>
        flow(T0 + i * 10_000, {
          src: '198.51.100.9',
          dst: '203.0.113.10',
          srcPort: 443,
          dstPort: 50_000,
          proto: 17,
          tcpFlags: -1,
          packets: 400_000 / samplingRate,
          bytes: 500_000_000 / samplingRate,
          endMs: T0 + i * 10_000 + 9_900,
          samplingRate,
        }),
      )
    expect(named(download(16), 'ddos')).toEqual([])
    expect(named(download(1), 'ddos').length).toBeGreaterThan(0)
  })
  it('browsing seen by its SYNs alone is no sweep; a sweep of another port is', () => {
    const syns = (dstPort: number) =>
      Array.from({ length: 40 }, (_, i) => flow(T0 + i * 2_000, { src: '10.0.0.9', dst: `198.51.100.${i + 1}`, dstPort, samplingRate: 16 }))
    expect(named(syns(443), 'host_scan')).toEqual([])
    expect(named(syns(3389), 'host_scan').length).toBeGreaterThan(0)
  })
})

describe('trust', () => {
  const flood = series(8_000, (i) =>
    flow(T0 + i * 5, { src: address(i % 5_000), srcPort: 123, dstPort: 3_299, proto: 17, tcpFlags: -1, packets: 4, bytes: 2_000 }),
  )
  const trusts = (telemetry: Engine['telemetry']) => {
    const engine = new Engine(CONFIG)
    engine.telemetry = telemetry
    const found = run(flood, {}, engine).filter((f) => f.detector === 'ddos')
    expect(found.length).toBeGreaterThan(0)
    return new Set(found.map((f) => f.trust))
  }
  const exporter = flood[0]?.exporter ?? ''

  it('is whole while the telemetry is in order', () => expect(trusts({ all: 'ok', exporters: new Map() })).toEqual(new Set(['ok'])))
  it('is low when the exporter that told loses flows or has a wrong clock', () =>
    expect(trusts({ all: 'ok', exporters: new Map([[exporter, 'low']]) })).toEqual(new Set(['low'])))
  it('is not touched by another exporter', () =>
    expect(trusts({ all: 'ok', exporters: new Map([['192.0.2.250', 'hold']]) })).toEqual(new Set(['ok'])))
  it('is on hold while this collector itself drops', () => expect(trusts({ all: 'hold', exporters: new Map() })).toEqual(new Set(['hold'])))
})
