import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase, testEngines } from '../testing/database.ts'
import { address, sampleContext, sampleFlow } from '../testing/sample-flow.ts'
import {
  COPY_COLUMNS,
  createWriter,
  FlowBatch,
  recordStatus,
  resolveExporters,
  seedAsNames,
  upsertExporters,
  upsertInterfaces,
} from './index.ts'

/** Until the writer waits for a lock with its last statement. From outside any transaction: inside one, the view is frozen at its first use. */
async function waiting(pool: TestDatabase['pool']): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into rollup%'`,
    )
    if (rowCount) return
    await sleep(10)
  }
}

describe.each(testEngines())('storing on %s', (engine) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createTestDatabase(engine)
  })
  afterAll(() => db?.drop())

  const store = async (rows: [ReturnType<typeof sampleFlow>, ReturnType<typeof sampleContext>][]) => {
    const batch = new FlowBatch()
    for (const [flow, context] of rows) expect(batch.append(flow, context)).toBe(true)
    return createWriter(db.pool, engine).write(batch)
  }

  test('every column of the table is written by COPY', async () => {
    const { rows } = await db.pool.query<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = 'flow'::regclass and attnum > 0 and not attisdropped`,
    )
    expect(rows.map((r) => r.name).sort()).toEqual([...COPY_COLUMNS].sort())
  })

  test('a flow with every field comes back as it was', async () => {
    const now = Date.now()
    const { batch } = await store([
      [
        sampleFlow({
          type: 'SFLOW_5',
          receivedMs: 1_760_000_000_123,
          receivedNs: 456_789,
          startMs: 1_705_009_466_286,
          startNs: 792_701,
          endMs: 1_705_009_598_286,
          endNs: 999_999,
          sequenceNum: 4_294_967_295,
          observationDomainId: 4_294_967_295,
          observationPointId: 2 ** 53 - 1,
          samplingRate: 1000,
          srcAddr: address('2001:db8::ffff'),
          dstAddr: address('255.255.255.255'),
          nextHop: address('10.0.0.1'),
          bgpNextHop: address('2001:db8::2'),
          bytes: 2 ** 53,
          exact: { bytes: 9_007_199_254_740_993n },
          packets: 7,
          etype: 65_535,
          proto: 255,
          srcPort: 65_535,
          dstPort: 0,
          inIf: 4_294_967_295,
          outIf: 0,
          tcpFlags: 255,
          ipTos: 255,
          ipTtl: 255,
          ipFlags: 7,
          icmpType: 8,
          icmpCode: 0,
          fragmentId: 4_294_967_295,
          fragmentOffset: 65_535,
          ipv6FlowLabel: 1_048_575,
          nextHopAs: 4_294_967_295,
          srcMask: 128,
          dstMask: 0,
          srcMac: 0xffff_ffff_ffff,
          dstMac: 0x0200_0000_0001,
          srcVlan: 4095,
          dstVlan: 1,
          vlanId: 2,
          forwardingStatus: 64,
          flowEndReason: 3,
          direction: 1,
          eventKind: 1,
          event: 4,
          postNatSrcAddr: address('203.0.113.9'),
          postNatDstPort: 8080,
          mplsLabel1: 16,
          applicationName: 'päypal\0 😀',
          extra: { e9_1: 18_446_744_073_709_551_615n, note: 'x\ud800y' },
        }),
        sampleContext({
          timeMs: now,
          durationMs: 132_000,
          servicePort: 443,
          srcAs: 4_294_967_295,
          dstAs: 0,
          srcCountry: 'DE',
          dstCountry: 'US',
        }),
      ],
    ])
    const { rows } = await db.pool.query(
      'select flow.*, extract(epoch from time) * 1000 as ms, extra::text as extra_text from flow where batch = $1',
      [batch],
    )
    const { time: _time, ms, extra_text: extraText, ...row } = rows[0]
    expect(Number(ms)).toBe(now)
    // jsonb keeps all digits of a number; JSON.parse would not.
    expect(extraText).toContain('18446744073709551615')
    expect(row).toEqual({
      batch,
      witness: null,
      slice: null,
      share_bytes: null,
      share_packets: null,
      time_flow_start_ns: '1705009466286792701',
      time_flow_end_ns: '1705009598286999999',
      time_received_ns: '1760000000123456789',
      bytes: '9007199254740993',
      packets: '7',
      in_if: '4294967295',
      out_if: '0',
      src_as: '4294967295',
      dst_as: '0',
      next_hop_as: '4294967295',
      observation_domain_id: '4294967295',
      observation_point_id: '9007199254740991',
      sequence_num: '4294967295',
      fragment_id: '4294967295',
      exporter_id: 1,
      sampling_rate: 1000,
      src_port: 65_535,
      dst_port: 0,
      service_port: 443,
      duration_ms: 132_000,
      etype: 65_535,
      src_vlan: 4095,
      dst_vlan: 1,
      vlan_id: 2,
      fragment_offset: 65_535,
      ipv6_flow_label: 1_048_575,
      src_mac: 'ff:ff:ff:ff:ff:ff',
      dst_mac: '02:00:00:00:00:01',
      proto: 255,
      tcp_flags: 255,
      ip_tos: 255,
      type: 105,
      src_mask: 128,
      dst_mask: 0,
      ip_ttl: 255,
      ip_flags: 7,
      icmp_type: 8,
      icmp_code: 0,
      forwarding_status: 64,
      flow_end_reason: 3,
      direction: 1,
      event_kind: 1,
      src_addr: '2001:db8::ffff',
      dst_addr: '255.255.255.255',
      src_country: 'DE',
      dst_country: 'US',
      next_hop: '10.0.0.1',
      bgp_next_hop: '2001:db8::2',
      extra: {
        event: 4,
        application_name: 'päypal 😀',
        mpls_label_1: 16,
        post_nat_src_addr: '203.0.113.9',
        post_nat_dst_port: 8080,
        e9_1: Number('18446744073709551615'),
        note: 'x\ufffdy',
      },
    })
  })

  test('what a flow does not carry is NULL', async () => {
    const flow = sampleFlow({
      etype: -1,
      proto: -1,
      srcPort: -1,
      dstPort: -1,
      inIf: -1,
      outIf: -1,
      tcpFlags: -1,
      ipTos: -1,
      startMs: -1,
      endMs: -1,
      srcAddr: address(''),
      dstAddr: address(''),
    })
    const { batch } = await store([[flow, sampleContext({ timeMs: Date.now(), durationMs: 0, servicePort: -1 })]])
    const { rows } = await db.pool.query('select * from flow where batch = $1', [batch])
    const present = Object.entries(rows[0])
      .filter(([, value]) => value !== null)
      .map(([name]) => name)
    expect(present.sort()).toEqual(['batch', 'bytes', 'duration_ms', 'exporter_id', 'packets', 'time', 'time_received_ns', 'type'])
  })

  test('the largest counters neither fail the COPY nor the rollups', async () => {
    const at = Date.now()
    const huge = sampleFlow({
      bytes: 2 ** 64,
      packets: 2 ** 64,
      exact: { bytes: 2n ** 64n - 1n, packets: 2n ** 64n - 1n },
      samplingRate: 4_294_967_295,
      proto: 99,
    })
    await store([
      [huge, sampleContext({ timeMs: at })],
      [huge, sampleContext({ timeMs: at })],
    ])
    const { rows } = await db.pool.query(
      `select sum(flows)::int as flows, max(scaled_bytes) as bytes from rollup_service_1d where proto = 99`,
    )
    expect(rows[0]).toEqual({ flows: 2, bytes: '9223372036854775807' })
  })

  test('times far back find a place of their own', async () => {
    for (const iso of ['1970-01-01T00:00:00Z', '2017-07-03T12:00:00Z', '2261-12-31T23:59:59Z']) {
      const { batch } = await store([[sampleFlow(), sampleContext({ timeMs: Date.parse(iso) })]])
      const { rows } = await db.pool.query('select time from flow where batch = $1', [batch])
      expect(rows[0].time.toISOString()).toBe(iso.replace('Z', '.000Z'))
    }
  })

  test('rows of many days go in as one batch, from several writers at once', async () => {
    const day = 86_400_000
    const start = Date.parse('2023-01-01T00:00:00Z')
    const results = await Promise.all(
      Array.from({ length: 4 }, () =>
        store(Array.from({ length: 20 }, (_, i) => [sampleFlow({ proto: 77 }), sampleContext({ timeMs: start + i * day })])),
      ),
    )
    expect(new Set(results.map((r) => r.batch)).size).toBe(4)
    const { rows } = await db.pool.query(`select count(*)::int as flows from flow where proto = 77`)
    expect(rows[0].flows).toBe(80)
  })

  test('a deadlock and a timeout are retryable, and store nothing of the batch', async () => {
    const blocker = new pg.Client({ connectionString: db.url, options: '-c deadlock_timeout=60s' })
    const pool = new pg.Pool({ connectionString: db.url, options: '-c deadlock_timeout=1s' })
    const batch = new FlowBatch()
    // Old enough for a row in the table of late ranges, in `timescale`.
    batch.append(sampleFlow(), sampleContext({ timeMs: Date.now() - 3 * 86_400_000 }))
    const count = async () => (await db.pool.query('select count(*)::int as flows from flow')).rows[0].flows
    const failure = (options: { statementTimeoutMs?: number }) =>
      createWriter(pool, engine, options)
        .write(batch)
        .then(
          () => null,
          (error: unknown) => error,
        )
    await blocker.connect()
    try {
      await createWriter(pool, engine).write(batch)
      const before = await count()
      // The writer holds `flow` and waits for the other table, whose holder then waits for `flow`.
      await blocker.query('begin')
      await blocker.query(`lock table ${engine === 'postgres' ? 'rollup_pending' : 'rollup_late'} in exclusive mode`)
      const deadlocked = failure({})
      await waiting(db.pool)
      const granted = blocker.query('lock table flow in access exclusive mode')
      expect(await deadlocked).toMatchObject({ code: 'write-failed', sqlstate: '40P01', kind: 'outage', retryable: true })
      await granted
      expect(await failure({ statementTimeoutMs: 200 })).toMatchObject({ code: 'write-failed', sqlstate: '57014', retryable: true })
      await blocker.query('rollback')
      expect(await count()).toBe(before)
      expect(await createWriter(pool, engine).write(batch)).toMatchObject({ rows: 1 })
      expect(await count()).toBe(before + 1)
    } finally {
      await blocker.end()
      await pool.end()
    }
  })

  test('an unreachable server is an outage, a value the server refuses is bad data', async () => {
    const batch = new FlowBatch()
    batch.append(sampleFlow(), sampleContext({ timeMs: Date.now() }))
    const nowhere = new pg.Pool({ connectionString: 'postgres://weir:x@127.0.0.1:9/weir' })
    await expect(createWriter(nowhere, engine).write(batch)).rejects.toMatchObject({ kind: 'outage', retryable: true, sqlstate: null })
    await nowhere.end()
    await db.pool.query('alter table flow add constraint poison check (proto <> 66)')
    batch.append(sampleFlow({ proto: 66 }), sampleContext({ timeMs: Date.now() }))
    await expect(createWriter(db.pool, engine).write(batch)).rejects.toMatchObject({ kind: 'data', retryable: false, sqlstate: '23514' })
    await db.pool.query('alter table flow drop constraint poison')
    expect((await db.pool.query('select count(*)::int as n from flow where proto = 66')).rows[0].n).toBe(0)
  })

  test('the news of new flows is told once a second at most', async () => {
    const listener = new pg.Client(db.url)
    const heard: string[] = []
    await listener.connect()
    try {
      listener.on('notification', (message) => heard.push(message.payload ?? ''))
      await listener.query('listen weir_changed')
      let now = 0
      const writer = createWriter(db.pool, engine, { now: () => now })
      const batch = new FlowBatch()
      batch.append(sampleFlow(), sampleContext({ timeMs: Date.now() }))
      for (now of [1000, 1500, 1999, 2000, 2500, 3000]) await writer.write(batch)
      await sleep(100)
      await listener.query('select 1')
      expect(heard).toEqual(Array(3).fill('{"what":"flows"}'))
    } finally {
      await listener.end()
    }
  })

  test('exporters are known by address whatever its spelling, and reports add up', async () => {
    const ids = await resolveExporters(db.pool, [
      { address: '2001:DB8::1', demo: true },
      { address: '192.0.2.7' },
      { address: '2001:db8:0::1' },
    ])
    expect(ids.get('192.0.2.7')).toBeGreaterThan(0)
    const again = await Promise.all(
      Array.from({ length: 5 }, () => resolveExporters(db.pool, [{ address: '2001:db8::1' }, { address: '192.0.2.8' }])),
    )
    expect(new Set(again.map((map) => map.get('192.0.2.8'))).size).toBe(1)
    const report = {
      address: '192.0.2.7',
      lastSeenMs: Date.now(),
      formats: ['IPFIX'],
      samplingRate: null,
      skewMs: null,
      datagrams: 10,
      flows: 100,
      lost: 1,
      announced: 101,
      problems: 2,
      templates: 3,
      flowsPerSecond: 5.5,
      bitsPerSecond: 1e9,
    }
    await upsertExporters(db.pool, [report])
    await upsertExporters(db.pool, [{ ...report, samplingRate: 512, skewMs: -3.5, formats: ['NETFLOW_V9', 'IPFIX'] }])
    await upsertExporters(db.pool, [report])
    const { rows } = await db.pool.query(`select *, first_seen <= last_seen as ordered from exporter where address = '192.0.2.7'`)
    expect(rows[0]).toMatchObject({
      datagrams: '30',
      flows: '300',
      lost: '3',
      announced: '303',
      problems: '6',
      templates: '3',
      formats: ['IPFIX', 'NETFLOW_V9'],
      sampling_rate: 512,
      skew_ms: -3.5,
      flows_per_second: 5.5,
      ordered: true,
    })
  })

  test('interfaces keep what is known, and a person’s boundary', async () => {
    const ids = await resolveExporters(db.pool, [{ address: '192.0.2.70' }])
    const exporterId = ids.get('192.0.2.70') ?? 0
    await upsertInterfaces(db.pool, [{ exporterId, ifIndex: 4_294_967_295, name: 'ge-0/0/1', description: null, speedBitsPerSecond: 1e10 }])
    await db.pool.query(`update interface set boundary = 'external' where exporter_id = $1`, [exporterId])
    await upsertInterfaces(db.pool, [
      { exporterId, ifIndex: 4_294_967_295, name: null, description: 'up\0link', speedBitsPerSecond: null },
      { exporterId: 999_999, ifIndex: 1, name: 'of an exporter that was removed', description: null, speedBitsPerSecond: null },
    ])
    const { rows } = await db.pool.query(
      'select exporter_id, if_index, name, description, boundary, speed_bits_per_second from interface where exporter_id in ($1, 999999)',
      [exporterId],
    )
    expect(rows).toEqual([
      {
        exporter_id: exporterId,
        if_index: '4294967295',
        name: 'ge-0/0/1',
        description: 'uplink',
        boundary: 'external',
        speed_bits_per_second: '10000000000',
      },
    ])
  })

  test('names of autonomous systems are seeded once per edition, and replaced by the next', async () => {
    const first = await Promise.all([
      seedAsNames(db.pool, '2026-06', [
        [1, 'a\tb\\c\n'],
        [4_294_967_295, 'zwei'],
        [1, 'twice'],
      ]),
      seedAsNames(db.pool, '2026-06', [[9, 'other']]),
    ])
    expect(first.filter((n) => n > 0)).toHaveLength(1)
    expect(await seedAsNames(db.pool, '2026-06', [[5, 'x']])).toBe(0)
    expect(await seedAsNames(db.pool, '2026-07', [[3, 'drei\0']])).toBe(1)
    const { rows } = await db.pool.query('select * from as_name')
    expect(rows).toEqual([{ asn: '3', name: 'drei' }])
    await expect(
      seedAsNames(
        db.pool,
        '2026-08',
        (function* () {
          yield [1, 'one'] as const
          throw new Error('the file is cut')
        })(),
      ),
    ).rejects.toThrow('the file is cut')
    expect((await db.pool.query('select count(*)::int as n from as_name')).rows[0].n).toBe(1)
  })

  test('a status with any text is kept', async () => {
    await recordStatus(db.pool, 'collector', { text: 'a\0b\ud800', n: 1 })
    await recordStatus(db.pool, 'collector', { text: 'c', n: 2 })
    const { rows } = await db.pool.query('select status from collector_status')
    expect(rows).toEqual([{ status: { text: 'c', n: 2 } }])
  })
})
