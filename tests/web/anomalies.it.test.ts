import { type AnomaliesAnswer, type AnomalyCard, type AnomalyEventsAnswer, ROLES, type SuppressionsAnswer } from '@weir/db/contracts'
import { type DetectedAnomaly, storeChange } from '@weir/db/ingest'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { everyone, problemOf, startWeb, type Web } from './web.ts'

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>
const T0 = Date.now() - 600_000

const open = async (id: string, over: Partial<DetectedAnomaly> = {}) => {
  const anomaly: DetectedAnomaly = {
    id,
    detector: 'port_scan',
    entity: '198.51.100.7',
    severity: 'warning',
    actor: '198.51.100.7',
    target: '203.0.113.20',
    firstMs: T0,
    lastMs: T0 + 10_000,
    endedMs: 0,
    findings: 1,
    parent: null,
    group: `port_scan|warning|${id}`,
    paged: false,
    suppressedBy: null,
    finding: {
      firstMs: T0,
      window: [T0, T0 + 10_000],
      statistic: 'distinct_failed_ports',
      unit: 'ports',
      value: 60,
      expected: null,
      threshold: 20,
      why: '198.51.100.7 tried 60 ports of 203.0.113.20.',
      parts: [{ dimension: 'dst_addr', value: '203.0.113.20', share: 1 }],
      fresh: [],
      filter: 'src_addr = 198.51.100.7 and dst_addr = 203.0.113.20',
      trust: 'ok',
      windows: 1,
    },
    ...over,
  }
  await storeChange(database.pool, { kind: 'opened', anomaly, notify: true }, [])
}
const json = async <T>(response: Response): Promise<T> => (await response.json()) as T

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
  for (let i = 0; i < 5; i++) await open(`port_scan-aaa-${i}`, { firstMs: T0 + i })
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

describe('anomalies over HTTP', () => {
  it('are listed with the fields that others score by', async () => {
    const answer = await json<AnomaliesAnswer>(await callers.people.operator.get('/api/v1/anomalies?detector=port_scan&limit=2'))
    expect(answer.anomalies[0]).toMatchObject({
      detector: 'port_scan',
      severity: 'warning',
      first_seen_ns: `${T0 + 4}000000`,
      actor: '198.51.100.7',
      target: '203.0.113.20',
      paged: false,
      state: 'new',
      actions: ['acknowledge', 'confirm', 'dismiss'],
    })
    const next = await json<AnomaliesAnswer>(
      await callers.people.operator.get(`/api/v1/anomalies?detector=port_scan&limit=2&cursor=${answer.nextCursor}`),
    )
    expect(next.anomalies.map((a) => a.id)).toEqual(['port_scan-aaa-2', 'port_scan-aaa-1'])
    for (const bad of ['state=odd', 'severity=bad', 'limit=0', 'from=yesterday', 'detector=a;b', 'cursor=x', 'folded=maybe'])
      expect((await callers.people.operator.get(`/api/v1/anomalies?${bad}`)).status, bad).toBe(400)
  })

  it.each(ROLES)('%s sees what the role may see, and decides only where the role decides', async (role) => {
    const id = `port_scan-role-${role}`
    await open(id)
    for (const [kind, caller] of [
      ['person', callers.people[role]],
      ['token', callers.tokens[role]],
    ] as const) {
      const list = await caller.get('/api/v1/anomalies?grouped=true')
      const card = await caller.get(`/api/v1/anomalies/${id}`)
      const events = await caller.get('/api/v1/anomalies/events?after=0')
      expect([list.status, card.status, events.status]).toEqual([200, 200, 200])
      const text = `${await list.text()}${await card.text()}${await events.text()}`
      const hosts = /198\.51\.100\.7|203\.0\.113\.20/.test(text)
      expect(hosts, kind).toBe(role !== 'viewer' && role !== 'manager')
      expect((await caller.get('/api/v1/anomalies?address=198.51.100.7')).status).toBe(hosts ? 200 : 403)
      const decides = role === 'operator' || role === 'oncall'
      const answer = await caller.ask('POST', `/api/v1/anomalies/${id}/${kind === 'person' ? 'acknowledge' : 'confirm'}`, {})
      expect(answer.status, kind).toBe(decides ? 200 : 403)
      const suppress = await caller.ask('POST', '/api/v1/suppressions', {
        address: '192.0.2.99',
        until: new Date(Date.now() + 60_000).toISOString(),
        reason: 'a test',
      })
      expect(suppress.status, kind).toBe(decides ? 201 : 403)
    }
  })

  it('a second decision is refused with the state and the name of who was first', async () => {
    const path = '/api/v1/anomalies/port_scan-aaa-0'
    const first = await callers.people.operator.ask('POST', `${path}/acknowledge`, {})
    expect(await json(first)).toMatchObject({ id: 'port_scan-aaa-0', state: 'acknowledged' })
    const second = await callers.people.oncall.ask('POST', `${path}/acknowledge`, {})
    expect(second.status).toBe(409)
    expect(await problemOf(second)).toMatchObject({ code: 'conflict', detail: expect.stringContaining('acknowledged (by The operator)') })
    expect((await callers.people.oncall.ask('POST', `${path}/explode`, {})).status).toBe(404)
    expect((await callers.people.oncall.ask('POST', '/api/v1/anomalies/port_scan-no-1/confirm', {})).status).toBe(404)
    expect((await callers.people.oncall.ask('POST', `${path}/dismiss`, {})).status).toBe(422)
    const card = await json<AnomalyCard>(await callers.people.oncall.get(path))
    expect(card.timeline.map((e) => [e.kind, e.actor])).toEqual([
      ['opened', null],
      ['acknowledged', 'The operator'],
    ])
    const audit = await json<{ entries: { event: string; subject: string }[] }>(
      await callers.people.oncall.get('/api/v1/audit?subject=anomaly:port_scan-aaa-0'),
    )
    expect(audit.entries.map((e) => e.event)).toEqual(['anomaly.acknowledge'])
  })

  it('events are caught up with by number; suppressions are changed and ended', async () => {
    const all = await json<AnomalyEventsAnswer>(await callers.people.operator.get('/api/v1/anomalies/events?after=0&limit=3'))
    expect(all.more).toBe(true)
    const rest = await json<AnomalyEventsAnswer>(
      await callers.people.operator.get(`/api/v1/anomalies/events?after=${all.events.at(-1)?.id}`),
    )
    expect(rest.events[0]?.id).toBe((all.events.at(-1)?.id ?? 0) + 1)
    expect(rest.events.at(-1)?.id).toBe(rest.lastEvent)
    const { suppressions } = await json<SuppressionsAnswer>(await callers.people.oncall.get('/api/v1/suppressions'))
    const [one] = suppressions
    const until = new Date(Date.now() + 7_200_000).toISOString()
    const changed = await callers.people.oncall.ask('PATCH', `/api/v1/suppressions/${one?.id}`, { until })
    expect(await json(changed)).toMatchObject({ until, active: true })
    expect((await callers.people.oncall.ask('DELETE', `/api/v1/suppressions/${one?.id}`)).status).toBe(204)
    expect((await callers.people.oncall.ask('DELETE', `/api/v1/suppressions/${one?.id}`)).status).toBe(409)
  })
})
