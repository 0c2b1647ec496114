import pg from 'pg'

/** The pool every room passes around; drizzle wraps the same object. */
export type Pool = pg.Pool
export type PoolClient = pg.PoolClient

export interface PoolSettings {
  /** postgres:// URL of the database. */
  connectionString: string
  /** Shown in pg_stat_activity, e.g. `weir-collector`. */
  applicationName: string
  /** Connections at most. Default 8: the product runs beside its own database, and each connection costs it memory. */
  max?: number
  /** Limit of one statement in milliseconds; 0 (default) leaves the server's setting. Readers pass 30,000. */
  statementTimeoutMs?: number
  /** Limit for reaching the server in milliseconds. Default 10,000. */
  connectTimeoutMs?: number
  /**
   * Called when an idle connection breaks (server stopped, network gone). The pool drops that connection and opens another
   * when next asked. Default: one line on standard error.
   */
  onError?: (error: Error) => void
}

/**
 * A pool of connections to one database.
 *
 * Every session runs in UTC, so that no bucket depends on the server's zone. An idle connection that breaks reaches `onError` and never
 * ends the process: node-postgres emits `error` on the pool for it, and an emitter without a listener throws.
 */
export function createPool(settings: PoolSettings): Pool {
  const pool = new pg.Pool({
    connectionString: settings.connectionString,
    application_name: settings.applicationName,
    max: settings.max ?? 8,
    connectionTimeoutMillis: settings.connectTimeoutMs ?? 10_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    options: `-c timezone=UTC${settings.statementTimeoutMs ? ` -c statement_timeout=${Math.round(settings.statementTimeoutMs)}` : ''}`,
  })
  const onError =
    settings.onError ??
    ((error: Error) => {
      process.stderr.write(`${settings.applicationName}: a database connection broke: ${error.message}\n`)
    })
  pool.on('error', onError)
  // The pool listens to idle connections only. One that breaks while it is checked out and between two statements (in the middle of a
  // transaction) would otherwise be an emitter without a listener, which ends the process; its next statement fails and reports it.
  pool.on('connect', (client) => {
    client.on('error', () => undefined)
  })
  return pool
}
