import type { Pool } from '../connection.ts'
import { inTransaction } from './store.ts'

/** A message that is due. */
export interface DueNotification {
  id: number
  /** What it is about: an anomaly's id, `block-alert-<n>` or `alert-<n>`. */
  about: string
  kind: string
  class: 'page' | 'ticket'
  channel: string
  payload: unknown
  /** Tries before this one. */
  attempts: number
}

/** What became of one try: sent (`answer`: what the receiver said), to be tried again at `retryAt`, or given up. */
export type DeliveryOutcome = { sent: true; answer?: string } | { sent: false; error: string; retryAt: Date | null }

/**
 * Take up to `limit` due messages, hand each to `deliver` and note what became of it. A message that a process holds is invisible to others
 * for `holdMs`, so that one that dies in the middle does not lose it; it may then be sent twice, with the same id.
 */
export async function deliverDue(
  pool: Pool,
  deliver: (notification: DueNotification) => Promise<DeliveryOutcome>,
  options: { now?: Date; limit?: number; holdMs?: number } = {},
): Promise<number> {
  const { rows } = await pool.query<{
    id: string
    about: string
    kind: string
    class: 'page' | 'ticket'
    channel: string
    payload: unknown
    attempts: number
  }>(
    // The clock is the database's, which stamped the messages: that of this machine may differ.
    `update notification n set due_at = coalesce($1::timestamptz, now()) + make_interval(secs => $2), attempts = attempts + 1
     from (select id from notification where sent_at is null and failed_at is null and due_at <= coalesce($1::timestamptz, now())
       order by class, due_at limit $3 for update skip locked) due
     where n.id = due.id
     returning n.id::text as id, coalesce(n.anomaly_id, 'block-alert-' || n.alert_id, 'alert-' || n.system_alert_id) as about, n.kind, n.class, n.channel, n.payload, n.attempts`,
    [options.now ?? null, (options.holdMs ?? 60_000) / 1000, options.limit ?? 20],
  )
  await Promise.all(
    rows.map(async (row) => {
      const outcome = await deliver({
        id: Number(row.id),
        about: row.about,
        kind: row.kind,
        class: row.class,
        channel: row.channel,
        payload: row.payload,
        attempts: row.attempts - 1,
      })
      if (outcome.sent) await pool.query('update notification set sent_at = now(), last_error = null where id = $1', [row.id])
      else
        await pool.query(
          `update notification set last_error = $2, due_at = coalesce($3, due_at), failed_at = case when $3::timestamptz is null then now() end where id = $1`,
          [row.id, outcome.error.slice(0, 500), outcome.retryAt],
        )
    }),
  )
  return rows.length
}

/** Messages waiting and given up, for health. */
export async function outboxState(pool: Pool): Promise<{ waiting: number; failed: number }> {
  return await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ waiting: number; failed: number }>(
      `select count(*) filter (where sent_at is null and failed_at is null)::int as waiting, count(*) filter (where failed_at is not null)::int as failed
       from notification where created_at > now() - interval '7 days'`,
    )
    return rows[0] ?? { waiting: 0, failed: 0 }
  })
}
