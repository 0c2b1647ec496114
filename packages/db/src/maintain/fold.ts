import type { PoolClient } from '../connection.ts'
import { DAY_MS, ensurePartitions } from '../partitions.ts'
import {
  boundedSum,
  LEVEL_SECONDS,
  RAW_COLUMNS,
  ROLLUP_LEVELS,
  ROLLUP_SUMS,
  ROLLUPS,
  type RollupLevel,
  rawSums,
  rollsUp,
} from '../rollups.ts'

/*
 * Rollups of the `postgres` engine, in words.
 *
 * A COPY writes its rows and, in the same transaction, one row of `rollup_pending` that names the batch. A fold takes the batches that are
 * pending, adds their sums as a new part to every `_1m_data` table, deletes their pending rows, and makes the part itself pending for the
 * hour level; later folds do the same from minutes to hours and from hours to days. Each fold is one transaction on one snapshot, so for any
 * reader a flow is either in a part or pending below it, never both and never neither; the views add the two. A part is never recomputed:
 * a late row makes a small part in an old bucket. Closed hours and days are rewritten as one part (see compact.ts).
 *
 * Measured against recomputing the touched minutes, hours and days: with flows that end up to a minute before they arrive, every minute is
 * touched by about four refreshes and every hour by all of them, and each time all of its rows are read again.
 *
 * One process folds at a time (the lock of `maintain`); readers and writers never wait for it.
 */

/** Pending rows of the finer side of a fold: 0 raw rows, 1 parts of minutes, 2 parts of hours. */
type PendingLevel = 0 | 1 | 2

interface Cadence {
  /** Fold when the oldest pending entry is this old … */
  ageMs: number
  /** … or when this many rows are pending, whichever comes first: it bounds what a question has to add up live. */
  rows: number
  /** Rows of one transaction at most, so that a backlog is worked off in pieces. */
  limit: number
}

/**
 * Raw rows wait 30 s: halving that makes half as many rows more in the minute tables, doubling it doubles the live part of every question.
 * 200,000 raw rows are about 50 ms of a question.
 * Six aggregations one after the other: one pass with grouping sets took a third longer (1.36 against 1.06 s for 200,000 rows).
 */
const CADENCE: Readonly<Record<PendingLevel, Cadence>> = {
  0: { ageMs: 30_000, rows: 200_000, limit: 500_000 },
  1: { ageMs: 300_000, rows: 1_000_000, limit: 2_000_000 },
  2: { ageMs: 3_600_000, rows: 4_000_000, limit: 4_000_000 },
}

export interface FoldReport {
  /** Level written to. */
  level: RollupLevel
  /** Batches or parts taken, the rows they had, and how long it took. */
  parts: number
  rows: number
  ms: number
}

interface Pending {
  ids: number[]
  firsts: Date[]
  lasts: Date[]
  rows: number
}

const earliest = (times: readonly Date[]) => new Date(times.reduce((a, b) => Math.min(a, b.getTime()), Number.POSITIVE_INFINITY))
const latest = (times: readonly Date[]) => new Date(times.reduce((a, b) => Math.max(a, b.getTime()), Number.NEGATIVE_INFINITY))
const levelOf = (pending: PendingLevel): RollupLevel => ROLLUP_LEVELS[pending] ?? '1d'
const finerOf = (pending: PendingLevel): RollupLevel => ROLLUP_LEVELS[pending - 1] ?? '1m'
export const bin = (level: RollupLevel, column: string) =>
  `date_bin('${LEVEL_SECONDS[level]} seconds', ${column}, '2000-01-01 00:00:00+00')`

/** Fold everything that is due from one level to the next; everything at all with `force`. */
export async function foldDue(client: PoolClient, level: PendingLevel, now: Date, force: boolean): Promise<FoldReport | null> {
  const cadence = CADENCE[level]
  const report: FoldReport = { level: levelOf(level), parts: 0, rows: 0, ms: 0 }
  const begin = performance.now()
  // By force: what is pending now, not what writers add while we fold.
  let newest = 2_147_483_647
  for (let first = true; ; first = false) {
    const { rows } = await client.query<{ rows: string | null; oldest: Date | null; newest: number | null }>(
      'select sum(rows) as rows, min(created_at) as oldest, max(id) as newest from rollup_pending where level = $1 and id <= $2',
      [level, newest],
    )
    const state = rows[0]
    if (!state?.oldest) break
    if (first && force) newest = state.newest ?? newest
    const due = force || Number(state.rows) >= cadence.rows || now.getTime() - state.oldest.getTime() >= cadence.ageMs
    if (!due) break
    const taken = await takePending(client, level, cadence.limit)
    await makeRoom(client, level)
    await transaction(client, () => fold(client, level, taken))
    await summarize(client, level, taken)
    report.parts += taken.ids.length
    report.rows += taken.rows
  }
  report.ms = Math.round(performance.now() - begin)
  return report.parts === 0 ? null : report
}

/** Run `work` on one snapshot. Folds never meet a conflict: nobody else changes what they change. */
export async function transaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level repeatable read')
  try {
    // Hash tables of a fold hold one entry per distinct key of the rows taken.
    await client.query("set local work_mem = '96MB'; set local statement_timeout = 0")
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    // A connection that is gone rolls back by itself.
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** The oldest pending entries of a level, up to `limit` rows (one at least). */
async function takePending(client: PoolClient, level: PendingLevel, limit: number): Promise<Pending> {
  const { rows } = await client.query<{ id: number; first: Date; last: Date; rows: string }>(
    `select id, first, last, rows from (
       select *, sum(rows) over (order by id) - rows as before from rollup_pending where level = $1
     ) p where before < $2 order by id`,
    [level, limit],
  )
  return {
    ids: rows.map((r) => r.id),
    firsts: rows.map((r) => r.first),
    lasts: rows.map((r) => r.last),
    rows: rows.reduce((sum, r) => sum + Number(r.rows), 0),
  }
}

/** Partitions for what a fold will write: wherever the finer side has partitions within the bounds of what is pending. */
async function makeRoom(client: PoolClient, level: PendingLevel): Promise<void> {
  const { rows } = await client.query<{ range_from: Date }>(
    `select distinct s.range_from from storage_partition s
     join rollup_pending p on p.level = $1 and p.first < s.range_to and p.last >= s.range_from
     where s.relation = $2`,
    [level, level === 0 ? 'flow' : `${ROLLUPS[0].name}_${finerOf(level)}_data`],
  )
  const days = rows.map((r) => r.range_from.getTime() / DAY_MS)
  // A partition of hours is as wide as many of minutes; one of minutes holds only its own day.
  await ensurePartitions(client, levelOf(level), days)
}

/** Bring the block-range indexes up to what was just written: blocks without a summary are read by every question. */
async function summarize(client: PoolClient, level: PendingLevel, taken: Pending): Promise<void> {
  const tier = levelOf(level)
  await client.query(
    `select brin_summarize_new_values(i.indexrelid)
     from storage_partition s
     join pg_index i on i.indrelid = to_regclass(s.name)
     join pg_class c on c.oid = i.indexrelid
     join pg_am a on a.oid = c.relam and a.amname = 'brin'
     where s.relation = any($1) and s.range_from <= $3 and s.range_to > $2`,
    [ROLLUPS.map(({ name }) => `${name}_${tier}_data`), earliest(taken.firsts), latest(taken.lasts)],
  )
}

/** Inside a transaction: add the sums of `taken` to the next level, and make the new part pending for the level after that. */
export async function fold(client: PoolClient, level: PendingLevel, taken: Pending): Promise<number> {
  if (taken.ids.length === 0) return 0
  const to = levelOf(level)
  const part = await nextFold(client)
  let written = 0
  for (const rollup of ROLLUPS) {
    const { name, dims } = rollup
    const columns = dims.map((dim) => `f.${dim}`).join(', ')
    const source =
      level === 0
        ? `select f.time as at, ${columns}, ${RAW_COLUMNS.map((column) => `f.${column}`).join(', ')} from flow f
             where f.batch = p.id and ${rollsUp(rollup, 'f.')} offset 0`
        : `select f.bucket as at, ${columns}, ${ROLLUP_SUMS.map((sum) => `f.${sum}`).join(', ')} from ${name}_${finerOf(level)}_data f
             where f.fold = p.id and f.bucket >= p.first and f.bucket <= p.last offset 0`
    const sums = level === 0 ? rawSums('f.') : ROLLUP_SUMS.map((sum) => boundedSum(`f.${sum}`))
    const { rowCount } = await client.query(
      `insert into ${name}_${to}_data (bucket, ${dims.join(', ')}, ${ROLLUP_SUMS.join(', ')}, fold)
       select ${bin(to, 'f.at')}, ${columns}, ${sums.join(', ')}, $4
       from unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) p (id, first, last) cross join lateral (${source}) f
       group by 1, ${columns}
       -- In the order of buckets, so that a block range holds few of them even when some rows came late.
       order by 1`,
      [taken.ids, taken.firsts, taken.lasts, part],
    )
    written += rowCount ?? 0
  }
  await client.query('delete from rollup_pending where level = $1 and id = any($2)', [level, taken.ids])
  if (level < 2) await addPending(client, level === 0 ? 1 : 2, part, earliest(taken.firsts), latest(taken.lasts), written)
  if (level > 0) await countParts(client, to, part)
  return part
}

export async function nextFold(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ part: number }>(`select nextval('rollup_fold')::int as part`)
  if (!rows[0]) throw new Error('the database gave no fold number')
  return rows[0].part
}

/** Make a part pending. Its bounds are those of its buckets: the start of the bucket that holds `first`, to the one that holds `last`. */
export async function addPending(client: PoolClient, level: 1 | 2, part: number, first: Date, last: Date, rows: number): Promise<void> {
  const of = finerOf(level)
  await client.query(
    `insert into rollup_pending (level, id, first, last, rows) values ($1, $2, ${bin(of, '$3::timestamptz')}, ${bin(of, '$4::timestamptz')}, $5)`,
    [level, part, first, last, rows],
  )
}

/** Note which buckets a part went to. Counted on the smallest rollup: every flow has a row there. */
async function countParts(client: PoolClient, level: RollupLevel, part: number): Promise<void> {
  const data = `${ROLLUPS[0].name}_${level}_data`
  const where = level === '1d' ? `bucket in (select bucket from ${data} where fold = $2 group by bucket)` : 'fold = $2'
  await client.query(
    `insert into rollup_part (level, bucket, parts, touched_at)
     select $1, bucket, 1, now() from ${data} where ${where} and fold = $2 group by bucket
     on conflict (level, bucket) do update set parts = rollup_part.parts + 1, touched_at = excluded.touched_at, peaks = false`,
    [ROLLUP_LEVELS.indexOf(level), part],
  )
}
