/// <reference lib="dom" />
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import path from 'node:path'
import { createPool, type Pool } from '@weir/db/connection'
import type { Block, BlockState, Simulation } from '@weir/db/contracts'
import { startEmbedded } from '@weir/db/embedded'
import { migrate } from '@weir/db/migrate'
import { type Subscription, subscribe } from '@weir/db/notify'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch, unpack } from '../browser/chromium.ts'
import { newFolder } from '../support/folder.ts'
import { freePorts } from '../support/ports.ts'
import { Program, ROOT } from '../support/program.ts'
import { Hopeless, sleep, until } from '../support/wait.ts'
import { type Caller, everyone, PASSWORD, startWeb, type Web } from '../web/web.ts'
import { ATTACKERS, buildLab, CUSTOMER, type Lab, labMissing, seenBy, sender, sink, VICTIM } from './lab.ts'

declare global {
  /** When the page first showed it, epoch milliseconds. */
  var weirShown: Record<string, number>
}

const missing = labMissing()
const SECRET = 'a secret of the test receiver'

/** The answer of a request that must work. */
async function done<T>(answer: Promise<Response>): Promise<T> {
  const response = await answer
  if (!response.ok) throw new Hopeless(`${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
const codeOf = async (answer: Promise<Response>): Promise<string> => ((await (await answer).json()) as { code: string }).code

/** The password once more: from here on the cookie of the step-up goes along. */
async function stepUp(caller: Caller): Promise<void> {
  const response = await caller.ask('POST', '/api/v1/step-up', { password: PASSWORD })
  const pair = response.headers.getSetCookie().find((cookie) => cookie.includes('weir-step-up='))
  if (!response.ok || pair === undefined) throw new Error(`step-up: ${response.status} ${await response.text()}`)
  caller.cookie = `${(caller.cookie ?? '').split('; ')[0]}; ${pair.split(';')[0]}`
}

describe.skipIf(missing !== null)(`a flood, from the first packet to the audit${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let lab: Lab
  let pool: Pool
  let collector: Program
  let environment: NodeJS.ProcessEnv
  let web: Web
  let browser: Browser
  let hook: Server
  let told: Subscription
  const pages: { kind: string; detector: string; class: string; sentence: string; id: string }[] = []
  /** When an anomaly's event was told at its commit. */
  const stored = new Map<string, number>()
  let stop = () => Promise.resolve()

  const startCollector = async () => {
    collector = new Program(process.execPath, ['apps/collector/src/main.ts'], { env: environment })
    await until(
      'the collector',
      async () => {
        if (collector.ended !== null) throw new Hopeless(`it ended (${collector.ended}):\n${collector.output}`)
        return (await fetch(`http://127.0.0.1:${environment.WEIR_METRICS_PORT}/metrics`)).ok
      },
      90_000,
    )
  }

  beforeAll(async () => {
    await unpack()
    lab = buildLab()
    const folder = newFolder('block')
    const database = await startEmbedded({ dataDir: folder.path })
    stop = async () => {
      await browser?.close()
      hook?.close()
      await told?.close()
      await web?.stop()
      await pool?.end()
      await collector?.stop()
      await database.stop()
      folder.remove()
    }
    await migrate(database.url)
    pool = createPool({ connectionString: database.url, applicationName: 'weir-test', max: 3, onError: () => undefined })
    hook = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        pages.push(JSON.parse(Buffer.concat(parts).toString('utf8')))
        response.end()
      })
    })
    const [netflow = 0, metrics = 0, hookPort = 0] = await freePorts(3)
    await new Promise<void>((resolve) => hook.listen(hookPort, '127.0.0.1', resolve))
    const notifications = {
      allowedHosts: ['127.0.0.1'],
      allowPrivate: true,
      allowHttp: true,
      webhooks: [{ name: 'night', url: `http://127.0.0.1:${hookPort}/`, secret: SECRET, classes: ['page'] }],
    }
    await pool.query(
      `insert into setting (key, value) values ('notifications', $1) on conflict (key) do update set value = excluded.value`,
      [JSON.stringify(notifications)],
    )
    environment = {
      ...process.env,
      DATABASE_URL: database.url,
      WEIR_DATA_DIR: folder.path,
      WEIR_LISTEN_HOST: lab.collector,
      WEIR_NETFLOW_PORT: String(netflow),
      WEIR_IPFIX_PORT: 'off',
      WEIR_SFLOW_PORT: 'off',
      WEIR_METRICS_PORT: String(metrics),
      // Long enough that the flows say first that a rule is gone.
      WEIR_RECONCILE_SECONDS: '30',
      WEIR_PROOF_SECONDS: '6',
    }
    told = subscribe(database.url, {
      anomaly: (notice) => {
        if (!stored.has(notice.anomalyId)) stored.set(notice.anomalyId, Date.now())
      },
    })
    await startCollector()
    web = await startWeb({ engine: 'postgres', url: database.url, pool, drop: () => Promise.resolve() }, { WEIR_DATA_DIR: folder.path })
    browser = await launch()
    // On the victim's side of the router: it sees what the rule lets through.
    const timeouts = ['maxlife=3', 'udp=3', 'general=3', 'expint=1'].flatMap((word) => ['-t', word])
    lab.start(lab.router, [
      'softflowd',
      '-d',
      '-i',
      '2:rv',
      '-n',
      `${lab.collector}:${netflow}`,
      '-v',
      '9',
      ...timeouts,
      '-p',
      `${folder.path}/softflowd.pid`,
      '-c',
      `${folder.path}/softflowd.ctl`,
    ])
  })
  afterAll(async () => {
    await lab?.remove()
    await stop()
  })

  /** A page of a person's own browser, which notes when each text of `watched` is first on it. */
  async function open(caller: Caller, place: string, watched: Record<string, string>): Promise<Page> {
    const context = await browser.newContext({ locale: 'en-US', timezoneId: 'UTC', viewport: { width: 1440, height: 900 } })
    const [name = '', value = ''] = (caller.cookie ?? '').split('; ')[0]?.split('=') ?? []
    await context.addCookies([{ name, value: decodeURIComponent(value), url: web.url }])
    await context.addInitScript((wanted: Record<string, string>) => {
      globalThis.weirShown = {}
      const look = () => {
        // biome-ignore lint/performance/useDomNodeTextContent: what is hidden is not shown
        const text = document.body?.innerText ?? ''
        for (const [key, words] of Object.entries(wanted)) if (text.includes(words)) globalThis.weirShown[key] ??= Date.now()
      }
      new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true })
    }, watched)
    const page = await context.newPage()
    await page.goto(web.url + place)
    return page
  }
  const shown = (page: Page, key: string, limit: number) =>
    until(`the page to show ${key}`, () => page.evaluate((name: string) => globalThis.weirShown[name] ?? null, key), limit, 50)

  const audit = (...args: string[]): Promise<{ code: number; text: string }> =>
    new Promise((resolve) => {
      execFile(path.join(ROOT, 'bin/weir'), ['audit', ...args], { env: environment }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
      )
    })

  it('is detected, shown, confirmed, simulated, approved, dropped, proven, told when it leaks, ended and recorded', async () => {
    const { people } = await everyone(web, { engine: 'postgres', url: '', pool, drop: () => Promise.resolve() })
    const { operator, oncall, admin } = people
    const figures: Record<string, number> = {}
    const list = await open(operator, '/anomalies', { flood: VICTIM })
    lab.start(lab.victim, sink([443, 30_000, 31_000]))
    await sleep(1_000)
    const started = Date.now()
    const mark = (name: string, from = started) => {
      figures[name] = Math.round((Date.now() - from) / 10) / 100
    }
    // Several conversations: softflowd keeps a single one to itself for half a minute, and without flows there is no proof.
    lab.start(lab.attacker, sender([CUSTOMER], 40_000, 443, 40, 300, 20))
    lab.start(lab.attacker, sender(ATTACKERS.slice(0, 60), 53, 30_000, 1_500, 60))
    const found = await until(
      'the flood to be detected',
      async () => {
        const answer = await done<{ anomalies: { id: string; target: string }[] }>(operator.get('/api/v1/anomalies?detector=ddos'))
        return answer.anomalies.find(({ target }) => target === VICTIM)
      },
      75_000,
      250,
    ).catch(async (error: unknown) => {
      const { rows } = await pool.query(
        `select (select count(*)::int from flow) as flows, (select sum(packets)::int from flow where dst_addr = $1 and src_port = 53) as attack,
           (select count(distinct src_addr)::int from flow) as sources, (select json_agg(a) from (select detector, target, sentence from anomaly) a) as anomalies`,
        [VICTIM],
      )
      throw new Error(`not detected; stored: ${JSON.stringify(rows)}; the collector said:\n${collector.output.slice(-3_000)}`, {
        cause: error,
      })
    })
    const storedAt = stored.get(found.id) ?? expect.fail('its event was not told')
    figures.detected = (storedAt - started) / 1_000
    figures['stored-to-screen'] = ((await shown(list, 'flood', 10_000)) - storedAt) / 1_000
    expect(figures.detected).toBeLessThan(75)
    expect(figures['stored-to-screen']).toBeLessThan(2)

    for (const action of ['acknowledge', 'confirm']) await done(operator.ask('POST', `/api/v1/anomalies/${found.id}/${action}`, {}))
    const { rows: exporters } = await pool.query<{ id: number }>('select id from exporter where address = $1', [lab.exporter])
    const exporterId = exporters[0]?.id ?? 0
    for (const [at, name] of [
      [`${exporterId}`, 'edge-export'],
      [`${exporterId}/interfaces/2`, 'to-victim'],
    ] as const) {
      expect((await admin.ask('PATCH', `/api/v1/exporters/${at}`, { name })).ok).toBe(true)
    }
    // What an admin sets up long before, with a second one: not part of this story.
    await pool.query(
      `insert into device (id, name, dialect, transport, config, exporter_ids) values ('router', 'The router', 'nftables', 'local', $1, $2)`,
      [JSON.stringify({ netns: lab.router, points: [{ exporterId, interfaces: [2] }] }), [exporterId]],
    )
    const simulation = await done<Simulation>(
      operator.ask('POST', '/api/v1/blocks/simulate', {
        match: { src: null, dst: `${VICTIM}/32`, proto: 17, srcPorts: [{ low: 53, high: 53 }], dstPorts: [], tcpFlags: null },
        devices: ['router'],
        anomalyId: found.id,
        ttlSeconds: 120,
      }),
    )
    expect(simulation.bad.share).toBeGreaterThan(0.9)
    expect(simulation.alternatives.length).toBeGreaterThan(1)
    expect(simulation.collateral.filter(({ kind, label }) => kind === 'address' && label === CUSTOMER)).toEqual([])

    const wish = { simulationId: simulation.id, reason: 'DNS reflection' }
    expect(await codeOf(operator.ask('POST', '/api/v1/blocks', wish))).toBe('step-up-required')
    await stepUp(operator)
    const asked = await done<{ id: string; state: BlockState; hash: string }>(operator.ask('POST', '/api/v1/blocks', wish))
    expect(asked.state).toBe('pending_approval')
    const approve = (by: Caller) => by.ask('POST', `/api/v1/blocks/${asked.id}/approve`, { hash: asked.hash })
    expect((await approve(operator)).status).toBe(403)
    expect(await codeOf(approve(oncall))).toBe('step-up-required')
    await stepUp(oncall)
    const block = () => done<Block>(oncall.get(`/api/v1/blocks/${asked.id}`))
    const reached =
      (...states: BlockState[]) =>
      async () => {
        const now = await block()
        return states.includes(now.state) ? now : null
      }
    const carried = () => lab.inside(lab.router, ['nft', 'list', 'table', 'inet', 'weir']).includes(`weir-${asked.id}`)
    const page = await open(oncall, `/blocks/${asked.id}`, { force: 'In force, proof pending', proven: 'Works, proven', leak: 'Leaking' })
    await page.getByText('Waits for approval').first().waitFor()
    // Something to drop for longer than the flood itself, which is bounded to a minute.
    lab.start(lab.attacker, sender(ATTACKERS.slice(60), 53, 31_000, 100, 240))
    const approvedAt = Date.now()
    await done(approve(oncall))
    await until('the rule to be on the router', () => carried(), 10_000, 25)
    mark('approve-to-router', approvedAt)
    figures['approve-to-screen'] = ((await shown(page, 'force', 10_000)) - approvedAt) / 1_000
    // How fast that must be is measured a hundred times elsewhere (B35); here the whole product shares the machine with the flood.
    expect(figures['approve-to-router']).toBeLessThan(10)

    await sleep(300)
    const before = seenBy(lab)
    await sleep(3_000)
    const after = seenBy(lab)
    expect(after.attack, 'attack packets that reached the victim').toBe(before.attack)
    expect(after.customer, 'the customer is still served').toBeGreaterThan(before.customer)

    const proven = await until('the proof', reached('verified'), 40_000, 200).catch(async (error: unknown) => {
      const { rows } = await pool.query(
        `select now() as now, (select json_agg(json_build_object('id', id, 'last_seen', last_seen)) from exporter) as exporters,
           (select json_agg(f) from (select time, src_addr, src_port, dst_port, packets, out_if, to_timestamp(time_received_ns / 1e9) as received
             from flow where dst_addr = $1 and src_port = 53 order by time desc limit 5) f) as flows`,
        [VICTIM],
      )
      throw new Error(`not proven: ${JSON.stringify([(await block()).proof, rows])}`, { cause: error })
    })
    mark('approve-to-proof', approvedAt)
    expect(proven.proof).toMatchObject({ by: 'flows', leakedBytes: 0, exporters: ['edge-export'] })
    expect((await shown(page, 'proven', 10_000)) - Date.parse(proven.proof.verifiedAt ?? '')).toBeLessThan(2_000)

    // A crash of the enforcer changes nothing on the router, and it goes on where it was.
    collector.child.kill('SIGKILL')
    await collector.exit()
    expect(carried()).toBe(true)
    await startCollector()
    await until('the enforcer to look again', () => collector.output.includes('collector ready'), 20_000)
    await sleep(4_000)

    // Somebody deletes the rule by hand: what passes is seen behind the router.
    const undo = (proven.deviceDetails[0]?.undo ?? '').split('\n').filter((line) => line.startsWith('delete'))
    const deletedAt = Date.now()
    lab.inside(lab.router, ['nft', '-f', '-'], `${undo.join('\n')}\n`)
    const leaking = await until(
      'the leak to be seen in the flows',
      async () => {
        const now = await block()
        return now.proof.leaks.length > 0 ? now : null
      },
      40_000,
      100,
    )
    mark('deleted-to-leaking', deletedAt)
    expect(leaking.proof.leaks).toMatchObject([{ exporter: 'edge-export', interface: 'to-victim' }])
    const seen = leaking.timeline.find(({ kind }) => kind === 'leaking')
    expect(seen?.text).toContain('edge-export on to-victim')
    figures['leaking-to-screen'] = ((await shown(page, 'leak', 10_000)) - Date.parse(seen?.at ?? '')) / 1_000
    expect(figures['leaking-to-screen']).toBeLessThan(2)
    await page.getByText('edge-export').first().waitFor({ timeout: 5_000 })
    await until('the rule to be back', () => carried(), 20_000, 50)
    mark('deleted-to-back', deletedAt)
    const page1 = await until('the page to whoever is on call', () => pages.find(({ detector }) => detector === 'block_leaking'), 20_000)
    expect(page1).toMatchObject({ kind: 'raised', class: 'page' })
    expect(page1.sentence).toContain('edge-export on to-victim')
    await until('the proof to be there again', reached('verified'), 40_000, 250)

    const ended = await until('the time to be over', reached('expired'), 180_000, 250)
    figures['over-to-gone'] = (Date.parse(ended.endedAt ?? '') - Date.parse(ended.expiresAt ?? '')) / 1_000
    expect(figures['over-to-gone']).toBeLessThan(30)
    expect(carried()).toBe(false)
    const messages = await until(
      'the all-clear',
      () => {
        const about = pages.filter(({ detector }) => detector === 'block_leaking')
        return about.length > 1 ? about : null
      },
      40_000,
    )
    expect(messages.map(({ kind }) => kind)).toEqual(['raised', 'cleared'])

    const { rows } = await pool.query<{ event: string }>('select event from audit_entry where subject = $1 order by seq', [
      `block:${asked.id}`,
    ])
    expect(rows.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        'block.request',
        'block.approve',
        'block.apply',
        'block.verify',
        'block.leak',
        'block.reassert',
        'block.expire',
      ]),
    )
    expect(await audit('verify')).toMatchObject({ code: 0 })
    const exported = await oncall.ask('POST', '/api/v1/audit/export', {})
    const text = await exported.text()
    const file = path.join(environment.WEIR_DATA_DIR ?? '', 'audit.jsonl')
    writeFileSync(file, text)
    expect(await audit('verify', file)).toMatchObject({ code: 0 })
    const line = text.split('\n').find((one) => one.includes('"block.request"') && one.includes('DNS reflection')) ?? ''
    const { seq } = JSON.parse(line) as { seq: number }
    writeFileSync(file, text.replace(line, line.replace('DNS reflection', 'DNS reflectiom')))
    const found1 = await audit('verify', file)
    expect(found1.code).toBe(1)
    expect(found1.text).toMatch(new RegExp(`\\b${seq}\\b`))
    process.stdout.write(`block path, seconds: ${JSON.stringify(figures)}\n`)
  }, 500_000)
})
