import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { listAudit } from '../audit/list.ts'
import { devices, protectedPrefixes } from '../blocks/devices.ts'
import type { AuditActor } from '../contracts/audit.ts'
import type { AdminChange, AdminChangeBody, AdminChangeKind, DeviceBody } from '../contracts/index.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { adminChanges, approveAdminChange, changeAsAdmin, endAdminChange } from './admin-changes.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await createTestDatabase('postgres')
})
afterAll(async () => {
  await db.drop()
})
const person = (id: string): AuditActor => ({ kind: 'person', id, role: 'admin', session: `s-${id}` })
const ADA = person('ada')
const BEA = person('bea')
const TOKEN: AuditActor = { kind: 'token', id: '7', role: 'admin' }

beforeEach(async () => {
  await db.pool.query(
    `truncate admin_change, protected_prefix, block_device, block, device cascade; delete from auth_user; delete from setting where key = 'two_person_admin'`,
  )
  await account('ada')
})
const account = (id: string, role = 'admin') =>
  db.pool.query(`insert into auth_user (id, name, email, role) values ($1, initcap($1), $1 || '@example.org', $2)`, [id, role])

const edge: DeviceBody = { id: 'edge', name: 'Edge', dialect: 'nftables', transport: 'none', address: null, config: {}, exporterIds: [] }
const network = { prefix: '192.0.2.0/24', reason: 'management' }
const site = async () => (await protectedPrefixes(db.pool)).prefixes.filter(({ source }) => source === 'site').map(({ prefix }) => prefix)
const last = async () => (await listAudit(db.pool, { limit: 1 })).entries[0]
async function proposed<K extends AdminChangeKind>(kind: K, body: AdminChangeBody<K>, by = ADA): Promise<AdminChange> {
  const outcome = await changeAsAdmin(db.pool, by, kind, body)
  if (!('waiting' in outcome)) throw new Error('it was done at once')
  return outcome.waiting
}

describe('with one admin', () => {
  it('one decides at once, and the audit log says that it was one', async () => {
    expect(await changeAsAdmin(db.pool, ADA, 'protected.add', network)).toEqual({ done: { prefix: '192.0.2.0/24' } })
    expect(await last()).toMatchObject({
      event: 'protected.add',
      actor: 'person:ada',
      approver: null,
      after: { decided: 'one person: there is only one admin' },
    })
    expect(await site()).toEqual(['192.0.2.0/24'])
    expect(await changeAsAdmin(db.pool, ADA, 'protected.remove', { prefix: '192.0.2.0/24', reason: 'gone' })).toEqual({ done: null })
    expect(await last()).toMatchObject({ event: 'protected.remove', reason: 'gone', before: { reason: 'management' } })
    expect(await site()).toEqual([])
    await expect(changeAsAdmin(db.pool, ADA, 'protected.remove', network)).rejects.toMatchObject({ code: 'not-found' })
  })

  it('a disabled admin and admins of other roles do not count', async () => {
    await account('bea')
    await db.pool.query(`update auth_user set banned = true where id = 'bea'`)
    await account('cleo', 'oncall')
    expect((await adminChanges(db.pool, ADA)).twoPersons).toEqual({ on: true, admins: 1, inForce: false })
  })
})

describe('with two admins', () => {
  beforeEach(() => account('bea'))

  it('a change waits, nobody approves their own, and another does it with both names in the log', async () => {
    const waiting = await proposed('protected.add', network)
    expect(waiting).toMatchObject({
      sentence: 'Protect 192.0.2.0/24 from blocks',
      state: 'open',
      proposer: { name: 'Ada' },
      actions: ['withdraw'],
    })
    expect(await site(), 'nothing is done yet').toEqual([])
    expect(await last()).toMatchObject({
      event: 'admin-change.propose',
      phase: 'intent',
      actor: 'person:ada',
      subject: 'prefix:192.0.2.0/24',
    })
    await expect(approveAdminChange(db.pool, ADA, waiting.id)).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('own'),
    })
    expect((await adminChanges(db.pool, BEA)).changes).toMatchObject([{ id: waiting.id, actions: ['approve', 'refuse'] }])
    expect(await approveAdminChange(db.pool, BEA, waiting.id)).toMatchObject({ state: 'applied', decidedBy: { name: 'Bea' }, actions: [] })
    expect(await site()).toEqual(['192.0.2.0/24'])
    expect(await last()).toMatchObject({
      event: 'protected.add',
      phase: 'outcome',
      actor: 'person:ada',
      actorRole: 'admin',
      approver: 'person:bea',
      after: { change: waiting.id, decided: 'two persons' },
    })
    await expect(approveAdminChange(db.pool, BEA, waiting.id)).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('applied already by Bea'),
    })
  })

  it('two approvals at once do it once', async () => {
    await account('cleo')
    const waiting = await proposed('device.save', edge)
    const outcomes = await Promise.allSettled([
      approveAdminChange(db.pool, BEA, waiting.id),
      approveAdminChange(db.pool, person('cleo'), waiting.id),
    ])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const { entries } = await listAudit(db.pool, { event: 'device.add', subject: 'device:edge', limit: 50 })
    expect(entries.filter(({ approver }) => approver !== null)).toHaveLength(1)
  })

  it('what cannot be done is refused to who proposes it, and leaves nothing', async () => {
    await expect(changeAsAdmin(db.pool, ADA, 'protected.remove', network)).rejects.toMatchObject({ code: 'not-found' })
    await expect(changeAsAdmin(db.pool, ADA, 'device.remove', { id: 'none', reason: 'x' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(changeAsAdmin(db.pool, ADA, 'device.save', { ...edge, transport: 'ssh' })).rejects.toMatchObject({ code: 'invalid' })
    expect((await adminChanges(db.pool, ADA)).changes).toEqual([])
  })

  it('one proposal about a thing at a time; taken back, refused and expired ones are over', async () => {
    const first = await proposed('protected.add', network)
    await expect(changeAsAdmin(db.pool, BEA, 'protected.add', { ...network, reason: 'another' })).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await endAdminChange(db.pool, ADA, first.id, 'wrong network')).toMatchObject({
      state: 'withdrawn',
      decisionReason: 'wrong network',
    })
    expect(await last()).toMatchObject({ event: 'admin-change.withdraw', actor: 'person:ada', reason: 'wrong network' })
    const second = await proposed('protected.add', network)
    expect(await endAdminChange(db.pool, BEA, second.id, 'no need')).toMatchObject({ state: 'refused', decidedBy: { name: 'Bea' } })
    expect(await last()).toMatchObject({ event: 'admin-change.refuse', actor: 'person:bea' })
    const third = await proposed('protected.add', network)
    await db.pool.query(`update admin_change set expires_at = now() - interval '1 second' where id = $1`, [third.id])
    await expect(approveAdminChange(db.pool, BEA, third.id)).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('expired'),
    })
    expect((await adminChanges(db.pool, BEA)).changes.map(({ state }) => state)).toEqual(['expired', 'refused', 'withdrawn'])
    expect((await proposed('protected.add', network)).state, 'an expired one is in nobody’s way').toBe('open')
  })

  it('a proposal of someone who is no admin any more cannot be approved', async () => {
    await account('cleo')
    const waiting = await proposed('protected.add', network)
    for (const change of [`role = 'viewer'`, `role = 'admin', banned = true`]) {
      await db.pool.query(`update auth_user set ${change} where id = 'ada'`)
      await expect(approveAdminChange(db.pool, BEA, waiting.id)).rejects.toMatchObject({
        code: 'conflict',
        detail: expect.stringContaining('no admin'),
      })
    }
    expect(await site()).toEqual([])
  })

  it('what changed meanwhile is judged again at the approval', async () => {
    const waiting = await proposed('protected.add', network)
    await approveAdminChange(db.pool, BEA, waiting.id)
    const removal = await proposed('protected.remove', network)
    await db.pool.query('delete from protected_prefix')
    await expect(approveAdminChange(db.pool, BEA, removal.id)).rejects.toMatchObject({ code: 'not-found' })
    expect((await adminChanges(db.pool, BEA)).changes.find(({ id }) => id === removal.id)?.state).toBe('open')
  })

  it('a token proposes nothing', async () => {
    await expect(changeAsAdmin(db.pool, TOKEN, 'protected.add', network)).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('token'),
    })
  })

  it('turning the rule off needs both; off, one decides and the log says so', async () => {
    const off = await proposed('two-persons.set', { on: false })
    await approveAdminChange(db.pool, BEA, off.id)
    expect((await adminChanges(db.pool, ADA)).twoPersons).toEqual({ on: false, admins: 2, inForce: false })
    await changeAsAdmin(db.pool, ADA, 'protected.add', network)
    expect(await last()).toMatchObject({ after: { decided: 'one person: two are not asked for' } })
    await changeAsAdmin(db.pool, ADA, 'two-persons.set', { on: true })
    expect((await adminChanges(db.pool, ADA)).twoPersons.inForce).toBe(true)
  })

  it('an exporter is retired and put back by two', async () => {
    const { rows } = await db.pool.query<{ id: number }>(
      `insert into exporter (address) values ('203.0.113.77') on conflict (address) do update set retired = null returning id`,
    )
    const id = rows[0]?.id ?? 0
    const retired = async () =>
      (await db.pool.query<{ retired: boolean }>('select retired is not null as retired from exporter where id = $1', [id])).rows[0]
        ?.retired
    const waiting = await proposed('exporter.retire', { id, reason: 'replaced' })
    expect(waiting.sentence).toBe('Retire the exporter 203.0.113.77')
    expect(await retired()).toBe(false)
    await approveAdminChange(db.pool, BEA, waiting.id)
    expect(await retired()).toBe(true)
    const back = await proposed('exporter.restore', { id, reason: 'needed' })
    await approveAdminChange(db.pool, BEA, back.id)
    expect(await retired()).toBe(false)
  })
})

describe('removing a device', () => {
  it('is refused while it holds a live block, naming it; its past blocks keep its name; it can come back', async () => {
    await changeAsAdmin(db.pool, ADA, 'device.save', edge)
    await db.pool.query(`insert into block (id, state, intent, sentence, hash, verdict, requester, requester_role, requested_at, requester_step_up_at)
      values ('blk-1', 'pending_approval', '{}', 'Drop everything from 198.51.100.7', repeat('a', 64), '{}', 'person:ada', 'oncall', now(), now())`)
    await db.pool.query(
      `insert into block_device (block_id, device_id, slot, state, apply, undo, hash) values ('blk-1', 'edge', 1, 'waiting', '', '', '')`,
    )
    await expect(changeAsAdmin(db.pool, ADA, 'device.remove', { id: 'edge', reason: 'gone' })).rejects.toMatchObject({
      code: 'conflict',
      detail: 'Edge holds a live block: “Drop everything from 198.51.100.7”.',
      remedy: expect.stringContaining('Withdraw'),
    })
    await db.pool.query(
      `update block_device set state = 'removed', removed_at = now(); update block set state = 'withdrawn', ended_at = now()`,
    )
    await changeAsAdmin(db.pool, ADA, 'device.remove', { id: 'edge', reason: 'gone' })
    expect(await last()).toMatchObject({ event: 'device.remove', subject: 'device:edge', reason: 'gone', before: { name: 'Edge' } })
    expect((await devices(db.pool)).devices).toEqual([])
    const { rows } = await db.pool.query(`select d.name from block_device b join device d on d.id = b.device_id where b.block_id = 'blk-1'`)
    expect(rows).toEqual([{ name: 'Edge' }])
    await expect(changeAsAdmin(db.pool, ADA, 'device.remove', { id: 'edge', reason: 'gone' })).rejects.toMatchObject({ code: 'not-found' })
    await changeAsAdmin(db.pool, ADA, 'device.save', { ...edge, name: 'Edge again' })
    expect((await devices(db.pool)).devices).toMatchObject([{ id: 'edge', name: 'Edge again' }])
    expect(await last()).toMatchObject({ event: 'device.add' })
  })
})
