import { createWriteStream, existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import {
  type AuditVerdict,
  consoleActor,
  copyCheckpoints,
  exportLines,
  makeCheckpoint,
  openSigningKey,
  recordAudit,
  trustedKeys,
  verifyExport,
  verifyStored,
} from '@weir/db/commands'
import { Problem } from '../up/problem.ts'
import { withPool } from './pool.ts'

const HELP = `bin/weir audit verify [FILE] [--key KEY]…   verify the audit chain of the database, or of an export without any database
bin/weir audit export [FILE]                write the whole log with its checkpoints as JSON lines (default: standard output)
bin/weir audit key                          print the public key that signs here

verify ends with 0 when the chain holds, 1 when it does not (the first bad entry is named), 2 when it could not be checked.
KEY is a public key to trust. Without one, those of this machine's data directory count; where there is none, the key that the checkpoints
name is accepted and printed, so that you can compare it with the one you know.
`

/** `bin/weir audit …`. */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parse(args)
  const [action, file, ...more] = positionals
  const dataDir = process.env.WEIR_DATA_DIR ?? '.weir'
  if (values.help === true) {
    process.stdout.write(HELP)
    return 0
  }
  if (action === 'verify' && more.length === 0) return verify(file, values.key ?? [], dataDir)
  if (action === 'export' && more.length === 0) return save(file, dataDir)
  if (action === 'key' && file === undefined) {
    process.stdout.write(`${openSigningKey(dataDir).id}\n`)
    return 0
  }
  process.stderr.write(HELP)
  return 2
}

async function verify(file: string | undefined, given: readonly string[], dataDir: string): Promise<number> {
  const trusted = given.length > 0 ? given : trustedKeys(dataDir)
  const wrong = trusted.find((key) => !/^[\w-]{43}$/.test(key))
  if (wrong !== undefined) throw new Problem(`'${wrong}' is no public key.`, 'bin/weir audit key prints one, on the machine that signs.')
  const started = performance.now()
  let verdict: AuditVerdict | undefined
  try {
    if (file !== undefined) verdict = await verifyExport(file, { trusted })
    else {
      await withPool(async (pool) => {
        verdict = await verifyStored(pool, { dataDir, trusted })
        return 0
      })
    }
  } catch (error) {
    const remedy = error instanceof Error && 'remedy' in error ? `\n  → ${String(error.remedy)}` : ''
    process.stderr.write(`weir: the audit chain could not be checked: ${error instanceof Error ? error.message : String(error)}${remedy}\n`)
    return 2
  }
  if (verdict === undefined) return 2
  const seconds = (performance.now() - started) / 1000
  if (verdict.problem !== null) {
    process.stdout.write(
      `BROKEN at entry ${verdict.problem.seq} (${verdict.problem.code}): ${verdict.problem.message}\nEverything up to entry ${verdict.head.seq} holds.\n`,
    )
    return 1
  }
  const { head, sealed, checkpoints, keys } = verdict
  process.stdout.write(`The chain holds: ${head.seq} entries, ${checkpoints} checkpoints, in ${seconds.toFixed(2)} s.\nHead ${head.hash}\n`)
  if (checkpoints === 0) {
    process.stdout.write('There is no checkpoint: entries removed from the end cannot be seen.\n')
  } else {
    process.stdout.write(`Sealed by signature up to entry ${sealed}${sealed < head.seq ? '; later ones by the chain alone' : ''}.\n`)
    if (trusted.length === 0) {
      process.stdout.write(
        `Signed with ${keys.join(', ')}. No key is trusted here: compare it with bin/weir audit key, and give it as --key.\n`,
      )
    }
  }
  return 0
}

async function save(file: string | undefined, dataDir: string): Promise<number> {
  if (file !== undefined && existsSync(file)) throw new Problem(`${file} is there already.`, 'Choose another name, or remove it first.')
  return withPool(async (pool) => {
    await recordAudit(pool, { event: 'audit.export', actor: consoleActor(), subject: 'audit' })
    await makeCheckpoint(pool, openSigningKey(dataDir), { force: true })
    await copyCheckpoints(pool, dataDir)
    const lines = Readable.from(exportLines(pool, new Date()))
    if (file === undefined) await pipeline(lines, process.stdout, { end: false })
    else {
      await pipeline(lines, createWriteStream(file, { flags: 'wx', mode: 0o600 }))
      process.stderr.write(`Written to ${file}. Verify it anywhere: bin/weir audit verify ${file}\n`)
    }
    return 0
  })
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { key: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    throw new Problem(error instanceof Error ? error.message : String(error), HELP, error)
  }
}
