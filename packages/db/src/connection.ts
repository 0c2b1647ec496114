import { Socket } from 'node:net'
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
  const reaching = new Set<Socket>()
  class Client extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      const socket = new Socket()
      super({ ...config, stream: () => socket })
      reaching.add(socket)
      const over = () => reaching.delete(socket)
      this.once('connect', over)
      socket.once('close', over)
    }
  }
  const pool = new pg.Pool({
    Client,
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
  const lent = new Set<PoolClient>()
  LENT.set(pool, lent)
  REACHING.set(pool, reaching)
  pool.on('acquire', (client) => lent.add(client))
  pool.on('release', (_error, client) => lent.delete(client))
  // The pool listens to idle connections only. One that breaks while it is checked out and between two statements (in the middle of a
  // transaction) would otherwise be an emitter without a listener, which ends the process; its next statement fails and reports it.
  pool.on('connect', (client) => {
    client.on('error', () => undefined)
  })
  return pool
}

/** The connections of a pool that somebody works with right now. */
const LENT = new WeakMap<Pool, Set<PoolClient>>()
/** Those on which no session has begun yet. */
const REACHING = new WeakMap<Pool, Set<Socket>>()
const CANCEL_MS = 1_000

/**
 * Give up what the connections of a pool of createPool run: cancelled at the server (SQLSTATE 57014), so that nothing goes on for nobody;
 * where the server cannot be asked within a second, their connections are closed. Attempts to connect end at once. The pool stays open.
 */
export async function cancelRunning(pool: Pool): Promise<void> {
  for (const socket of REACHING.get(pool) ?? []) socket.destroy(new Error('connection terminated: the attempt was given up'))
  const clients = [...(LENT.get(pool) ?? [])]
  if (clients.length === 0) return
  const asker = new pg.Client({ ...pool.options, connectionTimeoutMillis: CANCEL_MS, query_timeout: CANCEL_MS })
  asker.on('error', () => undefined)
  try {
    await asker.connect()
    const ids = clients.map((client) => Number(Reflect.get(client, 'processID')))
    await asker.query('select pg_cancel_backend(id) from unnest($1::int[]) id', [ids])
  } catch {
    disconnect(clients)
  } finally {
    await asker.end().catch(() => undefined)
  }
}

/** Their holders' next statement, or the one that runs, fails. */
function disconnect(clients: Iterable<PoolClient>): void {
  for (const client of clients) if (client instanceof pg.Client) void client.end()
}

/**
 * Close a pool of createPool within a few seconds beyond `graceMs`, whatever the database does. `pool.end()` alone waits for whoever holds a
 * connection, as long as their statement takes. Here what still runs after `graceMs` is given up; what was not committed is rolled back.
 */
export async function closePool(pool: Pool, graceMs: number): Promise<void> {
  const ended = pool.end()
  if (await endsWithin(graceMs, ended)) return
  await cancelRunning(pool)
  if (await endsWithin(CANCEL_MS, ended)) return
  disconnect(LENT.get(pool) ?? [])
  await endsWithin(CANCEL_MS, ended)
}

/** Whether `work` ended, well or not, within `ms`. What did not goes on. */
export async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const ended = () => true
  const inTime = await Promise.race([work.then(ended, ended), late])
  clearTimeout(timer)
  return inTime
}
