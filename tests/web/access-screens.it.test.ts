/// <reference lib="dom" />
/** The settings that admins need, in a real Chromium: second factor, two admins, devices, protected prefixes, exporters, notifications. */
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { resolveExporters } from '@weir/db/ingest'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import type { AxeResults } from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch, unpack } from '../browser/chromium.ts'
import { newFolder } from '../support/folder.ts'
import { freePorts } from '../support/ports.ts'
import { Program, ROOT } from '../support/program.ts'
import { until } from '../support/wait.ts'
import { codeOf } from './authenticator.ts'
import { type Caller, everyone, invited, PASSWORD, startWeb, type Web } from './web.ts'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const SHOTS = path.join(ROOT, 'test-results', 'access')

declare global {
  var axe: { run: (options: object) => Promise<AxeResults> }
}

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>
let browser: Browser
const complaints: string[] = []

async function open(caller: Caller | null, width = 1440, scheme: 'light' | 'dark' = 'light'): Promise<[BrowserContext, Page]> {
  const context = await browser.newContext({
    locale: 'en-US',
    timezoneId: 'UTC',
    viewport: { width, height: width < 500 ? 844 : 900 },
    colorScheme: scheme,
  })
  context.setDefaultTimeout(20_000)
  const [name = '', value = ''] = (caller?.cookie ?? '').split('=')
  if (caller !== null) await context.addCookies([{ name, value: decodeURIComponent(value), url: web.url }])
  await context.addInitScript({ path: AXE })
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(`${page.url()}: ${message.text()}`)
  })
  return [context, page]
}

async function violations(page: Page): Promise<string[]> {
  const result = await page.evaluate(async () => await globalThis.axe.run({ resultTypes: ['violations'] }))
  return result.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`)
}
async function shot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true })
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`), animations: 'disabled', fullPage: true })
}
const go = async (page: Page, target: string) => {
  await page.goto(web.url + target)
  await page.locator('main h1').waitFor()
  await until('the skeletons to go', async () => (await page.locator('main [role="status"][aria-label="Loading"]').count()) === 0)
}

beforeAll(async () => {
  await unpack()
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
  browser = await launch()
}, 180_000)
afterAll(async () => {
  await browser?.close()
  await web?.stop()
  await database?.drop()
})

const SCREENS = [
  'profile',
  'users',
  'tokens',
  'services',
  'networks',
  'devices',
  'protected',
  'changes',
  'notifications',
  'demo',
  'about',
] as const

describe('every screen of the settings', () => {
  it.each([
    ['empty', 1440, 'light'],
    ['empty', 390, 'dark'],
    ['error', 1440, 'dark'],
    ['error', 390, 'light'],
  ] as const)('%s at %d pixels, %s: no barrier, nothing wider than the screen', async (state, width, scheme) => {
    const [context, page] = await open(callers.people.admin, width, scheme)
    // The pages come; every question they ask is answered as when the database is gone.
    if (state === 'error') {
      const problem = { status: 503, title: 'The database is not reachable', detail: 'It does not answer.', remedy: 'Run bin/weir doctor.' }
      await page.route('**/api/v1/**', (asked) =>
        asked.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
      )
    }
    for (const screen of SCREENS) {
      await go(page, `/settings/${screen}`)
      await shot(page, `${state}-${screen}-${width}-${scheme}`)
      expect(await violations(page), screen).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), screen).toBeLessThanOrEqual(0)
    }
    await context.close()
  })
})

describe('the second factor', () => {
  it('is set up and used with nothing but the keyboard', async () => {
    const person = await invited(callers.people.admin, 'oncall', 'keys@example.org')
    const [context, page] = await open(person)
    await go(page, '/settings/profile')
    await page.getByRole('button', { name: 'Set up' }).focus()
    await page.keyboard.press('Enter')
    await page.getByLabel('Password', { exact: true }).waitFor()
    await shot(page, 'step-up-1440-light')
    await page.getByRole('dialog').getByLabel('Password', { exact: true }).focus()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press('Enter')
    const secret = ((await page.getByTestId('secret').textContent()) ?? '').replaceAll(' ', '')
    await shot(page, 'second-factor-1440-light')
    expect(await violations(page)).toEqual([])
    // What the picture says is what the text says: dark squares on white, read as an app would.
    expect(await page.getByRole('img', { name: 'QR code' }).count()).toBe(1)
    await page.getByLabel('The code that the app shows now').focus()
    await page.keyboard.type(codeOf(secret, Date.now() - 30_000))
    await page.keyboard.press('Enter')
    await page.getByTestId('recovery-codes').waitFor()
    const codes = await page.getByTestId('recovery-codes').locator('li').allTextContents()
    expect(codes).toHaveLength(10)
    await shot(page, 'recovery-codes-1440-light')
    expect(await violations(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByText('10 recovery codes are left').waitFor()
    await shot(page, 'second-factor-on-1440-light')

    await context.clearCookies()
    await page.goto(`${web.url}/sign-in`)
    await page.getByLabel('E-mail').fill('keys@example.org')
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByLabel('Code').waitFor()
    expect(await page.getByLabel('Code').evaluate((field) => field === document.activeElement)).toBe(true)
    await page.keyboard.type('000000')
    await page.keyboard.press('Enter')
    await page.locator('#sign-in-problem').waitFor()
    await shot(page, 'sign-in-code-1440-light')
    expect(await violations(page)).toEqual([])
    await page.getByLabel('Code').fill(codeOf(secret))
    await page.keyboard.press('Enter')
    await page.waitForURL(`${web.url}/`)
    await context.close()
  })
})

describe('two admins', () => {
  it('one proposes, the other sees what, shows the password and does it; a device with blocks stays; reasons go along', async () => {
    const { admin } = callers.people
    await admin.ask('POST', '/api/v1/devices', { id: 'edge', name: 'Edge router 1', dialect: 'nftables', transport: 'none' })
    await admin.ask('POST', '/api/v1/protected-prefixes', { prefix: '192.0.2.0/24', reason: 'Name servers' })
    await database.pool.query(`insert into block (id, state, intent, sentence, hash, verdict, requester, requester_role, requested_at, requester_step_up_at)
      values ('blk-1', 'pending_approval', '{}', 'Drop everything from 198.51.100.7', repeat('a', 64), '{}', 'person:ada', 'oncall', now(), now())`)
    await database.pool.query(
      `insert into block_device (block_id, device_id, slot, state, apply, undo, hash) values ('blk-1', 'edge', 1, 'waiting', '', '', '')`,
    )
    const second = await invited(admin, 'admin', 'second@example.org')
    const [one, ada] = await open(admin)
    await go(ada, '/settings/devices')
    await shot(ada, 'full-devices-1440-light')
    await ada.getByRole('button', { name: 'Remove Edge router 1' }).click()
    await ada.getByLabel('Why, for the audit log').fill('sold')
    await ada.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await ada.getByText('holds a live block: “Drop everything from 198.51.100.7”').waitFor()
    await shot(ada, 'device-refused-1440-light')
    await database.pool.query(
      `update block_device set state = 'removed', removed_at = now(); update block set state = 'withdrawn', ended_at = now()`,
    )
    await ada.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await ada.getByText('Remove the device Edge router 1').first().waitFor()
    await go(ada, '/settings/protected')
    await ada.getByRole('button', { name: 'Remove 192.0.2.0/24' }).click()
    await ada.getByLabel('Why, for the audit log').fill('moved')
    await ada.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await ada.getByText('Stop protecting 192.0.2.0/24').first().waitFor()
    await shot(ada, 'full-protected-1440-light')
    expect(await violations(ada)).toEqual([])

    const [two, bea] = await open(second)
    await go(bea, '/settings/changes')
    await bea.getByRole('button', { name: 'Approve' }).first().waitFor()
    await shot(bea, 'full-changes-1440-light')
    expect(await violations(bea)).toEqual([])
    const removal = bea.locator('li').filter({ hasText: 'Remove the device Edge router 1' })
    await removal.getByRole('button', { name: 'Approve' }).click()
    await bea.getByRole('dialog').getByLabel('Password', { exact: true }).fill(PASSWORD)
    await bea.keyboard.press('Enter')
    await bea.getByText('Approved and done').waitFor()
    const prefix = bea.locator('li').filter({ hasText: 'Stop protecting 192.0.2.0/24' })
    await prefix.getByRole('button', { name: 'Refuse' }).click()
    await bea.getByLabel('Why, for the audit log').fill('still used')
    await bea.getByRole('dialog').getByRole('button', { name: 'Refuse' }).click()
    await bea.getByText('Nothing waits').waitFor()
    await bea.setViewportSize({ width: 390, height: 844 })
    await bea.emulateMedia({ colorScheme: 'dark' })
    await go(bea, '/settings/changes')
    await shot(bea, 'full-changes-390-dark')
    expect(await violations(bea)).toEqual([])
    expect(await bea.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)

    // Everywhere the same: an exporter is retired by two as well.
    await resolveExporters(database.pool, [{ address: '192.0.2.77' }])
    await ada.goto(`${web.url}/exporters`)
    await ada.getByText('192.0.2.77').first().click()
    await ada.getByRole('button', { name: 'Retire' }).click()
    await shot(ada, 'exporter-retire-1440-light')
    await ada.getByLabel('Why, for the audit log').fill('replaced')
    await ada.getByRole('dialog').last().getByRole('button', { name: 'Retire' }).click()
    await ada.getByText('A second admin has to approve this').waitFor()
    await one.close()
    await two.close()
  })
})

describe('notifications', () => {
  it('are set on the screen, and a test really goes out and shows what the receiver says', async () => {
    const got: { url: string | undefined; body: string; signature: string | undefined }[] = []
    const receiver = createServer((request, response) => {
      let body = ''
      request.on('data', (piece) => {
        body += piece
      })
      request.on('end', () => {
        got.push({ url: request.url, body, signature: String(request.headers['x-weir-signature']) })
        response.writeHead(got.length === 1 ? 202 : 500).end()
      })
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    const { port } = receiver.address() as AddressInfo
    const folder = newFolder('access-screens')
    const [netflow = 0, ipfix = 0, sflow = 0, metrics = 0] = await freePorts(4)
    const collector = new Program(process.execPath, ['apps/collector/src/main.ts'], {
      env: {
        ...process.env,
        DATABASE_URL: database.url,
        WEIR_DATA_DIR: folder.path,
        WEIR_LISTEN_HOST: '127.0.0.1',
        WEIR_NETFLOW_PORT: String(netflow),
        WEIR_IPFIX_PORT: String(ipfix),
        WEIR_SFLOW_PORT: String(sflow),
        WEIR_METRICS_PORT: String(metrics),
      },
    })
    const [context, page] = await open(callers.people.admin)
    try {
      await go(page, '/settings/notifications')
      await page.getByRole('button', { name: 'Add', exact: true }).click()
      await page.getByLabel('Name', { exact: true }).fill('soc')
      await page.getByLabel('Address', { exact: true }).fill(`http://127.0.0.1:${port}/services/T0P-SECRET-PATH`)
      const secret = await page.getByLabel(/^Secret/).inputValue()
      expect(secret.length).toBeGreaterThanOrEqual(32)
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByText('http is not allowed').waitFor()
      await page.getByLabel('Without TLS').click()
      await page.getByRole('button', { name: 'Allow 127.0.0.1' }).click()
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByText('127.0.0.1 is a private or local address').waitFor()
      await shot(page, 'notifications-refused-1440-light')
      await page.getByLabel('Private addresses').click()
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByText('Everything is saved').waitFor()
      await page.getByRole('button', { name: 'Test soc' }).click()
      await page.getByText(/The receiver said: 202 in \d+ ms/).waitFor({ timeout: 40_000 })
      expect(got[0]).toMatchObject({ url: '/services/T0P-SECRET-PATH', signature: expect.stringMatching(/^t=\d+,v1=/) })
      expect(JSON.parse(got[0]?.body ?? '')).toMatchObject({ kind: 'test', class: 'page', sentence: expect.stringContaining('test') })
      await shot(page, 'notifications-1440-light')
      expect(await violations(page)).toEqual([])
      await page.getByRole('button', { name: 'Test soc' }).click()
      await page.getByText('127.0.0.1 answered 500').waitFor({ timeout: 40_000 })
      await page.getByRole('switch', { name: 'Send e-mail' }).click()
      await page.setViewportSize({ width: 390, height: 844 })
      await page.emulateMedia({ colorScheme: 'dark' })
      await shot(page, 'notifications-390-dark')
      expect(await violations(page)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
      const answer = await (await callers.people.admin.get('/api/v1/notifications')).text()
      for (const hidden of [secret, 'T0P-SECRET-PATH']) {
        expect(answer).not.toContain(hidden)
        expect(web.program.output).not.toContain(hidden)
        expect(collector.output).not.toContain(hidden)
      }
    } finally {
      await context.close()
      await collector.stop()
      receiver.closeAllConnections()
      receiver.close()
      folder.remove()
    }
  }, 180_000)
})

it('no script failed on any of it', () => expect(complaints).toEqual([]))
