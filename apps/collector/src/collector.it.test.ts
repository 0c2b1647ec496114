import { connect } from 'node:net'
import { createTestDatabase, type TestDatabase, testEngines } from '@weir/db/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { breakableWay, datagrams, newDataDir, type Running, send, startTestCollector, until } from '../test/harness.ts'
import { PROTOCOLS } from './generate/encoder.ts'

/** Every datagram and flow has a place, and nothing waits. */
async function expectClosedBooks(collector: Running): Promise<void> {
  const { account } = collector
  expect(await collector.metric('weir_accounting_gap')).toBe(0)
  expect(account.received).toBe(account.refusedTotal + account.unreadableTotal + account.processed)
  expect(account.flows).toBe(account.shedTotal + account.accepted)
  expect(account.accepted + account.recovered).toBe(account.stored + account.quarantinedTotal)
}

describe.each(testEngines())('the collector on %s', (engine) => {
  let database: TestDatabase
  const closing: (() => Promise<void>)[] = []
  beforeAll(async () => {
    database = await createTestDatabase(engine)
  })
  afterAll(() => database.drop())
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
    await database.pool.query('delete from flow')
    await database.pool.query('delete from exporter')
  })
  const start = async (...args: Parameters<typeof startTestCollector>): Promise<Running> => {
    const collector = await startTestCollector(...args)
    closing.push(() => collector.close())
    return collector
  }
  const count = async (where = 'true'): Promise<number> => {
    const { rows } = await database.pool.query<{ n: number }>(`select count(*)::int as n from flow where ${where}`)
    return rows[0]?.n ?? 0
  }

  it.each(PROTOCOLS)('stores what %s exports, on any port, with places and times', async (protocol) => {
    const collector = await start(database.url)
    const ports = [collector.ports.netflow, collector.ports.ipfix, collector.ports.sflow]
    for (const [i, port] of ports.entries()) await send(port ?? 0, datagrams(protocol, 300, { seed: i + 1, agent: [127, 0, 0, 1] }))
    await until('900 rows', async () => (await count()) === 900)
    await expectClosedBooks(collector)
    const { rows } = await database.pool.query<Record<string, number | string | boolean>>(
      `select count(distinct coalesce(src_country, dst_country))::int as countries, count(*) filter (where src_as is not null or dst_as is not null)::int as with_as,
         count(*) filter (where service_port in (443, 25, 53, 80))::int as services,
         bool_and(time between now() - interval '10 minutes' and now()) as recent, bool_and(bytes >= packets) as sized,
         bool_and(exporter_id = (select id from exporter)) as one_exporter from flow`,
    )
    expect(rows[0]).toMatchObject({ recent: true, sized: true, one_exporter: true })
    expect(Number(rows[0]?.countries)).toBeGreaterThan(5)
    expect(Number(rows[0]?.with_as)).toBeGreaterThan(300)
    expect(Number(rows[0]?.services)).toBeGreaterThan(300)
    await until('the exporter to be described', async () => {
      const { rows: exporters } = await database.pool.query<{ flows: string; formats: string[]; lost: string }>(
        'select flows, formats, lost from exporter',
      )
      return Number(exporters[0]?.flows) === 900 && exporters[0]?.formats.length === 1 && Number(exporters[0].lost) === 0
    })
  })

  it('learns sampling and the names of interfaces from options, and the demo from its network', async () => {
    const collector = await start(database.url)
    await send(collector.ports.netflow ?? 0, datagrams('ipfix', 200, { sampling: 100 }), '127.66.9.1')
    await send(collector.ports.netflow ?? 0, datagrams('v9', 200, { sampling: 10 }))
    await until('400 rows', async () => (await count()) === 400)
    expect(await count('sampling_rate = 100')).toBe(200)
    expect(await count('sampling_rate = 10')).toBe(200)
    await until('names', async () => {
      const { rows } = await database.pool.query(`select from interface where name = 'et-0/0/0' and description = 'Transit Northline'`)
      return rows.length === 2
    })
    const { rows } = await database.pool.query('select host(address) as address, demo, sampling_rate from exporter order by address')
    expect(rows).toEqual([
      { address: '127.0.0.1', demo: false, sampling_rate: 10 },
      { address: '127.66.9.1', demo: true, sampling_rate: 100 },
    ])
  })

  it('gives an exporter that was removed a new row when it sends again', async () => {
    const collector = await start(database.url)
    await send(collector.ports.netflow ?? 0, datagrams('v5', 60))
    await until('60 rows', async () => (await count()) === 60)
    await database.pool.query('delete from flow')
    await database.pool.query('delete from exporter')
    // What twenty seconds of silence come to, without waiting for them.
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => performance.timeOrigin + performance.now() + 25_000)
    await send(collector.ports.netflow ?? 0, datagrams('v5', 60))
    await until('60 rows of a known exporter', async () => (await count('exporter_id in (select id from exporter)')) === 60)
    clock.mockRestore()
    await expectClosedBooks(collector)
  })

  it('counts noise and is not disturbed by it', async () => {
    const collector = await start(database.url)
    const noise = Array.from({ length: 300 }, (_, i) =>
      Buffer.from(Array.from({ length: 20 + i }, (_x, j) => (i * 7919 + j * 104729 + 128) & 255)),
    )
    noise.push(Buffer.alloc(0), Buffer.of(0, 9), Buffer.alloc(1400, 0xff), Buffer.from('GET / HTTP/1.0\r\n\r\n'))
    await Promise.all([send(collector.ports.netflow ?? 0, noise, '127.0.0.9'), send(collector.ports.netflow ?? 0, datagrams('v5', 600))])
    await until('600 rows', async () => (await count()) === 600)
    await until('the noise to be counted', () => collector.account.unreadableTotal === noise.length)
    await expectClosedBooks(collector)
    // Per listener and per exporter too: the noise belongs to the listener, and to no exporter.
    const { listeners, exporters } = collector.status.current().books
    const { received, processed } = collector.account
    expect(listeners.map(({ gap }) => gap)).toEqual([0, 0, 0, 0])
    expect(listeners.find(({ name }) => name === 'netflow/udp')?.counts).toMatchObject({
      arrived: received,
      kernelDropped: 0,
      unreadable: noise.length,
      processed,
      waiting: 0,
    })
    expect(exporters).toMatchObject([{ name: '127.0.0.1', gap: 0, counts: { received: processed, processed, flows: 600, accepted: 600 } }])
    expect(await collector.metric('weir_listener_gap')).toBe(0)
    expect(await collector.metric('weir_exporter_gap')).toBe(0)
    const { rows } = await database.pool.query('select host(address) as address from exporter')
    expect(rows).toEqual([{ address: '127.0.0.1' }])
    expect(collector.lines.filter(({ level }) => level === 'warn' || level === 'error').length).toBeLessThan(10)
  })

  it('stores a datagram once that the network delivers twice, and says so', async () => {
    const collector = await start(database.url)
    const port = collector.ports.netflow ?? 0
    for (const protocol of PROTOCOLS) {
      const payloads = datagrams(protocol, 300, { agent: [127, 0, 0, 1] })
      await send(port, payloads)
      // The copies come from another port, as from a mirror that has its own socket, and after a while.
      await send(port, payloads)
    }
    await until('1200 rows', async () => (await count('slice is not true')) >= 1200)
    await until('all copies to be judged', () => collector.ingest.waiting === 0)
    expect(await count('slice is not true')).toBe(1200)
    expect(collector.account.refused.duplicate * 2).toBe(collector.account.received)
    await expectClosedBooks(collector)
    expect(await collector.metric('weir_exporter_duplicates_total')).toBe(collector.account.refused.duplicate)
  })

  it('corrects a clock that is a day off, from the first flow on, and keeps the stamps', async () => {
    const collector = await start(database.url)
    const off = 86_400_000
    await send(collector.ports.netflow ?? 0, datagrams('v5', 90, { endMs: Date.now() + off }))
    await send(collector.ports.netflow ?? 0, datagrams('ipfix', 90, { endMs: Date.now() - 40 * off }), '127.0.0.2')
    await until('180 rows', async () => (await count()) === 180)
    expect(await count(`time between now() - interval '2 minutes' and now()`)).toBe(180)
    expect(await count(`time_flow_end_ns > (extract(epoch from now()) + 80000)::bigint * 1000000000`)).toBe(90)
    expect(await count(`time_flow_end_ns < (extract(epoch from now()) - 3000000)::bigint * 1000000000`)).toBe(90)
  })

  it('waits for a database that is not there yet and stores what came meanwhile', async () => {
    const way = await breakableWay(database.url)
    closing.push(way.close)
    way.cut()
    const collector = await start(way.url)
    await send(collector.ports.netflow ?? 0, datagrams('v5', 300))
    await until('the health page to say it', async () => {
      const answer = await fetch(`http://127.0.0.1:${collector.ports.metrics}/healthz`)
      return answer.status === 503 && /has not taken flows/.test(await answer.text())
    })
    way.mend()
    await until('300 rows', async () => (await count()) === 300)
    await expectClosedBooks(collector)
    expect(collector.lines.some(({ msg }) => /does not take flows/.test(msg))).toBe(true)
  })

  it('rides out an outage: known exporters lose nothing', async () => {
    const way = await breakableWay(database.url)
    closing.push(way.close)
    const collector = await start(way.url)
    await send(collector.ports.netflow ?? 0, datagrams('v5', 60))
    await until('60 rows', async () => (await count()) === 60)
    way.cut()
    await send(collector.ports.netflow ?? 0, datagrams('v5', 3000, { seed: 2 }))
    await until('the outage to be noticed', () => collector.store.downSinceMs !== null)
    expect(collector.store.waiting).toBe(3000)
    way.mend()
    await until('3060 rows', async () => (await count()) === 3060)
    await expectClosedBooks(collector)
    expect(collector.lines.some(({ msg }) => /takes flows again/.test(msg))).toBe(true)
  })

  it('knows its exporters again after a restart without a database: their flows are accepted at once', async () => {
    const dir = newDataDir()
    const way = await breakableWay(database.url)
    closing.push(way.close)
    const first = await startTestCollector(way.url, {}, dir)
    await send(first.ports.netflow ?? 0, datagrams('v5', 60))
    await until('60 rows', async () => (await count()) === 60)
    await first.stop()
    way.cut()
    const second = await startTestCollector(way.url, {}, dir)
    closing.push(second.close)
    await send(second.ports.netflow ?? 0, datagrams('v5', 300, { seed: 2 }))
    await send(second.ports.netflow ?? 0, datagrams('v5', 30, { seed: 3 }), '127.0.0.2')
    await until('the known exporter to be accepted', () => second.account.accepted === 300)
    expect(second.ingest.waiting).toBe(1)
    way.mend()
    await until('390 rows', async () => (await count()) === 390)
    expect(await count(`exporter_id = (select id from exporter where address = '127.0.0.1')`)).toBe(360)
    expect(await count(`exporter_id = (select id from exporter where address = '127.0.0.2')`)).toBe(30)
    await expectClosedBooks(second)
  })

  it('lets a burst wait while every batch is being packed, and sheds none of it', async () => {
    const collector = await start(database.url, { batchRows: 100, queueBytes: 1 << 20 })
    await send(collector.ports.netflow ?? 0, datagrams('v5', 9000))
    await until('9000 rows', async () => (await count()) === 9000)
    expect(collector.account.shed.queue_full).toBe(0)
    await expectClosedBooks(collector)
  })

  it('sheds the newest flows when the spool is full, counts them, and recovers', async () => {
    const way = await breakableWay(database.url)
    closing.push(way.close)
    const collector = await start(way.url, { spoolBytes: 1 << 17, batchRows: 100 })
    await send(collector.ports.netflow ?? 0, datagrams('v5', 60))
    await until('60 rows', async () => (await count()) === 60)
    way.cut()
    await send(collector.ports.netflow ?? 0, datagrams('v5', 9000, { seed: 2 }))
    await until('flows to be shed', () => collector.account.shed.spool_full > 0 && collector.account.flows === 9060)
    way.mend()
    await until('the spool to be empty', () => collector.store.waiting === 0)
    await expectClosedBooks(collector)
    expect(await count()).toBe(collector.account.stored)
    expect(collector.account.shed.spool_full + collector.account.stored).toBe(9060)
  })

  it('stores what it has received before it stops', async () => {
    const collector = await startTestCollector(database.url)
    const payloads = datagrams('v5', 6000)
    await send(collector.ports.netflow ?? 0, payloads)
    await until('all to arrive', () => collector.account.received === payloads.length)
    const { failed } = await collector.stop()
    expect(failed).toEqual([])
    expect(await count()).toBe(6000)
    expect(collector.account.stored).toBe(6000)
  })

  it('keeps templates over a restart, and starts without them when the file is damaged', async () => {
    const dir = newDataDir()
    const payloads = datagrams('v9', 400)
    const first = await startTestCollector(database.url, {}, dir)
    await send(first.ports.netflow ?? 0, payloads.slice(0, 8))
    await until('flows', async () => (await count()) > 50)
    await first.stop()
    const before = await count()
    const second = await startTestCollector(database.url, {}, dir)
    await send(second.ports.netflow ?? 0, payloads.slice(8))
    await until('the rest', async () => (await count()) === 400)
    expect(before).toBeLessThan(400)
    await second.stop()
    const { writeFileSync } = await import('node:fs')
    writeFileSync(`${dir.path}/templates/state`, 'damaged')
    const third = await start(database.url, {}, dir)
    expect(third.lines.some(({ msg }) => /saved templates cannot be used/.test(msg))).toBe(true)
    await send(third.ports.netflow ?? 0, datagrams('v9', 100, { seed: 9 }))
    await until('flows again', async () => (await count()) === 500)
  })

  it('takes IPFIX over TCP, split anywhere, with templates of the connection only', async () => {
    const collector = await start(database.url)
    const payloads = datagrams('ipfix', 500)
    const whole = Buffer.concat(payloads)
    const socket = connect(collector.ports['ipfix-tcp'] ?? 0, '127.0.0.1')
    for (let at = 0, size = 1; at < whole.length; at += size, size = ((size * 7) % 1900) + 1) socket.write(whole.subarray(at, at + size))
    await until('500 rows', async () => (await count()) === 500)
    expect(collector.account.received).toBe(payloads.length)
    const stranger = connect(collector.ports['ipfix-tcp'] ?? 0, '127.0.0.1')
    stranger.write(payloads[4] ?? Buffer.alloc(0))
    await until('its data to be parked', () => collector.account.parkedSets > 0)
    expect(await count()).toBe(500)
    socket.destroy()
    stranger.destroy()
    await expectClosedBooks(collector)
  })

  it('tells its health, its geo edition and the live rate through the database', async () => {
    const collector = await start(database.url)
    const client = await database.pool.connect()
    const rates: { flowsPerSecond: number }[] = []
    client.on('notification', ({ channel, payload }) => {
      if (channel === 'weir_rate') rates.push(JSON.parse(payload ?? '{}'))
    })
    await client.query('listen weir_rate')
    await send(collector.ports.netflow ?? 0, datagrams('v5', 300))
    await until('a live rate', () => rates.some(({ flowsPerSecond }) => flowsPerSecond > 100))
    await client.query('unlisten weir_rate')
    client.release()
    await until('a status row', async () => {
      const { rows } = await database.pool.query<{ status: { sli: { completeness: number | null }; counters: { stored: number } } }>(
        'select status from collector_status',
      )
      return rows[0]?.status.counters.stored === 300 && rows[0].status.sli.completeness !== null
    })
    const { rows } = await database.pool.query<{ status: Record<string, unknown> }>('select status from collector_status')
    expect(rows[0]?.status).toMatchObject({
      accountingGap: 0,
      sli: { kernelDrops: 0, parseErrorShare: 0, completeness: 1 },
      geo: { attribution: 'IP Geolocation by DB-IP', edition: expect.stringMatching(/^\d{4}-\d{2}$/) },
    })
  })
})
