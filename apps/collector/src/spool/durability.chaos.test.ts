import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KillableDatabase, metricOf, NumberedLoad, type Program, startProgram, storedNumbers } from '../../test/chaos.ts'
import { expectSets, killCollector, killDatabase, outage } from '../../test/durability.ts'
import { breakableWay, newDataDir, until } from '../../test/harness.ts'
import { checkModel } from '../../test/spool-model.ts'

// The faults of durability.it.test.ts and spool.test.ts, many times over (GUARANTEES, column "Nightly", as far as an hour goes).

describe('accepted means stored, once, many times over', () => {
  const database = new KillableDatabase()
  beforeAll(() => database.start())
  afterAll(() => database.remove())

  it('through 200 kills of the collector', async () => {
    expect(await killCollector(database, 200, 22_120, 2)).toBeGreaterThan(50_000)
  })

  it('through 60 kills of the database server', async () => {
    expect(await killDatabase(database, 60, 2)).toBeGreaterThan(50_000)
  })

  it('through 60 seconds without a database: the backlog is gone 30 s after its return', async () => {
    const { stored, backSeconds, grownMiB } = await outage(database, 60)
    console.log({ stored, backSeconds, grownMiB })
    expect(stored).toBeGreaterThan(200_000)
    expect(backSeconds).toBeLessThan(30)
    expect(grownMiB).toBeLessThan(200)
  })

  it('through 50 stops and starts while writes fail', async () => {
    await database.pool.query('delete from flow; delete from ingest_batch')
    const way = await breakableWay(database.url)
    const dir = newDataDir()
    const load = new NumberedLoad(22_121, 2_000)
    let program: Program | null = null
    try {
      const env = { DATABASE_URL: way.url, WEIR_DATA_DIR: dir.path, WEIR_NETFLOW_PORT: '22121', WEIR_METRICS_PORT: '0' }
      for (let cycle = 0; cycle < 50; cycle++) {
        program = await startProgram(env)
        await load.start()
        await until(
          'flows of this cycle to be accepted',
          async () => (await metricOf(program?.ports.metrics ?? 0, 'weir_flows_accepted_total')) > 0,
        )
        way.cut()
        await sleep(300)
        load.pause()
        program.child.kill('SIGTERM')
        expect(await program.ended, program.output()).toBe(0)
        way.mend()
      }
      program = await startProgram(env)
      const { metrics = 0 } = program.ports
      await until('the spool to be empty', async () => (await metricOf(metrics, 'weir_flows_waiting')) === 0, 60_000)
      expect((await storedNumbers(database.pool)).numbers.size).toBe(load.sent)
      await expectSets(database, [], load.sent)
      program.child.kill('SIGTERM')
      expect(await program.ended, program.output()).toBe(0)
    } finally {
      program?.child.kill('SIGKILL')
      load.close()
      await way.close()
      dir.remove()
    }
  })
})

describe('the spool against its model', () => {
  it('in 50,000 sequences of another seed', async () => {
    const base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'weir-spool-'))
    await checkModel(base, 50_000, 77)
    rmSync(base, { recursive: true, force: true })
  })
})
