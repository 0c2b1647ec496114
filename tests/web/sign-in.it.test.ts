import { createWelcomeLink } from '@weir/db/commands'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Caller, firstAdmin, invited, PASSWORD, problemOf, startWeb, userNamed, type Web } from './web.ts'

let database: TestDatabase
let web: Web
let admin: Caller

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  admin = await firstAdmin(web, database)
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

const tokenOf = (url: string) => new URL(url).searchParams.get('token') ?? ''

describe('a one-time link', () => {
  it('lets one person in, once', async () => {
    const token = tokenOf(await createWelcomeLink(database.pool, web.url))
    const body = { token, name: 'Bea', email: 'bea@example.org', password: PASSWORD }
    const answers = await Promise.all([
      new Caller(web).ask('POST', '/api/v1/welcome', body),
      new Caller(web).ask('POST', '/api/v1/welcome', { ...body, email: 'cea@example.org' }),
    ])
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, 404])
    const again = await new Caller(web).ask('POST', '/api/v1/welcome', { ...body, email: 'dea@example.org' })
    expect(again.status).toBe(404)
    expect((await problemOf(again)).remedy).toContain('bin/weir admin link')
  })

  it('is not used up by opening it, and is not in the database', async () => {
    const url = await createWelcomeLink(database.pool, web.url)
    expect(await (await fetch(url)).text()).toContain('Welcome to Weir')
    expect(await (await fetch(url)).text()).toContain('Welcome to Weir')
    const { rows } = await database.pool.query('select row_to_json(l)::text as row from welcome_link l')
    expect(JSON.stringify(rows)).not.toContain(tokenOf(url))
  })

  it('withdraws the one printed before', async () => {
    const old = tokenOf(await createWelcomeLink(database.pool, web.url))
    await createWelcomeLink(database.pool, web.url)
    const response = await new Caller(web).ask('POST', '/api/v1/welcome', {
      token: old,
      name: 'Eve',
      email: 'eve@example.org',
      password: PASSWORD,
    })
    expect(response.status).toBe(404)
  })

  it('ends after 24 hours', async () => {
    const token = tokenOf(await createWelcomeLink(database.pool, web.url))
    await database.pool.query(`update welcome_link set expires_at = now() - interval '1 second' where used_at is null`)
    expect(
      (await new Caller(web).ask('POST', '/api/v1/welcome', { token, name: 'Eve', email: 'eve@example.org', password: PASSWORD })).status,
    ).toBe(404)
  })

  it('printed on the machine gives an admin the account back, and ends its old sessions', async () => {
    const lost = await invited(admin, 'admin', 'lost@example.org')
    expect((await lost.get('/api/v1/users')).status).toBe(200)
    const token = tokenOf(await createWelcomeLink(database.pool, web.url))
    const back = new Caller(web)
    const response = await back.ask('POST', '/api/v1/welcome', {
      token,
      name: 'Lost',
      email: 'lost@example.org',
      password: 'another fine secret',
    })
    expect(response.status).toBe(204)
    expect((await back.get('/api/v1/users')).status).toBe(200)
    expect((await lost.get('/api/v1/users')).status).toBe(401)
  })

  it('from an admin never takes over an account', async () => {
    const made = (await (await admin.ask('POST', '/api/v1/users/invitations', { role: 'viewer' })).json()) as { url: string }
    const response = await new Caller(web).ask('POST', '/api/v1/welcome', {
      token: tokenOf(made.url),
      name: 'Ada',
      email: 'ada@example.org',
      password: 'another fine secret',
    })
    expect(response.status).toBe(409)
    expect((await new Caller(web).signIn('ada@example.org')).status).toBe(204)
  })

  it('refuses passwords that are short or that everyone tries', async () => {
    const token = tokenOf(await createWelcomeLink(database.pool, web.url))
    for (const password of ['short', 'password1234', 'aaaaaaaaaaaaaaaa', 'ferdinand1234']) {
      const response = await new Caller(web).ask('POST', '/api/v1/welcome', { token, name: 'Ferdinand', email: 'f@example.org', password })
      expect([400, 422], password).toContain(response.status)
    }
    expect(
      (await new Caller(web).ask('POST', '/api/v1/welcome', { token, name: 'Ferdinand', email: 'f@example.org', password: PASSWORD }))
        .status,
    ).toBe(204)
  })
})

describe('signing in', () => {
  it('sets a cookie that scripts cannot read, and never tells the session in a body', async () => {
    const person = new Caller(web)
    const response = await person.signIn('ada@example.org')
    expect(response.status).toBe(204)
    expect(await response.text()).toBe('')
    const [cookie = ''] = response.headers.getSetCookie()
    expect(cookie).toMatch(/^weir-session=/)
    expect(cookie).toMatch(/HttpOnly/i)
    expect(cookie).toMatch(/SameSite=Lax/i)
    expect(cookie).toMatch(/Path=\//i)
    expect((await person.get('/api/v1/profile')).status).toBe(200)
  })

  it('gives each sign-in a session of its own, and signing out ends it on the server', async () => {
    const person = new Caller(web)
    await person.signIn('ada@example.org')
    const first = person.cookie
    await person.signIn('ada@example.org')
    expect(person.cookie).not.toBe(first)
    const stolen = new Caller(web)
    stolen.cookie = person.cookie
    expect((await stolen.get('/api/v1/profile')).status).toBe(200)
    expect((await person.ask('DELETE', '/api/v1/session')).status).toBe(204)
    expect((await stolen.get('/api/v1/profile')).status).toBe(401)
  })

  it('answers a wrong password, an unknown address and a disabled account alike, with what to do', async () => {
    await invited(admin, 'viewer', 'gone@example.org')
    await admin.ask('PATCH', `/api/v1/users/${(await userNamed(admin, 'gone@example.org')).id}`, { disabled: true })
    const answers = []
    for (const [email, password] of [
      ['ada@example.org', 'not the password'],
      ['nobody@example.org', 'not the password'],
      ['gone@example.org', PASSWORD],
      ['not an address', 'x'],
      ["' or 1=1 --@example.org", 'x'],
    ] as const) {
      const response = await new Caller(web).signIn(email, password)
      const { requestId, ...body } = await problemOf(response)
      expect(requestId).not.toBe('')
      expect(response.headers.getSetCookie()).toEqual([])
      answers.push(JSON.stringify(body))
    }
    expect(new Set(answers).size).toBe(1)
    expect(JSON.parse(answers[0] ?? '{}')).toMatchObject({
      status: 401,
      code: 'wrong-password',
      remedy: expect.stringContaining('bin/weir admin link'),
    })
  })

  it('does the work of a password for unknown people too', async () => {
    const least = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY }
    // By turns, and the best of each: what else this machine does then counts for neither.
    for (let round = 0; round < 9; round++)
      for (const [who, email] of [
        ['known', 'ada@example.org'],
        ['unknown', 'nobody@example.org'],
      ] as const) {
        const from = performance.now()
        await new Caller(web).signIn(email, 'not the password')
        least[who] = Math.min(least[who], performance.now() - from)
      }
    // Hashing is most of it; without it the unknown would take a tenth.
    expect(least.unknown).toBeGreaterThan(least.known * 0.5)
  })

  it('keeps passwords as Argon2id', async () => {
    const { rows } = await database.pool.query<{ password: string }>('select password from auth_account')
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) expect(row.password).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  })

  it('has no other door: the library is not mounted and nobody signs up', async () => {
    for (const path of ['/api/auth/sign-up/email', '/api/auth/sign-in/email', '/api/auth/admin/set-role', '/api/auth/get-session']) {
      expect((await new Caller(web).ask('POST', path, { email: 'x@example.org', password: PASSWORD, name: 'X' })).status, path).toBe(404)
    }
  })
})

describe('a session', () => {
  it('ends after its idle time and seven days after the sign-in', async () => {
    const person = await invited(admin, 'operator', 'hours@example.org')
    await database.pool.query(
      `update auth_session set expires_at = now() - interval '1 second' where user_id = (select id from auth_user where email = 'hours@example.org')`,
    )
    expect((await person.get('/api/v1/profile')).status).toBe(401)
    await person.signIn('hours@example.org')
    expect((await person.get('/api/v1/profile')).status).toBe(200)
    await database.pool.query(
      `update auth_session set created_at = now() - interval '8 days' where user_id = (select id from auth_user where email = 'hours@example.org')`,
    )
    expect((await person.get('/api/v1/profile')).status).toBe(401)
  })

  it('does not work with a changed signature', async () => {
    const forged = new Caller(web)
    forged.cookie = `${admin.cookie?.slice(0, -6)}AAAAA%3D`
    expect((await forged.get('/api/v1/profile')).status).toBe(401)
  })

  it('of others ends when the password changes, and the own one goes on', async () => {
    const here = await invited(admin, 'operator', 'twice@example.org')
    const there = new Caller(web)
    await there.signIn('twice@example.org')
    const wrong = await here.ask('PUT', '/api/v1/profile/password', { current: 'not the password', password: 'another fine secret' })
    expect(wrong.status).toBe(422)
    expect((await here.ask('PUT', '/api/v1/profile/password', { current: PASSWORD, password: 'another fine secret' })).status).toBe(204)
    expect((await here.get('/api/v1/profile')).status).toBe(200)
    expect((await there.get('/api/v1/profile')).status).toBe(401)
    expect((await new Caller(web).signIn('twice@example.org')).status).toBe(401)
    expect((await new Caller(web).signIn('twice@example.org', 'another fine secret')).status).toBe(204)
  })

  it('lets a page of another role and a signed-out person end where they can go on', async () => {
    const out = await new Caller(web).get('/flows?filter=proto%20%3D%20udp')
    expect(out.status).toBe(307)
    const location = new URL(out.headers.get('location') ?? '', web.url)
    expect(location.origin).toBe(web.url)
    expect(location.pathname).toBe('/sign-in')
    const back = new URL(location.searchParams.get('return') ?? '', web.url)
    expect(back.pathname).toBe('/flows')
    expect(back.searchParams.get('filter')).toBe('proto = udp')
    const viewer = await invited(admin, 'viewer', 'looker@example.org')
    const refused = await viewer.get('/flows')
    expect(refused.status).toBe(403)
    expect(await refused.text()).toContain('Your role does not open this page')
    expect((await viewer.get('/settings/users')).status).toBe(403)
  })
})

describe('with https in front', () => {
  it('the cookie is bound to the host and to TLS, and every answer says so', async () => {
    const secure = await startWeb(database, { WEIR_PUBLIC_URL: 'https://weir.example.org' })
    try {
      const response = await fetch(`${secure.url}/api/v1/session`, {
        method: 'POST',
        headers: { origin: 'https://weir.example.org', 'content-type': 'application/json' },
        body: JSON.stringify({ email: 'ada@example.org', password: PASSWORD }),
      })
      expect(response.status).toBe(204)
      const [cookie = ''] = response.headers.getSetCookie()
      expect(cookie).toMatch(/^__Host-weir-session=/)
      expect(cookie).toMatch(/Secure/)
      expect(cookie).not.toMatch(/Domain=/i)
      expect(response.headers.get('strict-transport-security')).toMatch(/max-age=31536000/)
      // The address it listens on is not its origin any more.
      expect((await new Caller(secure).signIn('ada@example.org')).status).toBe(403)
    } finally {
      await secure.stop()
    }
  })
})

describe('guessing', () => {
  it('stops after ten tries from one place, and tells when to come back; elsewhere the account still opens', async () => {
    const limited = await startWeb(database, { WEIR_TEST_NO_LOGIN_LIMIT: undefined, WEIR_TRUSTED_PROXIES: '127.0.0.1' })
    try {
      const from = (address: string) => ({ 'x-forwarded-for': address })
      const guess = (address: string, password: string) =>
        new Caller(limited).ask('POST', '/api/v1/session', { email: 'ada@example.org', password }, from(address))
      // A thousand addresses of one /64 are one place.
      const statuses = []
      for (let n = 0; n < 14; n++) statuses.push((await guess(`2001:db8:1:1::${(n + 1).toString(16)}`, `guess number ${n}`)).status)
      expect(statuses).toEqual([...Array(10).fill(401), ...Array(4).fill(429)])
      const refused = await guess('2001:db8:1:1::ffff', PASSWORD)
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60)
      expect((await guess('198.51.100.7', PASSWORD)).status).toBe(204)
    } finally {
      await limited.stop()
    }
  })

  it('of one account from many places stops too, but never for places the account signed in from', async () => {
    const limited = await startWeb(database, { WEIR_TEST_NO_LOGIN_LIMIT: undefined, WEIR_TRUSTED_PROXIES: '127.0.0.1' })
    try {
      await invited(admin, 'operator', 'target@example.org')
      const guess = (address: string, password: string) =>
        new Caller(limited).ask('POST', '/api/v1/session', { email: 'target@example.org', password }, { 'x-forwarded-for': address })
      expect((await guess('192.0.2.10', PASSWORD)).status).toBe(204)
      for (let n = 0; n < 30; n++) await guess(`198.51.100.${n + 1}`, 'not the password')
      expect((await guess('198.51.100.200', PASSWORD)).status).toBe(429)
      expect((await guess('192.0.2.10', PASSWORD)).status).toBe(204)
    } finally {
      await limited.stop()
    }
  })

  it('cannot hide behind X-Forwarded-For of its own making', async () => {
    const limited = await startWeb(database, { WEIR_TEST_NO_LOGIN_LIMIT: undefined })
    try {
      const statuses = []
      for (let n = 0; n < 11; n++) {
        const response = await new Caller(limited).ask(
          'POST',
          '/api/v1/session',
          { email: `a${n}@example.org`, password: 'x' },
          { 'x-forwarded-for': `203.0.113.${n}`, 'x-weir-client': `203.0.113.${n}` },
        )
        statuses.push(response.status)
      }
      expect(statuses.at(-1)).toBe(429)
    } finally {
      await limited.stop()
    }
  })
})
