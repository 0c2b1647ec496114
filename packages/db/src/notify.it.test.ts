import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { publish, subscribe } from './notify.ts'
import { createEmptyDatabase, type TestDatabase } from './testing/database.ts'

const rate = { at: 1, flowsPerSecond: 2, bitsPerSecond: 3, packetsPerSecond: 4, datagramsPerSecond: 5, exportersLive: 6 }
let db: TestDatabase
beforeAll(async () => {
  db = await createEmptyDatabase('postgres')
})
afterAll(() => db?.drop())

test('a subscriber hears what is published, and only what has its channel’s shape', async () => {
  const heard: unknown[] = []
  const invalid: string[] = []
  const connected = vi.fn()
  const subscription = subscribe(db.url, {
    rate: (event) => heard.push(event),
    changed: (event) => heard.push(event),
    connected,
    invalid: (_channel, payload) => invalid.push(payload),
  })
  await vi.waitFor(() => expect(connected).toHaveBeenCalledWith(false))
  await publish(db.pool, 'weir_rate', rate)
  await db.pool.query(`select pg_notify('weir_rate', '{"at": "now"}'), pg_notify('weir_changed', 'flows')`)
  await publish(db.pool, 'weir_changed', { what: 'exporters' })
  await vi.waitFor(() => expect(heard).toEqual([rate, { what: 'exporters' }]))
  expect(invalid).toEqual(['{"at": "now"}', 'flows'])
  await subscription.close()
})

test('a subscriber comes back after its connection was ended, was refused, or fell silent', async () => {
  // Between subscriber and server, so that the network can fail as networks do.
  const { hostname, port } = new URL(db.url)
  const sockets = new Set<Socket>()
  let silent = false
  const proxy = createServer((inner) => {
    const outer = connect(Number(port), hostname)
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => silent || to.write(chunk))
      from.on('error', () => from.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  const url = new URL(db.url)
  url.port = String(address !== null && typeof address === 'object' ? address.port : 0)
  const connected: boolean[] = []
  const lost: string[] = []
  const heard: unknown[] = []
  const subscription = subscribe(
    url.href,
    { changed: (e) => heard.push(e), connected: (again) => connected.push(again), disconnected: (error) => lost.push(error.message) },
    { retryMs: [20, 100], checkMs: 150 },
  )
  await vi.waitFor(() => expect(connected).toEqual([false]))
  await db.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir-notify'`)
  await vi.waitFor(() => expect(connected).toEqual([false, true]))
  for (const socket of sockets) socket.destroy()
  await vi.waitFor(() => expect(connected).toHaveLength(3), 5000)
  silent = true
  await vi.waitFor(() => expect(lost).toContain('the server does not answer'), 5000)
  silent = false
  await vi.waitFor(() => expect(connected.length).toBeGreaterThanOrEqual(4), 20_000)
  await publish(db.pool, 'weir_changed', { what: 'flows' })
  await vi.waitFor(() => expect(heard).toEqual([{ what: 'flows' }]))
  await subscription.close()
  proxy.close()
}, 60_000)

test('closing while the server cannot be reached ends the attempts', async () => {
  const lost: number[] = []
  const subscription = subscribe(
    'postgres://weir:x@127.0.0.1:9/weir',
    { disconnected: (_error, wait) => lost.push(wait) },
    { retryMs: [10, 40] },
  )
  await vi.waitFor(() => expect(lost.length).toBeGreaterThan(4))
  expect(Math.max(...lost)).toBeLessThanOrEqual(50)
  await subscription.close()
  const seen = lost.length
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(lost).toHaveLength(seen)
})

test('closing while an attempt is under way ends it', async () => {
  const held: Socket[] = []
  // Takes connections, says nothing.
  const server = createServer((socket) => void held.push(socket.on('error', () => undefined).resume()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const lost: Error[] = []
  const subscription = subscribe(`postgres://weir:x@127.0.0.1:${port}/weir`, { disconnected: (error) => lost.push(error) })
  await vi.waitFor(() => expect(held).toHaveLength(1))
  await subscription.close()
  await vi.waitFor(() => expect(held[0]?.readableEnded || held[0]?.destroyed).toBe(true))
  expect(lost).toEqual([])
  server.close()
})

test('a message that does not fit is refused before it is sent', async () => {
  await expect(
    publish(db.pool, 'weir_rate', { ...rate, at: Number.NaN, ...Object.fromEntries([['pad', 'x'.repeat(8000)]]) }),
  ).rejects.toMatchObject({
    code: 'payload-too-large',
  })
})
