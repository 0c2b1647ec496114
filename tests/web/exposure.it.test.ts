import { type Action, DIMENSIONS, LIVE_EVENTS, may, PAGES, ROUTES, type Role, type RouteKey } from '@weir/db/contracts'
import { type DetectedAnomaly, storeChange } from '@weir/db/ingest'
import { publish } from '@weir/db/notify'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { io } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/wait.ts'
import { type Caller, everyone, startWeb, type Web } from './web.ts'

/** Nobody without single hosts sees one: every route, page and live event that such a role may ask for, on data full of them. */
let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>

/** Every host there is in the data; each stands in a place of its own. */
const HOSTS = [
  '198.51.100.77',
  '203.0.113.88',
  '2001:db8:77:1::88',
  '2001:db8:99:2::7',
  '192.0.2.11',
  '192.0.2.22',
  '192.0.2.33',
  '192.0.2.44',
  '192.0.2.55',
  '192.0.2.66',
] as const
const [SRC, DST, SRC6, DST6, EXPORTER, DEVICE, RULE, HOME, NAME, PREFIX] = HOSTS
const ANOMALY = 'port_scan-exposure-1'
const CUT: readonly Role[] = ['viewer', 'manager']

const keys = Object.keys(ROUTES) as RouteKey[]
/** What these roles may ask for without changing anything. */
const asked = keys.filter((key) => {
  const action: Action | 'open' = ROUTES[key]
  return key.startsWith('GET ') && (action === 'open' || CUT.some((role) => may(role, action) !== 'no'))
})
const WINDOW = `from=${Date.now() - 3_600_000}&to=${Date.now() + 60_000}`
/** How a route is asked so that it tells much; every other one without parameters is asked as it is. */
const WAYS: Partial<Record<RouteKey, readonly string[]>> = {
  'GET /api/v1/top': DIMENSIONS.map((dimension) => `?dimension=${dimension}&${WINDOW}&limit=100`),
  'GET /api/v1/timeseries': ['', ...DIMENSIONS.map((dimension) => `&dimension=${dimension}&limit=20`)].map((more) => `?${WINDOW}${more}`),
  'GET /api/v1/geo': [`?${WINDOW}`],
  'GET /api/v1/graph': [`?${WINDOW}&nodes=300`],
  'GET /api/v1/anomalies': ['', '?folded=true&grouped=true'],
  'GET /api/v1/anomalies/{id}': [ANOMALY],
}

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
  const { operator, admin, oncall } = callers.people
  const stored = await operator.ask(
    'POST',
    '/api/v1/flows/_json',
    [
      [SRC, DST],
      [SRC6, DST6],
    ].map(([src_addr, dst_addr], n) => ({
      type: 'NETFLOW_V9',
      time_received_ns: (Date.now() - 60_000) * 1e6,
      time_flow_start_ns: (Date.now() - 70_000) * 1e6,
      time_flow_end_ns: (Date.now() - 60_000) * 1e6,
      sampler_address: EXPORTER,
      src_addr,
      dst_addr,
      src_port: 40_000 + n,
      dst_port: 443,
      proto: 'TCP',
      etype: n === 0 ? 'IPv4' : 'IPv6',
      bytes: 100_000,
      packets: 100,
      in_if: 1,
      out_if: 2,
    })),
  )
  expect(await stored.json()).toEqual({ stored: 2, errors: [] })
  await database.pool.query(
    `update exporter set retired = null, name = 'edge ' || $1, last_seen = now() - interval '1 day', lost = 50, announced = 100, skew_ms = 90000`,
    [NAME],
  )
  await database.pool.query(
    `insert into interface (exporter_id, if_index, told_name, description) select id, 1, 'to ' || $1, 'uplink of ' || $1 from exporter`,
    [NAME],
  )
  const answers = [
    await admin.ask('POST', '/api/v1/devices', {
      id: 'edge',
      name: `router ${DEVICE}`,
      dialect: 'nftables',
      transport: 'ssh',
      address: DEVICE,
      config: { user: 'weir' },
    }),
    await admin.ask('POST', '/api/v1/protected-prefixes', { prefix: PREFIX, reason: `the name server ${PREFIX}` }),
    await admin.ask('POST', '/api/v1/service-rules', { name: `shop on ${RULE}`, prefix: `${RULE}/32`, portLow: 443 }),
    await admin.ask('PUT', '/api/v1/home-networks', { networks: [`${HOME}/32`, '198.51.100.0/24'] }),
    await oncall.ask('POST', '/api/v1/suppressions', {
      detector: null,
      address: SRC,
      reason: `our scanner ${SRC}`,
      until: new Date(Date.now() + 3_600_000).toISOString(),
    }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 201, 201, 200, 201])
  await storeChange(database.pool, { kind: 'opened', anomaly: anomaly(), notify: true }, [])
  expect((await oncall.ask('POST', `/api/v1/anomalies/${ANOMALY}/acknowledge`, { reason: `I look at ${SRC}` })).status).toBe(200)
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

function anomaly(): DetectedAnomaly {
  const now = Date.now()
  return {
    id: ANOMALY,
    detector: 'port_scan',
    entity: SRC,
    severity: 'warning',
    actor: SRC,
    target: DST6,
    firstMs: now - 60_000,
    lastMs: now - 50_000,
    endedMs: 0,
    findings: 1,
    parent: null,
    group: `port_scan|warning|${SRC}`,
    paged: true,
    suppressedBy: null,
    finding: {
      firstMs: now - 60_000,
      window: [now - 90_000, now - 30_000],
      statistic: 'distinct_failed_ports',
      unit: 'ports',
      value: 60,
      expected: null,
      threshold: 20,
      why: `${SRC} tried 60 ports of ${DST6}, behind the exporter ${EXPORTER}.`,
      parts: [{ dimension: 'dst_addr', value: DST, share: 1 }],
      fresh: [`pair ${SRC} ${DST}`],
      filter: `src_addr = ${SRC} and dst_addr = ${DST6}`,
      trust: 'ok',
      windows: 1,
    },
  }
}

/** Every host of the data that a text holds, in any spelling that counts. */
const hostsIn = (text: string): string[] =>
  HOSTS.filter((host) => new RegExp(`${host.replaceAll('.', '\\.')}(?!\\d|/24|/48)`, 'i').test(text))

async function answersOf(caller: Caller, key: RouteKey): Promise<string> {
  const [, template = ''] = key.split(' ')
  const ways = WAYS[key] ?? (template.includes('{') ? null : [''])
  if (ways === null) throw new Error(`${key} takes a parameter: say in WAYS how it is asked`)
  const texts = await Promise.all(
    ways.map(async (way) => {
      const response = await caller.get(template.includes('{') ? template.replace(/\{\w+\}/, way) : template + way)
      expect(response.status, `${key} ${way}`).toBeLessThan(400)
      return response.text()
    }),
  )
  return texts.join('\n')
}

describe('a role without single hosts', () => {
  it('the data holds every one of them for roles that may see them, so that there is something to find', async () => {
    const texts: string[] = []
    for (const key of asked) texts.push(await answersOf(callers.people.operator, key))
    expect(hostsIn(texts.join('\n')).sort()).toEqual([...HOSTS].sort())
  })

  it.each(asked)('%s tells none, to people and tokens', async (key) => {
    for (const role of CUT) {
      for (const caller of [callers.people[role], callers.tokens[role]]) {
        const action: Action | 'open' = ROUTES[key]
        if (action !== 'open' && may(role, action, caller.token === null ? 'session' : 'token') === 'no') continue
        expect(hostsIn(await answersOf(caller, key)), role).toEqual([])
      }
    }
  })

  const pages = Object.entries(PAGES).flatMap(([path, action]: [string, Action | 'open']) =>
    action !== 'open' && CUT.some((role) => may(role, action) !== 'no') ? [path.replace('[id]', ANOMALY)] : [],
  )
  it.each(pages)('the page %s holds none', async (target) => {
    for (const role of CUT) expect(hostsIn(await (await callers.people[role].get(target)).text()), role).toEqual([])
  })

  it('no live event holds one', async () => {
    const heard: { name: string; payload: unknown }[] = []
    const sockets = CUT.map((role) => {
      const socket = io(web.url, {
        path: '/api/live',
        transports: ['websocket'],
        reconnection: false,
        forceNew: true,
        auth: { lastEvent: 0 },
        extraHeaders: { origin: web.url, cookie: callers.people[role].cookie ?? '' },
      })
      socket.onAny((name: string, payload: unknown) => heard.push({ name, payload }))
      return socket
    })
    try {
      await until('both to be connected', () => sockets.every((socket) => socket.connected))
      const told = () => new Set(heard.map(({ name }) => name))
      await until(
        'every event to be told',
        async () => {
          await publish(database.pool, 'weir_rate', {
            at: Date.now(),
            flowsPerSecond: 1,
            bitsPerSecond: 1,
            packetsPerSecond: 1,
            datagramsPerSecond: 1,
            exportersLive: 1,
          })
          await publish(database.pool, 'weir_changed', { what: 'exporters' })
          await callers.people.oncall.ask('POST', `/api/v1/anomalies/${ANOMALY}/reopen`, { reason: `still ${SRC}` })
          return ['rate', 'changed', 'anomaly'].every((name) => told().has(name))
        },
        20_000,
        500,
      )
      for (const { name } of heard) expect(Object.keys(LIVE_EVENTS)).toContain(name)
      expect(hostsIn(JSON.stringify(heard))).toEqual([])
    } finally {
      for (const socket of sockets) socket.disconnect()
    }
  })
})
