import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbedded } from '../embedded/index.ts'
import { alive, gone, isPostmasterOf, processStart, readPidFile } from '../embedded/postmaster.ts'

/** Where `createTestDatabase` looks for the servers; set by `startTestServers` for this process and its children. */
export const POSTGRES_VARIABLE = 'WEIR_TEST_POSTGRES_URL'
/** Set by whoever has a TimescaleDB (Community) to test against; its user must be allowed to create databases and extensions. */
export const TIMESCALE_VARIABLE = 'WEIR_TEST_TIMESCALE_URL'

/** Databases of tests are called `weir_test_<start in base 36>_…`, so that those of killed runs can be told by age. */
export const TEST_PREFIX = 'weir_test_'
export const TEMPLATE_PREFIX = 'weir_template_'
/** Temporary directories of servers that this module starts. */
const DIRECTORY_PREFIX = 'weir-test-'
const STALE_MS = 6 * 3_600_000

export interface TestServers {
  postgresUrl: string
  timescaleUrl: string | null
  stop(): Promise<void>
}

/**
 * The database servers of a test run: the embedded PostgreSQL in a temporary directory (or the one that WEIR_TEST_POSTGRES_URL names), and
 * the TimescaleDB of WEIR_TEST_TIMESCALE_URL when there is one. Drops what killed runs left on servers that outlive the run.
 */
export async function startTestServers(log: (line: string) => void = () => undefined): Promise<TestServers> {
  const timescaleUrl = process.env[TIMESCALE_VARIABLE] || null
  if (timescaleUrl) await dropStale(timescaleUrl)
  const given = process.env[POSTGRES_VARIABLE]
  if (given) {
    await dropStale(given)
    return { postgresUrl: given, timescaleUrl, stop: async () => undefined }
  }
  await removeAbandoned()
  const dataDir = mkdtempSync(join(tmpdir(), DIRECTORY_PREFIX))
  // Run by root, the server is another user, and mkdtemp makes directories that only their owner may enter.
  chmodSync(dataDir, 0o755)
  const server = await startEmbedded({ dataDir, log })
  process.env[POSTGRES_VARIABLE] = server.url
  return {
    postgresUrl: server.url,
    timescaleUrl,
    stop: async () => {
      delete process.env[POSTGRES_VARIABLE]
      await server.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Stop and delete the servers of runs that were killed: they outlive their program, as they should outside tests. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(DIRECTORY_PREFIX))) {
    const dataDir = join(tmpdir(), name)
    const cluster = join(dataDir, 'postgres', 'cluster')
    let owner: string[]
    try {
      owner = readFileSync(join(dataDir, 'postgres', 'owner'), 'utf8')
        .trim()
        .split(' ')
    } catch {
      // Being made, being deleted, or somebody else's.
      continue
    }
    const pid = Number(owner[0])
    if (alive(pid) && processStart(pid) === owner[1]) continue
    const server = readPidFile(cluster)
    if (server && isPostmasterOf(server.pid, cluster)) {
      process.kill(server.pid, 'SIGQUIT')
      if (!(await gone(server.pid, 10_000))) continue
    }
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function dropStale(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database where datname like $1 or datname like $2', [
      `${TEST_PREFIX}%`,
      `${TEMPLATE_PREFIX}%`,
    ])
    for (const { datname } of rows) {
      const stamp = Number.parseInt(datname.slice((datname.startsWith(TEST_PREFIX) ? TEST_PREFIX : TEMPLATE_PREFIX).length), 36)
      const age = Date.now() - stamp
      if (Number.isFinite(age) && age > STALE_MS)
        await client.query(`drop database if exists ${datname} with (force)`).catch(() => undefined)
    }
  } finally {
    await client.end()
  }
}
