import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Engine, readEngine } from './engine.ts'
import { messageOf, StorageError, sqlstate } from './errors.ts'

export { type Engine, readEngine }

export interface Migration {
  number: number
  name: string
  sql: Readonly<Record<Engine, string>>
}

export interface MigrateOptions {
  /** Decide the engine instead of probing for it; refused when the database already has the other one. Default: WEIR_STORAGE_ENGINE. */
  engine?: Engine
  /** One line per step for people. */
  log?: (line: string) => void
  /** Other migrations than the product's own: for tests. */
  migrations?: readonly Migration[]
}

export interface MigrateResult {
  engine: Engine
  /** Why this engine, in words for `weir doctor` and the log. */
  reason: string
  /** Names of the migrations that this call ran. */
  applied: string[]
}

/** One number for every process that migrates this database. */
const LOCK = "hashtextextended('weir migrate', 0)"
const MINIMUM_SERVER = 140_000
const FILE = /^(\d{4})-([a-z0-9-]+)(?:\.(timescale|postgres))?\.sql$/

/**
 * The product's migrations, ascending. `NNNN-name.sql` runs on both engines, `NNNN-name.<engine>.sql` on one; with both, the shared part runs first.
 */
export function readMigrations(directory: URL = new URL('./migrations/', import.meta.url)): Migration[] {
  const found = new Map<number, { name: string; parts: { engine: Engine | null; sql: string }[] }>()
  for (const file of readdirSync(directory).sort()) {
    const match = FILE.exec(file)
    if (!match) continue
    const [, digits = '', name = '', variant] = match
    const engine = variant === 'timescale' || variant === 'postgres' ? variant : null
    const entry = found.get(Number(digits)) ?? { name, parts: [] }
    if (entry.name !== name) {
      throw new StorageError(`two migrations have the number ${digits}: ${entry.name} and ${name}`, {
        code: 'migration-number-taken',
        remedy: 'Give the newer one the next free number.',
      })
    }
    entry.parts.push({ engine, sql: readFileSync(new URL(file, directory), 'utf8') })
    found.set(Number(digits), entry)
  }
  const forEngine = (parts: { engine: Engine | null; sql: string }[], engine: Engine) =>
    [...parts.filter((p) => p.engine === null), ...parts.filter((p) => p.engine === engine)].map((p) => p.sql).join('\n')
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([number, { name, parts }]) => ({
      number,
      name,
      sql: { timescale: forEngine(parts, 'timescale'), postgres: forEngine(parts, 'postgres') },
    }))
}

const label = (migration: { number: number; name: string }) => `${String(migration.number).padStart(4, '0')}-${migration.name}`
const checksum = (sql: string) => createHash('sha256').update(sql).digest('hex')

/**
 * Bring a database to this program's schema, and say which storage engine it has.
 *
 * Any number of processes may call it at once: one works, the others wait and find nothing left to do. Each migration is one transaction with
 * its record in `weir_migration`; a failed one leaves the database as the one before it. Throws StorageError: `database-newer`,
 * `migration-changed`, `engine-mismatch`, `engine-unavailable`, `server-too-old`, `encoding`, `migration-failed`, or what `connect` met.
 */
export async function migrate(connectionString: string, options: MigrateOptions = {}): Promise<MigrateResult> {
  const log = options.log ?? (() => undefined)
  const client = new pg.Client({
    connectionString,
    application_name: 'weir-migrate',
    connectionTimeoutMillis: 10_000,
    options: '-c timezone=UTC',
  })
  // Reaches the pending query as a rejection; without a listener it would end the process as well.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw new StorageError(`the database cannot be reached: ${messageOf(error)}`, {
      code: 'database-unreachable',
      remedy: 'Check DATABASE_URL, that the server runs, and that it accepts this user and password.',
      cause: error,
    })
  }
  try {
    await checkServer(client)
    const { rows } = await client.query<{ locked: boolean }>(`select pg_try_advisory_lock(${LOCK}) as locked`)
    if (!rows[0]?.locked) {
      log('waiting for another process that migrates this database')
      await client.query(`select pg_advisory_lock(${LOCK})`)
    }
    return await migrateLocked(client, options, log)
  } finally {
    // Ending the session releases the lock.
    await client.end().catch(() => undefined)
  }
}

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number; shown: string; encoding: string }>(
    `select current_setting('server_version_num')::int as version, current_setting('server_version') as shown, current_setting('server_encoding') as encoding`,
  )
  const server = rows[0]
  if (!server) throw new Error('the server did not tell its version')
  if (server.version < MINIMUM_SERVER) {
    throw new StorageError(`PostgreSQL ${server.shown} is too old`, { code: 'server-too-old', remedy: 'Use PostgreSQL 14 or newer.' })
  }
  if (server.encoding !== 'UTF8') {
    throw new StorageError(`the database's encoding is ${server.encoding}`, {
      code: 'encoding',
      remedy: "Create the database with encoding UTF8: create database weir encoding 'UTF8' template template0.",
    })
  }
}

async function migrateLocked(client: pg.Client, options: MigrateOptions, log: (line: string) => void): Promise<MigrateResult> {
  await client.query(
    `create table if not exists weir_migration (
       number integer primary key,
       name text not null,
       checksum text not null,
       applied_at timestamptz not null default now())`,
  )
  const migrations = options.migrations ?? readMigrations()
  const { rows: recorded } = await client.query<{ number: number; name: string; checksum: string }>(
    'select number, name, checksum from weir_migration order by number',
  )
  const known = new Map(migrations.map((m) => [m.number, m]))
  const unknown = recorded.filter((r) => !known.has(r.number))
  if (unknown.length > 0) {
    throw new StorageError(`the database is newer than this program: it has ${unknown.map(label).join(', ')}`, {
      code: 'database-newer',
      remedy: 'Run the newer version of Weir, or restore a backup made before the upgrade.',
    })
  }
  const { engine, reason } = await decideEngine(client, recorded.length > 0, options, log)
  for (const row of recorded) {
    const migration = known.get(row.number)
    if (migration && checksum(migration.sql[engine]) !== row.checksum) {
      throw new StorageError(`migration ${label(row)} differs from the one that this database was made with`, {
        code: 'migration-changed',
        remedy: 'A released migration never changes: restore the original file and put the change into a new migration.',
      })
    }
  }
  const done = new Set(recorded.map((r) => r.number))
  const applied: string[] = []
  for (const migration of migrations) {
    if (done.has(migration.number)) continue
    const sql = migration.sql[engine]
    const quiet = engine === 'timescale' && QUIET.test(sql)
    try {
      if (quiet) await restJobs(client)
      await client.query('begin')
      await client.query(sql)
      if (migration.number === FIRST) {
        await client.query(
          `insert into setting (key, value) values ('engine', to_jsonb($1::text)) on conflict (key) do update set value = excluded.value`,
          [engine],
        )
      }
      await client.query('insert into weir_migration (number, name, checksum) values ($1, $2, $3)', [
        migration.number,
        migration.name,
        checksum(sql),
      ])
      await client.query('commit')
      if (quiet) await wakeJobs(client)
    } catch (error) {
      await client.query('rollback').catch(() => undefined)
      if (quiet) await wakeJobs(client).catch(() => undefined)
      throw new StorageError(`migration ${label(migration)} failed: ${messageOf(error)}`, {
        code: 'migration-failed',
        remedy: remedyFor(error),
        cause: error,
      })
    }
    applied.push(label(migration))
    log(`migrated ${label(migration)}`)
  }
  return { engine, reason, applied }
}

/** The line in a migration's SQL that asks for quiet: it replaces what background jobs of TimescaleDB work on. */
const QUIET = /^-- weir: quiet$/m
const POLICIES = `timescaledb_information.jobs where proc_name in ('policy_refresh_continuous_aggregate', 'policy_retention', 'policy_compression')`
/** A job gets this long to end by itself; then it is cancelled, and its next run does the work. */
const JOB_GRACE_MS = 5_000
const JOB_MOST_MS = 60_000

/** Let no policy start, and wait for those that run: meeting one, a migration fails with a deadlock or "tuple concurrently deleted". */
async function restJobs(client: pg.Client): Promise<void> {
  await client.query(`select alter_job(job_id, scheduled => false) from ${POLICIES}`)
  const begin = performance.now()
  for (;;) {
    const waited = performance.now() - begin
    const { rows } = await client.query<{ pid: number }>(
      `select pid, case when $1 then pg_cancel_backend(pid) end from pg_stat_activity
       where datname = current_database() and backend_type <> 'client backend' and application_name ~ '[[0-9]+]$'`,
      [waited > JOB_GRACE_MS],
    )
    // Two looks: one that was just being started may not show itself yet.
    if (rows.length === 0 && waited > 200) return
    if (waited > JOB_MOST_MS) throw new Error('a background job of TimescaleDB does not end')
    await sleep(100)
  }
}

/** Let the policies start again; also those that an earlier attempt left resting. */
async function wakeJobs(client: pg.Client): Promise<void> {
  await client.query(`select alter_job(job_id, scheduled => true) from ${POLICIES} and not scheduled`)
}

/** The migration that makes the table `setting`. */
const FIRST = 1

function remedyFor(error: unknown): string {
  const state = sqlstate(error)
  if (state === '42501') return 'Give the database user the right to create in this database: it should own it.'
  if (state?.startsWith('53')) return 'Free space or raise the limits of the database server, then start again.'
  if (state === '42P07') return 'The database holds tables of something else: use an empty database.'
  return 'Nothing of this migration was kept; fix the cause and start again.'
}

async function decideEngine(
  client: pg.Client,
  migrated: boolean,
  options: MigrateOptions,
  log: (line: string) => void,
): Promise<{ engine: Engine; reason: string }> {
  const forced = options.engine ?? engineFromEnvironment()
  if (migrated) {
    const engine = await readEngine(client)
    if (forced && forced !== engine) {
      throw new StorageError(`this database was made for the engine ${engine}, and ${forced} is asked for`, {
        code: 'engine-mismatch',
        remedy: `Unset WEIR_STORAGE_ENGINE, or use another database for ${forced}.`,
      })
    }
    return { engine, reason: 'chosen when the database was made' }
  }
  if (forced === 'postgres') return { engine: 'postgres', reason: 'WEIR_STORAGE_ENGINE asks for it' }
  const probe = await probeTimescale(client, log)
  if (probe.usable) return { engine: 'timescale', reason: probe.reason }
  if (forced === 'timescale') {
    throw new StorageError(`WEIR_STORAGE_ENGINE asks for timescale, but ${probe.reason}`, {
      code: 'engine-unavailable',
      remedy: 'Install TimescaleDB (Community edition) on the server and preload it, or unset WEIR_STORAGE_ENGINE.',
    })
  }
  return { engine: 'postgres', reason: probe.reason }
}

function engineFromEnvironment(): Engine | undefined {
  const value = process.env.WEIR_STORAGE_ENGINE
  if (value === undefined || value === '') return undefined
  if (value === 'timescale' || value === 'postgres') return value
  throw new StorageError(`WEIR_STORAGE_ENGINE is ${JSON.stringify(value)}`, {
    code: 'setting-invalid',
    remedy: 'Set it to timescale or postgres, or leave it unset.',
  })
}

/** Whether continuous aggregates, columnstore and policies can be used here, and why not. Creates the extension when that is all that is missing. */
async function probeTimescale(client: pg.Client, log: (line: string) => void): Promise<{ usable: boolean; reason: string }> {
  const { rows } = await client.query<{ available: string | null; installed: string | null; loaded: boolean }>(
    `select max(default_version) as available, max(installed_version) as installed,
       current_setting('timescaledb.max_background_workers', true) is not null as loaded
     from pg_available_extensions where name = 'timescaledb'`,
  )
  const found = rows[0]
  if (!found?.available) return { usable: false, reason: 'TimescaleDB is not installed on this server' }
  // Creating it unloaded ends the session, so ask first: the loader's own setting exists only when it is loaded.
  if (!found.loaded) return { usable: false, reason: 'TimescaleDB is installed but not in shared_preload_libraries' }
  if (!found.installed) {
    try {
      await client.query('create extension timescaledb')
    } catch (error) {
      return { usable: false, reason: `the extension timescaledb cannot be created: ${messageOf(error)}` }
    }
    log(`created the extension timescaledb ${found.available}`)
    // The product calls nobody; a database that it made does not either.
    await client.query(
      `select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where proc_name = 'policy_telemetry'`,
    )
  }
  const { rows: licence } = await client.query<{ licence: string | null }>(`select current_setting('timescaledb.license', true) as licence`)
  if (licence[0]?.licence !== 'timescale') {
    return {
      usable: false,
      reason: `TimescaleDB runs under the licence ${licence[0]?.licence ?? 'unknown'}, which lacks continuous aggregates and columnstore`,
    }
  }
  return { usable: true, reason: `TimescaleDB ${found.installed ?? found.available}, Community licence` }
}
