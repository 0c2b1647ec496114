import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { type DatagramSource, Decoder, type DecoderLimits } from '../src/index.ts'
import { collector } from './captures.ts'
import { ipfix, ipfixOptions, ipfixTemplate, Octets, type Spec, set, v9, v9Options, v9Template } from './encode.ts'

const PORTS: readonly Spec[] = [
  [7, 2],
  [11, 2],
]
const BYTES: readonly Spec[] = [[1, 4]]

function at(receivedMs: number, port = 2055, address = '192.0.2.1'): DatagramSource {
  return { address, port, receivedMs }
}

function decode(decoder: Decoder, datagram: Uint8Array, source = at(1)): ReturnType<typeof collector>['flows'] {
  const sink = collector()
  decoder.decode(datagram, source, sink)
  return sink.flows
}

describe('template lifecycle', () => {
  /**
   * Every order up to length 6 of: define id 256 as ports, as bytes, or as options; withdraw it; withdraw all; send data.
   * The reference holds one definition and reads the four data octets by it.
   */
  test('all orders up to length 6 of define, redefine, switch kind, withdraw and data equal a reference', () => {
    const data = new Octets().u16(0x0102).u16(0x0304).done()
    const steps = [
      { set: set(2, ipfixTemplate(256, PORTS)), becomes: 'ports' },
      { set: set(2, ipfixTemplate(256, BYTES)), becomes: 'bytes' },
      { set: set(3, ipfixOptions(256, [[149, 2]], [[302, 2]])), becomes: 'options' },
      { set: set(2, new Octets().u16(256).u16(0).done()), becomes: 'nothing' },
      { set: set(2, new Octets().u16(2).u16(0).done()), becomes: 'nothing', onlyData: true },
      { set: set(256, data), becomes: null },
    ] as const
    let orders = 0
    const run = (order: readonly number[]): void => {
      orders++
      const decoder = new Decoder({ limits: { parkedSets: 0 } })
      let kind = 'nothing'
      for (const [i, step] of order.entries()) {
        const { set: octets, becomes, ...rest } = steps[step] as (typeof steps)[number]
        const flows = decode(decoder, ipfix([octets]), at(i))
        if (becomes !== null) {
          if (!('onlyData' in rest) || kind !== 'options') kind = becomes
          continue
        }
        const want = kind === 'ports' ? [{ src_port: 0x0102, dst_port: 0x0304 }] : kind === 'bytes' ? [{ bytes: 0x01020304 }] : []
        if (flows.length !== want.length) expect.fail(`${order.join()}: ${flows.length} flows where ${kind} is defined`)
        for (const [j, flow] of flows.entries()) expect(flow).toMatchObject(want[j] ?? {})
      }
    }
    const extend = (order: readonly number[]): void => {
      if (order.length > 0) run(order)
      if (order.length < 6) for (let step = 0; step < steps.length; step++) extend([...order, step])
    }
    extend([])
    expect(orders).toBe(6 + 36 + 216 + 1296 + 7776 + 46656)
  }, 60_000)

  test('a template with no fields withdraws the id, in v9 too', () => {
    const decoder = new Decoder()
    decode(decoder, v9([set(0, v9Template(256, PORTS))]))
    decode(decoder, v9([set(0, v9Template(256, []))]))
    expect(decoder.templateCounters.withdrawn).toBe(1)
    expect(decode(decoder, v9([set(256, new Uint8Array(4))]))).toEqual([])
  })

  test('a changed definition is reported and counted, the third within ten minutes as contested; a refresh is neither', () => {
    const decoder = new Decoder()
    const sink = collector()
    const define = (fields: readonly Spec[], now: number): string =>
      decoder
        .decode(v9([set(0, v9Template(256, fields))]), at(now), sink)
        .problems.map((p) => `${p.code} ${p.detail}`)
        .join()
    expect(define(PORTS, 0)).toBe('')
    expect(define(PORTS, 1000)).toBe('')
    expect(define(BYTES, 2000)).toContain('template-changed')
    define(PORTS, 3000)
    expect(define(BYTES, 4000)).toContain('contested')
    expect([...decoder.templates()][0]).toMatchObject({ templateId: 256, changes: 3, contested: true })
    expect(decoder.templateCounters).toMatchObject({ defined: 1, refreshed: 1, redefined: 3 })
  })

  test('a template neither used nor sent again for the idle time is forgotten; use keeps it', () => {
    const decoder = new Decoder({ limits: { templateIdleMs: 1000 } })
    const data = v9([set(256, new Uint8Array(4))])
    decode(decoder, v9([set(0, v9Template(256, PORTS))]), at(0))
    expect(decode(decoder, data, at(900))).toHaveLength(1)
    expect(decode(decoder, data, at(1800))).toHaveLength(1)
    expect(decode(decoder, data, at(2900))).toHaveLength(0)
    expect(decoder.templateCounters.expired).toBe(1)
  })

  test('each session has its own template of an id; a port that defined none borrows the latest', () => {
    const decoder = new Decoder()
    decode(decoder, v9([set(0, v9Template(256, PORTS))]), at(1, 1001))
    decode(decoder, v9([set(0, v9Template(256, BYTES))]), at(2, 1002))
    const data = v9([set(256, new Octets().u32(0x00010002).done())])
    expect(decode(decoder, data, at(3, 1001))).toMatchObject([{ src_port: 1, dst_port: 2 }])
    expect(decode(decoder, data, at(3, 1002))).toMatchObject([{ bytes: 65_538 }])
    expect(decode(decoder, data, at(3, 1003))).toMatchObject([{ bytes: 65_538 }])
  })

  test('templates of a connection live and die with it, and nobody borrows them', () => {
    const decoder = new Decoder()
    const session = { ...at(1, 4739), session: 'a' }
    const data = ipfix([set(256, new Octets().u32(7).done())])
    decode(decoder, ipfix([set(2, ipfixTemplate(256, BYTES))]), session)
    expect(decode(decoder, data, session)).toHaveLength(1)
    expect(decode(decoder, data, { ...session, session: 'b' })).toHaveLength(0)
    expect(decode(decoder, data, at(1, 4739))).toHaveLength(1)
    decoder.endSession(session)
    expect(decode(decoder, data, session)).toHaveLength(0)
  })

  test('domains, protocols and exporters never share a template', () => {
    const decoder = new Decoder({ limits: { parkedSets: 0 } })
    decode(decoder, v9([set(0, v9Template(256, PORTS))], { domain: 1 }))
    const body = set(256, new Uint8Array(4))
    expect(decode(decoder, v9([body], { domain: 2 }))).toHaveLength(0)
    expect(decode(decoder, ipfix([body], { domain: 1 }))).toHaveLength(0)
    expect(decode(decoder, v9([body], { domain: 1 }), at(1, 2055, '192.0.2.2'))).toHaveLength(0)
    expect(decode(decoder, v9([body], { domain: 1 }))).toHaveLength(1)
  })

  test('a template whose records have no octets is refused and undoes the id', () => {
    const decoder = new Decoder({ limits: { parkedSets: 0 } })
    decode(decoder, v9([set(0, v9Template(256, PORTS))]))
    const result = decoder.decode(v9([set(0, v9Template(256, [[1, 0]]))]), at(1), collector())
    expect(result.problems.map((p) => p.code)).toEqual(['template-refused'])
    expect(decode(decoder, v9([set(256, new Uint8Array(4))]))).toHaveLength(0)
  })
})

describe('data before its template', () => {
  test('is parked and decoded when the template comes, in order and with its own header', () => {
    const decoder = new Decoder()
    decode(decoder, v9([set(256, new Octets().u16(1).u16(2).u16(3).u16(4).done())], { sequence: 5, upTime: 100_000 }))
    decode(decoder, v9([set(256, new Octets().u16(5).u16(6).done())], { sequence: 6 }))
    expect(decoder.parkingCounters).toMatchObject({ parked: 2, waiting: 2 })
    const flows = decode(decoder, v9([set(0, v9Template(256, PORTS))], { sequence: 7 }), at(9))
    expect(flows).toMatchObject([
      { src_port: 1, sequence_num: 5 },
      { src_port: 3, sequence_num: 5 },
      { src_port: 5, sequence_num: 6 },
    ])
    expect(decoder.parkingCounters).toMatchObject({ replayed: 2, waiting: 0, octets: 0 })
  })

  test('in the same packet', () => {
    const flows = decode(new Decoder(), v9([set(256, new Octets().u16(1).u16(2).done()), set(0, v9Template(256, PORTS))]))
    expect(flows).toMatchObject([{ src_port: 1, dst_port: 2 }])
  })

  test('options wait too: their rate counts for the data parked with them', () => {
    const decoder = new Decoder()
    decode(decoder, v9([set(257, new Octets().u32(0).u32(500).done()), set(256, new Octets().u16(1).u16(2).done())]))
    const flows = decode(decoder, v9([set(1, v9Options(257, [[1, 4]], [[34, 4]])), set(0, v9Template(256, PORTS))]))
    expect(flows).toMatchObject([{ src_port: 1, sampling_rate: 500 }])
  })

  test('waits no longer than the limit, and no more of it than the limits; both are counted', () => {
    const limits: Partial<DecoderLimits> = { parkedMs: 1000, parkedSets: 3 }
    const decoder = new Decoder({ limits })
    for (let i = 0; i < 5; i++) decode(decoder, v9([set(256, new Uint8Array(4))]), at(i * 100))
    expect(decoder.parkingCounters).toMatchObject({ parked: 3, refusedSpace: 2, waiting: 3 })
    decode(decoder, v9([]), at(1150))
    expect(decoder.parkingCounters).toMatchObject({ expiredAge: 2, waiting: 1 })
    expect(decode(decoder, v9([set(0, v9Template(256, PORTS))]), at(1160))).toHaveLength(1)
  })

  test('one exporter cannot fill the room of the others', () => {
    const decoder = new Decoder({ limits: { parkedOctets: 100_000, parkedOctetsPerExporter: 20_000 } })
    for (let i = 0; i < 500; i++) decode(decoder, v9([set(300 + (i % 50), new Uint8Array(1000))]), at(i, 1, '198.51.100.1'))
    expect(decoder.parkingCounters.octets).toBeLessThanOrEqual(20_000)
    decode(decoder, v9([set(256, new Uint8Array(4))]), at(600))
    expect(decode(decoder, v9([set(0, v9Template(256, PORTS))]), at(601))).toHaveLength(1)
  })

  test('a long replay is spread over datagrams; nothing is lost', () => {
    const decoder = new Decoder({ limits: { replayedRecordsPerDatagram: 100 } })
    for (let i = 0; i < 10; i++) decode(decoder, v9([set(256, new Uint8Array(120))], { sequence: i }))
    const sink = collector()
    decoder.decode(v9([set(0, v9Template(256, PORTS))]), at(1), sink)
    expect(sink.flows).toHaveLength(100)
    for (let i = 0; i < 4; i++) decoder.decode(v9([]), at(2 + i), sink)
    expect(sink.flows).toHaveLength(300)
  })
})

describe('bounds', () => {
  test('100,000 templates of one exporter keep 1,024 and cost no other exporter one', () => {
    const decoder = new Decoder()
    const other = at(0, 2055, '198.51.100.7')
    decode(decoder, v9([set(0, v9Template(256, PORTS))]), other)
    decode(decoder, v9([set(256, new Uint8Array(4))]), other)
    const before = heap()
    for (let i = 0; i < 1000; i++) {
      const templates: Uint8Array[] = []
      for (let k = 0; k < 100; k++)
        templates.push(
          v9Template(256 + ((i * 100 + k) % 60_000), [
            [1, 4],
            [2, 4],
            [8, 4],
            [12, 4],
            [1 + (i % 7), 4],
          ]),
        )
      decode(decoder, v9([set(0, concat(templates))], { domain: i % 3 }), at(i))
    }
    const grown = heap() - before
    const mine = [...decoder.templates()].filter((t) => t.exporter === '192.0.2.1')
    expect(mine.length).toBe(1024)
    expect(decoder.templateCounters.evicted).toBeGreaterThan(90_000)
    expect(grown).toBeLessThan(32 << 20)
    expect(decode(decoder, v9([set(256, new Uint8Array(4))]), other)).toHaveLength(1)
  })

  test('10,000 unknown senders of templates cost at most 4 MiB and no proven exporter its state', () => {
    const decoder = new Decoder()
    const proven = at(0, 2055, '198.51.100.7')
    decode(decoder, v9([set(0, v9Template(256, PORTS))]), proven)
    decode(decoder, v9([set(256, new Uint8Array(4))]), proven)
    const fields: Spec[] = Array.from({ length: 20 }, (_, i) => [i + 1, 4])
    const before = heap()
    for (let i = 0; i < 10_000; i++)
      decode(decoder, v9([set(0, v9Template(256, fields))]), at(i, 2055, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`))
    expect(heap() - before).toBeLessThan(4 << 20)
    expect(decode(decoder, v9([set(256, new Uint8Array(4))]), proven)).toHaveLength(1)
    // The last of them is still known: a real new exporter gets through the crowd.
    expect(decode(decoder, v9([set(256, new Uint8Array(80))]), at(10_000, 2055, '10.0.39.15'))).toHaveLength(1)
  })
})

describe('snapshot', () => {
  const options = v9([
    set(
      1,
      v9Options(
        257,
        [[1, 4]],
        [
          [48, 1],
          [50, 4],
        ],
      ),
    ),
    set(257, new Octets().u32(0).u8(3).u32(2000).done()),
  ])
  const template = v9([set(0, v9Template(256, [...PORTS, [48, 1], [95, 4]]))])
  const names = v9([
    set(
      1,
      v9Options(
        258,
        [[1, 4]],
        [
          [95, 4],
          [96, 8],
        ],
      ),
    ),
    set(258, new Octets().u32(0).u32(0x0d000035).text('dns').bytes([0, 0, 0, 0, 0]).done()),
  ])
  const data = (i: number): Uint8Array => v9([set(256, new Octets().u16(i).u16(53).u8(3).u32(0x0d000035).done())], { sequence: i })

  test('a restart in the middle of a stream loses no record; rate and name are right on the first row', () => {
    const first = new Decoder()
    for (const d of [template, options, names]) decode(first, d)
    expect(decode(first, data(1))).toMatchObject([{ sampling_rate: 2000, application_name: 'dns' }])
    const second = new Decoder()
    expect(second.restore(first.snapshot(), 5)).toEqual({ exporters: 1, templates: 3, problem: null })
    expect(decode(second, data(2), at(6))).toMatchObject([{ src_port: 2, sampling_rate: 2000, application_name: 'dns' }])
    expect(second.parkingCounters.parked).toBe(0)
  })

  test('without it, exactly what came before the next template waits for it', () => {
    const decoder = new Decoder()
    for (let i = 0; i < 60; i++) decode(decoder, data(i), at(i * 500))
    expect(decoder.parkingCounters).toMatchObject({ parked: 60, waiting: 60 })
    expect(decode(decoder, template, at(30_000))).toHaveLength(60)
  })

  test('a damaged one costs the state, not the start: every cut, flipped or foreign file is refused with a reason', () => {
    const decoder = new Decoder()
    decode(decoder, template)
    const good = new TextEncoder().encode(decoder.snapshot())
    for (let cut = 0; cut < good.length; cut++) expect(new Decoder().restore(good.subarray(0, cut), 1).problem).not.toBeNull()
    for (let i = 0; i < good.length; i++) {
      const bad = good.slice()
      bad[i] = (bad[i] as number) ^ 4
      expect(new Decoder().restore(bad, 1).problem).not.toBeNull()
    }
    for (const foreign of ['', '{}', '\u0000\u0001', 'WEIR-DECODER-STATE 2 0 0\n', 'WEIR-DECODER-STATE 1 0 0\n']) {
      const fresh = new Decoder()
      expect(fresh.restore(foreign, 1)).toMatchObject({ exporters: 0 })
      expect(decode(fresh, template)).toEqual([])
    }
    expect(new Decoder({ limits: { snapshotOctets: 10 } }).restore(good, 1).problem).toContain('octets')
  })
})

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const o = new Octets()
  for (const part of parts) o.bytes(part)
  return o.done()
}

setFlagsFromString('--expose-gc')
const collectGarbage: unknown = runInNewContext('gc')

/** Live octets after a collection. */
function heap(): number {
  if (typeof collectGarbage !== 'function') throw new Error('the engine has no gc()')
  collectGarbage()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
