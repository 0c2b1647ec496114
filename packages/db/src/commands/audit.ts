import { userInfo } from 'node:os'
import type { PoolClient } from 'pg'
import { canonicalJson, storable, toJson } from '../audit/canonical.ts'
import { entryPieces } from '../audit/chain.ts'
import { type AuditActor, actorText } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { messageOf, StorageError, sqlstate } from '../errors.ts'

/** What a caller says of a change. */
export interface AuditRecord {
  /** Thing and verb, e.g. 'user.change', 'block.apply'. */
  event: string
  actor: AuditActor
  /** Kind and id of what it was done to, e.g. 'exporter:4'. No names, no e-mail addresses: they could not be erased. */
  subject: string
  /** Default `outcome`. */
  phase?: 'intent' | 'outcome' | undefined
  reason?: string | null | undefined
  /** What was and what is now: any JSON, dates allowed. Secrets and personal details stay out. */
  before?: unknown
  after?: unknown
  /** Who agreed, where two persons are needed. */
  approver?: AuditActor | undefined
}

/** Whoever types at this machine's terminal, as the operating system calls them. */
export function consoleActor(): AuditActor {
  let user = `uid-${process.getuid?.() ?? 'unknown'}`
  try {
    user = userInfo().username
  } catch {
    // The user has no entry in the password file, as in many containers: the number says it.
  }
  return { kind: 'console', id: user }
}

const TEXT_MOST = 2_000
const JSON_MOST = 262_144
const clipped = (text: string): string => {
  const clean = storable(text)
  return clean.length <= TEXT_MOST ? clean : storable(`${clean.slice(0, TEXT_MOST - 1)}…`)
}

/**
 * Add an entry to the audit chain, in the caller's transaction: what is done and its record are kept together or not at all, and when this
 * throws, the caller's transaction can only be rolled back. Call it last: one writer at a time holds the chain until its transaction ends.
 * Gives the entry's number and hash (hex). QueryError `invalid`: the entry is larger than 256 KiB. StorageError `audit-blocked`: the log does not
 * take it. A lost connection, a deadlock and the like are the database's own errors.
 */
export async function appendAudit(client: PoolClient, record: AuditRecord): Promise<{ seq: number; hash: string }> {
  try {
    return await append(client, record)
  } catch (error) {
    const state = sqlstate(error)
    if (state === null || /^(08|40|57|55)/.test(state)) throw error
    throw new StorageError(`nothing was done, because it could not be recorded: ${messageOf(error)}`, {
      code: 'audit-blocked',
      kind: 'other',
      remedy: 'See that the database has space and that its user may insert into audit_entry; bin/weir doctor helps.',
      cause: error,
    })
  }
}

async function append(client: PoolClient, record: AuditRecord): Promise<{ seq: number; hash: string }> {
  const before = toJson(record.before)
  const after = toJson(record.after)
  const texts = { before: canonicalJson(before), after: canonicalJson(after) }
  if (texts.before.length + texts.after.length > JSON_MOST) {
    throw new QueryError('invalid', 'The change is too large to be recorded, so it was not made.', 'Change less at a time.')
  }
  const content = {
    event: record.event,
    phase: record.phase ?? 'outcome',
    actor: clipped(actorText(record.actor)),
    actorRole: record.actor.role ?? null,
    session: record.actor.session === undefined ? null : clipped(record.actor.session),
    subject: clipped(record.subject),
    approver: record.approver === undefined ? null : clipped(actorText(record.approver)),
    reason: record.reason === undefined || record.reason === null ? null : clipped(record.reason),
    before,
    after,
  }
  // One round trip: what is asked for between taking the turn and the commit, every other writer waits for.
  const { rows } = await client.query<{ seq: string; hash: Buffer }>(
    'select seq, hash from audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)',
    [
      content.event,
      content.phase,
      content.actor,
      content.actorRole,
      content.session,
      content.subject,
      content.approver,
      content.reason,
      texts.before,
      texts.after,
      ...entryPieces(content),
    ],
  )
  const [added] = rows
  if (added === undefined) throw new RangeError('audit_append() gives one row')
  return { seq: Number(added.seq), hash: added.hash.toString('hex') }
}

/**
 * Run `work` in one transaction of its own and give what it gives: for callers whose change is nothing but statements of one client.
 * Rolled back when `work` throws.
 */
export async function inTransaction<T>(pool: { connect(): Promise<PoolClient> }, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((failed: unknown) => {
      broken = failed instanceof Error ? failed : new Error(String(failed))
    })
    throw error
  } finally {
    client.release(broken)
  }
}
