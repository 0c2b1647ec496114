import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { closePool, createPool } from './connection.ts'
import { createEmptyDatabase, type TestDatabase } from './testing/database.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await createEmptyDatabase('postgres')
})
afterAll(() => db?.drop())

const newPool = () => createPool({ connectionString: db.url, applicationName: 'weir-test-close', onError: () => undefined })

test('a pool that is closed cancels what still runs at the server, and ends', async () => {
  const pool = newPool()
  const idle = await pool.connect()
  idle.release()
  const sleeping = expect(pool.query('select pg_sleep(600)')).rejects.toMatchObject({ code: '57014' })
  const running = () => db.pool.query(`select 1 from pg_stat_activity where application_name = 'weir-test-close' and state = 'active'`)
  await vi.waitFor(async () => expect((await running()).rowCount).toBe(1))
  await closePool(pool, 50)
  await sleeping
  expect((await running()).rowCount).toBe(0)
})

test('a connection that nobody gives back does not keep a pool from being closed', async () => {
  const pool = newPool()
  const client = await pool.connect()
  await client.query('begin')
  await closePool(pool, 50)
  await expect(client.query('commit')).rejects.toThrow()
})

test('what ends by itself within the grace is not disturbed', async () => {
  const pool = newPool()
  const slow = pool.query<{ done: number }>('select 7 as done from pg_sleep(0.3)')
  await pool.query('select 1')
  await closePool(pool, 20_000)
  expect((await slow).rows).toEqual([{ done: 7 }])
})
