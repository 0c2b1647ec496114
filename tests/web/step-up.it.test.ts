import { createAuditKeeper } from '@weir/db/commands'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createAuth } from '../../apps/web/server/auth.ts'
import { LoginLimit } from '../../apps/web/server/login-limit.ts'
import type { Principal } from '../../apps/web/server/principal.ts'
import type { Settings } from '../../apps/web/server/settings.ts'
import { requireStepUp, steppedUpUntil, stepUp } from '../../apps/web/server/step-up.ts'

type Person = Extract<Principal, { kind: 'session' }>

let database: TestDatabase
const settings: Settings = {
  port: 21_990,
  host: '127.0.0.1',
  publicUrl: null,
  trustedProxies: [],
  dataDir: '/nonexistent',
  databaseUrl: '',
  secret: 'for-tests-only-0123456789abcdefghijklmnop',
  loginLimit: true,
}
const person = (n: number): Person => ({
  kind: 'session',
  sessionId: `session-${n}`,
  userId: `user-${n}`,
  name: 'Ada',
  email: `ada${n}@example.org`,
  role: 'oncall',
  steppedUpUntil: null,
})
const headers = (cookie: string): Headers => new Headers({ cookie: `weir-session=x; ${cookie.split(';')[0]}; other=y` })
const change = (set: string) => database.pool.query(`update auth_session set ${set} where id = 'session-1'`)

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  const { pool } = database
  globalThis.weirHouse = {
    settings,
    pool,
    queryPool: pool,
    auth: createAuth(pool, settings),
    loginLimit: new LoginLimit(),
    audit: createAuditKeeper(pool, settings.dataDir, () => undefined),
  }
  for (const n of [1, 2]) {
    await pool.query(`insert into auth_user (id, name, email, role) values ($1, 'Ada', $2, 'oncall')`, [`user-${n}`, `ada${n}@example.org`])
    await pool.query(`insert into auth_session (id, user_id, token, expires_at) values ($1, $2, $1, now() + interval '1 hour')`, [
      `session-${n}`,
      `user-${n}`,
    ])
  }
})
afterAll(async () => {
  globalThis.weirHouse = undefined
  await database.drop()
})
beforeEach(() => change('step_up_until = null, step_up_seal = null'))

it('holds for the session and the browser that showed the password', async () => {
  const { until, cookie } = await stepUp(person(1))
  expect(await steppedUpUntil(headers(cookie), person(1))).toBe(until.getTime())
  expect(await steppedUpUntil(new Headers({ cookie: 'weir-session=x' }), person(1)), 'a session cookie alone').toBeNull()
  expect(await steppedUpUntil(headers(`weir-step-up=${'A'.repeat(43)}`), person(1)), 'a guessed cookie').toBeNull()
  expect(await steppedUpUntil(headers(cookie), person(2)), 'another session').toBeNull()
  expect(await steppedUpUntil(headers(cookie), { ...person(1), userId: 'user-2' }), 'another person').toBeNull()
})

it('ends after its time', async () => {
  const { cookie } = await stepUp(person(1))
  await change(`step_up_until = now() - interval '1 second'`)
  expect(await steppedUpUntil(headers(cookie), person(1))).toBeNull()
})

it('cannot be written into the database', async () => {
  const { cookie } = await stepUp(person(1))
  await change(`step_up_until = step_up_until + interval '1 hour'`)
  expect(await steppedUpUntil(headers(cookie), person(1)), 'a longer time').toBeNull()
  await database.pool.query(
    `update auth_session t set step_up_until = s.step_up_until, step_up_seal = s.step_up_seal from auth_session s where s.id = 'session-1' and t.id = 'session-2'`,
  )
  expect(await steppedUpUntil(headers(cookie), person(2)), "another session's mark").toBeNull()
})

it('a newer one replaces the older cookie', async () => {
  const first = await stepUp(person(1))
  const second = await stepUp(person(1))
  expect(await steppedUpUntil(headers(first.cookie), person(1))).toBeNull()
  expect(await steppedUpUntil(headers(second.cookie), person(1))).toBe(second.until.getTime())
})

it('is asked of people, and refused to tokens whatever their role', () => {
  const now = Date.now()
  expect(requireStepUp({ ...person(1), steppedUpUntil: now + 1000 })).toMatchObject({ userId: 'user-1' })
  for (const steppedUp of [null, now - 1]) {
    expect(() => requireStepUp({ ...person(1), steppedUpUntil: steppedUp })).toThrow(
      expect.objectContaining({ status: 403, code: 'step-up-required', remedy: expect.stringContaining('password') }),
    )
  }
  expect(() => requireStepUp({ kind: 'token', tokenId: 1, name: 'x', role: 'admin' })).toThrow(
    expect.objectContaining({ status: 403, code: 'not-allowed' }),
  )
})
