import { createHash } from 'node:crypto'
import type { AuditEntry } from '../contracts/audit.ts'
import { canonicalJson, type Json } from './canonical.ts'

/** `prevHash` of the first entry: nothing came before it. */
export const GENESIS = '0'.repeat(64)

/** What an entry says, without its place in the chain. */
export type AuditContent = Omit<AuditEntry, 'prevHash' | 'hash'>

/** SHA-256(`prevHash` as 32 octets ‖ canonical JSON of the content in UTF-8), lower-case hex. */
export function entryHash(prevHash: string, content: AuditContent): string {
  const said: Json = {
    seq: content.seq,
    at: content.at,
    event: content.event,
    phase: content.phase,
    actor: content.actor,
    actorRole: content.actorRole,
    session: content.session,
    subject: content.subject,
    approver: content.approver,
    reason: content.reason,
    before: content.before,
    after: content.after,
  }
  return createHash('sha256').update(prevHash, 'hex').update(canonicalJson(said), 'utf8').digest('hex')
}

/**
 * The canonical JSON of an entry in three pieces, for whoever decides `at` and `seq`: piece 1 ‖ `at` ‖ piece 2 ‖ `seq` ‖ piece 3. The members stand in
 * the order of their names, as canonical JSON has them.
 */
export function entryPieces(
  content: Omit<AuditContent, 'seq' | 'at' | 'before' | 'after'> & { before: Json; after: Json },
): [string, string, string] {
  const { actor, actorRole, after, approver, before, event, phase, reason, session, subject } = content
  const members = (object: { readonly [key: string]: Json }) => canonicalJson(object).slice(1, -1)
  return [
    `{${members({ actor, actorRole, after, approver })},"at":"`,
    `",${members({ before, event, phase, reason })},"seq":`,
    `,${members({ session, subject })}}`,
  ]
}
