/// <reference lib="dom" />
/** The anomaly screens in a real Chromium: what a person at night does, with the keyboard and with a thumb. */
import { createRequire } from 'node:module'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import type { AxeResults } from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch, unpack } from '../browser/chromium.ts'
import { until } from '../support/wait.ts'
import { type Caller, everyone, startWeb, type Web } from './web.ts'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

declare global {
  var axe: { run: (options: object) => Promise<AxeResults> }
}

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>
let browser: Browser
const complaints: string[] = []

interface Found {
  id: string
  detector: string
  severity?: string
  group?: string
  parent?: string | null
  sentence?: string
}

/** One anomaly as the detectors would store it, and its event. */
async function found({ id, detector, severity = 'warning', group = id, parent = null, sentence }: Found): Promise<void> {
  await database.pool.query(
    `insert into anomaly (id, detector, entity, severity, actor, target, first_seen, last_seen, findings, parent, group_key, trust, window_from,
       window_to, finding_first, statistic, unit, value, expected, threshold, sentence, parts, fresh, filter, windows)
     values ($1, $2, $1, $3, '192.0.2.7', '203.0.113.9', now() - interval '5 min', now(), 1, $4, $5, 'ok', now() - interval '2 min', now(), now(),
       'distinct_failed_ports', 'ports', 1024, 12, 60, $6, '[{"dimension": "dst_port", "value": "22", "share": 0.8}]', '["destination"]',
       'src_addr = 192.0.2.7', 1)`,
    [id, detector, severity, parent, group, sentence ?? `192.0.2.7 did ${id} to 203.0.113.9.`],
  )
  await database.pool.query(`select weir_anomaly_event($1, 'opened', now(), null, null)`, [id])
}

const stateOf = async (id: string) => {
  const { rows } = await database.pool.query<{ state: string }>('select state from anomaly where id = $1', [id])
  return rows[0]?.state
}

async function open(caller: Caller, width: number, scheme: 'light' | 'dark' = 'light'): Promise<[BrowserContext, Page]> {
  const context = await browser.newContext({
    locale: 'en-US',
    timezoneId: 'UTC',
    viewport: { width, height: width < 500 ? 844 : 900 },
    colorScheme: scheme,
  })
  const [name = '', value = ''] = (caller.cookie ?? '').split('=')
  await context.addCookies([{ name, value: decodeURIComponent(value), url: web.url }])
  await context.addInitScript({ path: AXE })
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
  return [context, page]
}

async function violations(page: Page): Promise<string[]> {
  const result = await page.evaluate(async () => await globalThis.axe.run({ resultTypes: ['violations'] }))
  return result.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`)
}

beforeAll(async () => {
  await unpack()
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
  await found({ id: 'ddos-t-1', detector: 'ddos', severity: 'critical' })
  await found({ id: 'syn_flood-t-1', detector: 'syn_flood', parent: 'ddos-t-1' })
  await found({ id: 'port_scan-t-1', detector: 'port_scan' })
  for (let n = 0; n < 5; n++) await found({ id: `brute_force-t-${n}`, detector: 'brute_force', group: 'brute_force|warning|203.0.113.9' })
  for (let n = 0; n < 4; n++)
    await found({ id: `host_scan-r-${n}`, detector: 'host_scan', severity: 'info', group: 'radiation|host_scan|1' })
  browser = await launch()
}, 180_000)
afterAll(async () => {
  await browser?.close()
  await web?.stop()
  await database?.drop()
})

describe('the anomaly screens', () => {
  it.each([
    ['light', 1440],
    ['dark', 1440],
    ['light', 390],
    ['dark', 390],
  ] as const)('are readable for everyone in %s at %i px, and fit', async (scheme, width) => {
    const [context, page] = await open(callers.people.oncall, width, scheme)
    for (const place of ['/anomalies', '/anomalies/ddos-t-1', '/on-call']) {
      await page.goto(web.url + place)
      await page.getByText('192.0.2.7 did ddos-t-1').first().waitFor()
      expect(await violations(page), place).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth), place).toBeLessThanOrEqual(width)
    }
    await context.close()
  })

  it('are worked with the keyboard alone: walk, open, come back, acknowledge, take it back', async () => {
    const [context, page] = await open(callers.people.operator, 1440)
    await page.goto(`${web.url}/anomalies`)
    await page.locator('button[data-row]').first().waitFor()
    expect(await page.getByText('192.0.2.7 did syn_flood-t-1').count(), 'what another explains is folded').toBe(0)
    expect(await page.getByText('Internet radiation: 4 sources').count()).toBe(1)
    const focused = () =>
      page.evaluate(() => (document.activeElement instanceof HTMLElement ? (document.activeElement.dataset.row ?? '') : ''))
    await page.keyboard.press('j')
    expect(await focused(), 'the worst is the first').toBe('ddos-t-1')
    for (let n = 0; n < 5 && (await focused()) !== 'port_scan-t-1'; n++) await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    expect(page.url()).toContain('anomaly=port_scan-t-1')
    await page.keyboard.press('Escape')
    await until('the focus to be back', async () => (await focused()) === 'port_scan-t-1', 3_000, 50)
    await page.keyboard.press('a')
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.waitForTimeout(4_500)
    expect(await stateOf('port_scan-t-1')).toBe('new')
    await page.locator('button[data-row="port_scan-t-1"]').focus()
    await page.keyboard.press('a')
    await until('the acknowledgement', async () => (await stateOf('port_scan-t-1')) === 'acknowledged', 10_000, 100)
    await context.close()
  })

  it('take a whole group with one tap on a phone, also when the phone is put away at once', async () => {
    const [context, page] = await open(callers.people.oncall, 390, 'dark')
    await page.goto(`${web.url}/on-call`)
    await page.getByRole('button', { name: /Acknowledge all 5/ }).click()
    await page.goto('about:blank')
    for (let n = 0; n < 5; n++) await until(`member ${n}`, async () => (await stateOf(`brute_force-t-${n}`)) === 'acknowledged', 5_000, 50)
    await context.close()
  })

  it('tell of a new one within two seconds on any page, in the title too, and of what came while the line was cut', async () => {
    const [context, page] = await open(callers.people.operator, 1440)
    await page.goto(`${web.url}/exporters`)
    await page.waitForFunction(() => /^\(\d+\)/.test(document.title))
    const before = Number(/^\((\d+)/.exec(await page.title())?.[1])
    await page.waitForTimeout(1_000)
    const from = Date.now()
    await found({ id: 'beacon-t-1', detector: 'beacon' })
    await page.getByText('192.0.2.7 did beacon-t-1').waitFor()
    expect(Date.now() - from).toBeLessThan(2_000)
    await page.waitForFunction((n) => document.title.startsWith(`(${n}) `), before + 1)
    await context.setOffline(true)
    await database.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir-web-live'`)
    await found({ id: 'exfil-t-1', detector: 'exfil', severity: 'critical' })
    await context.setOffline(false)
    await page.getByText('192.0.2.7 did exfil-t-1').waitFor({ timeout: 30_000 })
    await context.close()
  })

  it('show a viewer networks, say who may act, and offer nothing that would be refused', async () => {
    const [context, page] = await open(callers.people.viewer, 1440)
    await page.goto(`${web.url}/anomalies/ddos-t-1`)
    await page.getByText('192.0.2.0/24 did ddos-t-1 to 203.0.113.0/24').first().waitFor()
    await page.getByText(/Operators and on-call engineers decide/).waitFor()
    expect(await page.getByRole('button', { name: /Acknowledge|Confirm|Dismiss/ }).count()).toBe(0)
    expect(await page.locator('main').textContent()).not.toMatch(/192\.0\.2\.7|203\.0\.113\.9/)
    await context.close()
  })

  it('ran without an error in the browser', () => expect(complaints).toEqual([]))
})
