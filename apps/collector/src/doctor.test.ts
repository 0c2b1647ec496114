import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExporterObject } from '@weir/db/contracts'
import { afterAll, describe, expect, it } from 'vitest'
import { readConfig } from './config.ts'
import {
  checkClock,
  checkPorts,
  checkReceiveBuffer,
  checkSpool,
  judgeDisk,
  judgeExporter,
  judgeSpool,
  judgeStorage,
  runningCollector,
} from './doctor.ts'

const dir = mkdtempSync(join(tmpdir(), 'weir-doctor-'))
afterAll(() => rmSync(dir, { recursive: true }))

const healthy: ExporterObject = {
  id: 1,
  address: '192.0.2.1',
  name: null,
  demo: false,
  formats: ['NETFLOW_V9'],
  state: 'live',
  firstSeen: '2026-01-01T00:00:00Z',
  lastSeen: '2026-01-01T00:00:00Z',
  samplingRate: 100,
  skewSeconds: 0.4,
  datagrams: 10,
  flows: 100,
  witnessShare: 0,
  duplicates: 0,
  lost: 0,
  lossShare: 0,
  problems: 0,
  templates: 2,
  flowsPerSecond: 1,
  bitsPerSecond: 1,
  interfaces: [],
}

describe('the doctor', () => {
  it('says when the disk cannot hold what the spool may take, and when frames were set aside', () => {
    const mib = 1024 * 1024
    expect(judgeSpool('/spool', 2048 * mib, 48 * mib, 1000 * mib, 0)).toMatchObject({
      state: 'warn',
      remedy: expect.stringContaining('WEIR_SPOOL_MIB'),
    })
    expect(judgeSpool('/spool', 2048 * mib, 48 * mib, 2000 * mib, 0)).toMatchObject({
      state: 'ok',
      seen: expect.stringContaining('48 of 2048 MiB'),
    })
    expect(judgeSpool('/spool', 2048 * mib, 48 * mib, 9000 * mib, 2)).toMatchObject({
      state: 'warn',
      seen: expect.stringContaining('2 frames'),
    })
    expect(checkSpool({ spoolDir: dir, spoolBytes: mib }).name).toBe('spool')
  })

  it('names the setting when a port is taken by somebody else, and is content when it is our own collector', async () => {
    const other = createSocket('udp4')
    other.bind(0, '127.0.0.1')
    await once(other, 'listening')
    const config = {
      ...readConfig({
        WEIR_DATA_DIR: dir,
        DATABASE_URL: 'postgres://u@127.0.0.1/x',
        WEIR_LISTEN_HOST: '127.0.0.1',
        WEIR_IPFIX_PORT: 'off',
        WEIR_SFLOW_PORT: 'off',
        WEIR_METRICS_PORT: 'off',
      }),
      netflowPort: other.address().port,
    }
    const [strange] = await checkPorts(config, null)
    expect(strange).toMatchObject({ state: 'fail', remedy: expect.stringContaining('WEIR_NETFLOW_PORT') })
    const [own] = await checkPorts(config, 4711)
    expect(own).toMatchObject({ state: 'ok', seen: expect.stringContaining('4711') })
    other.close()
    await once(other, 'close')
    expect((await checkPorts(config, null)).every(({ state }) => state === 'ok')).toBe(true)
  })

  it('asks for a larger socket buffer with the line to type', () => {
    expect(checkReceiveBuffer(() => '212992\n')).toMatchObject({
      state: 'warn',
      remedy: expect.stringContaining('sysctl -w net.core.rmem_max=33554432'),
    })
    expect(checkReceiveBuffer(() => '67108864\n').state).toBe('ok')
  })

  it('warns before the disk is full and fails when it nearly is', () => {
    const GIB = 1024 ** 3
    expect([100, 2, 0.1].map((free) => judgeDisk('/x', free * GIB, 200 * GIB).state)).toEqual(['ok', 'warn', 'fail'])
  })

  it('misses a time service only where it should be', () => {
    expect(checkClock((path) => path.includes('chrony')).state).toBe('ok')
    expect(checkClock((path) => path === '/.dockerenv').state).toBe('ok')
    expect(checkClock(() => false)).toMatchObject({ state: 'warn', remedy: expect.stringContaining('chrony') })
  })

  it('says nothing of a healthy exporter, and of others exactly what is wrong', () => {
    expect(judgeExporter(healthy)).toEqual([])
    const wrong: [Partial<ExporterObject>, RegExp][] = [
      [{ state: 'silent' }, /silent since/],
      [{ skewSeconds: -3600 }, /3600 s behind/],
      [{ lossShare: 0.05 }, /5\.0 %/],
      [{ templates: 0, flows: 0 }, /no template/],
    ]
    for (const [fault, says] of wrong) {
      const findings = judgeExporter({ ...healthy, ...fault })
      expect(findings).toHaveLength(1)
      expect(findings[0]?.seen).toMatch(says)
    }
    expect(judgeExporter({ ...healthy, state: 'retired', lossShare: 1 })).toEqual([])
  })

  it('tells what the tables take and what they will, once that is known', () => {
    const relations = [{ relation: 'flow', tier: 'raw' as const, bytes: 9e9, bytesPerDay: 1.2e9 }]
    const known = judgeStorage({ relations, bytes: 12.3e9, bytesPerDay: 1.5e9, from: null, to: null, bytesWhenFull: 40e9 })
    expect(known.seen).toBe(
      'the tables take 12.3 GB, flow 9.0 GB of it; 1.5 GB more a day, about 40.0 GB when every tier is as old as it is kept',
    )
    expect(judgeStorage({ relations: [], bytes: 5e6, bytesPerDay: null, from: null, to: null, bytesWhenFull: null }).seen).toMatch(
      /0\.01 GB; growth is known an hour after/,
    )
  })

  it('knows whether a collector runs here', () => {
    expect(runningCollector(dir)).toBeNull()
  })
})
