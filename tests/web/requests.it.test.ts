import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Program } from '../support/program.ts'
import { until } from '../support/wait.ts'
import { Caller, everyone, PASSWORD, problemOf, startWeb, type Web } from './web.ts'

/** Two processes that share it accept each other's cookies. */
const SECRET = 'for-tests-only-0123456789abcdefghijklmnop'

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database, { WEIR_AUTH_SECRET: SECRET })
  callers = await everyone(web, database)
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

describe('a change that another site makes a browser send', () => {
  const rule = { name: 'From elsewhere', port: 1 }
  const send = (headers: Record<string, string | undefined>, body: unknown = rule, target = '/api/v1/service-rules') =>
    callers.people.admin.ask('POST', target, body, headers)

  it.each([
    ['no origin', { origin: undefined }],
    ['a foreign origin', { origin: 'https://evil.example' }],
    ['origin null', { origin: 'null' }],
    ['the same host on another port', { origin: 'http://127.0.0.1:1' }],
    ['the same host with another scheme', { origin: 'https://127.0.0.1' }],
    ['a longer host name', { origin: 'http://127.0.0.1.evil.example' }],
    ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { 'sec-fetch-site': 'same-site' }],
  ])('is refused with %s', async (_, headers) => {
    const response = await send(headers)
    expect(response.status).toBe(403)
    expect(await problemOf(response)).toMatchObject({ code: 'wrong-origin', remedy: expect.any(String) })
  })

  it('is refused as a form or as text, whatever the body says', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      expect((await send({ 'content-type': type })).status, type).toBe(415)
    }
    const login = await new Caller(web).ask('POST', '/api/v1/session', 'email=ada%40example.org', {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(login.status).toBe(415)
  })

  it('is refused at the sign-in too', async () => {
    const response = await new Caller(web).ask(
      'POST',
      '/api/v1/session',
      { email: 'ada@example.org', password: PASSWORD },
      { origin: 'https://evil.example' },
    )
    expect(response.status).toBe(403)
    expect(response.headers.getSetCookie()).toEqual([])
  })

  it('left nothing behind', async () => {
    const { rules } = (await (await callers.people.admin.get('/api/v1/service-rules')).json()) as { rules: unknown[] }
    expect(rules).toEqual([])
  })
})

describe('another spelling of a path or method', () => {
  const spellings = [
    '/api/v1//users',
    '/api/v1/./users',
    '/api/v1/%2e/users',
    '/api/v1%2fusers',
    '/api/v1/users/',
    '/API/v1/users',
    '/api/v1/USERS',
    '/api/v1/users;x',
    '/api/v1/users.json',
    '/api/v1/%75sers',
    '/api/v1/users%00',
    '/api/v1/users?_rsc=1',
  ]

  it.each(spellings)('%s tells nobody more than the plain one', async (target) => {
    for (const caller of [new Caller(web), callers.people.operator, callers.tokens.operator]) {
      const response = await caller.get(target)
      expect(response.status).toBeGreaterThanOrEqual(300)
      expect(await response.text()).not.toContain('example.org')
    }
  })

  it.each([
    ['x-middleware-subrequest', 'proxy'],
    ['x-middleware-subrequest', 'src/middleware:src/middleware:src/middleware:src/middleware:src/middleware'],
    ['x-http-method-override', 'GET'],
    ['x-original-url', '/api/v1/health'],
    ['x-forwarded-host', 'localhost'],
    ['next-action', '0000000000000000000000000000000000000000'],
  ])('%s: %s changes no decision', async (name, value) => {
    const anonymous = new Caller(web)
    expect((await anonymous.ask('GET', '/api/v1/users', undefined, { [name]: value })).status).toBe(401)
    expect((await callers.people.viewer.ask('GET', '/api/v1/users', undefined, { [name]: value })).status).toBe(403)
    expect((await anonymous.ask('GET', '/settings/users', undefined, { [name]: value })).status).toBe(307)
  })

  it('HEAD is judged as GET, and other methods do nothing', async () => {
    expect((await new Caller(web).ask('HEAD', '/api/v1/users')).status).toBe(401)
    expect((await callers.people.admin.ask('HEAD', '/api/v1/users')).status).toBe(200)
    expect((await new Caller(web).ask('OPTIONS', '/api/v1/users')).headers.get('access-control-allow-origin')).toBeNull()
    expect((await callers.people.admin.ask('DELETE', '/api/v1/users')).status).toBe(405)
  })
})

describe('a question that cannot be answered says why and what to do', () => {
  const ask = (target: string) => callers.people.operator.get(target)

  it.each([
    ['/api/v1/top', 400, 'unknown-dimension', /src_addr/],
    ['/api/v1/top?dimension=colour', 400, 'unknown-dimension', /src_addr.*conversation/],
    ['/api/v1/top?dimension=src_addr&metric=litres', 400, 'unknown-metric', /bytes, packets, flows/],
    ['/api/v1/top?dimension=src_addr&filter=src_addr%20%3D%3D%3D%201', 400, 'bad-filter', /./],
    ['/api/v1/top?dimension=src_addr&limit=0', 400, 'out-of-range', /./],
    ['/api/v1/top?dimension=src_addr&limit=100000', 400, 'out-of-range', /./],
    ['/api/v1/top?dimension=src_addr&limit=ten', 400, 'out-of-range', /./],
    ['/api/v1/top?dimension=src_addr&from=yesterday', 400, 'bad-window', /./],
    ['/api/v1/top?dimension=src_addr&from=2026-11-20T10:00:00Z&to=2026-11-20T09:00:00Z', 400, 'bad-window', /./],
    ['/api/v1/top?dimension=src_addr&dimention=dst_addr', 400, 'unknown-parameter', /dimension, from, to, filter, metric, scaled, limit/],
    ['/api/v1/top?dimension=src_addr&dimension=dst_addr', 400, 'bad-parameter', /once/],
    ['/api/v1/top?dimension=src_addr&scaled=perhaps', 400, 'bad-parameter', /true, false/],
    ['/api/v1/flows?cursor=nonsense', 400, 'bad-cursor', /./],
    ['/api/v1/exporters?limit=3', 400, 'unknown-parameter', /takes no parameters/],
    ['/api/v1/nothing', 404, 'not-found', /openapi\.json/],
  ] as const)('%s', async (target, status, code, remedy) => {
    const response = await ask(target)
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ status, code })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(problem.remedy).toMatch(remedy)
    expect(problem.detail.length).toBeGreaterThan(10)
    expect(response.headers.get('x-request-id')).toBe(problem.requestId)
  })

  it('a bad filter says where', async () => {
    const problem = await problemOf(await ask(`/api/v1/timeseries?filter=${encodeURIComponent('src_addr = 10.0.0.0/8 and dst_prt = 53')}`))
    expect(problem.position).toBe(26)
  })

  it('takes RFC 3339 and epoch milliseconds, and the last hour without either', async () => {
    const answer = async (target: string) => (await (await ask(target)).json()) as { from: string; to: string }
    const written = await answer('/api/v1/timeseries?from=2026-11-20T10:00:00Z&to=2026-11-20T12:00:00%2B01:00')
    const counted = await answer(`/api/v1/timeseries?from=${Date.UTC(2026, 10, 20, 10)}&to=${Date.UTC(2026, 10, 20, 11)}`)
    expect(written).toMatchObject({ from: counted.from, to: counted.to })
    const last = await answer('/api/v1/timeseries')
    expect(Math.abs(Date.parse(last.to) - Date.now())).toBeLessThan(120_000)
    expect(Date.parse(last.to) - Date.parse(last.from)).toBeGreaterThanOrEqual(3_600_000)
  })

  it.each([
    ['{"name": ', 400],
    ['[]', 400],
    ['{"name": {"$ne": null}}', 400],
    ['{"name": "x", "admin": true}', 400],
    [`{"name": "${'x'.repeat(1_100_000)}"}`, 413],
    ['{"name": ""}', 400],
    ['{"name": "x", "prefix": "10.0.0.1/8"}', 422],
    ['{"name": "x", "prefix": "not a network"}', 422],
  ])('a body of %.40s is refused with %d', async (body, status) => {
    const response = await callers.people.admin.ask('POST', '/api/v1/service-rules', body, { 'content-type': 'application/json' })
    expect(response.status).toBe(status)
    expect((await problemOf(response)).remedy.length).toBeGreaterThan(5)
  })

  it.each(['0', '-1', '1e3', '%5B1%5D', '99999999999999999999', "1'%20or%201=1", '..%2f..'])(
    'an identifier %s finds nothing',
    async (id) => {
      expect([404, 400]).toContain((await callers.people.admin.ask('PATCH', `/api/v1/exporters/${id}`, { name: 'x' })).status)
    },
  )
})

describe('settings', () => {
  it('keep service rules in order through adding, changing, ordering, importing and removing', async () => {
    const { admin } = callers.people
    type Rule = { id: number; name: string; position: number }
    const list = async () => ((await (await admin.get('/api/v1/service-rules')).json()) as { rules: Rule[] }).rules
    const add = async (name: string, portLow: number) => {
      const response = await admin.ask('POST', '/api/v1/service-rules', { name, proto: 6, portLow })
      expect(response.status).toBe(201)
      return (await response.json()) as Rule
    }
    const one = await add('One', 1)
    const two = await add('Two', 2)
    expect((await admin.ask('PUT', '/api/v1/service-rules/order', { ids: [two.id, one.id] })).status).toBe(200)
    expect((await list()).map((rule) => rule.name)).toEqual(['Two', 'One'])
    expect((await admin.ask('PUT', '/api/v1/service-rules/order', { ids: [two.id] })).status).toBe(409)
    expect((await admin.ask('PUT', `/api/v1/service-rules/${one.id}`, { name: 'First', prefix: '10.0.0.0/24' })).status).toBe(200)
    const imported = await admin.ask('PUT', '/api/v1/service-rules', {
      rules: [
        { name: 'A', portLow: 5 },
        { name: 'B', prefix: 'wrong' },
      ],
      replace: true,
    })
    expect(imported.status).toBe(422)
    expect((await list()).map((rule) => rule.name)).toEqual(['Two', 'First'])
    expect((await admin.ask('PUT', '/api/v1/service-rules', { rules: [{ name: 'A', portLow: 5 }], replace: true })).status).toBe(200)
    const [only] = await list()
    expect((await admin.ask('DELETE', `/api/v1/service-rules/${only?.id}`)).status).toBe(204)
    expect(await list()).toEqual([])
  })

  it('keep home networks, canonical, and refuse what is none', async () => {
    const { admin, viewer } = callers.people
    const set = await admin.ask('PUT', '/api/v1/home-networks', { networks: ['2001:DB8::/32', '203.0.113.0/24', '203.0.113.0/24'] })
    expect(await set.json()).toEqual({ networks: expect.arrayContaining(['203.0.113.0/24', '2001:db8::/32']) })
    expect((await admin.ask('PUT', '/api/v1/home-networks', { networks: ['203.0.113.9/24'] })).status).toBe(422)
    expect(((await (await viewer.get('/api/v1/home-networks')).json()) as { networks: string[] }).networks).toHaveLength(2)
  })

  it('remove the demo and nothing else', async () => {
    const { admin } = callers.people
    await database.pool.query(`insert into exporter (address, demo, flows) values ('127.66.0.1', true, 7), ('192.0.2.1', false, 9)`)
    expect(await (await admin.get('/api/v1/demo')).json()).toEqual({ present: true, exporters: 1, flows: 7 })
    expect((await admin.ask('DELETE', '/api/v1/demo')).status).toBe(204)
    expect(await (await admin.get('/api/v1/demo')).json()).toEqual({ present: false, exporters: 0, flows: 0 })
    const { exporters } = (await (await admin.get('/api/v1/exporters')).json()) as { exporters: { address: string }[] }
    expect(exporters.map((exporter) => exporter.address)).toEqual(['192.0.2.1'])
  })
})

describe('every answer', () => {
  const cases = [
    '/sign-in',
    '/',
    '/api/v1/health',
    '/api/v1/users',
    '/api/v1/nothing',
    '/icon.svg',
    '/no/such/page',
    '/_next/static/none.js',
  ]

  it.each(cases)('%s carries the security headers and no version', async (target) => {
    const response = await new Caller(web).get(target)
    const { headers } = response
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('server')).toBeNull()
    expect(headers.get('strict-transport-security')).toBeNull()
    expect(headers.get('access-control-allow-origin')).toBeNull()
    const policy = headers.get('content-security-policy') ?? ''
    for (const part of ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"])
      expect(policy).toContain(part)
    expect(policy).not.toContain('unsafe-eval')
    expect(policy).not.toMatch(/script-src[^;]*unsafe-inline/)
  })

  it('has a nonce of its own on each page, and every script of the page has it', async () => {
    const one = await new Caller(web).get('/sign-in')
    const two = await new Caller(web).get('/sign-in')
    const nonceOf = (response: Response) => /'nonce-([^']+)'/.exec(response.headers.get('content-security-policy') ?? '')?.[1]
    expect(nonceOf(one)).toBeDefined()
    expect(nonceOf(one)).not.toBe(nonceOf(two))
    const scripts = (await one.text()).match(/<script\b[^>]*>/g) ?? []
    expect(scripts.length).toBeGreaterThan(2)
    for (const script of scripts) expect(script).toContain(`nonce="${nonceOf(one)}"`)
  })

  it('never sends anyone to another site after the sign-in', async () => {
    const { admin } = callers.people
    for (const target of [
      '//evil.example',
      'https://evil.example',
      '/\\evil.example',
      '/%5cevil.example',
      '/\tevil',
      '/sign-in',
      '/api/v1/users',
      'javascript:alert(1)',
    ]) {
      const response = await admin.get(`/sign-in?return=${encodeURIComponent(target)}`)
      const location = new URL(response.headers.get('location') ?? '/', web.url)
      expect(location.origin, target).toBe(web.url)
      expect(location.pathname, target).not.toBe('/sign-in')
    }
  })
})

describe('starting', () => {
  it('on a taken port says so and what to do', async () => {
    const port = new URL(web.url).port
    const second = new Program(process.execPath, ['apps/web/server.ts'], {
      env: {
        ...process.env,
        NODE_ENV: 'production',
        DATABASE_URL: database.url,
        WEIR_AUTH_SECRET: 'x'.repeat(40),
        WEIR_HTTP_PORT: port,
        WEIR_HTTP_HOST: '127.0.0.1',
        WEIR_NEXT_DIST: process.env.WEIR_TEST_NEXT_DIST || '.next',
      },
    })
    expect(await second.exit(30_000)).toBe(1)
    expect(second.output).toContain(`port ${port} is taken`)
    expect(second.output).toContain('WEIR_HTTP_PORT=')
  })

  it.each([
    [{ WEIR_HTTP_PORT: 'eighty' }, 'WEIR_HTTP_PORT'],
    [{ WEIR_PUBLIC_URL: 'weir.example.org' }, 'WEIR_PUBLIC_URL'],
    [{ WEIR_AUTH_SECRET: 'short' }, 'WEIR_AUTH_SECRET'],
    [{ WEIR_TRUSTED_PROXIES: 'proxy.example' }, 'WEIR_TRUSTED_PROXIES'],
    [{ DATABASE_URL: '', WEIR_DATA_DIR: '/nonexistent/weir' }, 'DATABASE_URL'],
  ])('with %o ends and names the key', async (env, key) => {
    const program = new Program(process.execPath, ['apps/web/server.ts'], {
      env: { ...process.env, NODE_ENV: 'production', DATABASE_URL: database.url, ...env },
    })
    expect(await program.exit(30_000)).toBe(1)
    expect(program.output).toContain(key)
  })

  it('without a database still answers, with the cause and no stack', async () => {
    const alone = await startWeb(database, { WEIR_AUTH_SECRET: SECRET, DATABASE_URL: 'postgres://nobody:nothing@127.0.0.1:9/none' })
    try {
      const word = await new Caller(alone).get('/api/v1/health')
      expect(word.status).toBe(503)
      expect(await word.json()).toEqual({ status: 'down' })
      const caller = new Caller(alone)
      caller.cookie = callers.people.admin.cookie
      for (const target of ['/api/v1/top?dimension=src_addr', '/api/v1/users']) {
        const response = await caller.get(target)
        const text = await response.text()
        expect(response.status).toBe(503)
        expect(text).toContain('database')
        expect(text).not.toMatch(/nobody|nothing|\bat .*\.(ts|js):|select /)
      }
      expect((await caller.get('/sign-in')).status).toBe(200)
    } finally {
      await alone.stop()
    }
  })

  it('ends within three seconds of being asked', async () => {
    const brief = await startWeb(database)
    const from = Date.now()
    await brief.stop()
    expect(Date.now() - from).toBeLessThan(3_000)
    expect(brief.program.ended).toBe(0)
  })

  it('ends in time while questions run, and leaves none of them to the database', async () => {
    const brief = await startWeb(database, { WEIR_AUTH_SECRET: SECRET })
    const caller = new Caller(brief)
    caller.cookie = callers.people.admin.cookie
    const lock = await database.pool.connect()
    try {
      await lock.query('begin; lock table exporter in access exclusive mode')
      const asked = caller.get('/api/v1/exporters').then(
        () => 'answered',
        () => 'not answered',
      )
      const waiting = async () => {
        const { rows } = await database.pool.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity
           where datname = current_database() and application_name like 'weir-web%' and wait_event_type = 'Lock'`,
        )
        return rows[0]?.n ?? 0
      }
      await until('a question that waits', async () => (await waiting()) > 0)
      const from = Date.now()
      await brief.stop()
      expect(Date.now() - from).toBeLessThan(4_000)
      expect(brief.program.ended).toBe(0)
      expect(await waiting()).toBe(0)
      await asked
    } finally {
      await lock.query('rollback')
      lock.release()
    }
  })
})
