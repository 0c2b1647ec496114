import type pg from 'pg'
import { QueryError } from '../contracts/query-error.ts'
import { classify, messageOf, sqlstate } from '../errors.ts'

/** Limit of one statement in milliseconds (GUARANTEES: expensive queries end by themselves). */
export const STATEMENT_TIMEOUT_MS = 30_000

/**
 * Run reads on one connection and one snapshot, so that the parts of an answer fit together while flows arrive.
 *
 * No just-in-time compilation: it costs more than these statements take. Enough memory that grouping the hosts of a day stays in memory.
 * Throws QueryError `timeout` and `database-unreachable`; anything else the database says is passed on as it is.
 */
export async function onSnapshot<T>(
  pool: pg.Pool,
  read: (client: pg.PoolClient) => Promise<T>,
  timeoutMs = STATEMENT_TIMEOUT_MS,
): Promise<T> {
  const client = await connect(pool)
  // A connection that breaks while it is ours also emits 'error'; the pending query already rejects with it.
  const ignore = (): void => undefined
  client.on('error', ignore)
  let broken: Error | undefined
  try {
    await client.query(
      `begin transaction isolation level repeatable read read only;
       set local statement_timeout = ${Math.round(timeoutMs)}; set local timezone = 'UTC'; set local jit = off; set local work_mem = '64MB'`,
    )
    const result = await read(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((failure: unknown) => {
      broken = failure instanceof Error ? failure : new Error(String(failure))
    })
    throw asQueryError(error)
  } finally {
    client.off('error', ignore)
    // A connection that could not even roll back is not given to the next caller.
    client.release(broken)
  }
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect()
  } catch (error) {
    throw asQueryError(error)
  }
}

/** The typed error for what the database or the connection said, or the error itself when it is neither a timeout nor an outage. */
export function asQueryError(error: unknown): unknown {
  if (error instanceof QueryError) return error
  if (sqlstate(error) === '57014') {
    return new QueryError(
      'timeout',
      `The database did not answer within ${STATEMENT_TIMEOUT_MS / 1_000} seconds.`,
      'Ask for a shorter time range or a narrower filter.',
      { cause: error },
    )
  }
  if (classify(error) === 'outage') {
    return new QueryError(
      'database-unreachable',
      `The database does not answer: ${messageOf(error)}.`,
      'Collection goes on and is stored later. Run bin/weir doctor on the Weir host to see what is wrong.',
      { cause: error },
    )
  }
  return error
}
