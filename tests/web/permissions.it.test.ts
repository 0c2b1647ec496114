import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type Action, LIVE_EVENTS, may, PAGES, PERMISSIONS, ROLES, ROUTES, type RouteKey, TOKEN_REFUSED } from '@weir/db/contracts'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../support/program.ts'
import { Caller, DIST, everyone, invited, problemOf, startWeb, userNamed, type Web } from './web.ts'

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

/** What may be there beside the table, and why it needs no entry. */
const BESIDE = ['/api/[...rest]', '/icon.svg', '/_not-found', '/_global-error', '/not-allowed']
const keys = Object.keys(ROUTES) as RouteKey[]
const open = keys.filter((key) => ROUTES[key] === 'open')
const guarded = keys.flatMap((key) => {
  const action: Action | 'open' = ROUTES[key]
  return action === 'open' ? [] : [{ key, action }]
})

/** A request of this route whose parameters exist nowhere: allowed, it fails later than the guard, or is asked who it is once more. */
function request(caller: Caller, key: RouteKey): Promise<Response> {
  const [method = '', template = ''] = key.split(' ')
  const target = template.replace('{id}', '999999').replace('{ifIndex}', '7')
  return caller.ask(method, target, method === 'GET' || method === 'DELETE' ? undefined : {})
}

describe('the inventory', () => {
  const manifest = JSON.parse(readFileSync(path.join(DIST, 'server/app-paths-manifest.json'), 'utf8')) as Record<string, string>
  const built = Object.keys(manifest).map((entry) => ({
    kind: entry.endsWith('/route') ? 'route' : 'page',
    path: entry.replace(/\/(route|page)$/, '').replace(/\/\([^/]+\)/g, '') || '/',
    entry,
  }))

  it('lists every route that the build serves, with every method', () => {
    const served: string[] = []
    for (const { kind, path: where } of built) {
      if (kind !== 'route' || BESIDE.includes(where)) continue
      // A folder that begins with an underscore would be private: it is spelled %5F.
      const source = readFileSync(path.join(ROOT, 'apps/web/app', where.replaceAll('/_', '/%5F'), 'route.ts'), 'utf8')
      for (const match of source.matchAll(/export (?:const|async function|function) (GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\b/g)) {
        served.push(`${match[1]} ${where.replace(/\[(\w+)\]/g, '{$1}')}`)
      }
      expect(source, `${where} goes through the guard of route()`).toMatch(/= route\('/)
    }
    expect(served.sort()).toEqual([...keys].sort())
  })

  it('lists every page that the build serves', () => {
    const pages = built.filter((entry) => entry.kind === 'page' && !BESIDE.includes(entry.path)).map((entry) => entry.path)
    expect([...new Set(pages)].sort()).toEqual(Object.keys(PAGES).sort())
  })

  it('knows every socket event', () => {
    const source = readFileSync(path.join(ROOT, 'apps/web/server/live.ts'), 'utf8')
    const sent = [...source.matchAll(/\bemit\((?:'(\w+)'|(name))/g)].map((match) => match[1] ?? match[2])
    expect(sent.filter((name) => name !== 'name').every((name) => name !== undefined && name in LIVE_EVENTS)).toBe(true)
    expect(source.match(/socket\.on\('(?!error)/g)).toBeNull()
  })

  it('has no server action: what changes things goes through routes', () => {
    const files = readdirSync(path.join(ROOT, 'apps/web'), { recursive: true, encoding: 'utf8' })
    const sources = files.filter((file) => /^(app|components|server|data|live)\/.*\.tsx?$/.test(file))
    expect(sources.length).toBeGreaterThan(50)
    for (const file of sources) expect(readFileSync(path.join(ROOT, 'apps/web', file), 'utf8'), file).not.toMatch(/^\s*['"]use server['"]/m)
  })
})

describe('the matrix', () => {
  it('is the one of the guarantees', () => {
    const yes = (action: Action) => ROLES.filter((role) => PERMISSIONS[action][role] !== 'no')
    expect(yes('traffic:raw')).toEqual(['operator', 'oncall', 'admin'])
    expect(ROLES.filter((role) => PERMISSIONS['traffic:read'][role] === 'network')).toEqual(['viewer', 'manager'])
    expect(yes('risk:decide')).toEqual(['operator', 'oncall'])
    expect(yes('block:request')).toEqual(['operator', 'oncall'])
    expect(yes('block:approve')).toEqual(['oncall', 'admin'])
    expect(yes('inventory:write')).toEqual(['admin'])
    expect(yes('inventory:approve')).toEqual(['admin'])
    expect(yes('notification:manage')).toEqual(['admin'])
    expect(yes('user:manage')).toEqual(['admin'])
    expect(yes('token:manage')).toEqual(['admin'])
    expect(TOKEN_REFUSED).toEqual(expect.arrayContaining(['block:approve', 'token:manage', 'user:manage', 'inventory:approve']))
  })

  it.each(guarded)('$key refuses those without a session or token', async ({ key }) => {
    const nobody = await request(new Caller(web), key)
    expect(nobody.status).toBe(401)
    expect(nobody.headers.get('content-type')).toBe('application/problem+json')
    expect((await request(new Caller(web, 'weir_not-a-token-at-all'), key)).status).toBe(401)
    // A bad token is not rescued by a good cookie.
    const mixed = new Caller(web, 'weir_not-a-token-at-all')
    mixed.cookie = callers.people.admin.cookie
    expect((await request(mixed, key)).status).toBe(401)
  })

  /** The status; 428 stands for 403 with the request to show the password once more, which comes after the guard. */
  const statusOf = async (response: Response): Promise<number> =>
    response.status === 403 && (await problemOf(response)).code === 'step-up-required' ? 428 : response.status

  it.each(guarded)('$key answers each role as $action says', async ({ key, action }) => {
    for (const role of ROLES) {
      const byPerson = await statusOf(await request(callers.people[role], key))
      const byToken = await statusOf(await request(callers.tokens[role], key))
      expect(byToken, 'no token shows a password').not.toBe(428)
      if (may(role, action) === 'no') expect(byPerson, role).toBe(403)
      else expect([401, 403, 405, 500, 503], `${role}: ${byPerson}`).not.toContain(byPerson)
      if (may(role, action, 'token') === 'no') expect(byToken, `${role} token`).toBe(403)
      else expect([401, 403, 405, 500, 503], `${role} token: ${byToken}`).not.toContain(byToken)
    }
  })

  it('leaves only these open, and what they say without a session is little', async () => {
    expect([...open].sort()).toEqual([
      'DELETE /api/v1/session',
      'GET /api/v1/health',
      'GET /api/v1/openapi.json',
      'POST /api/v1/session',
      'POST /api/v1/welcome',
    ])
    const word = (await (await new Caller(web).get('/api/v1/health')).json()) as object
    expect(Object.keys(word)).toEqual(['status'])
    const full = (await (await callers.people.viewer.get('/api/v1/health')).json()) as object
    expect(Object.keys(full)).toEqual(expect.arrayContaining(['status', 'version', 'engine', 'checks', 'sli']))
  })

  it('holds on the next request after a change of role or a disabling', async () => {
    const { admin } = callers.people
    const person = await invited(admin, 'operator', 'moving@example.org')
    const { id } = await userNamed(admin, 'moving@example.org')
    expect((await person.get('/api/v1/flows')).status).toBe(200)
    expect((await admin.ask('PATCH', `/api/v1/users/${id}`, { role: 'viewer' })).status).toBe(204)
    expect((await person.get('/api/v1/flows')).status).toBe(403)
    expect((await admin.ask('PATCH', `/api/v1/users/${id}`, { disabled: true })).status).toBe(204)
    expect((await person.get('/api/v1/profile')).status).toBe(401)
  })

  it('ends a token at once when it is revoked, and by itself when it expires', async () => {
    const { admin } = callers.people
    const make = async (name: string) =>
      (await (await admin.ask('POST', '/api/v1/tokens', { name, role: 'operator', days: 7 })).json()) as { id: number; token: string }
    const first = await make('to be revoked')
    const program = new Caller(web, first.token)
    expect((await program.get('/api/v1/flows')).status).toBe(200)
    expect((await admin.ask('DELETE', `/api/v1/tokens/${first.id}`)).status).toBe(204)
    expect((await program.get('/api/v1/flows')).status).toBe(401)
    expect((await admin.ask('DELETE', `/api/v1/tokens/${first.id}`)).status).toBe(404)
    const second = await make('to expire')
    await database.pool.query('update api_token set expires_at = created_at where id = $1', [second.id])
    expect((await new Caller(web, second.token).get('/api/v1/flows')).status).toBe(401)
    const { rows } = await database.pool.query('select row_to_json(t)::text as row from api_token t')
    expect(JSON.stringify(rows)).not.toContain(second.token)
  })

  it('keeps viewers away from single hosts on every question about traffic', async () => {
    for (const role of ['viewer', 'manager'] as const) {
      for (const caller of [callers.people[role], callers.tokens[role]]) {
        const response = await caller.get('/api/v1/top?dimension=src_addr&filter=src_addr%20%3D%2010.1.2.3')
        expect(response.status).toBe(403)
        expect(await response.json()).toMatchObject({ code: 'precision' })
        expect((await caller.get('/api/v1/top?dimension=src_addr&filter=src_addr%20%3D%2010.1.2.0%2F24')).status).toBe(200)
      }
    }
  })
})

describe('users', () => {
  it('never change themselves, and one admin always stays, also when two try at once', async () => {
    const { admin } = callers.people
    const self = await userNamed(admin, 'ada@example.org')
    for (const change of [{ role: 'viewer' }, { disabled: true }]) {
      expect((await admin.ask('PATCH', `/api/v1/users/${self.id}`, change)).status).toBe(409)
    }
    const second = await invited(admin, 'admin', 'second@example.org')
    const other = await userNamed(admin, 'second@example.org')
    const both = await Promise.all([
      admin.ask('PATCH', `/api/v1/users/${other.id}`, { role: 'operator' }),
      second.ask('PATCH', `/api/v1/users/${self.id}`, { disabled: true }),
    ])
    // One wins; the other finds the last admin, or is no admin any more when its turn comes.
    expect(both.filter((response) => response.status === 204)).toHaveLength(1)
    const { rows } = await database.pool.query(`select count(*)::int as n from auth_user where role = 'admin' and not banned`)
    expect(rows[0]).toEqual({ n: 1 })
    await database.pool.query(`update auth_user set role = 'admin', banned = false where email = 'ada@example.org'`)
  })
})
