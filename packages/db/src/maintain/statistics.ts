import type { PoolClient } from '../connection.ts'
import { tierRelations } from '../partitions.ts'
import { TIERS } from '../rollups.ts'

/**
 * `postgres`: keep the planner's statistics of the partitioned parents. Autovacuum looks after partitions only; without the parent's, every
 * grouping over several partitions is planned for 200 groups, whatever it holds. At most one relation per call (a sample of 30,000 rows):
 * one that has doubled since it was last looked at, or twelve hours ago. Returns its name.
 */
export async function analyzeParent(client: PoolClient): Promise<string | null> {
  const { rows } = await client.query<{ name: string; only: boolean }>(
    `select parent.relname as name, current_setting('server_version_num')::int >= 180000 as only
     from pg_class parent
     join pg_stat_user_tables seen on seen.relid = parent.oid
     cross join lateral (
       select sum(greatest(part.reltuples, 0)) as rows from pg_inherits i join pg_class part on part.oid = i.inhrelid where i.inhparent = parent.oid
     ) now_has
     where parent.relkind = 'p' and parent.relname = any($1) and now_has.rows > 1000
       and (now_has.rows > 2 * greatest(parent.reltuples, 0) or seen.last_analyze is null or seen.last_analyze < now() - interval '12 hours')
     order by seen.last_analyze nulls first limit 1`,
    [TIERS.flatMap(tierRelations)],
  )
  const found = rows[0]
  if (!found) return null
  // Before PostgreSQL 18 the parent's statistics come only together with every partition's.
  await client.query(`analyze ${found.only ? 'only ' : ''}${found.name}`)
  return found.name
}
