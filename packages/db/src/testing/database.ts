import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createPool, type Pool } from '../connection.ts'
import { sqlstate } from '../errors.ts'
import { type Engine, migrate, readMigrations } from '../migrate.ts'
import { POSTGRES_VARIABLE, TEMPLATE_PREFIX, TEST_PREFIX, TIMESCALE_VARIABLE } from './servers.ts'

export interface TestDatabase {
  engine: Engine
  url: string
  pool: Pool
  /** Close the pool and drop the database. */
  drop(): Promise<void>
}

/** The engines that tests run against here: `postgres` always, `timescale` when WEIR_TEST_TIMESCALE_URL names a server. */
export function testEngines(): Engine[] {
  return process.env[TIMESCALE_VARIABLE] ? ['postgres', 'timescale'] : ['postgres']
}

/** URL of the server that tests of an engine use; it points to an existing database of its own. */
export function testServerUrl(engine: Engine): string {
  const name = engine === 'timescale' ? TIMESCALE_VARIABLE : POSTGRES_VARIABLE
  const url = process.env[name]
  if (!url)
    throw new Error(
      `${name} is not set: integration tests run through the root vitest configuration, whose global setup starts the servers`,
    )
  return url
}

let counter = 0
const newName = () => `${TEST_PREFIX}${Date.now().toString(36)}_${process.pid}_${counter++}`

/** An empty database, not migrated. */
export async function createEmptyDatabase(engine: Engine): Promise<TestDatabase> {
  const name = newName()
  await asAdmin(engine, (client) => client.query(`create database ${name} template template0 encoding 'UTF8'`))
  return open(engine, name)
}

/**
 * A migrated database of its own for one test file: a clone of a template that is migrated once per server and set of migrations (about 0.1 s
 * instead of 1). In `timescale` the background jobs of clones are off, so that nothing moves but what the test does.
 */
export async function createTestDatabase(engine: Engine): Promise<TestDatabase> {
  const name = newName()
  const template = await ensureTemplate(engine)
  await asAdmin(engine, (client) => clone(client, name, template))
  return open(engine, name)
}

/** Copying fails while anyone is connected to the template, and two copies at once count as such. */
async function clone(client: pg.Client, name: string, template: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(`create database ${name} template ${template}`)
      return
    } catch (error) {
      if (sqlstate(error) !== '55006' || attempt === 100) throw error
      await sleep(50)
    }
  }
}

function open(engine: Engine, name: string): TestDatabase {
  const url = databaseUrl(engine, name)
  const pool = createPool({ connectionString: url, applicationName: 'weir-test', onError: () => undefined })
  return {
    engine,
    url,
    pool,
    drop: async () => {
      await pool.end()
      await asAdmin(engine, (client) => client.query(`drop database if exists ${name} with (force)`))
    },
  }
}

function databaseUrl(engine: Engine, name: string): string {
  const url = new URL(testServerUrl(engine))
  url.pathname = `/${name}`
  return url.href
}

async function asAdmin<T>(engine: Engine, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: testServerUrl(engine), application_name: 'weir-test-admin' })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Name of the template for the migrations as they are on disk now, making it when it is not there. */
async function ensureTemplate(engine: Engine): Promise<string> {
  const migrations = readMigrations()
  const hash = createHash('sha256')
    .update(JSON.stringify(migrations.map((m) => m.sql[engine])))
    .digest('hex')
    .slice(0, 12)
  return asAdmin(engine, async (client) => {
    // One at a time per server: test files start together.
    await client.query(`select pg_advisory_lock(hashtextextended('weir test template', 0))`)
    const { rows } = await client.query<{ datname: string }>(`select datname from pg_database where datname like $1 and not datallowconn`, [
      `${TEMPLATE_PREFIX}%_${engine}_${hash}`,
    ])
    if (rows[0]) return rows[0].datname
    const name = `${TEMPLATE_PREFIX}${Date.now().toString(36)}_${engine}_${hash}`
    await client.query(`create database ${name} template template0 encoding 'UTF8'`)
    await migrate(databaseUrl(engine, name), { engine, migrations })
    if (engine === 'timescale') await quieten(databaseUrl(engine, name))
    // TimescaleDB starts a scheduler in every database that allows connections, and a template with a connection cannot be copied.
    await client.query(`alter database ${name} with allow_connections false`)
    await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
    return name
  })
}

/** Switch all jobs off and stop the database's scheduler. */
async function quieten(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('select alter_job(job_id, scheduled => false) from timescaledb_information.jobs')
    await client.query('select _timescaledb_functions.stop_background_workers()')
  } finally {
    await client.end()
  }
}
