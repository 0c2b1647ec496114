import { createHash, randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase, testEngines } from '../testing/database.ts'
import type { SampleFlow } from '../testing/sample-flow.ts'
import { sampleContext, sampleFlow, seededRandom } from '../testing/sample-flow.ts'
import { COPY_COLUMNS, createWriter, FlowBatch, type FlowContext, type Frame, pruneLedger, resolveExporters } from './index.ts'

const spool = randomUUID()
let next = 0

/** A frame of one segment with the given rows, as a spool would hand it over. */
function frameOf(rows: [Partial<SampleFlow>, Partial<FlowContext>][], segment = 1): Frame {
  const batch = new FlowBatch({ rows: rows.length })
  for (const [flow, context] of rows) batch.append(sampleFlow(flow), sampleContext({ timeMs: Date.now(), ...context }))
  const body = Buffer.from(batch.body())
  return {
    spool,
    segment,
    frame: next++,
    rows: rows.length,
    sha256: createHash('sha256').update(body).digest(),
    columns: COPY_COLUMNS,
    body,
    lengths: batch.lengths(),
  }
}
const plain = (count: number, first = 0): [Partial<SampleFlow>, Partial<FlowContext>][] =>
  Array.from({ length: count }, (_, i) => [{ sequenceNum: first + i }, {}])

describe.each(testEngines())('the ledger on %s', (engine) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createTestDatabase(engine)
    await resolveExporters(db.pool, [{ address: '192.0.2.1' }])
  })
  afterAll(() => db.drop())
  afterEach(async () => {
    await db.pool.query('alter table flow drop constraint if exists poison')
    await db.pool.query('delete from flow; delete from ingest_batch; delete from quarantine')
  })
  const numbers = async (): Promise<number[]> =>
    (await db.pool.query<{ n: number }>('select sequence_num::int as n from flow order by 1')).rows.map((row) => row.n)
  const upTo = (n: number, without: readonly number[] = []) => Array.from({ length: n }, (_, i) => i).filter((i) => !without.includes(i))

  test('a frame is stored once, however often it is written, alone or with others', async () => {
    const writer = createWriter(db.pool, engine)
    const frames = [0, 1, 2, 3].map((i) => frameOf(plain(50, i * 50)))
    expect(await writer.writeFrames(frames.slice(1, 3))).toMatchObject({ rows: 100, replayed: [], replayedRows: 0 })
    expect(await writer.writeFrames(frames)).toMatchObject({ rows: 100, replayedRows: 100 })
    expect(await writer.writeFrames(frames)).toMatchObject({ rows: 0, replayedRows: 200 })
    await Promise.all([0, 1, 2, 3].map(() => createWriter(db.pool, engine).writeFrames(frames)))
    expect(await numbers()).toEqual(upTo(200))
    const { rows } = await db.pool.query('select count(distinct batch)::int as batches from flow')
    expect(rows[0].batches).toBe(2)
  })

  test('without the ledger the same calls store twice: the test above can fail', async () => {
    const frames = [frameOf(plain(50))]
    const writer = createWriter(db.pool, engine, { ledger: false })
    await writer.writeFrames(frames)
    await writer.writeFrames(frames)
    expect(await numbers()).toHaveLength(100)
  })

  test('a frame that claims the name of another is refused', async () => {
    const writer = createWriter(db.pool, engine)
    const frame = frameOf(plain(10))
    await writer.writeFrames([frame])
    const other = { ...frameOf(plain(10, 100)), frame: frame.frame }
    await expect(writer.writeFrames([other, frameOf(plain(1, 500))])).rejects.toMatchObject({ code: 'ledger-mismatch', kind: 'other' })
    expect(await numbers()).toEqual(upTo(10))
  })

  test('what is refused is set aside row by row, once, and the rest is stored', async () => {
    await db.pool.query('alter table flow add constraint poison check (proto <> 66)')
    const random = seededRandom(5)
    const writer = createWriter(db.pool, engine)
    for (const count of [1, 2, 700, 3000]) {
      await db.pool.query('delete from flow; delete from ingest_batch; delete from quarantine')
      const bad = upTo(count).filter((i) =>
        count <= 2 ? i === 0 : random() < 0.005 || i === 0 || i === count - 1 || (i >= 500 && i < 530),
      )
      const rows = plain(count).map(([flow, context], i): [Partial<SampleFlow>, Partial<FlowContext>] => [
        bad.includes(i) ? { ...flow, proto: 66 } : flow,
        context,
      ])
      const frame = frameOf(rows)
      const clean = frameOf(plain(20, 10_000))
      expect(await writer.writeFrames([clean, frame])).toMatchObject({
        rows: count - bad.length + 20,
        quarantined: { row_refused: bad.length, day_sealed: 0 },
      })
      expect(await writer.writeFrames([frame])).toMatchObject({ rows: 0, replayedRows: count })
      expect((await numbers()).filter((n) => n < 10_000)).toEqual(upTo(count, bad))
      const { rows: aside } = await db.pool.query('select * from quarantine order by row')
      expect(aside.map((row) => row.row)).toEqual(bad)
      expect(aside[0]).toMatchObject({ reason: 'row_refused', sqlstate: '23514', spool, segment: 1, frame: frame.frame })
      expect(aside[0].sample.length).toBeLessThanOrEqual(256)
      expect(aside[0].message).toMatch(/poison/)
    }
  })

  test('rows reach the rollups in the transaction that stores them', async () => {
    await createWriter(db.pool, engine).writeFrames([frameOf(plain(10)), frameOf(plain(10, 10))])
    if (engine === 'postgres') {
      const { rows } = await db.pool.query('select rows from rollup_pending where level = 0 and id in (select batch from flow)')
      expect(rows.map((row) => Number(row.rows))).toEqual([20])
    }
    const { rows } = await db.pool.query('select sum(flows)::int as flows from rollup_service_1m')
    expect(rows[0].flows).toBeGreaterThanOrEqual(20)
  })

  test('frames that another version wrote, with fewer columns, are stored', async () => {
    const frame = frameOf(plain(3))
    // Drop the last column, `extra`: four octets of NULL at the end of each row.
    const rows: Buffer[] = []
    let at = 0
    for (const length of frame.lengths) {
      const row = Buffer.from(frame.body.subarray(at, at + length - 4))
      row.writeInt16BE(COPY_COLUMNS.length - 1)
      rows.push(row)
      at += length
    }
    const old: Frame = {
      ...frame,
      columns: COPY_COLUMNS.slice(0, -1),
      body: Buffer.concat(rows),
      lengths: Uint16Array.from(rows, (row) => row.length),
    }
    expect(await createWriter(db.pool, engine).writeFrames([old, frameOf(plain(3, 3))])).toMatchObject({ rows: 6 })
    expect(await numbers()).toEqual(upTo(6))
  })

  test('the ledger is pruned below a segment and nowhere else', async () => {
    const writer = createWriter(db.pool, engine)
    for (const segment of [1, 2, 3]) await writer.writeFrames([frameOf(plain(1, segment), segment)])
    expect(await pruneLedger(db.pool, spool, 3)).toBe(2)
    expect(await pruneLedger(db.pool, randomUUID(), 9)).toBe(0)
    expect((await db.pool.query('select segment from ingest_batch')).rows).toEqual([{ segment: 3 }])
  })
})
