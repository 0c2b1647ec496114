import { finished } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import type { Pool, PoolClient } from '../connection.ts'
import { classify, messageOf, StorageError, sqlstate } from '../errors.ts'
import type { Engine } from '../migrate.ts'
import { DAY_MS, ensurePartitions } from '../partitions.ts'
import type { FlowBatch } from './batch.ts'
import { COPY_COLUMNS } from './flow.ts'

export interface WriteResult {
  rows: number
  /** The number the rows carry in `flow.batch`. */
  batch: number
}

export interface FlowWriter {
  /**
   * Store a batch: one COPY in one transaction, with the record that the rollups need. All rows or none.
   *
   * Throws StorageError `write-failed`; `retryable` (and `kind`) say what to do. After a broken connection the commit may have happened:
   * a retry can store the batch twice.
   */
  write(batch: FlowBatch): Promise<WriteResult>
}

export interface WriterOptions {
  /** The clock for deciding what is late and how often to notify, epoch milliseconds. Default Date.now. */
  now?: () => number
  /** Limit of one statement. Default 60 s: a COPY that waits longer than this waits for a lock or a dead disk. */
  statementTimeoutMs?: number
}

const COPY = `copy flow (${COPY_COLUMNS.join(', ')}) from stdin (format binary)`
/**
 * `timescale`: flows older than this were imported, and lie below what the refresh policies look at (2 days); live input is at most 24 h late.
 */
const LATE_MS = 36 * 3_600_000

/** A writer to one database. Several may work at once, in one process or many; each call takes one connection of the pool. */
export function createWriter(pool: Pool, engine: Engine, options: WriterOptions = {}): FlowWriter {
  const now = options.now ?? Date.now
  const begin = `begin; set local statement_timeout = ${options.statementTimeoutMs ?? 60_000}`
  /** Days whose partition was there when we last looked. */
  const ready = new Set<number>()
  let notified = Number.NEGATIVE_INFINITY

  async function prepare(client: PoolClient, batch: FlowBatch): Promise<void> {
    const unsure = [...batch.days].filter((day) => !ready.has(day))
    if (unsure.length === 0) return
    await client.query(begin)
    if (engine === 'postgres') await ensurePartitions(client, 'raw', unsure)
    else await refuseSealed(client, unsure, now())
    await client.query('commit')
    for (const day of unsure) ready.add(day)
  }

  async function attempt(client: PoolClient, batch: FlowBatch): Promise<WriteResult> {
    await prepare(client, batch)
    const id = batchNumber(await client.query(`${begin}; select nextval('flow_batch')::int as batch`))
    batch.stamp(id)
    const stream = client.query(copyFrom(COPY))
    stream.end(batch.payload())
    await finished(stream)
    const first = new Date(batch.minTimeMs).toISOString()
    // Rounded up: the bound must not cut a fraction of a millisecond.
    const last = new Date(Math.ceil(batch.maxTimeMs)).toISOString()
    const record =
      engine === 'postgres'
        ? `insert into rollup_pending (level, id, first, last, rows) values (0, ${id}, '${first}', '${last}', ${batch.rows});`
        : batch.minTimeMs < now() - LATE_MS
          ? `insert into rollup_late (first, last) values ('${first}', '${last}');`
          : ''
    const tell = now() - notified >= 1000
    await client.query(`${record}${tell ? `select pg_notify('weir_changed', '{"what":"flows"}');` : ''} commit`)
    if (tell) notified = now()
    return { rows: batch.rows, batch: id }
  }

  return {
    async write(batch) {
      if (batch.rows === 0) return { rows: 0, batch: 0 }
      for (let second = false; ; second = true) {
        let client: PoolClient | null = null
        try {
          client = await pool.connect()
          const result = await attempt(client, batch)
          client.release()
          return result
        } catch (error) {
          const state = sqlstate(error)
          const usable =
            client !== null &&
            state !== null &&
            (await client.query('rollback').then(
              () => true,
              () => false,
            ))
          client?.release(!usable)
          // Retention dropped a partition that we had seen: look again, once.
          if (state === '23514' && /no partition of relation/.test(messageOf(error)) && !second) {
            ready.clear()
            continue
          }
          if (error instanceof StorageError) throw error
          throw new StorageError(`${batch.rows} flows could not be stored: ${messageOf(error)}`, {
            code: 'write-failed',
            remedy:
              classify(error) === 'outage'
                ? 'Nothing to do if the database comes back: the write can be repeated.'
                : 'The message names the cause; the same rows will fail again.',
            cause: error,
          })
        }
      }
    },
  }
}

/** The number in the answer to `begin; …; select nextval`: node-postgres gives one result per statement. */
function batchNumber(answer: unknown): number {
  const last = Array.isArray(answer) ? answer.at(-1) : answer
  const rows = last !== null && typeof last === 'object' && 'rows' in last && Array.isArray(last.rows) ? last.rows : []
  const row: unknown = rows[0]
  if (row !== null && typeof row === 'object' && 'batch' in row && typeof row.batch === 'number') return row.batch
  throw new Error('the database gave no batch number')
}

/**
 * `timescale`: refuse days whose raw flows were dropped by retention while their rollups are kept. A refresh recomputes a bucket from the raw
 * rows it finds, so storing a few there would replace the day's history with just those few. (`postgres` adds to rollups and never recomputes.)
 */
async function refuseSealed(client: PoolClient, days: readonly number[], now: number): Promise<void> {
  const old = days.filter((day) => (day + 1) * DAY_MS < now - LATE_MS)
  for (const day of old) {
    const range = [new Date(day * DAY_MS), new Date((day + 1) * DAY_MS)]
    const { rows } = await client.query<{ sealed: boolean }>(
      `select not exists (select from flow where time >= $1 and time < $2)
         and exists (select from rollup_interface_1d where bucket >= $1 and bucket < $2) as sealed`,
      range,
    )
    if (rows[0]?.sealed) {
      throw new StorageError(
        `the flows of ${range[0]?.toISOString().slice(0, 10)} have been dropped by retention and only their sums are kept`,
        {
          code: 'day-sealed',
          kind: 'data',
          remedy: 'Flows of that day can no longer be added: import into another database, or import before retention ends.',
        },
      )
    }
  }
}
