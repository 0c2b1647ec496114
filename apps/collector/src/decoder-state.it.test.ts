import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestDatabase, type TestDatabase, testEngines } from '@weir/db/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { datagrams, newDataDir, type Running, send, startTestCollector, until } from '../test/harness.ts'

const FLOWS = 3_000
/** Templates of flows of the simulated exporter, IPv4 and IPv6; the others are options. */
const FLOW_SETS = new Set([256, 257])
const [engine] = testEngines()

/** Datagrams of an exporter that tells its templates once a minute, hence once in here: what teaches, and what is taught. */
function minute(seed = 1): { teaching: Buffer[]; data: Buffer[] } {
  const all = datagrams('v9', FLOWS, { seed, sampling: 100 })
  const teaches = (datagram: Buffer) => !FLOW_SETS.has(datagram.readUInt16BE(20))
  return { teaching: all.filter(teaches), data: all.filter((datagram) => !teaches(datagram)) }
}

/** Data sets of a version 9 datagram. */
function sets(datagram: Buffer): number {
  let n = 0
  for (let at = 20; at + 4 <= datagram.length; at += Math.max(4, datagram.readUInt16BE(at + 2)))
    if (FLOW_SETS.has(datagram.readUInt16BE(at))) n++
  return n
}

describe.skipIf(engine === undefined)('a restart in the middle of a version 9 stream whose templates come once a minute', () => {
  let database: TestDatabase
  const closing: (() => Promise<void>)[] = []
  beforeAll(async () => {
    if (engine !== undefined) database = await createTestDatabase(engine)
  })
  afterAll(() => database?.drop())
  afterEach(async () => {
    vi.restoreAllMocks()
    for (const close of closing.splice(0).reverse()) await close()
    await database.pool.query('delete from flow')
    await database.pool.query('delete from exporter')
  })
  const count = async (where = 'true'): Promise<number> =>
    (await database.pool.query<{ n: number }>(`select count(*)::int as n from flow where ${where}`)).rows[0]?.n ?? 0
  const parked = async ({ dataDir: _, ...collector }: Running) => {
    const text = await (await fetch(`http://127.0.0.1:${collector.ports.metrics}/metrics`)).text()
    const value = (name: string) => Number(new RegExp(`^weir_${name} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
    return {
      parked: value('parked_sets_total\\{outcome="parked"\\}'),
      replayed: value('parked_sets_total\\{outcome="replayed"\\}'),
      expired: value('parked_sets_total\\{outcome="expired"\\}'),
      refused: value('parked_sets_total\\{outcome="refused"\\}'),
      waiting: value('parked_sets_waiting'),
      gap: value('accounting_gap'),
    }
  }

  it.each([1, 2, 3])('loses no record with the saved templates, wherever it falls (%i of 3)', async (quarter) => {
    const dir = newDataDir()
    closing.push(async () => dir.remove())
    const { teaching, data } = minute(quarter)
    const cut = Math.floor((data.length * quarter) / 4)
    const first = await startTestCollector(database.url, {}, dir)
    await send(first.ports.netflow ?? 0, [...teaching, ...data.slice(0, cut)])
    await until('what was sent to arrive', () => first.account.received === teaching.length + cut)
    expect((await first.stop()).failed).toEqual([])
    const second = await startTestCollector(database.url, {}, dir)
    closing.push(() => second.stop().then(() => undefined))
    await send(second.ports.netflow ?? 0, data.slice(cut))
    await until('all flows', async () => (await count()) === FLOWS)
    expect(second.account.parkedSets).toBe(0)
    // The rate came with the options before the restart.
    expect(await count('sampling_rate = 100')).toBe(FLOWS)
    expect((await parked(second)).gap).toBe(0)
  })

  it('saves a new template within seconds, so that a crash does not cost it', async () => {
    const collector = await startTestCollector(database.url)
    closing.push(() => collector.close())
    const file = join(collector.dataDir, 'templates', 'state')
    await send(collector.ports.netflow ?? 0, minute().teaching)
    await until('the file', () => existsSync(file), 5_000)
  })

  it.each(['no file', 'a damaged file'])(
    'with %s it starts, parks exactly what came, and replays it when the templates come',
    async (which) => {
      const dir = newDataDir()
      closing.push(async () => dir.remove())
      const { teaching, data } = minute(7)
      const cut = Math.floor(data.length / 2)
      const first = await startTestCollector(database.url, {}, dir)
      await send(first.ports.netflow ?? 0, [...teaching, ...data.slice(0, cut)])
      await until('what was sent to arrive', () => first.account.received === teaching.length + cut)
      await first.stop()
      const before = await count()
      const file = join(dir.path, 'templates', 'state')
      if (which === 'no file') rmSync(file)
      else writeFileSync(file, 'WEIR-DECODER-STATE 1 00000000 17\n{"exporters":[]}\n')
      const second = await startTestCollector(database.url, {}, dir)
      closing.push(() => second.stop().then(() => undefined))
      expect(second.lines.some(({ level, msg }) => level === 'warn' && /saved templates cannot be used/.test(msg))).toBe(
        which !== 'no file',
      )
      const late = data.slice(cut)
      const expected = late.reduce((sum, datagram) => sum + sets(datagram), 0)
      await send(second.ports.netflow ?? 0, late)
      await until('the data to wait', async () => (await parked(second)).waiting === expected)
      expect(await count()).toBe(before)
      // The next minute.
      await send(second.ports.netflow ?? 0, teaching)
      await until('all flows', async () => (await count()) === FLOWS)
      expect(await parked(second)).toEqual({ parked: expected, replayed: expected, expired: 0, refused: 0, waiting: 0, gap: 0 })
    },
  )

  it('counts exactly what is lost when the templates come too late', async () => {
    const collector = await startTestCollector(database.url)
    closing.push(() => collector.close())
    const { teaching, data } = minute(9)
    const half = Math.floor(data.length / 2)
    await send(collector.ports.netflow ?? 0, data.slice(0, half))
    const expected = data.slice(0, half).reduce((sum, datagram) => sum + sets(datagram), 0)
    await until('the data to wait', async () => (await parked(collector)).waiting === expected)
    // Sixty-one seconds, without waiting for them.
    vi.spyOn(Date, 'now').mockImplementation(() => performance.timeOrigin + performance.now() + 61_000)
    await send(collector.ports.netflow ?? 0, [...teaching, ...data.slice(half)])
    await until('the loss to be said', () => collector.lines.some(({ msg }) => /its template never came/.test(msg)))
    expect(collector.lines.find(({ msg }) => /its template never came/.test(msg))).toMatchObject({ sets: expected, total: expected })
    await until('the rest to be stored', () => collector.account.stored > 0 && collector.account.stored === collector.account.flows)
    expect(await parked(collector)).toEqual({ parked: expected, replayed: 0, expired: expected, refused: 0, waiting: 0, gap: 0 })
    const lost = FLOWS - (await count())
    expect(lost).toBeGreaterThan(FLOWS / 4)
    expect(lost).toBeLessThan((FLOWS * 3) / 4)
  })
})
