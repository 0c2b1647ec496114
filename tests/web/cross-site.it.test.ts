import { ROUTES, type RouteKey } from '@weir/db/contracts'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Caller, everyone, PASSWORD, problemOf, startWeb, type Web } from './web.ts'

/** Every route of the table, asked as another site would make a browser ask it, and by other spellings of its path. */
let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
  await callers.people.admin.confirm()
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

const keys = Object.keys(ROUTES) as RouteKey[]
const mutating = keys.filter((key) => !key.startsWith('GET '))
const pathOf = (key: RouteKey) => {
  const [method = '', template = ''] = key.split(' ')
  return { method, target: template.replace('{id}', '1').replace('{ifIndex}', '7').replace('{action}', 'acknowledge') }
}
const entries = async () => (await database.pool.query<{ n: number }>('select count(*)::int as n from audit_entry')).rows[0]?.n

const FORGED: [string, Record<string, string | undefined>][] = [
  ['no origin', { origin: undefined }],
  ['a foreign origin', { origin: 'https://evil.example' }],
  ['origin null', { origin: 'null' }],
  ['another port', { origin: 'http://127.0.0.1:1' }],
  ['a longer host', { origin: 'http://127.0.0.1.evil.example' }],
  ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
  ['Sec-Fetch-Site: same-site', { 'sec-fetch-site': 'same-site' }],
]

describe('another site', () => {
  it.each(mutating)('makes no browser do %s', async (key) => {
    const { method, target } = pathOf(key)
    const before = await entries()
    for (const [what, headers] of FORGED) {
      const response = await callers.people.admin.ask(method, target, method === 'DELETE' ? undefined : {}, headers)
      expect(response.status, what).toBe(403)
      expect((await problemOf(response)).code, what).toBe('wrong-origin')
      expect(response.headers.getSetCookie(), what).toEqual([])
    }
    if (method !== 'DELETE') {
      // What a form can send without asking first.
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        const response = await callers.people.admin.ask(method, target, '{}', { 'content-type': type })
        expect([403, 404, 415], `${type}: ${response.status}`).toContain(response.status)
      }
    }
    expect(await entries(), 'nothing was done').toBe(before)
  })

  it.each(mutating)('nor by a link: GET of the path of %s changes nothing', async (key) => {
    const before = await entries()
    await (await callers.people.admin.get(pathOf(key).target)).arrayBuffer()
    expect(await entries()).toBe(before)
  })

  it('signs nobody in', async () => {
    const response = await new Caller(web).ask(
      'POST',
      '/api/v1/session',
      { email: 'ada@example.org', password: PASSWORD },
      { origin: 'https://evil.example' },
    )
    expect(response.status).toBe(403)
    expect(response.headers.getSetCookie()).toEqual([])
  })
})

const spellings = (target: string): string[] => {
  const [, api = '', v1 = '', ...rest] = target.split('/')
  const tail = rest.join('/')
  return [
    `/${api}/${v1}//${tail}`,
    `/${api}/${v1}/./${tail}`,
    `/${api}/${v1}/%2e/${tail}`,
    `/${api}/${v1}%2f${tail}`,
    `${target}/`,
    `/${api.toUpperCase()}/${v1}/${tail}`,
    `/${api}/${v1}/${tail.toUpperCase()}`,
    `${target};x`,
    `${target}.json`,
    `${target}%00`,
    `${target}?_rsc=1`,
  ]
}
const HEADERS: Record<string, string>[] = [
  { 'x-middleware-subrequest': 'proxy' },
  { 'x-middleware-subrequest': 'src/middleware:src/middleware:src/middleware:src/middleware:src/middleware' },
  { 'x-http-method-override': 'GET' },
  { 'x-original-url': '/api/v1/health' },
  { 'x-forwarded-host': 'localhost' },
  { 'next-action': '0000000000000000000000000000000000000000' },
]

describe('another spelling', () => {
  it.each(keys.filter((key) => ROUTES[key] !== 'open'))('of %s opens nothing to those without a session', async (key) => {
    const { method, target } = pathOf(key)
    const body = method === 'GET' || method === 'DELETE' ? undefined : {}
    const nobody = new Caller(web)
    for (const spelled of spellings(target)) {
      const response = await nobody.ask(method, spelled, body)
      expect(response.status, spelled).toBeGreaterThanOrEqual(300)
    }
    for (const headers of HEADERS) expect((await nobody.ask(method, target, body, headers)).status, JSON.stringify(headers)).toBe(401)
  })
})
