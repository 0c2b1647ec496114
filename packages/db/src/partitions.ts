import type { Pool, PoolClient } from './connection.ts'
import { PARTITION_DAYS, ROLLUPS, type Tier } from './rollups.ts'

// Partitions of the `postgres` engine. Ranges are counted in days since 1970, aligned to the tier's width.

const DAY_MS = 86_400_000

/** Parent tables of a tier. */
export function tierRelations(tier: Tier): string[] {
  return tier === 'raw' ? ['flow'] : ROLLUPS.map(({ name }) => `${name}_${tier}_data`)
}

/** First day (since 1970, UTC) of the partition of `tier` that holds `day`. */
export function partitionStart(tier: Tier, day: number): number {
  const width = PARTITION_DAYS[tier]
  return Math.floor(day / width) * width
}

/** Make the partitions of a tier that hold the given days. Returns how many were missing. Safe to call from several processes at once. */
export async function ensurePartitions(db: Pool | PoolClient, tier: Tier, days: Iterable<number>): Promise<number> {
  const starts = [...new Set([...days].map((day) => partitionStart(tier, day)))].sort((a, b) => a - b)
  if (starts.length === 0) return 0
  const { rows } = await db.query<{ made: number }>(
    // One statement per call, so that no lock is held longer than it takes to attach what is missing.
    `select count(*) filter (where weir_add_partition(relation, first, last))::int as made
     from unnest($1::text[]) relation,
       unnest($2::timestamptz[], $3::timestamptz[]) range (first, last)
     where not exists (select from storage_partition s where s.relation = relation.relation and s.range_from = range.first)`,
    [
      tierRelations(tier),
      starts.map((day) => new Date(day * DAY_MS)),
      starts.map((day) => new Date((day + PARTITION_DAYS[tier]) * DAY_MS)),
    ],
  )
  return rows[0]?.made ?? 0
}

export { DAY_MS }
