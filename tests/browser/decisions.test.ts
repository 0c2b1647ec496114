/**
 * From an anomaly to a block that is undone, in a real Chromium on a real installation: its own traffic, its own detection, its own database.
 * Each screen in each of its states, on a desk and on a phone, light and dark; and the whole way by the keyboard alone.
 */
import type { AnomalyCard, Block } from '@weir/db/contracts'
import type { Browser, BrowserContext, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NETFLOW5_MOST, type Netflow5Record, netflow5Of, Sender } from '../support/netflow5.ts'
import { familyOf, greeted, type Installation, newInstallation, startProduct } from '../support/product.ts'
import type { Program } from '../support/program.ts'
import { until } from '../support/wait.ts'
import { Caller, invited, PASSWORD, type Web } from '../web/web.ts'
import { launch } from './chromium.ts'
import { AXE, focusName, look, PATIENT, settled, tabTo, violations, watch } from './looking.ts'

const VICTIM = '10.77.2.10'
const SCANNER = '192.0.2.66'
const SCANNED = '10.77.2.22'
const UDP = 17
const SYN = 0x02
const COMPLETE = 0x1b

let at: Installation
let program: Program
let browser: Browser
let web: Web
let people: Record<'admin' | 'operator' | 'oncall' | 'viewer', Caller>
let sender: Sender
let sending: ReturnType<typeof setInterval> | undefined
let flood = ''
let scan = ''
const complaints: string[] = []
const contexts: BrowserContext[] = []

/** A page of somebody who is signed in. */
async function open(person: keyof typeof people): Promise<Page> {
  const context = await browser.newContext({
    locale: 'en-US',
    timezoneId: 'UTC',
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
  })
  contexts.push(context)
  context.setDefaultTimeout(PATIENT)
  const cookies = (people[person].cookie ?? '').split('; ').map((pair) => {
    const equals = pair.indexOf('=')
    return { name: pair.slice(0, equals), value: decodeURIComponent(pair.slice(equals + 1)), url: at.url }
  })
  await context.addCookies(cookies)
  await context.addInitScript({ path: AXE })
  const page = await context.newPage()
  watch(page, complaints)
  return page
}

async function ask<T>(person: keyof typeof people, method: string, path: string, body?: unknown): Promise<T> {
  const response = await people[person].ask(method, `/api/v1${path}`, body)
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return JSON.parse(text === '' ? 'null' : text) as T
}

/** Five seconds' worth of decisions need the password once more; the answer's cookie goes with what follows. */
async function confirmPassword(person: keyof typeof people): Promise<void> {
  const caller = people[person]
  const response = await caller.ask('POST', '/api/v1/step-up', { password: PASSWORD })
  if (response.status !== 200) throw new Error(`step-up: ${await response.text()}`)
  const proof = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0] ?? '')
  caller.cookie = [caller.cookie, ...proof].join('; ')
}

const card = (id: string) => ask<AnomalyCard>('operator', 'GET', `/anomalies/${id}`)
const stateOf = async (id: string) => (await card(id)).state
const block = (id: string) => ask<Block>('operator', 'GET', `/blocks/${id}`)

/** A reflection flood, one host that scans, and somebody who is served all the time. */
function attack(): void {
  let sequence = 0
  let port = 20_000
  sending = setInterval(() => {
    const records: Netflow5Record[] = Array.from({ length: 120 }, (_, n) => ({
      source: `198.51.100.${1 + (n % 120)}`,
      destination: VICTIM,
      sourcePort: 53,
      destinationPort: 30_000 + n,
      packets: 40,
      bytes: 40 * 1_380,
      proto: UDP,
      flags: 0,
    }))
    for (let n = 0; n < 4; n++) {
      port += 1
      // One closed port after the other, and a customer who is served.
      records.push(
        { source: SCANNER, destination: SCANNED, sourcePort: 40_000, destinationPort: port - 19_000, packets: 1, bytes: 40, flags: SYN },
        { source: '192.0.2.100', destination: VICTIM, sourcePort: port, destinationPort: 443, packets: 14, bytes: 2_100, flags: COMPLETE },
        { source: VICTIM, destination: '192.0.2.100', sourcePort: 443, destinationPort: port, packets: 12, bytes: 24_000, flags: COMPLETE },
      )
    }
    for (let from = 0; from < records.length; from += NETFLOW5_MOST) {
      const part = records.slice(from, from + NETFLOW5_MOST)
      void sender.send(netflow5Of(part, sequence))
      sequence += part.length
    }
  }, 1_000)
}

beforeAll(async () => {
  at = await newInstallation('decisions')
  program = startProduct(at)
  const greeting = await greeted(program)
  web = { url: at.url, program, stop: async () => undefined }
  const admin = new Caller(web)
  const made = await admin.ask('POST', '/api/v1/welcome', {
    token: new URL(greeting.link ?? '').searchParams.get('token'),
    name: 'Ada Admin',
    email: 'ada@example.org',
    password: PASSWORD,
  })
  if (made.status !== 204) throw new Error(`no administrator: ${await made.text()}`)
  people = {
    admin,
    operator: await invited(admin, 'operator', 'operator@example.org'),
    oncall: await invited(admin, 'oncall', 'oncall@example.org'),
    viewer: await invited(admin, 'viewer', 'viewer@example.org'),
  }
  browser = await launch()
  sender = new Sender(at.ports.netflow)
}, 300_000)

afterAll(async () => {
  clearInterval(sending)
  sender?.close()
  for (const context of contexts) await context.close().catch(() => undefined)
  await browser?.close()
  await program?.stop('SIGTERM', 20_000)
  for (const { pid } of familyOf(at)) process.kill(pid, 'SIGKILL')
  at.remove()
}, 60_000)

describe('before anything has happened', () => {
  it.each([
    ['anomalies-empty', '/anomalies', 'Nothing to watch yet'],
    ['on-call-empty', '/on-call', 'Nothing is watched right now'],
    ['suppressions-empty', '/anomalies?panel=suppressions', 'Nothing is suppressed'],
    ['blocks-empty', '/blocks', 'Nothing is blocked'],
    ['block-new-empty', '/blocks/new', 'No device can carry a block yet'],
    ['anomaly-missing', '/anomalies/ddos-none', 'There is no such anomaly'],
    ['block-missing', '/blocks/blk-none', 'There is no such block'],
  ])('%s says what is not there and what to do', async (name, place, words) => {
    const page = await open('operator')
    await page.goto(at.url + place)
    await page.getByText(words).first().waitFor()
    await settled(page)
    await look(page, name)
    await page.context().close()
  })

  it('the audit says that nothing fits a filter', async () => {
    const page = await open('admin')
    await page.goto(`${at.url}/audit?event=nothing.such`)
    await settled(page)
    await page.getByText('No entry fits').first().waitFor()
    await look(page, 'audit-empty')
    await page.context().close()
  })
})

describe('while it loads, and when it fails', () => {
  const SCREENS = [
    ['anomalies', '/anomalies', '**/api/v1/anomalies?*'],
    ['anomaly', '/anomalies/ddos-none', '**/api/v1/anomalies/ddos-none'],
    ['on-call', '/on-call', '**/api/v1/anomalies?*'],
    ['blocks', '/blocks', '**/api/v1/blocks?*'],
    ['block', '/blocks/blk-none', '**/api/v1/blocks/blk-none'],
    ['block-new', '/blocks/new', '**/api/v1/devices'],
    ['audit', '/audit', '**/api/v1/audit?*'],
  ] as const

  it.each(SCREENS)(
    '%s keeps its shape, then says why it cannot be shown, and comes back by its own button',
    async (name, place, route) => {
      const page = await open('operator')
      const held: Route[] = []
      let dead = false
      await page.route(route, (asked) => {
        if (dead) return asked.abort('connectionrefused')
        held.push(asked)
      })
      await page.goto(at.url + place)
      await page.locator('main [role="status"][aria-label="Loading"]').first().waitFor()
      await look(page, `${name}-loading`)
      // The line is cut: as when the server is gone.
      dead = true
      for (const asked of held.splice(0)) await asked.abort('connectionrefused')
      const again = page.locator('main').getByRole('button', { name: 'Try again' }).first()
      await again.waitFor({ timeout: 40_000 })
      await look(page, `${name}-error`)
      await page.unroute(route)
      await again.click()
      await again.waitFor({ state: 'detached' })
      await page.context().close()
    },
    120_000,
  )
})

describe('an attack', () => {
  it('appears on the open list by itself, with nobody reloading', async () => {
    const page = await open('operator')
    await page.goto(`${at.url}/anomalies`)
    await page.getByText('Nothing to watch yet').waitFor()
    await page.evaluate(() => {
      document.documentElement.dataset.loaded = 'once'
    })
    attack()
    await page.locator('button[data-row^="ddos"]').waitFor({ timeout: 90_000 })
    await page.locator('button[data-row^="port_scan"]').waitFor({ timeout: 90_000 })
    expect(await page.evaluate(() => document.documentElement.dataset.loaded)).toBe('once')
    flood = (await page.locator('button[data-row^="ddos"]').first().getAttribute('data-row')) ?? ''
    scan = (await page.locator('button[data-row^="port_scan"]').first().getAttribute('data-row')) ?? ''
    await settled(page)
    await look(page, 'anomalies-full')
    await page.context().close()
  }, 240_000)

  it('is explained on its card, whose numbers the flows behind its link repeat', async () => {
    await until('the evidence', async () => ((await card(flood)).evidence?.length ?? 0) > 0, 30_000, 500)
    const page = await open('operator')
    await page.goto(`${at.url}/anomalies/${flood}`)
    await page.getByRole('heading', { name: /DNS reflection/ }).waitFor()
    await settled(page)
    await look(page, 'anomaly-full')
    // The flood goes on and the card with it: both are read until they are of the same moment.
    const { shown, query } = await until(
      'the card and its link to be of one window',
      async () => {
        const href = await page.getByRole('link', { name: 'Flows', exact: true }).last().getAttribute('href')
        const query = new URL(href ?? '', at.url).searchParams
        const shown = await card(flood)
        const same =
          Date.parse(query.get('from') ?? '') === Date.parse(shown.window.from) &&
          Date.parse(query.get('to') ?? '') === Date.parse(shown.window.to)
        return same ? { shown, query } : null
      },
      60_000,
      300,
    )
    expect(query.get('filter')).toBe(shown.explorer?.filter)
    // The records of that window are what the value was computed of; each was stored by its end, so one second of them may lie beside it.
    let packets = 0
    let cursor: string | null = null
    do {
      const params = new URLSearchParams({ ...Object.fromEntries(query), limit: '1000', ...(cursor === null ? {} : { cursor }) })
      const answer: { flows: { packets: number }[]; nextCursor: string | null } = await ask('operator', 'GET', `/flows?${params}`)
      packets += answer.flows.reduce((sum, flow) => sum + Number(flow.packets), 0)
      cursor = answer.nextCursor
    } while (cursor !== null)
    const seconds = (Date.parse(shown.window.to) - Date.parse(shown.window.from)) / 1000
    const sums = await ask<{ total: { packets: number } }>(
      'operator',
      'GET',
      `/top?${new URLSearchParams({ ...Object.fromEntries(query), dimension: 'proto', metric: 'packets' })}`,
    )
    expect(sums.total.packets, 'the sums say what the records say').toBe(packets)
    expect(packets / seconds / shown.value).toBeGreaterThan(0.85)
    expect(packets / seconds / shown.value).toBeLessThan(1.15)
    await page.context().close()
  }, 120_000)

  it('marks its flows wherever they are listed', async () => {
    const page = await open('operator')
    await page.goto(`${at.url}/flows?range=15m&filter=${encodeURIComponent(`dst_addr = ${VICTIM} and src_port = 53`)}`)
    const mark = page.locator(`main a[href="/anomalies/${flood}"]`).first()
    await mark.waitFor()
    expect(await mark.textContent()).toContain('Goes with an anomaly')
    await mark.click()
    await page.waitForURL(`${at.url}/anomalies/${flood}`)
    await page.context().close()
  })

  it('waits on the on-call page and is taken by the keyboard alone', async () => {
    const page = await open('oncall')
    await page.goto(`${at.url}/on-call`)
    await page.getByRole('button', { name: /^Acknowledge ?: Volumetric flood/ }).waitFor()
    await settled(page)
    await look(page, 'on-call-full')
    await tabTo(page, /^Why ?: Volumetric flood/)
    await page.keyboard.press('Enter')
    await page
      .getByRole('article', { name: /DNS reflection/ })
      .getByText('What it is made of')
      .waitFor()
    await look(page, 'on-call-why')
    await page.keyboard.press('Enter')
    await page.keyboard.press('a')
    await until('the acknowledgement by one key', async () => (await stateOf(flood)) === 'acknowledged', 15_000)
    await tabTo(page, /^Acknowledge ?: Port scan/)
    await page.keyboard.press('Enter')
    await until('the acknowledgement', async () => (await stateOf(scan)) === 'acknowledged', 15_000)
    await page.locator('section[aria-label="Taken"]').getByText('Volumetric flood').waitFor()
    await page.context().close()
  }, 120_000)

  it('is confirmed as a risk on its card by the keyboard alone', async () => {
    const page = await open('operator')
    await page.goto(`${at.url}/anomalies/${flood}`)
    await page.getByRole('button', { name: 'Confirm risk' }).waitFor()
    await tabTo(page, /^Confirm risk$/)
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.waitFor()
    expect(await violations(page)).toEqual([])
    await tabTo(page, /What do you know about it/)
    await page.keyboard.type('Seen on the router too.')
    await tabTo(page, /^Confirm risk$/)
    await page.keyboard.press('Enter')
    await until('the confirmation', async () => (await stateOf(flood)) === 'confirmed', 10_000)
    await dialog.waitFor({ state: 'detached' })
    await page.context().close()
  })

  it('can be kept from being told again, and what is kept so is listed with who, why and until when, and ended there', async () => {
    const page = await open('oncall')
    await page.goto(`${at.url}/anomalies/${scan}`)
    await page.getByRole('button', { name: 'Dismiss' }).click()
    await page.getByLabel(/Why\? For whoever looks next/).fill('Our own scanner, each Saturday.')
    await page.getByLabel('Suppress for').click()
    await page.getByRole('option', { name: '1 day' }).click()
    await page.getByRole('button', { name: 'Dismiss and suppress' }).click()
    await until('the dismissal', async () => (await stateOf(scan)) === 'dismissed', 10_000)
    await page.goto(`${at.url}/anomalies`)
    await page.getByRole('button', { name: /^Suppressions/ }).click()
    await page.waitForURL(/panel=suppressions/)
    const drawer = page.getByRole('dialog')
    await drawer.getByText('Our own scanner, each Saturday.').first().waitFor()
    await drawer
      .getByText(/The oncall/)
      .first()
      .waitFor()
    await look(page, 'suppressions-full')
    await drawer.getByRole('button', { name: /^End: Port scan/ }).click()
    await drawer.getByRole('button', { name: 'End it now' }).click()
    await drawer.getByText(/ended early/).waitFor()
    const { suppressions } = await ask<{ suppressions: { active: boolean }[] }>('oncall', 'GET', '/suppressions')
    expect(suppressions.map((one) => one.active)).toEqual([false])
    await page.context().close()
  }, 120_000)

  it('can be kept from being told without deciding about it', async () => {
    const page = await open('operator')
    await page.goto(`${at.url}/anomalies/${flood}`)
    await page.getByRole('button', { name: 'Suppress', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText(/In the last 14 days it would have hidden/).waitFor()
    await look(page, 'suppress-form')
    await dialog.getByLabel('What is not told').click()
    await page.getByRole('option', { name: `Every kind by or at ${VICTIM}` }).click()
    await dialog.getByLabel('Suppress for').click()
    await page.getByRole('option', { name: '1 day' }).click()
    await dialog.getByLabel(/^Why\?/).fill('Load test, announced by its team.')
    await dialog.getByRole('button', { name: 'Suppress', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    const { suppressions } = await ask<{
      suppressions: { id: number; active: boolean; detector: string | null; address: string | null; reason: string }[]
    }>('operator', 'GET', '/suppressions')
    const made = suppressions.find((one) => one.active)
    expect(made).toMatchObject({ detector: null, address: VICTIM, reason: 'Load test, announced by its team.' })
    expect(await stateOf(flood), 'nothing is decided about it').toBe('confirmed')
    await ask('operator', 'DELETE', `/suppressions/${made?.id}`)
    await page.context().close()
  }, 60_000)
})

describe('a block, by the keyboard alone', () => {
  let id = ''

  it('goes from the evidence over what it would hit and a narrower way to the request', async () => {
    await confirmPassword('admin')
    await ask('admin', 'POST', '/devices', {
      id: 'edge',
      // Long as names of devices are; nothing it stands in may become wider than a phone.
      name: 'Edge router in the second hall, left rack',
      dialect: 'ios-xe',
      transport: 'none',
      address: null,
      config: {},
      exporterIds: [],
    })
    const page = await open('operator')
    await page.goto(`${at.url}/anomalies/${flood}`)
    await page.getByRole('link', { name: 'Simulate a block' }).waitFor()
    await tabTo(page, /^Simulate a block$/)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/blocks\/new\?anomaly=/)
    await page.getByText('Other ways').waitFor({ timeout: 40_000 })
    await tabTo(page, /^Use this: .*source port 53/)
    await page.keyboard.press('Enter')
    const request = page.getByRole('complementary', { name: 'The request' })
    await request
      .getByText(/source port 53/)
      .first()
      .waitFor({ timeout: 40_000 })
    await settled(page)
    await look(page, 'block-new-full')
    await tabTo(page, /^(Request approval|Request the block)$/)
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.waitFor()
    expect(await violations(page)).toEqual([])
    expect(await focusName(page), 'the password has the focus').toMatch(/password/i)
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/blocks\/blk-/)
    id = /blk-[0-9a-f]+/.exec(page.url())?.[0] ?? ''
    expect((await block(id)).state).toBe('pending_approval')
    await page.getByText('Waits for approval').first().waitFor()
    await settled(page)
    await look(page, 'block-waiting')
    await page.context().close()
  }, 180_000)

  it('is approved by a second person, and the page of the first one shows it by itself', async () => {
    const first = await open('operator')
    const heard: string[] = []
    first.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        if (typeof payload === 'string' && payload.includes('"blocks"')) heard.push(payload)
      }),
    )
    await first.goto(`${at.url}/blocks/${id}`)
    await first.getByText('Waits for approval').first().waitFor()
    const page = await open('oncall')
    await page.goto(`${at.url}/blocks`)
    const row = page.getByRole('link', { name: /source port 53/ })
    await row.waitFor()
    await look(page, 'blocks-full')
    await tabTo(page, /source port 53/)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${at.url}/blocks/${id}`)
    await page.getByRole('button', { name: 'Approve' }).waitFor()
    await tabTo(page, /^Approve$/)
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    expect(await violations(page)).toEqual([])
    await tabTo(page, /^Approve and enforce$/)
    await page.keyboard.press('Enter')
    await page.getByLabel('Password', { exact: true }).waitFor()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press('Enter')
    await until('the approval', async () => (await block(id)).approver !== null, 15_000)
    await first.getByText('by The oncall').first().waitFor({ timeout: 10_000 })
    await until('the push to the open page', () => heard.length > 0, 10_000)
    await page.getByText('to be pasted by hand').first().waitFor()
    await settled(page)
    await look(page, 'block-live')
    await page.context().close()
    await first.context().close()
  }, 180_000)

  it('is undone', async () => {
    const page = await open('operator')
    await page.goto(`${at.url}/blocks/${id}`)
    await page.getByRole('button', { name: 'Undo now' }).waitFor()
    await tabTo(page, /^Undo now$/)
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await tabTo(page, /^Why\? It goes to the audit log/)
    await page.keyboard.type('The attack is over.')
    await tabTo(page, /^Undo now$/)
    await page.keyboard.press('Enter')
    const password = page.getByLabel('Password', { exact: true })
    const done = page.getByText('The devices are told to drop the rule')
    await password.or(done).first().waitFor()
    if (await password.isVisible()) {
      await page.keyboard.type(PASSWORD)
      await page.keyboard.press('Enter')
    }
    await until('the end', async () => ['withdrawing', 'withdrawn'].includes((await block(id)).state), 20_000)
    await page
      .getByText(/Withdrawn|Being removed/)
      .first()
      .waitFor()
    await settled(page)
    await look(page, 'block-undone')
    await page.context().close()
  }, 120_000)

  it('is in the audit, in words', async () => {
    const page = await open('admin')
    await page.goto(`${at.url}/audit`)
    await page.getByText(`block ${id}`).first().waitFor()
    await settled(page)
    expect(await page.locator('main').textContent()).not.toContain('recorded “')
    await look(page, 'audit-full')
    await page.keyboard.press('Tab')
    await tabTo(page, new RegExp(`approved block ${id}`))
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    expect(await violations(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.context().close()
  })
})

describe('someone who may only read', () => {
  it('sees networks instead of hosts, is offered nothing that would be refused, and no door that is closed', async () => {
    const page = await open('viewer')
    await page.goto(`${at.url}/anomalies/${flood}`)
    await page.getByText(/Operators and on-call engineers decide/).waitFor()
    await settled(page)
    expect(await page.locator('main').textContent()).not.toContain(VICTIM)
    expect(await page.getByRole('link', { name: 'Blocks' }).count()).toBe(0)
    await look(page, 'anomaly-viewer')
    await page.context().close()
  })
})

describe('a device that proves its blocks by flows', () => {
  it('is set up in the browser: the port of its GoBGP, and which interfaces of an exporter are behind it', async () => {
    const page = await open('admin')
    await page.goto(`${at.url}/settings/devices`)
    await page.getByRole('button', { name: 'Add a device' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('Route server')
    await dialog.getByLabel('Speaks').click()
    await page.getByRole('option', { name: 'BGP FlowSpec by GoBGP' }).click()
    await dialog.getByLabel('Port of its gRPC API').fill('50052')
    await dialog.getByRole('checkbox', { name: /127\.0\.0\.1/ }).check()
    await dialog.getByLabel('Interfaces of 127.0.0.1 behind the device').click()
    await page.getByRole('option', { name: 'Only some interfaces' }).click()
    await dialog.getByText('Choose at least one').waitFor()
    expect(await dialog.getByRole('button', { name: 'Save' }).isDisabled(), 'none is named yet').toBe(true)
    await dialog
      .getByRole('checkbox', { name: /^Interface \d+/ })
      .first()
      .check()
    await look(page, 'device-form')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByText(/^Proven by 127\.0\.0\.1 \(interface \d+\)$/).waitFor()
    await look(page, 'devices-full')
    const { devices } = await ask<{ devices: { id: string; config: { port?: number; points?: { interfaces: number[] }[] } }[] }>(
      'admin',
      'GET',
      '/devices',
    )
    const { config } = devices.find(({ id }) => id === 'route-server') ?? {}
    expect(config).toMatchObject({ port: 50_052, points: [{ interfaces: [expect.any(Number)] }] })
    await page.context().close()
  }, 60_000)
})

it('made the browser complain about nothing, and asked nobody else for anything', () => {
  expect(complaints).toEqual([])
})
