import { setTimeout as sleep } from 'node:timers/promises'
import type { PoolClient } from '../connection.ts'
import { sqlstate } from '../errors.ts'
import { DAY_MS } from '../partitions.ts'
import { LEVEL_SECONDS, ROLLUP_LEVELS, ROLLUPS, type RollupLevel } from '../rollups.ts'

// `timescale`: refreshing continuous aggregates over times that the policies do not reach.

/** How far behind now a refresh stays, as the policies do: a bucket that is materialised too early hides the rows that still come. */
const BEHIND_MS: Readonly<Record<RollupLevel, number>> = { '1m': 60_000, '1h': 600_000, '1d': 3_600_000 }

/** Up to where a level may be refreshed: the last whole bucket that is far enough behind now. */
function behind(level: RollupLevel, now: Date): number {
  const width = LEVEL_SECONDS[level] * 1000
  return Math.floor((now.getTime() - BEHIND_MS[level]) / width) * width
}

/**
 * Refresh every rollup over [first, last], widened to whole days and cut behind now; finest level first, because each level reads the one
 * below. Only what was invalidated is computed. Must run outside a transaction.
 */
export async function refreshRange(client: PoolClient, first: Date, last: Date, now: Date): Promise<void> {
  const day = LEVEL_SECONDS['1d'] * 1000
  const from = Math.floor(first.getTime() / day) * day
  for (const level of ROLLUP_LEVELS) {
    const to = Math.min((Math.floor(last.getTime() / day) + 1) * day, behind(level, now))
    if (to <= from) continue
    for (const { name } of ROLLUPS) {
      await refresh(client, `${name}_${level}`, new Date(from), new Date(to))
    }
  }
}

/** A policy that has not ended well for this long after it was due does not work. */
const OVERDUE_MS = 300_000
/** As far back as the policies look. */
const REACH_MS = 2 * DAY_MS

/** What a policy that does not work is called, and what TimescaleDB says about it. */
export interface FailingPolicy {
  aggregate: string
  reason: string
}

/**
 * Do what refresh policies do where those do not: TimescaleDB has no free worker for them, or counts their runs as failed and tries again
 * ever more seldom. Returns them; nothing is done while all work.
 */
export async function refreshOverdue(client: PoolClient, now: Date): Promise<FailingPolicy[]> {
  const { rows } = await client.query<FailingPolicy>(
    // The last success of a job that never ended well is -infinity.
    `select c.view_name as aggregate, coalesce(
       (select e.err_message from timescaledb_information.job_errors e where e.job_id = j.job_id order by e.finish_time desc limit 1),
       case s.last_run_status when 'Failed' then 'its last run failed' else 'it was not started' end) as reason
     from timescaledb_information.jobs j
     join timescaledb_information.continuous_aggregates c on j.hypertable_name in (c.view_name, c.materialization_hypertable_name)
     left join timescaledb_information.job_stats s using (job_id)
     where j.proc_name = 'policy_refresh_continuous_aggregate' and j.scheduled and s.job_status is distinct from 'Running'
       and coalesce(s.last_successful_finish, '-infinity') < $1::timestamptz - j.schedule_interval - make_interval(secs => $2)
     order by array_position($3::text[], right(c.view_name, 2)), c.view_name`,
    [now, OVERDUE_MS / 1000, ROLLUP_LEVELS],
  )
  const from = new Date(Math.floor((now.getTime() - REACH_MS) / DAY_MS) * DAY_MS)
  for (const { aggregate } of rows) {
    const level = ROLLUP_LEVELS.find((one) => aggregate.endsWith(one))
    if (level !== undefined) await refresh(client, aggregate, from, new Date(behind(level, now)))
  }
  return rows
}

const PATIENCE_MS = 30_000

/** One at a time may refresh an aggregate, and its policy does so every minute: wait for it. */
async function refresh(client: PoolClient, aggregate: string, from: Date, to: Date): Promise<void> {
  for (const begin = performance.now(); ; ) {
    try {
      await client.query('call refresh_continuous_aggregate($1::regclass, $2::timestamptz, $3::timestamptz)', [aggregate, from, to])
      return
    } catch (error) {
      if (sqlstate(error) !== '55P03' || performance.now() - begin > PATIENCE_MS) throw error
      await sleep(200)
    }
  }
}

/**
 * Refresh over what was stored late since the last call, the newest day first: a day is soon right, and an import of years does not keep
 * the flows of yesterday waiting. One day at least, and no further one after `budgetMs`; the next call goes on. Returns the ranges that are done.
 */
export async function refreshLate(client: PoolClient, now: Date, budgetMs: number): Promise<{ first: Date; last: Date }[]> {
  const begin = performance.now()
  let days = 0
  const enough = () => days > 0 && performance.now() - begin > budgetMs
  const { rows } = await client.query<{ ids: string[]; first: Date; last: Date }>(
    // Ranges that touch or overlap become one; an import of a month in thousands of batches is refreshed once.
    `select array_agg(id) as ids, min(first) as first, max(last) as last from (
       select *, sum(fresh) over (order by first, id) as island from (
         select *, case when first <= max(last) over (order by first, id rows between unbounded preceding and 1 preceding) + interval '1 day' then 0 else 1 end as fresh
         from rollup_late) a) b
     group by island order by 3 desc`,
  )
  const done: { first: Date; last: Date }[] = []
  for (const { ids, first, last } of rows) {
    let from = last
    let worked = false
    for (let day = Math.floor(last.getTime() / DAY_MS) * DAY_MS; day + DAY_MS > first.getTime(); day -= DAY_MS) {
      if (enough()) break
      const start = new Date(Math.max(day, first.getTime()))
      await refreshRange(client, start, from < last ? new Date(day + DAY_MS - 1) : last, now)
      from = start
      worked = true
      days++
      // What is left of these ranges lies before this day.
      await client.query('delete from rollup_late where id = any($1) and first >= $2', [ids, new Date(day)])
      await client.query(`update rollup_late set last = $2::timestamptz - interval '1 millisecond' where id = any($1) and last >= $2`, [
        ids,
        new Date(day),
      ])
    }
    if (worked) done.push({ first: from, last })
    if (enough()) break
  }
  return done
}
