import { createReadStream } from 'node:fs'
import type { Pool } from 'pg'
import { type Checkpoint, copiedCheckpoints, readDocument, storedCheckpoints } from './checkpoint.ts'
import { checkpointLine, entryLine, headerLine, readExportLine } from './lines.ts'
import { storedEntries } from './stored.ts'
import { type AuditHead, type AuditProblem, ChainVerifier, joinCheckpoints } from './verify.ts'

/** The verdict on a chain. */
export interface AuditVerdict {
  problem: AuditProblem | null
  /** How far it holds. */
  head: AuditHead
  /** Last entry sealed by a trusted signature; entries after it are held by the chain alone. */
  sealed: number
  checkpoints: number
  /** Public keys that signed them. */
  keys: string[]
}

/**
 * Verify what the database holds, against the checkpoints of the table and of `<dataDir>/audit-checkpoints.jsonl`. `trusted` are public keys; none
 * accepts the key that the checkpoints name. `from` goes on from a head that was verified before. Throws what the database throws.
 */
export async function verifyStored(
  pool: Pool,
  options: { dataDir?: string | undefined; trusted?: readonly string[] | undefined; from?: AuditHead | undefined } = {},
): Promise<AuditVerdict> {
  // Checkpoints first: one that is made in between is only missed, and never ahead of the entries.
  const stored = await storedCheckpoints(pool)
  const checkpoints = joinCheckpoints(stored, options.dataDir === undefined ? [] : copiedCheckpoints(options.dataDir))
  const verifier = new ChainVerifier(checkpoints, options.trusted ?? [], options.from)
  for await (const page of storedEntries(pool, options.from?.seq)) {
    if (!page.every((entry) => verifier.push(entry))) break
    // Others of this process have their turn between pages.
    await new Promise((resolve) => setImmediate(resolve))
  }
  verifier.finish()
  return verdictOf(verifier, checkpoints)
}

const verdictOf = (verifier: ChainVerifier, checkpoints: readonly Checkpoint[]): AuditVerdict => ({
  problem: verifier.problem,
  head: verifier.head,
  sealed: verifier.sealed,
  checkpoints: checkpoints.length,
  keys: [...new Set(checkpoints.flatMap((checkpoint) => readDocument(checkpoint.document)?.key ?? []))],
})

/** Verify an export, line by line, with no database. Reads the file twice: checkpoints may stand anywhere. Throws the system's errors. */
export async function verifyExport(file: string, options: { trusted?: readonly string[] | undefined } = {}): Promise<AuditVerdict> {
  const checkpoints: Checkpoint[] = []
  for await (const line of linesOf(file)) {
    if (!line.startsWith('{"checkpoint":')) continue
    const read = readExportLine(line)
    // What does not read is found below, at its place among the entries.
    if (read?.kind === 'checkpoint') checkpoints.push(read.checkpoint)
  }
  const verifier = new ChainVerifier(checkpoints, options.trusted ?? [])
  let line1 = true
  for await (const line of linesOf(file)) {
    const read = readExportLine(line)
    // A header stands on the first line and nowhere else.
    if (line1 !== (read?.kind === 'header')) {
      verifier.push(null)
      break
    }
    line1 = false
    if (read?.kind === 'entry' || read === null) {
      if (!verifier.push(read?.entry ?? null)) break
    }
  }
  if (line1) verifier.push(null)
  verifier.finish()
  return verdictOf(verifier, checkpoints)
}

// No readline: it would take a carriage return for an end of line, and a line that ends in one is not as it was written.
async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file, { encoding: 'utf8', highWaterMark: 262_144 })
  let rest = ''
  for await (const chunk of input) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

/** The whole chain as the lines of an export, in pieces of many lines. Throws what the database throws. */
export async function* exportLines(pool: Pool, now: Date): AsyncGenerator<string> {
  yield `${headerLine(now)}\n`
  for await (const page of storedEntries(pool)) {
    // A row that cannot be an entry is exported as the problem it is: the verifier stops there.
    yield page.map((entry) => `${entry === null ? '{"unreadable":true}' : entryLine(entry)}\n`).join('')
  }
  const checkpoints = await storedCheckpoints(pool)
  if (checkpoints.length > 0) yield `${checkpoints.map(checkpointLine).join('\n')}\n`
}
