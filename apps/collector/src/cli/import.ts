import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { StringDecoder } from 'node:string_decoder'
import { createGunzip } from 'node:zlib'
import { createPool, type Pool } from '@weir/db/connection'
import {
  addressText,
  beginImport,
  createImportedFlow,
  type Engine,
  FlowBatch,
  finishImport,
  type ImportedFlow,
  importExporter,
  NO_SAMPLER,
  readEngine,
  readInterchange,
  StorageError,
  writeImportChunk,
} from '@weir/db/ingest'
import { maintain } from '@weir/db/maintain'
import { migrate } from '@weir/db/migrate'
import { databaseUrl } from '../config.ts'
import { Enricher } from '../enrich/enrich.ts'
import { loadGeoData } from '../enrich/geo-data.ts'

const USAGE = `Usage: weir import FILE…

Stores interchange records (one JSON object per line, the vocabulary of "weir decode") with their own times. Gzip is recognised.
A file is known by its contents: importing it again stores nothing, an interrupted import goes on where it stopped.
Lines that cannot be read are reported with their number and cause, counted, and left out.
`

/** Lines of one transaction. */
const CHUNK = 20_000
/** Chunks that are stored at the same time, over a connection each: encoding goes on meanwhile. */
const WRITERS = 2
/** A line longer than this is no flow record. */
const LINE_MAX = 1 << 20
/** Problems of one file written out; the rest is counted. */
const SHOWN = 50

export interface ImportReport {
  rows: number
  /** Rows that an earlier import of the same contents had stored. */
  before: number
  problems: number
  first: Date | null
  last: Date | null
}

/** The command `weir import`; returns the exit code: 0 all stored, 1 some lines or files could not be. */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  if (args.length === 0 || args.some((arg) => arg.startsWith('-'))) {
    process.stderr.write(USAGE)
    return 2
  }
  const dataDir = resolve(process.env.WEIR_DATA_DIR ?? '.weir')
  const url = databaseUrl(process.env, dataDir)
  const pool = createPool({ connectionString: url, applicationName: 'weir-import', max: 4 })
  let bad = 0
  try {
    const engine = await engineOf(pool, url)
    const geo = await loadGeoData(dataDir, process.env.WEIR_GEO_DIR?.trim() || null)
    const enricher = new Enricher(geo)
    for (const file of args) {
      const began = performance.now()
      const report = await importFile(pool, engine, enricher, file, (line) => process.stderr.write(`${line}\n`))
      if (report.problems > 0) bad++
      const seconds = (performance.now() - began) / 1000
      const range = report.first && report.last ? `, ${report.first.toISOString()} to ${report.last.toISOString()}` : ''
      process.stdout.write(
        `${file}: ${report.rows} flows stored${report.before > 0 ? `, ${report.before} were there` : ''}${report.problems > 0 ? `, ${report.problems} lines left out` : ''}${range} (${seconds.toFixed(1)} s)\n`,
      )
    }
    const began = performance.now()
    // The collector's own round may be at it; what it leaves is done in the next.
    for (let attempt = 0; attempt < 20 && (await maintain(pool, { force: true })).skipped; attempt++)
      await new Promise((done) => setTimeout(done, 500))
    process.stdout.write(`rollups up to date (${((performance.now() - began) / 1000).toFixed(1)} s)\n`)
    return bad > 0 ? 1 : 0
  } finally {
    await pool.end()
  }
}

/** An empty database gets its tables; one of an older version is left to whoever runs it. */
async function engineOf(pool: Pool, url: string): Promise<Engine> {
  try {
    return await readEngine(pool)
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'not-migrated') throw error
    const { engine } = await migrate(url, { log: (line) => process.stderr.write(`${line}\n`) })
    return engine
  }
}

/** Import one file. Throws what reading the file or the database throws; what was stored before stays, and the next call goes on from there. */
export async function importFile(
  pool: Pool,
  engine: Engine,
  enricher: Enricher,
  path: string,
  say: (line: string) => void,
): Promise<ImportReport> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece)
  const sha256 = hash.digest('hex')
  const known = await beginImport(pool, { sha256, name: basename(path), bytes: statSync(path).size })
  const report: ImportReport = { rows: 0, before: known.done.reduce((sum, c) => sum + c.rows, 0), problems: 0, first: null, last: null }
  if (known.finished) return report

  const flow = createImportedFlow()
  const exporters = new Map<string, number>()
  const done = [...known.done]
  const fresh = () => new FlowBatch({ rows: CHUNK, bytes: CHUNK * 400 })
  const spare: FlowBatch[] = []
  let batch = fresh()
  const writing = new Set<Promise<void>>()
  let failure: unknown = null
  let line = 0
  let first = 1
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY

  const problem = (cause: string) => {
    if (++report.problems <= SHOWN) say(`${path}:${line}: ${cause}`)
    else if (report.problems === SHOWN + 1) say(`${path}: more such lines are only counted`)
  }
  /** Hand the chunk that ends at `last` to the database and go on with another batch. */
  const seal = async (last: number) => {
    if (last < first) return
    const chunk = { sha256, firstLine: first, lastLine: last, batch }
    first = last + 1
    while (writing.size >= WRITERS) await Promise.race(writing)
    if (failure !== null) throw failure
    const full = batch
    batch = spare.pop() ?? fresh()
    const work: Promise<void> = store(chunk, say, path)
      .then(
        ({ stored, refused }) => {
          report.rows += stored
          report.problems += refused
          full.reset()
          spare.push(full)
        },
        (error: unknown) => {
          failure = error
        },
      )
      .finally(() => writing.delete(work))
    writing.add(work)
  }
  const store = async (chunk: Parameters<typeof writeImportChunk>[2], tell: typeof say, name: string) => {
    const rows = chunk.batch.rows - chunk.batch.slices
    try {
      return { stored: (await writeImportChunk(pool, engine, chunk)) ? rows : 0, refused: 0 }
    } catch (error) {
      // Rows that the database refuses do not stop the rest; everything else does.
      if (!(error instanceof StorageError) || error.kind !== 'data') throw error
      tell(`${name}:${chunk.firstLine}-${chunk.lastLine}: ${error.message} ${error.remedy}`)
      return { stored: 0, refused: rows }
    }
  }

  for await (const text of linesOf(path)) {
    line++
    const skip = done[0]
    if (skip !== undefined && line >= skip.first) {
      if (line === skip.first) await seal(line - 1)
      if (line >= skip.last) {
        done.shift()
        first = line + 1
      }
      continue
    }
    if (text === '') continue
    const cause = text.length > LINE_MAX ? 'the line is longer than 1 MiB' : readInterchange(text, flow)
    if (cause !== null) {
      problem(cause)
      continue
    }
    const sampler = flow.samplerAddress.length === 0 ? NO_SAMPLER : addressText(flow.samplerAddress)
    let exporterId = exporters.get(sampler)
    if (exporterId === undefined) {
      exporterId = await importExporter(pool, sampler, new Date(flow.endMs))
      exporters.set(sampler, exporterId)
    }
    const context = enrich(enricher, flow, exporterId)
    try {
      if (!batch.append(flow, context)) {
        await seal(line - 1)
        batch.append(flow, context)
      }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      problem(error.message)
      continue
    }
    lowest = Math.min(lowest, flow.endMs)
    highest = Math.max(highest, flow.endMs)
    if (line - first + 1 >= CHUNK) await seal(line)
  }
  await seal(line)
  await Promise.all(writing)
  if (failure !== null) throw failure
  if (lowest <= highest) {
    report.first = new Date(lowest)
    report.last = new Date(highest)
  }
  await finishImport(pool, sha256, { rows: report.rows + report.before, problems: report.problems, first: report.first, last: report.last })
  return report
}

/** The record keeps its own time: no skew, no clamping. Country and AS are looked up where the record does not say. */
function enrich(enricher: Enricher, flow: ImportedFlow, exporterId: number) {
  const context = enricher.enrich(flow, exporterId, 0)
  context.timeMs = flow.endMs
  if (flow.srcCountry !== '') context.srcCountry = flow.srcCountry
  if (flow.dstCountry !== '') context.dstCountry = flow.dstCountry
  return context
}

/** The lines of a file, unpacked when it is gzip (RFC 1952: it begins with 1f 8b), without their ends. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let magic = Buffer.alloc(0)
  for await (const piece of createReadStream(path, { end: 1 })) magic = Buffer.concat([magic, piece])
  const source = createReadStream(path, { highWaterMark: 1 << 20 })
  const stream = magic[0] === 0x1f && magic[1] === 0x8b ? source.pipe(createGunzip({ chunkSize: 1 << 18 })) : source
  source.on('error', (error) => stream.destroy(error))
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const piece of stream) {
    const lines = (rest + decoder.write(piece)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
  rest += decoder.end()
  if (rest !== '') yield rest
}
