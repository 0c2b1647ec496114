import { readFileSync } from 'node:fs'
import { createWelcomeLink, needsFirstAdmin } from '@weir/db/commands'
import { createPool } from '@weir/db/connection'
import { type EmbeddedDatabase, startEmbedded } from '@weir/db/embedded'
import { type MigrateResult, migrate } from '@weir/db/migrate'
import { backoff } from './child.ts'
import { codeOf, databaseProblem } from './problem.ts'
import { say } from './say.ts'

export interface Database {
  url: string
  /** For the progress line: which server, and whether it was running already. */
  detail: string
  /** Bring the schema up to date. Rejects with a Problem. */
  migrate(): Promise<MigrateResult>
  /** A new sign-in link while there is no administrator, else null. `baseUrl` is where the browser finds Weir. */
  welcomeLink(baseUrl: string): Promise<string | null>
  /** Stop the embedded server; a server of somebody else's is left alone. */
  stop(): Promise<void>
}

const WATCH_MS = 1_000

/** Whether a process exists; it may belong to another user (the embedded server's when we are root). */
function exists(pid: number): boolean {
  try {
    // A zombie has a pid as well.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z'
  } catch {
    return false
  }
}

/** Start the embedded PostgreSQL again when it dies, on its old port, so that the address in the children's environment stays true. */
function watch(first: EmbeddedDatabase, dataDir: string): () => Promise<void> {
  let current = first
  let stopped = false
  let crashes = 0
  let busy: Promise<void> | null = null
  const revive = async () => {
    while (!stopped) {
      crashes++
      say.warn('database', 'PostgreSQL has gone; starting it again (what was committed is safe)')
      try {
        current = await startEmbedded({ dataDir })
        say.ok('database', 'runs again')
        setTimeout(() => {
          crashes = 0
        }, 60_000).unref()
        return
      } catch (error) {
        const problem = databaseProblem(error, null)
        say.warn('database', `${problem.message} → ${problem.remedy}`)
        await new Promise((resolve) => setTimeout(resolve, backoff(crashes)))
      }
    }
  }
  const timer = setInterval(() => {
    if (busy !== null || stopped || exists(current.pid)) return
    busy = revive().finally(() => {
      busy = null
    })
  }, WATCH_MS)
  return async () => {
    stopped = true
    clearInterval(timer)
    if (busy !== null) await busy
    await current.stop()
  }
}

/**
 * The database of this start: `databaseUrl`, or the embedded server of `dataDir` (null). A server that is just starting is waited for.
 * Rejects with a Problem that names cause and remedy.
 */
export async function openDatabase({ databaseUrl, dataDir }: { databaseUrl: string | null; dataDir: string }): Promise<Database> {
  let url: string
  let detail: string
  let stop: () => Promise<void> = async () => undefined
  if (databaseUrl === null) {
    try {
      const embedded = await startEmbedded({ dataDir })
      url = embedded.url
      detail = `built-in PostgreSQL${embedded.adopted ? ', was running already' : ''}`
      stop = watch(embedded, dataDir)
    } catch (error) {
      throw databaseProblem(error, null)
    }
  } else {
    url = databaseUrl
    detail = await reach(url)
  }
  return {
    url,
    detail,
    stop,
    async migrate() {
      try {
        return await migrate(url)
      } catch (error) {
        throw databaseProblem(error, databaseUrl)
      }
    },
    async welcomeLink(baseUrl) {
      const pool = createPool({ connectionString: url, applicationName: 'weir-up', max: 1 })
      try {
        return (await needsFirstAdmin(pool)) ? await createWelcomeLink(pool, baseUrl) : null
      } finally {
        await pool.end()
      }
    },
  }
}

/** Wait until the server of DATABASE_URL takes connections; only "starting up" is worth waiting for. */
async function reach(url: string): Promise<string> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const pool = createPool({ connectionString: url, applicationName: 'weir-up', max: 1, onError: () => undefined })
    try {
      const { rows } = await pool.query<{ version: string }>(`select current_setting('server_version') as version`)
      return `PostgreSQL ${rows[0]?.version.split(' ')[0] ?? ''} of DATABASE_URL`
    } catch (error) {
      if (codeOf(error) !== '57P03' || Date.now() > deadline) throw databaseProblem(error, url)
      await new Promise((resolve) => setTimeout(resolve, 500))
    } finally {
      await pool.end()
    }
  }
}
