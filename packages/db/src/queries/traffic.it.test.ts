import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DIMENSIONS, type Dimension, METRICS } from '../contracts/api.ts'
import { parseFilter, printFilter } from '../contracts/filter.ts'
import { bothFilters } from '../contracts/filter-ast.ts'
import { formatAddress, maskAddress, parseAddress } from '../contracts/ip.ts'
import { createTestDatabase, seededRandom, type TestDatabase, testEngines } from '../testing/index.ts'
import { dimensionColumns } from './dimensions.ts'
import { flows as flowsQuery } from './flows.ts'
import { addFlow, NOTHING, type OracleExporter, type OracleFlow, type OracleSums, passes, sumBy } from './test/oracle.ts'
import { dice, randomFilter } from './test/random-filter.ts'
import { settle } from './test/settle.ts'
import { makeFlows, writeExporters, writeFlows } from './test/traffic.ts'
import { timeseries } from './timeseries.ts'
import { top } from './top.ts'

const MINUTE = 60_000
const DAY = 86_400_000
/** How many random questions of each kind; more for a long look: WEIR_ORACLE_RUNS=2000. */
const RUNS = Number(process.env.WEIR_ORACLE_RUNS ?? 150)

describe.each(testEngines())('questions about traffic (%s)', (engine) => {
  let database: TestDatabase
  let exporters: OracleExporter[]
  let flows: OracleFlow[]
  const now = Math.floor(Date.now() / MINUTE) * MINUTE
  const begin = now - 3 * DAY

  beforeAll(async () => {
    database = await createTestDatabase(engine)
    exporters = await writeExporters(database.pool)
    // Three quarters are folded into the rollups, the newest quarter is not yet: both parts must be answered.
    const settled = now - DAY
    const old = makeFlows(1, 3_000, begin, settled, exporters)
    await writeFlows(database.pool, engine, old)
    await settle(database.pool, engine, settled)
    const fresh = makeFlows(2, 1_000, settled, now, exporters)
    await writeFlows(database.pool, engine, fresh)
    flows = [...old, ...fresh].map(({ flow }) => flow)
  })
  afterAll(() => database.drop())

  const roll = dice(seededRandom(20_261_120))
  function randomQuestion() {
    const a = begin - DAY / 4 + roll.below(3.5 * DAY)
    const b = begin - DAY / 4 + roll.below(3.5 * DAY)
    const align = roll.pick([1, MINUTE, 60 * MINUTE])
    const [from, to] = [Math.min(a, b), Math.max(a, b) + 1].map((ms) => Math.floor(ms / align) * align)
    const filter = randomFilter(roll, roll.below(2) === 0)
    return {
      from: from ?? 0,
      to: Math.max(to ?? 0, (from ?? 0) + align),
      filter: printFilter(filter),
      metric: roll.pick(METRICS),
      scaled: roll.below(2) === 0,
    }
  }

  const sumsText = (sums: OracleSums): string => `${Number(sums.flows)} ${Number(sums.bytes)} ${Number(sums.packets)}`
  const rowText = (row: { flows: number; bytes: number; packets: number }): string => `${row.flows} ${row.bytes} ${row.packets}`

  const networkOf = (address: string): string => {
    const parsed = parseAddress(address)
    if (parsed === null) return address
    const length = parsed.family === 4 ? 24 : 48
    return `${formatAddress(maskAddress(parsed, length))}/${length}`
  }

  function groupOf(dimension: Dimension, precision: 'host' | 'network') {
    const columns = dimensionColumns(dimension)
    return (flow: OracleFlow): string =>
      JSON.stringify(
        columns.map((column) => {
          const value: unknown = Reflect.get(flow, column)
          return precision === 'network' && column.endsWith('_addr') && typeof value === 'string' ? networkOf(value) : value
        }),
      )
  }

  it('top: rows, rest and total are those of counting every flow by hand', async () => {
    const used = new Set<string>()
    for (let run = 0; run < RUNS; run += 1) {
      const question = randomQuestion()
      const dimension = DIMENSIONS[run % DIMENSIONS.length] ?? 'src_addr'
      const limit = roll.pick([1, 3, 10, 1_000])
      const precision = roll.below(8) === 0 ? 'network' : 'host'
      const filter = precision === 'network' ? '' : question.filter
      const answer = await top(database.pool, { ...question, filter, dimension, limit, precision })
      const context = `${dimension} ${JSON.stringify({ ...question, filter })} by ${answer.rollup}`
      used.add(answer.rollup)
      const window = { from: Date.parse(answer.from), to: Date.parse(answer.to), scaled: question.scaled }
      expect(window.from, context).toBeLessThanOrEqual(question.from)
      expect(window.to, context).toBeGreaterThanOrEqual(question.to)
      expect(question.from - window.from, context).toBeLessThan(MINUTE)
      expect(window.to - question.to, context).toBeLessThan(MINUTE)
      if (answer.rollup === 'flow') expect([window.from, window.to], context).toEqual([question.from, question.to])

      const groups = sumBy(flows, exporters, { ...window, filter: parseFilter(filter) }, groupOf(dimension, precision))
      let total = NOTHING
      for (const sums of groups.values()) {
        total = { flows: total.flows + sums.flows, bytes: total.bytes + sums.bytes, packets: total.packets + sums.packets }
      }
      expect(rowText(answer.total), context).toBe(sumsText(total))
      const expected = [...groups.values()]
        .map((sums) => sums[question.metric])
        .sort((x, y) => (x === y ? 0 : x > y ? -1 : 1))
        .slice(0, limit)
      expect(
        answer.rows.map((row) => row.value),
        context,
      ).toEqual(expected.map(Number))
      let rest = total
      for (const row of answer.rows) {
        // The row's own filter selects exactly the row.
        const only = bothFilters(parseFilter(filter), parseFilter(row.filter))
        const sums = [...sumBy(flows, exporters, { ...window, filter: only }, () => '').values()][0] ?? NOTHING
        expect(rowText(row), `${context}: ${row.filter}`).toBe(sumsText(sums))
        expect(row.value).toBe(row[question.metric])
        expect(row.share).toBeCloseTo(total[question.metric] === 0n ? 0 : Number(sums[question.metric]) / Number(total[question.metric]), 9)
        expect(row.label).not.toBe('')
        rest = { flows: rest.flows - sums.flows, bytes: rest.bytes - sums.bytes, packets: rest.packets - sums.packets }
      }
      expect(rowText(answer.rest), context).toBe(sumsText(rest))
      expect(new Set(answer.rows.map((row) => row.key)).size, context).toBe(answer.rows.length)
    }
    // The mixture must have been tried: raw, every rollup, and joined levels.
    for (const name of [
      'flow',
      'rollup_service',
      'rollup_interface',
      'rollup_as',
      'rollup_src',
      'rollup_dst',
      'rollup_conversation',
      '_1d+',
    ]) {
      expect(
        [...used].some((rollup) => rollup.includes(name)),
        `${name} was never used`,
      ).toBe(true)
    }
  }, 600_000)

  it('top: some seconds are told as they are, not as the minutes around them', async () => {
    for (const flow of flows.filter((_, index) => index % 400 === 0)) {
      const [from, to] = [flow.time - 4_000, flow.time + 6_000]
      const answer = await top(database.pool, { dimension: 'proto', metric: 'packets', from, to, limit: 10, scaled: false })
      expect([Date.parse(answer.from), Date.parse(answer.to), answer.resolutionSeconds]).toEqual([from, to, 0])
      const within = sumBy(flows, exporters, { from, to, scaled: false, filter: parseFilter('') }, () => '')
      expect(rowText(answer.total)).toBe(sumsText(within.get('') ?? NOTHING))
    }
  })

  it('timeseries: every bucket of every series is that of counting by hand, and other is the exact rest', async () => {
    for (let run = 0; run < RUNS; run += 1) {
      const question = randomQuestion()
      const dimension = run % 4 === 0 ? null : (DIMENSIONS[run % DIMENSIONS.length] ?? 'src_addr')
      const limit = roll.pick([1, 3, 8])
      const points = roll.pick([null, 1, 7, 60, 300]) ?? undefined
      const answer = await timeseries(database.pool, { ...question, dimension, limit, points })
      const context = `${dimension} ${JSON.stringify({ ...question, points })} by ${answer.rollup}`
      const width = answer.bucketSeconds * 1_000
      expect(answer.times.length, context).toBeLessThanOrEqual(points ?? 300)
      expect(answer.times, context).toEqual(answer.times.map((_, index) => Date.parse(answer.from) + index * width))
      expect(Date.parse(answer.to), context).toBe((answer.times.at(-1) ?? 0) + width)
      expect(Date.parse(answer.from), context).toBeLessThanOrEqual(question.from)

      const filter = parseFilter(question.filter)
      const window = { from: Date.parse(answer.from), to: Date.parse(answer.to), scaled: question.scaled }
      const key = dimension === null ? () => 'all' : groupOf(dimension, 'host')
      const groups = sumBy(flows, exporters, { ...window, filter }, key)
      const expected = [...groups.values()].map((sums) => sums[question.metric]).sort((x, y) => (x === y ? 0 : x > y ? -1 : 1))
      const series = dimension === null ? answer.series : answer.series.slice(0, -1)
      if (dimension !== null)
        expect(
          series.map((one) => one.total),
          context,
        ).toEqual(expected.slice(0, limit).map(Number))
      const bucketOf = (flow: OracleFlow): string => String(Math.floor((flow.time - window.from) / width))
      const all = sumBy(flows, exporters, { ...window, filter }, bucketOf)
      const other = new Map([...all].map(([bucket, sums]) => [bucket, sums[question.metric]]))
      for (const one of series) {
        const only = dimension === null ? filter : bothFilters(filter, parseFilter(one.filter))
        const sums = sumBy(flows, exporters, { ...window, filter: only }, bucketOf)
        expect(
          one.values.map((value) => value ?? 0),
          `${context}: ${one.filter}`,
        ).toEqual(answer.times.map((_, index) => Number(sums.get(String(index))?.[question.metric] ?? 0n)))
        for (const [bucket, own] of sums) other.set(bucket, (other.get(bucket) ?? 0n) - own[question.metric])
      }
      if (dimension !== null) {
        expect(answer.series.at(-1), context).toMatchObject({ key: '', label: 'other' })
        expect(
          answer.series.at(-1)?.values.map((value) => value ?? 0),
          context,
        ).toEqual(answer.times.map((_, index) => Number(other.get(String(index)) ?? 0n)))
      }
    }
  }, 600_000)

  it('flows: the pages together hold every matching flow once, newest first, while new flows arrive', async () => {
    let arriving = 100
    for (let run = 0; run < 12; run += 1) {
      const question = randomQuestion()
      const filter = parseFilter(question.filter)
      const wanted = flows.filter(
        (flow) => flow.time >= question.from && flow.time < question.to && flow.event_kind === null && passes(filter, flow, exporters),
      )
      const limit = roll.pick([7, 100, 1_000])
      const seen: string[] = []
      let cursor: string | null = null
      let last = Infinity
      let pages = 0
      do {
        const page = await flowsQuery(database.pool, { from: question.from, to: question.to, filter: question.filter, limit, cursor })
        expect(page.flows.length).toBeLessThanOrEqual(limit)
        for (const flow of page.flows) {
          const received = Number(BigInt(String(flow['time_received_ns'])) / 1_000_000n)
          expect(received).toBeLessThanOrEqual(last)
          last = received
          seen.push(`${received} ${String(flow['bytes'])} ${String(flow['src_addr'] ?? null)} ${String(flow['dst_port'] ?? null)}`)
        }
        cursor = page.nextCursor
        pages += 1
        // Flows of the very moment at which the page ended arrive: they must not move the next page.
        if (pages === 1 && cursor !== null) {
          arriving += 1
          const late = makeFlows(arriving, 3, last, last + 1, exporters)
          await writeFlows(database.pool, engine, late)
          flows.push(...late.map(({ flow }) => flow))
        }
      } while (cursor !== null && pages < 400)
      const expected = wanted.map((flow) => `${flow.time} ${flow.bytes} ${flow.src_addr} ${flow.dst_port}`).sort()
      if (cursor === null) expect([...seen].sort()).toEqual(expected)
    }
  }, 300_000)

  it('adds up to the sums of flows', () => {
    // The oracle itself: scaled by the rate, unknown counted once.
    const [first] = flows
    expect(first).toBeDefined()
    if (first === undefined) return
    expect(addFlow(NOTHING, { ...first, bytes: 10n, packets: 2n, sampling_rate: 100 }, true)).toEqual({
      flows: 1n,
      bytes: 1_000n,
      packets: 200n,
    })
    expect(addFlow(NOTHING, { ...first, bytes: 10n, packets: 2n, sampling_rate: null }, true)).toEqual({
      flows: 1n,
      bytes: 10n,
      packets: 2n,
    })
  })
})
