import { join, resolve } from 'node:path'
import { createPool } from '@weir/db/connection'
import { createWriter, QUARANTINE_REASONS, readEngine, StorageError } from '@weir/db/ingest'
import { databaseUrl } from '../config.ts'
import { listAside, readAside, removeAside } from '../spool/aside.ts'

const USAGE = `Usage: weir quarantine list
       weir quarantine retry [FILE…]

list   shows the frames that were set aside (files in the folder quarantine of the spool) and the rows that the database refused.
retry  stores frames again, all of them or those named, each at most once; a frame that is stored leaves the folder. Rows that the
       database refuses again stay in its table quarantine: of single rows only a sample is kept, so they cannot be stored again.
`

/** The command `weir quarantine`; returns the exit code: 0, 1 when something could not be stored, 2 for a wrong call. */
export async function run(args: string[]): Promise<number> {
  const [verb, ...files] = args
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  if ((verb !== 'list' && verb !== 'retry') || (verb === 'list' && files.length > 0)) {
    process.stderr.write(USAGE)
    return 2
  }
  const dataDir = resolve(process.env.WEIR_DATA_DIR ?? '.weir')
  const spoolDir = resolve(process.env.WEIR_SPOOL_DIR?.trim() || join(dataDir, 'spool'))
  const pool = createPool({ connectionString: databaseUrl(process.env, dataDir), applicationName: 'weir-cli', max: 2 })
  try {
    return verb === 'list' ? await list(pool, spoolDir) : await retry(pool, spoolDir, files)
  } finally {
    await pool.end()
  }
}

type Pool = ReturnType<typeof createPool>

async function list(pool: Pool, spoolDir: string): Promise<number> {
  const { frames, segments } = await listAside(spoolDir)
  for (const { file, octets, at, facts } of frames) {
    const what = facts === null ? 'unknown reason' : `${facts.reason}, ${facts.rows} rows`
    process.stdout.write(`${at.toISOString()}  ${what}, ${octets} octets  ${file}\n`)
  }
  for (const file of segments) process.stdout.write(`a segment that is damaged; it cannot be stored again  ${file}\n`)
  const { rows } = await pool.query<{ at: Date; reason: string; sqlstate: string | null; message: string; n: number }>(
    `select max(at) as at, reason, sqlstate, message, count(*)::int as n from quarantine
     group by reason, sqlstate, message order by max(at) desc limit 50`,
  )
  for (const { at, reason, sqlstate, message, n } of rows)
    process.stdout.write(`${at.toISOString()}  ${reason}, ${n} rows  ${sqlstate ?? ''} ${message}\n`)
  if (frames.length + segments.length + rows.length === 0) process.stdout.write('Nothing was set aside.\n')
  return 0
}

async function retry(pool: Pool, spoolDir: string, files: string[]): Promise<number> {
  const { frames } = await listAside(spoolDir)
  const wanted = files.map((file) => resolve(file))
  const unknown = wanted.filter((file) => !frames.some((frame) => frame.file === file))
  for (const file of unknown) process.stderr.write(`weir quarantine: ${file} is no frame in ${join(spoolDir, 'quarantine')}.\n`)
  if (unknown.length > 0) return 2
  const writer = createWriter(pool, await readEngine(pool))
  let failed = 0
  for (const aside of frames.filter(({ file }) => wanted.length === 0 || wanted.includes(file))) {
    try {
      const frame = await readAside(aside)
      const result = await writer.writeFrames([frame])
      await removeAside(aside)
      const refused = QUARANTINE_REASONS.reduce((sum, reason) => sum + result.quarantined[reason], 0)
      const again = result.replayedRows > 0 ? ' (it was stored before)' : ''
      process.stdout.write(
        `${aside.file}: ${result.rows + result.replayedRows} rows stored${again}${refused > 0 ? `, ${refused} refused` : ''}\n`,
      )
    } catch (error) {
      failed++
      process.stderr.write(`${aside.file}: ${error instanceof Error ? error.message : String(error)}\n`)
      if (error instanceof StorageError && error.retryable) {
        process.stderr.write(`weir quarantine: the database takes nothing now. ${error.remedy}\n`)
        return 1
      }
    }
  }
  if (frames.length === 0) process.stdout.write('There are no frames to store again.\n')
  return failed > 0 ? 1 : 0
}
