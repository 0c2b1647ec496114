/** The screens in a real Chromium, on a real installation, from the first sign-in to a full overview: one person's first ten minutes. */
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { netflow5, Sender } from '../support/netflow5.ts'
import { familyOf, greeted, type Installation, newInstallation, startProduct } from '../support/product.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/wait.ts'
import { launch } from './chromium.ts'
import { AXE, PATIENT, settled as settledOn, shot as shotOf, violations as violationsOn, watch } from './looking.ts'

/** Every place of the navigation, and what is on it once it has its data. */
const PLACES = [
  ['/', 'table tbody tr'],
  ['/flows', 'main [role="row"], main tbody tr'],
  ['/map', 'main canvas'],
  ['/services', '.react-flow__edge'],
  ['/exporters', 'main tbody tr, main [role="row"], main article, main li'],
  ['/anomalies', 'main [data-row], main h2'],
  ['/on-call', 'main h1'],
  ['/blocks', 'main h2, main p'],
  ['/audit', 'main ol li'],
  ['/settings', 'main'],
] as const
const PERSON = { name: 'Test Person', email: 'person@example.org', password: 'correct horse battery staple' }

let at: Installation
let program: Program
let generator: Program | undefined
let browser: Browser
let context: BrowserContext
let page: Page
let link = ''
let signedIn = false
/** What the browser complained about: script errors, refused content, failed requests to ourselves. */
const complaints: string[] = []

const shot = (name: string) => shotOf(page, name)
const violations = () => violationsOn(page)
const settled = () => settledOn(page)
const text = async (locator: Locator) => ((await locator.textContent()) ?? '').trim()

beforeAll(async () => {
  // Demo exporters may be told apart, but none sends yet: the empty state comes first.
  at = await newInstallation('browser', { WEIR_DEMO_NETWORK: '127.66.0.0/16' })
  program = startProduct(at)
  const greeting = await greeted(program)
  link = greeting.link ?? ''
  browser = await launch()
  context = await browser.newContext({ locale: 'en-US', timezoneId: 'UTC', viewport: { width: 1440, height: 900 }, colorScheme: 'light' })
  context.setDefaultTimeout(PATIENT)
  await context.addInitScript({ path: AXE })
  page = await context.newPage()
  watch(page, complaints)
}, 300_000)

afterAll(async () => {
  await browser?.close()
  await generator?.stop('SIGTERM', 10_000)
  await program?.stop('SIGTERM', 20_000)
  for (const { pid } of familyOf(at)) process.kill(pid, 'SIGKILL')
  at.remove()
}, 60_000)

describe('the first minutes', () => {
  it('sends somebody unknown to the sign-in, and says why a wrong password does not work', async () => {
    await page.goto(`${at.url}/`)
    await page.waitForURL(/\/sign-in/)
    await page.getByLabel('E-mail').fill('nobody@example.org')
    await page.getByLabel('Password', { exact: true }).fill('not the password')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    const problem = page.locator('#sign-in-problem')
    await problem.waitFor()
    expect(await text(problem)).toMatch(/password|e-mail/i)
    expect.soft(await violations()).toEqual([])
    await shot('sign-in-light-1440')
  })

  it('lets the first administrator in by the one-time link, once', async () => {
    await page.goto(link)
    await page.getByLabel('Name').fill(PERSON.name)
    await page.getByLabel('E-mail').fill(PERSON.email)
    await page.getByLabel('Password', { exact: true }).fill(PERSON.password)
    expect.soft(await violations()).toEqual([])
    await shot('welcome-light-1440')
    await page.getByRole('button', { name: /Make account/ }).click()
    await page.waitForURL(`${at.url}/`)
    signedIn = true

    const stranger = await browser.newContext({ locale: 'en-US', timezoneId: 'UTC' })
    const other = await stranger.newPage()
    await other.goto(link)
    await other
      .getByText(/does not work any more/)
      .first()
      .waitFor()
    await stranger.close()
  })

  it('says on the empty overview how to point an exporter here', async () => {
    await page.getByRole('heading', { name: 'No flow has arrived yet' }).waitFor()
    await page.getByText(`:${at.ports.netflow}`, { exact: false }).first().waitFor()
    await settled()
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme })
      await page.setViewportSize({ width: 1440, height: 900 })
      expect.soft(await violations()).toEqual([])
      await shot(`overview-empty-${scheme}-1440`)
      await page.setViewportSize({ width: 390, height: 844 })
      await shot(`overview-empty-${scheme}-390`)
      expect.soft(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    }
    await page.setViewportSize({ width: 1440, height: 900 })
    await page.emulateMedia({ colorScheme: 'light' })
  })

  it('fills by itself when traffic arrives, and the live rate moves, without a reload', async () => {
    await page.evaluate(() => {
      document.documentElement.dataset.loaded = 'once'
    })
    generator = new Program('bin/weir', ['generate', '--demo', '--to', `127.0.0.1:${at.ports.netflow}`], { env: at.env })
    await page.locator('table tbody tr').first().waitFor({ timeout: 90_000 })
    const live = page.getByTestId('live-rate')
    await until('the live rate', async () => (await live.getAttribute('data-state')) === 'live', PATIENT)
    const first = await text(live)
    await until('the live rate to move', async () => (await text(live)) !== first, 30_000, 200)
    expect(await page.evaluate(() => document.documentElement.dataset.loaded)).toBe('once')
    expect(generator.ended).toBeNull()
  }, 180_000)
})

describe('exploring', () => {
  beforeEach(() => {
    if (!signedIn) throw new Error('nobody is signed in: see the first failure')
  })

  it('narrows the whole page by a click on a value, and the view is its address', async () => {
    await page.goto(`${at.url}/?range=1h`)
    const rows = page
      .locator('section, [aria-labelledby]')
      .filter({ has: page.getByRole('heading', { name: /sources/i }) })
      .locator('tbody tr')
    await rows.first().waitFor()
    const before = await rows.count()
    await rows.first().getByRole('button').first().click()
    await page.getByRole('menuitem', { name: /Filter to this/ }).click()
    await page.waitForURL(/filter=/)
    await until('one source to be left', async () => (await rows.count()) === 1)
    expect(before).toBeGreaterThan(1)

    const filtered = new URL(page.url())
    const name = await text(rows.first().getByRole('button').first())
    const second = await context.newPage()
    await second.goto(filtered.href)
    await second.getByText(name, { exact: true }).first().waitFor()
    expect(new URL(second.url()).searchParams.get('filter')).toBe(filtered.searchParams.get('filter'))
    await second.close()

    await page.goBack()
    await until('all sources again', async () => (await rows.count()) > 1)
  })

  it('explains a filter it cannot read', async () => {
    await page.goto(`${at.url}/?range=1h`)
    const filter = page.getByRole('combobox', { name: 'Filter' })
    await filter.fill('src_addr = = 10')
    await filter.press('Enter')
    await until('the explanation', async () => (await filter.getAttribute('aria-invalid')) === 'true')
    expect(new URL(page.url()).searchParams.get('filter')).toBeNull()
  })

  it('draws the map', async () => {
    await page.goto(`${at.url}/map?range=1h`)
    const canvas = page.locator('main canvas').first()
    await canvas.waitFor()
    await settled()
    // An empty canvas of this size is a few hundred octets as PNG; land and arcs are not.
    await until('land and arcs', async () => (await canvas.screenshot()).length > 20_000, PATIENT, 1_000)
  }, 120_000)

  it('draws the service graph', async () => {
    await page.goto(`${at.url}/services?range=1h`)
    await page.locator('.react-flow__node').first().waitFor()
    await until(
      'nodes and edges',
      async () => (await page.locator('.react-flow__edge').count()) > 2 && (await page.locator('.react-flow__node').count()) > 3,
    )
  })

  it('lists single flows and the exporters', async () => {
    await page.goto(`${at.url}/flows?range=1h`)
    await page.locator('main [role="row"], main tbody tr').nth(5).waitFor()
    await page.goto(`${at.url}/exporters`)
    await page
      .getByText(/127\.66\./)
      .first()
      .waitFor()
    await page.getByText(/demo/i).first().waitFor()
    await page.getByRole('columnheader', { name: 'Witness' }).waitFor()
    await page
      .getByRole('button', { name: /127\.66\./ })
      .first()
      .click()
    await page
      .getByRole('dialog')
      .getByText(/each is counted from here|counted from another exporter/)
      .waitFor()
  })

  it('lists a scan that begins while the page is open', async () => {
    await page.goto(`${at.url}/anomalies`)
    const sender = new Sender(at.ports.netflow)
    try {
      for (let port = 1; port <= 60; port++) {
        const syn = { source: '192.0.2.66', destination: '10.77.2.22', sourcePort: 40_000, destinationPort: port, packets: 1, bytes: 40 }
        await sender.send(netflow5({ ...syn, flags: 0x02, sequence: port - 1 }))
        await page.waitForTimeout(50)
      }
      await page.locator('button[data-row^="port_scan"]').first().waitFor({ timeout: 90_000 })
    } finally {
      sender.close()
    }
  }, 120_000)
})

describe('every place', () => {
  beforeEach(() => {
    if (!signedIn) throw new Error('nobody is signed in: see the first failure')
  })

  describe.each(PLACES)('%s', (place, content) => {
    const name = place === '/' ? 'overview' : place.slice(1)

    it.each(['light', 'dark'] as const)('has no serious finding of axe-core in %s, and fits a phone', async (scheme) => {
      await page.emulateMedia({ colorScheme: scheme })
      await page.setViewportSize({ width: 1440, height: 900 })
      await page.goto(`${at.url}${place}?range=1h`)
      expect(new URL(page.url()).pathname.startsWith(place), `${page.url()} instead of ${place}`).toBe(true)
      await page
        .locator(content)
        .first()
        .waitFor({ state: 'attached', timeout: 60_000 })
        .catch(async (cause: unknown) => {
          throw new Error(`${place} shows only: ${(await page.locator('main').textContent())?.slice(0, 500)}`, { cause })
        })
      await settled()
      // Charts and maps draw after their data.
      await page.waitForTimeout(1_500)
      await shot(`${name}-${scheme}-1440`)
      expect.soft(await violations()).toEqual([])
      await page.setViewportSize({ width: 390, height: 844 })
      await page.waitForTimeout(700)
      await shot(`${name}-${scheme}-390`)
      expect.soft(await page.evaluate(() => document.documentElement.scrollWidth), 'wider than the phone').toBeLessThanOrEqual(390)
      expect.soft(await violations()).toEqual([])
    })
  })

  it('made the browser complain about nothing, and asked nobody else for anything', () => {
    expect(complaints).toEqual([])
  })
})
