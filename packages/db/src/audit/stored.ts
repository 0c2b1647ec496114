import type { Pool } from 'pg'
import type { AuditEntry } from '../contracts/audit.ts'

export interface EntryRow {
  seq: string
  at: string
  event: string
  phase: AuditEntry['phase']
  actor: string
  actor_role: AuditEntry['actorRole']
  session: string | null
  subject: string
  approver: string | null
  reason: string | null
  before: string | null
  after: string | null
  prev_hash: string
  hash: string
}

/** The columns of an entry as it was hashed. `before` and `after` come as text: a number that JavaScript would round must be seen. */
export const ENTRY_COLUMNS = `seq, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, event, phase, actor, actor_role, session, subject, approver,
  reason, before::text as before, after::text as after, encode(prev_hash, 'hex') as prev_hash, encode(hash, 'hex') as hash`

/** A row as an entry; null when it holds a number that no program of ours could have written (it would round to the one that was hashed). */
export function entryOf(row: EntryRow): AuditEntry | null {
  if (!exact(row.before) || !exact(row.after)) return null
  return {
    seq: Number(row.seq),
    at: row.at,
    event: row.event,
    phase: row.phase,
    actor: row.actor,
    actorRole: row.actor_role,
    session: row.session,
    subject: row.subject,
    approver: row.approver,
    reason: row.reason,
    before: row.before === null ? null : JSON.parse(row.before),
    after: row.after === null ? null : JSON.parse(row.after),
    prevHash: row.prev_hash,
    hash: row.hash,
  }
}

const STRINGS = /"(?:[^"\\]|\\.)*"/g
const NUMBERS = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** Whether every number of the text is one that a double holds. Doubles need at most 17 digits, so short texts of digits are not looked at. */
function exact(json: string | null): boolean {
  if (json === null || !/[\d.]{16}/.test(json)) return true
  const numbers = json.replace(STRINGS, '""').match(NUMBERS) ?? []
  return numbers.every((text) => decimal(text) === decimal(String(Number(text))))
}

/** Sign, digits and exponent of a decimal number, in one form: '-12e3'. */
function decimal(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null) return text
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = (whole + fraction).replace(/^0+/, '')
  const trimmed = digits.replace(/0+$/, '')
  if (trimmed === '') return '0'
  return `${sign}${trimmed}e${Number(exponent) - fraction.length + (digits.length - trimmed.length)}`
}

const PAGE = 2_000

/**
 * Every stored entry from `after` on, by number, in pages, of one moment: what is added meanwhile is left out. Rows that cannot be entries come
 * as null. A cursor and no keys, so that a number that is there twice comes twice.
 */
export async function* storedEntries(pool: Pool, after = 0): AsyncGenerator<(AuditEntry | null)[]> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin isolation level repeatable read read only')
    await client.query(
      `declare entries no scroll cursor for select ${ENTRY_COLUMNS} from audit_entry ${after > 0 ? `where seq > ${Math.trunc(after)}` : ''} order by audit_entry.seq`,
    )
    for (;;) {
      const { rows } = await client.query<EntryRow>(`fetch ${PAGE} from entries`)
      if (rows.length === 0) break
      yield rows.map(entryOf)
    }
  } finally {
    await client.query('rollback').catch((error: unknown) => {
      broken = error instanceof Error ? error : new Error(String(error))
    })
    client.release(broken)
  }
}
