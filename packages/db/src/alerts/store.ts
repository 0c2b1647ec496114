import { inTransaction } from '../anomalies/store.ts'
import type { Pool } from '../connection.ts'

/** An alert of a collector that is on. */
export interface ActiveAlert {
  name: string
  subject: string
  severity: 'page' | 'ticket' | 'warn'
  value: number
  sentence: string
  counter: string
  runbook: string
  /** RFC 3339. */
  since: string
}

/** An alert that is over. */
export interface PastAlert extends ActiveAlert {
  /** RFC 3339. */
  endedAt: string
}

/** A message about an alert, for one channel. */
export interface AlertMessage {
  name: string
  subject: string
  class: 'page' | 'ticket'
  channel: string
  payload: unknown
  /** It went out while the database was away, and is only noted here. */
  sent: boolean
}

/** How long an alert that has ended is kept, days. */
const KEPT_DAYS = 90

/**
 * Make the open alerts of a collector what `active` says, and put `messages` into the outbox: one transaction. An alert that is on and was
 * open stays the same row, also over a restart of the collector; what is not on any more is ended. What of `past` came and went while
 * nothing could be written gets its row all the same. A message is put in once for each row.
 */
export async function recordAlerts(
  pool: Pool,
  collector: string,
  active: readonly ActiveAlert[],
  past: readonly PastAlert[],
  messages: readonly AlertMessage[],
): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query(
      `insert into alert (collector, name, subject, severity, value, sentence, counter, runbook, since, last_seen, ended_at)
       select $1, a.name, a.subject, a.severity, a.value, a.sentence, a.counter, a.runbook, a.since, a."endedAt", a."endedAt"
       from jsonb_to_recordset($2) as a (name text, subject text, severity text, value double precision, sentence text, counter text, runbook text,
         since timestamptz, "endedAt" timestamptz)
       where not exists (select from alert o where o.collector = $1 and o.name = a.name and o.subject = a.subject
         and (o.ended_at is null or o.ended_at >= a.since))`,
      [collector, JSON.stringify(past)],
    )
    await client.query(
      `update alert set ended_at = now() where collector = $1 and ended_at is null
       and (name, subject) not in (select name, subject from jsonb_to_recordset($2) as a (name text, subject text))`,
      [collector, JSON.stringify(active)],
    )
    await client.query(
      `insert into alert as o (collector, name, subject, severity, value, sentence, counter, runbook, since)
       select $1, a.name, a.subject, a.severity, a.value, a.sentence, a.counter, a.runbook, a.since
       from jsonb_to_recordset($2) as a (name text, subject text, severity text, value double precision, sentence text, counter text, runbook text, since timestamptz)
       on conflict (collector, name, subject) where ended_at is null do update set
         severity = excluded.severity, value = excluded.value, sentence = excluded.sentence, last_seen = now()`,
      [collector, JSON.stringify(active)],
    )
    for (const message of messages) {
      await client.query(
        `insert into notification (system_alert_id, kind, class, channel, payload, sent_at)
         select id, 'alert', $4, $5, $6, case when $7 then now() end from alert
         where collector = $1 and name = $2 and subject = $3 order by since desc limit 1
         on conflict (system_alert_id, kind, channel) do nothing`,
        [collector, message.name, message.subject, message.class, message.channel, JSON.stringify(message.payload), message.sent],
      )
    }
    await client.query('delete from alert where collector = $1 and ended_at < now() - make_interval(days => $2)', [collector, KEPT_DAYS])
  })
}

/** What the collector cannot know by itself. */
export interface Surroundings {
  /** Connections of web processes to this database. */
  webConnections: number
  /** Exporters that are not retired, no demo, and sent nothing for five minutes though they did within the last week. */
  silent: { address: string; name: string | null; seconds: number }[]
}

/** One small question for the alerts, asked every few seconds. */
export async function readSurroundings(pool: Pool): Promise<Surroundings> {
  const { rows } = await pool.query<{ web: number; silent: Surroundings['silent'] }>(
    `select (select count(*)::int from pg_stat_activity where datname = current_database() and application_name like 'weir-web%') as web,
       coalesce((select jsonb_agg(jsonb_build_object('address', address, 'name', name, 'seconds', seconds)) from (
         select host(address) as address, name, extract(epoch from now() - last_seen)::float8 as seconds from exporter
         where retired is null and not demo and last_seen < now() - interval '5 minutes' and last_seen > now() - interval '7 days'
         order by last_seen limit 100) s), '[]') as silent`,
  )
  return { webConnections: rows[0]?.web ?? 0, silent: rows[0]?.silent ?? [] }
}
