import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { anomalyCard } from '@weir/db/queries'
import { createTestDatabase, seededRandom, type TestDatabase, testEngines } from '@weir/db/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { newDataDir, type Running, startTestCollector, until } from '../../test/harness.ts'
import { netflow5, openSender, type ReplayFlow } from '../../test/netflow5-replay.ts'
import { backtest } from '../cli/backtest.ts'
import { defaultRules } from './config.ts'
import { stateFile } from './state-file.ts'

const HOME = ['10.1.0.0/16', '203.0.113.0/24']
const START = Date.UTC(2026, 2, 3, 12)
const SYN = 2
const MADE = 27
/** How long the test's clock may go on until something is there, ms. */
const WITHIN = 600_000

/** One SYN that nobody answers. */
function attemptOf(at: number, src: string, dst: string, dstPort: number, over: Partial<ReplayFlow> = {}): ReplayFlow {
  return { startMs: at, endMs: at, src, dst, srcPort: 40_000, dstPort, proto: 6, bytes: 60, packets: 1, flags: SYN, ...over }
}

/** Twelve minutes of ordinary traffic, with a SYN flood, a port scan, a sweep and an outbound flood at minutes 6 to 9. */
function scenario(): ReplayFlow[] {
  const random = seededRandom(7)
  const flows: ReplayFlow[] = []
  const both = (at: number, client: string, server: string, port: number) => {
    const srcPort = 30_000 + Math.floor(random() * 30_000)
    const up = {
      startMs: at,
      endMs: at + 900,
      src: client,
      dst: server,
      srcPort,
      dstPort: port,
      proto: 6,
      bytes: 2_000,
      packets: 12,
      flags: MADE,
    }
    flows.push(up, { ...up, src: server, dst: client, srcPort: port, dstPort: srcPort, startMs: at + 2, bytes: 9_000 })
  }
  for (let s = 0; s < 720; s++) {
    both(START + s * 1000 + Math.floor(random() * 900), `10.1.0.${10 + (s % 20)}`, '198.51.100.80', 443)
    if (s % 2 === 0) both(START + s * 1000 + 400, `198.51.100.${1 + (s % 60)}`, '203.0.113.10', 443)
  }
  const attempt = (...of: Parameters<typeof attemptOf>) => flows.push(attemptOf(...of))
  for (let i = 0; i < 5_400; i++)
    attempt(START + 360_000 + Math.floor(i * 16.6), `198.18.${i % 3}.${1 + (i % 250)}`, '203.0.113.10', 80, {
      srcPort: 1024 + (i % 60_000),
    })
  for (let i = 0; i < 120; i++) attempt(START + 380_000 + i * 400, '198.51.100.200', '203.0.113.20', 1 + i * 7)
  for (let i = 0; i < 40; i++) attempt(START + 420_000 + i * 500, '10.1.0.66', `10.1.9.${i + 1}`, 445)
  for (let i = 0; i < 60; i++)
    attempt(START + 480_000 + i * 1_000, '10.1.0.77', '198.51.100.222', 9_999, {
      endMs: START + 480_000 + i * 1_000 + 990,
      srcPort: 5_000 + i,
      proto: 17,
      packets: 400,
      bytes: 24_000,
      flags: 0,
    })
  return flows.sort((a, b) => a.endMs - b.endMs)
}

let clean: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const work of clean.reverse()) await work()
  clean = []
  vi.useRealTimers()
})

/** A collector that detects in this thread, on the test's clock, with the home networks of the scenario. */
async function begin(database: TestDatabase, dir: { path: string }): Promise<Running> {
  const running = await startTestCollector(database.url, { detect: 'same-thread' }, { path: dir.path, remove: () => undefined })
  await until('detection', () => running.detect?.status?.ready === true || running.lines.some((l) => l.msg === 'detection is running'))
  return running
}

async function atHome(database: TestDatabase): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: START })
  await database.pool.query('delete from home_network')
  await database.pool.query('insert into home_network (prefix) select unnest($1::cidr[])', [HOME])
}

/** Send the scenario through a real collector on a clock that the test moves; `at` interrupts it at a second. */
async function live(database: TestDatabase, at: { second: number; interrupt: (dataDir: string) => void } | null): Promise<void> {
  await atHome(database)
  const dir = newDataDir()
  let running = await begin(database, dir)
  const sender = await openSender()
  clean.push(async () => {
    await running.stop()
    sender.close()
    dir.remove()
  })
  const flows = scenario()
  const boot = START - 3_600_000
  let next = 0
  let sent = 0
  for (let second = 2; second <= 760; second += 2) {
    const now = START + second * 1000
    vi.setSystemTime(now)
    const due: ReplayFlow[] = []
    for (let flow = flows[next]; flow !== undefined && flow.endMs <= now; flow = flows[++next]) due.push(flow)
    const datagrams = netflow5(due, now, boot, next - due.length)
    if (datagrams.length > 0) {
      sent += datagrams.length
      await sender.send(running.ports.netflow ?? 0, datagrams)
      await until('the datagrams', () => running.account.processed >= sent)
    }
    if (at !== null && second === at.second) {
      await running.stop()
      at.interrupt(dir.path)
      running = await begin(database, dir)
      sent = 0
    }
  }
  expect(next).toBe(flows.length)
  // The last windows close on the clock alone.
  for (let second = 770; second <= 1_500; second += 10) {
    vi.setSystemTime(START + second * 1000)
    await new Promise((done) => setTimeout(done, 30))
  }
  await until('the last tick', () => (running.detect?.status?.clockMs ?? 0) >= START + 1_490_000)
  await until('the writes', () => running.detect?.status?.unwritten === 0)
}

/** A receiver of webhooks: detector, kind and class of each message, in the order in which they came. */
async function listener(database: TestDatabase): Promise<string[]> {
  const told: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece) => {
      body += piece
    })
    request.on('end', () => {
      const message: { detector: string; kind: string; class: string } = JSON.parse(body)
      told.push(`${message.detector} ${message.kind} ${message.class}`)
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  clean.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  const { port } = server.address() as AddressInfo
  const setting = {
    allowHttp: true,
    allowPrivate: true,
    allowedHosts: ['127.0.0.1'],
    webhooks: [{ name: 'test', url: `http://127.0.0.1:${port}/`, secret: 'sixteen characters or more' }],
  }
  await database.pool.query(`insert into setting (key, value) values ('notifications', $1)`, [JSON.stringify(setting)])
  return told
}

interface Row {
  id: string
  detector: string
  entity: string
  first: number
  /** Events that say it began: opened, or folded from the start. */
  begun: number
}
const stored = async (database: TestDatabase): Promise<Row[]> =>
  (
    await database.pool.query<Row>(
      `select id, detector, entity, (extract(epoch from first_seen) * 1000)::float8 as first,
         (select count(*)::int from anomaly_event e where e.anomaly_id = a.id and (kind = 'opened' or (kind = 'folded' and not exists
           (select from anomaly_event o where o.anomaly_id = a.id and o.kind = 'opened')))) as begun
       from anomaly a order by detector, entity`,
    )
  ).rows

describe('the role detect', { timeout: 120_000 }, () => {
  it.each(testEngines())('finds live what a back-test finds in what was stored (%s)', async (engine) => {
    const database = await createTestDatabase(engine)
    clean.push(() => database.drop())
    await live(database, null)
    const rows = await stored(database)
    const { anomalies, flows } = await backtest(database.pool, defaultRules(HOME), new Date(START - 60_000), new Date(START + 3_600_000))
    expect(flows).toBe(scenario().length)
    const key = (a: { detector: string; entity: string }) => `${a.detector} ${a.entity}`
    expect(rows.map(key)).toEqual(anomalies.map(key).sort())
    for (const detector of ['syn_flood', 'port_scan', 'host_scan', 'outbound_flood'])
      expect(
        rows.some((row) => row.detector === detector),
        detector,
      ).toBe(true)
    for (const row of rows) {
      const twin = anomalies.find((a) => key(a) === key(row))
      expect(Math.abs((twin?.firstMs ?? 0) - row.first), key(row)).toBeLessThanOrEqual(10_000)
      expect(row.begun).toBe(1)
    }
    const scan = rows.find((row) => row.detector === 'port_scan')
    const read = () => anomalyCard(database.pool, scan?.id ?? '', 'host')
    await until(
      'the evidence',
      async () => {
        vi.setSystemTime(Date.now() + 1_000)
        return ((await read()).evidence?.length ?? 0) > 0
      },
      WITHIN,
    )
    const card = await read()
    // Twenty ports make a scan; how many more had been tried by the time of the copy is the clock's affair.
    expect(card.evidence?.length).toBeGreaterThanOrEqual(20)
    expect(card.evidence?.every((flow) => flow['src_addr'] === '198.51.100.200')).toBe(true)
    expect(card.quality.exporters).toEqual(['127.0.0.1'])
    expect(card.baseline?.values.some((value) => (value ?? 0) > 0)).toBe(true)
  })

  it.each(testEngines())('copies the flows behind a finding once all of them are stored, also after a restart (%s)', async (engine) => {
    const database = await createTestDatabase(engine)
    clean.push(() => database.drop())
    await atHome(database)
    const dir = newDataDir()
    let running = await begin(database, dir)
    const sender = await openSender()
    const holder = await database.pool.connect()
    clean.push(async () => {
      holder.release(true)
      await running.stop()
      sender.close()
      dir.remove()
    })
    let now = START
    const pass = async (steps: number, stepMs = 1_000) => {
      for (let i = 0; i < steps; i++) {
        now += stepMs
        vi.setSystemTime(now)
        await new Promise((done) => setTimeout(done, 30))
      }
    }
    const probes = Array.from({ length: 40 }, (_, i) => attemptOf(START + i * 100, '198.51.100.200', '203.0.113.20', 1 + i * 7))
    const send = async (from: number, to: number) => {
      const datagrams = netflow5(probes.slice(from, to), now, START - 3_600_000, from)
      const before = running.account.processed
      await sender.send(running.ports.netflow ?? 0, datagrams)
      await until('the datagrams', () => running.account.processed >= before + datagrams.length)
    }
    const evidence = async () => {
      const { rows } = await database.pool.query<{ evidence: unknown[] | null }>(
        `select evidence from anomaly where detector = 'port_scan'`,
      )
      return rows[0]?.evidence
    }

    await pass(4)
    await send(0, 15)
    await until(
      'the first flows',
      async () => {
        await pass(1)
        return running.account.stored === 15
      },
      WITHIN,
    )
    await holder.query('begin')
    await holder.query('lock table flow in exclusive mode')
    await send(15, 40)
    await until(
      'the finding',
      async () => {
        await pass(2)
        return (await evidence()) !== undefined
      },
      WITHIN,
    )
    // What lies in the database now is a part, and waiting does not make it the whole. The role looks once in a real second.
    await pass(90)
    expect(running.account.stored).toBe(15)
    expect(await evidence()).toBeNull()
    await holder.query('rollback')
    const copied = () =>
      until(
        'the evidence',
        async () => {
          await pass(2)
          return (await evidence()) !== null
        },
        WITHIN,
      )
    await copied()
    expect((await evidence())?.length).toBe(40)

    // A stop that comes before leaves the copy to the next start, and no change of the anomaly reminds of it any more.
    await until(
      'the end',
      async () => {
        await pass(1, 60_000)
        return (await database.pool.query('select from anomaly where ended_at is null')).rowCount === 0
      },
      86_400_000,
    )
    await running.stop()
    await database.pool.query('update anomaly set evidence = null')
    running = await begin(database, dir)
    await copied()
    expect((await evidence())?.length).toBe(40)
  })

  it.each([
    ['with its state', (): void => undefined],
    ['with a corrupt state', (dataDir: string) => writeFileSync(stateFile(dataDir), 'weir detect-state 1\nnonsense')],
  ])('a restart in the middle of an attack, %s, opens nothing twice', async (_name, interrupt) => {
    const database = await createTestDatabase('postgres')
    clean.push(() => database.drop())
    const told = await listener(database)
    await live(database, { second: 406, interrupt })
    await until('the messages', async () => {
      const { rows } = await database.pool.query<{ n: number }>('select count(*)::int as n from notification where sent_at is null')
      return rows[0]?.n === 0
    })
    expect(told.length).toBeGreaterThan(0)
    expect(new Set(told).size).toBe(told.length)
    expect(told).toContain('ddos paged page')
    const rows = await stored(database)
    const keys = rows.map((row) => `${row.detector} ${row.entity}`)
    expect(new Set(keys).size).toBe(keys.length)
    expect(rows.map((row) => row.begun)).toEqual(rows.map(() => 1))
    for (const detector of ['syn_flood', 'port_scan', 'host_scan', 'outbound_flood'])
      expect(
        rows.some((row) => row.detector === detector),
        detector,
      ).toBe(true)
  })
})
