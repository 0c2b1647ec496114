import type { Pool, PoolClient } from './connection.ts'
import { type Engine, readEngine } from './engine.ts'
import { StorageError, sqlstate } from './errors.ts'
import { compact, compactDue } from './maintain/compact.ts'
import { readFloors, syncFloors } from './maintain/floor.ts'
import { addPending, type FoldReport, fold, foldDue, nextFold, transaction } from './maintain/fold.ts'
import { type FailingPolicy, refreshLate, refreshOverdue, refreshRange } from './maintain/late.ts'
import { dropExpired, makePartitionsAhead, readRetention, syncRetentionPolicies } from './maintain/retention.ts'
import { recordSizes } from './maintain/sizes.ts'
import { analyzeParent } from './maintain/statistics.ts'
import { LEVEL_SECONDS, ROLLUP_LEVELS, ROLLUP_SUMS, ROLLUPS, rawSums, rollsUp } from './rollups.ts'

export type { FailingPolicy } from './maintain/late.ts'
export { LEAST_RETENTION_DAYS, type Retention } from './maintain/retention.ts'

/** `timescale`: a round works on late ranges for this long; the next goes on. */
const LATE_BUDGET_MS = 10_000

/** Who holds this advisory lock does the housekeeping of a database; all others leave it alone. */
export const MAINTENANCE_LOCK = `hashtextextended('weir maintain', 0)`

export interface MaintainOptions {
  /** The clock that decides what is due, closed and expired. Default: now. */
  now?: Date
  /** Fold everything, due or not, and refresh all that is late: before a shutdown, after an import, for a test's look. */
  force?: boolean
  /** `timescale`: look whether its refresh policies work, and do their work where they do not. Once a minute is often enough. */
  overdue?: boolean
}

export interface MaintainReport {
  engine: Engine
  /** True when another process was at it: nothing was done. */
  skipped: boolean
  /** `postgres`: partitions made ahead of time. */
  partitionsMade: number
  /** `postgres`: folds by level. */
  folds: FoldReport[]
  /** `postgres`: closed buckets rewritten as one part. */
  bucketsCompacted: number
  /** `postgres`: partitions dropped by retention. */
  dropped: string[]
  /** `postgres`: the relation whose statistics were renewed. */
  analyzed: string | null
  /** `timescale`: imported ranges whose rollups were refreshed. */
  refreshed: { first: Date; last: Date }[]
  /** `timescale`: refresh policies that do not work; their aggregates were refreshed in this round. */
  failing: FailingPolicy[]
  /** `timescale`: relations whose retention policy was brought to the setting. */
  policiesChanged: string[]
  ms: number
}

/**
 * Do the storage work that is due: partitions ahead, rollups, retention. Cheap when nothing is (three small questions); meant to be called
 * every few seconds by every collector, of which one at a time works. `timescale` does most of this by its own policies.
 *
 * Throws what the database throws; what was done before stays done, and the next call goes on from there.
 */
export async function maintain(pool: Pool, options: MaintainOptions = {}): Promise<MaintainReport> {
  const begin = performance.now()
  const now = options.now ?? new Date()
  return withSession(pool, async (client) => {
    const engine = await readEngine(client)
    const report: MaintainReport = {
      engine,
      skipped: false,
      partitionsMade: 0,
      folds: [],
      bucketsCompacted: 0,
      dropped: [],
      analyzed: null,
      refreshed: [],
      failing: [],
      policiesChanged: [],
      ms: 0,
    }
    const { rows } = await client.query<{ locked: boolean }>(`select pg_try_advisory_lock(${MAINTENANCE_LOCK}) as locked`)
    if (!rows[0]?.locked) return { ...report, skipped: true }
    try {
      if (engine === 'postgres') {
        report.partitionsMade = await makePartitionsAhead(client, now)
        for (const level of [0, 1, 2] as const) {
          const done = await foldDue(client, level, now, options.force ?? false)
          if (done) report.folds.push(done)
        }
        for (const level of ['1h', '1d'] as const) report.bucketsCompacted += await compactDue(client, level, now, await readFloors(client))
        report.dropped = await dropExpired(client, now, await readRetention(client))
        report.analyzed = await analyzeParent(client)
      } else {
        report.refreshed = await refreshLate(client, now, options.force ? Number.POSITIVE_INFINITY : LATE_BUDGET_MS)
        if (options.overdue) report.failing = await refreshOverdue(client, now)
        await syncFloors(client, await readFloors(client))
        report.policiesChanged = await syncRetentionPolicies(client, await readRetention(client))
      }
      await recordSizes(client, engine, now)
    } finally {
      await client.query(`select pg_advisory_unlock(${MAINTENANCE_LOCK})`).catch(() => undefined)
    }
    report.ms = Math.round(performance.now() - begin)
    return report
  })
}

/** One connection for `work`; thrown away after an error, so that neither a lock nor an open transaction returns to the pool. */
async function withSession<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let sound = false
  try {
    await client.query('set statement_timeout = 0')
    const result = await work(client)
    await client.query('reset statement_timeout')
    sound = true
    return result
  } finally {
    client.release(!sound)
  }
}

export interface DeleteReport {
  flows: number
  exporters: number
}

/**
 * Delete exporters, their interfaces and their flows, and take those flows out of every rollup. Used to remove the demo.
 *
 * What raw retention has already dropped cannot be told apart in rollups without an exporter and stays there until their retention ends.
 * Stop what sends for these exporters first: a collector adds an unknown exporter again. Throws StorageError `maintain-busy` when the
 * maintenance of another process does not end within a minute.
 */
export async function deleteExporterData(pool: Pool, exporterIds: readonly number[], options: { now?: Date } = {}): Promise<DeleteReport> {
  if (exporterIds.length === 0) return { flows: 0, exporters: 0 }
  return withSession(pool, async (client) => {
    const engine = await readEngine(client)
    try {
      await client.query(`set lock_timeout = '60s'`)
      await client.query(`select pg_advisory_lock(${MAINTENANCE_LOCK})`)
    } catch (error) {
      if (sqlstate(error) !== '55P03') throw error
      throw new StorageError('the maintenance of another process does not end', {
        code: 'maintain-busy',
        remedy: 'Try again in a minute.',
        cause: error,
      })
    } finally {
      await client.query('reset lock_timeout').catch(() => undefined)
    }
    try {
      return engine === 'postgres'
        ? await retrySerialization(() => deleteInPostgres(client, exporterIds))
        : await deleteInTimescale(client, exporterIds, options.now ?? new Date())
    } finally {
      await client.query(`select pg_advisory_unlock(${MAINTENANCE_LOCK})`).catch(() => undefined)
    }
  })
}

/** A collector may update an exporter's counters while its row is deleted: the snapshot is then too old, and a new one works. */
async function retrySerialization<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (sqlstate(error) !== '40001' || attempt === 5) throw error
    }
  }
}

/**
 * The flows' sums are added once more with the sign turned, as a part like any other, and taken up to hours and days at once; the touched
 * buckets are then rewritten, so that nothing is left of keys that only these exporters had. Pending batches are in no part yet: their rows
 * just go.
 */
async function deleteInPostgres(client: PoolClient, exporterIds: readonly number[]): Promise<DeleteReport> {
  // Minutes that are not yet in hours go up first, in transactions of their own: the parts below must find their buckets' partitions.
  const now = new Date()
  for (const level of [0, 1, 2] as const) await foldDue(client, level, now, true)
  const floors = await readFloors(client)
  return transaction(client, async () => {
    const part = await nextFold(client)
    const bucket = `date_bin('60 seconds', f.time, '2000-01-01 00:00:00+00')`
    const touched = await client.query<{ bucket: Date }>(
      `select distinct ${bucket} as bucket from flow f where f.exporter_id = any($1) and f.event_kind is null
       and f.batch not in (select id from rollup_pending where level = 0)`,
      [exporterIds],
    )
    const minutes = touched.rows.map((r) => r.bucket)
    if (minutes.length > 0) {
      for (const rollup of ROLLUPS) {
        const { name, dims } = rollup
        const columns = dims.map((dim) => `f.${dim}`).join(', ')
        await client.query(
          `insert into ${name}_1m_data (bucket, ${dims.join(', ')}, ${ROLLUP_SUMS.join(', ')}, fold)
           select ${bucket}, ${columns}, ${rawSums('f.')
             .map((sum) => `-(${sum})`)
             .join(', ')}, $2 from flow f
           where f.exporter_id = any($1) and ${rollsUp(rollup, 'f.')} and f.batch not in (select id from rollup_pending where level = 0)
           group by 1, ${columns}`,
          [exporterIds, part],
        )
      }
      const times = minutes.map((minute) => minute.getTime())
      const first = new Date(times.reduce((a, b) => Math.min(a, b)))
      const last = new Date(times.reduce((a, b) => Math.max(a, b)))
      await addPending(client, 1, part, first, last, minutes.length)
      const hours = await fold(client, 1, { ids: [part], firsts: [first], lasts: [last], rows: minutes.length })
      const hour = (time: number) => new Date(Math.floor(time / 3_600_000) * 3_600_000)
      await fold(client, 2, { ids: [hours], firsts: [hour(first.getTime())], lasts: [hour(last.getTime())], rows: minutes.length })
      for (const level of ROLLUP_LEVELS) {
        const width = LEVEL_SECONDS[level] * 1000
        const buckets = [...new Set(times.map((time) => Math.floor(time / width) * width))].map((time) => new Date(time))
        await compact(client, level, buckets, floors)
      }
    }
    const flows = await countOf(client, exporterIds)
    await client.query('delete from flow where exporter_id = any($1)', [exporterIds])
    const exporters = await client.query('delete from exporter where id = any($1)', [exporterIds])
    return { flows, exporters: exporters.rowCount ?? 0 }
  })
}

/** Flows of exporters; slices are none. */
async function countOf(client: PoolClient, exporterIds: readonly number[]): Promise<number> {
  const { rows } = await client.query<{ n: string }>('select count(*) as n from flow where exporter_id = any($1) and slice is null', [
    exporterIds,
  ])
  return Number(rows[0]?.n ?? 0)
}

async function deleteInTimescale(client: PoolClient, exporterIds: readonly number[], now: Date): Promise<DeleteReport> {
  const range = await client.query<{ first: Date | null; last: Date | null }>(
    'select min(time) as first, max(time) as last from flow where exporter_id = any($1)',
    [exporterIds],
  )
  await client.query('begin')
  let report: DeleteReport
  try {
    // Rows in compressed chunks are unpacked to be deleted, and the default limit is meant for accidents.
    await client.query('set local timescaledb.max_tuples_decompressed_per_dml_transaction = 0')
    const flows = await countOf(client, exporterIds)
    await client.query('delete from flow where exporter_id = any($1)', [exporterIds])
    const exporters = await client.query('delete from exporter where id = any($1)', [exporterIds])
    await client.query('commit')
    report = { flows, exporters: exporters.rowCount ?? 0 }
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  }
  const found = range.rows[0]
  if (found?.first && found.last) await refreshRange(client, found.first, found.last, now)
  return report
}
