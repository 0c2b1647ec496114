import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createWriter, FlowBatch, resolveExporters } from '../ingest/index.ts'
import { deleteExporterData, maintain } from '../maintain.ts'
import { ROLLUP_LEVELS, ROLLUP_SUMS, ROLLUPS, rawShare, rollsUp, sumColumns } from '../rollups.ts'
import { createTestDatabase, type TestDatabase, testEngines } from '../testing/database.ts'
import { address, sampleContext, sampleFlow, seededRandom } from '../testing/sample-flow.ts'
import { refreshLate } from './late.ts'

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000
const BIN = { '1m': '1 minute', '1h': '1 hour', '1d': '1 day' } as const

/** Every rollup that does not hold exactly what the raw rows say, bucket by bucket and key by key; one statement, so one snapshot. */
function differences(level: (typeof ROLLUP_LEVELS)[number]): string {
  return ROLLUPS.map((rollup) => {
    const { name, dims } = rollup
    const keys = dims.join(', ')
    const sums = ROLLUP_SUMS.map((sum) => `sum(${sum})`).join(', ')
    const stored = `select bucket, ${keys}, ${sums} from ${name}_${level} group by bucket, ${keys}`
    const raw = `select date_bin('${BIN[level]}', time, '2000-01-01 00:00:00+00'), ${keys}, count(*) filter (where slice is null),
      ${[false, true].flatMap((scaled) => (['bytes', 'packets'] as const).map((column) => `sum(${rawShare(column, scaled)})`)).join(', ')}
      from flow where ${rollsUp(rollup)} group by 1, ${keys}`
    return `select '${name}_${level}' as rollup, count(*)::int as rows from (((${stored}) except (${raw})) union all ((${raw}) except (${stored}))) x having count(*) > 0`
  }).join(' union all ')
}

describe.each(testEngines())('rollups on %s', (engine) => {
  let db: TestDatabase
  let random: () => number
  beforeEach(async () => {
    db = await createTestDatabase(engine)
    random = seededRandom(42)
    // Floors have a test of their own.
    await setFloors({ hosts: 0, conversations: 0 })
  })
  afterEach(() => db?.drop())

  /** As an admin would, and in `timescale` as the next round of maintenance does it. */
  async function setFloors(floors: Record<'hosts' | 'conversations', number>): Promise<void> {
    await db.pool.query(`update setting set value = $1 where key = 'rollup_floor'`, [JSON.stringify(floors)])
    if (engine === 'timescale') await maintain(db.pool)
  }

  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  /** `rows` random flows that end between the two instants, a few of them events, a few without known fields. */
  function randomBatch(rows: number, from: number, to: number, exporterId = 1, long = 0.02): FlowBatch {
    const batch = new FlowBatch({ rows: rows * 23 })
    for (let i = 0; i < rows; i++) {
      batch.append(
        sampleFlow({
          srcAddr: address(pick(['10.0.0.1', '10.0.0.2', '2001:db8::1', ''])),
          dstAddr: address(pick(['192.0.2.1', '192.0.2.2', '198.51.100.3'])),
          proto: pick([6, 17, -1]),
          inIf: pick([1, 2, -1]),
          bytes: Math.floor(random() * 1e9),
          packets: Math.floor(random() * 1e6),
          samplingRate: pick([-1, 0, 1, 1000]),
          eventKind: random() < 0.05 ? 1 : 0,
        }),
        sampleContext({
          exporterId,
          timeMs: from + Math.floor(random() * (to - from)),
          witness: random() < 0.1,
          // Few are long: each is as many rows as it has minutes.
          durationMs: random() < long ? 90_000 + Math.floor(random() * 20 * MINUTE) : 10_000,
          servicePort: pick([443, 53, -1]),
          srcAs: pick([64_500, -1]),
          dstCountry: pick(['DE', 'US', '']),
        }),
      )
    }
    return batch
  }
  const wrong = async () => {
    const found: unknown[] = []
    for (const level of ROLLUP_LEVELS) found.push(...(await db.pool.query(differences(level))).rows)
    return found
  }

  test('hold exactly the stored flows before, between and after folds, and events are not in them', async () => {
    const writer = createWriter(db.pool, engine)
    const now = Date.now()
    for (let i = 0; i < 3; i++) {
      await writer.write(randomBatch(500, now - 3 * HOUR, now))
      expect(await wrong()).toEqual([])
    }
    if (engine === 'postgres') {
      for (const at of [now + 31_000, now + 6 * MINUTE, now + 7 * HOUR, now + 2 * DAY]) {
        await maintain(db.pool, { now: new Date(at) })
        expect(await wrong()).toEqual([])
        await writer.write(randomBatch(200, now - 3 * HOUR, now))
        expect(await wrong()).toEqual([])
      }
    }
    const { rows } = await db.pool.query('select count(*) filter (where event_kind = 1)::int as events from flow')
    expect(rows[0].events).toBeGreaterThan(0)
  })

  if (engine === 'postgres') {
    test('are exact at any moment while writers, folds and rewrites go on', async () => {
      const now = Date.now()
      let running = true
      let failures: unknown[] = []
      const writing = Array.from({ length: 3 }, async () => {
        const writer = createWriter(db.pool, engine)
        while (running) {
          // Mostly new, sometimes a day late.
          const late = random() < 0.2 ? DAY * random() : 0
          await writer.write(randomBatch(1 + Math.floor(random() * 60), now - late - 10 * MINUTE, now - late))
        }
      })
      const maintaining = (async () => {
        // Clocks that make different things due: nothing, minutes, hours, days, rewriting.
        while (running) {
          await maintain(db.pool, { now: new Date(now + pick([0, MINUTE, 10 * MINUTE, 2 * HOUR, 2 * DAY])), force: random() < 0.3 })
          await sleep(random() * 20)
        }
      })()
      let looks = 0
      const end = Date.now() + 6000
      while (Date.now() < end && failures.length === 0) {
        failures = await wrong()
        looks++
      }
      running = false
      await Promise.all([...writing, maintaining])
      expect(failures).toEqual([])
      expect(looks).toBeGreaterThan(3)
      await maintain(db.pool, { force: true })
      expect(await wrong()).toEqual([])
      expect((await db.pool.query('select count(*)::int as n from rollup_pending')).rows[0].n).toBe(0)
    })

    test('a question over hours reads raw rows only of batches that are not folded', async () => {
      const now = Date.now()
      const writer = createWriter(db.pool, engine)
      for (let i = 0; i < 20; i++) await writer.write(randomBatch(2000, now - 20 * HOUR, now - HOUR))
      await maintain(db.pool, { force: true })
      await writer.write(randomBatch(100, now - HOUR, now))
      await db.pool.query('analyze')
      const { rows } = await db.pool.query(
        `explain (analyze, format json) select src_addr, sum(scaled_bytes) from rollup_src_1h
         where bucket >= $1 and bucket < $2 group by 1 order by 2 desc limit 10`,
        [new Date(now - DAY), new Date(now)],
      )
      const read: Record<string, number> = {}
      const walk = (node: {
        'Relation Name'?: string
        'Actual Rows': number
        'Actual Loops': number
        'Rows Removed by Filter'?: number
        Plans?: never[]
      }) => {
        const relation = node['Relation Name']?.replace(/_p\d+$/, '')
        if (relation)
          read[relation] = (read[relation] ?? 0) + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
        for (const child of node.Plans ?? []) walk(child)
      }
      walk(rows[0]['QUERY PLAN'][0].Plan)
      expect(read.flow).toBeLessThanOrEqual(100)
      expect(read.rollup_src_1m_data ?? 0).toBe(0)
    })

    test('a closed hour that came in many parts becomes one', async () => {
      const now = Date.now()
      const hour = Math.floor(now / HOUR) * HOUR - 3 * HOUR
      const writer = createWriter(db.pool, engine)
      const count = async () => Number((await db.pool.query('select count(*) as n from rollup_interface_1h_data')).rows[0].n)
      for (let i = 0; i < 5; i++) {
        await writer.write(randomBatch(300, hour, hour + HOUR, 1, 0))
        // Closed long ago, but not quiet: it stays in parts.
        expect((await maintain(db.pool, { now: new Date(now), force: true })).bucketsCompacted).toBe(0)
      }
      const before = await count()
      const report = await maintain(db.pool, { now: new Date(now + 30 * MINUTE) })
      expect(report.bucketsCompacted).toBeGreaterThanOrEqual(1)
      expect(await count()).toBeLessThan(before / 2)
      expect(await wrong()).toEqual([])
      expect((await maintain(db.pool, { now: new Date(now + 30 * MINUTE) })).bucketsCompacted).toBe(0)
    })

    test('retention drops raw flows and minutes, and leaves the hours and days as they were', async () => {
      const now = Date.now()
      const writer = createWriter(db.pool, engine)
      await writer.write(randomBatch(1000, now - 2 * DAY, now))
      const sums = async (level: string) =>
        (await db.pool.query(`select sum(flows)::int as flows, sum(scaled_bytes) as bytes from rollup_src_${level}`)).rows[0]
      const expected = await sums('1d')
      expect(expected.flows).toBeGreaterThan(700)
      // Time leaps: what is pending must be folded before anything is dropped, although nothing has been folded so far.
      const dropped: string[] = []
      for (let i = 0; i < 8; i++) dropped.push(...(await maintain(db.pool, { now: new Date(now + 20 * DAY) })).dropped)
      expect(dropped.filter((name) => name.startsWith('flow_p')).length).toBeGreaterThanOrEqual(2)
      expect((await db.pool.query('select count(*)::int as n from flow')).rows[0].n).toBe(0)
      for (const level of ROLLUP_LEVELS) expect(await sums(level)).toEqual(expected)
      for (let i = 0; i < 8; i++) await maintain(db.pool, { now: new Date(now + 60 * DAY) })
      expect((await sums('1m')).flows).toBeNull()
      for (const level of ['1h', '1d']) expect(await sums(level)).toEqual(expected)
      // A late flow of a time that retention has passed is added to what is left of it.
      await writer.write(randomBatch(50, now - DAY, now))
      await maintain(db.pool, { force: true })
      expect((await sums('1d')).flows).toBeGreaterThan(expected.flows)
    })

    test('imported old flows are kept for the full retention after the import', async () => {
      const then = Date.parse('2020-03-01T00:00:00Z')
      await createWriter(db.pool, engine).write(randomBatch(100, then, then + DAY))
      expect((await maintain(db.pool, { force: true })).dropped).toEqual([])
      expect((await maintain(db.pool, { now: new Date(Date.now() + 13 * DAY) })).dropped).toEqual([])
      expect(await wrong()).toEqual([])
      expect((await maintain(db.pool, { now: new Date(Date.now() + 15 * DAY) })).dropped).toContain('flow_p20200301')
    })

    test('one process maintains at a time, and partitions are made ahead', async () => {
      const reports = await Promise.all([
        maintain(db.pool, { force: true }),
        maintain(db.pool, { force: true }),
        maintain(db.pool, { force: true }),
      ])
      expect(reports.filter((r) => !r.skipped).length).toBeGreaterThanOrEqual(1)
      const made = reports.reduce((sum, r) => sum + r.partitionsMade, 0)
      const { rows } = await db.pool.query(
        `select count(*)::int as n, count(*) filter (where relation = 'flow' and range_from > now())::int as ahead from storage_partition`,
      )
      expect(rows[0]).toEqual({ n: made, ahead: 2 })
    })
  } else {
    test('late flows and refreshes: the policies’ own jobs bring every level to what is stored', async () => {
      const writer = createWriter(db.pool, engine)
      const now = Date.now()
      const jobs = async () => {
        const { rows } = await db.pool.query<{ id: number }>(
          `select job_id as id from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate' order by job_id`,
        )
        for (const { id } of rows) await db.pool.query(`call run_job(${id})`)
      }
      await writer.write(randomBatch(500, now - 20 * HOUR, now))
      await jobs()
      expect(await wrong()).toEqual([])
      // Newer than what is materialised, and late by up to 20 hours.
      await writer.write(randomBatch(50, now - 10_000, now, 1, 0))
      expect(await wrong()).toEqual([])
      await writer.write(randomBatch(200, now - 20 * HOUR, now))
      await jobs()
      expect(await wrong()).toEqual([])
    })

    test('imported old flows are refreshed beyond the policies’ reach', async () => {
      const then = Date.parse('2020-03-01T00:00:00Z')
      const writer = createWriter(db.pool, engine)
      await writer.write(randomBatch(100, Date.now() - HOUR, Date.now()))
      await maintain(db.pool)
      await db.pool.query(`call refresh_continuous_aggregate('rollup_src_1m', null, now() - interval '2 minutes')`)
      await writer.write(randomBatch(300, then, then + 2 * DAY))
      const report = await maintain(db.pool)
      expect(report.refreshed).toHaveLength(1)
      for (const level of ROLLUP_LEVELS) {
        const { rows } = await db.pool.query(`select sum(flows)::int as flows from rollup_src_${level} where bucket < '2021-01-01'`)
        const raw = await db.pool.query(
          `select count(*)::int as flows from flow where event_kind is null and witness is not true and slice is null and time < '2021-01-01'`,
        )
        expect(rows).toEqual(raw.rows)
      }
      expect((await maintain(db.pool)).refreshed).toEqual([])
    })

    test('late flows are worked in day by day, the newest first, and no call takes longer than it may', async () => {
      const then = Math.floor(Date.now() / DAY) * DAY - 10 * DAY
      const writer = createWriter(db.pool, engine)
      await writer.write(randomBatch(100, Date.now() - HOUR, Date.now()))
      await maintain(db.pool, { force: true })
      await db.pool.query(`call refresh_continuous_aggregate('rollup_src_1m', null, now() - interval '2 minutes')`)
      for (let day = 0; day < 4; day++) await writer.write(randomBatch(50, then + day * DAY + HOUR, then + (day + 1) * DAY, 1, 0))
      const told = async () =>
        (
          await db.pool.query(`select distinct bucket from rollup_src_1d where bucket >= $1 and bucket < $2 order by 1`, [
            new Date(then),
            new Date(then + 4 * DAY),
          ])
        ).rows.map(({ bucket }) => (bucket.getTime() - then) / DAY)
      const client = await db.pool.connect()
      try {
        for (const days of [[3], [2, 3], [1, 2, 3], [0, 1, 2, 3]]) {
          expect(await refreshLate(client, new Date(), 0)).toHaveLength(1)
          expect(await told()).toEqual(days)
        }
        expect(await refreshLate(client, new Date(), 0)).toEqual([])
      } finally {
        client.release()
      }
      expect((await maintain(db.pool)).refreshed).toEqual([])
    })

    test('dropping raw flows leaves the rollups, and a dropped day takes no more flows', async () => {
      const then = Math.floor(Date.now() / DAY) * DAY - 20 * DAY
      const writer = createWriter(db.pool, engine)
      await writer.write(randomBatch(300, then, then + DAY))
      await maintain(db.pool)
      const sums = async () =>
        (await db.pool.query(`select sum(flows)::int as flows, sum(scaled_bytes) as bytes from rollup_src_1d`)).rows[0]
      const expected = await sums()
      expect(expected.flows).toBeGreaterThan(200)
      await db.pool.query(`select drop_chunks('flow', created_before => now() + interval '1 minute')`)
      const { rows } = await db.pool.query<{ id: number }>(
        `select job_id as id from timescaledb_information.jobs where proc_name like 'policy_refresh%'`,
      )
      for (const { id } of rows) await db.pool.query(`call run_job(${id})`)
      expect((await db.pool.query('select count(*)::int as n from flow')).rows[0].n).toBe(0)
      expect(await sums()).toEqual(expected)
      await expect(createWriter(db.pool, engine).write(randomBatch(5, then, then + DAY))).rejects.toMatchObject({
        code: 'day-sealed',
        kind: 'data',
      })
      expect(await sums()).toEqual(expected)
    })

    test('policies that do not work are told, and their work is done', async () => {
      // Scheduled, and nobody to run them: the test database has no background workers.
      await db.pool.query(
        `select alter_job(job_id, scheduled => true) from timescaledb_information.jobs where proc_name like 'policy_refresh%'`,
      )
      const { rows } = await db.pool.query<{ view: string; stored: string }>(
        `select view_name as view, format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) as stored
         from timescaledb_information.continuous_aggregates`,
      )
      const kept = async (view: string) => {
        const stored = rows.find((row) => row.view === view)?.stored
        return (await db.pool.query(`select sum(flows)::int as flows from ${stored}`)).rows[0].flows
      }
      await createWriter(db.pool, engine).write(randomBatch(300, Date.now() - 3 * HOUR, Date.now() - 2 * HOUR, 1, 0))
      expect((await maintain(db.pool)).failing).toEqual([])
      expect(await kept('rollup_src_1m')).toBeNull()
      const { failing } = await maintain(db.pool, { overdue: true })
      expect(failing.map(({ aggregate }) => aggregate)).toEqual(
        ROLLUP_LEVELS.flatMap((level) => ROLLUPS.map(({ name }) => `${name}_${level}`).sort()),
      )
      expect(failing[0]).toMatchObject({ reason: 'it was not started' })
      expect(await kept('rollup_src_1m')).toBeGreaterThan(200)
      expect(await kept('rollup_src_1h')).toBe(await kept('rollup_src_1m'))
    })

    test('the setting decides the retention policies', async () => {
      expect((await maintain(db.pool)).policiesChanged).toEqual([])
      await db.pool.query(`update setting set value = '{"raw": 7, "1m": 1, "1h": "x"}' where key = 'retention'`)
      const changed = (await maintain(db.pool)).policiesChanged
      expect(changed).toContain('flow')
      expect(changed.filter((name) => name.endsWith('_1m'))).toHaveLength(6)
      expect(changed).toHaveLength(7)
      const { rows } = await db.pool.query(
        `select config ->> 'drop_created_before' as keep from timescaledb_information.jobs where proc_name = 'policy_retention' and hypertable_name = 'flow'`,
      )
      expect(rows[0].keep).toBe('7 days 06:00:00')
    })
  }

  /** Hours and days of every rollup whose peak is not the greatest minute of the raw rows; NULL says nothing and is never wrong. */
  const wrongPeaks = async () => {
    const found: unknown[] = []
    for (const level of ['1h', '1d'] as const) {
      for (const rollup of ROLLUPS) {
        const { name, dims } = rollup
        const keys = dims.join(', ')
        const { rows } = await db.pool.query(
          `with minutes as (
             select date_bin('1 minute', time, '2000-01-01 00:00:00+00') as minute, ${keys}, least(sum(${rawShare('bytes', true)}), 9223372036854775807) as bytes
             from flow where ${rollsUp(rollup)} group by 1, ${keys}),
           greatest as (
             select date_bin('${BIN[level]}', minute, '2000-01-01 00:00:00+00') as bucket, ${keys}, max(bytes)::bigint as peak from minutes group by 1, ${keys}),
           told as (select bucket, ${keys}, max(peak_bytes) as peak from ${name}_${level} group by 1, ${keys} having count(*) = 1 and max(peak_bytes) is not null)
           select '${name}_${level}' as rollup, count(*)::int as rows from (select * from told except select * from greatest) x having count(*) > 0`,
        )
        found.push(...rows)
      }
    }
    return found
  }
  const peaksKnown = async (level: '1h' | '1d', before: number) =>
    (
      await db.pool.query<{ known: number; unknown: number }>(
        `select count(*) filter (where peak_bytes is not null)::int as known, count(*) filter (where peak_bytes is null)::int as unknown
         from rollup_conversation_${level} where bucket < $1`,
        [new Date(before)],
      )
    ).rows[0]

  test('the greatest minute of an hour and a day is that of the flows, and known once the hour is over', async () => {
    const writer = createWriter(db.pool, engine)
    const day = Math.floor(Date.now() / DAY) * DAY - 2 * DAY
    const refresh = async (now: number) => {
      if (engine === 'postgres') for (let i = 0; i < 10; i++) await maintain(db.pool, { now: new Date(now), force: i === 0 })
      else {
        for (const level of ROLLUP_LEVELS) {
          for (const { name } of ROLLUPS)
            await db.pool.query(`call refresh_continuous_aggregate('${name}_${level}', null, $1::timestamptz)`, [new Date(now)])
        }
      }
    }
    await writer.write(randomBatch(2000, day, day + DAY))
    await writer.write(randomBatch(1000, day, day + DAY))
    expect(await wrongPeaks()).toEqual([])
    await refresh(Date.now() + 2 * HOUR)
    expect(await wrongPeaks()).toEqual([])
    for (const level of ['1h', '1d'] as const) {
      const known = await peaksKnown(level, day + DAY)
      expect(known?.known).toBeGreaterThan(10)
      expect(known?.unknown).toBe(0)
    }
    // Late flows: never a wrong peak, and a known one again when they are worked in.
    await writer.write(randomBatch(500, day, day + DAY))
    if (engine === 'postgres') {
      expect(await wrongPeaks()).toEqual([])
      await maintain(db.pool, { force: true })
      expect(await wrongPeaks()).toEqual([])
    }
    await refresh(Date.now() + 4 * HOUR)
    expect(await wrongPeaks()).toEqual([])
    expect(await peaksKnown('1d', day + DAY)).toMatchObject({ unknown: 0 })
    expect(await wrong()).toEqual([])
  })

  test('keys below the floor are left out of the days, and of the days alone', async () => {
    const floor = 50_000
    await setFloors({ hosts: floor, conversations: 0 })
    const day = Math.floor(Date.now() / DAY) * DAY - 2 * DAY
    const writer = createWriter(db.pool, engine)
    const batch = new FlowBatch({ rows: 1000 })
    // Host n sends n flows of 1000 bytes over the day: those up to 49 stay below, also when each flow counts a hundred times.
    for (let n = 1; n <= 20; n++) {
      for (let i = 0; i < n; i++) {
        batch.append(
          sampleFlow({
            srcAddr: address(`10.1.0.${n}`),
            dstAddr: address('192.0.2.1'),
            bytes: 1000,
            packets: 1,
            samplingRate: n === 3 ? 100 : 5,
          }),
          sampleContext({ timeMs: day + i * HOUR }),
        )
      }
    }
    await writer.write(batch)
    if (engine === 'postgres')
      for (let i = 0; i < 12; i++) await maintain(db.pool, { now: new Date(Date.now() + 2 * HOUR), force: i === 0 })
    else await maintain(db.pool)
    const hosts = async (level: string) =>
      (await db.pool.query(`select host(src_addr) as a, sum(scaled_bytes)::int as b from rollup_src_${level} group by 1 order by 2`)).rows
    expect((await hosts('1h')).length).toBe(20)
    expect((await hosts('1m')).length).toBe(20)
    const days = await hosts('1d')
    expect(days.map((row) => row.b)).toEqual([
      50_000, 55_000, 60_000, 65_000, 70_000, 75_000, 80_000, 85_000, 90_000, 95_000, 100_000, 300_000,
    ])
    expect(days.at(-1)).toEqual({ a: '10.1.0.3', b: 300_000 })
    // Everything is in the rollup that knows the rest.
    const { rows } = await db.pool.query(`select sum(scaled_bytes)::int as b from rollup_as_1d`)
    expect(rows[0].b).toBe(210_000 * 5 + 95 * 3000)
  })

  test('removing an exporter takes its flows out of every rollup and nothing else', async () => {
    const ids = await resolveExporters(db.pool, [{ address: '127.66.0.1', demo: true }, { address: '192.0.2.1' }])
    const [demo = 0, real = 0] = ['127.66.0.1', '192.0.2.1'].map((a) => ids.get(a))
    const now = Date.now()
    const writer = createWriter(db.pool, engine)
    for (const id of [demo, real]) await writer.write(randomBatch(500, now - 30 * HOUR, now, id))
    await maintain(db.pool, { force: true })
    // Not folded yet, and late in buckets that are.
    for (const id of [demo, real]) await writer.write(randomBatch(100, now - 30 * HOUR, now, id))
    const left = (await db.pool.query('select count(*)::int as n from flow where exporter_id = $1', [real])).rows[0].n
    expect(await deleteExporterData(db.pool, [demo])).toEqual({ flows: 600, exporters: 1 })
    expect(await wrong()).toEqual([])
    expect((await db.pool.query('select count(*)::int as n from flow')).rows[0].n).toBe(left)
    expect((await db.pool.query('select host(address) as a from exporter')).rows).toEqual([{ a: '192.0.2.1' }])
    expect(await deleteExporterData(db.pool, [demo])).toEqual({ flows: 0, exporters: 0 })
    await deleteExporterData(db.pool, [real])
    for (const { name } of ROLLUPS) {
      for (const level of ROLLUP_LEVELS) expect((await db.pool.query(`select count(*)::int as n from ${name}_${level}`)).rows[0].n).toBe(0)
    }
  })
})

describe.each(testEngines())('the catalogue on %s', (engine) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createTestDatabase(engine)
  })
  afterAll(() => db?.drop())

  test('every rollup has its columns at every level', async () => {
    for (const { name, dims } of ROLLUPS) {
      for (const level of ROLLUP_LEVELS) {
        const { fields } = await db.pool.query(`select * from ${name}_${level} limit 0`)
        expect(fields.map((f) => f.name)).toEqual(['bucket', ...dims, ...sumColumns(level)])
      }
    }
  })
})
