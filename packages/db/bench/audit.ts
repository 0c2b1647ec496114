// How fast the audit chain is written and verified:
//   node packages/db/bench/audit.ts [entries] [DATABASE_URL]
// Without a URL the embedded server is started in a temporary directory. Prints one line per stage. The database is filled: use a throw-away one.
import { chmodSync, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { exportLines, verifyExport, verifyStored } from '../src/audit/index.ts'
import { appendAudit, inTransaction } from '../src/commands/audit.ts'
import { createPool } from '../src/connection.ts'
import { startEmbedded } from '../src/embedded/index.ts'
import { migrate } from '../src/migrate.ts'

const ENTRIES = Number(process.argv[2] ?? 100_000)
const WRITERS = 16
const APPENDS = 2_000
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
chmodSync(folder, 0o755)
const server = process.argv[3] === undefined ? await startEmbedded({ dataDir: folder, log: () => undefined }) : null
const url = process.argv[3] ?? server?.url ?? ''
await migrate(url)
const pool = createPool({ connectionString: url, applicationName: 'weir-bench', max: WRITERS })

const record = (n: number) => ({
  event: 'user.change',
  actor: { kind: 'person' as const, id: `person-${n % 20}`, role: 'admin' as const, session: `session-${n % 100}` },
  subject: `user:${n % 500}`,
  reason: 'measured',
  before: { role: 'viewer', disabled: false },
  after: { role: 'operator', disabled: false, note: `entry ${n}` },
})

async function stage(name: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const started = performance.now()
  await work()
  const seconds = (performance.now() - started) / 1000
  process.stdout.write(`${name}: ${Math.round(count / seconds)} entries/s (${count} in ${seconds.toFixed(2)} s)\n`)
}

await stage(`append, ${WRITERS} writers, a transaction each`, APPENDS, () =>
  Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = writer; n < APPENDS; n += WRITERS) await inTransaction(pool, (client) => appendAudit(client, record(n)))
    }),
  ),
)
// The rest in few transactions: only verifying is measured with it.
for (let n = APPENDS; n < ENTRIES; n += 5_000) {
  await inTransaction(pool, async (client) => {
    for (let at = n; at < Math.min(n + 5_000, ENTRIES); at++) await appendAudit(client, record(at))
  })
}
await stage('verify, database', ENTRIES, () => verifyStored(pool))
const file = join(folder, 'export.jsonl')
await stage('export', ENTRIES, () => pipeline(Readable.from(exportLines(pool, new Date())), createWriteStream(file)))
await stage('verify, export', ENTRIES, () => verifyExport(file))

await pool.end()
await server?.stop()
rmSync(folder, { recursive: true, force: true })
