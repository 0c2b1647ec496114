import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { readEngine } from './engine.ts'
import { maintain } from './maintain.ts'
import { type Migration, migrate, readMigrations } from './migrate.ts'
import { ensurePartitions } from './partitions.ts'
import { ROLLUP_LEVELS, ROLLUPS } from './rollups.ts'
import { createEmptyDatabase, type TestDatabase, testEngines } from './testing/database.ts'

const extra = (number: number, sql: string, name = 'extra'): Migration => ({ number, name, sql: { postgres: sql, timescale: sql } })

describe.each(testEngines())('migrating to %s', (engine) => {
  let db: TestDatabase
  afterEach(() => db?.drop())

  test('several processes at once make one schema, and a second call has nothing to do', async () => {
    db = await createEmptyDatabase(engine)
    const results = await Promise.all(Array.from({ length: 4 }, () => migrate(db.url)))
    expect(results.map((r) => r.engine)).toEqual(Array(4).fill(engine))
    const all = readMigrations().map((m) => `${String(m.number).padStart(4, '0')}-${m.name}`)
    expect(results.map((r) => r.applied).filter((applied) => applied.length > 0)).toEqual([all])
    expect((await migrate(db.url)).applied).toEqual([])
    expect(await readEngine(db.pool)).toBe(engine)
    const { rows } = await db.pool.query(`select key from setting order by key`)
    expect(rows.map((r) => r.key)).toEqual(expect.arrayContaining(['engine', 'retention']))
  })

  test('a failing migration leaves the one before it, and what it did not reach runs later', async () => {
    db = await createEmptyDatabase(engine)
    const known = readMigrations().slice(0, 1)
    const broken = [...known, extra(2, 'create table half (id int); select 1 / 0')]
    await expect(migrate(db.url, { engine, migrations: broken })).rejects.toMatchObject({ code: 'migration-failed', sqlstate: '22012' })
    expect((await db.pool.query(`select to_regclass('half') as half, to_regclass('setting') as setting`)).rows[0]).toMatchObject({
      half: null,
      setting: 'setting',
    })
    const fixed = [...known, extra(2, 'create table half (id int)'), extra(4, 'create table four (id int)', 'four')]
    expect((await migrate(db.url, { migrations: fixed })).applied).toEqual(['0002-extra', '0004-four'])
    // A number that another branch had reserved comes later and still runs.
    const gap = [...fixed.slice(0, 2), extra(3, 'create table three (id int)', 'three'), ...fixed.slice(2)]
    expect((await migrate(db.url, { migrations: gap })).applied).toEqual(['0003-three'])
  })

  test('a database that is newer than the program, or made by other files, is refused with what to do', async () => {
    db = await createEmptyDatabase(engine)
    const migrations = [...readMigrations().slice(0, 1), extra(2, 'create table a (id int)')]
    await migrate(db.url, { engine, migrations })
    await expect(migrate(db.url, { migrations: migrations.slice(0, 1) })).rejects.toMatchObject({
      code: 'database-newer',
      remedy: expect.stringContaining('newer version'),
    })
    await expect(migrate(db.url, { migrations: [...migrations.slice(0, 1), extra(2, 'create table b (id int)')] })).rejects.toMatchObject({
      code: 'migration-changed',
    })
    const other = engine === 'postgres' ? 'timescale' : 'postgres'
    await expect(migrate(db.url, { engine: other, migrations })).rejects.toMatchObject({ code: 'engine-mismatch' })
  })
})

test('a database that is not there, or not migrated, says so', async () => {
  await expect(migrate('postgres://weir:x@127.0.0.1:9/weir')).rejects.toMatchObject({ code: 'database-unreachable', retryable: true })
  const db = await createEmptyDatabase('postgres')
  await expect(readEngine(db.pool)).rejects.toMatchObject({ code: 'not-migrated' })
  await expect(migrate(db.url, { engine: 'timescale' })).rejects.toMatchObject({
    code: 'engine-unavailable',
    message: expect.stringContaining('TimescaleDB is not installed'),
  })
  await db.drop()
})

test('an encoding that cannot hold every text is refused', async () => {
  const db = await createEmptyDatabase('postgres')
  const name = new URL(db.url).pathname.slice(1)
  const admin = new pg.Client({ connectionString: db.url.replace(`/${name}`, '/postgres') })
  await admin.connect()
  await admin
    .query(`create database ${name}_latin template template0 encoding 'SQL_ASCII' locale 'C'`)
    .catch(() => admin.query(`create database ${name}_latin template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'`))
  await expect(migrate(`${db.url}_latin`)).rejects.toMatchObject({ code: 'encoding', remedy: expect.stringContaining('UTF8') })
  await admin.query(`drop database ${name}_latin`)
  await admin.end()
  await db.drop()
})

describe.runIf(testEngines().includes('timescale'))('timescale', () => {
  test('has a hypertable, 18 continuous aggregates in three levels, and every policy', async () => {
    const db = await createEmptyDatabase('timescale')
    await migrate(db.url)
    const { rows: aggregates } = await db.pool.query<{ name: string; live: boolean }>(
      `select view_name as name, not materialized_only as live from timescaledb_information.continuous_aggregates order by 1`,
    )
    expect(aggregates).toEqual(
      ROLLUPS.flatMap(({ name }) => ROLLUP_LEVELS.map((level) => ({ name: `${name}_${level}`, live: true }))).sort((a, b) =>
        a.name < b.name ? -1 : 1,
      ),
    )
    const { rows: jobs } = await db.pool.query<{ proc: string; n: number; scheduled: number }>(
      `select proc_name as proc, count(*)::int as n, (count(*) filter (where scheduled))::int as scheduled from timescaledb_information.jobs
       where hypertable_name is not null group by 1 order by 1`,
    )
    expect(jobs).toEqual([
      { proc: 'policy_compression', n: 1, scheduled: 1 },
      { proc: 'policy_refresh_continuous_aggregate', n: 18, scheduled: 18 },
      { proc: 'policy_retention', n: 19, scheduled: 19 },
    ])
    const { rows: tables } = await db.pool.query(
      `select hypertable_name as name, compression_enabled as columnstore from timescaledb_information.hypertables where hypertable_name = 'flow'`,
    )
    expect(tables).toEqual([{ name: 'flow', columnstore: true }])
    const { rows: telemetry } = await db.pool.query(
      `select scheduled from timescaledb_information.jobs where proc_name = 'policy_telemetry'`,
    )
    expect(telemetry.filter((job) => job.scheduled)).toEqual([])
    await db.drop()
  })
})

describe.each(testEngines())('an installation from before slices and witnesses (%s)', (engine) => {
  const HOUR = 3_600_000
  const hour = Math.floor(Date.now() / HOUR) * HOUR

  test('keeps its sums, those of flows that are dropped included', async () => {
    const db = await createEmptyDatabase(engine)
    try {
      const all = readMigrations()
      await migrate(db.url, { engine, migrations: all.filter((m) => m.number < 40) })
      if (engine === 'postgres') {
        const days = Array.from({ length: 22 }, (_, i) => Math.floor(hour / (24 * HOUR)) - i)
        await ensurePartitions(db.pool, 'raw', days)
        await db.pool.query(
          `insert into rollup_pending (level, id, first, last, rows) values (0, 1, now() - interval '21 days', now(), 30000)`,
        )
      }
      await db.pool.query(
        `insert into flow (time, time_received_ns, bytes, packets, exporter_id, batch, type, proto, src_addr, dst_addr, service_port)
         select $1::timestamptz - g * interval '1 minute', 0, 1000000 * (1 + g % 13), 1, 1, 1, 9, 6, '10.0.0.1'::inet + g % 7, '192.0.2.1', 443 from generate_series(1, 30000) g`,
        [new Date(hour)],
      )
      if (engine === 'timescale') {
        // No policy of the old aggregates in the way; the migration itself must cope with those that run.
        await db.pool.query(
          `select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate'`,
        )
        await sleep(2000)
        for (const level of ROLLUP_LEVELS) {
          for (const { name } of ROLLUPS)
            await db.pool.query(`call refresh_continuous_aggregate('${name}_${level}', null, $1::timestamptz)`, [new Date(hour)])
        }
      }
      const sums = async () => {
        const found: unknown[] = []
        for (const { name } of ROLLUPS) {
          for (const level of ROLLUP_LEVELS) {
            const { rows } = await db.pool.query(
              `select sum(flows)::int as flows, sum(scaled_bytes)::bigint as bytes, min(bucket) as first, count(distinct bucket)::int as buckets from ${name}_${level}`,
            )
            found.push(rows[0])
          }
        }
        return found
      }
      const before = await sums()
      if (engine === 'timescale') await db.pool.query(`select drop_chunks('flow', now() - interval '9 days')`)
      if (engine === 'timescale')
        await db.pool.query(
          `select alter_job(job_id, scheduled => true, next_start => now()) from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate'`,
        )
      await migrate(db.url)
      for (let i = 0; i < 3; i++) await maintain(db.pool)
      expect(await sums()).toEqual(before)
      if (engine === 'timescale') {
        const { rows } = await db.pool.query(
          `select count(*)::int as n from timescaledb_information.jobs where not scheduled and proc_name <> 'policy_telemetry'`,
        )
        expect(rows[0].n).toBe(0)
      }
    } finally {
      await db.drop()
    }
  }, 120_000)
})
