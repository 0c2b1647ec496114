import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { enrol } from './authenticator.ts'
import { Caller, firstAdmin, invited, PASSWORD, startWeb, userNamed, type Web } from './web.ts'

let database: TestDatabase
let open: Web
let limited: Web
let admin: Caller

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  open = await startWeb(database)
  limited = await startWeb(database, { WEIR_TEST_NO_LOGIN_LIMIT: undefined, WEIR_TRUSTED_PROXIES: '127.0.0.1' })
  admin = await firstAdmin(open, database)
})
afterAll(async () => {
  await open?.stop()
  await limited?.stop()
  await database?.drop()
})

it('of 4,000 guesses from 1,000 addresses of one /64 at most 20 are tried, and the admin still gets in', async () => {
  const ask = (address: string, password: string) =>
    new Caller(limited).ask('POST', '/api/v1/session', { email: 'ada@example.org', password }, { 'x-forwarded-for': address })
  const home = '198.51.100.4'
  expect((await ask(home, PASSWORD)).status).toBe(204)
  const statuses = new Map<number, number>()
  let next = 0
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let n = next++; n < 4_000; n = next++) {
        const { status } = await ask(`2001:db8:5:5::${((n % 1_000) + 1).toString(16)}`, `guess number ${n}`)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }),
  )
  expect([...statuses.keys()].sort()).toEqual([401, 429])
  expect(statuses.get(401)).toBeLessThanOrEqual(20)
  expect((await ask('2001:db8:5:5::1', PASSWORD)).status, 'not even the right one from there').toBe(429)
  // A second attacker with many networks reaches the account's own limit, and not the place its owner comes from.
  for (let n = 0; n < 40; n++) await ask(`203.0.113.${n + 1}`, 'not the password')
  expect((await ask('192.0.2.200', PASSWORD)).status).toBe(429)
  expect((await ask(home, PASSWORD)).status).toBe(204)
}, 180_000)

it('takes as long for unknown, disabled and doubly secured accounts as for known ones', async () => {
  await invited(admin, 'viewer', 'known@example.org')
  await enrol(await invited(admin, 'viewer', 'secured@example.org'))
  await invited(admin, 'viewer', 'disabled@example.org')
  await admin.ask('PATCH', `/api/v1/users/${(await userNamed(admin, 'disabled@example.org')).id}`, { disabled: true })
  const emails = ['known@example.org', 'nobody@example.org', 'secured@example.org', 'disabled@example.org'] as const
  const spent: Record<string, number[]> = Object.fromEntries(emails.map((email) => [email, []]))
  const median = (email: string): number => {
    const sorted = [...(spent[email] ?? [])].sort((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? 0
  }
  const apart = () => Math.max(...emails.map((email) => Math.abs(median(email) / median('known@example.org') - 1)))
  // On a machine that does other things a median of few tries is noise: what is really apart stays apart over 500.
  for (let round = 0; round < 500 && (round < 80 || round % 20 !== 0 || apart() >= 0.1); round++) {
    // Each round begins with another one, so that what else the machine does meets all alike.
    for (let n = 0; n < emails.length; n++) {
      const email = emails[(n + round) % emails.length] ?? ''
      const from = performance.now()
      expect((await new Caller(open).signIn(email, 'not the password')).status).toBe(401)
      spent[email]?.push(performance.now() - from)
    }
  }
  console.info(`sign-in refused: ${emails.map((email) => `${email.split('@')[0]} ${median(email).toFixed(1)} ms`).join(', ')}`)
  expect(apart()).toBeLessThan(0.1)
}, 240_000)
