import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Caller, everyone, problemOf, startWeb, type Web } from './web.ts'

const ROUTE = '/api/v1/flows/_json'
const SAMPLE = readFileSync(new URL('./data/sample-flow.json', import.meta.url), 'utf8')

let database: TestDatabase
let web: Web
let operator: Caller

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  operator = (await everyone(web, database)).tokens.operator
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

const stored = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as { stored: number; errors: { index: number; detail: string }[] }),
})
const count = async (where: string) => Number((await database.pool.query(`select count(*) as n from flow where ${where}`)).rows[0].n)
const record = (port: number, more = '') =>
  `{"time_flow_end_ns": 1705009598286792700, "bytes": 10, "packets": 1, "src_port": ${port}${more}}`

describe('bulk records over HTTP', () => {
  it('the sample record is stored as what it says: unknown addresses, unknown sampling, its own times', async () => {
    expect(await stored(await operator.ask('POST', ROUTE, SAMPLE))).toEqual({ status: 200, stored: 1, errors: [] })
    const { rows } = await database.pool.query('select * from flow where src_port = 60524 and slice is null')
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({
      src_addr: null,
      dst_addr: null,
      bytes: '73',
      packets: '146',
      src_as: '40904',
      dst_as: '51751',
      dst_port: 12977,
      proto: 6,
      etype: 2048,
      type: 5,
      sampling_rate: null,
      duration_ms: 132_000,
      time_flow_start_ns: '1705009466286792700',
      time_flow_end_ns: '1705009598286792700',
      time_received_ns: '1705009779286981600',
    })
    const top = await operator.get('/api/v1/top?dimension=src_as&from=2024-01-11T21:00:00Z&to=2024-01-11T23:00:00Z')
    expect(await top.json()).toMatchObject({ rows: [{ key: '40904', bytes: 73, packets: 146, flows: 1 }] })
  })

  it('an array, NDJSON and gzip hold the same records, with all their digits', async () => {
    const exact = `, "time_flow_start_ns": 1705009466286792701, "label": "a, [b] \\"c\\" {d}"`
    const lines = [record(1001, exact), record(1002, exact)]
    const ndjson = { 'content-type': 'application/x-ndjson' }
    expect(await stored(await operator.ask('POST', ROUTE, `[${lines.join(',\n')}]`))).toMatchObject({ stored: 2 })
    expect(await stored(await operator.ask('POST', ROUTE, lines.join('\n'), ndjson))).toMatchObject({ stored: 2 })
    const packed = await fetch(web.url + ROUTE, {
      method: 'POST',
      headers: { authorization: `Bearer ${operator.token}`, 'content-encoding': 'gzip', ...ndjson },
      body: gzipSync(lines.join('\n')),
    })
    expect(await stored(packed)).toMatchObject({ stored: 2 })
    expect(await count('src_port in (1001, 1002) and time_flow_start_ns = 1705009466286792701')).toBe(6)
  })

  it('a record that cannot be read is named by its place, the others are stored', async () => {
    const body = [record(2001), '{"bytes": 1}', record(2002, ', "src_addr": "10.0.0.300"'), record(2003)].join('\n')
    const answer = await stored(await operator.ask('POST', ROUTE, body, { 'content-type': 'application/x-ndjson' }))
    expect(answer.stored).toBe(2)
    expect(answer.errors.map(({ index }) => index)).toEqual([1, 2])
    expect(answer.errors[0]?.detail).toContain('time')
    expect(answer.errors[1]?.detail).toContain('src_addr')
  })

  it('a wrong token stores nothing', async () => {
    const before = await count('true')
    const response = await new Caller(web, 'weir_wrong').ask('POST', ROUTE, record(3001))
    expect(response.status).toBe(401)
    expect(await count('true')).toBe(before)
  })

  it.each([
    ['no JSON', 400, '[{"bytes": 1},', {}],
    ['no declared type', 415, record(4001), { 'content-type': 'text/plain' }],
    ['gzip that is none', 400, record(4001), { 'content-encoding': 'gzip' }],
    ['another encoding', 415, record(4001), { 'content-encoding': 'br' }],
    ['too many records', 413, `[${new Array(20_001).fill('{}').join(',')}]`, {}],
  ])('%s is refused with cause and remedy, and stores nothing', async (_, status, body, headers) => {
    const before = await count('true')
    const response = await operator.ask('POST', ROUTE, body, headers)
    expect(response.status).toBe(status)
    expect(await problemOf(response)).toMatchObject({ code: 'bad-body', detail: expect.any(String), remedy: expect.any(String) })
    expect(await count('true')).toBe(before)
  })
})
