import { describe, expect, test } from 'vitest'
import { Decoder } from '../src/index.ts'
import { flowSample, ipfix, ipfixTemplate, rawHeader, set, sflow, v5, v9, v9Template } from './encode.ts'
import { Random } from './fuzz.ts'

interface Sent {
  readonly octets: Uint8Array
  readonly receivedMs: number
}

const TEN = new Uint8Array(10 * 4)
const FIELDS = [[1, 4]] as const

/** `n` datagrams of one exporter with right sequence numbers; `uptime` restarts it from there. */
const EXPORTERS: Record<string, (n: number, first?: { sequence: number; upTime: number }) => Sent[]> = {
  'NetFlow v5 (counts flows)': (n, first = { sequence: 4_294_900_000, upTime: 1_000_000 }) =>
    many(n, (i) => v5(1 + (i % 30), { sequence: (first.sequence + sum(i)) >>> 0, upTime: first.upTime + i })),
  'NetFlow v9 (counts packets)': (n, first = { sequence: 4_294_960_000, upTime: 1_000_000 }) =>
    many(n, (i) =>
      v9([set(0, v9Template(256, FIELDS)), set(256, TEN)], { sequence: (first.sequence + i) >>> 0, upTime: first.upTime + i }),
    ),
  'IPFIX (counts records)': (n, first = { sequence: 4_294_900_000, upTime: 0 }) =>
    many(n, (i) =>
      ipfix([set(2, ipfixTemplate(256, FIELDS)), set(256, new Uint8Array((1 + (i % 20)) * 4))], {
        sequence: (first.sequence + sumOf(i, 20)) >>> 0,
      }),
    ),
  'sFlow (counts datagrams)': (n, first = { sequence: 4_294_960_000, upTime: 1_000_000 }) =>
    many(n, (i) =>
      sflow([flowSample([rawHeader(new Uint8Array(14))])], { sequence: (first.sequence + i) >>> 0, upTime: first.upTime + i }),
    ),
}

function many(n: number, make: (i: number) => Uint8Array): Sent[] {
  return Array.from({ length: n }, (_, i) => ({ octets: make(i), receivedMs: i }))
}

/** Records in the first `i` datagrams when datagram k carries 1 + k % width. */
function sumOf(i: number, width: number): number {
  const whole = Math.floor(i / width)
  const rest = i % width
  return whole * ((width * (width + 1)) / 2) + (rest * (rest + 1)) / 2
}

function sum(i: number): number {
  return sumOf(i, 30)
}

/** Exactly one of each hundred, at random places. */
function drop(sent: readonly Sent[], random: Random): Sent[] {
  const out: Sent[] = []
  for (let i = 0; i < sent.length; i += 100) {
    const gone = i + random.below(100)
    for (let k = i; k < i + 100; k++) if (k !== gone) out.push(sent[k] as Sent)
  }
  return out
}

function run(sent: readonly Sent[]): { lost: number; received: number; ratio: number; reported: number; restarts: number } {
  const decoder = new Decoder()
  let reported = 0
  for (const { octets, receivedMs } of sent)
    reported += decoder.decode(octets, { address: '192.0.2.1', port: 2055, receivedMs }, { flow: () => undefined }).lost
  const exporter = [...decoder.exporters()][0]
  const restarts = exporter?.streams.reduce((n, s) => n + s.restarts, 0) ?? 0
  const received = exporter?.streams.reduce((n, s) => n + s.received, 0) ?? 0
  return { lost: exporter?.lost ?? 0, received, ratio: exporter?.lossRatio ?? 0, reported, restarts }
}

describe.each(Object.entries(EXPORTERS))('%s', (_name, exporter) => {
  test('nothing dropped reads 0, across the wrap of the sequence number', () => {
    expect(run(exporter(20_000))).toMatchObject({ lost: 0, restarts: 0 })
  })

  test('1 % of 100,000 datagrams dropped reads 1.00 ± 0.10 %, and the reports add up to it', () => {
    const random = new Random(4)
    const result = run(drop(exporter(100_000), random))
    expect(result.ratio * 100).toBeGreaterThan(0.9)
    expect(result.ratio * 100).toBeLessThan(1.1)
    expect(result.reported).toBe(result.lost)
  }, 30_000)

  test('reordering by up to 32 datagrams reads 0', () => {
    const random = new Random(5)
    const sent = exporter(20_000).map((datagram, i) => ({ datagram, key: i + (random.below(10) === 0 ? random.below(32) : 0) }))
    sent.sort((a, b) => a.key - b.key)
    expect(run(sent.map((s) => s.datagram)).lost).toBe(0)
  })

  test('loss and reordering together read the loss', () => {
    const random = new Random(6)
    const sent = drop(exporter(50_000), random).map((datagram, i) => ({
      datagram,
      key: i + (random.below(10) === 0 ? random.below(32) : 0),
    }))
    sent.sort((a, b) => a.key - b.key)
    const { ratio } = run(sent.map((s) => s.datagram))
    expect(ratio * 100).toBeGreaterThan(0.9)
    expect(ratio * 100).toBeLessThan(1.1)
  }, 30_000)

  test('a restart of the exporter reads 0, after long and after short runs', () => {
    for (const before of [5, 50, 5_000]) {
      const sent = [...exporter(before, { sequence: 1, upTime: 10_000_000 }), ...exporter(5_000, { sequence: 1, upTime: 1_000 })]
      expect(run(sent).lost).toBe(0)
    }
  })

  test('a duplicated datagram reads 0', () => {
    expect(run(exporter(5_000).flatMap((d, i) => (i % 7 === 0 ? [d, d] : [d]))).lost).toBe(0)
  })
})

describe('exporters that count in their own way', () => {
  test('an IPFIX exporter that counts messages, and a v9 one that counts records, are followed', () => {
    const messages = many(5_000, (i) => ipfix([set(2, ipfixTemplate(256, FIELDS)), set(256, TEN)], { sequence: i }))
    const records = many(5_000, (i) => v9([set(0, v9Template(256, FIELDS)), set(256, TEN)], { sequence: i * 10 }))
    expect(run(messages).lost).toBe(0)
    expect(run(records).lost).toBe(0)
  })

  test('one that never counts is not lossy', () => {
    expect(run(many(5_000, () => v5(10, { sequence: 0 }))).lost).toBe(0)
  })

  test('line cards that share a counter over two ports, and two processes with one counter each behind one address', () => {
    const shared = new Decoder()
    const apart = new Decoder()
    const sink = { flow: () => undefined }
    for (let i = 0; i < 4_000; i++) {
      const source = { address: '192.0.2.1', port: 1000 + (i % 2), receivedMs: i }
      shared.decode(v9([set(0, v9Template(256, FIELDS))], { sequence: i }), source, sink)
      apart.decode(v9([set(0, v9Template(256, FIELDS))], { sequence: (i % 2) * 500_000 + (i >> 1) }), source, sink)
    }
    expect([...shared.exporters()][0]?.lost).toBe(0)
    expect([...apart.exporters()][0]?.lost).toBe(0)
  })

  test('loss in one engine, domain or sub-agent is not another one’s', () => {
    const decoder = new Decoder()
    for (let i = 0; i < 1_000; i++) {
      for (const subAgent of [0, 1]) {
        if (subAgent === 1 && i % 10 === 0) continue
        decoder.decode(sflow([], { sequence: i, subAgent }), { address: '192.0.2.1', port: 6343, receivedMs: i }, { flow: () => undefined })
      }
    }
    const streams = [...decoder.exporters()][0]?.streams ?? []
    expect(streams[0]?.lost).toBe(0)
    // Of 99 gaps the last few are still open: they may be filled by late datagrams.
    expect(streams[1]?.lost).toBeGreaterThan(90)
    expect(streams[1]?.lost).toBeLessThan(100)
  })
})
