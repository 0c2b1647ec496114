import { randomUUID } from 'node:crypto'
import { createPool } from '@weir/db/connection'
import { COPY_COLUMNS, createWriter, FlowBatch, type Frame } from '@weir/db/ingest'
import { address, createTestDatabase, sampleContext, sampleFlow, type TestDatabase, testEngines } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KillableDatabase, lossyWay, metricOf, NumberedLoad, startProgram, storedNumbers } from '../../test/chaos.ts'
import { expectSets, killCollector, killDatabase, outage } from '../../test/durability.ts'
import { breakableWay, newDataDir, startTestCollector, until } from '../../test/harness.ts'

describe('accepted means stored, once', () => {
  const database = new KillableDatabase()
  beforeAll(() => database.start())
  afterAll(() => database.remove())

  it('through 20 kills of the collector at random instants', async () => {
    expect(await killCollector(database, 20, 22_110)).toBeGreaterThan(5_000)
  }, 240_000)

  it('through 8 kills of the whole database server', async () => {
    expect(await killDatabase(database, 8)).toBeGreaterThan(10_000)
  }, 240_000)

  it('through 20 seconds without a database', async () => {
    const { stored, grownMiB } = await outage(database, 20)
    expect(stored).toBeGreaterThan(50_000)
    expect(grownMiB).toBeLessThan(200)
  }, 240_000)

  it('through a stop and a start while the database is away', async () => {
    await database.pool.query('delete from flow; delete from ingest_batch')
    const way = await breakableWay(database.url)
    const dir = newDataDir()
    try {
      const env = { DATABASE_URL: way.url, WEIR_DATA_DIR: dir.path, WEIR_NETFLOW_PORT: '22111', WEIR_METRICS_PORT: '0' }
      const load = new NumberedLoad(22_111, 5_000)
      const first = await startProgram(env)
      await load.start()
      await until('flows', async () => (await storedNumbers(database.pool)).numbers.size > 2_000)
      way.cut()
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      load.pause()
      first.child.kill('SIGTERM')
      expect(await first.ended, first.output()).toBe(0)
      expect((await storedNumbers(database.pool)).numbers.size).toBeLessThan(load.sent)
      way.mend()
      const second = await startProgram(env)
      await until('the rest', async () => (await storedNumbers(database.pool)).numbers.size === load.sent, 30_000)
      second.child.kill('SIGTERM')
      expect(await second.ended, second.output()).toBe(0)
      await expectSets(database, [], load.sent)
      load.close()
    } finally {
      await way.close()
      dir.remove()
    }
  }, 120_000)
})

describe.each(testEngines())('a lost commit answer on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase(engine)
  })
  afterAll(() => database.drop())

  /** 1,000 frames over a way that loses every tenth answer, repeated until acknowledged. */
  async function store(ledger: boolean): Promise<{ lost: number; replayed: number; twice: number; numbers: number }> {
    await database.pool.query('delete from flow; delete from ingest_batch')
    const way = await lossyWay(database.url, 10)
    const pool = createPool({ connectionString: way.url, applicationName: 'weir-test', max: 2, onError: () => undefined })
    const writer = createWriter(pool, engine, { ledger })
    const spool = randomUUID()
    let replayed = 0
    for (let frame = 0; frame < 1000; frame++) {
      const batch = new FlowBatch({ rows: 3, bytes: 1 })
      for (let i = 0; i < 3; i++) {
        const n = frame * 3 + i + 1
        batch.append(
          sampleFlow({ srcAddr: address(`0.0.${n >> 8}.${n & 255}`), receivedMs: Date.now() }),
          sampleContext({ timeMs: Date.now() }),
        )
      }
      const one: Frame = {
        spool,
        segment: 1,
        frame,
        rows: 3,
        sha256: Buffer.alloc(32, frame),
        columns: COPY_COLUMNS,
        body: batch.body(),
        lengths: batch.lengths(),
      }
      for (;;) {
        try {
          replayed += (await writer.writeFrames([one])).replayed.length
          break
        } catch (error) {
          expect(error).toMatchObject({ kind: 'outage' })
        }
      }
    }
    const lost = way.lost()
    await pool.end()
    await way.close()
    const { numbers, twice } = await storedNumbers(database.pool)
    return { lost, replayed, twice, numbers: numbers.size }
  }

  it('doubles nothing: 100 of 1,000', async () => {
    const { lost, replayed, twice, numbers } = await store(true)
    expect(lost).toBeGreaterThanOrEqual(100)
    expect(replayed).toBeGreaterThanOrEqual(95)
    expect({ twice, numbers }).toEqual({ twice: 0, numbers: 3000 })
  }, 120_000)

  it('doubles without the ledger: the test above can fail', async () => {
    const { twice, numbers } = await store(false)
    expect(numbers).toBe(3000)
    expect(twice).toBeGreaterThan(200)
  }, 120_000)
})

describe('the collector and a poison frame', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase('postgres')
  })
  afterAll(() => database.drop())

  it('counts refused rows and stores the others of their frame', async () => {
    await database.pool.query(`alter table flow add constraint poison check (host(src_addr) not like '%.7')`)
    const collector = await startTestCollector(database.url)
    const load = new NumberedLoad(collector.ports.netflow ?? 0, 1)
    try {
      await load.start()
      load.pause()
      for (let i = 0; i < 40; i++) load.one()
      await until('the flows', () => collector.account.flows === 1200 && collector.store.waiting === 0)
      const bad = Array.from({ length: 1200 }, (_, i) => i + 1).filter((n) => (n & 255) === 7).length
      expect(collector.account.quarantined.row_refused).toBe(bad)
      expect(collector.account.stored).toBe(1200 - bad)
      expect(await collector.metric('weir_accounting_gap')).toBe(0)
      expect((await database.pool.query('select count(*)::int as n from quarantine')).rows[0].n).toBe(bad)
      expect((await storedNumbers(database.pool)).numbers.size).toBe(1200 - bad)
    } finally {
      load.close()
      await collector.close()
      await database.pool.query('alter table flow drop constraint poison')
    }
  })
})

describe('the collector under more than it can take', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase('postgres')
  })
  afterAll(() => database.drop())

  it('accounts for every datagram that was sent, with what the kernel dropped', async () => {
    const dir = newDataDir()
    const program = await startProgram({
      DATABASE_URL: database.url,
      WEIR_DATA_DIR: dir.path,
      WEIR_NETFLOW_PORT: '22112',
      WEIR_METRICS_PORT: '0',
    })
    const load = new NumberedLoad(22_112, 1)
    try {
      await load.start()
      load.pause()
      const began = performance.now()
      while (performance.now() - began < 3_000) {
        for (let i = 0; i < 100; i++) load.one()
        await new Promise((resolve) => setImmediate(resolve))
      }
      const sent = load.sent / 30
      const { metrics = 0 } = program.ports
      const arrived = async () =>
        (await metricOf(metrics, 'weir_datagrams_received_total')) + (await metricOf(metrics, 'weir_kernel_dropped_datagrams_total'))
      await until('every datagram to be counted', async () => (await arrived()) === sent, 60_000)
      await until('everything to be stored', async () => (await metricOf(metrics, 'weir_flows_waiting')) === 0, 120_000)
      await until('the books to close', async () => (await metricOf(metrics, 'weir_accounting_gap')) === 0)
      expect(await metricOf(metrics, 'weir_accounting_gaps_total')).toBe(0)
      const flows = await metricOf(metrics, 'weir_flows_decoded_total')
      const shed = await metricOf(metrics, 'weir_flows_shed_total')
      const { numbers, twice } = await storedNumbers(database.pool)
      expect({ stored: numbers.size, twice }).toEqual({ stored: flows - shed, twice: 0 })
    } finally {
      load.close()
      program.child.kill('SIGKILL')
      await program.ended
      dir.remove()
    }
  }, 240_000)
})
