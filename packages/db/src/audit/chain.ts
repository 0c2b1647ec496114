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
