import { sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import { asQueryError } from '../queries/session.ts'

/** What others are told has changed: channel `weir_changed`. */
type Changed = 'settings' | 'exporters'

/**
 * Run a command in one transaction and tell every listener once it is committed: a notification is sent by the database itself, at commit,
 * or not at all. Throws QueryError `database-unreachable` and `timeout` besides what `work` throws.
 */
export async function changing<T>(pool: Pool, what: Changed, work: (tx: NodePgDatabase) => Promise<T>): Promise<T> {
  try {
    return await drizzle(pool).transaction(async (tx) => {
      const result = await work(tx)
      await tx.execute(sql`select pg_notify('weir_changed', ${JSON.stringify({ what })})`)
      return result
    })
  } catch (error) {
    // drizzle wraps what the driver threw.
    throw asQueryError(error instanceof Error && error.cause !== undefined ? passOwn(error) : error)
  }
}

function passOwn(error: Error): unknown {
  const known = asQueryError(error)
  if (known !== error) return known
  const cause = asQueryError(error.cause)
  return cause === error.cause ? error : cause
}
