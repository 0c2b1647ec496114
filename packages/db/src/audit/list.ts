import type { Pool } from 'pg'
import type { AuditAnswer } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { asQueryError } from '../queries/session.ts'
import { ENTRY_COLUMNS, type EntryRow, entryOf } from './stored.ts'

export interface AuditQuestion {
  event?: string | undefined
  actor?: string | undefined
  subject?: string | undefined
  from?: Date | undefined
  to?: Date | undefined
  /** Only entries before this number. */
  cursor?: string | undefined
  /** 1–500, default 100. */
  limit?: number | undefined
  /** Only what this actor ('person:…') did or agreed to. */
  own?: string | undefined
}

/** LIKE without its wild cards. */
const literal = (text: string): string => text.replace(/[\\%_]/g, '\\$&')

/**
 * Entries, newest first. `event` also fits the things before its dot, `subject` the kind before its colon; `actor` without a colon is part of a
 * person's name or e-mail address. QueryError `database-unreachable`, `timeout`.
 */
export async function listAudit(pool: Pool, question: AuditQuestion): Promise<AuditAnswer> {
  const limit = question.limit ?? 100
  const values: (string | number | Date)[] = []
  const value = (of: string | number | Date): string => `$${values.push(of)}`
  const conditions: string[] = []
  if (question.event) {
    const at = value(question.event)
    conditions.push(`(event = ${at} or event like ${value(`${literal(question.event)}.%`)})`)
  }
  if (question.subject) {
    const at = value(question.subject)
    conditions.push(`(subject = ${at} or subject like ${value(`${literal(question.subject)}:%`)})`)
  }
  if (question.actor) {
    const at = value(question.actor)
    const part = value(`%${literal(question.actor)}%`)
    conditions.push(
      question.actor.includes(':')
        ? `${at}::text is not null and ${part}::text is not null and actor = ${at}`
        : `(actor = ${at} or actor in (select 'person:' || id from auth_user where name ilike ${part} or email ilike ${part}))`,
    )
  }
  if (question.from) conditions.push(`at >= ${value(question.from)}`)
  if (question.to) conditions.push(`at < ${value(question.to)}`)
  if (question.cursor) conditions.push(`seq < ${value(question.cursor)}::bigint`)
  if (question.own) {
    const own = value(question.own)
    conditions.push(`(actor = ${own} or approver = ${own})`)
  }
  try {
    const { rows } = await pool.query<EntryRow>(
      `select ${ENTRY_COLUMNS} from audit_entry ${conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''}
       order by audit_entry.seq desc limit ${value(limit + 1)}`,
      values,
    )
    const page = rows.slice(0, limit)
    const entries = page.map((row) => {
      const entry = entryOf(row)
      if (entry === null)
        throw new QueryError('invalid', `Entry ${row.seq} of the audit log was tampered with.`, 'Run bin/weir audit verify.')
      return entry
    })
    const ids = new Set(entries.flatMap((entry) => [entry.actor, entry.subject, ...(entry.approver === null ? [] : [entry.approver])]))
    const last = entries.at(-1)
    return {
      entries,
      names: await namesOf(pool, [...ids]),
      nextCursor: rows.length > limit && last !== undefined ? String(last.seq) : null,
    }
  } catch (error) {
    throw asQueryError(error)
  }
}

/** What people, tokens and exporters are called today. */
async function namesOf(pool: Pool, ids: readonly string[]): Promise<Record<string, string>> {
  if (ids.length === 0) return {}
  const { rows } = await pool.query<{ id: string; name: string }>(
    `select i.id, coalesce(u.name || ' (' || u.email || ')', t.name, coalesce(e.name, host(e.address))) as name
     from unnest($1::text[]) i (id)
     left join auth_user u on split_part(i.id, ':', 1) in ('person', 'user') and u.id = split_part(i.id, ':', 2)
     left join api_token t on split_part(i.id, ':', 1) = 'token' and t.id::text = split_part(i.id, ':', 2)
     left join exporter e on split_part(i.id, ':', 1) = 'exporter' and e.id::text = split_part(i.id, ':', 2)
     where coalesce(u.id, t.id::text, e.id::text) is not null`,
    [[...ids]],
  )
  return Object.fromEntries(rows.map((row) => [row.id, row.name]))
}
