import { type RateEvent, ROLES } from '@weir/db/contracts'
import { publish } from '@weir/db/notify'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { io, type Socket } from 'socket.io-client'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { sleep, until } from '../support/wait.ts'
import { type Caller, everyone, invited, startWeb, userNamed, type Web } from './web.ts'

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>
const sockets: Socket[] = []

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.disconnect()
})

const rate = (bitsPerSecond: number): RateEvent => ({
  at: Date.now(),
  flowsPerSecond: 12,
  bitsPerSecond,
  packetsPerSecond: 34,
  datagramsPerSecond: 5,
  exportersLive: 1,
})

function connect(caller: Caller | null, options: { origin?: string | null; transport?: 'websocket' | 'polling' } = {}): Socket {
  const origin = options.origin === undefined ? web.url : options.origin
  const socket = io(web.url, {
    path: '/api/live',
    transports: [options.transport ?? 'websocket'],
    reconnection: false,
    forceNew: true,
    extraHeaders: {
      ...(origin === null ? {} : { origin }),
      ...(caller?.cookie == null ? {} : { cookie: caller.cookie }),
      ...(caller?.token == null ? {} : { authorization: `Bearer ${caller.token}` }),
    },
  })
  sockets.push(socket)
  return socket
}

const outcome = (socket: Socket): Promise<'connected' | 'refused'> =>
  new Promise((resolve) => {
    socket.once('connect', () => resolve('connected'))
    socket.once('connect_error', () => resolve('refused'))
  })

describe('the live channel', () => {
  it.each(['websocket', 'polling'] as const)(
    'over %s is closed to everyone without a session or token from our own origin',
    async (transport) => {
      expect(await outcome(connect(null, { transport }))).toBe('refused')
      for (const origin of [null, 'null', 'https://evil.example', 'http://sub.127.0.0.1', `${web.url}0`]) {
        expect(await outcome(connect(callers.people.admin, { transport, origin })), String(origin)).toBe('refused')
      }
      expect(await outcome(connect(callers.people.admin, { transport }))).toBe('connected')
      // A program has no origin; its token is enough. A wrong one is not.
      expect(await outcome(connect(callers.tokens.viewer, { transport, origin: null }))).toBe('connected')
    },
  )

  it('is open to every role', async () => {
    for (const role of ROLES) expect(await outcome(connect(callers.people[role])), role).toBe('connected')
  })

  it('moves: what the collector publishes arrives within a second, and who comes later gets the last value at once', async () => {
    const socket = connect(callers.people.operator)
    const seen: number[] = []
    socket.on('rate', (event: RateEvent) => seen.push(event.bitsPerSecond))
    expect(await outcome(socket)).toBe('connected')
    const from = Date.now()
    await publish(database.pool, 'weir_rate', rate(1_000))
    await until('the first rate', () => seen.includes(1_000), 2_000, 10)
    expect(Date.now() - from).toBeLessThan(1_000)
    await publish(database.pool, 'weir_rate', rate(2_000))
    await until('the second rate', () => seen.includes(2_000), 2_000, 10)

    const late = connect(callers.people.viewer)
    const first = await new Promise<RateEvent>((resolve) => late.once('rate', resolve))
    expect(first.bitsPerSecond).toBe(2_000)
  })

  it('tells what has changed', async () => {
    const socket = connect(callers.people.operator)
    const seen: string[] = []
    socket.on('changed', (event: { what: string }) => seen.push(event.what))
    expect(await outcome(socket)).toBe('connected')
    await callers.people.admin.ask('PUT', '/api/v1/home-networks', { networks: ['203.0.113.0/24'] })
    await until('the hint', () => seen.includes('settings'), 3_000, 20)
  })

  it.each(['a disabled account', 'a changed role', 'a sign-out', 'a revoked token'])('is cut within five seconds of %s', async (what) => {
    const { admin } = callers.people
    const email = `${what.replaceAll(' ', '-')}@example.org`
    let socket: Socket
    let change: () => Promise<unknown>
    if (what === 'a revoked token') {
      const made = (await (await admin.ask('POST', '/api/v1/tokens', { name: 'watcher', role: 'viewer' })).json()) as {
        id: number
        token: string
      }
      socket = connect({ ...callers.tokens.viewer, token: made.token, cookie: null } as Caller)
      change = () => admin.ask('DELETE', `/api/v1/tokens/${made.id}`)
    } else {
      const person = await invited(admin, 'operator', email)
      const { id } = await userNamed(admin, email)
      socket = connect(person)
      change =
        what === 'a sign-out'
          ? () => person.ask('DELETE', '/api/v1/session')
          : () => admin.ask('PATCH', `/api/v1/users/${id}`, what === 'a changed role' ? { role: 'viewer' } : { disabled: true })
    }
    expect(await outcome(socket)).toBe('connected')
    const cut = new Promise<number>((resolve) => socket.once('disconnect', () => resolve(Date.now())))
    const from = Date.now()
    await change()
    expect((await cut) - from).toBeLessThan(5_000)
  })

  it('accepts nothing: who sends an event is cut, and the server stays', async () => {
    for (const name of ['rate', 'changed', 'anything']) {
      const socket = connect(callers.people.admin)
      expect(await outcome(socket)).toBe('connected')
      const cut = new Promise((resolve) => socket.once('disconnect', resolve))
      socket.emit(name, { what: 'flows' })
      await cut
    }
    const big = connect(callers.people.admin)
    expect(await outcome(big)).toBe('connected')
    const cut = new Promise((resolve) => big.once('disconnect', resolve))
    big.emit('x', 'y'.repeat(65_537))
    await cut
    expect(await outcome(connect(callers.people.admin))).toBe('connected')
  })

  it('gives one person eight connections at most', async () => {
    await sleep(300)
    const results = []
    for (let n = 0; n < 10; n++) results.push(await outcome(connect(callers.people.oncall)))
    expect(results.filter((result) => result === 'connected')).toHaveLength(8)
    expect(await outcome(connect(callers.people.operator))).toBe('connected')
  })
})
