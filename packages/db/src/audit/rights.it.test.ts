import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import { createPool, type Pool } from '../connection.ts'
import { systemActor } from '../contracts/audit.ts'
import { migrate } from '../migrate.ts'
import { testServerUrl } from '../testing/index.ts'
import { makeCheckpoint } from './checkpoint.ts'
import { createAuditKeeper } from './keeper.ts'

const made: string[] = []
const admin = async (...statements: string[]) => {
  const client = new pg.Client({ connectionString: testServerUrl('postgres') })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
afterAll(async () => {
  for (const name of made) await admin(`drop database if exists ${name} with (force)`, `drop role if exists ${name}`)
})

/** A database of a user of its own, migrated by that user. */
async function databaseOf(kind: string, options: string): Promise<Pool> {
  const name = `weir_test_${Date.now().toString(36)}_${process.pid}_${kind}`
  made.push(name)
  await admin(
    `create role ${name} login password 'test' ${options}`,
    `create database ${name} owner ${name} template template0 encoding 'UTF8'`,
  )
  // Roles belong to the server: one that another database's migration made is this user's as if they had made it themselves.
  if (options.includes('createrole')) {
    await admin(
      `do $$ begin if not exists (select from pg_roles where rolname = 'weir_audit') then create role weir_audit nologin; end if; end $$`,
      `grant weir_audit to ${name} with admin true, inherit false, set false`,
    )
  }
  const url = new URL(testServerUrl('postgres'))
  url.pathname = `/${name}`
  url.username = name
  url.password = 'test'
  await migrate(url.href, { engine: 'postgres' })
  return createPool({ connectionString: url.href, applicationName: 'weir-test', max: 2 })
}
const add = (pool: Pool) =>
  inTransaction(pool, (client) => appendAudit(client, { event: 'test.change', actor: systemActor('test'), subject: 'thing:1' }))
const warnings = async (pool: Pool): Promise<string[]> => {
  const keeper = createAuditKeeper(pool, '/nonexistent/of/weir', () => undefined)
  keeper.start()
  await keeper.close()
  return (await keeper.state()).warnings
}
const key = { id: 'A'.repeat(43), sign: () => Buffer.alloc(64) }

test('a program whose user may make roles can add to the log and read it, and nothing else', async () => {
  const pool = await databaseOf('maker', 'createrole')
  try {
    expect(await add(pool)).toMatchObject({ seq: 1 })
    expect(await makeCheckpoint(pool, key)).toBe(true)
    for (const table of ['audit_entry', 'audit_checkpoint']) {
      for (const statement of [`update ${table} set seq = seq`, `delete from ${table}`, `truncate ${table}`]) {
        await expect(pool.query(statement), statement).rejects.toThrow(/permission denied/)
      }
      await expect(pool.query(`alter table ${table} disable trigger all`)).rejects.toThrow(/must be owner/)
    }
    const nothing = 'create or replace function audit_refuse() returns trigger language plpgsql as $$ begin return null; end $$'
    await expect(pool.query(nothing)).rejects.toThrow(/must be owner/)
    expect((await warnings(pool)).filter((text) => text.includes('database user'))).toEqual([])
  } finally {
    await pool.end()
  }
})

test('a program whose user may make no role is held by triggers, and the state says so', async () => {
  const pool = await databaseOf('plain', '')
  try {
    await add(pool)
    await expect(pool.query('update audit_entry set actor = actor')).rejects.toThrow(/append-only/)
    expect((await warnings(pool)).join()).toMatch(/owns it/)
  } finally {
    await pool.end()
  }
})
