import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { readEngine } from '@weir/db/ingest'
import { maintain } from '@weir/db/maintain'
import { createTestDatabase, type TestDatabase, testEngines } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newDataDir } from '../../test/harness.ts'
import { Enricher } from '../enrich/enrich.ts'
import { loadGeoData } from '../enrich/geo-data.ts'
import { importFile } from './import.ts'

const T0 = Date.UTC(2024, 5, 3)
const record = (i: number, over: object = {}) =>
  JSON.stringify({
    time_flow_start_ns: `${T0 + i * 10}000000`,
    time_flow_end_ns: `${T0 + i * 10 + 5}000001`,
    src_addr: `10.0.${(i >> 8) & 255}.${i & 255}`,
    dst_addr: '198.51.100.7',
    src_port: 40_000,
    dst_port: 443,
    proto: 6,
    bytes: 100 + i,
    packets: 2,
    label: 'benign',
    ...over,
  })

describe.each(testEngines())('import into %s', (engineName) => {
  let database: TestDatabase
  const dir = newDataDir()
  let enricher: Enricher
  beforeAll(async () => {
    database = await createTestDatabase(engineName)
    enricher = new Enricher(await loadGeoData(dir.path, null))
  })
  afterAll(async () => {
    await database.drop()
    dir.remove()
  })
  const store = async (name: string, content: string | Buffer, said: string[] = []) => {
    const path = join(dir.path, name)
    writeFileSync(path, content)
    return await importFile(database.pool, await readEngine(database.pool), enricher, path, (line) => said.push(line))
  }
  const count = async () => (await database.pool.query<{ n: number }>('select count(*)::int as n from flow')).rows[0]?.n

  it('keeps the times of the records, reports bad lines with number and cause, and fills the rollups', async () => {
    const said: string[] = []
    const lines = Array.from({ length: 50_000 }, (_, i) => record(i))
    lines[10] = '{broken'
    lines[20] = record(20, { src_addr: 'nobody' })
    const report = await store('one.ndjson.gz', gzipSync(`${lines.join('\n')}\n`), said)
    expect(report).toMatchObject({ rows: 49_998, problems: 2, before: 0 })
    expect(said[0]).toMatch(/one\.ndjson\.gz:11: not JSON/)
    expect(said[1]).toMatch(/one\.ndjson\.gz:21: src_addr is no address: "nobody"/)
    const { rows } = await database.pool.query(
      'select min(time) as first, min(time_flow_end_ns)::text as ns, count(*)::int as n, sum(bytes)::int as bytes from flow',
    )
    expect(rows[0]).toMatchObject({ first: new Date(T0 + 5), ns: `${T0 + 5}000001`, n: 49_998 })
    await maintain(database.pool, { force: true })
    const rolled = await database.pool.query('select sum(flows)::int as n, sum(bytes)::int as bytes from rollup_dst_1d')
    expect(rolled.rows[0]).toEqual({ n: 49_998, bytes: rows[0].bytes })
  })
  it('the same contents under another name store nothing', async () => {
    const before = await count()
    const lines = Array.from({ length: 300 }, (_, i) => record(i, { bytes: 7 })).join('\n')
    expect((await store('a.ndjson', lines)).rows).toBe(300)
    expect(await store('b.ndjson', lines)).toMatchObject({ rows: 0, before: 300 })
    expect(await count()).toBe((before ?? 0) + 300)
  })
  it('an interrupted import goes on where it stopped', async () => {
    const lines = Array.from({ length: 45_000 }, (_, i) => record(i, { bytes: 9 })).join('\n')
    const before = (await count()) ?? 0
    await store('c.ndjson', lines)
    // As if the process had ended after the first and the last chunk.
    await database.pool.query(`update import_file set finished_at = null where name = 'c.ndjson'`)
    await database.pool.query(
      `delete from import_chunk c using import_file f where f.sha256 = c.sha256 and f.name = 'c.ndjson' and first_line = 20001`,
    )
    await database.pool.query(`delete from flow where bytes = 9 and time_flow_start_ns >= $1 and time_flow_start_ns < $2`, [
      `${T0 + 20_000 * 10}000000`,
      `${T0 + 40_000 * 10}000000`,
    ])
    expect(await count()).toBe(before + 25_000)
    expect(await store('c.ndjson', lines)).toMatchObject({ rows: 20_000, before: 25_000 })
    expect(await count()).toBe(before + 45_000)
  })
})
