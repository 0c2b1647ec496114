import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KillableDatabase } from '../../test/chaos.ts'
import { killCollector, killDatabase, outage } from '../../test/durability.ts'
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
})

describe('the spool against its model', () => {
  it('in 50,000 sequences of another seed', async () => {
    const base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'weir-spool-'))
    await checkModel(base, 50_000, 77)
    rmSync(base, { recursive: true, force: true })
  })
})
