import { appendAudit } from '../commands/audit.ts'
import type { Pool } from '../connection.ts'
import {
  ANOMALY_TRANSITIONS,
  type AnomalyAction,
  type AnomalyState,
  anomalyActions,
  type SuppressionShape,
} from '../contracts/anomalies.ts'
import { type AuditActor, actorText } from '../contracts/audit.ts'
import { parseAddress } from '../contracts/ip.ts'
import { QueryError } from '../contracts/query-error.ts'
import { asQueryError } from '../queries/session.ts'
import { SUPPRESSION_COLUMNS, type SuppressionRow, suppressionShape } from './queries.ts'
import { event, inTransaction } from './store.ts'

export interface Decision {
  anomalyId: string
  action: AnomalyAction
  by: AuditActor
  /** Needed for `dismiss`; at most 500 characters. */
  reason?: string | null | undefined
  /** With `dismiss`: keep the same from being told again until then. */
  suppress?: { until: Date } | undefined
}

const PAST: Readonly<Record<AnomalyAction, string>> = {
  acknowledge: 'acknowledged',
  confirm: 'confirmed',
  dismiss: 'dismissed',
  close: 'closed',
  reopen: 'reopened',
}
const REASON_MOST = 500
const SUPPRESS_MOST_MS = 366 * 86_400_000

/**
 * Decide about an anomaly: one conditional update, one event and one audit entry in one transaction, or nothing of it. Gives the new state
 * and the event's number.
 *
 * QueryError `not-found`; `conflict` when its state (named) does not allow the action, such as when someone else was faster; `invalid` for a
 * missing or overlong reason or a suppression that does not lie ahead.
 */
export async function decideAnomaly(pool: Pool, decision: Decision, now = new Date()): Promise<{ state: AnomalyState; event: number }> {
  const { anomalyId, action, by } = decision
  const reason = cleanReason(decision.reason, action === 'dismiss')
  if (decision.suppress !== undefined) {
    if (action !== 'dismiss') throw new QueryError('invalid', 'Only dismissing can suppress.', 'Leave the suppression out.')
    checkUntil(decision.suppress.until, now)
  }
  const sources = Object.entries(ANOMALY_TRANSITIONS).flatMap(([state, to]) => (to[action] === undefined ? [] : [[state, to[action]]]))
  return await answering(() =>
    inTransaction(pool, async (client) => {
      const { rows } = await client.query<{
        was: AnomalyState
        state: AnomalyState
        detector: string
        actor: string | null
        target: string | null
      }>(
        `update anomaly a set state = t.next, changed_by = $2, changed_at = $3, reason = $4
         from unnest($5::text[], $6::text[]) t (was, next) where a.id = $1 and a.state = t.was
         returning t.was, a.state, a.detector, a.actor, a.target`,
        [anomalyId, actorText(by), now, reason, sources.map(([was]) => was), sources.map(([, next]) => next)],
      )
      const [changed] = rows
      if (changed === undefined) {
        const { rows: found } = await client.query<{ state: AnomalyState; changed_by: string | null }>(
          'select state, weir_actor_name(changed_by) as changed_by from anomaly where id = $1',
          [anomalyId],
        )
        throw refused(found[0], action)
      }
      const number = await event(client, anomalyId, PAST[action], now, actorText(by), reason)
      let suppression: number | null = null
      if (decision.suppress !== undefined) {
        const { rows: made } = await client.query<{ id: string }>(
          'insert into suppression (detector, address, until, reason, owner) values ($1, $2, $3, $4, $5) returning id::text as id',
          [changed.detector, changed.actor ?? changed.target, decision.suppress.until, reason, actorText(by)],
        )
        suppression = Number(made[0]?.id)
      }
      await appendAudit(client, {
        event: `anomaly.${action}`,
        actor: by,
        subject: `anomaly:${anomalyId}`,
        reason,
        before: { state: changed.was },
        after: { state: changed.state, ...(suppression === null ? {} : { suppression, until: decision.suppress?.until }) },
      })
      return { state: changed.state, event: number }
    }),
  )
}

function refused(found: { state: AnomalyState; changed_by: string | null } | undefined, action: AnomalyAction): QueryError {
  if (found === undefined) return new QueryError('not-found', 'There is no such anomaly.', 'Reload the list of anomalies.')
  const allowed = anomalyActions(found.state)
  return new QueryError(
    'conflict',
    `The anomaly is ${found.state}${found.changed_by === null ? '' : ` (by ${found.changed_by})`}, so it cannot be ${PAST[action]}.`,
    allowed.length === 0 ? 'Reload it.' : `Reload it; now it can be: ${allowed.map((a) => PAST[a]).join(', ')}.`,
  )
}

function cleanReason(text: string | null | undefined, needed: boolean): string | null {
  const reason = text?.trim() ?? ''
  if (reason.length > REASON_MOST) throw new QueryError('invalid', `A reason has at most ${REASON_MOST} characters.`, 'Shorten it.')
  if (reason === '' && needed) throw new QueryError('invalid', 'A reason is needed.', 'Say in a few words why, for whoever looks next.')
  return reason === '' ? null : reason
}

function checkUntil(until: Date, now: Date): void {
  const ahead = until.getTime() - now.getTime()
  if (!(ahead > 0)) throw new QueryError('invalid', 'The suppression would end in the past.', 'Choose a later end.')
  if (ahead > SUPPRESS_MOST_MS) throw new QueryError('invalid', 'A suppression lasts at most a year.', 'Choose an earlier end.')
}

/** Errors of the connection as QueryError; the rest as it is. */
async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asQueryError(error)
  }
}

/** Keep a detector's anomalies, those of an address, or of both together, from being told until a moment. QueryError `invalid`. */
export async function addSuppression(
  pool: Pool,
  wanted: { detector: string | null; address: string | null; until: Date; reason: string; by: AuditActor },
  now = new Date(),
): Promise<SuppressionShape> {
  const reason = cleanReason(wanted.reason, true)
  checkUntil(wanted.until, now)
  if (wanted.detector === null && wanted.address === null)
    throw new QueryError('invalid', 'The suppression would hide everything.', 'Name a detector or an address.')
  if (wanted.detector !== null && !/^[a-z_]{1,40}$/.test(wanted.detector))
    throw new QueryError('invalid', `'${wanted.detector.slice(0, 40)}' is no detector.`, 'Give one such as port_scan.')
  if (wanted.address !== null && parseAddress(wanted.address.split('/')[0] ?? '') === null)
    throw new QueryError('invalid', `'${wanted.address.slice(0, 60)}' is no address.`, 'Give one such as 192.0.2.7.')
  return await answering(() =>
    inTransaction(pool, async (client) => {
      const { rows } = await client.query<SuppressionRow>(
        `insert into suppression (detector, address, until, reason, owner) values ($1, $2, $3, $4, $5) returning ${SUPPRESSION_COLUMNS}`,
        [wanted.detector, wanted.address, wanted.until, reason, actorText(wanted.by)],
      )
      const [row] = rows
      if (row === undefined) throw new Error('the database gave no answer')
      await appendAudit(client, {
        event: 'suppression.add',
        actor: wanted.by,
        subject: `suppression:${row.id}`,
        reason,
        after: { detector: row.detector, address: row.address, until: row.until },
      })
      return suppressionShape(row, 'host')
    }),
  )
}

/** Change the end or the reason of a suppression in force. QueryError `not-found`, `conflict` (over already), `invalid`. */
export async function changeSuppression(
  pool: Pool,
  change: { id: number; until?: Date | undefined; reason?: string | undefined; by: AuditActor },
  now = new Date(),
): Promise<SuppressionShape> {
  if (change.until !== undefined) checkUntil(change.until, now)
  const reason = change.reason === undefined ? null : cleanReason(change.reason, true)
  return await answering(() =>
    inTransaction(pool, async (client) => {
      const before = await lockSuppression(client, change.id)
      const { rows } = await client.query<SuppressionRow>(
        `update suppression set until = coalesce($2, until), reason = coalesce($3, reason) where id = $1 returning ${SUPPRESSION_COLUMNS}`,
        [change.id, change.until ?? null, reason],
      )
      const [row] = rows
      if (row === undefined) throw new Error('the database gave no answer')
      await appendAudit(client, {
        event: 'suppression.change',
        actor: change.by,
        subject: `suppression:${change.id}`,
        reason,
        before: { until: before.until, reason: before.reason },
        after: { until: row.until, reason: row.reason },
      })
      return suppressionShape(row, 'host')
    }),
  )
}

/** End a suppression before its time; it stays on record with what it hid. QueryError `not-found`, `conflict` (over already). */
export async function endSuppression(pool: Pool, change: { id: number; by: AuditActor }, now = new Date()): Promise<void> {
  await answering(() =>
    inTransaction(pool, async (client) => {
      const before = await lockSuppression(client, change.id)
      await client.query('update suppression set ended_at = $2 where id = $1', [change.id, now])
      await appendAudit(client, {
        event: 'suppression.end',
        actor: change.by,
        subject: `suppression:${change.id}`,
        before: { until: before.until, hidden: before.hidden },
        after: { ended: now },
      })
    }),
  )
}

async function lockSuppression(client: Parameters<typeof event>[0], id: number): Promise<SuppressionRow> {
  const { rows } = await client.query<SuppressionRow>(`select ${SUPPRESSION_COLUMNS} from suppression where id = $1 for update`, [id])
  const [row] = rows
  if (row === undefined) throw new QueryError('not-found', 'There is no such suppression.', 'Reload the list of suppressions.')
  if (!row.active) throw new QueryError('conflict', 'The suppression is over already.', 'Reload the list of suppressions.')
  return row
}
