import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWriter, FlowBatch } from '../ingest/index.ts'
import { maintain } from '../maintain.ts'
import { createTestDatabase, type TestDatabase, testEngines } from '../testing/index.ts'
import { address, sampleContext, sampleFlow } from '../testing/sample-flow.ts'
import { storage } from './storage.ts'

const HOUR = 3_600_000

describe.each(testEngines())('storage (%s)', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase(engine)
  })
  afterAll(() => database?.drop())

  /** What the server says of all tables, chunks and partitions together. */
  const onDisk = async () =>
    Number(
      (
        await database.pool.query(
          `select sum(pg_total_relation_size(c.oid)) as bytes from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind = 'r' and (n.nspname = current_schema() or n.nspname = '_timescaledb_internal' and c.relname !~ '^(bgw|compressed_chunk_stats)')`,
        )
      ).rows[0].bytes,
    )

  it('tells sizes as they are, and growth as the difference between two looks', async () => {
    const now = Date.now()
    await maintain(database.pool, { now: new Date(now - 6 * HOUR) })
    expect(await storage(database.pool)).toMatchObject({ bytesPerDay: null, bytesWhenFull: null })
    const before = await onDisk()
    const batch = new FlowBatch({ rows: 20_000 })
    for (let i = 0; i < 20_000; i++) {
      batch.append(sampleFlow({ srcAddr: address(`10.0.${i & 255}.${i % 250}`) }), sampleContext({ timeMs: now - HOUR + (i % 3_000_000) }))
    }
    await createWriter(database.pool, engine).write(batch)
    await maintain(database.pool, { now: new Date(now), force: true })
    const grown = (await onDisk()) - before
    const answer = await storage(database.pool)
    const flow = answer.relations.find(({ relation }) => relation === 'flow')
    expect(flow).toMatchObject({ tier: 'raw' })
    expect(flow?.bytes).toBeGreaterThan(20_000 * 100)
    // Four looks of six hours make a day.
    expect((flow?.bytesPerDay ?? 0) / 4).toBeGreaterThan(20_000 * 100)
    expect((answer.bytesPerDay ?? 0) / 4 / grown).toBeGreaterThan(0.95)
    expect((answer.bytesPerDay ?? 0) / 4 / grown).toBeLessThan(1.05)
    expect(answer.bytesWhenFull).toBeGreaterThan(13 * (flow?.bytesPerDay ?? 0))
    expect(answer.relations.map(({ bytes }) => bytes)).toEqual(answer.relations.map(({ bytes }) => bytes).sort((a, b) => b - a))
    expect(answer.relations.filter(({ tier }) => tier === '1m')).toHaveLength(6)
    // Once an hour, not once a round.
    await maintain(database.pool, { now: new Date(now + HOUR / 2) })
    expect((await database.pool.query('select count(distinct at)::int as n from storage_size')).rows[0].n).toBe(2)
  })
})
