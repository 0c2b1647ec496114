import { drizzle } from 'drizzle-orm/node-postgres'
import { canonical, removeDevice, removeProtected, type Written, writeDevice, writeProtected } from '../blocks/devices.ts'
import type { Pool, PoolClient } from '../connection.ts'
import {
  ADMIN_CHANGES,
  type AdminChange,
  type AdminChangeBody,
  type AdminChangeKind,
  type AdminChangesAnswer,
  type TwoPersons,
} from '../contracts/admin-changes.ts'
import type { Role } from '../contracts/api.ts'
import { type AuditActor, actorText } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { asQueryError } from '../queries/session.ts'
import { type AuditRecord, appendAudit, inTransaction } from './audit.ts'
import { writeRetired } from './inventory.ts'

/**
 * What no block may touch, what carries blocks and which exporters count are decided by two admins: one proposes, another approves, each change
 *
 *   open → applied     another admin approved it: done and recorded in the transaction of the approval, with both names
 *   open → withdrawn   by who proposed it        open → refused   by another admin        open → expired   after a day
 *
 * With one enabled admin, or where a site has turned the rule off (which two admins decide as well), one decides at once, and the entry of the
 * audit log says that it was one. A proposal is tried and rolled back before it is stored, so that what cannot be done is refused to the proposer.
 */

/** How long a proposal waits. */
const LIFE = '1 day'
const KEY = 'two_person_admin'
const LIST_DECIDED = 20

type Done<K extends AdminChangeKind> = K extends 'device.save'
  ? Awaited<ReturnType<typeof writeDevice>>['result']
  : K extends 'protected.add'
    ? { prefix: string }
    : null

interface Operation<K extends AdminChangeKind> {
  /** What it is about; one proposal about it may be open at a time. Throws QueryError `invalid`. */
  subject(body: AdminChangeBody<K>): string
  apply(client: PoolClient, body: AdminChangeBody<K>, by: AuditActor): Promise<Written<Done<K>>>
  /** Whom to tell at commit, as `weir_changed` names them. */
  tells: 'settings' | 'exporters'
}

const about = (prefix: string) => `prefix:${canonical(prefix)}`
const OPERATIONS: { [K in AdminChangeKind]: Operation<K> } = {
  'protected.add': { subject: ({ prefix }) => about(prefix), apply: writeProtected, tells: 'settings' },
  'protected.remove': { subject: ({ prefix }) => about(prefix), apply: removeProtected, tells: 'settings' },
  'device.save': { subject: ({ id }) => `device:${id}`, apply: writeDevice, tells: 'settings' },
  'device.remove': { subject: ({ id }) => `device:${id}`, apply: removeDevice, tells: 'settings' },
  'exporter.retire': {
    subject: ({ id }) => `exporter:${id}`,
    apply: (client, body) => writeRetired(drizzle(client), { ...body, retired: true }),
    tells: 'exporters',
  },
  'exporter.restore': {
    subject: ({ id }) => `exporter:${id}`,
    apply: (client, body) => writeRetired(drizzle(client), { ...body, retired: false }),
    tells: 'exporters',
  },
  'two-persons.set': { subject: () => 'two-persons', apply: setTwoPersons, tells: 'settings' },
}

async function setTwoPersons(client: PoolClient, { on }: { on: boolean }): Promise<Written<null>> {
  const was = await twoPersonsNow(client)
  await client.query(`insert into setting (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value`, [
    KEY,
    JSON.stringify(on),
  ])
  return { result: null, record: { event: 'two-persons.set', subject: 'two-persons', before: { on: was.on }, after: { on } } }
}

async function twoPersonsNow(client: Pick<PoolClient, 'query'>): Promise<TwoPersons> {
  const { rows } = await client.query<{ on: boolean; admins: number }>(
    `select coalesce((select value = 'true'::jsonb from setting where key = $1), true) as on,
       (select count(*)::int from auth_user where role = 'admin' and not banned) as admins`,
    [KEY],
  )
  const [row] = rows
  if (row === undefined) throw new RangeError('a select without from gives one row')
  return { ...row, inForce: row.on && row.admins >= 2 }
}

/** Why one admin was enough, for the entry in the audit log. */
const mergedBecause = (rule: TwoPersons): string => (rule.on ? 'one person: there is only one admin' : 'one person: two are not asked for')

/** Writers wait for each other, so that the rule and the proposals are what they are until the transaction ends. */
const locked = (client: PoolClient) => client.query(`select pg_advisory_xact_lock(hashtextextended('weir admin changes', 0))`)

/**
 * Do a change, or store it as a proposal when a second admin is needed. QueryError of the change itself; `conflict`: a proposal about the same thing
 * is open, or two persons are needed and the asker is none.
 */
export async function changeAsAdmin<K extends AdminChangeKind>(
  pool: Pool,
  actor: AuditActor,
  kind: K,
  body: AdminChangeBody<K>,
): Promise<{ done: Done<K> } | { waiting: AdminChange }> {
  const operation = OPERATIONS[kind]
  try {
    return await inTransaction(pool, async (client) => {
      await locked(client)
      const rule = await twoPersonsNow(client)
      if (!rule.inForce) {
        const { result, record } = await operation.apply(client, body, actor)
        await told(client, operation.tells)
        await appendAudit(client, { ...record, actor, after: withWords(record.after, mergedBecause(rule)) })
        return { done: result }
      }
      if (actor.kind !== 'person') {
        throw new QueryError(
          'conflict',
          'Two admins decide this here, and a token is no person.',
          'Sign in and propose it; another admin approves it in the settings.',
        )
      }
      await client.query('savepoint tried')
      await operation.apply(client, body, actor)
      await client.query('rollback to savepoint tried')
      return { waiting: await propose(client, actor, kind, operation.subject(body), body) }
    })
  } catch (error) {
    throw asQueryError(error)
  }
}

/** What was and is, with who decided: `after` of an entry is an object, or nothing. */
const withWords = (after: unknown, decided: string): unknown => ({ ...(typeof after === 'object' ? after : {}), decided })

const told = (client: PoolClient, what: 'settings' | 'exporters') =>
  client.query(`select pg_notify('weir_changed', $1)`, [JSON.stringify({ what })])

async function propose(client: PoolClient, actor: AuditActor, kind: AdminChangeKind, subject: string, body: object): Promise<AdminChange> {
  await client.query(`update admin_change set state = 'expired', decided_at = expires_at where state = 'open' and expires_at <= now()`)
  const { rows: open } = await client.query(`select from admin_change where subject = $1 and state = 'open'`, [subject])
  if (open.length > 0) {
    throw new QueryError(
      'conflict',
      'A change of this waits for a second admin already.',
      'Have it approved or withdrawn in the settings, under “Admin changes”, then propose yours.',
    )
  }
  const { rows } = await client.query<{ id: string }>(
    `insert into admin_change (kind, subject, body, proposer, expires_at) values ($1, $2, $3, $4, now() + interval '${LIFE}') returning id`,
    [kind, subject, JSON.stringify(body), actorText(actor)],
  )
  const change = await changeOf(client, Number(rows[0]?.id), actorText(actor))
  await told(client, 'settings')
  const after = { change: change.id, kind, body, expiresAt: change.expiresAt }
  await appendAudit(client, { event: 'admin-change.propose', phase: 'intent', actor, subject, reason: reasonOf(body), after })
  return change
}

const reasonOf = (body: object): string | null => ('reason' in body && typeof body.reason === 'string' ? body.reason : null)

interface ChangeRow {
  id: string
  kind: AdminChangeKind
  subject: string
  body: Record<string, unknown>
  state: AdminChange['state']
  proposer: string
  proposer_name: string
  created_at: Date
  expires_at: Date
  decided_by: string | null
  decided_name: string | null
  decided_at: Date | null
  decision_reason: string | null
  thing: string | null
}

const COLUMNS = `c.id, c.kind, c.subject, c.body, case when c.state = 'open' and c.expires_at <= now() then 'expired' else c.state end as state,
  c.proposer, weir_actor_name(c.proposer) as proposer_name, c.created_at, c.expires_at, c.decided_by, weir_actor_name(c.decided_by) as decided_name,
  c.decided_at, c.decision_reason,
  case split_part(c.subject, ':', 1)
    when 'device' then (select d.name from device d where d.id = substr(c.subject, 8))
    when 'exporter' then (select coalesce(e.name, host(e.address)) from exporter e where e.id::text = substr(c.subject, 10)) end as thing`

async function changeOf(client: Pick<PoolClient, 'query'>, id: number, asker: string): Promise<AdminChange> {
  const { rows } = await client.query<ChangeRow>(`select ${COLUMNS} from admin_change c where c.id = $1`, [id])
  const [row] = rows
  if (row === undefined) throw new QueryError('not-found', 'There is no such change.', 'Reload the list of admin changes.')
  return shapeOf(row, asker)
}

function shapeOf(row: ChangeRow, asker: string): AdminChange {
  const own = row.proposer === asker
  return {
    id: Number(row.id),
    kind: row.kind,
    sentence: sentenceOf(row),
    subject: row.subject,
    body: row.body,
    state: row.state,
    proposer: { id: row.proposer, name: row.proposer_name },
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    decidedBy: row.decided_by === null ? null : { id: row.decided_by, name: row.decided_name ?? row.decided_by },
    decidedAt: row.decided_at?.toISOString() ?? (row.state === 'expired' ? row.expires_at.toISOString() : null),
    decisionReason: row.decision_reason,
    actions: row.state !== 'open' ? [] : own ? ['withdraw'] : ['approve', 'refuse'],
  }
}

function sentenceOf({ kind, body, subject, thing }: ChangeRow): string {
  const text = (key: string) => String(body[key] ?? '')
  const name = thing ?? subject
  switch (kind) {
    case 'protected.add':
      return `Protect ${text('prefix')} from blocks`
    case 'protected.remove':
      return `Stop protecting ${text('prefix')} from blocks`
    case 'device.save':
      return thing === null ? `Add the device ${text('name')}` : `Change the device ${text('name')}`
    case 'device.remove':
      return `Remove the device ${name}`
    case 'exporter.retire':
      return `Retire the exporter ${name}`
    case 'exporter.restore':
      return `Put the exporter ${name} back in service`
    case 'two-persons.set':
      return body.on === true ? 'Ask two admins for changes like these' : 'Let one admin decide changes like these alone'
  }
}

/** What waits and what was decided lately, newest first, as `asker` may act on it. Throws QueryError. */
export async function adminChanges(pool: Pool, asker: AuditActor): Promise<AdminChangesAnswer> {
  try {
    const { rows } = await pool.query<ChangeRow>(
      `(select ${COLUMNS} from admin_change c where c.state = 'open' and c.expires_at > now() order by c.id desc)
       union all
       (select ${COLUMNS} from admin_change c where c.state <> 'open' or c.expires_at <= now() order by c.id desc limit ${LIST_DECIDED})`,
    )
    return { changes: rows.map((row) => shapeOf(row, actorText(asker))), twoPersons: await twoPersonsNow(pool) }
  } catch (error) {
    throw asQueryError(error)
  }
}

/** The change, locked and open. QueryError `not-found`; `conflict`: decided or expired. */
async function openChange(client: PoolClient, id: number): Promise<ChangeRow> {
  const { rows } = await client.query<ChangeRow>(`select ${COLUMNS} from admin_change c where c.id = $1 for update of c`, [id])
  const [row] = rows
  if (row === undefined) throw new QueryError('not-found', 'There is no such change.', 'Reload the list of admin changes.')
  if (row.state !== 'open') {
    const by = row.decided_name === null ? '' : ` by ${row.decided_name}`
    throw new QueryError('conflict', `This change is ${row.state} already${by}.`, 'Reload the list of admin changes.')
  }
  return row
}

async function roleNow(client: PoolClient, actor: string): Promise<Role | null> {
  const { rows } = await client.query<{ role: Role }>('select role from auth_user where id = $1 and not banned', [
    actor.startsWith('person:') ? actor.slice(7) : null,
  ])
  return rows[0]?.role ?? null
}

/**
 * Approve someone else's change and do it. The caller has checked that the approver is an admin who has just shown who they are.
 * QueryError `not-found`; `conflict`: one's own, decided, expired, or its proposer is no admin any more; and what the change itself throws now.
 */
export async function approveAdminChange(pool: Pool, approver: AuditActor, id: number): Promise<AdminChange> {
  try {
    return await inTransaction(pool, async (client) => {
      await locked(client)
      const row = await openChange(client, id)
      if (row.proposer === actorText(approver)) {
        throw new QueryError('conflict', 'Nobody approves their own change.', 'Ask another admin to approve it, or withdraw it.')
      }
      const role = await roleNow(client, row.proposer)
      if (role !== 'admin') {
        throw new QueryError('conflict', 'Who proposed it is no admin any more.', 'Refuse it, and propose it yourself if it is right.')
      }
      const actor: AuditActor = { kind: 'person', id: row.proposer.slice('person:'.length), role }
      const record = await applied(client, row.kind, row.body, actor)
      await client.query(`update admin_change set state = 'applied', decided_by = $2, decided_at = now() where id = $1`, [
        id,
        actorText(approver),
      ])
      const change = await changeOf(client, id, actorText(approver))
      await told(client, OPERATIONS[row.kind].tells)
      if (OPERATIONS[row.kind].tells !== 'settings') await told(client, 'settings')
      await appendAudit(client, {
        ...record,
        actor,
        approver,
        after: { ...(typeof record.after === 'object' ? record.after : {}), change: id, decided: 'two persons' },
      })
      return change
    })
  } catch (error) {
    throw asQueryError(error)
  }
}

/** Do what a stored proposal says. Its body is read as a route reads it: what an older version stored and this one does not take is refused. */
async function applied<K extends AdminChangeKind>(
  client: PoolClient,
  kind: K,
  body: unknown,
  actor: AuditActor,
): Promise<Omit<AuditRecord, 'actor'>> {
  const read = ADMIN_CHANGES[kind].safeParse(body)
  if (!read.success)
    throw new QueryError('conflict', 'This version does not understand the change any more.', 'Refuse it and propose it again.')
  const operation: Operation<K> = OPERATIONS[kind]
  return (await operation.apply(client, read.data as AdminChangeBody<K>, actor)).record
}

/** Take one's own change back, or refuse someone else's. QueryError `not-found`, `conflict`: decided or expired. */
export async function endAdminChange(pool: Pool, actor: AuditActor, id: number, reason: string): Promise<AdminChange> {
  try {
    return await inTransaction(pool, async (client) => {
      await locked(client)
      const row = await openChange(client, id)
      const own = row.proposer === actorText(actor)
      await client.query(`update admin_change set state = $2, decided_by = $3, decided_at = now(), decision_reason = $4 where id = $1`, [
        id,
        own ? 'withdrawn' : 'refused',
        actorText(actor),
        reason,
      ])
      const change = await changeOf(client, id, actorText(actor))
      await told(client, 'settings')
      const event = own ? 'admin-change.withdraw' : 'admin-change.refuse'
      await appendAudit(client, { event, actor, subject: row.subject, reason, before: { change: id, kind: row.kind, body: row.body } })
      return change
    })
  } catch (error) {
    throw asQueryError(error)
  }
}
