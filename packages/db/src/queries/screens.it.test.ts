import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool } from '../connection.ts'
import { ExportersAnswer, FlowsAnswer, GeoAnswer, GraphAnswer, HealthAnswer, TimeseriesAnswer, TopAnswer } from '../contracts/api.ts'
import { parseFilter } from '../contracts/filter.ts'
import { parseAddress } from '../contracts/ip.ts'
import { QueryError, type QueryErrorCode } from '../contracts/query-error.ts'
import { recordStatus } from '../ingest/index.ts'
import { address, createTestDatabase, type TestDatabase, testEngines } from '../testing/index.ts'
import { exporters as exportersQuery } from './exporters.ts'
import { flows as flowsQuery } from './flows.ts'
import { geo } from './geo.ts'
import { graph } from './graph.ts'
import { health } from './health.ts'
import { onSnapshot } from './session.ts'
import { NOTHING, type OracleExporter, type OracleFlow, type OracleSums, sumBy } from './test/oracle.ts'
import { settle } from './test/settle.ts'
import { makeFlows, writeExporters, writeFlows } from './test/traffic.ts'
import { timeseries } from './timeseries.ts'
import { top } from './top.ts'

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

async function refusal(question: Promise<unknown>): Promise<QueryError> {
  try {
    await question
  } catch (error) {
    if (error instanceof QueryError) return error
    throw error
  }
  throw new Error('the question was answered')
}

describe.each(testEngines())('screens (%s)', (engine) => {
  let database: TestDatabase
  let exporters: OracleExporter[]
  let flows: OracleFlow[]
  const now = Math.floor(Date.now() / MINUTE) * MINUTE
  const begin = now - 6 * HOUR
  const window = { from: begin, to: now, metric: 'bytes', scaled: true } as const

  beforeAll(async () => {
    database = await createTestDatabase(engine)
    exporters = await writeExporters(database.pool)
    const made = makeFlows(7, 2_000, begin, now, exporters)
    await writeFlows(database.pool, engine, made)
    flows = made.map(({ flow }) => flow)
  })
  afterAll(() => database.drop())

  const oracle = (filter: string, group: (flow: OracleFlow) => string, from = window.from, to = window.to): Map<string, OracleSums> =>
    sumBy(flows, exporters, { from, to, scaled: true, filter: parseFilter(filter) }, group)
  const totalOf = (filter: string): OracleSums => [...oracle(filter, () => '').values()][0] ?? NOTHING

  /** As the map says it: private and home networks, then the country, then ZZ. */
  const placeOf = (text: string | null, country: string | null, home: readonly string[] = []): string => {
    const inside = (network: string): boolean => {
      const [host = '', length] = network.split('/')
      const [a, b] = [parseAddress(text ?? ''), parseAddress(host)]
      const shift = BigInt((b?.family === 4 ? 32 : 128) - Number(length))
      return a !== null && b !== null && a.family === b.family && a.value >> shift === b.value >> shift
    }
    if (home.some(inside)) return 'internal'
    if (country !== null) return country
    return ['10.0.0.0/8', '192.168.0.0/16', 'fc00::/7'].some(inside) ? 'internal' : 'ZZ'
  }

  describe('geo', () => {
    it('counts every flow at both its ends, private addresses as internal, in pairs that add up', async () => {
      const answer = GeoAnswer.parse(await geo(database.pool, { ...window, filter: 'not proto = udp', limit: 500 }))
      expect(answer.rollup).toBe('flow')
      // The random traffic gives private addresses countries too; what is stored wins there, which only home networks overrule.
      const sent = oracle('not proto = udp', (flow) => placeOf(flow.src_addr, flow.src_country))
      const received = oracle('not proto = udp', (flow) => placeOf(flow.dst_addr, flow.dst_country))
      expect(Object.fromEntries(answer.countries.filter((c) => c.sent > 0).map((c) => [c.country, c.sent]))).toEqual(
        Object.fromEntries([...sent].map(([place, sums]) => [place, Number(sums.bytes)])),
      )
      expect(Object.fromEntries(answer.countries.filter((c) => c.received > 0).map((c) => [c.country, c.received]))).toEqual(
        Object.fromEntries([...received].map(([place, sums]) => [place, Number(sums.bytes)])),
      )
      const arcs = oracle(
        'not proto = udp',
        (flow) => `${placeOf(flow.src_addr, flow.src_country)} ${placeOf(flow.dst_addr, flow.dst_country)}`,
      )
      expect(Object.fromEntries(answer.arcs.map((arc) => [`${arc.src} ${arc.dst}`, arc.value]))).toEqual(
        Object.fromEntries([...arcs].map(([pair, sums]) => [pair, Number(sums.bytes)])),
      )
      expect(answer.total.value).toBe(Number(totalOf('not proto = udp').bytes))
    })

    it('from rollups has the same countries and the same total', async () => {
      const answer = GeoAnswer.parse(await geo(database.pool, { ...window, limit: 500 }, 0))
      expect(answer.rollup).toMatch(/^rollup_as_1[mh]/)
      const sent = oracle('', (flow) => placeOf(flow.src_addr, flow.src_country))
      const received = oracle('', (flow) => placeOf(flow.dst_addr, flow.dst_country))
      expect(Object.fromEntries(answer.countries.map((c) => [c.country, c.sent]))).toEqual(
        Object.fromEntries([...sent].map(([place, sums]) => [place, Number(sums.bytes)])),
      )
      expect(Object.fromEntries(answer.countries.map((c) => [c.country, c.received]))).toEqual(
        Object.fromEntries([...received].map(([place, sums]) => [place, Number(sums.bytes)])),
      )
      expect(answer.total.value).toBe(Number(totalOf('').bytes))
      const known = oracle('src_country = DE and dst_country = US', () => '').get('')
      expect(answer.arcs.find((arc) => arc.src === 'DE' && arc.dst === 'US')?.value).toBe(Number(known?.bytes))
    })

    it('counts a public home network as internal', async () => {
      await database.pool.query(`insert into home_network (prefix) values ('8.8.8.0/24')`)
      try {
        for (const exactFlows of [undefined, 0]) {
          const answer = await geo(database.pool, { ...window, limit: 500 }, exactFlows)
          const sent = oracle('', (flow) => placeOf(flow.src_addr, flow.src_country, ['8.8.8.0/24']))
          expect(answer.countries.find((c) => c.country === 'internal')?.sent).toBe(Number(sent.get('internal')?.bytes))
        }
      } finally {
        await database.pool.query(`delete from home_network where prefix = '8.8.8.0/24'`)
      }
    })
  })

  describe('graph', () => {
    const sums = (edges: readonly { value: number }[]): number => edges.reduce((total, edge) => total + edge.value, 0)

    it('has one edge per client, server and service, whose filter selects exactly its flows', async () => {
      const answer = GraphAnswer.parse(await graph(database.pool, { ...window, metric: 'flows', nodes: 300 }))
      expect(answer.rollup).toBe('flow')
      expect(answer.edges.length).toBeGreaterThan(50)
      // Counting by hand takes a while: every seventh edge stands for the others.
      for (const edge of answer.edges.filter((_, index) => index % 7 === 0)) {
        const own = totalOf(edge.filter)
        expect([edge.filter, edge.flows, edge.bytes, edge.packets]).toEqual([
          edge.filter,
          Number(own.flows),
          Number(own.bytes),
          Number(own.packets),
        ])
      }
      expect(sums(answer.edges) + answer.rest.value).toBe(answer.total.value)
      expect(answer.total.value).toBe(Number(totalOf('').flows))
      const shown = totalOf('addr is not unknown')
      const selfTalk =
        [...oracle('addr is not unknown', (flow) => String(flow.src_addr === flow.dst_addr))].find(([same]) => same === 'true')?.[1] ??
        NOTHING
      expect(sums(answer.edges)).toBe(Number(shown.flows - selfTalk.flows))
    })

    it('points from the client to the end that has the service port', async () => {
      const answer = await graph(database.pool, { ...window, metric: 'flows', nodes: 300 })
      let judged = 0
      for (const edge of answer.edges) {
        let toTarget = 0
        for (const flow of flows) {
          if (
            flow.event_kind !== null ||
            flow.witness ||
            flow.service_port === null ||
            flow.proto !== edge.proto ||
            flow.service_port !== edge.port
          )
            continue
          const server = flow.dst_port === flow.service_port ? flow.dst_addr : flow.src_port === flow.service_port ? flow.src_addr : null
          const ends = new Set([`host:${flow.src_addr}`, `host:${flow.dst_addr}`])
          if (server === null || !ends.has(edge.source) || !ends.has(edge.target) || flow.src_addr === flow.dst_addr) continue
          toTarget += edge.target === `host:${server}` ? 1 : -1
        }
        expect(toTarget, edge.filter).toBeGreaterThanOrEqual(0)
        if (toTarget > 0) judged += 1
      }
      expect(judged).toBeGreaterThan(20)
    })

    it('folds to the asked number of nodes and loses nothing', async () => {
      for (const exactFlows of [undefined, 0]) {
        for (const nodes of [2, 3, 6, 11]) {
          const answer = GraphAnswer.parse(await graph(database.pool, { ...window, metric: 'packets', nodes }, exactFlows))
          expect(answer.nodes.length).toBeLessThanOrEqual(nodes)
          expect(sums(answer.edges) + answer.rest.value).toBe(answer.total.value)
          expect(answer.total.value).toBe(Number(totalOf('').packets))
          const ids = new Set(answer.nodes.map((node) => node.id))
          for (const edge of answer.edges) expect(ids.has(edge.source) && ids.has(edge.target) && edge.source !== edge.target).toBe(true)
          expect(answer.nodes.reduce((total, node) => total + node.sent, 0)).toBe(sums(answer.edges))
          for (const node of answer.nodes) expect(() => parseFilter(node.filter)).not.toThrow()
        }
      }
    })

    it('names services by the first rule that fits', async () => {
      await database.pool.query(
        `insert into service_rule (name, prefix, proto, port_low, port_high, position) values
           ('resolvers', '8.8.8.0/24', null, 53, 53, 0), ('web', '10.0.0.0/24', 6, 80, 443, 1), ('any dns', null, 17, 53, 53, 2)`,
      )
      try {
        const answer = await graph(database.pool, { ...window, metric: 'flows', nodes: 300 })
        const labels = answer.nodes.filter((node) => node.kind === 'service').map((node) => node.label)
        expect(new Set(labels)).toEqual(new Set(['resolvers', 'web', 'any dns']))
        expect(answer.nodes.find((node) => node.label === 'web')).toMatchObject({ inside: true, filter: 'addr = 10.0.0.0/24' })
        expect(answer.nodes.find((node) => node.label === 'resolvers')).toMatchObject({ inside: false, filter: 'addr = 8.8.8.0/24' })
        expect(answer.nodes.some((node) => node.id === 'host:8.8.8.8')).toBe(false)
        expect(sums(answer.edges) + answer.rest.value).toBe(answer.total.value)
      } finally {
        await database.pool.query('delete from service_rule')
      }
    })

    it('shows networks to those who may not see hosts', async () => {
      const answer = await graph(database.pool, { ...window, metric: 'flows', nodes: 300, precision: 'network' })
      for (const node of answer.nodes) expect(node.label).toMatch(/\/(24|48)$/)
      expect(sums(answer.edges) + answer.rest.value).toBe(answer.total.value)
    })
  })

  describe('timeseries', () => {
    it('is null where nothing was received for five minutes and 0 where only nothing matched', async () => {
      // A quiet day of its own: minutes 0 to 9 and 30 to 39 have flows of one exporter.
      const day = now - 10 * DAY
      const [first, second] = exporters
      if (first === undefined || second === undefined) throw new Error('two exporters were made')
      const made = [
        ...makeFlows(11, 300, day, day + 10 * MINUTE, [first]),
        ...makeFlows(12, 300, day + 30 * MINUTE, day + 40 * MINUTE, [first]),
      ]
      await writeFlows(database.pool, engine, made)
      const values = async (filter: string): Promise<(number | null)[]> => {
        const answer = TimeseriesAnswer.parse(
          await timeseries(database.pool, { from: day, to: day + 45 * MINUTE, metric: 'flows', filter }),
        )
        expect(answer.bucketSeconds).toBe(60)
        return answer.series[0]?.values ?? []
      }
      const shape = (list: (number | null)[]): string => list.map((value) => (value === null ? '.' : value === 0 ? '0' : '#')).join('')
      expect(shape(await values(''))).toBe(`${'#'.repeat(10)}${'0'.repeat(4)}${'.'.repeat(16)}${'#'.repeat(10)}${'0'.repeat(4)}.`)
      expect(shape(await values('bytes > 9007199254740000'))).toBe(`${'0'.repeat(14)}${'.'.repeat(16)}${'0'.repeat(14)}.`)
      // Another exporter was silent all the time.
      expect(shape(await values('exporter = 192.0.2.2 and proto = tcp'))).toBe('.'.repeat(45))
      const byExporter = await timeseries(database.pool, { from: day, to: day + 45 * MINUTE, metric: 'flows', dimension: 'exporter' })
      expect(byExporter.series.map((series) => shape(series.values))[0]).toBe(shape(await values('')))
    })

    it('ends with the present, and reads raw records when few flows are looked at closely', async () => {
      const ahead = await timeseries(database.pool, { from: now - HOUR, to: now + HOUR, metric: 'flows' })
      expect(Date.parse(ahead.to)).toBeLessThanOrEqual(Date.now() + ahead.bucketSeconds * 1_000)
      const close = await timeseries(database.pool, { from: now - 10 * MINUTE, to: now, metric: 'flows', points: 300 })
      expect(close).toMatchObject({ bucketSeconds: 10, rollup: 'flow', resolutionSeconds: 0 })
      expect((await timeseries(database.pool, { from: now - 10 * MINUTE, to: now, metric: 'flows' })).bucketSeconds).toBe(60)
    })
  })

  describe('flows', () => {
    it('of one moment and batch are cut into pages without losing or repeating one', async () => {
      const at = now - 30 * DAY
      const made = makeFlows(21, 40, at, at + 1, exporters).map((one) => ({ ...one, exported: { ...one.exported, eventKind: 0 as const } }))
      const numbered = made.map((one, index) => ({ ...one, exported: { ...one.exported, sequenceNum: index } }))
      await writeFlows(database.pool, engine, numbered)
      const seen: unknown[] = []
      let cursor: string | null = null
      do {
        const page: FlowsAnswer = await flowsQuery(database.pool, { from: at, to: at + 1, limit: 3, cursor })
        seen.push(...page.flows.map((flow) => flow['sequence_num']))
        cursor = page.nextCursor
      } while (cursor !== null && seen.length < 100)
      expect(seen).toHaveLength(40)
      expect(new Set(seen)).toEqual(new Set(numbered.map((_, index) => index)))
    })

    it('are interchange records: absent fields omitted, times and large integers as text with all digits', async () => {
      const at = now - 20 * DAY
      const [made] = makeFlows(3, 1, at, at + 1, exporters)
      if (made === undefined) throw new Error('one flow was made')
      const exported = {
        ...made.exported,
        eventKind: 0 as const,
        srcAddr: address('10.1.2.3'),
        dstAddr: address('2001:db8::1'),
        srcMask: 24,
        nextHop: address('192.0.2.254'),
        srcMac: 0x00_00_5e_00_53_01,
        exact: { bytes: 9_223_372_036_854_775_807n },
        bytes: 2 ** 63,
        dstVlan: -1,
        extra: { flowId: 18_446_744_073_709_551_615n, note: 'x', src_addr: 'never' },
      }
      const context = { ...made.context, exporterId: exporters[0]?.id ?? 0 }
      await writeFlows(database.pool, engine, [{ ...made, exported, context }])
      const page = FlowsAnswer.parse(await flowsQuery(database.pool, { from: at, to: at + 1 }))
      expect(page.flows).toHaveLength(1)
      expect(page.flows[0]).toMatchObject({
        type: exported.type,
        sampler_address: '192.0.2.1',
        exporter: 'edge-1',
        src_addr: '10.1.2.3',
        src_mask: 24,
        src_net: '10.1.2.0/24',
        dst_addr: '2001:db8::1',
        next_hop: '192.0.2.254',
        src_mac: '00:00:5e:00:53:01',
        bytes: '9223372036854775807',
        time_received_ns: `${at}000000`,
        flowId: '18446744073709551615',
        note: 'x',
      })
      expect(page.flows[0]).not.toHaveProperty('dst_vlan')
      expect(page.flows[0]).not.toHaveProperty('dst_net')
      const masked = await flowsQuery(database.pool, { from: at, to: at + 1, precision: 'network' })
      expect(masked.flows[0]).toMatchObject({ src_addr: '10.1.2.0/24', dst_addr: '2001:db8::/48', next_hop: '192.0.2.0/24' })
      for (const name of ['src_mac', 'src_net', 'flowId', 'note']) expect(masked.flows[0]).not.toHaveProperty(name)
    })
  })

  it('refuses what cannot be answered, with cause and remedy', async () => {
    const { pool } = database
    const ask = { from: begin, to: now, dimension: 'src_addr' }
    const cases: [Promise<unknown>, QueryErrorCode, RegExp][] = [
      [top(pool, { ...ask, dimension: 'source' }), 'unknown-dimension', /Use one of src_addr, dst_addr/],
      [top(pool, { ...ask, dimension: 'src_adr' }), 'unknown-dimension', /Did you mean src_addr\?/],
      [top(pool, { ...ask, metric: 'octets' }), 'unknown-metric', /bytes, packets, flows/],
      [top(pool, { ...ask, from: now, to: begin }), 'bad-window', /Swap from and to/],
      [top(pool, { ...ask, from: now, to: now }), 'bad-window', /end after the start/],
      [top(pool, { ...ask, from: 'yesterday' }), 'bad-window', /RFC 3339/],
      [top(pool, { ...ask, from: '2026-05-01T10:00:00' }), 'bad-window', /with a zone/],
      [top(pool, { ...ask, limit: 0 }), 'out-of-range', /from 1 to 1000/],
      [top(pool, { ...ask, limit: 1.5 }), 'out-of-range', /whole number/],
      [top(pool, { ...ask, filter: 'dst_prot = 53' }), 'bad-filter', /Did you mean dst_port\?/],
      [top(pool, { ...ask, filter: 'src_addr = 10.0.0.1', precision: 'network' }), 'precision', /at most \/24/],
      [timeseries(pool, { ...ask, points: 301 }), 'out-of-range', /from 1 to 300/],
      [flowsQuery(pool, { ...ask, cursor: 'abc' }), 'bad-cursor', /without a cursor/],
      [
        flowsQuery(pool, { ...ask, cursor: Buffer.from('[1,"2026-05-01T10:00:00.000000Z",1,-1,""]').toString('base64url') }),
        'bad-cursor',
        /without a cursor/,
      ],
      [geo(pool, { ...ask, limit: 501 }), 'out-of-range', /from 0 to 500/],
      [graph(pool, { ...ask, nodes: 1 }), 'out-of-range', /from 2 to 300/],
    ]
    for (const [question, code, remedy] of cases) {
      const error = await refusal(question)
      expect([code, error.code, error.detail === '']).toEqual([code, code, false])
      expect(error.remedy).toMatch(remedy)
    }
    expect(await refusal(top(pool, { ...ask, filter: 'proto = tcp and dst_prot = 53' }))).toMatchObject({ position: 16, length: 8 })
    const first = await flowsQuery(pool, { ...ask, limit: 1 })
    const other = await refusal(flowsQuery(pool, { ...ask, filter: 'proto = tcp', cursor: first.nextCursor }))
    expect(other).toMatchObject({ code: 'bad-cursor', retry: false })
  })

  it('takes instants as Date, epoch milliseconds and RFC 3339', async () => {
    const answers = await Promise.all(
      [
        { from: begin, to: now },
        { from: String(begin), to: String(now) },
        { from: new Date(begin), to: new Date(now) },
        { from: new Date(begin).toISOString(), to: new Date(now).toISOString().replace('Z', '+00:00') },
      ].map((ask) => top(database.pool, { ...ask, dimension: 'proto' })),
    )
    for (const answer of answers) expect(TopAnswer.parse(answer)).toEqual(answers[0])
  })

  it('answers an empty window with nothing, not with an error', async () => {
    const ask = { from: '2001-01-01T00:00:00Z', to: '2001-01-02T00:00:00Z' }
    const nothing = { value: 0, bytes: 0, packets: 0, flows: 0 }
    expect(await top(database.pool, { ...ask, dimension: 'src_addr' })).toMatchObject({
      rows: [],
      rest: { ...nothing, share: 0 },
      total: nothing,
    })
    const series = await timeseries(database.pool, { ...ask, dimension: 'src_addr' })
    expect(series.series).toHaveLength(1)
    expect(new Set(series.series[0]?.values)).toEqual(new Set([null]))
    expect(await flowsQuery(database.pool, ask)).toMatchObject({ flows: [], nextCursor: null })
    expect(await geo(database.pool, ask)).toMatchObject({ countries: [], arcs: [], total: nothing })
    expect(await graph(database.pool, ask)).toMatchObject({ nodes: [], edges: [], rest: { value: 0, edges: 0 } })
  })

  it('says which exporters are live, silent and retired', async () => {
    await database.pool.query(`update exporter set last_seen = now() - interval '6 minutes' where address = '192.0.2.2'`)
    await database.pool.query(`update exporter set retired = now() where address = '2001:db8:ffff::1'`)
    const answer = ExportersAnswer.parse(await exportersQuery(database.pool))
    expect(answer.exporters.map((exporter) => [exporter.address, exporter.state])).toEqual([
      ['192.0.2.1', 'live'],
      ['192.0.2.2', 'silent'],
      ['2001:db8:ffff::1', 'retired'],
    ])
    expect(answer.exporters[0]).toMatchObject({ name: 'edge-1', flowsPerSecond: 1, lossShare: 0, skewSeconds: null })
    expect(answer.exporters[0]?.interfaces.map((one) => [one.ifIndex, one.name, one.boundary])).toEqual([
      [1, 'Gi0/1', 'external'],
      [2, 'Gi0/2', 'internal'],
      [3, null, null],
    ])
    expect(answer.exporters[1]?.flowsPerSecond).toBe(0)
  })

  it('tells health from what the collector reports, what the exporters do and what the database says', async () => {
    const before = HealthAnswer.parse(await health(database.pool, '1.2.3'))
    expect(before).toMatchObject({ status: 'degraded', version: '1.2.3', sli: { exportersKnown: 2, exportersLive: 1 } })
    expect(before.engine).toMatch(engine === 'timescale' ? /^timescale \d.*PostgreSQL 1\d/ : /^postgres, PostgreSQL 1\d/)
    expect(before.checks.find((check) => check.name === 'collector')).toMatchObject({
      state: 'fail',
      message: expect.stringContaining('npm start'),
    })
    await recordStatus(database.pool, 'collector', {
      checks: [{ name: 'receive buffers', state: 'ok', message: 'Large enough.' }],
      sli: {
        flowsPerSecond: 12,
        datagramsPerSecond: 3,
        ingestLatencyP95Seconds: 0.8,
        parseErrorShare: 0,
        queueShare: 0.1,
        kernelDrops: 0,
        completeness: 1,
      },
      counters: { refused: 3, flows: 4_000, shed: 500 },
      geo: { edition: '2026-06', attribution: 'IP Geolocation by DB-IP', url: 'https://db-ip.com' },
    })
    const after = await health(database.pool, '1.2.3')
    expect(after.checks.find((check) => check.name === 'collector')?.state).toBe('ok')
    expect(after.checks.find((check) => check.name === 'receive buffers')?.state).toBe('ok')
    expect(after.sli).toMatchObject({ flowsPerSecond: 12, ingestLatencyP95Seconds: 0.8 })
    expect(after.sli, 'what the collector gave up itself').toMatchObject({ datagramsRefused: 3, flowsShed: 500, shedShare: 0.125 })
    expect(before.sli).toMatchObject({ datagramsRefused: 0, flowsShed: 0, shedShare: null })
    expect(Date.parse(after.sli.newestFlow ?? '')).toBe(Math.max(...flows.map((flow) => flow.time)))
    expect((await geo(database.pool, window)).source).toEqual({
      edition: '2026-06',
      attribution: 'IP Geolocation by DB-IP',
      url: 'https://db-ip.com',
    })
    await database.pool.query(`update collector_status set updated_at = now() - interval '2 minutes'`)
    expect((await health(database.pool, '1')).checks.find((check) => check.name === 'collector')).toMatchObject({ state: 'fail' })
  })

  it('says that the database is unreachable or slow in its own words', async () => {
    const gone = createPool({
      connectionString: 'postgres://nobody@127.0.0.1:9/none',
      applicationName: 'weir-test',
      connectTimeoutMs: 2_000,
    })
    const error = await refusal(top(gone, { from: begin, to: now, dimension: 'src_addr' }))
    expect(error).toMatchObject({ code: 'database-unreachable', retry: true })
    expect(error.remedy).toContain('bin/weir doctor')
    expect(await health(gone, '1')).toMatchObject({ status: 'down', checks: [{ name: 'database', state: 'fail' }] })
    await gone.end()
    expect(await refusal(onSnapshot(database.pool, (client) => client.query('select pg_sleep(5)'), 50))).toMatchObject({
      code: 'timeout',
      retry: true,
    })
    // The connection is usable afterwards.
    expect(await onSnapshot(database.pool, async (client) => (await client.query('select 1 as one')).rows)).toEqual([{ one: 1 }])
  })
})

describe.each(testEngines())('what is no longer kept (%s)', (engine) => {
  let database: TestDatabase
  let exporters: OracleExporter[]
  let flows: OracleFlow[]
  const now = Math.floor(Date.now() / DAY) * DAY + 12 * HOUR
  const old = now - 12 * HOUR - 40 * DAY

  beforeAll(async () => {
    database = await createTestDatabase(engine)
    exporters = await writeExporters(database.pool)
    const made = makeFlows(5, 2_000, old, old + 3 * DAY, exporters)
    await writeFlows(database.pool, engine, made)
    flows = made.map(({ flow }) => flow)
    await settle(database.pool, engine, now - DAY)
  })
  afterAll(() => database.drop())

  const total = async (from: number, to: number, dimension: string): Promise<[string, number]> => {
    const answer = await top(database.pool, { from, to, dimension, metric: 'flows', filter: '' })
    const expected = sumBy(
      flows,
      exporters,
      { from: Date.parse(answer.from), to: Date.parse(answer.to), scaled: true, filter: null },
      () => '',
    ).get('')
    expect(answer.total.flows).toBe(Number(expected?.flows ?? 0n))
    return [answer.rollup, (Date.parse(answer.to) - Date.parse(answer.from)) / MINUTE]
  }
  const drop = async (relation: string, until: number): Promise<void> => {
    if (engine === 'timescale')
      await database.pool.query(`select drop_chunks($1, older_than => $2::timestamptz)`, [relation, new Date(until)])
    else if (relation === 'flow') await database.pool.query('delete from flow where time < $1', [new Date(until)])
    else await database.pool.query(`delete from ${relation}_data where bucket < $1`, [new Date(until)])
  }

  it('imported old flows are answered in full from every tier', async () => {
    const from = old + 5 * MINUTE
    expect(await total(from, from + 30 * MINUTE, 'src_addr')).toEqual(['rollup_src_1m', 30])
    expect(await total(from, from + 30 * MINUTE, 'src_port')).toEqual(['flow', 30])
  })

  it('a question for raw records that are gone is refused, and says from when they are kept', async () => {
    await drop('flow', old + 2 * DAY)
    const error = await refusal(top(database.pool, { from: old, to: old + 3 * DAY, dimension: 'src_port' }))
    expect(error.code).toBe('window-too-large')
    expect(error.detail).toContain(new Date(old + 2 * DAY).toISOString())
    expect((await total(old + 2 * DAY, old + 3 * DAY, 'src_port'))[0]).toBe('flow')
    expect(await total(old + 5 * MINUTE, old + 35 * MINUTE, 'src_addr')).toEqual(['rollup_src_1m', 30])
  })

  it('where minutes are gone the window widens to hours and is still exact', async () => {
    for (const name of ['rollup_interface_1m', 'rollup_src_1m']) await drop(name, old + 2 * DAY)
    expect(await total(old + 5 * MINUTE, old + 35 * MINUTE, 'src_addr')).toEqual(['rollup_src_1h', 60])
    expect(await total(old + 5 * MINUTE, old + 2 * DAY + 5 * MINUTE, 'src_addr')).toEqual(['rollup_src_1d+rollup_src_1m', 2 * 24 * 60 + 5])
    const series = await timeseries(database.pool, { from: old, to: old + 2 * HOUR, metric: 'flows', dimension: 'src_addr' })
    expect(series).toMatchObject({ bucketSeconds: 3_600, rollup: 'rollup_src_1h' })
  })
})
