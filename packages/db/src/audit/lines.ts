import type { AuditEntry } from '../contracts/audit.ts'
import { canonicalJson } from './canonical.ts'
import type { Checkpoint } from './checkpoint.ts'

// An export is JSON lines: a header, every entry in order, every checkpoint. Each line is canonical JSON, so that there is one way to write
// what it says, and any other octet is found.

const ENTRY_FIELDS = [
  'actor',
  'actorRole',
  'after',
  'approver',
  'at',
  'before',
  'event',
  'hash',
  'phase',
  'prevHash',
  'reason',
  'seq',
  'session',
  'subject',
].join(',')

export const headerLine = (exportedAt: Date): string =>
  canonicalJson({ audit: 'weir', v: 1, exportedAt: exportedAt.toISOString(), hash: 'SHA-256(prevHash || RFC 8785 of the other fields)' })
export const entryLine = (entry: AuditEntry): string => canonicalJson(entry)
export const checkpointLine = (checkpoint: Checkpoint): string =>
  canonicalJson({ checkpoint: checkpoint.document, signature: checkpoint.signature })

export type ExportLine = { kind: 'header' } | { kind: 'entry'; entry: AuditEntry } | { kind: 'checkpoint'; checkpoint: Checkpoint } | null

/** What one line of an export is; null when it is none that Weir writes. */
export function readExportLine(line: string): ExportLine {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  if ('seq' in value)
    return Object.keys(value).sort().join(',') === ENTRY_FIELDS && isEntry(value) && entryLine(value) === line
      ? { kind: 'entry', entry: value }
      : null
  if ('checkpoint' in value && 'signature' in value && typeof value.checkpoint === 'string' && typeof value.signature === 'string') {
    const checkpoint = { document: value.checkpoint, signature: value.signature }
    return checkpointLine(checkpoint) === line ? { kind: 'checkpoint', checkpoint } : null
  }
  return 'audit' in value && value.audit === 'weir' && 'v' in value && value.v === 1 ? { kind: 'header' } : null
}

const HASH = /^[0-9a-f]{64}$/

/** The types that hashing relies on; what the texts say is the hash's business. */
function isEntry(value: object): value is AuditEntry {
  const entry = value as Partial<Record<keyof AuditEntry, unknown>>
  return (
    Number.isSafeInteger(entry.seq) &&
    [entry.at, entry.event, entry.phase, entry.actor, entry.subject].every((text) => typeof text === 'string') &&
    [entry.actorRole, entry.session, entry.approver, entry.reason].every((text) => text === null || typeof text === 'string') &&
    [entry.hash, entry.prevHash].every((hash) => typeof hash === 'string' && HASH.test(hash))
  )
}
