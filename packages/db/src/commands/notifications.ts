import { isIP } from 'node:net'
import { sql } from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { DeliveryOutcome, DueNotification } from '../anomalies/outbox.ts'
import type { Pool } from '../connection.ts'
import type { AuditActor } from '../contracts/audit.ts'
import {
  MESSAGE_CLASSES,
  type NotificationAnswer,
  type NotificationBody,
  type NotificationSettings,
  type TestMessage,
} from '../contracts/notifications.ts'
import { QueryError } from '../contracts/query-error.ts'
import { asQueryError } from '../queries/session.ts'
import { setting } from '../queries/settings.ts'
import { inTransaction } from './audit.ts'
import { changing, lockOne } from './transaction.ts'

const KEY = 'notifications'
const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [])
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** What is stored, whoever wrote it: parts that cannot be used are left out. */
function readStored(value: unknown): NotificationSettings {
  const all = record(value)
  const mail = record(all.email)
  const hooks = Array.isArray(all.webhooks) ? all.webhooks.map(record) : []
  const port = typeof mail.port === 'number' ? mail.port : 587
  return {
    publicUrl: text(all.publicUrl),
    allowedHosts: texts(all.allowedHosts).map((host) => host.toLowerCase()),
    allowPrivate: all.allowPrivate === true,
    allowHttp: all.allowHttp === true,
    webhooks: hooks.flatMap((hook) => {
      const [name, url, secret] = [text(hook.name), text(hook.url), text(hook.secret)]
      if (name === null || url === null || secret === null || !URL.canParse(url)) return []
      const classes = MESSAGE_CLASSES.filter((one) => texts(hook.classes).includes(one))
      return [{ name, url, secret, classes: classes.length === 0 ? [...MESSAGE_CLASSES] : classes }]
    }),
    email:
      text(mail.host) === null || text(mail.from) === null
        ? null
        : {
            host: text(mail.host) ?? '',
            port,
            secure: typeof mail.secure === 'boolean' ? mail.secure : port === 465,
            user: text(mail.user),
            password: text(mail.password),
            from: text(mail.from) ?? '',
            page: texts(mail.page),
            ticket: texts(mail.ticket),
          },
  }
}

const withoutSecrets = (stored: NotificationSettings) => ({
  publicUrl: stored.publicUrl,
  allowedHosts: stored.allowedHosts,
  allowPrivate: stored.allowPrivate,
  allowHttp: stored.allowHttp,
  // What follows the host is a key with many services.
  webhooks: stored.webhooks.map(({ name, url, classes }) => ({ name, origin: new URL(url).origin, classes })),
  email: stored.email === null ? null : mailWithoutSecret(stored.email),
})
function mailWithoutSecret({ password, ...mail }: NonNullable<NotificationSettings['email']>) {
  return { ...mail, passwordSet: password !== null }
}

const LATELY = `select channel, created_at, sent_at, failed_at, last_error from notification where created_at > now() - interval '7 days'
  union all select channel, created_at, sent_at, failed_at, last_error from system_message where created_at > now() - interval '7 days' and kind <> 'test'`

/** Where messages go, without secrets, and how sending went in the last seven days. Throws QueryError. */
export async function notificationSettings(pool: Pool): Promise<NotificationAnswer> {
  try {
    const stored = readStored(await setting(pool, KEY))
    const { rows: totals } = await pool.query<{ sent: number; waiting: number; failed: number }>(
      `select count(sent_at)::int as sent, count(*) filter (where sent_at is null and failed_at is null)::int as waiting, count(failed_at)::int as failed
       from (${LATELY}) m`,
    )
    const { rows: errors } = await pool.query<{ channel: string; error: string; at: Date }>(
      `select channel, last_error as error, created_at as at from (${LATELY}) m where last_error is not null order by created_at desc limit 1`,
    )
    const [last] = errors
    return {
      ...withoutSecrets(stored),
      messages: {
        ...(totals[0] ?? { sent: 0, waiting: 0, failed: 0 }),
        lastError: last === undefined ? null : { channel: last.channel, error: last.error, at: last.at.toISOString() },
      },
    }
  } catch (error) {
    throw asQueryError(error)
  }
}

const invalid = (detail: string, remedy: string) => new QueryError('invalid', detail, remedy)

/** Whether a webhook may go there, by the words of its address; where the name leads is looked at when it is sent. Throws QueryError `invalid`. */
function checkWebhook(name: string, address: string, body: NotificationBody): void {
  if (!URL.canParse(address)) throw invalid(`${name}: this is no web address.`, 'Write it like https://hooks.example.org/weir.')
  const url = new URL(address)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && body.allowHttp))
    throw invalid(`${name}: ${url.protocol.slice(0, -1)} is not allowed.`, 'Use https, or allow http.')
  if (url.username !== '' || url.password !== '')
    throw invalid(`${name}: the address holds a user name.`, 'Put the key into the path, or use the signature.')
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, '')
  const allowed = body.allowedHosts.some((rule) => rule === host || (rule.startsWith('*.') && host.endsWith(rule.slice(1))))
  if (!allowed) throw invalid(`${name}: the host ${host} is not among the allowed ones.`, `Allow ${host}, or correct the address.`)
  if (isIP(host) > 0 && !body.allowPrivate && /^(10\.|127\.|0\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd]|fe80|::)/.test(host))
    throw invalid(`${name}: ${host} is a private or local address.`, 'Use a public one, or allow private addresses.')
}

/**
 * Set where messages go, all of it; secrets that are left out stay. Two webhooks have two names. QueryError `invalid` names what cannot be used; the
 * audit log holds what was and is without secrets.
 */
export async function setNotifications(pool: Pool, actor: AuditActor, body: NotificationBody): Promise<void> {
  const names = body.webhooks.map(({ name }) => name)
  if (new Set(names).size < names.length) throw invalid('Two webhooks have the same name.', 'Give each a name of its own.')
  await changing(pool, 'settings', async (tx) => {
    await lockOne(tx, 'weir notifications')
    const before = readStored(await present(tx))
    const stored: NotificationSettings = {
      publicUrl: body.publicUrl,
      allowedHosts: [...new Set(body.allowedHosts)],
      allowPrivate: body.allowPrivate,
      allowHttp: body.allowHttp,
      webhooks: body.webhooks.map((hook) => {
        const was = before.webhooks.find(({ name }) => name === hook.name)
        const url = hook.url ?? was?.url
        const secret = hook.secret ?? was?.secret
        if (url === undefined) throw invalid(`${hook.name}: the address is missing.`, 'Write it like https://hooks.example.org/weir.')
        if (secret === undefined)
          throw invalid(`${hook.name}: the secret is missing.`, 'Give at least 16 characters; the receiver checks with them.')
        checkWebhook(hook.name, url, body)
        return { name: hook.name, url, secret, classes: hook.classes }
      }),
      email: mailOf(body.email, before.email),
    }
    await tx.execute(
      sql`insert into setting (key, value) values (${KEY}, ${JSON.stringify(stored)}::jsonb) on conflict (key) do update set value = excluded.value`,
    )
    const kept = secretsChanged(before, stored)
    return {
      result: undefined,
      record: {
        event: 'notifications.set',
        actor,
        subject: 'notifications',
        before: auditOf(before),
        after: { ...auditOf(stored), ...kept },
      },
    }
  })
}

async function present(tx: NodePgDatabase): Promise<unknown> {
  const { rows } = await tx.execute<{ value: unknown }>(sql`select value from setting where key = ${KEY}`)
  return rows[0]?.value ?? null
}

function mailOf(mail: NotificationBody['email'], was: NotificationSettings['email']): NotificationSettings['email'] {
  if (mail === null) return null
  const { password, ...rest } = mail
  if (password !== undefined) return { ...rest, password }
  // A kept password goes only to where it was meant for.
  if (was?.password != null && (was.host !== mail.host || was.port !== mail.port || was.user !== mail.user))
    throw invalid('The mail server or its user is another one.', 'Type the password again.')
  return { ...rest, password: was?.password ?? null }
}

/** People's addresses stay out of the audit log: how many there are is enough. */
const auditOf = (stored: NotificationSettings) => {
  const { email, ...rest } = withoutSecrets(stored)
  return {
    ...rest,
    email:
      email === null
        ? null
        : {
            host: email.host,
            port: email.port,
            secure: email.secure,
            passwordSet: email.passwordSet,
            page: email.page.length,
            ticket: email.ticket.length,
          },
  }
}

const secretsChanged = (before: NotificationSettings, after: NotificationSettings) => ({
  newSecrets: after.webhooks
    .filter((hook) => before.webhooks.every((was) => was.name !== hook.name || was.secret !== hook.secret || was.url !== hook.url))
    .map(({ name }) => name),
  newPassword: after.email !== null && after.email.password !== (before.email?.password ?? null),
})

/** What a test says. */
const TEST_SENTENCE = 'This is a test from Weir. Somebody asked for it in the settings; nothing is wrong.'

/** Put a test message into the box of the sender. QueryError `not-found`: there is no such channel, or nobody gets that class there. */
export async function sendTestMessage(
  pool: Pool,
  actor: AuditActor,
  asked: { channel: string; class: 'page' | 'ticket' },
): Promise<TestMessage> {
  const stored = readStored(await setting(pool, KEY))
  const there =
    asked.channel === 'email'
      ? stored.email !== null && stored.email[asked.class].length > 0
      : stored.webhooks.some(({ name }) => `webhook:${name}` === asked.channel)
  if (!there)
    throw new QueryError('not-found', `Nothing goes to ${asked.channel} as ${asked.class}.`, 'Save the settings first, then test them.')
  const at = new Date()
  const payload = {
    id: `test-${at.getTime().toString(36)}`,
    kind: 'test',
    class: asked.class,
    detector: 'test',
    severity: 'info',
    actor: null,
    target: null,
    first_seen: at.toISOString(),
    sentence: TEST_SENTENCE,
    url: stored.publicUrl,
  }
  return await changing(pool, null, async (tx) => {
    const { rows } = await tx.execute<{ id: string }>(
      sql`insert into system_message (kind, about, class, channel, payload)
        values ('test', 'test', ${asked.class}, ${asked.channel}, ${JSON.stringify(payload)}::jsonb) returning id::text as id`,
    )
    const id = Number(rows[0]?.id)
    return {
      result: { id, channel: asked.channel, state: 'waiting' as const, answer: null, error: null },
      record: { event: 'notifications.test', actor, subject: `message:${id}`, after: { channel: asked.channel, class: asked.class } },
    }
  })
}

/** What became of a test message. QueryError `not-found`. */
export async function testMessage(pool: Pool, id: number): Promise<TestMessage> {
  try {
    const { rows } = await pool.query<{ channel: string; sent: boolean; failed: boolean; answer: string | null; error: string | null }>(
      `select channel, sent_at is not null as sent, failed_at is not null as failed, answer, last_error as error
       from system_message where id = $1 and kind = 'test'`,
      [id],
    )
    const [row] = rows
    if (row === undefined) throw new QueryError('not-found', 'There is no such test.', 'Send a new one.')
    return { id, channel: row.channel, state: row.sent ? 'sent' : row.failed ? 'failed' : 'waiting', answer: row.answer, error: row.error }
  } catch (error) {
    throw asQueryError(error)
  }
}

/** An alert of Weir about itself, to whoever gets pages. */
export interface SystemAlert {
  /** Its name, e.g. 'audit_blocked'. */
  name: string
  sentence: string
}

/**
 * Page people about an alert of Weir itself, or tell them that it is over: once per channel and change, however many processes see it. Without
 * channels nothing is sent. Throws the database's errors.
 */
export async function tellSystemAlert(pool: Pool, kind: 'raised' | 'cleared', alert: SystemAlert, now = new Date()): Promise<number> {
  const stored = readStored(await setting(pool, KEY))
  const channels = stored.webhooks.filter(({ classes }) => classes.includes('page')).map(({ name }) => `webhook:${name}`)
  if (stored.email !== null && stored.email.page.length > 0) channels.push('email')
  if (channels.length === 0) return 0
  const payload = {
    id: `${alert.name}-${now.getTime().toString(36)}`,
    kind,
    class: 'page',
    detector: alert.name,
    severity: kind === 'raised' ? 'critical' : 'info',
    actor: null,
    target: null,
    first_seen: now.toISOString(),
    sentence: alert.sentence,
    url: stored.publicUrl === null ? null : `${stored.publicUrl}/audit`,
  }
  return await inTransaction(pool, async (client) => {
    await client.query(`select pg_advisory_xact_lock(hashtextextended('weir system alert', 0))`)
    const { rowCount } = await client.query(
      `insert into system_message (kind, about, class, channel, payload)
       select $1::text, $2::text, 'page', c.channel, $3::jsonb from unnest($4::text[]) as c (channel)
       where coalesce((select m.kind from system_message m where m.about = $2 and m.channel = c.channel order by m.id desc limit 1), 'cleared') <> $1`,
      [kind, alert.name, JSON.stringify(payload), channels],
    )
    return rowCount ?? 0
  })
}

/**
 * Take due messages of Weir about itself, hand each to `deliver` and note what became of it. A test is tried once: somebody waits for the answer.
 * Gives how many were taken.
 */
export async function deliverSystemMessages(
  pool: Pool,
  deliver: (message: DueNotification) => Promise<DeliveryOutcome>,
  options: { limit?: number; holdMs?: number } = {},
): Promise<number> {
  const { rows } = await pool.query<{
    id: string
    kind: string
    about: string
    class: 'page' | 'ticket'
    channel: string
    payload: unknown
    attempts: number
  }>(
    `update system_message m set due_at = now() + make_interval(secs => $1), attempts = attempts + 1
     from (select id from system_message where sent_at is null and failed_at is null and due_at <= now() order by class, due_at limit $2
       for update skip locked) due
     where m.id = due.id
     returning m.id::text as id, m.kind, m.about, m.class, m.channel, m.payload, m.attempts`,
    [(options.holdMs ?? 60_000) / 1000, options.limit ?? 20],
  )
  await Promise.all(
    rows.map(async (row) => {
      const { id, kind, about, channel, payload, attempts } = row
      const outcome = await deliver({ id: Number(id), about, kind, class: row.class, channel, payload, attempts: attempts - 1 })
      if (outcome.sent) {
        await pool.query('update system_message set sent_at = now(), last_error = null, answer = $2 where id = $1', [
          id,
          outcome.answer ?? null,
        ])
        return
      }
      const retryAt = kind === 'test' ? null : outcome.retryAt
      await pool.query(
        `update system_message set last_error = $2, due_at = coalesce($3, due_at), failed_at = case when $3::timestamptz is null then now() end where id = $1`,
        [id, outcome.error.slice(0, 500), retryAt],
      )
    }),
  )
  return rows.length
}
