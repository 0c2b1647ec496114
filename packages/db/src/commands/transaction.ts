import { sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import { asQueryError } from '../queries/session.ts'
import { type AuditRecord, appendAudit, inTransaction } from './audit.ts'

/** What others are told has changed: channel `weir_changed`. */
type Changed = 'settings' | 'exporters'

/** What a command gives its caller, and what the audit log says of it. */
export interface Recorded<T> {
  result: T
  record: AuditRecord
}

/**
 * Run a command and its audit entry in one transaction, and tell every listener of `what` (null: nobody) once it is committed: a notification
 * is sent by the database itself, at commit, or not at all. There is no way to change something here without saying what to record.
 * Throws QueryError `database-unreachable` and `timeout` besides what `work` throws.
 */
export async function changing<T>(pool: Pool, what: Changed | null, work: (tx: NodePgDatabase) => Promise<Recorded<T>>): Promise<T> {
  try {
    return await inTransaction(pool, async (client) => {
      const { result, record } = await work(drizzle(client))
      if (what !== null) await client.query(`select pg_notify('weir_changed', $1)`, [JSON.stringify({ what })])
      await appendAudit(client, record)
      return result
    })
  } catch (error) {
    // drizzle wraps what the driver threw.
    throw asQueryError(error instanceof Error && error.cause !== undefined ? passOwn(error) : error)
  }
}

/** Record something that is no statement of ours (or only its beginning), in a transaction of its own. Errors as `changing`. */
export async function recordAudit(pool: Pool, record: AuditRecord): Promise<void> {
  await changing(pool, null, () => Promise.resolve({ result: undefined, record }))
}

/** Wait for the turn to change one kind of thing; held until the transaction ends. */
export async function lockOne(tx: NodePgDatabase, what: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${what}, 0))`)
}

function passOwn(error: Error): unknown {
  const known = asQueryError(error)
  if (known !== error) return known
  const cause = asQueryError(error.cause)
  return cause === error.cause ? error : cause
}
