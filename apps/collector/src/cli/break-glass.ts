import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  carriedBlock,
  carriedBlocks,
  consoleActor,
  openSigningKey,
  recordBreakGlass,
  whyBlocked,
  withdrawUnrecorded,
} from '@weir/db/commands'
import { createPool, type Pool } from '@weir/db/connection'
import { databaseUrl } from '../config.ts'
import { driverFor } from '../enforce/drivers.ts'

const USAGE = `Usage: weir break-glass list
       weir break-glass end BLOCK --reason WHY

  list   the blocks that devices may carry now
  end    takes a block off its devices while the audit log takes no entries, when nothing else can

What is done is first written, signed, to break-glass.jsonl in the data directory; the audit log takes it over when it takes entries again.
While it takes them, end the block in the browser instead.
`

/** The command `weir break-glass`; returns the exit code: 0 done, 1 not or not everywhere, 2 wrong use. */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  const asked = parse(args)
  if (asked === null) {
    process.stderr.write(USAGE)
    return 2
  }
  const dataDir = resolve(process.env.WEIR_DATA_DIR ?? '.weir')
  const pool = createPool({ connectionString: databaseUrl(process.env, dataDir), applicationName: 'weir-break-glass', max: 2 })
  try {
    if (asked.what === 'list') {
      for (const { id, state, sentence } of await carriedBlocks(pool)) process.stdout.write(`${id}\t${state}\t${sentence}\n`)
      return 0
    }
    return await end(pool, dataDir, asked.id, asked.reason)
  } catch (error) {
    const remedy = error instanceof Error && 'remedy' in error ? `\n  → ${String(error.remedy)}` : ''
    process.stderr.write(`weir break-glass: ${error instanceof Error ? error.message : String(error)}${remedy}\n`)
    return 1
  } finally {
    await pool.end()
  }
}

function parse(args: string[]): { what: 'list' } | { what: 'end'; id: string; reason: string } | null {
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { reason: { type: 'string' } } })
    const [what, id, ...more] = positionals
    const reason = values.reason?.trim() ?? ''
    if (what === 'list' && id === undefined && values.reason === undefined) return { what }
    return what === 'end' && id !== undefined && more.length === 0 && reason !== '' ? { what, id, reason } : null
  } catch {
    return null
  }
}

async function end(pool: Pool, dataDir: string, id: string, reason: string): Promise<number> {
  const why = await whyBlocked(pool)
  if (why === null) {
    process.stderr.write('weir break-glass: the audit log takes entries. End the block in the browser; it is recorded there.\n')
    return 1
  }
  const { sentence, carried } = await carriedBlock(pool, id)
  const by = consoleActor()
  const key = openSigningKey(dataDir)
  const record = { user: by.id ?? 'unknown', subject: `block:${id}`, reason }
  recordBreakGlass(dataDir, key, {
    ...record,
    phase: 'intent',
    after: { sentence, devices: carried.map(({ device }) => device.id), auditBlocked: why },
  })
  await withdrawUnrecorded(pool, id, by, reason)
  const keyDir = resolve(process.env.WEIR_ENFORCE_KEYS?.trim() || join(dataDir, 'device-keys'))
  const results: { device: string; gone: boolean; said: string }[] = []
  for (const { device, undo } of carried) {
    const driver = driverFor(device, keyDir)
    try {
      if (driver === null) throw new Error(`a person configures it; paste this there:\n${undo}`)
      await driver.undo(undo)
      results.push({ device: device.id, gone: true, said: '' })
    } catch (error) {
      results.push({ device: device.id, gone: false, said: error instanceof Error ? error.message : String(error) })
    }
  }
  recordBreakGlass(dataDir, key, { ...record, phase: 'outcome', after: { devices: results } })
  for (const { device, gone, said } of results) process.stdout.write(gone ? `${device}: gone\n` : `${device}: NOT gone: ${said}\n`)
  process.stdout.write('Written to break-glass.jsonl. The audit log takes it over when it takes entries again.\n')
  return results.every(({ gone }) => gone) ? 0 : 1
}
