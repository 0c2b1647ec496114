import type pg from 'pg'
import { StorageError, sqlstate } from './errors.ts'

/** The two storage engines behind one set of relation names. Apart from `migrate.ts`, whose directory of SQL files a web bundler cannot follow. */
export type Engine = 'timescale' | 'postgres'

/** The engine a migrated database has. Throws StorageError `not-migrated` when there is none yet. */
export async function readEngine(client: { query: pg.Pool['query'] }): Promise<Engine> {
  try {
    const { rows } = await client.query<{ engine: string }>(`select value #>> '{}' as engine from setting where key = 'engine'`)
    const engine = rows[0]?.engine
    if (engine === 'timescale' || engine === 'postgres') return engine
  } catch (error) {
    if (sqlstate(error) !== '42P01') throw error
  }
  throw new StorageError('the database has not been migrated', {
    code: 'not-migrated',
    remedy: 'Start Weir once with npm start: it makes the tables.',
  })
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
