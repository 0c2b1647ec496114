import type pg from 'pg'
import type { RelationSize, StorageAnswer } from '../contracts/storage.ts'
import { readEngine } from '../engine.ts'
import { sizesSql } from '../maintain/sizes.ts'
import { ROLLUP_LEVELS, type Tier } from '../rollups.ts'
import { onSnapshot } from './session.ts'
import { retentionDays } from './source.ts'

/** Growth is measured over this long: weekdays and weekends are in it. */
const WINDOW_DAYS = 7

/** Size, growth and forecast of every relation, the largest first. */
export async function storage(pool: pg.Pool): Promise<StorageAnswer> {
  return onSnapshot(pool, readStorage)
}

/** The same, inside a reader's transaction. */
export async function readStorage(client: pg.PoolClient): Promise<StorageAnswer> {
  const engine = await readEngine(client)
  const { rows } = await client.query<{
    relation: string
    bytes: string
    was: string | null
    became: string | null
    from: Date | null
    to: Date | null
    kept: number | null
  }>(
    `with bound as (select min(at) as first, max(at) as last from storage_size where at > now() - $1 * interval '1 day')
     select now_is.relation, now_is.bytes::text as bytes, was.bytes::text as was, became.bytes::text as became,
       case when bound.last - bound.first >= interval '55 minutes' then bound.first end as from, bound.last as to
     from (${sizesSql(engine)}) now_is cross join bound
     left join storage_size was on was.at = bound.first and was.relation = now_is.relation
     left join storage_size became on became.at = bound.last and became.relation = now_is.relation
     where now_is.bytes is not null order by now_is.bytes desc`,
    [WINDOW_DAYS],
  )
  const retention = await retentionDays(client)
  const [first] = rows
  const days = first?.from && first.to ? (first.to.getTime() - first.from.getTime()) / 86_400_000 : null
  const relations = rows.map(({ relation, bytes, was, became }): RelationSize => {
    // A relation that was not there at the first sample has grown from nothing.
    const grown = became === null ? null : Number(became) - Number(was ?? 0)
    return { relation, tier: tierOf(relation), bytes: Number(bytes), bytesPerDay: days === null || grown === null ? null : grown / days }
  })
  const bytes = relations.reduce((sum, one) => sum + one.bytes, 0)
  const known = days !== null
  const { rows: ages } = await client.query<{ days: number | null }>(
    `select (extract(epoch from now() - (select time from flow order by time limit 1)) / 86400)::float8 as days`,
  )
  const age = Math.max(ages[0]?.days ?? 0, days ?? 0)
  return {
    relations,
    bytes,
    bytesPerDay: known ? relations.reduce((sum, one) => sum + (one.bytesPerDay ?? 0), 0) : null,
    from: known ? (first?.from?.toISOString() ?? null) : null,
    to: known ? (first?.to?.toISOString() ?? null) : null,
    bytesWhenFull: known ? relations.reduce((sum, one) => sum + whenFull(one, retention, age), 0) : null,
  }
}

function tierOf(relation: string): Tier | null {
  if (relation === 'flow') return 'raw'
  const level = /^rollup_.*_(1[mhd])(_data)?$/.exec(relation)?.[1]
  return ROLLUP_LEVELS.find((known) => known === level) ?? null
}

/** What a tier that is not full yet will take when it is; others stay as they are. `age`: days of flows that there are. */
function whenFull({ tier, bytes, bytesPerDay }: RelationSize, retention: Readonly<Record<Tier, number>>, age: number): number {
  if (tier === null) return bytes
  const left = retention[tier] - age
  return left > 0 ? bytes + Math.max(0, bytesPerDay ?? 0) * left : bytes
}
