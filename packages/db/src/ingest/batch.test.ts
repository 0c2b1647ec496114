import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StorageError } from '../errors.ts'
import { address, sampleContext, sampleFlow } from '../testing/sample-flow.ts'
import { FlowBatch } from './batch.ts'
import { EXTRA_LIMIT, extraJson, storable } from './extra.ts'
import { addressText, COPY_COLUMNS } from './index.ts'

/** Reads a binary COPY stream back: one array of field octets (null for NULL) per row. */
function decode(payload: Buffer): (Buffer | null)[][] {
  expect(payload.subarray(0, 11).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0')
  let at = 19
  const rows: (Buffer | null)[][] = []
  for (;;) {
    const count = payload.readInt16BE(at)
    at += 2
    if (count === -1) break
    const row: (Buffer | null)[] = []
    for (let i = 0; i < count; i++) {
      const length = payload.readInt32BE(at)
      at += 4
      row.push(length < 0 ? null : Buffer.from(payload.subarray(at, at + Math.max(0, length))))
      if (length > 0) at += length
    }
    rows.push(row)
  }
  expect(at).toBe(payload.length)
  return rows
}

const column = (row: (Buffer | null)[] | undefined, name: (typeof COPY_COLUMNS)[number]) => row?.[COPY_COLUMNS.indexOf(name)] ?? null

describe('a batch', () => {
  test('is a whole COPY stream at any number of rows', () => {
    const batch = new FlowBatch({ rows: 10 })
    expect(decode(batch.payload())).toEqual([])
    for (let i = 0; i < 10; i++) expect(batch.append(sampleFlow(), sampleContext())).toBe(true)
    expect(batch.append(sampleFlow(), sampleContext())).toBe(false)
    const rows = decode(batch.payload())
    expect(rows).toHaveLength(10)
    expect(rows.every((row) => row.length === COPY_COLUMNS.length)).toBe(true)
    expect(batch.bytes).toBe(batch.payload().length)
    batch.reset()
    expect(batch.rows).toBe(0)
    expect(decode(batch.payload())).toEqual([])
  })

  test('holds nothing of the rows before a reset, whatever they carried', () => {
    const full = sampleFlow({
      srcAddr: address('2001:db8::1'),
      dstAddr: address('2001:db8::2'),
      bgpNextHop: address('2001:db8::4'),
      srcMac: 1,
      icmpType: 8,
      direction: 1,
      extra: { text: 'x'.repeat(900) },
    })
    const used = new FlowBatch({ rows: 20 })
    for (let i = 0; i < 20; i++) used.append(full, sampleContext())
    used.payload()
    used.reset()
    const fresh = new FlowBatch({ rows: 20 })
    for (const batch of [used, fresh])
      for (let i = 0; i < 20; i++) batch.append(i % 3 === 2 ? full : sampleFlow({ direction: -1, extra: null }), sampleContext())
    expect(used.payload()).toEqual(fresh.payload())
    expect(decode(used.payload())).toHaveLength(20)
  })

  test('is full before its buffer overflows, whatever the rows carry', () => {
    const wide = sampleFlow({
      srcAddr: address('2001:db8::1'),
      dstAddr: address('2001:db8::2'),
      nextHop: address('2001:db8::3'),
      bgpNextHop: address('2001:db8::4'),
      srcMac: 1,
      dstMac: 2,
      extra: { text: '€'.repeat(EXTRA_LIMIT) },
    })
    const batch = new FlowBatch({ rows: 1_000_000, bytes: 100_000 })
    let rows = 0
    while (batch.append(rows % 2 ? wide : sampleFlow(), sampleContext())) rows++
    expect(rows).toBeGreaterThan(10)
    expect(batch.bytes).toBeLessThanOrEqual(100_000)
    expect(decode(batch.payload())).toHaveLength(rows)
  })

  test('takes its number after the rows were encoded, and another one for a second attempt', () => {
    const batch = new FlowBatch()
    for (let i = 0; i < 3; i++) batch.append(sampleFlow(), sampleContext())
    for (const number of [7, 2_147_483_647]) {
      batch.stamp(number)
      expect(decode(batch.payload()).map((row) => column(row, 'batch')?.readInt32BE())).toEqual([number, number, number])
    }
  })

  test('keeps stamps to the nanosecond and counters to the last digit', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 9_223_372_036_853 }),
        fc.nat({ max: 999_999 }),
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        (ms, ns, exact) => {
          const batch = new FlowBatch({ rows: 2 })
          const small = Number(exact) <= Number.MAX_SAFE_INTEGER
          batch.append(
            sampleFlow({ startMs: ms, startNs: ns, bytes: Number(exact), exact: small ? null : { bytes: exact } }),
            sampleContext({ timeMs: ms }),
          )
          const [row] = decode(batch.payload())
          expect(column(row, 'time_flow_start_ns')?.readBigInt64BE()).toBe(BigInt(ms) * 1_000_000n + BigInt(ns))
          expect(column(row, 'bytes')?.readBigInt64BE()).toBe(exact)
          expect(column(row, 'time')?.readBigInt64BE()).toBe((BigInt(ms) - 946_684_800_000n) * 1000n)
        },
      ),
    )
  })

  test('clamps what a column cannot hold, and counts it', () => {
    const batch = new FlowBatch()
    batch.append(
      sampleFlow({
        bytes: 2 ** 64,
        packets: 1,
        exact: { bytes: 2n ** 64n - 1n, packets: 2n ** 63n },
        samplingRate: 4_294_967_295,
        proto: 40_000,
        srcVlan: 2 ** 40,
        srcMac: 2 ** 48,
        tcpFlags: 0xf01b,
      }),
      sampleContext({ srcCountry: 'xx', dstCountry: 'DEU', durationMs: 1e12 }),
    )
    const [row] = decode(batch.payload())
    expect(column(row, 'bytes')?.readBigInt64BE()).toBe(2n ** 63n - 1n)
    expect(column(row, 'packets')?.readBigInt64BE()).toBe(2n ** 63n - 1n)
    expect(column(row, 'sampling_rate')?.readInt32BE()).toBe(2_147_483_647)
    expect(column(row, 'duration_ms')?.readInt32BE()).toBe(2_147_483_647)
    expect(column(row, 'tcp_flags')?.readInt16BE()).toBe(0x01b)
    for (const name of ['proto', 'src_vlan', 'src_mac', 'src_country', 'dst_country'] as const) expect(column(row, name)).toBeNull()
    expect(batch.clamped).toBe(9)
  })

  test('refuses a row without a time, a type or an exporter, and stays as it was', () => {
    const batch = new FlowBatch()
    batch.append(sampleFlow(), sampleContext())
    const before = Buffer.from(batch.payload())
    for (const [flow, context] of [
      [sampleFlow(), sampleContext({ timeMs: Number.NaN })],
      [sampleFlow(), sampleContext({ timeMs: -1 })],
      [sampleFlow(), sampleContext({ timeMs: 1e15 })],
      [sampleFlow({ type: 'NETFLOW_V99' }), sampleContext()],
      [sampleFlow(), sampleContext({ exporterId: -1 })],
    ] as const) {
      expect(() => batch.append(flow, context)).toThrow(StorageError)
    }
    expect(Buffer.from(batch.payload())).toEqual(before)
    expect(batch.rows).toBe(1)
  })

  test('knows the span and the days of its rows', () => {
    const batch = new FlowBatch()
    const day = 86_400_000
    for (const timeMs of [20_000 * day + 5, 20_000 * day + 1, 19_999 * day, 20_000 * day])
      batch.append(sampleFlow(), sampleContext({ timeMs }))
    expect([batch.minTimeMs, batch.maxTimeMs]).toEqual([19_999 * day, 20_000 * day + 5])
    expect([...batch.days].sort()).toEqual([19_999, 20_000])
    batch.reset()
    expect(batch.days.size).toBe(0)
    batch.append(sampleFlow(), sampleContext({ timeMs: 20_000 * day }))
    expect([...batch.days]).toEqual([20_000])
  })
})

describe('a long flow', () => {
  const MINUTE = 60_000
  const noon = Date.UTC(2026, 5, 1, 12)
  /** Rows of one flow: minute, share of bytes and packets, and whether the row is a slice. */
  function spread(fields: Parameters<typeof sampleFlow>[0], context: Parameters<typeof sampleContext>[0], limits = {}) {
    const batch = new FlowBatch(limits)
    expect(batch.append(sampleFlow({ receivedMs: noon + 10 * MINUTE, ...fields }), sampleContext(context))).toBe(true)
    const rows = decode(batch.payload()).map((row) => ({
      at: Number(column(row, 'time')?.readBigInt64BE() ?? 0n) / 1000 + 946_684_800_000,
      bytes: (column(row, 'share_bytes') ?? column(row, 'bytes'))?.readBigInt64BE() ?? 0n,
      packets: (column(row, 'share_packets') ?? column(row, 'packets'))?.readBigInt64BE() ?? 0n,
      slice: column(row, 'slice') !== null,
      row,
    }))
    expect(batch.rows).toBe(rows.length)
    expect(batch.slices).toBe(rows.length - 1)
    expect(Math.min(...rows.map((row) => row.at))).toBe(batch.minTimeMs)
    return rows
  }

  test('of thirty minutes shows no minute more than its share, and comes to the byte in sum', () => {
    const rows = spread({ bytes: 1_800_000_007, packets: 31 }, { timeMs: noon + 15_000, durationMs: 30 * MINUTE })
    expect(rows.map((row) => row.slice)).toEqual([false, ...Array.from({ length: 30 }, () => true)])
    expect(rows.map((row) => Math.floor(row.at / MINUTE) - noon / MINUTE)).toEqual([0, ...Array.from({ length: 30 }, (_, i) => i - 30)])
    // A million bytes a second: 15 s in the last minute, 45 s in the first, whole ones between.
    expect(Number(rows[0]?.bytes)).toBeCloseTo(15_000_000, -1)
    expect(Number(rows[1]?.bytes)).toBeCloseTo(45_000_000, -1)
    for (const { bytes } of rows.slice(2)) expect(Math.abs(Number(bytes) - 60_000_000)).toBeLessThanOrEqual(2)
    expect(rows.reduce((sum, row) => sum + row.bytes, 0n)).toBe(1_800_000_007n)
    expect(rows.reduce((sum, row) => sum + row.packets, 0n)).toBe(31n)
    // Filters on the flow find its slices as well; what is said once stays with the flow.
    for (const { row } of rows) {
      expect(column(row, 'bytes')?.readBigInt64BE()).toBe(1_800_000_007n)
      expect(column(row, 'duration_ms')?.readInt32BE()).toBe(30 * MINUTE)
      expect(column(row, 'service_port')?.readInt32BE()).toBe(443)
    }
  })

  test('of any length and size keeps its sums, its bounds and the order of its parts', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 3 * 86_400_000 }),
        fc.nat({ max: 120_000 }),
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        fc.nat({ max: 1000 }),
        fc.nat({ max: 70 }),
        (durationMs, offset, exact, packets, room) => {
          const timeMs = noon + offset
          const small = exact <= BigInt(Number.MAX_SAFE_INTEGER)
          const rows = spread(
            { bytes: Number(exact), packets, exact: small ? null : { bytes: exact }, receivedMs: noon + 120_000 },
            { timeMs, durationMs },
            { rows: 1 + room },
          )
          expect(rows.length).toBeLessThanOrEqual(Math.min(61, 1 + room))
          expect(rows.reduce((sum, row) => sum + row.bytes, 0n)).toBe(exact)
          expect(rows.reduce((sum, row) => sum + row.packets, 0n)).toBe(BigInt(packets))
          expect(rows.every((row) => row.bytes >= 0n && row.packets >= 0n)).toBe(true)
          const before = rows.slice(1).map((row) => row.at)
          expect(before).toEqual([...new Set(before)].sort((a, b) => a - b))
          expect(before.every((at) => at < Math.floor(timeMs / MINUTE) * MINUTE)).toBe(true)
          // Neither before the flow began nor further back than live input may lie: no partition is made for a bad clock.
          const earliest = Math.max(timeMs - durationMs, noon + 120_000 - 86_400_000)
          expect(before.every((at) => at >= Math.floor(earliest / MINUTE) * MINUTE)).toBe(true)
          if (durationMs <= 90_000) expect(rows).toHaveLength(1)
        },
      ),
    )
  })

  test('is added with all its slices or not at all', () => {
    const batch = new FlowBatch({ rows: 40 })
    const context = sampleContext({ timeMs: noon, durationMs: 30 * MINUTE })
    const flow = sampleFlow({ receivedMs: noon })
    expect(batch.append(flow, context)).toBe(true)
    expect([batch.rows, batch.slices]).toEqual([31, 30])
    expect(batch.append(flow, context)).toBe(false)
    expect([batch.rows, batch.slices]).toEqual([31, 30])
    expect(batch.append(flow, sampleContext({ timeMs: noon }))).toBe(true)
    batch.reset()
    expect([batch.rows, batch.slices]).toEqual([0, 0])
  })

  test('that carried nothing, or is an event, stays in one piece', () => {
    const context = { timeMs: noon, durationMs: 30 * MINUTE }
    expect(spread({ bytes: 0, packets: 0 }, context)).toHaveLength(1)
    expect(spread({ eventKind: 2, event: 1 }, context)).toHaveLength(1)
  })
})

describe('extra', () => {
  test('is text that jsonb accepts, from any text', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.oneof(fc.string({ unit: 'binary' }), fc.bigInt(), fc.double())),
        (extra) => {
          const json = extraJson(sampleFlow({ extra, applicationName: 'web' }))
          expect(json).not.toMatch(/\\u0000/)
          expect(json.isWellFormed()).toBe(true)
          expect(JSON.parse(json)).toHaveProperty('application_name', 'web')
        },
      ),
    )
    expect(storable('a\0b\ud800c')).toBe('ab\ufffdc')
    expect(extraJson(sampleFlow({ extra: { huge: 18_446_744_073_709_551_615n } }))).toBe('{"huge":18446744073709551615}')
  })

  test('is bounded, and says so', () => {
    const json = extraJson(sampleFlow({ extra: { a: 'x'.repeat(5000), b: 'y'.repeat(5000), c: 1 } }))
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(EXTRA_LIMIT)
    expect(JSON.parse(json)).toMatchObject({ a: 'x'.repeat(5000), c: 1, truncated: true })
  })

  test('writes addresses as RFC 5952 asks', () => {
    for (const text of ['192.0.2.1', '::', '::1', '2001:db8::1', '2001:db8:0:1:1:1:1:1', '1:0:0:2::', 'fe80::1:0:0:1', '1:2:3:4:5:6:7:8']) {
      expect(addressText(address(text))).toBe(text)
    }
    expect(addressText(address(''))).toBe('')
  })
})
