import { createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { closePool, createPool } from './connection.ts'
import { classify } from './errors.ts'
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

test('an attempt to connect to a server that says nothing ends when the pool is closed', async () => {
  const silent: Socket[] = []
  const server = createServer((socket) => silent.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const pool = createPool({ connectionString: `postgres://weir@127.0.0.1:${port}/weir`, applicationName: 'weir-test-close' })
  const refused = pool.query('select 1').then(
    () => 'answered',
    (error: unknown) => classify(error),
  )
  await vi.waitFor(() => expect(silent).toHaveLength(1))
  await closePool(pool, 50)
  expect(pool.totalCount).toBe(0)
  expect(await refused).toBe('outage')
  for (const socket of silent) socket.destroy()
  server.close()
})
