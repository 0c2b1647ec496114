import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANOMALY_ACTIONS, ANOMALY_STATES, ANOMALY_TRANSITIONS, type AnomalyState } from '../contracts/anomalies.ts'
import type { AuditActor } from '../contracts/audit.ts'
import { subscribe } from '../notify.ts'
import { createTestDatabase, type TestDatabase, testEngines } from '../testing/index.ts'
import { addSuppression, changeSuppression, decideAnomaly, endSuppression } from './commands.ts'
import { deliverDue } from './outbox.ts'
import { anomalies, anomalyCard, anomalyEvents, pseudonymised, suppressions } from './queries.ts'
import {
  activeSuppressions,
  type DetectedAnomaly,
  type DetectedChange,
  freezeEvidence,
  storeChange,
  storeParent,
  trackedAnomalies,
} from './store.ts'

const T0 = Date.now() - 3_600_000
const BY: AuditActor = { kind: 'person', id: 'u1', role: 'operator' }

const anomaly = (id: string, over: Partial<DetectedAnomaly> = {}): DetectedAnomaly => ({
  id,
  detector: 'ddos',
  entity: '203.0.113.10',
  severity: 'critical',
  actor: null,
  target: '203.0.113.10',
  firstMs: T0,
  lastMs: T0,
  endedMs: 0,
  findings: 1,
  parent: null,
  group: 'ddos|critical|203.0.113.10',
  paged: false,
  suppressedBy: null,
  finding: {
    firstMs: T0,
    window: [T0, T0 + 10_000],
    statistic: 'packets',
    unit: 'packets/s',
    value: 5_000,
    expected: 3,
    threshold: 300,
    why: 'DNS reflection: 5,000 packets/s to 203.0.113.10 from 198.51.100.7, 2001:db8::5 and others.',
    parts: [{ dimension: 'src_addr', value: '198.51.100.7', share: 0.5 }],
    fresh: [],
    filter: 'dst_addr = 203.0.113.10',
    trust: 'ok',
    windows: 2,
  },
  ...over,
})
const change = (kind: DetectedChange['kind'], a: DetectedAnomaly): DetectedChange => ({ kind, anomaly: a, notify: kind === 'opened' })

describe.each(testEngines())('anomalies in %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase(engine)
    await database.pool.query(
      `insert into auth_user (id, name, email, role) values ('u1', 'Olga Operator', 'olga@example.org', 'operator')`,
    )
  })
  afterAll(() => database.drop())

  it('opens once: a restart that finds the same again adds neither row nor event nor message', async () => {
    const { pool } = database
    const message = { kind: 'opened', class: 'page' as const, channel: 'email', payload: {} }
    const a = anomaly('a1')
    expect(await storeChange(pool, change('opened', a), [message])).toMatchObject({ fresh: true, state: 'new', wantsEvidence: true })
    expect((await storeChange(pool, change('opened', a), [message])).fresh).toBe(false)
    expect((await storeChange(pool, change('opened', { ...a, findings: 2 }), [message])).fresh).toBe(true)
    const card = await anomalyCard(pool, 'a1', 'host')
    expect(card.timeline.map((e) => e.kind)).toEqual(['opened'])
    const { rows } = await pool.query('select count(*)::int as n from notification')
    expect(rows[0]).toEqual({ n: 1 })
  })

  it('events have rising numbers, are told at commit, and can be caught up with', async () => {
    const told: number[] = []
    const listener = await new Promise<ReturnType<typeof subscribe>>((resolve) => {
      const s = subscribe(database.url, { anomaly: (e) => told.push(e.id), connected: () => resolve(s) })
    })
    const before = (await anomalyEvents(database.pool, { after: 0 })).lastEvent
    await Promise.all(Array.from({ length: 12 }, (_, i) => storeChange(database.pool, change('opened', anomaly(`many-${i}`)), [])))
    const { events } = await anomalyEvents(database.pool, { after: before })
    expect(events).toHaveLength(12)
    for (let i = 0; i < 200 && told.length < 12; i++) await new Promise((done) => setTimeout(done, 10))
    await listener.close()
    expect(told).toEqual(events.map((e) => e.id))
    expect([...told].sort((a, b) => a - b)).toEqual(told)
  })

  it.each(ANOMALY_STATES.flatMap((state) => ANOMALY_ACTIONS.map((action) => [state, action] as const)))(
    '%s + %s: as the table says, with one event and one audit entry, or a conflict that names the state',
    async (state, action) => {
      const { pool } = database
      const id = `t-${state}-${action}`
      await storeChange(pool, change('opened', anomaly(id)), [])
      await pool.query('update anomaly set state = $2 where id = $1', [id, state])
      const count = async () =>
        (
          await pool.query<{ events: number; audits: number }>(
            `select (select count(*)::int from anomaly_event where anomaly_id = $1) as events,
               (select count(*)::int from audit_entry where subject = 'anomaly:' || $1) as audits`,
            [id],
          )
        ).rows[0] ?? { events: 0, audits: 0 }
      const before = await count()
      const next: AnomalyState | undefined = ANOMALY_TRANSITIONS[state][action]
      const decided = decideAnomaly(pool, { anomalyId: id, action, by: BY, reason: 'looked at it' })
      if (next === undefined) {
        await expect(decided).rejects.toMatchObject({ code: 'conflict', detail: expect.stringContaining(`The anomaly is ${state}`) })
        expect(await count()).toEqual(before)
      } else {
        expect((await decided).state).toBe(next)
        expect(await count()).toEqual({ events: before.events + 1, audits: before.audits + 1 })
        const card = await anomalyCard(pool, id, 'host')
        expect(card).toMatchObject({ state: next, changed_by: 'Olga Operator', reason: 'looked at it' })
      }
    },
  )

  it('of two who decide at once one wins, and the other is told who did', async () => {
    await storeChange(database.pool, change('opened', anomaly('race')), [])
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => decideAnomaly(database.pool, { anomalyId: 'race', action: 'acknowledge', by: BY })),
    )
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1)
    expect(results.filter((r) => r.status === 'rejected' && /by Olga Operator/.test(String(r.reason)))).toHaveLength(7)
  })

  it('unknown ids, missing reasons and ends in the past are refused', async () => {
    const { pool } = database
    await expect(decideAnomaly(pool, { anomalyId: 'nothing', action: 'confirm', by: BY })).rejects.toMatchObject({ code: 'not-found' })
    await expect(decideAnomaly(pool, { anomalyId: 'a1', action: 'dismiss', by: BY })).rejects.toMatchObject({ code: 'invalid' })
    await expect(
      decideAnomaly(pool, { anomalyId: 'a1', action: 'dismiss', by: BY, reason: 'x', suppress: { until: new Date(0) } }),
    ).rejects.toMatchObject({ code: 'invalid' })
    await expect(anomalyCard(pool, 'nothing', 'host')).rejects.toMatchObject({ code: 'not-found' })
  })

  it('closed ones that start again and dismissed ones that get worse are new again, on the record', async () => {
    const { pool } = database
    const a = anomaly('again')
    await storeChange(pool, change('opened', a), [])
    await pool.query(`update anomaly set state = 'closed' where id = 'again'`)
    expect((await storeChange(pool, change('updated', { ...a, findings: 2 }), [])).state).toBe('closed')
    expect((await storeChange(pool, change('restarted', { ...a, findings: 3 }), [])).state).toBe('new')
    await pool.query(`update anomaly set state = 'dismissed' where id = 'again'`)
    expect((await storeChange(pool, change('restarted', { ...a, findings: 4 }), [])).state).toBe('dismissed')
    expect((await storeChange(pool, change('escalated', { ...a, findings: 5 }), [])).state).toBe('new')
    const { rows } = await pool.query(`select reason from audit_entry where subject = 'anomaly:again' order by seq`)
    expect(rows).toEqual([{ reason: 'it started again' }, { reason: 'it got worse' }])
  })

  it('dismissing can suppress the same until an end; what it hides is counted; it can be changed and ended', async () => {
    const { pool } = database
    await storeChange(pool, change('opened', anomaly('noisy')), [])
    const until = new Date(Date.now() + 3_600_000)
    await decideAnomaly(pool, { anomalyId: 'noisy', action: 'dismiss', by: BY, reason: 'our own test', suppress: { until } })
    const [rule] = await activeSuppressions(pool, new Date())
    expect(rule).toMatchObject({ detector: 'ddos', address: '203.0.113.10', untilMs: until.getTime() })
    await storeChange(pool, change('opened', anomaly('hidden', { suppressedBy: rule?.id ?? '' })), [])
    const [shown] = await suppressions(pool, 'host')
    expect(shown).toMatchObject({ hidden: 1, active: true, owner: 'Olga Operator' })
    const later = new Date(until.getTime() + 60_000)
    expect((await changeSuppression(pool, { id: Number(rule?.id), until: later, by: BY })).until).toBe(later.toISOString())
    await endSuppression(pool, { id: Number(rule?.id), by: BY })
    expect(await activeSuppressions(pool, new Date())).toEqual([])
    await expect(endSuppression(pool, { id: Number(rule?.id), by: BY })).rejects.toMatchObject({ code: 'conflict' })
    await expect(addSuppression(pool, { detector: null, address: null, until, reason: 'all', by: BY })).rejects.toMatchObject({
      code: 'invalid',
    })
  })

  it('lists are filtered, grouped and paged without a gap or a repetition', async () => {
    const { pool } = database
    for (let i = 0; i < 25; i++)
      await storeChange(
        pool,
        change('opened', anomaly(`p-${i}`, { detector: 'port_scan', severity: 'warning', firstMs: T0 - i * 1_000, group: `g${i % 5}` })),
        [],
      )
    await storeParent(pool, 'p-3', 'p-4', new Date())
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await anomalies(pool, { detectors: ['port_scan'], limit: 7, cursor })
      seen.push(...page.anomalies.map((a) => a.id))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `p-${i}`).filter((id) => id !== 'p-3'))
    const grouped = await anomalies(pool, { detectors: ['port_scan'], grouped: true })
    expect(grouped.anomalies.map((a) => [a.id, a.members])).toEqual([
      ['p-0', 5],
      ['p-1', 5],
      ['p-2', 5],
      ['p-4', 5],
      ['p-8', 4],
    ])
    expect((await anomalyCard(pool, 'p-4', 'host')).childAnomalies.map((c) => c.id)).toEqual(['p-3'])
    await expect(anomalies(pool, { cursor: 'nonsense' })).rejects.toMatchObject({ code: 'bad-cursor' })
  })

  it('with network precision no address of a host is anywhere in the answers', async () => {
    const answer = JSON.stringify([await anomalies(database.pool, {}), await anomalyCard(database.pool, 'a1', 'network')])
    const card = JSON.stringify(await anomalyCard(database.pool, 'a1', 'network'))
    expect(answer).toContain('203.0.113.10')
    expect(card).not.toMatch(/203\.0\.113\.10|198\.51\.100\.7|2001:db8::5/)
    expect(card).toContain('203.0.113.0/24')
    expect(pseudonymised('at 10:15:30 from 10.1.2.3: 2001:db8:1:2::9, not 5.3.')).toBe(
      'at 10:15:30 from 10.1.2.0/24: 2001:db8:1::/48, not 5.3.',
    )
  })

  it('a tracker starts from what is active, exactly as it was stored', async () => {
    const a = anomaly('exact', { parent: 'p-4', paged: true, findings: 7 })
    await storeChange(database.pool, change('opened', a), [])
    const found = (await trackedAnomalies(database.pool, new Date())).find(({ id }) => id === 'exact')
    expect(found).toEqual(a)
    expect(await freezeEvidence(database.pool, { id: 'exact', filter: a.finding.filter, window: a.finding.window }, new Date())).toBe(0)
  })

  it('a message is handed out until it is sent, given up, or due later', async () => {
    const { pool } = database
    await pool.query('delete from notification')
    for (const channel of ['one', 'two', 'three'])
      await pool.query(`insert into notification (anomaly_id, kind, class, channel, payload) values ('a1', 'x', 'page', $1, '{}')`, [
        channel,
      ])
    const now = new Date(Date.now() + 1_000)
    await deliverDue(
      pool,
      async ({ channel }) =>
        channel === 'one'
          ? { sent: true }
          : { sent: false, error: 'no', retryAt: channel === 'two' ? new Date(now.getTime() + 5_000) : null },
      { now },
    )
    const again: string[] = []
    const take = async (at: number) =>
      await deliverDue(
        pool,
        async ({ channel, attempts }) => {
          again.push(`${channel}:${attempts}`)
          return { sent: true }
        },
        { now: new Date(at) },
      )
    expect(await take(now.getTime() + 4_000)).toBe(0)
    expect(await take(now.getTime() + 6_000)).toBe(1)
    expect(again).toEqual(['two:1'])
  })
})
