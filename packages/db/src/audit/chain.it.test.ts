import { afterAll, beforeAll, expect, test } from 'vitest'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import { systemActor } from '../contracts/audit.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await createTestDatabase('postgres')
})
afterAll(async () => {
  await db.drop()
})

const record = (subject: string) => ({ event: 'test.change', actor: systemActor('test'), subject })

test('sixteen writers make one chain without a fork or a gap', async () => {
  const started = performance.now()
  await Promise.all(
    Array.from({ length: 16 }, async (_, writer) => {
      for (let at = 0; at < 25; at++) await inTransaction(db.pool, (client) => appendAudit(client, record(`thing:${writer}-${at}`)))
    }),
  )
  const perSecond = 400 / ((performance.now() - started) / 1000)
  const { rows } = await db.pool.query<{ count: number; last: string; linked: number }>(
    `select count(*)::int as count, max(seq) as last,
       count(*) filter (where prev_hash = coalesce((select p.hash from audit_entry p where p.seq = e.seq - 1), decode(repeat('00', 32), 'hex')))::int as linked
     from audit_entry e`,
  )
  expect(rows[0]).toMatchObject({ count: 400, last: '400', linked: 400 })
  console.info(`${Math.round(perSecond)} appends/s`)
})

test.each(['update audit_entry set event = event', 'delete from audit_entry', 'truncate audit_entry', 'delete from audit_checkpoint'])(
  'the owner is refused: %s',
  async (statement) => {
    await expect(db.pool.query(statement)).rejects.toThrow(/append-only/)
  },
)

test('when the record cannot be written, nothing is done', async () => {
  const change = inTransaction(db.pool, async (client) => {
    await client.query(`insert into setting (key, value) values ('audit-test', '1')`)
    await appendAudit(client, { ...record('thing:1'), event: 'not an event' })
  })
  await expect(change).rejects.toMatchObject({ code: 'audit-blocked', message: expect.stringContaining('audit_entry_event_check') })
  const { rows } = await db.pool.query(`select from setting where key = 'audit-test'`)
  expect(rows).toHaveLength(0)
})
