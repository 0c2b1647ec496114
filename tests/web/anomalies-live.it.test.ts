import { consoleActor, createToken } from '@weir/db/commands'
import { ROLES, type Role } from '@weir/db/contracts'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AnomalyPosition } from '../../apps/web/live/anomaly-position.ts'
import { sleep, until } from '../support/wait.ts'
import { everyone, startWeb, type Web } from './web.ts'

/** A browser's end of the channel with its own reconnection, as live/socket.ts has it: it names its last event when it connects. */
class Browser {
  readonly socket: Socket
  readonly told: number[] = []
  /** What this browser shows as new: told, less what its position refuses. */
  readonly shown: number[] = []
  standings: { last: number; reload: boolean }[] = []
  connects = 0

  constructor(url: string, token: string) {
    const position = new AnomalyPosition()
    this.socket = io(url, {
      path: '/api/live',
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 200,
      reconnectionDelayMax: 800,
      auth: (answer) => answer(position.hello()),
      extraHeaders: { authorization: `Bearer ${token}` },
    })
    this.socket.on('connect', () => {
      this.connects += 1
    })
    // The server cuts whom it cannot serve; the page connects again then.
    this.socket.on('disconnect', (reason) => {
      if (reason === 'io server disconnect') setTimeout(() => this.socket.connect(), 200)
    })
    this.socket.on('anomaly', (notice: { id: number }) => {
      this.told.push(notice.id)
      if (position.take(notice)) this.shown.push(notice.id)
    })
    this.socket.on('anomalies', (standing: { last: number; reload: boolean }) => {
      this.standings.push(standing)
      position.stand(standing.last)
    })
  }
}

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>
const browsers: Browser[] = []

/** One anomaly as the detectors would store it, and its event. */
async function found(n: number): Promise<void> {
  await database.pool.query(
    `with made as (
       insert into anomaly (id, detector, entity, severity, actor, target, first_seen, last_seen, findings, group_key, trust, window_from, window_to,
         finding_first, statistic, unit, value, threshold, sentence, parts, fresh, filter, windows)
       values ($1, 'port_scan', $1, 'warning', '192.0.2.7', '203.0.113.9', now(), now(), 1, $1, 'ok', now(), now(), now(), 'distinct_failed_ports', 'ports',
         100, 60, '192.0.2.7 tried 100 ports of 203.0.113.9.', '[]', '[]', 'src_addr = 192.0.2.7', 1) returning id)
     select 1 from made`,
    [`port_scan-t-${n}`],
  )
  await database.pool.query(`select weir_anomaly_event($1, 'opened', now(), null, null)`, [`port_scan-t-${n}`])
}

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
})
afterAll(async () => {
  for (const browser of browsers) browser.socket.disconnect()
  await web?.stop()
  await database?.drop()
})

describe('anomaly events', () => {
  it('reach a hundred browsers once and in order over a restart of the web process', { timeout: 120_000 }, async () => {
    const tokens: string[] = []
    for (let n = 0; n < 13; n++)
      tokens.push((await createToken(database.pool, consoleActor(), { name: `browser ${n}`, role: ROLES[n % ROLES.length] as Role })).token)
    for (let n = 0; n < 100; n++) browsers.push(new Browser(web.url, tokens[n % 13] ?? ''))
    await until('a hundred browsers to stand', () => browsers.every((browser) => browser.standings.length === 1), 30_000, 50)

    let n = 0
    const burst = async (count: number) => {
      for (let i = 0; i < count; i++) await found(++n)
    }
    await burst(150)
    // In the middle of a stream of events: some told, some on their way, the rest while nobody is there.
    const stream = burst(200)
    await sleep(100)
    const { url } = web
    await web.stop()
    await stream
    web = { ...(await startWeb(database, { WEIR_HTTP_PORT: new URL(url).port })), url }
    await burst(150)

    const all = Array.from({ length: 500 }, (_, at) => at + 1)
    await until('everybody to have heard all', () => browsers.every((browser) => browser.shown.at(-1) === 500), 60_000, 100)
    // Whoever would be told twice, is told soon.
    await sleep(500)
    for (const [index, browser] of browsers.entries()) {
      expect(browser.told, `browser ${index}`).toEqual(all)
      expect(browser.connects, `browser ${index} was away`).toBeGreaterThan(1)
      expect(browser.standings.filter((standing) => standing.reload)).toEqual([])
    }
  })

  it('come again after the database cut the listener', { timeout: 60_000 }, async () => {
    const listening = `from pg_stat_activity where application_name = 'weir-web-live' and datname = current_database()`
    const before = browsers[0]?.shown.at(-1) ?? 0
    expect([browsers.length, before]).toEqual([100, 500])
    await database.pool.query(`select pg_terminate_backend(pid) ${listening}`)
    for (let i = 501; i <= 520; i++) await found(i)
    await until('the rest', () => browsers.every((browser) => browser.shown.at(-1) === before + 20), 30_000, 50)
    for (const browser of browsers) expect(browser.told).toEqual(Array.from({ length: 520 }, (_, at) => at + 1))
  })

  it('say reload to whoever was away for too long, and to whoever comes from another database', async () => {
    const { token } = callers.tokens.viewer
    await database.pool.query(
      `insert into anomaly_event (id, anomaly_id, kind, at, state, severity)
       select i, 'port_scan-t-1', 'escalated', now(), 'new', 'warning' from generate_series(521, 4000) i`,
    )
    for (const last of [3, 999_999]) {
      const socket = io(web.url, {
        path: '/api/live',
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
        auth: { lastEvent: last },
        extraHeaders: { authorization: `Bearer ${token}` },
      })
      const standing = await new Promise((resolve) => socket.once('anomalies', resolve))
      socket.disconnect()
      expect(standing).toEqual({ last: 4000, reload: true })
    }
  })
})
