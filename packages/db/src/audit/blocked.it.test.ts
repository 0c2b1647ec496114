import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { setNotifications } from '../commands/notifications.ts'
import { recordAudit } from '../commands/transaction.ts'
import { systemActor } from '../contracts/audit.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { createAuditKeeper } from './keeper.ts'

let db: TestDatabase
let dataDir: string
beforeAll(async () => {
  db = await createTestDatabase('postgres')
  dataDir = mkdtempSync(join(tmpdir(), 'weir-audit-'))
})
afterAll(async () => {
  await db.drop()
  rmSync(dataDir, { recursive: true, force: true })
})

const entry = { event: 'test.change', actor: systemActor('test'), subject: 'thing:1' }
const refuse = () =>
  db.pool.query(`create function refuse_audit() returns trigger language plpgsql as $$ begin raise 'no space left'; end $$;
    create trigger refuse_audit before insert on audit_entry for each row execute function refuse_audit()`)
const accept = () => db.pool.query('drop trigger refuse_audit on audit_entry; drop function refuse_audit')
const messages = async () =>
  (await db.pool.query<{ kind: string; channel: string; about: string }>('select kind, channel, about from system_message order by id'))
    .rows
async function until(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000
  while (!(await test())) {
    if (Date.now() > end) throw new Error(`never: ${what}`)
    await new Promise((done) => setTimeout(done, 50))
  }
}

it('an audit log that takes no entries is the alert audit_blocked: health fails, people are paged once, and told when it is over', async () => {
  await setNotifications(db.pool, systemActor('test'), {
    publicUrl: 'https://weir.example.org',
    allowedHosts: ['hooks.example.org'],
    allowPrivate: false,
    allowHttp: false,
    webhooks: [
      { name: 'pages', url: 'https://hooks.example.org/a', secret: 'x'.repeat(16), classes: ['page'] },
      { name: 'tickets', url: 'https://hooks.example.org/b', secret: 'x'.repeat(16), classes: ['ticket'] },
    ],
    email: null,
  })
  await recordAudit(db.pool, entry)
  // Two processes, as two web servers would be: people are told once all the same.
  const keepers = [1, 2].map(() => createAuditKeeper(db.pool, dataDir, () => undefined, { tickMs: 100 }))
  for (const keeper of keepers) keeper.start()
  const states = () => keepers.flatMap((keeper) => keeper.checks()).filter(({ name }) => name === 'audit_blocked')
  await until('both have looked', async () =>
    (await Promise.all(keepers.map((keeper) => keeper.state()))).every(({ verified }) => verified !== null),
  )
  expect(states()).toEqual([])
  expect(await messages()).toEqual([])

  await refuse()
  await until('both see it', () => states().length === 2)
  expect(states()[0]).toMatchObject({ state: 'fail', message: expect.stringContaining('no space left') })
  await expect(recordAudit(db.pool, entry)).rejects.toMatchObject({ code: 'audit-blocked' })
  await until('people are told', async () => (await messages()).length > 0)
  await new Promise((done) => setTimeout(done, 500))
  expect(await messages()).toEqual([{ kind: 'raised', channel: 'webhook:pages', about: 'audit_blocked' }])

  await accept()
  await until('both see that it is over', () => states().length === 0)
  await until('people are told so', async () => (await messages()).length > 1)
  await new Promise((done) => setTimeout(done, 500))
  expect((await messages()).map(({ kind }) => kind)).toEqual(['raised', 'cleared'])
  for (const keeper of keepers) await keeper.close()
  // Trying left nothing behind.
  expect((await db.pool.query(`select from audit_entry where event = 'audit.probe'`)).rows).toEqual([])
})
