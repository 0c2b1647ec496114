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
