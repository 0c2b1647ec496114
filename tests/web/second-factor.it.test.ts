import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, type Enrolled, enrol } from './authenticator.ts'
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

let number = 0
async function enrolled(role: 'operator' | 'oncall' | 'viewer' = 'operator'): Promise<Enrolled & { email: string; person: Caller }> {
  const email = `person-${++number}@example.org`
  const person = await invited(admin, role, email)
  return { email, person, ...(await enrol(person)) }
}
const signIn = (email: string, code?: string, password = PASSWORD) =>
  new Caller(web).ask('POST', '/api/v1/session', { email, password, ...(code === undefined ? {} : { code }) })
/** The step after the present one is good as well; each code works once, so tests take them in turn. */
const nextCode = (secret: string) => codeOf(secret, Date.now() + 30_000)

describe('setting up', () => {
  it('needs the password, shows the secret once, and asks for nothing until a code was shown', async () => {
    const person = await invited(admin, 'operator', 'setting-up@example.org')
    const early = await person.ask('POST', '/api/v1/profile/second-factor', {})
    expect((await problemOf(early)).code).toBe('step-up-required')
    await person.confirm()
    const { secret, uri } = (await (await person.ask('POST', '/api/v1/profile/second-factor', {})).json()) as {
      secret: string
      uri: string
    }
    expect(secret).toMatch(/^[A-Z2-7]{32,}$/)
    const asked = new URL(uri)
    expect(asked.protocol).toBe('otpauth:')
    expect(asked.searchParams.get('secret')).toBe(secret)
    expect(decodeURIComponent(asked.pathname)).toContain('Weir:setting-up@example.org')
    expect(await (await person.get('/api/v1/profile/second-factor')).json()).toEqual({ on: false, since: null, recoveryCodesLeft: 0 })
    expect((await signIn('setting-up@example.org')).status, 'begun is not on').toBe(204)
    expect((await problemOf(await person.ask('POST', '/api/v1/profile/second-factor/confirm', { code: '000000' }))).code).toBe('wrong-code')
    const other = new Caller(web)
    await other.signIn('setting-up@example.org')
    const done = await person.ask('POST', '/api/v1/profile/second-factor/confirm', { code: codeOf(secret) })
    const { recoveryCodes } = (await done.json()) as { recoveryCodes: string[] }
    expect(recoveryCodes).toHaveLength(10)
    expect(new Set(recoveryCodes).size).toBe(10)
    expect((await person.get('/api/v1/profile')).status).toBe(200)
    expect((await other.get('/api/v1/profile')).status, 'a session that began without ends').toBe(401)
    await person.confirm()
    expect((await person.ask('POST', '/api/v1/profile/second-factor', {})).status, 'not in place of one that is on').toBe(409)
  })

  it('leaves neither secret nor codes in the database, in answers or in the log', async () => {
    const { secret, recoveryCodes, person } = await enrolled()
    const text = Buffer.from((secret.match(/.{8}/g) ?? []).join('')).toString()
    const { rows } = await database.pool.query<{ row: string }>(
      `select row_to_json(f)::text as row from auth_second_factor f union all select row_to_json(c)::text from auth_recovery_code c
       union all select row_to_json(a)::text from audit_entry a`,
    )
    const answers = await Promise.all(
      ['/api/v1/profile', '/api/v1/profile/second-factor'].map(async (target) => (await person.get(target)).text()),
    )
    const told = JSON.stringify(rows) + answers.join() + web.program.output
    for (const hidden of [secret, text, ...recoveryCodes]) expect(told).not.toContain(hidden)
  })
})

describe('signing in', () => {
  it('a password alone begins nothing: no cookie, no session, nothing reached; with the code it is a sign-in', async () => {
    const { email, secret } = await enrolled()
    const sessions = async () => (await database.pool.query<{ n: number }>('select count(*)::int as n from auth_session')).rows[0]?.n
    const before = await sessions()
    const half = new Caller(web)
    const response = await half.signIn(email)
    expect(response.status).toBe(401)
    expect(response.headers.getSetCookie(), 'not even half a session').toEqual([])
    expect((await problemOf(response)).code).toBe('second-factor-required')
    expect(await sessions()).toBe(before)
    for (const target of ['/api/v1/profile', '/api/v1/flows', '/api/v1/profile/second-factor'])
      expect((await half.get(target)).status).toBe(401)
    expect((await half.get('/')).status).toBe(307)
    const whole = await signIn(email, codeOf(secret))
    expect(whole.status).toBe(204)
    expect(whole.headers.getSetCookie()[0]).toMatch(/^weir-session=/)
  })

  it('takes a code once, and none older than one that was taken', async () => {
    const { email, secret } = await enrolled()
    const code = nextCode(secret)
    const answers = await Promise.all([signIn(email, code), signIn(email, code)])
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401])
    expect((await problemOf(await signIn(email, code))).code).toBe('wrong-code')
    expect((await signIn(email, codeOf(secret))).status, 'an older one that was never used').toBe(401)
    for (const wrong of ['000000', '12345', 'abcdef', codeOf(secret, Date.now() - 120_000)])
      expect((await signIn(email, wrong)).status).toBe(401)
  })

  it('takes a recovery code once, however it is typed', async () => {
    const { email, recoveryCodes } = await enrolled()
    const [first = '', second = ''] = recoveryCodes
    const answers = await Promise.all([signIn(email, first), signIn(email, first.replaceAll('-', ' ').toUpperCase())])
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401])
    expect((await signIn(email, second)).status).toBe(204)
    const { email: other } = await enrolled()
    expect((await signIn(other, recoveryCodes[2])).status, 'somebody else’s').toBe(401)
  })

  it('says nothing of the second factor to whoever has not the password', async () => {
    const { email, secret } = await enrolled()
    const bodies = []
    for (const response of [
      await signIn(email, undefined, 'not the password'),
      await signIn(email, codeOf(secret), 'not the password'),
      await signIn('nobody@example.org'),
    ]) {
      const { requestId, ...body } = await problemOf(response)
      expect(requestId).not.toBe('')
      bodies.push(JSON.stringify(body))
    }
    expect(new Set(bodies).size).toBe(1)
    expect((await signIn(email, codeOf(secret))).status, 'the code was not used up').toBe(204)
  })

  it('does not let a disabled account in', async () => {
    const { email, secret } = await enrolled()
    await admin.ask('PATCH', `/api/v1/users/${(await userNamed(admin, email)).id}`, { disabled: true })
    expect((await problemOf(await signIn(email, codeOf(secret)))).code).toBe('wrong-password')
  })

  it('counts wrong codes as wrong passwords, and a missing one as neither', async () => {
    const limited = await startWeb(database, {
      WEIR_TEST_NO_LOGIN_LIMIT: undefined,
      WEIR_AUTH_SECRET: 'for-tests-only-0123456789abcdefghijklmnop',
    })
    try {
      // Sealed under the other process's secret: only recovery codes open it, and every code is wrong.
      const { email, recoveryCodes } = await enrolled()
      const ask = (code?: string) =>
        new Caller(limited).ask('POST', '/api/v1/session', { email, password: PASSWORD, ...(code === undefined ? {} : { code }) })
      for (let n = 0; n < 12; n++) expect((await problemOf(await ask())).code).toBe('second-factor-required')
      const statuses = []
      for (let n = 0; n < 12; n++) statuses.push((await ask('123456')).status)
      expect(statuses).toEqual([...Array(10).fill(401), 429, 429])
      expect((await ask(recoveryCodes[0])).status).toBe(429)
    } finally {
      await limited.stop()
    }
  })
})

describe('confirming that it is you', () => {
  it('takes a code in place of the password, once; a recovery code too', async () => {
    const { secret, recoveryCodes, person } = await enrolled('oncall')
    const code = nextCode(secret)
    expect((await person.ask('POST', '/api/v1/step-up', { code })).status).toBe(200)
    const again = await person.ask('POST', '/api/v1/step-up', { code })
    expect(again.status).toBe(422)
    expect((await problemOf(again)).code).toBe('wrong-code')
    expect((await person.ask('POST', '/api/v1/step-up', { code: recoveryCodes[0] })).status).toBe(200)
    expect((await person.ask('POST', '/api/v1/step-up', { password: PASSWORD })).status).toBe(200)
    const plain = await invited(admin, 'oncall', 'no-second-factor@example.org')
    expect((await plain.ask('POST', '/api/v1/step-up', { code: '123456' })).status).toBe(422)
    expect((await person.ask('POST', '/api/v1/step-up', { code: '1', password: PASSWORD })).status, 'one of the two').toBe(400)
  })
})

describe('turning it off', () => {
  it('needs a fresh password or code, and then the password alone lets in', async () => {
    const { email, person, secret } = await enrolled()
    const back = new Caller(web)
    expect((await back.ask('POST', '/api/v1/session', { email, password: PASSWORD, code: codeOf(secret) })).status).toBe(204)
    expect((await problemOf(await back.ask('DELETE', '/api/v1/profile/second-factor'))).code).toBe('step-up-required')
    await person.confirm()
    expect((await person.ask('DELETE', '/api/v1/profile/second-factor')).status).toBe(204)
    expect((await person.ask('DELETE', '/api/v1/profile/second-factor')).status).toBe(409)
    expect((await signIn(email)).status).toBe(204)
  })

  it('new recovery codes end the old ones', async () => {
    const { email, person, recoveryCodes } = await enrolled()
    const response = await person.ask('POST', '/api/v1/profile/second-factor/recovery-codes', {})
    const fresh = ((await response.json()) as { recoveryCodes: string[] }).recoveryCodes
    expect((await signIn(email, recoveryCodes[0])).status).toBe(401)
    expect((await signIn(email, fresh[0])).status).toBe(204)
    expect(await (await person.get('/api/v1/profile/second-factor')).json()).toMatchObject({ on: true, recoveryCodesLeft: 9 })
  })

  it('of someone else is an admin’s, after showing the password; their sessions end', async () => {
    const { email, person } = await enrolled()
    const { id } = await userNamed(admin, email)
    const fresh = new Caller(web)
    await fresh.signIn('ada@example.org')
    expect((await problemOf(await fresh.ask('DELETE', `/api/v1/users/${id}/second-factor`))).code).toBe('step-up-required')
    await admin.confirm()
    expect((await admin.ask('DELETE', `/api/v1/users/${id}/second-factor`)).status).toBe(204)
    expect((await person.get('/api/v1/profile')).status).toBe(401)
    expect((await signIn(email)).status).toBe(204)
    const { id: own } = await userNamed(admin, 'ada@example.org')
    expect((await admin.ask('DELETE', `/api/v1/users/${own}/second-factor`)).status, 'never one’s own by this door').toBe(409)
  })
})
