import { finished } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import type { Pool } from '../connection.ts'
import { messageOf, StorageError, sqlstate } from '../errors.ts'
import type { Engine } from '../migrate.ts'
import { ensurePartitions } from '../partitions.ts'
import type { FlowBatch } from './batch.ts'
import { COPY_COLUMNS } from './flow.ts'

/** What the database knows about a file that is imported. */
export interface ImportFile {
  sha256: string
  /** True when every chunk is stored: there is nothing left to do. */
  finished: boolean
  /** Lines stored before, as inclusive ranges in order. */
  done: { first: number; last: number; rows: number }[]
  /** Of the finished import. */
  rows: number
  problems: number
}

/** Begin (or resume) the import of the file with these contents. */
export async function beginImport(pool: Pool, file: { sha256: string; name: string; bytes: number }): Promise<ImportFile> {
  try {
    await pool.query('insert into import_file (sha256, name, bytes) values ($1, $2, $3) on conflict (sha256) do nothing', [
      file.sha256,
      file.name,
      file.bytes,
    ])
  } catch (error) {
    if (sqlstate(error) !== '42P01') throw error
    throw new StorageError('the database is of an older version of Weir', {
      code: 'database-older',
      remedy: 'Run bin/weir migrate, or start Weir once: it brings the tables up to date.',
      cause: error,
    })
  }
  const { rows } = await pool.query<{ finished_at: Date | null; rows: string; problems: string }>(
    'select finished_at, rows, problems from import_file where sha256 = $1',
    [file.sha256],
  )
  const { rows: chunks } = await pool.query<{ first_line: string; last_line: string; rows: number }>(
    'select first_line, last_line, rows from import_chunk where sha256 = $1 order by first_line',
    [file.sha256],
  )
  return {
    sha256: file.sha256,
    finished: rows[0]?.finished_at != null,
    done: chunks.map((c) => ({ first: Number(c.first_line), last: Number(c.last_line), rows: c.rows })),
    rows: Number(rows[0]?.rows ?? 0),
    problems: Number(rows[0]?.problems ?? 0),
  }
}

const COPY = `copy flow (${COPY_COLUMNS.join(', ')}) from stdin (format binary)`

/**
 * Store the rows of some lines of a file: one COPY, its chunk record and what the rollups need, in one transaction. False when another
 * process stored these lines already: nothing was added. Partitions of old days are made as needed.
 *
 * Throws StorageError `write-failed`, and `day-sealed` where raw flows of the day were dropped and only sums are kept (`timescale`).
 */
export async function writeImportChunk(
  pool: Pool,
  engine: Engine,
  chunk: { sha256: string; firstLine: number; lastLine: number; batch: FlowBatch },
): Promise<boolean> {
  const { batch } = chunk
  const client = await pool.connect()
  let sound = false
  try {
    if (batch.rows > 0 && engine === 'postgres') {
      await client.query('begin')
      await ensurePartitions(client, 'raw', batch.days)
      await client.query('commit')
    }
    await client.query('begin')
    const { rowCount } = await client.query(
      'insert into import_chunk (sha256, first_line, last_line, rows) values ($1, $2, $3, $4) on conflict do nothing',
      [chunk.sha256, chunk.firstLine, chunk.lastLine, batch.rows - batch.slices],
    )
    if (rowCount === 0) {
      await client.query('rollback')
      sound = true
      return false
    }
    if (batch.rows > 0) {
      const { rows } = await client.query<{ batch: number }>(`select nextval('flow_batch')::int as batch`)
      const id = rows[0]?.batch ?? 0
      batch.stamp(id)
      const stream = client.query(copyFrom(COPY))
      stream.end(batch.payload())
      await finished(stream)
      const first = new Date(batch.minTimeMs)
      const last = new Date(Math.ceil(batch.maxTimeMs))
      if (engine === 'postgres') {
        await client.query('insert into rollup_pending (level, id, first, last, rows) values (0, $1, $2, $3, $4)', [
          id,
          first,
          last,
          batch.rows,
        ])
      } else await client.query('insert into rollup_late (first, last) values ($1, $2)', [first, last])
    }
    await client.query('commit')
    sound = true
    return true
  } catch (error) {
    sound = await client.query('rollback').then(
      () => true,
      () => false,
    )
    if (error instanceof StorageError) throw error
    throw new StorageError(`lines ${chunk.firstLine}–${chunk.lastLine} could not be stored: ${messageOf(error)}`, {
      code: 'write-failed',
      remedy: 'Import the same file again when the cause is gone: it goes on where it stopped.',
      cause: error,
    })
  } finally {
    client.release(!sound)
  }
}

/** Note that every line of the file is stored or was reported. */
export async function finishImport(
  pool: Pool,
  sha256: string,
  sums: { rows: number; problems: number; first: Date | null; last: Date | null },
): Promise<void> {
  await pool.query('update import_file set finished_at = now(), rows = $2, problems = $3, first = $4, last = $5 where sha256 = $1', [
    sha256,
    sums.rows,
    sums.problems,
    sums.first,
    sums.last,
  ])
}

/** Address of the exporter that stands for records that name none. */
export const NO_SAMPLER = '0.0.0.0'

/**
 * Ids of the exporters that imported records name, added when new. First and last seen are the data's; the stand-in for records without a
 * sampler is out of service from the start: nothing is expected from it.
 */
export async function importExporter(pool: Pool, address: string, seen: Date): Promise<number> {
  const { rows } = await pool.query<{ id: number }>(
    `insert into exporter (address, name, first_seen, last_seen, retired)
     values ($1, case when $1 = '${NO_SAMPLER}'::inet then 'Imported files' end, $2, $2, case when $1 = '${NO_SAMPLER}'::inet then now() end)
     on conflict (address) do update set first_seen = least(exporter.first_seen, excluded.first_seen)
     returning id`,
    [address, seen],
  )
  const id = rows[0]?.id
  if (id === undefined) throw new Error(`the exporter ${address} got no id`)
  return id
}
