import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWriter, FlowBatch } from '../ingest/index.ts'
import { maintain } from '../maintain.ts'
import { DEFAULT_FLOORS } from '../rollups.ts'
import { createTestDatabase, type TestDatabase, testEngines } from '../testing/index.ts'
import { address, sampleContext, sampleFlow, seededRandom } from '../testing/sample-flow.ts'
import { ALL_AVAILABLE, planRollup } from './chooser.ts'
import { contendingHosts, contendingPairs } from './contenders.ts'
import { geo } from './geo.ts'
import { graph } from './graph.ts'
import { settle } from './test/settle.ts'
import { timeseries } from './timeseries.ts'
import { top } from './top.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const DAYS = 4

describe.each(testEngines())('days without what is below the floor (%s)', (engine) => {
  let database: TestDatabase
  const today = Math.floor(Date.now() / DAY) * DAY
  const [from, to] = [today - (DAYS + 1) * DAY, today - DAY]
  /** Octets by source, by pair and in all. */
  const hosts = new Map<string, number>()
  const pairs = new Map<string, number>()
  let total = 0

  beforeAll(async () => {
    database = await createTestDatabase(engine)
    const random = seededRandom(7)
    const batch = new FlowBatch({ rows: 20_000 })
    // A few that talk much, and many that say little: most of them are below the floor on each day.
    for (let i = 0; i < 4_000; i++) {
      // One that talks in a single hour, and more than all others.
      const once = i === 0
      const loud = !once && random() < 0.3
      const src = once
        ? '10.9.9.9'
        : loud
          ? `10.0.0.${1 + Math.floor(random() * 5)}`
          : `10.1.${Math.floor(random() * 4)}.${Math.floor(random() * 250)}`
      const dst = `192.0.2.${1 + Math.floor(random() * 3)}`
      const bytes = once ? 90_000_000 : loud ? 200_000 + Math.floor(random() * 100_000) : 40 + Math.floor(random() * 3_000)
      batch.append(
        sampleFlow({ srcAddr: address(src), dstAddr: address(dst), bytes, packets: 1, samplingRate: 1, proto: 6 }),
        sampleContext({
          timeMs: once ? from + 12.5 * HOUR : from + Math.floor(random() * DAYS * DAY),
          servicePort: 443,
          srcCountry: loud ? 'DE' : '',
        }),
      )
      hosts.set(src, (hosts.get(src) ?? 0) + bytes)
      pairs.set(`${src} -> ${dst}`, (pairs.get(`${src} -> ${dst}`) ?? 0) + bytes)
      total += bytes
    }
    await createWriter(database.pool, engine).write(batch)
    await settle(database.pool, engine, today)
    // Closed and quiet days are rewritten.
    for (let i = 0; i < 40; i++) await maintain(database.pool, { now: new Date(Date.now() + 2 * HOUR) })
  })
  afterAll(() => database?.drop())

  const ask = { from, to, metric: 'bytes' }
  const largest = (sums: ReadonlyMap<string, number>, n: number) => [...sums.values()].sort((a, b) => b - a).slice(0, n)

  it('leave out most hosts and none of the octets', async () => {
    const { rows } = await database.pool.query(
      `select count(distinct src_addr)::int as n from rollup_src_1d where bucket >= $1 and bucket < $2`,
      [new Date(from), new Date(to)],
    )
    expect(rows[0].n).toBeLessThan(hosts.size / 2)
    for (const [dimension, sums, floor] of [
      ['src_addr', hosts, DEFAULT_FLOORS.hosts],
      ['conversation', pairs, DEFAULT_FLOORS.conversations],
    ] as const) {
      const answer = await top(database.pool, { ...ask, dimension, limit: 1_000 })
      expect(answer.rollup).toMatch(/_1d$/)
      expect(answer.floor).toEqual({ bytesPerDay: floor, exactTotal: true })
      expect(answer.total).toMatchObject({ bytes: total, flows: 4_000 })
      expect(answer.rows.reduce((sum, row) => sum + row.bytes, 0) + answer.rest.bytes).toBe(total)
      expect(answer.rest.bytes).toBeGreaterThan(0)
      for (const row of answer.rows) {
        const lacks = (sums.get(row.key ?? '') ?? 0) - row.bytes
        expect(lacks, row.label).toBeGreaterThanOrEqual(0)
        expect(lacks, row.label).toBeLessThan(DAYS * floor)
      }
      expect(answer.rows.slice(0, 3).map((row) => row.bytes)).toEqual(largest(sums, 3))
    }
  })

  it('name the pairs that can be among the largest, and reading only those gives the same answer as reading all', async () => {
    for (const [after, limit, metric, read] of [
      [5, 3, 'bytes', true],
      [7, 10, 'packets', true],
      [11, 5, 'flows', true],
      // More than there are in the days, or no edges to save.
      [5, 1_000, 'bytes', false],
      [0, 3, 'bytes', false],
    ] as const) {
      const question = {
        from: from + after * HOUR,
        to: to + (after === 0 ? 0 : after * HOUR - DAY),
        metric,
        dimension: 'conversation',
        limit,
      }
      const plan = planRollup('rollup_conversation', question.from, question.to, ALL_AVAILABLE, new Set())
      const client = await database.pool.connect()
      try {
        const pairs = await contendingPairs(client, { plan, scaled: true, metric, limit })
        if (read) expect(pairs?.src.length).toBeGreaterThanOrEqual(limit)
        else expect(pairs).toBeNull()
      } finally {
        client.release()
      }
      const answer = await top(database.pool, question)
      if (metric === 'bytes') expect(answer.rows[0]?.key).toContain('10.9.9.9')
      expect(answer.rows.length).toBeGreaterThan(0)
      expect(answer).toEqual(await top(database.pool, question, false))
    }
  })

  it('name the hosts that can be among the largest, however many of their rows count as small', async () => {
    let named = 0
    for (const [dimension, metric, limit] of [
      ['src_addr', 'packets', 1],
      ['src_addr', 'packets', 2],
      ['src_addr', 'flows', 4],
      ['src_addr', 'bytes', 3],
      ['dst_addr', 'packets', 2],
      // More than are told apart.
      ['src_addr', 'packets', 500],
    ] as const) {
      const question = { from: from + 5 * HOUR, to: to - DAY + 7 * HOUR + 60_000, metric, dimension, limit }
      const all = await top(database.pool, question, false)
      expect(all.rows.length).toBe(limit)
      expect(await top(database.pool, question)).toEqual(all)
      const plan = planRollup(dimension === 'src_addr' ? 'rollup_src' : 'rollup_dst', question.from, question.to, ALL_AVAILABLE, new Set())
      const client = await database.pool.connect()
      try {
        // What a large row is follows from the total: with another one, other rows are added up by groups.
        for (let part = 0; part < 100; part++) {
          const total = BigInt(part * (metric === 'bytes' ? 200_000 : 1)) * 4_000n * BigInt(DAYS)
          const hosts = await contendingHosts(client, dimension, { plan, scaled: true, metric, limit, total })
          if (limit > 100) expect(hosts).toBeNull()
          if (hosts === null) continue
          named++
          expect(hosts, `${dimension} by ${metric}, ${part}`).toEqual(expect.arrayContaining(all.rows.map((row) => `${row.key}/32`)))
          expect(new Set(hosts).size).toBe(hosts.length)
        }
      } finally {
        client.release()
      }
    }
    expect(named).toBeGreaterThan(100)
  })

  it('are not read where the question is about hosts themselves', async () => {
    const [quiet = ''] = [...hosts].sort((a, b) => a[1] - b[1])[0] ?? []
    const answer = await top(database.pool, { ...ask, dimension: 'src_addr', filter: `src_addr = ${quiet}` })
    expect(answer.rollup).toMatch(/_1h$/)
    expect(answer.floor).toBeUndefined()
    expect(answer.rows.map((row) => row.bytes)).toEqual([hosts.get(quiet)])
    const network = await timeseries(database.pool, { ...ask, points: 10, filter: 'src_addr = 10.1.0.0/16' })
    const quietSum = [...hosts].reduce((sum, [host, bytes]) => sum + (host.startsWith('10.1.') ? bytes : 0), 0)
    expect(network.series[0]?.total).toBe(quietSum)
  })

  it('keep what a filter on the country comes to', async () => {
    const loud = [...hosts].reduce((sum, [host, bytes]) => sum + (host.startsWith('10.0.') ? bytes : 0), 0)
    for (const [filter, bytes] of [
      ['src_country = DE', loud],
      ['src_country is unknown', total - loud],
    ] as const) {
      const answer = await top(database.pool, { ...ask, dimension: 'src_addr', filter })
      expect(answer.floor?.exactTotal).toBe(true)
      expect(answer.total.bytes).toBe(bytes)
    }
  })

  it('add up in every day of a chart', async () => {
    const all = await timeseries(database.pool, { ...ask, points: DAYS })
    const answer = await timeseries(database.pool, { ...ask, points: DAYS, dimension: 'src_addr', limit: 3 })
    expect(answer.bucketSeconds).toBe(86_400)
    expect(answer.floor?.bytesPerDay).toBe(DEFAULT_FLOORS.hosts)
    const sums = answer.times.map((_, index) => answer.series.reduce((sum, one) => sum + (one.values[index] ?? 0), 0))
    expect(sums).toEqual(all.series[0]?.values)
    expect(sums.reduce((a, b) => a + b)).toBe(total)
  })

  it('draw the same totals on the map and in the graph', async () => {
    const map = await geo(database.pool, ask, 0)
    expect(map.total.bytes).toBe(total)
    expect(map.countries.reduce((sum, country) => sum + country.sent, 0)).toBe(total)
    expect(map.countries.reduce((sum, country) => sum + country.received, 0)).toBe(total)
    const drawn = await graph(database.pool, { ...ask, nodes: 20 }, 0)
    expect(drawn.floor?.bytesPerDay).toBe(DEFAULT_FLOORS.conversations)
    expect(drawn.total.bytes).toBe(total)
    expect(drawn.edges.reduce((sum, edge) => sum + edge.bytes, 0) + drawn.rest.value).toBe(total)
  })
})
