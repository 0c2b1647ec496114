/// <reference lib="dom" />
/** Blocks move on open pages by themselves: within two seconds, also what moved while nobody listened, and a crowd of them as few hints. */
import { watchBlocks } from '@weir/db/commands'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import type { Browser, Page } from 'playwright-core'
import { io } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch, unpack } from '../browser/chromium.ts'
import { newFolder } from '../support/folder.ts'
import { sleep, until } from '../support/wait.ts'
import { type Caller, everyone, startWeb, type Web } from './web.ts'

declare global {
  /** When the page first showed what it waits for, epoch milliseconds. */
  var weirSeen: number | null
}

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>
let browser: Browser
const folder = newFolder('blocks-live')

const SENTENCE = 'Drop everything from 198.51.100.7 for 1 hour on 1 device.'

/** A block as the enforcer finds it when it begins. */
async function putBlock(id: string, src: string, sentence: string): Promise<void> {
  const intent = {
    id,
    match: { src, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null },
    action: { kind: 'drop' },
    ttlSeconds: 3_600,
    devices: ['edge'],
    anomalyId: null,
    reason: 'flood',
  }
  await database.pool.query(
    `insert into block (id, state, intent, sentence, hash, verdict, requester, requester_role, requested_at, requester_step_up_at, expires_at)
     values ($1, 'applying', $2, $3, repeat('0', 64), '{"decision": "allowed", "reasons": []}', 'person:x', 'operator', now(), now(), now() + interval '1 hour')`,
    [id, JSON.stringify(intent), sentence],
  )
  await database.pool.query(
    `insert into block_device (block_id, device_id, slot, state, apply, undo, hash)
     values ($1, 'edge', (select count(*) from block_device), 'applying', 'add', 'delete', repeat('0', 64))`,
    [id],
  )
}

const move = (state: string) =>
  database.pool.query(`update block set state = $1, proof_since = now() where id = 'blk-one' returning clock_timestamp() as at`, [state])

async function open(caller: Caller, place: string): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-US', timezoneId: 'UTC', viewport: { width: 1440, height: 900 } })
  const [name = '', value = ''] = (caller.cookie ?? '').split('=')
  await context.addCookies([{ name, value: decodeURIComponent(value), url: web.url }])
  const page = await context.newPage()
  // A page asks again every few seconds for browsers without events. Here only events may do that.
  await page.addInitScript(() => {
    const plain = globalThis.setInterval
    const without: (work: TimerHandler, ms?: number, ...rest: unknown[]) => number = (work, ms, ...rest) =>
      ms !== undefined && ms >= 5_000 ? 0 : plain(work, ms, ...rest)
    Reflect.set(globalThis, 'setInterval', without)
  })
  await page.goto(web.url + place)
  await page.getByText(SENTENCE).first().waitFor()
  // Nothing measures here, which the page says as soon as its line to the server stands.
  await page.getByText('No data', { exact: true }).first().waitFor({ state: 'attached' })
  return page
}
/** Do something, and give how many ms later each of the pages showed the words, by the pages' own clocks; they must be new to them. */
async function shows(pages: readonly Page[], words: string, limit: number, act: () => Promise<unknown>): Promise<number> {
  for (const page of pages) {
    const there = await page.evaluate((wanted) => {
      // biome-ignore lint/performance/useDomNodeTextContent: what is hidden is not shown
      const look = () => (document.body.innerText.includes(wanted) ? Date.now() : null)
      globalThis.weirSeen = null
      const observer = new MutationObserver(() => {
        globalThis.weirSeen ??= look()
        if (globalThis.weirSeen !== null) observer.disconnect()
      })
      observer.observe(document.body, { childList: true, subtree: true, characterData: true })
      return look()
    }, words)
    expect(there, `${words} before it happened`).toBeNull()
  }
  const from = Date.now()
  await act()
  const seen = await Promise.all(
    pages.map((page) => until(`${words} on the page`, () => page.evaluate(() => globalThis.weirSeen), limit, 50)),
  )
  return Math.max(...seen) - from
}

beforeAll(async () => {
  await unpack()
  database = await createTestDatabase('postgres')
  await database.pool.query(`insert into device (id, name, dialect, transport) values ('edge', 'The edge', 'nftables', 'local')`)
  await putBlock('blk-one', '198.51.100.7/32', SENTENCE)
  // Sessions are sealed with a secret of the data directory, which a restart keeps.
  web = await startWeb(database, { WEIR_DATA_DIR: folder.path })
  callers = await everyone(web, database)
  browser = await launch()
}, 180_000)
afterAll(async () => {
  await browser?.close()
  await web?.stop()
  await database?.drop()
  folder.remove()
})

describe('blocks on open pages', () => {
  it('move within two seconds, are told when something is wrong, and catch up after the web process was away', {
    timeout: 120_000,
  }, async () => {
    const pages = [await open(callers.people.oncall, '/blocks'), await open(callers.people.oncall, '/blocks/blk-one')]
    const away = await open(callers.people.operator, '/blocks')
    // What a page finds wrong when it opens is no news to it: it has to have asked once.
    const asked = away.waitForResponse((response) => response.url().includes('/api/v1/blocks?'))
    await away.goto(`${web.url}/anomalies`)
    await asked
    const moves: number[] = []
    for (const [state, words] of [
      ['enforced', 'In force, proof pending'],
      ['leaking', 'Leaking'],
      ['verified', 'Works, proven'],
      ['enforced', 'In force, proof pending'],
      ['leaking', 'Leaking'],
    ] as const)
      moves.push(await shows(pages, words, 10_000, () => move(state)))
    const times: Record<string, number> = {}
    // What a device answered is no other state of the block, and is shown as soon.
    times.device = await shows(pages, 'unreachable', 10_000, async () => {
      await database.pool.query(`update block_device set state = 'unreachable', last_error = 'no route to host' where block_id = 'blk-one'`)
      await database.pool.query(
        `insert into block_event (block_id, kind, device_id, text) values ('blk-one', 'unreachable', 'edge', 'no route to host')`,
      )
    })

    await database.pool.query(`update device set unreachable_since = now() - interval '5 minutes', last_error = 'no route to host'`)
    // On the pages of blocks, and told on any other page.
    const toast = shows([away], 'Block: device does not answer', 10_000, () => Promise.resolve())
    times.alert = await shows(pages, 'Device does not answer', 10_000, () => watchBlocks(database.pool, () => []))
    // Of several the middle one: a machine that tests other things beside it may stand still for one.
    const inOrder = [...moves, times.device, times.alert].sort((a, b) => a - b)
    expect(inOrder[3], `${inOrder.join(', ')} ms`).toBeLessThan(2_000)
    times.toast = await toast
    await pages[1]?.getByText('The edge does not answer').first().waitFor({ timeout: 10_000 })

    const { url } = web
    times.caughtUp = await shows(pages, 'Being removed', 30_000, async () => {
      await web.stop()
      await move('withdrawing')
      await database.pool.query(`update device set unreachable_since = null`)
      await watchBlocks(database.pool, () => [], { patienceMs: 60_000, clearMs: 0 })
      await watchBlocks(database.pool, () => [], { patienceMs: 60_000, clearMs: 0 })
      web = { ...(await startWeb(database, { WEIR_DATA_DIR: folder.path, WEIR_HTTP_PORT: new URL(url).port })), url }
    })
    for (const page of pages)
      await until(
        'the alert to be gone',
        async () => (await page.getByText('Device does not answer', { exact: true }).count()) === 0,
        5_000,
      )
    process.stdout.write(`blocks on open pages, ms: moves ${moves.join(', ')}; ${JSON.stringify(times)}\n`)
  })

  it('a hundred that move at once are a few hints, and the last hint comes after the last of them', async () => {
    for (let i = 0; i < 100; i++) await putBlock(`blk-many-${i}`, `203.0.113.${i + 1}/32`, `Drop number ${i}.`)
    const { token } = callers.tokens.viewer
    const socket = io(web.url, {
      path: '/api/live',
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      extraHeaders: { authorization: `Bearer ${token}` },
    })
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
    await sleep(1_000)
    const hints: { at: number; said: unknown }[] = []
    socket.on('changed', (said: unknown) => hints.push({ at: Date.now(), said }))
    for (let i = 0; i < 100; i++) await database.pool.query(`update block set state = 'enforced' where id = $1`, [`blk-many-${i}`])
    const last = Date.now()
    await until('the last hint', () => (hints.at(-1)?.at ?? 0) >= last - 5, 2_000, 20)
    await sleep(500)
    socket.disconnect()
    // Nothing of a block is in a hint: whoever may not see blocks learns no more than that something moved.
    expect(hints.map(({ said }) => said)).toEqual(hints.map(() => ({ what: 'blocks' })))
    expect(hints.length).toBeLessThanOrEqual(12)
  })
})
