import { finished } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Pool, PoolClient } from '../connection.ts'
import { classify, messageOf, StorageError, sqlstate } from '../errors.ts'
import type { Engine } from '../migrate.ts'
import { DAY_MS, ensurePartitions } from '../partitions.ts'
import type { FlowBatch } from './batch.ts'
import { COPY_COLUMNS } from './flow.ts'
import { type Frame, type FrameId, frameName, frameTimes, rowTimeMs, stampFrame } from './frame.ts'

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
  /**
   * Store frames of a spool, each exactly once however often this is called: one transaction holds the ledger's rows, the flows, and the
   * record that the rollups need. Frames that the ledger knows are acknowledged without storing. Rows that the database refuses (SQLSTATE
   * classes 22 and 23) are found and set aside in `quarantine`, in the same transaction as the rest of their frame.
   *
   * Throws StorageError `write-failed`, or `ledger-mismatch` when the ledger knows a frame of that name with other contents. A call that
   * failed may have stored some or all of the frames: call again with the same frames.
   */
  writeFrames(frames: readonly Frame[]): Promise<FramesResult>
}

/** What became of frames. `rows` + `quarantined` + `replayedRows` is the number of their rows. */
export interface FramesResult {
  rows: number
  /** Rows set aside, by reason. */
  quarantined: Record<QuarantineReason, number>
  /** Frames that were in the ledger already, and their rows. */
  replayed: FrameId[]
  replayedRows: number
}

/** Why a row was set aside: the database refuses its values, or its day's raw flows were dropped by retention (`timescale`). */
export const QUARANTINE_REASONS = ['row_refused', 'day_sealed'] as const
export type QuarantineReason = (typeof QUARANTINE_REASONS)[number]

export interface WriterOptions {
  /** The clock for deciding what is late and how often to notify, epoch milliseconds. Default Date.now. */
  now?: () => number
  /** Limit of one statement. Default 60 s: a COPY that waits longer than this waits for a lock or a dead disk. */
  statementTimeoutMs?: number
  /** For tests that show what the ledger is for: false stores frames without it. */
  ledger?: boolean
}

const copyInto = (columns: readonly string[]) => `copy flow (${columns.join(', ')}) from stdin (format binary)`
const COPY = copyInto(COPY_COLUMNS)
/** What binary COPY begins and ends with (PostgreSQL manual, COPY, "Binary Format"). */
const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const COPY_TRAILER = Buffer.from([0xff, 0xff])
/** Looking for refused rows goes in pieces of this many: what is good in one is stored with few repetitions. */
const PIECE_ROWS = 1024
const SAMPLE_OCTETS = 256
/**
 * `timescale`: flows older than this were imported, and lie below what the refresh policies look at (2 days); live input is at most 24 h late.
 */
const LATE_MS = 36 * 3_600_000

/** A writer to one database. Several may work at once, in one process or many; each call takes one connection of the pool. */
export function createWriter(pool: Pool, engine: Engine, options: WriterOptions = {}): FlowWriter {
  const now = options.now ?? Date.now
  const begin = `begin; set local statement_timeout = ${options.statementTimeoutMs ?? 60_000}`
  const useLedger = options.ledger ?? true
  /** Days whose partition was there when we last looked. */
  const ready = new Set<number>()
  let notified = Number.NEGATIVE_INFINITY

  /** Make room for days. Returns those that take no more rows. */
  async function prepare(client: PoolClient, days: ReadonlySet<number>): Promise<number[]> {
    const unsure = [...days].filter((day) => !ready.has(day))
    if (unsure.length === 0) return []
    await client.query(begin)
    let sealed: number[] = []
    if (engine === 'postgres') await ensurePartitions(client, 'raw', unsure)
    else sealed = await sealedDays(client, unsure, now())
    await client.query('commit')
    for (const day of unsure) if (!sealed.includes(day)) ready.add(day)
    return sealed
  }

  /** The record that the rollups need, the news, and the commit, in one round trip. */
  async function finish(client: PoolClient, id: number, times: { minTimeMs: number; maxTimeMs: number }, rows: number): Promise<void> {
    const first = new Date(times.minTimeMs).toISOString()
    // Rounded up: the bound must not cut a fraction of a millisecond.
    const last = new Date(Math.ceil(times.maxTimeMs)).toISOString()
    const record =
      rows === 0
        ? ''
        : engine === 'postgres'
          ? `insert into rollup_pending (level, id, first, last, rows) values (0, ${id}, '${first}', '${last}', ${rows});`
          : times.minTimeMs < now() - LATE_MS
            ? `insert into rollup_late (first, last) values ('${first}', '${last}');`
            : ''
    const tell = now() - notified >= 1000
    await client.query(`${record}${tell ? `select pg_notify('weir_changed', '{"what":"flows"}');` : ''} commit`)
    if (tell) notified = now()
  }

  async function copy(client: PoolClient, columns: readonly string[], bodies: readonly Buffer[]): Promise<void> {
    const stream = client.query(copyFrom(copyInto(columns)))
    stream.write(COPY_HEADER)
    for (const body of bodies) stream.write(body)
    stream.end(COPY_TRAILER)
    await finished(stream)
  }

  async function attempt(client: PoolClient, batch: FlowBatch): Promise<WriteResult> {
    const sealed = await prepare(client, batch.days)
    if (sealed[0] !== undefined) throw daySealed(sealed[0])
    const id = batchNumber(await client.query(`${begin}; select nextval('flow_batch')::int as batch`))
    batch.stamp(id)
    const stream = client.query(copyFrom(COPY))
    stream.end(batch.payload())
    await finished(stream)
    await finish(client, id, batch, batch.rows)
    return { rows: batch.rows, batch: id }
  }

  /** Open the transaction, put the frames' names into the ledger, get a batch number. Returns the frames that were not there before. */
  async function open(client: PoolClient, frames: readonly Frame[]): Promise<{ id: number; fresh: readonly Frame[] }> {
    const start = `${begin}; set local synchronous_commit = on; select nextval('flow_batch')::int as batch`
    if (!useLedger) return { id: batchNumber(await client.query(start)), fresh: frames }
    const id = batchNumber(await client.query(start))
    // Sorted, so that two that hold the same frames (one of them a ghost whose connection broke) wait for each other in one order.
    const sorted = [...frames].sort((a, b) => a.segment - b.segment || a.frame - b.frame)
    const { rows } = await client.query<{ spool: string; segment: number; frame: number }>(
      `insert into ingest_batch (spool, segment, frame, rows, sha256, batch)
       select spool, segment, frame, rows, sha256, $6
       from unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::bytea[]) with ordinality f (spool, segment, frame, rows, sha256, position)
       order by position
       on conflict do nothing returning spool, segment, frame`,
      [
        sorted.map((f) => f.spool),
        sorted.map((f) => f.segment),
        sorted.map((f) => f.frame),
        sorted.map((f) => f.rows),
        sorted.map((f) => f.sha256),
        id,
      ],
    )
    if (rows.length === frames.length) return { id, fresh: frames }
    const added = new Set(rows.map(identity))
    const known = frames.filter((frame) => !added.has(identity(frame)))
    await compare(client, known)
    return { id, fresh: frames.filter((frame) => added.has(identity(frame))) }
  }

  /** Store frames that have the same columns; throws what the database says. */
  async function attemptFrames(client: PoolClient, frames: readonly Frame[]): Promise<FramesResult> {
    const sealed = await prepare(client, frameTimes(frames).days)
    if (sealed[0] !== undefined) throw daySealed(sealed[0])
    const { id, fresh } = await open(client, frames)
    const result = outcome(frames, fresh)
    if (fresh.length === 0) {
      await client.query('rollback')
      return result
    }
    for (const frame of fresh) {
      stampFrame(frame, id)
      result.rows += frame.rows
    }
    await copy(
      client,
      fresh[0]?.columns ?? COPY_COLUMNS,
      fresh.map((frame) => frame.body),
    )
    await finish(client, id, frameTimes(fresh), result.rows)
    return result
  }

  /** Store one frame, piece by piece, setting aside the rows that are refused. */
  async function sift(client: PoolClient, frame: Frame): Promise<FramesResult> {
    const sealed = new Set(await prepare(client, frameTimes([frame]).days))
    const { id, fresh } = await open(client, [frame])
    const result = outcome([frame], fresh)
    if (fresh.length === 0) {
      await client.query('rollback')
      return result
    }
    stampFrame(frame, id)
    const starts = rowStarts(frame)
    const at = (row: number) => starts[row] ?? frame.body.length
    const refuse = async (row: number, reason: QuarantineReason, state: string | null, message: string): Promise<void> => {
      result.quarantined[reason]++
      await client.query(
        `insert into quarantine (spool, segment, frame, row, reason, sqlstate, message, sample) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          frame.spool,
          frame.segment,
          frame.frame,
          row,
          reason,
          state,
          message.slice(0, 500),
          frame.body.subarray(at(row), Math.min(at(row + 1), at(row) + SAMPLE_OCTETS)),
        ],
      )
    }
    const ranges: [from: number, to: number][] = []
    for (let from = 0; from < frame.rows; from += PIECE_ROWS) ranges.push([from, Math.min(frame.rows, from + PIECE_ROWS)])
    if (sealed.size > 0) {
      const kept: [number, number][] = []
      for (let row = 0; row < frame.rows; row++) {
        const day = Math.floor(rowTimeMs(frame.body, at(row)) / DAY_MS)
        const last = kept.at(-1)
        if (sealed.has(day)) await refuse(row, 'day_sealed', null, daySealed(day).message)
        else if (last !== undefined && last[1] === row && row - last[0] < PIECE_ROWS) last[1] = row + 1
        else kept.push([row, row + 1])
      }
      ranges.splice(0, ranges.length, ...kept)
    }
    ranges.reverse()
    // What was done since a savepoint goes with it: each piece, and each note of a refused row, gets a new one behind it.
    const keep = 'release savepoint piece; savepoint piece'
    await client.query('savepoint piece')
    for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
      const [from, to] = range
      if (from >= to) continue
      try {
        await copy(client, frame.columns, [frame.body.subarray(at(from), at(to))])
        await client.query(keep)
        result.rows += to - from
      } catch (error) {
        const state = sqlstate(error)
        if (state === null || classify(error) !== 'data') throw error
        await client.query('rollback to savepoint piece')
        if (to - from === 1) {
          await refuse(from, 'row_refused', state, messageOf(error))
          await client.query(keep)
          continue
        }
        // The server names the row; what it says is only a hint, because each part is tried again.
        const hint = from + copyLine(error) - 1
        const bad = hint >= from && hint < to ? hint : from + Math.floor((to - from) / 2)
        ranges.push([bad + 1, to], [bad, bad + 1], [from, bad])
      }
    }
    await finish(client, id, frameTimes([frame]), result.rows)
    return result
  }

  /** Run `work` on a connection of the pool. Looks for dropped partitions once; anything else is thrown as StorageError. */
  async function withClient<T>(rows: number, work: (client: PoolClient) => Promise<T>): Promise<T> {
    for (let second = false; ; second = true) {
      let client: PoolClient | null = null
      try {
        client = await pool.connect()
        const result = await work(client)
        client.release()
        return result
      } catch (error) {
        const state = sqlstate(error)
        const usable =
          client !== null &&
          (state !== null || error instanceof StorageError) &&
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
        throw new StorageError(`${rows} flows could not be stored: ${messageOf(error)}`, {
          code: 'write-failed',
          remedy:
            classify(error) === 'outage'
              ? 'Nothing to do if the database comes back: the write can be repeated.'
              : 'The message names the cause; the same rows will fail again.',
          cause: error,
        })
      }
    }
  }

  async function writeAlike(frames: readonly Frame[]): Promise<FramesResult> {
    const rows = frames.reduce((sum, frame) => sum + frame.rows, 0)
    try {
      return await withClient(rows, (client) => attemptFrames(client, frames))
    } catch (error) {
      if (!(error instanceof StorageError) || error.kind !== 'data') throw error
    }
    const total = outcome([], [])
    for (const frame of frames) merge(total, await withClient(frame.rows, (client) => sift(client, frame)))
    return total
  }

  return {
    async write(batch) {
      if (batch.rows === 0) return { rows: 0, batch: 0 }
      return withClient(batch.rows, (client) => attempt(client, batch))
    },
    async writeFrames(frames) {
      // Frames of another version of the collector hold other columns, and need a COPY of their own.
      const alike = Map.groupBy(frames, (frame) => frame.columns.join())
      const total = outcome([], [])
      for (const group of alike.values()) merge(total, await writeAlike(group))
      return total
    },
  }
}

const identity = ({ spool, segment, frame }: FrameId): string => `${spool}/${segment}/${frame}`

/** What is known once the ledger has spoken: frames that it had are stored. */
function outcome(frames: readonly Frame[], fresh: readonly Frame[]): FramesResult {
  const replayed = fresh.length === frames.length ? [] : frames.filter((frame) => !fresh.includes(frame))
  return {
    rows: 0,
    quarantined: { row_refused: 0, day_sealed: 0 },
    replayed: replayed.map(({ spool, segment, frame }) => ({ spool, segment, frame })),
    replayedRows: replayed.reduce((sum, frame) => sum + frame.rows, 0),
  }
}

function merge(total: FramesResult, part: FramesResult): void {
  total.rows += part.rows
  for (const reason of QUARANTINE_REASONS) total.quarantined[reason] += part.quarantined[reason]
  total.replayed.push(...part.replayed)
  total.replayedRows += part.replayedRows
}

function rowStarts({ lengths }: Frame): Uint32Array {
  const starts = new Uint32Array(lengths.length)
  let at = 0
  for (const [i, length] of lengths.entries()) {
    starts[i] = at
    at += length
  }
  return starts
}

/** The row that the server says it was at: "COPY flow, line 12, column x". 0 when it says nothing. */
function copyLine(error: unknown): number {
  const where = error instanceof pg.DatabaseError ? (error.where ?? '') : ''
  return Number(/COPY flow, line (\d+)/.exec(where)?.[1] ?? 0)
}

/** Frames that the ledger knows must be the same frames. Throws StorageError `ledger-mismatch`. */
async function compare(client: PoolClient, frames: readonly Frame[]): Promise<void> {
  const { rows } = await client.query<{ spool: string; segment: number; frame: number; rows: number; sha256: Buffer }>(
    `select spool, segment, frame, rows, sha256 from ingest_batch
     where (spool, segment, frame) in (select * from unnest($1::uuid[], $2::int[], $3::int[]))`,
    [frames.map((f) => f.spool), frames.map((f) => f.segment), frames.map((f) => f.frame)],
  )
  const known = new Map(rows.map((row) => [identity(row), row]))
  for (const frame of frames) {
    const twin = known.get(identity(frame))
    // Not there any more: pruned between the two statements, which only happens to frames whose segment is gone.
    if (twin !== undefined && twin.rows === frame.rows && twin.sha256.equals(frame.sha256)) continue
    throw new StorageError(`the ledger knows frame ${frameName(frame)} of spool ${frame.spool} with other contents`, {
      code: 'ledger-mismatch',
      kind: 'other',
      remedy: 'Two collectors use copies of one spool directory: give each its own, with an empty WEIR_SPOOL_DIR.',
    })
  }
}

/**
 * Forget the frames of a spool below a segment. Call it when those segments are gone from the disk for good: a frame that is read again
 * after its row went would be stored twice. Returns how many rows went.
 */
export async function pruneLedger(pool: Pool, spool: string, belowSegment: number): Promise<number> {
  const { rowCount } = await pool.query('delete from ingest_batch where spool = $1 and segment < $2', [spool, belowSegment])
  return rowCount ?? 0
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
 * `timescale`: the days whose raw flows were dropped by retention while their rollups are kept. A refresh recomputes a bucket from the raw
 * rows it finds, so storing a few there would replace the day's history with just those few. (`postgres` adds to rollups and never recomputes.)
 */
async function sealedDays(client: PoolClient, days: readonly number[], now: number): Promise<number[]> {
  const old = days.filter((day) => (day + 1) * DAY_MS < now - LATE_MS)
  if (old.length === 0) return []
  // What is stored of the aggregate, not the view: that would add up all raw flows which are not refreshed yet.
  const { rows: tables } = await client.query<{ stored: string }>(
    `select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) as stored
     from timescaledb_information.continuous_aggregates where view_name = 'rollup_interface_1d'`,
  )
  const sealed: number[] = []
  for (const day of old) {
    const range = [new Date(day * DAY_MS), new Date((day + 1) * DAY_MS)]
    const { rows } = await client.query<{ sealed: boolean }>(
      `select not exists (select from flow where time >= $1 and time < $2)
         and exists (select from ${tables[0]?.stored} where bucket >= $1 and bucket < $2) as sealed`,
      range,
    )
    if (rows[0]?.sealed) sealed.push(day)
  }
  return sealed
}

function daySealed(day: number): StorageError {
  return new StorageError(
    `the flows of ${new Date(day * DAY_MS).toISOString().slice(0, 10)} have been dropped by retention and only their sums are kept`,
    {
      code: 'day-sealed',
      kind: 'data',
      remedy: 'Flows of that day can no longer be added: import into another database, or import before retention ends.',
    },
  )
}
