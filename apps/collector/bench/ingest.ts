import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPool, type Pool } from '@weir/db/connection'
import { startEmbedded } from '@weir/db/embedded'
import { readEngine } from '@weir/db/ingest'
import { MAINTENANCE_LOCK, maintain } from '@weir/db/maintain'
import { migrate } from '@weir/db/migrate'
import { cpuSeconds, end, kernelDrops, median, parentOf, peakMemory, startSender } from './processes.ts'

/*
 * npm run bench:ingest -- [--rounds 5] [--seconds 15] [--from 40000] [--confirm 300] [--rollups off] [--port 24100] [--url URL]
 * npm run bench:ingest -- --hold 40000 [--seconds 1800] [--port 24100] [--url URL]
 *
 * How many flows a second come through UDP into PostgreSQL and stay there: Weir, and nfacctd with its PostgreSQL plugin (COPY), on the same
 * server with the same settings, from the same sender, in turns; and psql's binary \copy of the same rows as the limit. A rate counts as
 * sustained when nothing was lost on the way and everything was stored 12 s after the last datagram; who falls a minute behind before has failed.
 * --confirm then holds Weir at the rate that the spool cannot help with: so many seconds, lowered until it passes. Weir runs as people run it
 * (enriched, spooled, ledgered, rollups folded) with detection off, as the peer has none; --rollups off leaves out those too. --hold holds Weir
 * alone at one rate and says how long flows took to be there for questions, every ten seconds, and whether rollups and raw flows come to the
 * same in the end.
 *
 * --url names a PostgreSQL server where databases may be made (a TimescaleDB one measures that engine); without it Weir's own is started.
 */
const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}
const rounds = Number(option('rounds', '5'))
const seconds = Number(option('seconds', '15'))
const first = Number(option('from', '40000'))
const confirm = Number(option('confirm', '0'))
const ports = Number(option('port', '24100'))
const url = option('url', '')
const hold = Number(option('hold', '0'))
const rollups = option('rollups', 'on') !== 'off'
/** From one rate to the next. */
const STEP = 1.25
const SETTLE_MS = 12_000
/** Who is so far behind while datagrams still come will not be done in time. */
const BEHIND_S = 60
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const directory = mkdtempSync(join(process.env['TMPDIR'] ?? '/tmp', 'weir-bench-'))
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Running {
  pid: number
  port: number
  stored(): Promise<number>
  /** The same at little cost, some seconds old. */
  storedRoughly(): Promise<number>
  stop(): Promise<void>
}

/** Weir tells more of itself. */
interface RunningWeir extends Running {
  /** Arrival to committed of the last minute, seconds at p95. */
  latency(): Promise<number>
  /** What it gave up, by reason, as its metrics say it. */
  givenUp(): Promise<string[]>
  pool: Pool
}

interface Contender<Its extends Running = Running> {
  name: string
  /** Flows that may be missing, because they stay inside until more come, or too many. */
  kept: number
  start(port: number): Promise<Its>
}

interface Step {
  contender: Contender
  rate: number
  sent: number
  stored: number
  dropped: number
  collectorUs: number
  databaseUs: number
  memory: number
}

const embedded = url === '' ? await startEmbedded({ dataDir: directory }) : null
const server = embedded?.url ?? url
const admin = createPool({ connectionString: server, applicationName: 'weir-bench', max: 2, onError: () => undefined })
const { rows: settings } = await admin.query<{ pid: number; version: string; timescale: string | null }>(
  `select pg_backend_pid() as pid, current_setting('server_version') as version,
     (select default_version from pg_available_extensions where name = 'timescaledb') as timescale`,
)
const postmaster = embedded?.pid ?? parentOf(settings[0]?.pid ?? 0)
let databases = 0

/** An empty database, dropped by `drop`. */
async function newDatabase(): Promise<{ url: string; pool: Pool; drop(): Promise<void> }> {
  const name = `weir_bench_${process.pid}_${databases++}`
  await admin.query(`create database ${name} template template0 encoding 'UTF8'`)
  const its = new URL(server)
  its.pathname = `/${name}`
  const pool = createPool({ connectionString: its.href, applicationName: 'weir-bench', max: 2, onError: () => undefined })
  return {
    url: its.href,
    pool,
    drop: async () => {
      await pool.end()
      await admin.query(`drop database ${name} with (force)`)
    },
  }
}

function started(command: string, args: string[], env: NodeJS.ProcessEnv): { child: ChildProcess; said: () => string } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: directory })
  let output = ''
  const take = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-8_000)
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  return { child, said: () => output }
}

const weir: Contender<RunningWeir> = {
  name: 'Weir',
  kept: 0,
  async start(port) {
    const database = await newDatabase()
    await migrate(database.url)
    const resume = rollups ? null : await pauseRollups(database.pool)
    const { child, said } = started(process.execPath, [here('../src/main.ts')], {
      ...process.env,
      DATABASE_URL: database.url,
      WEIR_DATA_DIR: mkdtempSync(join(directory, 'data-')),
      WEIR_LISTEN_HOST: '127.0.0.1',
      WEIR_NETFLOW_PORT: String(port),
      WEIR_IPFIX_PORT: 'off',
      WEIR_SFLOW_PORT: 'off',
      WEIR_METRICS_PORT: String(port + 1),
      WEIR_DETECT: 'off',
      WEIR_ENFORCE: 'off',
      WEIR_LOG_LEVEL: 'error',
    })
    const text = async () => (await fetch(`http://127.0.0.1:${port + 1}/metrics`)).text()
    const read = async (metric: RegExp) => Number(metric.exec(await text())?.[1] ?? Number.NaN)
    const metric = () => read(/^weir_flows_stored_total (\S+)/m)
    for (let tries = 0; ; tries++) {
      if (child.exitCode !== null || tries > 300) throw new Error(`the collector did not start:\n${said()}`)
      if (await metric().then(Number.isFinite, () => false)) break
      await sleep(100)
    }
    return {
      pid: child.pid ?? 0,
      port,
      stored: metric,
      storedRoughly: metric,
      latency: () => read(/^weir_ingest_latency_seconds\{quantile="0.95"\} (\S+)/m),
      givenUp: async () => (await text()).match(/^weir_(flows_shed|flows_quarantined|datagrams_refused)_total.* [1-9]\d*$/gm) ?? [],
      pool: database.pool,
      async stop() {
        if (child.pid !== undefined) await end(child.pid)
        resume?.()
        await database.drop()
      },
    }
  },
}

/** Let no rollup be folded or refreshed until the answer is called: this session is the one that does the housekeeping. */
async function pauseRollups(pool: Pool): Promise<() => void> {
  await maintain(pool) // Makes the partitions that the next minutes need.
  const client = await pool.connect()
  await client.query(`select pg_advisory_lock(${MAINTENANCE_LOCK})`)
  if ((await readEngine(client)) === 'timescale')
    await client.query(
      `select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where proc_name like 'policy_refresh%'`,
    )
  return () => client.release(true)
}

const KEYS =
  'src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,in_iface,out_iface,src_as,dst_as,src_mask,dst_mask,peer_src_ip,peer_dst_ip,sampling_rate,timestamp_start,timestamp_end,timestamp_arrival,export_proto_seqno,export_proto_version,flows'
/** The plugin's own names for those keys, in types no wider than Weir's. */
const TABLE = `create table acct (
  ip_src inet not null, ip_dst inet not null, port_src int not null, port_dst int not null, ip_proto smallint not null, tos smallint not null,
  tcp_flags smallint not null, iface_in bigint not null, iface_out bigint not null, as_src bigint not null, as_dst bigint not null,
  mask_src smallint not null, mask_dst smallint not null, peer_ip_src inet not null, peer_ip_dst inet not null, sampling_rate bigint not null,
  timestamp_start timestamp not null, timestamp_start_residual int not null, timestamp_end timestamp not null, timestamp_end_residual int not null,
  timestamp_arrival timestamp not null, timestamp_arrival_residual int not null, export_proto_seqno bigint not null,
  export_proto_version smallint not null, packets bigint not null, bytes bigint not null, flows bigint not null,
  stamp_inserted timestamp, stamp_updated timestamp)`

/** Octets. nfacctd hands the last, unfilled buffer to its plugin only when more flows come: what one holds does not count as missing. */
const PLUGIN_BUFFER = 65_536
const LEAST_FLOW_OCTETS = 128

const nfacctd: Contender = {
  name: 'nfacctd, PostgreSQL COPY',
  kept: PLUGIN_BUFFER / LEAST_FLOW_OCTETS,
  async start(port) {
    const database = await newDatabase()
    await database.pool.query(TABLE)
    const its = new URL(database.url)
    const config = join(directory, `nfacctd-${port}.conf`)
    writeFileSync(
      config,
      [
        'daemonize: false',
        'nfacctd_ip: 127.0.0.1',
        `nfacctd_port: ${port}`,
        'nfacctd_pipe_size: 33554432',
        'nfacctd_ext_sampling_rate: 1',
        'plugins: pgsql[db]',
        `aggregate[db]: ${KEYS}`,
        'plugin_pipe_size[db]: 268435456',
        `plugin_buffer_size[db]: ${PLUGIN_BUFFER}`,
        `sql_host[db]: ${its.searchParams.get('host') ?? its.hostname}`,
        `sql_db[db]: ${its.pathname.slice(1)}`,
        `sql_user[db]: ${decodeURIComponent(its.username)}`,
        `sql_passwd[db]: ${decodeURIComponent(its.password)}`,
        'sql_table[db]: acct',
        'sql_optimize_clauses[db]: true',
        'sql_dont_try_update[db]: true',
        'sql_use_copy[db]: true',
        'sql_refresh_time[db]: 2',
        'sql_cache_entries[db]: 1048576',
        'sql_max_writers[db]: 4',
        '',
      ].join('\n'),
    )
    const { child, said } = started('nfacctd', ['-f', config], {
      ...process.env,
      PATH: `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin`,
      PGPORT: its.port === '' ? '5432' : its.port,
    })
    await sleep(1_500)
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`nfacctd did not start:\n${said()}`)
    return {
      pid: child.pid,
      port,
      async stored() {
        const { rows } = await database.pool.query<{ flows: string }>('select coalesce(sum(flows), 0) as flows from acct')
        return Number(rows[0]?.flows)
      },
      async storedRoughly() {
        const { rows } = await database.pool.query<{ rows: string }>(
          `select n_tup_ins as rows from pg_stat_user_tables where relname = 'acct'`,
        )
        return Number(rows[0]?.rows)
      },
      async stop() {
        if (child.pid !== undefined) await end(child.pid)
        await database.drop()
      },
    }
  },
}

/** What is stored once all that was sent is, or twelve seconds after the last of it. */
async function settled(running: Running, sent: number): Promise<number> {
  for (const deadline = Date.now() + SETTLE_MS; ; await sleep(500)) {
    const stored = await running.stored()
    if (stored >= sent || Date.now() > deadline) return stored
  }
}

/** Send at `rate` for the set time and see what became of it. */
async function step(contender: Contender, rate: number, port: number, length = seconds): Promise<Step> {
  const running = await contender.start(port)
  try {
    const sender = await startSender(running.port, rate, length)
    const before = { collector: cpuSeconds(running.pid), database: cpuSeconds(postmaster) }
    const began = performance.now()
    let behind = false
    const look = setInterval(async () => {
      const due = ((performance.now() - began) / 1_000 - BEHIND_S) * rate
      if (due <= 0 || (await running.storedRoughly()) >= due) return
      behind = true
      sender.stop()
    }, 5_000)
    const told = await sender.go()
    clearInterval(look)
    const sent = behind ? Math.round(rate * length) : told
    const stored = behind ? await running.stored() : await settled(running, sent)
    const each = (now: number, then: number) => (stored === 0 ? Number.NaN : ((now - then) * 1e6) / stored)
    return {
      contender,
      rate,
      sent,
      stored,
      dropped: kernelDrops(running.port),
      collectorUs: each(cpuSeconds(running.pid), before.collector),
      databaseUs: each(cpuSeconds(postmaster), before.database),
      memory: peakMemory(running.pid),
    }
  } finally {
    await running.stop()
  }
}

/** Some rows too many (nfacctd stores a few twice at high rates) are not held against anybody. */
const good = (s: Step) => Math.abs(s.stored - s.sent) <= s.contender.kept && s.dropped === 0

/** The highest rate that is sustained, looked for upwards from where the last round ended. */
async function sustained(contender: Contender, from: number, portOf: () => number): Promise<Step | null> {
  let best: Step | null = null
  for (let rate = from; ; ) {
    const s = await step(contender, Math.round(rate), portOf())
    process.stderr.write(`  ${contender.name} at ${Math.round(rate)}/s: ${s.stored} of ${s.sent} stored, ${s.dropped} datagrams dropped\n`)
    if (good(s)) {
      best = s
      rate *= STEP
    } else if (best === null && rate > first / 8) rate /= STEP * STEP
    else return best
  }
}

/** Rows a second that psql's \copy brings into a plain table of the same columns, from a file that holds them in binary form. */
async function copyLimit(): Promise<{ rate: number; octets: number } | null> {
  const running = await weir.start(ports)
  const file = join(directory, 'rows.bin')
  try {
    await (await startSender(running.port, 30_000, 20)).go()
    await sleep(3_000)
    const rows = await running.stored()
    const its = new URL(server)
    its.pathname = `/weir_bench_${process.pid}_${databases - 1}`
    const psql = (text: string) =>
      execFileSync('psql', [its.href, '-qX', '-v', 'ON_ERROR_STOP=1', '-c', text], { stdio: ['ignore', 'pipe', 'inherit'] })
    psql(`\\copy (select * from flow) to '${file}' (format binary)`)
    psql('create table plain as select * from flow with no data')
    const rates: number[] = []
    for (let round = 0; round < rounds; round++) {
      psql('truncate plain')
      const begin = performance.now()
      psql(`\\copy plain from '${file}' (format binary)`)
      rates.push(rows / ((performance.now() - begin) / 1_000))
    }
    return { rate: median(rates), octets: statSync(file).size / rows }
  } finally {
    await running.stop()
    rmSync(file, { force: true })
  }
}

/** `rate` for `length` seconds: what was lost, how late flows were, and whether rollups say what raw flows say. */
async function held(rate: number, length: number): Promise<void> {
  const running = await weir.start(ports)
  try {
    const sender = await startSender(running.port, rate, length)
    const before = { collector: cpuSeconds(running.pid), database: cpuSeconds(postmaster) }
    const lates: number[] = []
    const sampler = setInterval(async () => {
      const late = await running.latency()
      lates.push(late)
      process.stderr.write(`  ${lates.length * 10} s: ${await running.stored()} stored, p95 ${late.toFixed(2)} s\n`)
    }, 10_000)
    const sent = await sender.go()
    clearInterval(sampler)
    const stored = await settled(running, sent)
    const givenUp = await running.givenUp()
    const us = (now: number, then: number) => (((now - then) * 1e6) / stored).toFixed(1)
    const collector = us(cpuSeconds(running.pid), before.collector)
    const database = us(cpuSeconds(postmaster), before.database)
    const { rows } = await running.pool.query<{ raw: string; rolled: string }>(
      `select (select sum(bytes) from flow) as raw, (select sum(bytes) from rollup_interface_1m) as rolled`,
    )
    process.stdout.write(
      `\n${rate.toLocaleString('en')} flows/s for ${length} s: ${sent.toLocaleString('en')} sent, ${stored.toLocaleString('en')} stored, ${kernelDrops(running.port)} datagrams dropped${givenUp.map((line) => `, ${line}`).join('')}; ` +
        `arrival to queryable at p95, each minute: median ${median(lates).toFixed(2)} s, greatest ${Math.max(...lates).toFixed(2)} s; ` +
        `collector ${collector} µs a flow, PostgreSQL ${database} µs with rollups; peak memory ${Math.round(peakMemory(running.pid) / 2 ** 20)} MiB; ` +
        `raw flows come to ${rows[0]?.raw} octets, rollups to ${rows[0]?.rolled}\n`,
    )
  } finally {
    await running.stop()
  }
}

let port = ports
const nextPort = () => {
  port = ports + ((port - ports + 2) % 30)
  return port
}
/** The table: Weir and nfacctd in turns, \copy beside them. */
async function compared(): Promise<void> {
  const limit = await copyLimit()
  const results = new Map<Contender, Step[]>([
    [weir, []],
    [nfacctd, []],
  ])
  for (let round = 0; round < rounds; round++)
    for (const [contender, steps] of results) {
      const last = steps.at(-1)
      const best = await sustained(contender, last === undefined ? first : last.rate / STEP, nextPort)
      if (best !== null) steps.push(best)
    }
  let confirmed: Step | null = null
  if (confirm > 0)
    for (let rate = median((results.get(weir) ?? []).map((s) => s.rate)); confirmed === null && rate > first / 8; rate /= STEP) {
      const s = await step(weir, Math.round(rate), nextPort(), confirm)
      process.stderr.write(
        `  Weir at ${Math.round(rate)}/s for ${confirm} s: ${s.stored} of ${s.sent} stored, ${s.dropped} datagrams dropped\n`,
      )
      if (good(s)) confirmed = s
    }
  const of = (contender: Contender, pick: (s: Step) => number) => median((results.get(contender) ?? []).map(pick))
  const peer = of(nfacctd, (s) => s.rate)
  process.stdout.write(
    '\n| path | sustained flows/s | against nfacctd | share of \\copy | CPU of the collector per flow | of PostgreSQL | peak memory |\n|---|---:|---:|---:|---:|---:|---:|\n',
  )
  for (const contender of results.keys()) {
    const rate = of(contender, (s) => s.rate)
    process.stdout.write(
      `| ${contender.name} | ${Math.round(rate).toLocaleString('en')} | ${(rate / peer).toFixed(2)} × | ${limit === null ? '' : `${((rate / limit.rate) * 100).toFixed(0)} %`} | ${of(contender, (s) => s.collectorUs).toFixed(1)} µs | ${of(contender, (s) => s.databaseUs).toFixed(1)} µs | ${Math.round(of(contender, (s) => s.memory) / 2 ** 20)} MiB |\n`,
    )
  }
  if (limit !== null)
    process.stdout.write(
      `| psql \\copy, binary, plain table, ${limit.octets.toFixed(0)} B a row | ${Math.round(limit.rate).toLocaleString('en')} | ${(limit.rate / peer).toFixed(2)} × | 100 % | | | |\n`,
    )
  if (confirmed !== null)
    process.stdout.write(
      `\nWeir for ${confirm} s: ${confirmed.rate.toLocaleString('en')} flows/s (${(confirmed.rate / peer).toFixed(2)} × nfacctd${limit === null ? '' : `, ${((confirmed.rate / limit.rate) * 100).toFixed(0)} % of \\copy`}), collector ${confirmed.collectorUs.toFixed(1)} µs a flow, PostgreSQL ${confirmed.databaseUs.toFixed(1)} µs, peak memory ${Math.round(confirmed.memory / 2 ** 20)} MiB\n`,
    )
}

try {
  process.stdout.write(
    `PostgreSQL ${settings[0]?.version}, ${settings[0]?.timescale === null ? 'engine postgres' : `engine timescale ${settings[0]?.timescale}`}; ${Math.round(totalmem() / 2 ** 30)} GiB${hold > 0 ? '' : `; ${rounds} rounds of ${seconds} s`}${rollups ? '' : '; rollups off'}\n`,
  )
  if (hold > 0) await held(hold, Number(option('seconds', '1800')))
  else await compared()
} finally {
  await admin.end()
  await embedded?.stop()
  rmSync(directory, { recursive: true, force: true })
}
