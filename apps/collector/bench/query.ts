import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPool, type Pool } from '@weir/db/connection'
import { startEmbedded } from '@weir/db/embedded'
import { createWriter, type Engine, FlowBatch, readEngine, upsertExporters } from '@weir/db/ingest'
import { maintain } from '@weir/db/maintain'
import { migrate } from '@weir/db/migrate'
import { flows as flowsOf, geo, graph, timeseries, top } from '@weir/db/queries'
import { Decoder } from '@weir/decoder'
import { Enricher } from '../src/enrich/enrich.ts'
import { loadGeoData } from '../src/enrich/geo-data.ts'
import { end, median } from './processes.ts'
import { restamp, traffic } from './traffic.ts'

/*
 * npm run bench:query -- [--flows 10000000] [--days 7] [--rounds 5] [--nfdump on] [--port 24190] [--url URL] [--keep on | --again DATABASE]
 *
 * How long the questions of the screens take over stored flows: the same NetFlow v5 datagrams, their times spread evenly over the days until
 * now, go into an empty Weir database (decoded, enriched and written by the collector's own code) and, over loopback, into nfcapd; then Weir
 * answers and nfdump reads its files, in turns. --nfdump off measures Weir alone. --url names a server where a database may be made; what was kept
 * there is asked again by --again, with the same --days.
 */
const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}
const wanted = Number(option('flows', '10000000'))
const days = Number(option('days', '7'))
const rounds = Number(option('rounds', '5'))
const port = Number(option('port', '24190'))
const url = option('url', '')
const RECORDS = 30
const POOL = 12_000
const DAY_MS = 86_400_000
const directory = mkdtempSync(join(process.env['TMPDIR'] ?? tmpdir(), 'weir-bench-query-'))
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const finder = (binary: string) => (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, binary)))

const embedded = url === '' ? await startEmbedded({ dataDir: directory }) : null
const server = embedded?.url ?? url
const admin = createPool({ connectionString: server, applicationName: 'weir-bench', max: 1, onError: () => undefined })
const again = option('again', '')
const name = again === '' ? `weir_bench_query_${process.pid}` : again
if (again === '') await admin.query(`create database ${name} template template0 encoding 'UTF8'`)
const its = new URL(server)
its.pathname = `/${name}`
let nfcapd: ChildProcess | null = null
const captures = join(directory, 'nfcapd')

try {
  await migrate(its.href)
  const pool = createPool({ connectionString: its.href, applicationName: 'weir-bench', max: 4, onError: () => undefined })
  const engine = await readEngine(pool)
  const peer = again === '' && option('nfdump', 'on') === 'on' && finder('nfcapd') && finder('nfdump')
  const socket = createSocket('udp4')
  if (peer) {
    mkdirSync(captures)
    nfcapd = spawn('nfcapd', ['-w', captures, '-b', '127.0.0.1', '-p', String(port), '-B', '33554432', '-t', '3600', '-y'], {
      stdio: 'ignore',
    })
    await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve))
    await sleep(500)
  }

  const { rows: newest } = await pool.query<{ time: Date | null }>('select max(time) as time from flow')
  const last = newest[0]?.time ?? null
  const to = Math.floor((again === '' || last === null ? Date.now() : last.getTime() + 60_000) / 60_000) * 60_000
  const took = again === '' ? await fill(pool, engine, to, peer ? (datagram) => socket.send(datagram) : null) : null
  socket.close()
  if (nfcapd?.pid !== undefined) await end(nfcapd.pid)
  const { rows } = await pool.query<{ flows: string; all: string }>(
    `select (select count(*) from flow) as flows, pg_database_size(current_database()) as all`,
  )
  process.stdout.write(
    `engine ${engine}: ${Number(rows[0]?.flows).toLocaleString('en')} rows over ${days} days, ${took === null ? '' : `loaded in ${took.loaded.toFixed(0)} s, rolled up in ${took.folded.toFixed(0)} s, `}database ${(Number(rows[0]?.all) / 1e9).toFixed(2)} GB\n`,
  )

  const spans = [
    ['1 h', 3_600_000],
    ['24 h', DAY_MS],
    [`${days} d`, days * DAY_MS],
  ] as const
  const host = '10.0.0.1'
  const questions: [name: string, ask: (from: number) => Promise<unknown>][] = [
    ...(['src_addr', 'dst_addr', 'conversation', 'service', 'src_as', 'as_pair', 'src_country', 'exporter', 'in_if', 'proto'] as const).map(
      (dimension): [string, (from: number) => Promise<unknown>] => [
        `top 20 ${dimension}`,
        (since) => top(pool, { dimension, from: since, to, limit: 20 }),
      ],
    ),
    ['one host, over time', (since) => timeseries(pool, { from: since, to, filter: `src_addr = ${host}`, points: 200 })],
    ['one host, top peers', (since) => top(pool, { dimension: 'dst_addr', from: since, to, limit: 20, filter: `src_addr = ${host}` })],
    ['flows of one host, newest 100', (since) => flowsOf(pool, { from: since, to, filter: `src_addr = ${host}` })],
    [
      'overview, all of it',
      (since) => {
        const before = { from: since - (to - since), to: since }
        return Promise.all([
          timeseries(pool, { from: since, to, points: 200 }),
          timeseries(pool, { ...before, points: 200 }),
          timeseries(pool, { dimension: 'service', from: since, to, points: 200 }),
          top(pool, { dimension: 'proto', from: since, to, limit: 1 }),
          top(pool, { dimension: 'proto', ...before, limit: 1 }),
          top(pool, { dimension: 'src_addr', from: since, to, limit: 10 }),
          top(pool, { dimension: 'src_addr', ...before, limit: 100 }),
        ])
      },
    ],
    ['map', (since) => geo(pool, { from: since, to })],
    ['graph', (since) => graph(pool, { from: since, to })],
  ]
  const times = new Map<string, number[]>()
  const note = (key: string, ms: number) => times.set(key, [...(times.get(key) ?? []), ms])
  for (let round = 0; round < rounds; round++)
    for (const [span, width] of spans) {
      for (const [question, ask] of questions) {
        const begin = performance.now()
        await ask(to - width)
        note(`${question}|${span}`, performance.now() - begin)
      }
      if (peer) {
        const window = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', '.').replaceAll('-', '/')
        const begin = performance.now()
        execFileSync('nfdump', ['-R', captures, '-t', `${window(to - width)}-${window(to)}`, '-s', 'srcip/bytes', '-n', '10', '-q'], {
          env: { ...process.env, TZ: 'UTC' },
          stdio: 'ignore',
        })
        note(`nfdump -s srcip/bytes|${span}`, performance.now() - begin)
      }
    }
  process.stdout.write(
    `\nmilliseconds, median of ${rounds} (greatest)\n\n| question | ${spans.map(([span]) => span).join(' | ')} |\n|---|${spans.map(() => '---:').join('|')}|\n`,
  )
  for (const question of [...questions.map(([q]) => q), ...(peer ? ['nfdump -s srcip/bytes'] : [])])
    process.stdout.write(
      `| ${question} | ${spans
        .map(([span]) => {
          const ms = times.get(`${question}|${span}`) ?? []
          return `${median(ms).toFixed(0)} (${Math.max(...ms).toFixed(0)})`
        })
        .join(' | ')} |\n`,
    )
  if (peer) {
    const told = execFileSync('nfdump', ['-R', captures, '-I'], { encoding: 'utf8' })
    process.stdout.write(`\nnfdump holds ${Number(/^Flows: (\d+)/m.exec(told)?.[1] ?? 0).toLocaleString('en')} flows\n`)
  }
  await pool.end()
} finally {
  if (nfcapd?.pid !== undefined && nfcapd.exitCode === null) await end(nfcapd.pid)
  if (again === '' && option('keep', 'off') === 'off') await admin.query(`drop database ${name} with (force)`)
  await admin.end()
  await embedded?.stop()
  rmSync(directory, { recursive: true, force: true })
}

/** Flows into an empty database, spread over the days until `to`, and all that time does to them until the last day has come to rest. Seconds. */
async function fill(
  pool: Pool,
  engine: Engine,
  to: number,
  send: ((datagram: Buffer) => void) | null,
): Promise<{ loaded: number; folded: number }> {
  const from = to - days * DAY_MS
  const ids = await upsertExporters(pool, [
    {
      address: '192.0.2.1',
      demo: false,
      lastSeenMs: to,
      formats: ['NETFLOW_V5'],
      samplingRate: 1,
      skewMs: 0,
      datagrams: 0,
      flows: 0,
      lost: 0,
      announced: 0,
      problems: 0,
      templates: 0,
      flowsPerSecond: 0,
      bitsPerSecond: 0,
    },
  ])
  const exporterId = ids.get('192.0.2.1') ?? 0
  const decoder = new Decoder()
  const enricher = new Enricher(await loadGeoData(directory, null))
  const writer = createWriter(pool, engine, { now: () => to })
  const batch = new FlowBatch()
  let datagrams: Buffer[] = []
  const rest: { record: Parameters<FlowBatch['append']>[0]; context: Parameters<FlowBatch['append']>[1] }[] = []
  const began = performance.now()
  const total = Math.floor(wanted / RECORDS)
  let nowMs = from
  for (let i = 0; i < total; i++) {
    // Traffic that came again and again would be less to keep, for both.
    if (i % POOL === 0) datagrams = traffic('v5', POOL * RECORDS, to, 42 + i / POOL).datagrams
    const datagram = datagrams[i % POOL]
    if (datagram === undefined) break
    nowMs = from + (i / total) * days * DAY_MS
    restamp(datagram, nowMs, from, i * RECORDS)
    send?.(datagram)
    decoder.decode(
      datagram,
      { address: '192.0.2.1', port: 2055, receivedMs: nowMs },
      {
        flow(record) {
          const context = enricher.enrich(record, exporterId, 0)
          if (!batch.append(record, context)) rest.push({ record: structuredClone(record), context: { ...context } })
        },
      },
    )
    if (rest.length > 0 || batch.rows > 19_000) {
      await writer.write(batch)
      batch.reset()
      for (const { record, context } of rest.splice(0)) batch.append(record, context)
    }
    if (i % 40_000 === 39_999) {
      if (engine === 'postgres') await maintain(pool, { now: new Date(to) })
      process.stderr.write(`  ${Math.round((i * RECORDS) / 1e6)} M flows after ${Math.round((performance.now() - began) / 1_000)} s\n`)
    }
  }
  if (batch.rows > 0) await writer.write(batch)
  const loaded = (performance.now() - began) / 1_000
  // As it is some hours after the last flow: closed hours and days are rewritten then, a few at a time.
  const rested = new Date(to + DAY_MS / 4)
  if (engine === 'timescale') await pass(pool, from, to)
  for (let more = true; more; ) more = (await maintain(pool, { now: rested, force: true })).bucketsCompacted > 0
  await pool.query('analyze')
  const folded = (performance.now() - began) / 1_000 - loaded
  return { loaded, folded }
}

/** `timescale`: what the policies do as time passes, done at once, both cores: every day refreshed, raw flows of before the last half day compressed. */
async function pass(pool: Pool, from: number, to: number): Promise<void> {
  const { rows } = await pool.query<{ view: string }>(
    `select format('%I.%I', view_schema, view_name) as view from timescaledb_information.continuous_aggregates
     order by array_position(array['1m', '1h', '1d'], right(view_name, 2)), view_name`,
  )
  const refreshed = async (views: readonly { view: string }[]) => {
    // The newest first: a day that is refreshed before later ones would add up all raw flows after it.
    for (let day = to - (to % DAY_MS); day + DAY_MS > from; day -= DAY_MS)
      for (const { view } of views)
        await pool.query(`call refresh_continuous_aggregate('${view}', $1::timestamptz, $2::timestamptz)`, [
          new Date(day),
          new Date(day + DAY_MS),
        ])
  }
  // What is read together is refreshed together: the levels of one rollup.
  const heavy = rows.filter(({ view }) => /_(conversation|service)_/.test(view))
  // The policies would want the same locks.
  await pool.query('select _timescaledb_functions.stop_background_workers()')
  await Promise.all([refreshed(heavy), refreshed(rows.filter((row) => !heavy.includes(row)))])
  await pool.query(`select compress_chunk(c) from show_chunks('flow', older_than => $1::timestamptz) c`, [new Date(to - DAY_MS / 2)])
  await pool.query('select _timescaledb_functions.start_background_workers()')
}
