import { type BlockMatch, hits } from '@weir/mitigation'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { AuditActor } from '../contracts/audit.ts'
import { SimulateBody } from '../contracts/blocks.ts'
import { createWriter, deliverDue, FlowBatch } from '../ingest/index.ts'
import { maintain } from '../maintain.ts'
import { address, createTestDatabase, sampleContext, sampleFlow, seededRandom, type TestDatabase, testEngines } from '../testing/index.ts'
import { type AlertMessage, watchBlocks } from './alerts.ts'
import { approveBlock, requestBlock, withdrawBlock } from './commands.ts'
import {
  beginApply,
  beginExpire,
  beginReassert,
  blocksToEnforce,
  deviceAnswered,
  deviceChecked,
  deviceRemoved,
  deviceSeen,
  proveBlock,
  reasserted,
} from './enforcement.ts'
import { block, blocks, simulation } from './queries.ts'
import { simulateBlock } from './simulate.ts'

const person = (id: string, role: AuditActor['role']): AuditActor => ({ kind: 'person', id, role, session: `s-${id}` })
const OPERATOR = person('op', 'operator')
const ONCALL = person('on', 'oncall')
const ADMIN = person('ad', 'admin')
const VIEWER = person('vi', 'viewer')
const fresh = (actor: AuditActor, agoMs = 1_000) => ({ actor, stepUpAt: new Date(Date.now() - agoMs) })
const NOW = Date.now()
const MINUTE = 60_000
const WINDOW = { from: new Date(NOW - 30 * MINUTE).toISOString(), to: new Date(NOW - 20 * MINUTE).toISOString() }
const VICTIM = '203.0.113.10'
const none: BlockMatch = { src: null, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }

interface Known {
  src: string
  dst: string
  proto: number
  srcPort: number
  dstPort: number
  bytes: number
  packets: number
  atMs: number
}

/** A day with a known victim, three attackers, forty legitimate peers, and other people's traffic. */
function knownFlows(): Known[] {
  const random = seededRandom(7)
  const out: Known[] = []
  for (let i = 0; i < 600; i++) {
    const atMs = NOW - Math.floor(random() * 20 * 60 * MINUTE) - 5 * MINUTE
    const peer = `192.168.1.${1 + (i % 40)}`
    out.push({ src: peer, dst: VICTIM, proto: 6, srcPort: 40_000 + i, dstPort: 443, bytes: 1_000 + i, packets: 4, atMs })
    out.push({ src: `10.1.0.${i % 200}`, dst: `10.2.0.${i % 100}`, proto: 17, srcPort: 5_000, dstPort: 53, bytes: 200, packets: 1, atMs })
  }
  for (let i = 0; i < 900; i++)
    out.push({
      src: `198.51.100.${1 + (i % 3)}`,
      dst: VICTIM,
      proto: 17,
      srcPort: 53,
      dstPort: 20_000 + i,
      bytes: 90_000,
      packets: 60,
      atMs: NOW - 30 * MINUTE + Math.floor((i / 900) * 10 * MINUTE),
    })
  return out
}

const within = (flow: Known) => flow.atMs >= Date.parse(WINDOW.from) && flow.atMs < Date.parse(WINDOW.to)

describe.each(testEngines())('the block path in %s', (engine) => {
  let database: TestDatabase
  let exporterId = 0
  const flows = knownFlows()

  const write = async (list: readonly Known[]) => {
    const batch = new FlowBatch()
    for (const flow of list) {
      const ok = batch.append(
        sampleFlow({
          srcAddr: address(flow.src),
          dstAddr: address(flow.dst),
          proto: flow.proto,
          srcPort: flow.srcPort,
          dstPort: flow.dstPort,
          bytes: flow.bytes,
          packets: flow.packets,
          receivedMs: flow.atMs,
          startMs: flow.atMs,
          endMs: flow.atMs,
        }),
        sampleContext({ exporterId, timeMs: flow.atMs, durationMs: 0, servicePort: Math.min(flow.srcPort, flow.dstPort) }),
      )
      expect(ok).toBe(true)
    }
    await createWriter(database.pool, engine).write(batch)
  }
  const simulate = (match: Partial<BlockMatch>, more: Record<string, unknown> = {}, by = OPERATOR) =>
    simulateBlock(
      database.pool,
      SimulateBody.parse({ match: { ...none, ...match }, devices: ['edge'], window: WINDOW, days: 1, ...more }),
      by,
    )
  const ask = async (match: Partial<BlockMatch>, by = fresh(OPERATOR), more: Record<string, unknown> = {}) =>
    requestBlock(database.pool, { simulationId: (await simulate(match, more)).id, emergencyReason: null, reason: 'flood' }, by)
  const protect = (prefix: string, reason: string) =>
    database.pool.query(`insert into protected_prefix (prefix, reason, created_by) values ($1, $2, 'person:ad')`, [prefix, reason])
  const audits = async (subject: string) =>
    (
      await database.pool.query<{ event: string; phase: string }>('select event, phase from audit_entry where subject = $1 order by seq', [
        subject,
      ])
    ).rows.map((row) => `${row.event} ${row.phase}`)

  beforeAll(async () => {
    database = await createTestDatabase(engine)
    for (const { id, role } of [OPERATOR, ONCALL, ADMIN, VIEWER, person('op2', 'operator'), person('on2', 'oncall')])
      await database.pool.query('insert into auth_user (id, name, email, role) values ($1, $1, $2, $3)', [id, `${id}@example.org`, role])
    const { rows } = await database.pool.query<{ id: number }>(
      `insert into exporter (address, name) values ('127.0.0.77', 'edge-export') returning id`,
    )
    exporterId = rows[0]?.id ?? 0
    await database.pool.query(`update setting set value = '0.5' where key = 'collateral_ceiling'`)
    await database.pool.query(
      `insert into device (id, name, dialect, transport, exporter_ids) values ('edge', 'Edge', 'nftables', 'local', $1)`,
      [[exporterId]],
    )
    await protect('192.0.2.0/24', 'management')
    await write(flows)
  })
  // Each test is a minute of its own to the circuit breaker.
  afterEach(() => database.pool.query(`update block set requested_at = requested_at - interval '1 hour'`))
  afterAll(async () => database?.drop())

  it('simulates exactly what the stored flows say, collateral list included', async () => {
    for (const match of [
      { dst: `${VICTIM}/32`, proto: 17, srcPorts: [{ low: 53, high: 53 }] },
      { dst: `${VICTIM}/32` },
      { src: '198.51.100.0/24' },
      { src: '192.168.1.0/28', dst: `${VICTIM}/32`, proto: 6 },
    ]) {
      const rule = { ...none, ...match }
      const test = hits(rule)
      const hit = (flow: Known) => test({ ...flow, badBytes: 0, badPackets: 0, normalBytes: 0, normalPackets: 0 })
      const sum = (list: readonly Known[]) => ({
        bytes: list.reduce((all, flow) => all + flow.bytes, 0),
        packets: list.reduce((all, flow) => all + flow.packets, 0),
        flows: list.length,
      })
      const got = await simulate(match)
      const normal = flows.filter((flow) => !within(flow))
      expect(got.normal.total).toEqual(sum(normal))
      expect(got.normal.hit).toEqual(sum(normal.filter(hit)))
      expect(got.bad.hit).toEqual(sum(flows.filter((flow) => within(flow) && hit(flow))))
      expect(got.strip.reduce((all, one) => all + one, 0)).toBe(got.normal.hit.bytes)
      const collateral = new Map<string, number>()
      for (const flow of normal.filter(hit)) {
        const names = [rule.src?.endsWith('/32') ? [] : [flow.src], rule.dst?.endsWith('/32') ? [] : [flow.dst]].flat()
        for (const name of names) collateral.set(name, (collateral.get(name) ?? 0) + flow.bytes)
      }
      expect(new Map(got.collateral.filter(({ kind }) => kind === 'address').map(({ label, bytes }) => [label, bytes]))).toEqual(collateral)
      expect((await simulation(database.pool, got.id)).normal).toEqual(got.normal)
    }
  })

  it('reads what is too old or too much from sums by the hour, says so, and never finds less than there was', async () => {
    const { pool } = database
    await maintain(pool)
    const hour = 60 * MINUTE
    const ask = (match: Partial<BlockMatch>, most: number) =>
      simulateBlock(
        pool,
        SimulateBody.parse({ match: { ...none, ...match }, devices: ['edge'], window: WINDOW, days: 1 }),
        OPERATOR,
        new Date(),
        { flowsMost: most },
      )
    for (const match of [
      { dst: `${VICTIM}/32` },
      { src: '192.168.1.0/28', dst: `${VICTIM}/32`, proto: 6 },
      { dst: `${VICTIM}/32`, proto: 6, srcPorts: [{ low: 1_024, high: 65_535 }], dstPorts: [{ low: 443, high: 443 }] },
      { dst: `${VICTIM}/32`, proto: 6, dstPorts: [{ low: 1, high: 2 }] },
    ]) {
      const single = await ask(match, 1e9)
      expect(single).toMatchObject({ precision: 'raw', rollup: null })
      const summed = await ask(match, 200)
      expect(summed.precision).toBe('rollup')
      expect(summed.rollup).toMatchObject({ name: 'rollup_conversation_1h', from: summed.history.from })
      const cut = Date.parse(summed.rollup?.to ?? '')
      expect(cut % hour).toBe(0)
      // The anomalous window is read flow by flow whatever there is.
      expect(cut).toBeLessThanOrEqual(Date.parse(WINDOW.from))
      expect(summed.bad).toEqual(single.bad)
      expect(summed.normal.total).toEqual(single.normal.total)
      const exact = (match.dstPorts ?? match.srcPorts ?? []).length === 0 || match.srcPorts !== undefined
      if (exact) {
        expect(summed.normal.hit).toEqual(single.normal.hit)
        expect(summed.normal.pairs).toBe(single.normal.pairs)
        const hosts = (of: typeof single) => of.collateral.filter(({ kind }) => kind === 'address')
        expect(hosts(summed)).toEqual(hosts(single))
        expect(summed.strip).toEqual(single.strip)
      } else {
        // Of the two ports an hour's sum knows one: all that could be hit is taken to be.
        expect(single.normal.hit.bytes).toBe(0)
        expect(summed.normal.hit.bytes).toBeGreaterThan(0)
      }
      for (const one of summed.alternatives) expect(one.normalShare).toBeLessThanOrEqual(1)
    }
  })

  it('offers narrower ways that stop the bad traffic and spare the peers', async () => {
    const got = await simulate({ dst: `${VICTIM}/32` })
    expect(got.alternatives[0]?.kind).toBe('asked')
    const best = got.alternatives[1]
    expect(best?.sufficient).toBe(true)
    expect(best?.normalShare).toBe(0)
    expect(got.previews[0]?.apply).toContain('add element inet weir')
    expect(got.verdict.decision).toBe('needs_second_person')
  })

  it('says of each way what it would hit of all flows, also when there were too many kinds to choose it from', async () => {
    const ask = (match: Partial<BlockMatch>, limits = {}) =>
      simulateBlock(
        database.pool,
        SimulateBody.parse({ match: { ...none, ...match }, devices: ['edge'], window: WINDOW, days: 1 }),
        OPERATOR,
        new Date(),
        limits,
      )
    const { alternatives } = await ask({ dst: `${VICTIM}/32` }, { kindsMost: 2 })
    const rules = alternatives.slice(1).filter(({ matches, action }) => matches.length === 1 && action.kind === 'drop')
    expect(rules.length).toBeGreaterThan(1)
    for (const { matches, badShare, normalShare, kind } of rules) {
      const [alone] = (await ask({ dst: `${VICTIM}/32` }, {})).alternatives.filter((one) => one.kind === kind)
      const asked = await ask(matches[0] ?? {})
      // The bad traffic of a rule is that of its own target: only where that is the victim are the two the same.
      if (matches[0]?.dst === `${VICTIM}/32`) expect(badShare).toBeCloseTo(asked.bad.share, 9)
      expect(normalShare).toBeCloseTo(asked.normal.share, 9)
      if (alone !== undefined && JSON.stringify(alone.matches) === JSON.stringify(matches)) expect(badShare).toBeCloseTo(alone.badShare, 9)
    }
  })

  it('lets a second person approve, and nobody else', async () => {
    const asked = await ask({ dst: `${VICTIM}/32`, proto: 17 })
    expect(asked.state).toBe('pending_approval')
    const approve = (by: ReturnType<typeof fresh>, hash = asked.hash) => approveBlock(database.pool, { id: asked.id, hash }, by)
    await expect(approve(fresh(OPERATOR))).rejects.toMatchObject({ code: 'invalid' })
    await expect(approve(fresh(VIEWER))).rejects.toMatchObject({ code: 'invalid', detail: expect.stringContaining('role viewer') })
    await expect(approve(fresh(ONCALL, 6 * MINUTE))).rejects.toMatchObject({
      code: 'invalid',
      detail: expect.stringContaining('5 minutes'),
    })
    await expect(approve(fresh(ONCALL), 'f'.repeat(64))).rejects.toMatchObject({ code: 'conflict' })
    expect((await approve(fresh(ONCALL))).state).toBe('approved')
    await expect(approve(fresh(ADMIN))).rejects.toMatchObject({ code: 'conflict' })
    expect(await audits(`block:${asked.id}`)).toEqual([
      'block.request outcome',
      ...new Array(4).fill('block.approve-refused outcome'),
      'block.approve outcome',
    ])
    await withdrawBlock(database.pool, { id: asked.id, reason: 'test' }, OPERATOR)
  })

  it('never lets who asked approve, whatever the role', async () => {
    const asked = await ask({ dst: `${VICTIM}/32`, proto: 17 }, fresh(ONCALL))
    await expect(approveBlock(database.pool, { id: asked.id, hash: asked.hash }, fresh(ONCALL))).rejects.toMatchObject({
      detail: expect.stringContaining('the person who asked'),
    })
    await withdrawBlock(database.pool, { id: asked.id, reason: 'test' }, ONCALL)
  })

  it('refuses what is protected, a wrong role and a stale confirmation, and records that it did', async () => {
    const before = (await database.pool.query('select from audit_entry')).rowCount ?? 0
    await expect(ask({ dst: '192.0.2.7/32' })).rejects.toMatchObject({ code: 'invalid', detail: expect.stringContaining('management') })
    await expect(ask({ src: '192.0.2.0/23' })).rejects.toMatchObject({ code: 'invalid' })
    await expect(ask({ src: '198.51.100.9/32' }, fresh(ADMIN))).rejects.toMatchObject({ detail: expect.stringContaining('role admin') })
    await expect(ask({ src: '198.51.100.9/32' }, fresh(OPERATOR, 6 * MINUTE))).rejects.toMatchObject({
      detail: expect.stringContaining('5 minutes'),
    })
    await expect(
      requestBlock(database.pool, { simulationId: null, emergencyReason: null, reason: 'x' }, fresh(OPERATOR)),
    ).rejects.toMatchObject({
      code: 'invalid',
    })
    const after = await database.pool.query(`select from audit_entry where event = 'block.request-refused'`)
    expect(after.rowCount).toBe(4)
    expect((await database.pool.query('select from audit_entry')).rowCount).toBe(before + 8)
    expect((await database.pool.query(`select from block where intent #>> '{match,dst}' = '192.0.2.7/32'`)).rowCount).toBe(0)
  })

  it('refuses at enforcement what was protected after the approval', async () => {
    const asked = await ask({ src: '198.51.100.44/32' })
    expect(asked.state).toBe('approved')
    await protect('198.51.100.44/32', 'a partner')
    expect(await beginApply(database.pool, asked.id)).toBe(false)
    const now = await block(database.pool, asked.id, null)
    expect(now.state).toBe('refused')
    expect(now.timeline.at(-1)?.text).toContain('a partner')
  })

  it('finds a text that was changed after the approval', async () => {
    const asked = await ask({ src: '198.51.100.45/32' })
    await database.pool.query('update block_device set slot = slot + 1 where block_id = $1', [asked.id])
    expect(await beginApply(database.pool, asked.id)).toBe(false)
    expect((await block(database.pool, asked.id, null)).state).toBe('refused')
  })

  it('takes one live rule per match and device', async () => {
    const asked = await ask({ src: '198.51.100.46/32' })
    await expect(ask({ src: '198.51.100.46/32' })).rejects.toMatchObject({ code: 'conflict' })
    await expect(withdrawBlock(database.pool, { id: asked.id, reason: 'x' }, person('op2', 'operator'))).rejects.toMatchObject({
      code: 'invalid',
    })
    expect((await withdrawBlock(database.pool, { id: asked.id, reason: 'x' }, OPERATOR)).state).toBe('withdrawn')
    await ask({ src: '198.51.100.46/32' })
  })

  it('asks for a second person without a simulation', async () => {
    const asked = await requestBlock(
      database.pool,
      {
        simulationId: null,
        emergencyReason: 'on fire',
        match: { ...none, src: '198.51.100.60/32', srcPorts: [], dstPorts: [], tcpFlags: null },
        action: { kind: 'drop' },
        ttlSeconds: 60,
        devices: ['edge'],
        reason: 'fire',
      },
      fresh(OPERATOR),
    )
    expect(asked.state).toBe('pending_approval')
  })

  it('is not proven by exporters that never saw such traffic; what the device counts proves it', async () => {
    const asked = await ask({ src: '198.51.100.77/32' }, fresh(OPERATOR), { ttlSeconds: 60 })
    const { pool } = database
    const look = async () => {
      const work = (await blocksToEnforce(pool)).find((one) => one.block.id === asked.id) ?? expect.fail('it is not to be enforced')
      await proveBlock(pool, work, { graceMs: 0, quietMs: 1_000 }, new Date(Date.now() + 5_000))
      return block(pool, asked.id, null)
    }
    await beginApply(pool, asked.id)
    await deviceAnswered(pool, asked.id, 'edge', { ok: true })
    await pool.query(`update exporter set last_seen = now() + interval '5 seconds'`)
    for (let i = 0; i < 2; i++) {
      const unproven = await look()
      expect(unproven).toMatchObject({ state: 'enforced', proof: { by: null } })
      expect(unproven.proof.note).toContain('saw no such traffic')
    }
    await deviceSeen(pool, asked.id, 'edge', { packets: 5, bytes: 500 })
    expect(await look()).toMatchObject({ state: 'verified', proof: { by: 'counters' } })
    // A flow of before that its exporter tells only now: the better witness after all, with the next look for it.
    await write([
      { src: '198.51.100.77', dst: VICTIM, proto: 17, srcPort: 53, dstPort: 9, bytes: 500, packets: 1, atMs: Date.now() - 60_000 },
    ])
    expect(await look()).toMatchObject({ proof: { by: 'counters' } })
    await pool.query(`update block set witness_asked_at = witness_asked_at - interval '1 minute' where id = $1`, [asked.id])
    expect(await look()).toMatchObject({ state: 'verified', proof: { by: 'flows' } })
    await pool.query('update exporter set last_seen = now()')
    await pool.query(`update block set expires_at = now() where id = $1`, [asked.id])
    await beginExpire(pool, asked.id)
    await deviceRemoved(pool, asked.id, 'edge', { ok: true })
  })

  it('goes from applying to verified to leaking to expired, each step recorded', async () => {
    await write([
      { src: '198.51.100.47', dst: VICTIM, proto: 17, srcPort: 53, dstPort: 9, bytes: 500, packets: 1, atMs: Date.now() - 60_000 },
    ])
    const asked = await ask({ src: '198.51.100.47/32' }, fresh(OPERATOR), { ttlSeconds: 60 })
    const { pool } = database
    const work = async () => {
      const found = (await blocksToEnforce(pool)).find((one) => one.block.id === asked.id)
      if (found === undefined) throw new Error('it is not to be enforced')
      return found
    }
    const state = async () => (await block(pool, asked.id, null)).state
    const proof = { graceMs: 0, quietMs: 1_000 }
    expect(await beginApply(pool, asked.id)).toBe(true)
    await deviceAnswered(pool, asked.id, 'edge', { ok: false, error: 'no route to host', unreachable: true })
    expect((await block(pool, asked.id, null)).devices[0]).toMatchObject({ state: 'unreachable', lastError: 'no route to host' })
    await proveBlock(pool, await work(), proof)
    expect(await state()).toBe('applying')
    await deviceAnswered(pool, asked.id, 'edge', { ok: true })
    expect(await state()).toBe('enforced')
    // Nothing was heard of the exporter since, and nothing was counted: no proof.
    await proveBlock(pool, await work(), proof, new Date(Date.now() + 5_000))
    expect(await state()).toBe('enforced')
    await database.pool.query(`update exporter set last_seen = now() + interval '5 seconds'`)
    await proveBlock(pool, await work(), proof, new Date(Date.now() + 5_000))
    expect(await block(pool, asked.id, null)).toMatchObject({ state: 'verified', proof: { by: 'flows', leakedBytes: 0 } })
    await write([
      { src: '198.51.100.47', dst: VICTIM, proto: 17, srcPort: 53, dstPort: 9, bytes: 777, packets: 1, atMs: Date.now() + 1_000 },
    ])
    await proveBlock(pool, await work(), proof)
    const leaking = await block(pool, asked.id, null)
    expect(leaking).toMatchObject({ state: 'leaking', proof: { leakedBytes: 777, leaks: [{ exporter: 'edge-export', bytes: 777 }] } })
    expect(await beginReassert(pool, asked.id, 'edge')).toBe(true)
    await reasserted(pool, asked.id, 'edge', new Date(Date.now() + 3_000))
    await deviceSeen(pool, asked.id, 'edge', { packets: 5, bytes: 500 })
    // A device's word for itself is no proof while somebody else can speak, and is when nobody does.
    await proveBlock(pool, await work(), proof)
    expect(await state()).toBe('leaking')
    await database.pool.query(`update exporter set last_seen = now() - interval '1 hour'`)
    await proveBlock(pool, await work(), proof, new Date(Date.now() + 70_000))
    expect(await block(pool, asked.id, null)).toMatchObject({
      state: 'verified',
      proof: { by: 'counters' },
      deviceDetails: [{ reasserted: 1 }],
    })
    await database.pool.query(`update exporter set last_seen = now() + interval '1 minute'`)
    await proveBlock(pool, await work(), proof, new Date(Date.now() + 70_000))
    expect(await block(pool, asked.id, null)).toMatchObject({ state: 'verified', proof: { by: 'flows' } })
    expect(await beginExpire(pool, asked.id)).toBe(false)
    await pool.query(`update block set expires_at = now() - interval '1 second' where id = $1`, [asked.id])
    expect(await beginExpire(pool, asked.id)).toBe(true)
    await deviceRemoved(pool, asked.id, 'edge', { ok: false, error: 'no route to host', unreachable: true })
    expect(await state()).toBe('withdrawing')
    await deviceRemoved(pool, asked.id, 'edge', { ok: true })
    expect(await state()).toBe('expired')
    expect(await audits(`block:${asked.id}`)).toEqual([
      'block.request outcome',
      'block.apply intent',
      'block.apply outcome',
      'block.apply outcome',
      'block.verify outcome',
      'block.leak outcome',
      'block.reassert intent',
      'block.reassert outcome',
      'block.verify outcome',
      'block.verify outcome',
      'block.expire intent',
      'block.expire outcome',
      'block.expire outcome',
    ])
  })

  it('names exporter and interface of what passed while the rule was away, also when it is back before the flows arrive', async () => {
    const { pool } = database
    const asked = await ask({ src: '198.51.100.71/32' }, fresh(OPERATOR), { ttlSeconds: 600 })
    const work = async () => (await blocksToEnforce(pool)).find((one) => one.block.id === asked.id) ?? expect.fail('not to be enforced')
    const proof = { graceMs: 0, quietMs: 60_000 }
    expect(await beginApply(pool, asked.id)).toBe(true)
    await deviceAnswered(pool, asked.id, 'edge', { ok: true }, new Date(Date.now() - 10_000))
    expect(await beginReassert(pool, asked.id, 'edge')).toBe(true)
    await reasserted(pool, asked.id, 'edge')
    await write([
      { src: '198.51.100.71', dst: VICTIM, proto: 17, srcPort: 53, dstPort: 9, bytes: 500, packets: 1, atMs: Date.now() - 5_000 },
      { src: '198.51.100.71', dst: VICTIM, proto: 17, srcPort: 53, dstPort: 9, bytes: 70, packets: 1, atMs: Date.now() - 20_000 },
    ])
    await proveBlock(pool, await work(), proof)
    const now = await block(pool, asked.id, null)
    expect(now).toMatchObject({ state: 'leaking', proof: { leakedBytes: 500, leaks: [{ exporter: 'edge-export', bytes: 500 }] } })
    expect(now.timeline.at(-1)?.text).toContain('edge-export on')
    // The same look again is no news.
    const events = now.timeline.length
    await proveBlock(pool, await work(), proof)
    expect((await block(pool, asked.id, null)).timeline).toHaveLength(events)
    // What is too old to be read again stays in the sums, and is not counted twice.
    await pool.query(`update block set enforced_at = now() - interval '50 minutes' where id = $1`, [asked.id])
    await write([
      { src: '198.51.100.71', dst: VICTIM, proto: 17, srcPort: 53, dstPort: 9, bytes: 30, packets: 1, atMs: Date.now() - 40 * MINUTE },
    ])
    for (let look = 0; look < 3; look++) await proveBlock(pool, await work(), proof)
    expect((await work()).block).toMatchObject({ leak_base: [{ bytes: 30 }] })
    expect((await block(pool, asked.id, null)).proof.leakedBytes).toBe(600)
    await withdrawBlock(pool, { id: asked.id, reason: 'test' }, OPERATOR)
  })

  it('counts only what passes the interfaces that are behind the device, and nothing the exporter says it dropped', async () => {
    const { pool } = database
    await pool.query(`update device set config = $1 where id = 'edge'`, [JSON.stringify({ points: [{ exporterId, interfaces: [7] }] })])
    const asked = await ask({ src: '198.51.100.72/32' })
    const work = async () => (await blocksToEnforce(pool)).find((one) => one.block.id === asked.id) ?? expect.fail('not to be enforced')
    expect(await beginApply(pool, asked.id)).toBe(true)
    await deviceAnswered(pool, asked.id, 'edge', { ok: true }, new Date(Date.now() - 10_000))
    const passed = async (outIf: number, status: number | null, bytes: number) => {
      await write([{ src: '198.51.100.72', dst: VICTIM, proto: 17, srcPort: 53, dstPort: 9, bytes, packets: 1, atMs: Date.now() - 1_000 }])
      await pool.query(`update flow set in_if = 3, out_if = $1, forwarding_status = $2 where src_addr = '198.51.100.72' and bytes = $3`, [
        outIf,
        status,
        bytes,
      ])
      await proveBlock(pool, await work(), { graceMs: 0, quietMs: 60_000 })
      return (await block(pool, asked.id, null)).proof
    }
    expect((await passed(3, null, 11)).leakedBytes).toBe(0)
    expect((await passed(7, 0b10_000001, 13)).leakedBytes).toBe(0)
    expect(await passed(7, 0b01_000000, 17)).toMatchObject({
      leakedBytes: 17,
      leaks: [{ exporter: 'edge-export', interface: 'interface 7' }],
    })
    await withdrawBlock(pool, { id: asked.id, reason: 'test' }, OPERATOR)
    await pool.query(`update device set config = '{}' where id = 'edge'`)
  })

  it('tells people once of a leak, of doubt, of an end that nobody confirmed and of a silent device, and takes it back', async () => {
    const { pool } = database
    await pool.query(
      `update block set state = 'withdrawn', ended_at = now() where state not in ('pending_approval', 'expired', 'withdrawn', 'refused')`,
    )
    await pool.query('update block_device set removed_at = coalesce(removed_at, now())')
    await pool.query('delete from block_alert')
    const told: AlertMessage[] = []
    const messages = (alert: AlertMessage) => {
      told.push(alert)
      return ['webhook:a', 'email'].map((channel) => ({
        kind: alert.phase,
        class: 'page' as const,
        channel,
        payload: { text: alert.text },
      }))
    }
    const look = () => watchBlocks(pool, messages, { patienceMs: 60_000, clearMs: 0 })
    const phases = () => told.splice(0).map(({ kind, phase }) => `${kind} ${phase}`)
    const asked = await ask({ src: '198.51.100.73/32' }, fresh(OPERATOR), { ttlSeconds: 600 })
    const other = await ask({ src: '198.51.100.74/32' }, fresh(OPERATOR), { ttlSeconds: 600 })
    const since = (id: string, seconds: number) =>
      pool.query(`update block set state_since = now() - make_interval(secs => $2) where id = $1`, [id, seconds])
    for (const { id } of [asked, other]) expect(await beginApply(pool, id)).toBe(true)
    await since(asked.id, 30)
    expect(await look()).toBe(0)
    await since(asked.id, 61)
    expect(await look()).toBe(1)
    expect(await look()).toBe(1)
    expect(phases()).toEqual(['block_in_doubt raised'])
    expect((await block(pool, asked.id, null)).alerts).toMatchObject([{ kind: 'block_in_doubt', text: expect.stringContaining('Edge') }])
    expect((await blocks(pool, { asker: null, limit: 1 })).alerts).toHaveLength(1)

    // Right again: over when it was right at the next look too.
    await deviceAnswered(pool, asked.id, 'edge', { ok: true })
    for (let i = 0; i < 3; i++) await look()
    expect(phases()).toEqual(['block_in_doubt cleared'])
    expect((await block(pool, asked.id, null)).alerts).toEqual([])

    await beginReassert(pool, asked.id, 'edge')
    for (let i = 0; i < 2; i++) await look()
    expect(phases()).toEqual(['block_leaking raised'])

    await deviceChecked(pool, 'edge', { ok: false, error: 'no route to host', unreachable: true })
    await look()
    expect(phases()).toEqual([])
    await pool.query(`update device set unreachable_since = now() - interval '61 seconds'`)
    await look()
    expect(phases()).toEqual(['block_device_unreachable raised'])
    // One alert of a device, on every block there.
    for (const { id } of [asked, other])
      expect((await block(pool, id, null)).alerts.map(({ kind }) => kind)).toContain('block_device_unreachable')

    for (const { id } of [asked, other]) {
      await pool.query(`update block set expires_at = now() - interval '1 second' where id = $1`, [id])
      expect(await beginExpire(pool, id)).toBe(true)
      await since(id, 61)
    }
    for (let i = 0; i < 3; i++) await look()
    expect(phases().sort()).toEqual(['block_expiry_unconfirmed raised', 'block_leaking cleared'])
    await deviceChecked(pool, 'edge', { ok: true })
    for (const { id } of [asked, other]) await deviceRemoved(pool, id, 'edge', { ok: true })
    for (let i = 0; i < 3; i++) await look()
    expect(phases().sort()).toEqual(['block_device_unreachable cleared', 'block_expiry_unconfirmed cleared'])
    expect(await look()).toBe(0)

    // Every message once per channel, through the box that anomalies use.
    const { rows } = await pool.query<{ n: number; kinds: number }>(
      `select count(*)::int as n, count(distinct (alert_id, kind, channel))::int as kinds from notification where alert_id is not null`,
    )
    expect(rows[0]).toEqual({ n: 16, kinds: 16 })
    const sent: string[] = []
    await deliverDue(
      pool,
      async (due) => {
        sent.push(due.about)
        return { sent: true }
      },
      { limit: 100 },
    )
    expect(sent.filter((about) => about.startsWith('block-alert-'))).toHaveLength(16)
    expect((await block(pool, asked.id, null)).timeline.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['alert', 'alert_cleared']))
  })

  it('refuses a block whose requester has left, and no other', async () => {
    const asked = await ask({ src: '198.51.100.75/32' }, fresh(person('op2', 'operator')))
    await database.pool.query(`update auth_user set banned = true where id = 'op2'`)
    expect(await beginApply(database.pool, asked.id)).toBe(false)
    expect(await block(database.pool, asked.id, null)).toMatchObject({ state: 'refused' })
    await database.pool.query(`update auth_user set banned = false where id = 'op2'`)
  })

  it('does nothing without a record: when the audit refuses, nothing changes', async () => {
    const asked = await ask({ src: '198.51.100.48/32' })
    await database.pool.query(
      `create function no_audit() returns trigger language plpgsql as 'begin raise exception ''audit is full''; end';
       create trigger no_audit before insert on audit_entry for each row execute function no_audit()`,
    )
    try {
      await expect(beginApply(database.pool, asked.id)).rejects.toThrow('audit is full')
      await expect(ask({ src: '198.51.100.49/32' })).rejects.toThrow('audit is full')
      await expect(withdrawBlock(database.pool, { id: asked.id, reason: 'x' }, OPERATOR)).rejects.toThrow('audit is full')
    } finally {
      await database.pool.query('drop trigger no_audit on audit_entry')
    }
    expect((await block(database.pool, asked.id, null)).state).toBe('approved')
  })

  it('lists blocks with what the asker may do', async () => {
    const list = await blocks(database.pool, { asker: { id: 'person:on', role: 'oncall' }, states: ['pending_approval'] })
    expect(list.blocks.every(({ actions }) => actions.includes('approve'))).toBe(true)
    expect(list.states.pending_approval).toBe(list.blocks.length)
    const page = await blocks(database.pool, { asker: null, limit: 1 })
    expect(page.blocks[0]?.actions).toEqual([])
    const next = await blocks(database.pool, { asker: null, limit: 1, cursor: page.nextCursor ?? '' })
    expect(next.blocks[0]?.id).not.toBe(page.blocks[0]?.id)
  })
})
