import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import { systemActor } from '../contracts/audit.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { verifyStored } from './check.ts'
import { copyCheckpoints, makeCheckpoint } from './checkpoint.ts'
import { createAuditKeeper } from './keeper.ts'
import { listAudit } from './list.ts'
import { openSigningKey, type SigningKey, trustedKeys } from './signing-key.ts'

// What whoever owns the tables can do to them, triggers off, and how it shows.

const ENTRIES = 30
let db: TestDatabase
let dataDir: string
let key: SigningKey

const add = (subject: string, more: { before?: unknown; after?: unknown } = {}) =>
  inTransaction(db.pool, (client) => appendAudit(client, { event: 'test.change', actor: systemActor('test'), subject, ...more }))

beforeAll(async () => {
  db = await createTestDatabase('postgres')
  dataDir = mkdtempSync(join(tmpdir(), 'weir-audit-'))
  key = openSigningKey(dataDir)
  for (let seq = 1; seq <= ENTRIES; seq++) {
    await add(`thing:${seq}`, { before: { n: seq / 3, big: 9_007_199_254_740_992 }, after: { text: `né "${seq}"\n`, at: new Date(0) } })
    if (seq % 10 === 0) await makeCheckpoint(db.pool, key, { force: true })
  }
  await copyCheckpoints(db.pool, dataDir)
  await db.pool.query('create table kept_entry as table audit_entry; create table kept_checkpoint as table audit_checkpoint')
})
afterAll(async () => {
  await db.drop()
  rmSync(dataDir, { recursive: true, force: true })
})

/** What an owner does: triggers off, statement, triggers on. */
const asOwner = (statement: string) =>
  db.pool.query(`begin; alter table audit_entry disable trigger all; alter table audit_checkpoint disable trigger all; ${statement};
    alter table audit_entry enable always trigger audit_entry_refuse; alter table audit_checkpoint enable always trigger audit_checkpoint_refuse; commit`)

const verdict = () => verifyStored(db.pool, { dataDir, trusted: trustedKeys(dataDir) })

beforeEach(() =>
  asOwner(
    `truncate audit_entry, audit_checkpoint; insert into audit_entry select * from kept_entry; insert into audit_checkpoint select * from kept_checkpoint`,
  ),
)

test('what nobody touched holds', async () => {
  expect(await verdict()).toMatchObject({ problem: null, head: { seq: ENTRIES }, sealed: ENTRIES, checkpoints: 3, keys: [key.id] })
})

test.each([
  ['an actor', `update audit_entry set actor = 'person:mallory' where seq = 13`, 'changed', 13],
  ['a time by a millisecond', `update audit_entry set at = at + interval '1 ms' where seq = 7`, 'changed', 7],
  ['a value inside', `update audit_entry set after = jsonb_set(after, '{text}', '"x"') where seq = 21`, 'changed', 21],
  [
    'a number that a double would round',
    `update audit_entry set before = jsonb_set(before, '{big}', '9007199254740993') where seq = 4`,
    'malformed',
    4,
  ],
  ['a removed entry', 'delete from audit_entry where seq = 17', 'missing', 17],
  ['a removed first entry', 'delete from audit_entry where seq = 1', 'missing', 1],
  ['everything removed', 'delete from audit_entry', 'truncated', 1],
  [
    'the end removed with its checkpoints',
    'delete from audit_entry where seq > 25; delete from audit_checkpoint where seq > 20',
    'truncated',
    26,
  ],
  [
    'two entries swapped',
    'update audit_entry set seq = 99 where seq = 5; update audit_entry set seq = 5 where seq = 6; update audit_entry set seq = 6 where seq = 99',
    'changed',
    5,
  ],
  ['a hash', `update audit_entry set hash = decode(repeat('ab', 32), 'hex') where seq = 30`, 'changed', 30],
  ['a checkpoint', `update audit_checkpoint set document = replace(document, '"seq":20', '"seq":21') where number = 2`, 'checkpoint', 11],
  ['a signature', `update audit_checkpoint set signature = decode(repeat('00', 64), 'hex') where number = 3`, 'checkpoint', 21],
])('the owner changes %s: found and named', async (_what, statement, code, seq) => {
  await asOwner(statement)
  expect((await verdict()).problem).toMatchObject({ code, seq })
})

test('hostile text is recorded, and the chain holds', async () => {
  const hostile = 'nul \u0000 surrogate \ud800 <img onerror> =HYPERLINK \u202e \u001b[2J'
  await add(hostile, { before: { [hostile]: hostile }, after: [hostile, -0, 1e21, 1e-7, 5e-324, 2n ** 80n] })
  expect(await verdict()).toMatchObject({ problem: null, head: { seq: ENTRIES + 1 }, sealed: ENTRIES })
  const { entries } = await listAudit(db.pool, { limit: 1 })
  expect(entries[0]?.subject).toContain('nul \ufffd surrogate \ufffd')
})

test('the keeper verifies, signs what is new, and says what is wrong', async () => {
  const keeper = createAuditKeeper(db.pool, dataDir, () => undefined)
  await add('thing:new')
  keeper.start()
  await keeper.close()
  await keeper.seal()
  expect(await keeper.state()).toMatchObject({
    head: { seq: ENTRIES + 1 },
    verified: { seq: ENTRIES + 1 },
    problem: null,
    checkpoint: { number: 4, seq: ENTRIES + 1 },
    key: key.id,
    events: ['test.change'],
  })
  expect(keeper.checks()).toMatchObject([{ name: 'audit', state: 'ok' }])
  await asOwner(`update audit_entry set actor = 'person:mallory' where seq = 3`)
  const later = createAuditKeeper(db.pool, dataDir, () => undefined)
  later.start()
  await later.close()
  expect(later.checks()).toMatchObject([{ name: 'audit', state: 'fail' }])
  expect((await later.state()).problem).toMatchObject({ seq: 3 })
  await later.seal()
  const { rows } = await db.pool.query('select max(number)::int as last from audit_checkpoint')
  expect(rows[0], 'what does not hold is not signed').toEqual({ last: 4 })
})

test('entries are listed newest first, page by page, and narrowed', async () => {
  const first = await listAudit(db.pool, { limit: 20 })
  expect(first.entries.map((entry) => entry.seq)).toEqual(Array.from({ length: 20 }, (_, index) => ENTRIES - index))
  const second = await listAudit(db.pool, { limit: 20, cursor: first.nextCursor ?? '' })
  expect(second.entries).toHaveLength(10)
  expect(second.nextCursor).toBeNull()
  expect((await listAudit(db.pool, { event: 'test', subject: 'thing', actor: 'system:test' })).entries).toHaveLength(30)
  expect((await listAudit(db.pool, { subject: 'thing:3' })).entries).toHaveLength(1)
  expect((await listAudit(db.pool, { actor: '%' })).entries).toHaveLength(0)
  expect((await listAudit(db.pool, { own: 'person:me' })).entries).toHaveLength(0)
  expect((await listAudit(db.pool, { to: new Date(0) })).entries).toHaveLength(0)
})
