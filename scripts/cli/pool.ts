import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createPool, type Pool } from '@weir/db/connection'
import { databaseProblem, Problem } from '../up/problem.ts'

/** The address of this installation's database: DATABASE_URL, else what `npm start` wrote into the data directory. Throws a Problem. */
export function databaseUrl(): string {
  if (process.env.DATABASE_URL) return process.env.DATABASE_URL
  const file = path.join(process.env.WEIR_DATA_DIR ?? '.weir', 'database-url')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Problem(
      `There is no database: DATABASE_URL is not set and ${file} cannot be read.`,
      'Run npm start first, or set DATABASE_URL or WEIR_DATA_DIR.',
      error,
    )
  }
}

/** Do `work` with a pool of this installation's database; failures of the connection come out as Problems. */
export async function withPool(work: (pool: Pool) => Promise<number>): Promise<number> {
  const connectionString = databaseUrl()
  const pool = createPool({ connectionString, applicationName: 'weir-cli', max: 2 })
  try {
    return await work(pool)
  } catch (error) {
    // What the commands throw on purpose already says what to do.
    if (error instanceof Error && 'remedy' in error) throw error
    throw databaseProblem(error, process.env.DATABASE_URL ?? null)
  } finally {
    await pool.end()
  }
}
