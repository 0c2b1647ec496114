import { createHash } from 'node:crypto'
import { appendFileSync, closeSync, existsSync, fstatSync, fsyncSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { inTransaction } from '../commands/audit.ts'
import { canonicalJson } from './canonical.ts'
import { GENESIS } from './chain.ts'
import type { SigningKey } from './signing-key.ts'

/** A signed head of the chain, as it is stored and exported. `document` is exactly the text that was signed. */
export interface Checkpoint {
  document: string
  /** Ed25519, base64. */
  signature: string
}

/** What a document says. Checkpoints are a chain of their own: `previous` is the SHA-256 of the document before. */
export interface CheckpointContent {
  type: 'weir-audit-checkpoint'
  v: 1
  number: number
  seq: number
  /** Hash of entry `seq`. */
  hash: string
  at: string
  previous: string
  /** Public key, base64url. */
  key: string
}

/** SHA-256 of a document, lower-case hex. */
export const documentHash = (document: string): string => createHash('sha256').update(document, 'utf8').digest('hex')

const FIELDS = 'at,hash,key,number,previous,seq,type,v'

/** The content of a document; null unless it is exactly one of ours, octet by octet. */
export function readDocument(document: string): CheckpointContent | null {
  let value: unknown
  try {
    value = JSON.parse(document)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Object.keys(value).sort().join(',') !== FIELDS) return null
  const { type, v, number, seq, hash, at, previous, key } = value as Record<keyof CheckpointContent, unknown>
  if (type !== 'weir-audit-checkpoint' || v !== 1 || !Number.isSafeInteger(number) || !Number.isSafeInteger(seq)) return null
  if (typeof hash !== 'string' || typeof at !== 'string' || typeof previous !== 'string' || typeof key !== 'string') return null
  const content: CheckpointContent = { type, v, number: Number(number), seq: Number(seq), hash, at, previous, key }
  return canonicalJson({ ...content }) === document ? content : null
}

/** A checkpoint after this many entries, or after this long when there is at least one new entry. */
export const CHECKPOINT_ENTRIES = 1_000
export const CHECKPOINT_MS = 5 * 60_000

/**
 * Sign the head of the chain when it is due, or now with `force`; without new entries never. Any number of processes may ask: one signs.
 * Gives whether one was made. Throws what the database throws.
 */
export async function makeCheckpoint(pool: Pool, key: SigningKey, options: { force?: boolean } = {}): Promise<boolean> {
  return await inTransaction(pool, async (client) => {
    await client.query(`select pg_advisory_xact_lock(hashtextextended('weir audit checkpoint', 0))`)
    const { rows } = await client.query<{
      seq: string
      hash: Buffer
      now: Date
      number: string | null
      last_seq: string | null
      last_at: Date | null
      document: string | null
    }>(
      `select e.seq, e.hash, date_trunc('milliseconds', clock_timestamp()) as now,
         c.number, c.seq as last_seq, c.at as last_at, c.document
       from (select seq, hash from audit_entry order by seq desc limit 1) e
       left join (select number, seq, at, document from audit_checkpoint order by number desc limit 1) c on true`,
    )
    const [row] = rows
    if (row === undefined) return false
    const fresh = Number(row.seq) - Number(row.last_seq ?? 0)
    const due = fresh >= CHECKPOINT_ENTRIES || row.last_at === null || row.now.getTime() - row.last_at.getTime() >= CHECKPOINT_MS
    if (fresh <= 0 || (!due && options.force !== true)) return false
    const content: CheckpointContent = {
      type: 'weir-audit-checkpoint',
      v: 1,
      number: Number(row.number ?? 0) + 1,
      seq: Number(row.seq),
      hash: row.hash.toString('hex'),
      at: row.now.toISOString(),
      previous: row.document === null ? GENESIS : documentHash(row.document),
      key: key.id,
    }
    const document = canonicalJson({ ...content })
    await client.query('insert into audit_checkpoint (number, seq, at, document, signature) values ($1, $2, $3, $4, $5)', [
      content.number,
      content.seq,
      content.at,
      document,
      key.sign(document),
    ])
    return true
  })
}

/** All checkpoints of the table, by number. */
export async function storedCheckpoints(pool: Pool, after = 0): Promise<Checkpoint[]> {
  const { rows } = await pool.query<Checkpoint>(
    `select document, replace(encode(signature, 'base64'), chr(10), '') as signature from audit_checkpoint where number > $1 order by number`,
    [after],
  )
  return rows
}

/** The second place: a file beside the key, which whoever changes the database does not reach. */
export const checkpointFile = (dataDir: string): string => join(dataDir, 'audit-checkpoints.jsonl')

const asLine = (checkpoint: Checkpoint): string => `${JSON.stringify({ document: checkpoint.document, signature: checkpoint.signature })}\n`

/** Write to the file what the table has and the file has not, and wait for the disk. Gives how many. Throws the system's errors. */
export async function copyCheckpoints(pool: Pool, dataDir: string): Promise<number> {
  const file = checkpointFile(dataDir)
  const fresh = await storedCheckpoints(pool, lastNumber(file))
  if (fresh.length === 0) return 0
  appendFileSync(file, fresh.map(asLine).join(''), { mode: 0o600, flush: true })
  return fresh.length
}

/** Number of the file's last checkpoint; 0 without one. A line that a crash cut short is ended, so that the next one stands alone. */
function lastNumber(file: string): number {
  if (!existsSync(file)) return 0
  const handle = openSync(file, 'r+')
  try {
    const { size } = fstatSync(handle)
    const tail = Buffer.alloc(Math.min(size, 8_192))
    readSync(handle, tail, 0, tail.length, size - tail.length)
    const text = tail.toString('utf8')
    if (size > 0 && !text.endsWith('\n')) {
      appendFileSync(file, '\n')
      fsyncSync(handle)
    }
    for (const line of text.split('\n').reverse()) {
      const checkpoint = readLine(line)
      const content = checkpoint === null ? null : readDocument(checkpoint.document)
      if (content !== null) return content.number
    }
    return 0
  } finally {
    closeSync(handle)
  }
}

function readLine(line: string): Checkpoint | null {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || !('document' in value) || !('signature' in value)) return null
    const { document, signature } = value
    return typeof document === 'string' && typeof signature === 'string' ? { document, signature } : null
  } catch {
    return null
  }
}

/** The checkpoints of the file; lines that are none (a crash cut one short) are left out. Empty without the file. */
export function copiedCheckpoints(dataDir: string): Checkpoint[] {
  const file = checkpointFile(dataDir)
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => readLine(line) ?? [])
}
