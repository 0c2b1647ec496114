import type { PoolClient } from '../connection.ts'
import type { Engine } from '../engine.ts'

/** The size of every relation as people know it: partitions, chunks and indexes count for what they are part of. Octets. */
export function sizesSql(engine: Engine): string {
  const tables = `select c.relname::text as relation, pg_total_relation_size(c.oid) as bytes, c.oid from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'`
  return engine === 'postgres'
    ? `select coalesce(s.relation, t.relation) as relation, sum(t.bytes)::bigint as bytes
       from (${tables}) t left join storage_partition s on s.name = t.relation group by 1`
    : `select relation, bytes from (${tables}) t where relation <> 'flow'
       union all select 'flow', hypertable_size('flow')
       union all select view_name, hypertable_size(format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass)
         from timescaledb_information.continuous_aggregates where view_name like 'rollup\\_%'`
}

/** Note the sizes once an hour. Returns whether it did. */
export async function recordSizes(client: PoolClient, engine: Engine, now: Date): Promise<boolean> {
  const { rows } = await client.query<{ due: boolean }>(
    `select not exists (select from storage_size where at > $1::timestamptz - interval '1 hour' and at <= $1) as due`,
    [now],
  )
  if (!rows[0]?.due) return false
  await client.query(
    `insert into storage_size (at, relation, bytes) select $1, relation, bytes from (${sizesSql(engine)}) s where bytes is not null on conflict do nothing`,
    [now],
  )
  await client.query(`delete from storage_size where at < $1::timestamptz - interval '60 days'`, [now])
  return true
}
