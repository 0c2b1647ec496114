import type { PoolClient } from '../connection.ts'
import { sqlstate } from '../errors.ts'
import { DAY_MS, ensurePartitions, tierRelations } from '../partitions.ts'
import { DEFAULT_RETENTION_DAYS, PARTITION_DAYS, ROLLUP_LEVELS, ROLLUPS, TIERS, type Tier } from '../rollups.ts'

export type Retention = Record<Tier, number>

/**
 * Fewest days a tier may be kept. Raw flows must outlive the refresh windows that read them (2 days, see 0003-rollups.timescale.sql),
 * minutes those of the hours (4 days), hours those of the days (8 days).
 */
export const LEAST_RETENTION_DAYS: Readonly<Retention> = { raw: 3, '1m': 5, '1h': 9, '1d': 9 }

/** The setting `retention`, tier by tier: days. A missing or unusable value is the default, a too small one the least. */
export async function readRetention(client: PoolClient): Promise<Retention> {
  const { rows } = await client.query<{ value: unknown }>(`select value from setting where key = 'retention'`)
  const value = rows[0]?.value
  const days = { ...DEFAULT_RETENTION_DAYS }
  if (value !== null && typeof value === 'object') {
    for (const tier of TIERS) {
      const wanted: unknown = Reflect.get(value, tier)
      if (typeof wanted === 'number' && Number.isFinite(wanted)) days[tier] = Math.max(LEAST_RETENTION_DAYS[tier], Math.ceil(wanted))
    }
  }
  return days
}

/** `postgres`: partitions for yesterday to two days ahead, so that no COPY has to make one. Returns how many were missing. */
export async function makePartitionsAhead(client: PoolClient, now: Date): Promise<number> {
  const today = Math.floor(now.getTime() / DAY_MS)
  let made = 0
  for (const tier of TIERS) made += await ensurePartitions(client, tier, [today - 1, today, today + 1, today + 2])
  return made
}

/**
 * `postgres`: drop the partitions that are past their tier's retention, in time and since they were made (an import of old flows is kept
 * for the full time after it was imported), and of which nothing is pending for the next level. Readers and writers go on meanwhile.
 * Returns the names. One partition per relation and call, so that one run stays short.
 */
export async function dropExpired(client: PoolClient, now: Date, retention: Retention): Promise<string[]> {
  const dropped: string[] = []
  for (const [level, tier] of TIERS.entries()) {
    const limit = new Date(now.getTime() - retention[tier] * DAY_MS)
    const { rows } = await client.query<{ relation: string; name: string; range_from: Date }>(
      `select distinct on (relation) relation, name, range_from from storage_partition s
       where relation = any($1) and range_to <= $2 and created_at <= $2
         and not exists (select from rollup_pending p where p.level = $3 and p.first < s.range_to and p.last >= s.range_from)
       order by relation, range_from`,
      [tierRelations(tier), limit, level],
    )
    for (const { relation, name, range_from } of rows) {
      await detach(client, relation, name)
      await client.query(`drop table if exists ${name}`)
      await client.query('delete from storage_partition where relation = $1 and range_from = $2', [relation, range_from])
      dropped.push(name)
    }
    if (tier !== 'raw') {
      await client.query('delete from rollup_part where level = $1 and bucket < $2', [ROLLUP_LEVELS.indexOf(tier), limit])
    }
  }
  return dropped
}

/**
 * Take a partition out of its parent without stopping anyone: `concurrently` waits for the readers that have it open instead of making
 * everybody wait. One that was cut half way (server stopped) is finished.
 */
async function detach(client: PoolClient, relation: string, name: string): Promise<void> {
  const { rows } = await client.query<{ pending: boolean }>(
    `select inhdetachpending as pending from pg_inherits where inhparent = to_regclass($1) and inhrelid = to_regclass($2)`,
    [relation, name],
  )
  if (!rows[0]) return
  try {
    await client.query(`alter table ${relation} detach partition ${name} ${rows[0].pending ? 'finalize' : 'concurrently'}`)
  } catch (error) {
    // Undefined table: somebody detached it by hand between the two statements.
    if (sqlstate(error) !== '42P01') throw error
  }
}

/**
 * `timescale`: bring the retention policies to the setting. The policies count from a chunk's creation (see 0002-flow.timescale.sql), so one
 * chunk's span is added. Returns the relations whose policy changed.
 */
export async function syncRetentionPolicies(client: PoolClient, retention: Retention): Promise<string[]> {
  const chunkDays: Retention = { ...PARTITION_DAYS, raw: 0.25 }
  const wanted = TIERS.flatMap((tier) =>
    (tier === 'raw' ? ['flow'] : ROLLUPS.map(({ name }) => `${name}_${tier}`)).map((relation) => ({
      relation,
      hours: (retention[tier] + chunkDays[tier]) * 24,
    })),
  )
  const { rows } = await client.query<{ relation: string; hours: number }>(
    `select w.relation, w.hours
     from unnest($1::text[], $2::float8[]) w (relation, hours)
     left join timescaledb_information.continuous_aggregates c on c.view_name = w.relation
     left join timescaledb_information.jobs j on j.proc_name = 'policy_retention'
       -- Versions differ in whether the view names the aggregate or the table behind it.
       and j.hypertable_name in (w.relation, c.materialization_hypertable_name)
     where j.job_id is null or extract(epoch from (j.config ->> 'drop_created_before')::interval) is distinct from w.hours * 3600`,
    [wanted.map((w) => w.relation), wanted.map((w) => w.hours)],
  )
  for (const { relation, hours } of rows) {
    await client.query('begin')
    try {
      await client.query('select remove_retention_policy($1::regclass, if_exists => true)', [relation])
      await client.query('select add_retention_policy($1::regclass, drop_created_before => make_interval(days => $2, hours => $3))', [
        relation,
        Math.floor(hours / 24),
        hours % 24,
      ])
      await client.query('commit')
    } catch (error) {
      await client.query('rollback').catch(() => undefined)
      throw error
    }
  }
  return rows.map((r) => r.relation)
}
