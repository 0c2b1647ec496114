import type pg from 'pg'
import type { HealthAnswer, HealthBook } from '../contracts/api.ts'
import { QueryError } from '../contracts/query-error.ts'
import { CollectorStatus } from '../contracts/status.ts'
import { messageOf } from '../errors.ts'
import { LIVE_MS } from './exporters.ts'
import { onSnapshot } from './session.ts'

type CheckOf = HealthAnswer['checks'][number]

/** A collector that has not reported for this long is not running. */
const REPORT_MS = 30_000
/** Room on connections below which people will soon meet "too many clients". */
const CONNECTION_SHARE = 0.9

const ALERT_ORDER = { page: 0, ticket: 1, warn: 2 } as const
const openFirst = (a: HealthBook, b: HealthBook): number => Math.abs(b.gap) - Math.abs(a.gap)

interface DatabaseRow {
  engine: string | null
  server: string
  timescale: string | null
  read_only: boolean
  connections: number
  max_connections: number
  newest: Date | null
}

interface StatusRow {
  id: string
  updated_at: Date
  status: unknown
}

/** Nothing known of the pipeline. */
const NO_SLI: HealthAnswer['sli'] = {
  flowsPerSecond: 0,
  datagramsPerSecond: 0,
  ingestLatencyP95Seconds: null,
  parseErrorShare: null,
  queueShare: 0,
  kernelDrops: 0,
  datagramsRefused: 0,
  flowsShed: 0,
  shedShare: null,
  completeness: null,
  newestFlow: null,
  exportersLive: 0,
  exportersKnown: 0,
}

/**
 * Whether Weir works: database, collectors and exporters, with the pipeline's indicators. Never throws for an unreachable database: that
 * is an answer, status 'down'. `version` is the asking program's own.
 */
export async function health(pool: pg.Pool, version: string): Promise<HealthAnswer> {
  try {
    return await onSnapshot(pool, (client) => readHealth(client, version), 5_000)
  } catch (error) {
    const remedy = error instanceof QueryError ? error.remedy : 'Run bin/weir doctor on the Weir host to see what is wrong.'
    const detail = error instanceof QueryError ? error.detail : `The database refuses the question: ${messageOf(error)}.`
    return {
      status: 'down',
      version,
      engine: 'unknown',
      checks: [{ name: 'database', state: 'fail', message: `${detail} ${remedy}` }],
      alerts: [],
      books: { listeners: [], exporters: [] },
      sli: NO_SLI,
    }
  }
}

async function readHealth(client: pg.PoolClient, version: string): Promise<HealthAnswer> {
  const now = Date.now()
  const database = await readDatabase(client)
  const { rows: statuses } = await client.query<StatusRow>('select id, updated_at, status from collector_status order by id')
  const { rows: seen } = await client.query<{
    id: number
    last_seen: Date
    lossy: boolean
    skewed: boolean
    address: string
    name: string | null
  }>(
    `select id, last_seen, host(address) as address, name, announced > 0 and lost::float8 / announced > 0.01 as lossy,
       abs(coalesce(skew_ms, 0)) > 5000 as skewed
     from exporter where retired is null order by address`,
  )
  const live = seen.filter((row) => now - row.last_seen.getTime() <= LIVE_MS)
  const running = statuses.filter((row) => now - row.updated_at.getTime() <= REPORT_MS)
  const reports = running.map((row) => CollectorStatus.safeParse(row.status)).flatMap((parsed) => (parsed.success ? [parsed.data] : []))
  const checks: CheckOf[] = [
    databaseCheck(database),
    connectionCheck(database),
    collectorCheck(statuses, running, now),
    exporterCheck(seen.length, live.length),
    ...reports.flatMap((report) => report.checks ?? []),
    ...lossCheck(live.filter((row) => row.lossy)),
    ...clockCheck(live.filter((row) => row.skewed)),
  ]
  return {
    status: checks.some((check) => check.name === 'database' && check.state === 'fail')
      ? 'down'
      : checks.some((check) => check.state !== 'ok') || reports.some((report) => (report.alerts ?? []).length > 0)
        ? 'degraded'
        : 'ok',
    version,
    engine: engineText(database),
    checks,
    alerts: reports
      .flatMap((report) => report.alerts ?? [])
      .sort((a, b) => ALERT_ORDER[a.severity] - ALERT_ORDER[b.severity] || a.since.localeCompare(b.since)),
    books: {
      listeners: reports.flatMap((report) => report.books?.listeners ?? []).sort(openFirst),
      exporters: reports.flatMap((report) => report.books?.exporters ?? []).sort(openFirst),
    },
    sli: {
      ...combine(reports),
      newestFlow: database.newest?.toISOString() ?? null,
      exportersLive: live.length,
      exportersKnown: seen.length,
    },
  }
}

async function readDatabase(client: pg.PoolClient): Promise<DatabaseRow> {
  const { rows } = await client.query<DatabaseRow>(
    `select (select value #>> '{}' from setting where key = 'engine') as engine,
       current_setting('server_version') as server,
       (select extversion from pg_extension where extname = 'timescaledb') as timescale,
       pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' as read_only,
       (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
       current_setting('max_connections')::int as max_connections,
       (select time from flow order by time desc limit 1) as newest`,
  )
  const [row] = rows
  if (row === undefined) throw new RangeError('a select without from gives one row')
  return row
}

function engineText(database: DatabaseRow): string {
  const server = `PostgreSQL ${database.server.split(' ')[0]}`
  return database.engine === 'timescale' ? `timescale ${database.timescale ?? ''} on ${server}` : `postgres, ${server}`
}

function databaseCheck(database: DatabaseRow): CheckOf {
  if (database.read_only) {
    return {
      name: 'database',
      state: 'fail',
      message: 'The database is read-only. Point DATABASE_URL to the primary server, or end its recovery.',
    }
  }
  return { name: 'database', state: 'ok', message: `${engineText(database)} answers.` }
}

function connectionCheck(database: DatabaseRow): CheckOf {
  const { connections, max_connections: most } = database
  if (connections < most * CONNECTION_SHARE)
    return { name: 'database connections', state: 'ok', message: `${connections} of ${most} are in use.` }
  return {
    name: 'database connections',
    state: 'warn',
    message: `${connections} of ${most} are in use. Raise max_connections on the database server, or stop what else uses it.`,
  }
}

function collectorCheck(statuses: readonly StatusRow[], running: readonly StatusRow[], now: number): CheckOf {
  if (running.length > 0) {
    const silent = statuses.filter((row) => !running.includes(row) && now - row.updated_at.getTime() < 86_400_000)
    if (silent.length === 0)
      return {
        name: 'collector',
        state: 'ok',
        message: `${running.length === 1 ? 'The collector reports' : `${running.length} collectors report`}.`,
      }
    return {
      name: 'collector',
      state: 'warn',
      message: `${silent.map((row) => row.id).join(', ')} stopped reporting at ${latest(silent)}. Start it again, or see its log.`,
    }
  }
  if (statuses.length === 0)
    return { name: 'collector', state: 'fail', message: 'No collector has ever reported. Start Weir with npm start.' }
  return {
    name: 'collector',
    state: 'fail',
    message: `No collector has reported since ${latest(statuses)}. Start it again, or see its log.`,
  }
}

function latest(rows: readonly StatusRow[]): string {
  return new Date(Math.max(...rows.map((row) => row.updated_at.getTime()))).toISOString()
}

function exporterCheck(known: number, live: number): CheckOf {
  if (known === 0) {
    return {
      name: 'exporters',
      state: 'warn',
      message: 'No exporter has sent anything yet. Point a router’s NetFlow, IPFIX or sFlow export here.',
    }
  }
  if (live === known) return { name: 'exporters', state: 'ok', message: `All ${known} exporters sent something in the last five minutes.` }
  return {
    name: 'exporters',
    state: 'warn',
    message: `${known - live} of ${known} exporters sent nothing in the last five minutes. Check their export settings and the way here, or retire them.`,
  }
}

function lossCheck(lossy: readonly { address: string; name: string | null }[]): CheckOf[] {
  if (lossy.length === 0) return []
  return [
    {
      name: 'loss',
      state: 'warn',
      message: `More than 1 % of what ${named(lossy)} announced did not arrive. Look for drops on the way and at the receive buffer.`,
    },
  ]
}

function clockCheck(skewed: readonly { address: string; name: string | null }[]): CheckOf[] {
  if (skewed.length === 0) return []
  return [
    {
      name: 'clocks',
      state: 'warn',
      message: `The clock of ${named(skewed)} differs by more than 5 s; times are corrected. Set up NTP there.`,
    },
  ]
}

function named(rows: readonly { address: string; name: string | null }[]): string {
  const shown = rows.slice(0, 3).map((row) => row.name ?? row.address)
  return rows.length > 3 ? `${shown.join(', ')} and ${rows.length - 3} more` : shown.join(', ')
}

/** Indicators of all running collectors: rates and drops add up, of the others the worst counts. */
function combine(reports: readonly CollectorStatus[]): Omit<HealthAnswer['sli'], 'newestFlow' | 'exportersLive' | 'exportersKnown'> {
  const sli = reports.flatMap((report) => (report.sli === undefined ? [] : [report.sli]))
  const sum = (of: (one: (typeof sli)[number]) => number | undefined): number => sli.reduce((total, one) => total + (of(one) ?? 0), 0)
  const known = (of: (one: (typeof sli)[number]) => number | null | undefined): number[] =>
    sli.flatMap((one) => {
      const value = of(one)
      return value === null || value === undefined ? [] : [value]
    })
  const counted = (name: 'refused' | 'flows' | 'shed'): number => reports.reduce((total, one) => total + (one.counters?.[name] ?? 0), 0)
  const most = (values: number[]): number | null => (values.length === 0 ? null : Math.max(...values))
  const least = (values: number[]): number | null => (values.length === 0 ? null : Math.min(...values))
  return {
    flowsPerSecond: sum((one) => one.flowsPerSecond),
    datagramsPerSecond: sum((one) => one.datagramsPerSecond),
    ingestLatencyP95Seconds: most(known((one) => one.ingestLatencyP95Seconds)),
    parseErrorShare: most(known((one) => one.parseErrorShare)),
    queueShare: most(known((one) => one.queueShare)) ?? 0,
    kernelDrops: sum((one) => one.kernelDrops),
    datagramsRefused: counted('refused'),
    flowsShed: counted('shed'),
    shedShare: counted('flows') > 0 ? counted('shed') / counted('flows') : null,
    completeness: least(known((one) => one.completeness)),
  }
}
