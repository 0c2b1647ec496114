import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import { StorageError } from '../errors.ts'
import { canonicalJson, type Json, toJson } from './canonical.ts'
import { GENESIS } from './chain.ts'
import { type SigningKey, signedBy } from './signing-key.ts'

/**
 * The record of what is done from the terminal while the audit log takes no entries: `<dataDir>/break-glass.jsonl`, a chain of signed lines of its own,
 * on the disk before anything is done. When the log takes entries again, each line becomes an entry of it, once.
 */
export const breakGlassFile = (dataDir: string): string => join(dataDir, 'break-glass.jsonl')

export interface BreakGlassRecord {
  phase: 'intent' | 'outcome'
  /** Whoever types, as the operating system calls them. */
  user: string
  subject: string
  reason: string
  after: unknown
}

interface Line {
  document: string
  signature: string
}
interface Content extends Omit<BreakGlassRecord, 'after'> {
  type: 'weir-break-glass'
  number: number
  at: string
  after: Json
  /** SHA-256 of the document before. */
  previous: string
  key: string
}

const hashOf = (document: string): string => createHash('sha256').update(document, 'utf8').digest('hex')
const broken = (number: number, why: string): StorageError =>
  new StorageError(`line ${number} of break-glass.jsonl ${why}`, {
    code: 'break-glass',
    kind: 'other',
    remedy: 'Somebody changed the file. Compare it with a copy, and keep it: what it says from there on is not taken into the audit log.',
  })

/** The lines that hold, in order. Throws StorageError `break-glass` naming the first that does not: changed, left out, or signed by another key. */
function readLines(dataDir: string, key: SigningKey): { content: Content; hash: string }[] {
  const file = breakGlassFile(dataDir)
  if (!existsSync(file)) return []
  const out: { content: Content; hash: string }[] = []
  let previous = GENESIS
  for (const [index, text] of readFileSync(file, 'utf8').trimEnd().split('\n').entries()) {
    const number = index + 1
    let line: Line
    let content: Content
    try {
      line = JSON.parse(text) as Line
      content = JSON.parse(line.document) as Content
    } catch {
      throw broken(number, 'cannot be read')
    }
    if (!signedBy(key.id, line.document, Buffer.from(line.signature, 'base64'))) throw broken(number, 'is not signed by this installation')
    if (content.type !== 'weir-break-glass' || content.number !== number || content.previous !== previous)
      throw broken(number, 'does not follow the one before')
    previous = hashOf(line.document)
    out.push({ content, hash: previous })
  }
  return out
}

/** Write a record and wait for the disk; nothing may be done before this returns. Throws StorageError, or the system's errors. */
export function recordBreakGlass(dataDir: string, key: SigningKey, record: BreakGlassRecord, now = new Date()): void {
  const lines = readLines(dataDir, key)
  const content: Content = {
    type: 'weir-break-glass',
    number: lines.length + 1,
    at: now.toISOString(),
    phase: record.phase,
    user: record.user,
    subject: record.subject,
    reason: record.reason,
    after: toJson(record.after),
    previous: lines.at(-1)?.hash ?? GENESIS,
    key: key.id,
  }
  const document = canonicalJson({ ...content })
  const line: Line = { document, signature: key.sign(document).toString('base64') }
  appendFileSync(breakGlassFile(dataDir), `${JSON.stringify(line)}\n`, { mode: 0o600, flush: true })
}

/**
 * Take what is not there yet into the audit log, in order. Any number of processes may ask. Gives how many entries were added. Throws StorageError
 * `break-glass` when a line does not hold (those before it are taken), `audit-blocked`, and the database's errors.
 */
export async function mergeBreakGlass(pool: Pool, dataDir: string, openKey: () => SigningKey): Promise<number> {
  if (!existsSync(breakGlassFile(dataDir))) return 0
  const key = openKey()
  const lines = readLines(dataDir, key)
  return await inTransaction(pool, async (client) => {
    await client.query(`select pg_advisory_xact_lock(hashtextextended('weir break-glass', 0))`)
    const { rows } = await client.query<{ last: number }>(
      `select coalesce(max((after ->> 'number')::int), 0) as last from audit_entry where event = 'break-glass.end' and after ->> 'key' = $1`,
      [key.id],
    )
    const fresh = lines.slice(rows[0]?.last ?? 0)
    for (const { content, hash } of fresh) {
      await appendAudit(client, {
        event: 'break-glass.end',
        phase: content.phase,
        actor: { kind: 'console', id: content.user },
        subject: content.subject,
        reason: content.reason,
        after: { at: content.at, number: content.number, key: content.key, sha256: hash, did: content.after },
      })
    }
    return fresh.length
  })
}
