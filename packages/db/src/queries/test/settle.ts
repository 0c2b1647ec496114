import type { Pool } from '../../connection.ts'
import type { Engine } from '../../ingest/index.ts'
import { maintain } from '../../maintain.ts'
import { LEVEL_SECONDS, ROLLUP_LEVELS, ROLLUPS } from '../../rollups.ts'

/** Bring the rollups up to date with everything stored before `until` (epoch milliseconds), as each engine does by itself after a while. */
export async function settle(pool: Pool, engine: Engine, until: number): Promise<void> {
  if (engine === 'postgres') {
    await maintain(pool, { force: true })
    return
  }
  for (const level of ROLLUP_LEVELS) {
    const width = LEVEL_SECONDS[level] * 1_000
    const end = new Date(Math.floor(until / width) * width)
    for (const { name } of ROLLUPS) await pool.query(`call refresh_continuous_aggregate('${name}_${level}', null, $1::timestamptz)`, [end])
  }
}
