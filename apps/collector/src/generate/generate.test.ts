import { createHash } from 'node:crypto'
import { Decoder, type FlowRecord, formatAddress } from '@weir/decoder'
import { describe, expect, it } from 'vitest'
import { activity } from './demo.ts'
import { PROTOCOLS, type Protocol } from './encoder.ts'
import { SimulatedExporter } from './exporter.ts'
import { PROFILES, type Profile } from './network.ts'
import { Random } from './random.ts'

const START = Date.UTC(2026, 0, 1)

function make(protocol: Protocol, profile: Profile, seed: number, flows: number, rate = 100): Buffer[] {
  const exporter = new SimulatedExporter({
    protocol,
    profile,
    seed,
    startMs: START,
    templateIntervalMs: 20_000,
    agent: Uint8Array.of(127, 66, 1, 1),
    domain: 3,
  })
  const out: Buffer[] = []
  for (let i = 0; i < flows; i++) exporter.flow(START + Math.floor((i * 1000) / rate), START + Math.floor((i * 1000) / rate), out)
  exporter.flush(START + Math.floor((flows * 1000) / rate), out)
  return out
}

interface Seen {
  flows: number
  lost: number
  problems: number
  names: Set<string>
  speeds: number
  records: Pick<FlowRecord, 'samplingRate' | 'endMs' | 'startMs' | 'bytes' | 'packets' | 'proto'>[]
  v6: number
  hosts: Set<string>
}

function read(datagrams: Buffer[]): Seen {
  const decoder = new Decoder()
  const seen: Seen = { flows: 0, lost: 0, problems: 0, names: new Set(), speeds: 0, records: [], v6: 0, hosts: new Set() }
  for (const datagram of datagrams) {
    const result = decoder.decode(
      datagram,
      { address: '127.66.1.1', port: 4000, receivedMs: START },
      {
        flow: (r) => {
          const { samplingRate, endMs, startMs, bytes, packets, proto } = r
          seen.records.push({ samplingRate, endMs, startMs, bytes, packets, proto })
          if (r.srcAddr.length === 16) seen.v6++
          seen.hosts.add(formatAddress(r.srcAddr))
        },
        name: (_source, _domain, { name }) => void seen.names.add(name),
        counters: () => void seen.speeds++,
      },
    )
    seen.flows += result.flows
    seen.lost += result.lost
    seen.problems += result.problems.length
  }
  return seen
}

const cases = PROTOCOLS.flatMap((protocol) => Object.keys(PROFILES).map((name) => [protocol, name] as const))

describe('a simulated exporter', () => {
  it.each(cases)('speaks %s as %s so that the decoder understands every octet and misses no sequence', (protocol, name) => {
    const profile = PROFILES[name as keyof typeof PROFILES]
    const datagrams = make(protocol, profile, 5, 3000)
    const seen = read(datagrams)
    expect(seen).toMatchObject({ flows: 3000, lost: 0, problems: 0 })
    expect(Math.max(...datagrams.map((d) => d.length))).toBeLessThanOrEqual(1472)
    expect(seen.hosts.size).toBeGreaterThan(10)
    expect(seen.records.every(({ bytes, packets }) => packets >= 1 && bytes >= 28 * packets)).toBe(true)
    if (protocol === 'v9' || protocol === 'ipfix') expect([...seen.names].sort()).toEqual(profile.interfaces.map((i) => i.name).sort())
    if (protocol === 'sflow') expect(seen.speeds).toBeGreaterThanOrEqual(profile.interfaces.length)
  })

  it.each(PROTOCOLS)('stamps %s flows inside the time they were made in, to the millisecond', (protocol) => {
    if (protocol === 'sflow') return
    for (const { startMs, endMs } of read(make(protocol, PROFILES.edge, 8, 2000)).records) {
      expect(endMs).toBeGreaterThanOrEqual(START - 1)
      expect(endMs).toBeLessThanOrEqual(START + 20_001)
      expect(startMs).toBeLessThanOrEqual(endMs)
      expect(endMs - startMs).toBeLessThanOrEqual(60_000)
    }
  })

  it.each([
    ['v5', 100],
    ['v9', 100],
    ['ipfix', 100],
    ['sflow', 512],
  ] as const)('says in %s that it samples, with the first flow', (protocol, expected) => {
    const seen = read(make(protocol, { ...PROFILES.edge, sampling: protocol === 'sflow' ? 1 : 100 }, 3, 300))
    expect(new Set(seen.records.map(({ samplingRate }) => samplingRate))).toEqual(new Set([expected]))
  })

  it.each(PROTOCOLS)('gives the same %s octets for the same seed, and others for another', (protocol) => {
    const hash = (seed: number) =>
      createHash('sha256')
        .update(Buffer.concat(make(protocol, PROFILES.edge, seed, 1000)))
        .digest('hex')
    expect(hash(4)).toBe(hash(4))
    expect(hash(4)).not.toBe(hash(5))
  })

  it('sends both families where IPv6 passes, and a heavy tail of sizes', () => {
    const seen = read(make('ipfix', PROFILES.edge, 1, 20_000))
    expect(seen.v6 / seen.flows).toBeGreaterThan(0.08)
    expect(seen.v6 / seen.flows).toBeLessThan(0.4)
    const sizes = seen.records.map(({ bytes }) => bytes).sort((a, b) => b - a)
    const total = sizes.reduce((a, b) => a + b, 0)
    const top = sizes.slice(0, sizes.length / 100).reduce((a, b) => a + b, 0)
    expect(top / total).toBeGreaterThan(0.4)
  })
})

describe('the demo day', () => {
  it('is never dead, never flat, and busier at noon than at night', () => {
    const at = (hour: number) => Array.from({ length: 60 }, (_, minute) => activity(Date.UTC(2026, 5, 1, hour, minute)))
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
    expect(mean(at(14))).toBeGreaterThan(1.5 * mean(at(3)))
    for (let hour = 0; hour < 24; hour++) {
      expect(Math.min(...at(hour))).toBeGreaterThan(0.25)
      expect(Math.max(...at(hour)) / Math.min(...at(hour))).toBeGreaterThan(1.15)
    }
  })
})

describe('the random numbers', () => {
  it('are the same on every machine', () => {
    const random = new Random(42)
    expect(Array.from({ length: 4 }, () => random.uint32())).toMatchInlineSnapshot(`
      [
        1849552023,
        4223452576,
        118919111,
        3893884377,
      ]
    `)
  })

  it('keep to their distributions', () => {
    const random = new Random(7)
    const n = 20_000
    const mean = (draw: () => number) => Array.from({ length: n }, draw).reduce((a, b) => a + b, 0) / n
    expect(mean(() => random.unit())).toBeCloseTo(0.5, 1)
    expect(mean(() => random.exponential(10))).toBeGreaterThan(9.5)
    expect(mean(() => random.poisson(3))).toBeCloseTo(3, 0)
    expect(mean(() => random.poisson(200)) / 200).toBeCloseTo(1, 1)
    expect(mean(() => random.normal())).toBeCloseTo(0, 1)
  })
})
