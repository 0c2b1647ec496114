// How fast rows are encoded and stored, and what keeping the rollups costs:
//   node packages/db/bench/ingest.ts [rows] [DATABASE_URL]
// Without a URL the embedded server is started in a temporary directory. Prints one line per stage. The database is filled: use a throw-away one.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPool } from '../src/connection.ts'
import { startEmbedded } from '../src/embedded/index.ts'
import { createWriter, FlowBatch } from '../src/ingest/index.ts'
import { maintain } from '../src/maintain.ts'
import { migrate } from '../src/migrate.ts'
import { sampleContext, sampleFlow, seededRandom } from '../src/testing/sample-flow.ts'

const ROWS = Number(process.argv[2] ?? 1_000_000)
const SPAN_MS = Number(process.env.BENCH_SPAN_S ?? 600) * 1000
const random = seededRandom(1)
const flow = sampleFlow({ type: 'NETFLOW_V5', sequenceNum: 1, srcMask: 24, dstMask: 16 })
const context = sampleContext()
const HOSTS = 50_000
/** Zipf-like: a few hosts talk most. */
const host = () => Math.floor(HOSTS * random() ** 3)
/** A host talks to few others, mostly to the same ones: 40 peers, the first by far the most. */
const peer = (of: number) => (Math.imul(of * 64 + Math.floor(40 * random() ** 3), 2_654_435_761) >>> 0) % HOSTS
const PORTS = [443, 80, 53, 22, 25, 123, 3389, 8080]

function next(timeMs: number): void {
  const src = host()
  const dst = peer(src)
  flow.srcAddr.bytes.set([10, src >> 16, (src >> 8) & 255, src & 255])
  flow.dstAddr.bytes.set([203, dst >> 16, (dst >> 8) & 255, dst & 255])
  flow.bytes = Math.floor(random() * 1e6)
  flow.packets = 1 + (flow.bytes >> 9)
  flow.srcPort = 1024 + Math.floor(random() * 60_000)
  flow.dstPort = PORTS[Math.floor(8 * random() ** 3) ^ (dst & 7)] ?? 443
  flow.proto = flow.dstPort === 53 || flow.dstPort === 123 ? 17 : 6
  flow.inIf = src & 7
  flow.outIf = dst & 7
  flow.receivedMs = timeMs + 1000
  flow.startMs = timeMs - 10_000
  flow.endMs = timeMs
  flow.sequenceNum++
  context.timeMs = timeMs
  context.servicePort = flow.dstPort
  context.srcAs = 64_500 + (src & 255)
  context.dstAs = 64_500 + (dst & 255)
  context.dstCountry = dst & 1 ? 'DE' : 'US'
}

const line = (what: string, rows: number, ms: number, more = '') =>
  console.log(
    `${what.padEnd(34)} ${Math.round((rows / ms) * 1000)
      .toLocaleString('en')
      .padStart(12)} rows/s  ${((ms * 1000) / rows).toFixed(2).padStart(7)} µs/row ${more}`,
  )

// Encoding alone.
const batch = new FlowBatch({ rows: 10_000, bytes: 4 * 1024 * 1024 })
let generated = 0
let encoded = 0
for (let round = 0; round < 100; round++) {
  next(1_760_000_000_000)
  let begin = performance.now()
  for (let i = 0; i < 10_000; i++) next(1_760_000_000_000 + i)
  generated += performance.now() - begin
  batch.reset()
  begin = performance.now()
  for (let i = 0; i < 10_000; i++) batch.append(flow, context)
  batch.payload()
  encoded += performance.now() - begin
}
line(
  'encode',
  1_000_000,
  encoded,
  `(${Math.round(batch.bytes / 10_000)} octets a row; generating ${(generated / 1000).toFixed(2)} µs apart)`,
)

/** CPU seconds that the one server process of our one connection has used; null when it runs elsewhere. On a busy machine only this compares. */
async function serverCpu(): Promise<number | null> {
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
  try {
    const stat = readFileSync(`/proc/${rows[0]?.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return null
  }
}
const cpuNote = (before: number | null, after: number | null) =>
  before === null || after === null ? '' : `, server ${(((after - before) * 1e6) / ROWS).toFixed(2)} µs/row CPU`

const home = mkdtempSync(join(tmpdir(), 'weir-bench-'))
chmodSync(home, 0o755)
const server = process.argv[3] ? null : await startEmbedded({ dataDir: home })
const url = process.argv[3] ?? server?.url ?? ''
const { engine } = await migrate(url)
const pool = createPool({ connectionString: url, applicationName: 'weir-bench', max: 1 })
try {
  const writer = createWriter(pool, engine)
  const cpu = process.cpuUsage()
  const serverBefore = await serverCpu()
  const begin = performance.now()
  const start = Date.now() - SPAN_MS
  // As the collector does it: a round of maintenance every so many rows when BENCH_FOLD_ROWS is set.
  const foldRows = Number(process.env.BENCH_FOLD_ROWS ?? 0)
  let foldAt = foldRows
  for (let done = 0; done < ROWS; ) {
    batch.reset()
    while (done < ROWS) {
      next(start + Math.floor((done / ROWS) * SPAN_MS))
      if (!batch.append(flow, context)) break
      done++
    }
    await writer.write(batch)
    if (foldRows && done >= foldAt) {
      await maintain(pool)
      foldAt += foldRows
    }
  }
  const ms = performance.now() - begin
  const used = process.cpuUsage(cpu)
  line(
    `generate, encode, COPY (${engine})`,
    ROWS,
    ms,
    `(this process ${((used.user + used.system) / ROWS).toFixed(2)} µs/row CPU${cpuNote(serverBefore, await serverCpu())})`,
  )
  for (let i = 0; i < 3; i++) {
    const from = performance.now()
    const before = await serverCpu()
    const report = await maintain(pool)
    line('maintain', ROWS, performance.now() - from, `${JSON.stringify(report.folds)}${cpuNote(before, await serverCpu())}`)
  }
  const { rows } = await pool.query(
    engine === 'postgres'
      ? `select sum(pg_total_relation_size(name::regclass)) filter (where relation = 'flow') as raw, sum(pg_relation_size(name::regclass)) filter (where relation = 'flow') as heap,
         sum(pg_total_relation_size(name::regclass)) filter (where relation <> 'flow') as rollups from storage_partition`
      : `select hypertable_size('flow') as raw, (select sum(hypertable_size(format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass)) from timescaledb_information.continuous_aggregates) as rollups`,
  )
  console.log(
    `bytes per row: raw with indexes ${(rows[0].raw / ROWS).toFixed(0)}${rows[0].heap ? `, heap ${(rows[0].heap / ROWS).toFixed(0)}` : ''}, rollups ${(rows[0].rollups / ROWS).toFixed(0)}`,
  )
} finally {
  await pool.end()
  await server?.stop()
  if (!process.env.BENCH_KEEP) rmSync(home, { recursive: true, force: true })
  else console.log(`kept ${home}`)
}
