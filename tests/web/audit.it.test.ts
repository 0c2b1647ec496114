import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createWelcomeLink } from '@weir/db/commands'
import { type AuditAnswer, type AuditEntry, type AuditState, ROUTES, type Role, type RouteKey } from '@weir/db/contracts'
import { type DetectedAnomaly, resolveExporters, storeChange } from '@weir/db/ingest'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Program } from '../support/program.ts'
import { codeOf, enrol } from './authenticator.ts'
import { Caller, everyone, invited, PASSWORD, problemOf, startWeb, userNamed, type Web } from './web.ts'

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>
let exporterId = 0

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  callers = await everyone(web, database)
  exporterId = (await resolveExporters(database.pool, [{ address: '192.0.2.1' }])).get('192.0.2.1') ?? 0
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

const json = async <T>(response: Response): Promise<T> => (await response.json()) as T
const entriesAfter = async (seq: number): Promise<AuditEntry[]> =>
  (await json<AuditAnswer>(await callers.people.admin.get('/api/v1/audit?limit=500'))).entries.filter((entry) => entry.seq > seq).reverse()
const headSeq = async (): Promise<number> => (await json<AuditState>(await callers.people.admin.get('/api/v1/audit/state'))).head?.seq ?? 0

async function anomaly(id: string): Promise<string> {
  const now = Date.now()
  const opened: DetectedAnomaly = {
    id,
    detector: 'port_scan',
    entity: '198.51.100.7',
    severity: 'warning',
    actor: '198.51.100.7',
    target: '203.0.113.20',
    firstMs: now - 60_000,
    lastMs: now - 50_000,
    endedMs: 0,
    findings: 1,
    parent: null,
    group: `port_scan|warning|${id}`,
    paged: false,
    suppressedBy: null,
    finding: {
      firstMs: now - 60_000,
      window: [now - 60_000, now - 50_000],
      statistic: 'distinct_failed_ports',
      unit: 'ports',
      value: 60,
      expected: null,
      threshold: 20,
      why: '198.51.100.7 tried 60 ports of 203.0.113.20.',
      parts: [],
      fresh: [],
      filter: 'src_addr = 198.51.100.7',
      trust: 'ok',
      windows: 1,
    },
  }
  await storeChange(database.pool, { kind: 'opened', anomaly: opened, notify: true }, [])
  return id
}

const rule = { name: 'DNS', prefix: null, proto: 17, portLow: 53, portHigh: null }
const newRule = async (): Promise<number> =>
  (await json<{ id: number }>(await callers.people.admin.ask('POST', '/api/v1/service-rules', rule))).id
const suppression = {
  detector: 'port_scan',
  address: null,
  reason: 'a scanner of ours',
  until: new Date(Date.now() + 3_600_000).toISOString(),
}
const newSuppression = async (): Promise<number> =>
  (await json<{ id: number }>(await callers.people.oncall.ask('POST', '/api/v1/suppressions', suppression))).id

const router = { id: 'router', name: 'Edge router', dialect: 'nftables', transport: 'none' }
/** Somebody new of this role who has just shown the password again. */
const confirmed = async (role: Role): Promise<Caller> =>
  (await invited(callers.people.admin, role, `confirmed-${++blockNumber}@example.org`)).confirm()
let blockNumber = 0
/** A rule of its own each time: two alike on one device are refused. `bits` 32: one person may decide; 24: a second one must. */
const simulated = async (bits: 32 | 24): Promise<string> => {
  await callers.people.admin.ask('POST', '/api/v1/devices', router)
  const src = bits === 32 ? `198.51.100.${++blockNumber}/32` : `198.18.${++blockNumber}.0/24`
  const now = Date.now()
  const window = { from: new Date(now - 3_600_000).toISOString(), to: new Date(now).toISOString() }
  const match = { src, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }
  return (
    await json<{ id: string }>(await callers.people.operator.ask('POST', '/api/v1/blocks/simulate', { match, devices: ['router'], window }))
  ).id
}
const asked = async (bits: 32 | 24): Promise<{ id: string; hash: string; by: Caller }> => {
  const simulationId = await simulated(bits)
  const by = await confirmed('operator')
  return { by, ...(await json<{ id: string; hash: string }>(await by.ask('POST', '/api/v1/blocks', { simulationId, reason: 'a flood' }))) }
}

/** A change and what it leaves: `make` prepares what it needs and gives who asks for what. */
interface Case {
  make: () => Promise<{ by: Caller; target?: string; body?: unknown }>
  /** Events in order, 'event' for an outcome and 'event?' for an intent. */
  leaves: readonly string[]
  /** Puts back what others build on. */
  after?: () => Promise<void>
}

/** A change that waits, because there is a second admin; the case ends with one again. */
const proposed = async (): Promise<{ id: number; second: Caller }> => {
  const second = await confirmed('admin')
  const network = { prefix: `203.0.113.${++blockNumber}/32`, reason: 'a partner' }
  const response = await callers.people.admin.ask('POST', '/api/v1/protected-prefixes', network)
  expect(response.status).toBe(202)
  return { id: (await json<{ waiting: { id: number } }>(response)).waiting.id, second }
}
const oneAdmin = async (): Promise<void> => {
  await database.pool.query(`update auth_user set banned = true where role = 'admin' and email <> 'ada@example.org'`)
}
const messages = {
  publicUrl: null,
  allowedHosts: ['hooks.example.net'],
  allowPrivate: false,
  allowHttp: false,
  webhooks: [{ name: 'soc', url: 'https://hooks.example.net/services/weir_hookkey1', secret: 'weir_hooksecret1', classes: ['page'] }],
  email: null,
}
const enrolled = async (): Promise<Caller> => {
  const person = await invited(callers.people.admin, 'viewer', `enrolled-${++blockNumber}@example.org`)
  await enrol(person)
  return person
}

const CASES: Partial<Record<RouteKey, Case>> = {
  'POST /api/v1/welcome': {
    make: async () => {
      const token = new URL(await createWelcomeLink(database.pool, web.url)).searchParams.get('token')
      return { by: new Caller(web), body: { token, name: 'New', email: 'new@example.org', password: PASSWORD } }
    },
    leaves: ['user.create', 'session.begin'],
    after: oneAdmin,
  },
  'POST /api/v1/session': {
    make: async () => ({ by: new Caller(web), body: { email: 'operator@example.org', password: PASSWORD } }),
    leaves: ['session.begin'],
  },
  'DELETE /api/v1/session': {
    make: async () => {
      const by = new Caller(web)
      await by.signIn('operator@example.org')
      return { by }
    },
    leaves: ['session.end'],
  },
  // Traffic is data, not a decision: what stores it is told by the records themselves.
  'POST /api/v1/flows/_json': { make: async () => ({ by: callers.people.operator, body: [] }), leaves: [] },
  'POST /api/v1/anomalies/{id}/{action}': {
    make: async () => ({
      by: callers.people.operator,
      target: `/api/v1/anomalies/${await anomaly('port_scan-audit-1')}/acknowledge`,
      body: {},
    }),
    leaves: ['anomaly.acknowledge'],
  },
  'POST /api/v1/devices': { make: async () => ({ by: callers.people.admin, body: { ...router, id: 'another' } }), leaves: ['device.add'] },
  'POST /api/v1/protected-prefixes': {
    make: async () => ({ by: callers.people.admin, body: { prefix: '192.0.2.0/24', reason: 'management' } }),
    leaves: ['protected.add'],
  },
  'DELETE /api/v1/devices/{id}': {
    make: async () => {
      await callers.people.admin.ask('POST', '/api/v1/devices', { ...router, id: 'leaving' })
      return { by: callers.people.admin, target: '/api/v1/devices/leaving?reason=sold' }
    },
    leaves: ['device.remove'],
  },
  'DELETE /api/v1/protected-prefixes': {
    make: async () => {
      await callers.people.admin.ask('POST', '/api/v1/protected-prefixes', { prefix: '192.0.2.64/26', reason: 'name servers' })
      return { by: callers.people.admin, target: '/api/v1/protected-prefixes?prefix=192.0.2.64%2F26&reason=moved' }
    },
    leaves: ['protected.remove'],
  },
  'POST /api/v1/admin-changes/{id}/approve': {
    make: async () => {
      const { id, second } = await proposed()
      return { by: second, target: `/api/v1/admin-changes/${id}/approve`, body: {} }
    },
    leaves: ['protected.add'],
    after: oneAdmin,
  },
  'POST /api/v1/admin-changes/{id}/withdraw': {
    make: async () => {
      const { id, second } = await proposed()
      return { by: second, target: `/api/v1/admin-changes/${id}/withdraw`, body: { reason: 'no need' } }
    },
    leaves: ['admin-change.refuse'],
    after: oneAdmin,
  },
  'PUT /api/v1/admin-changes/two-persons': {
    make: async () => ({ by: callers.people.admin, body: { on: true } }),
    leaves: ['two-persons.set'],
  },
  'PUT /api/v1/notifications': { make: async () => ({ by: callers.people.admin, body: messages }), leaves: ['notifications.set'] },
  'POST /api/v1/notifications/test': {
    make: async () => {
      await callers.people.admin.ask('PUT', '/api/v1/notifications', messages)
      return { by: callers.people.admin, body: { channel: 'webhook:soc', class: 'page' } }
    },
    leaves: ['notifications.test'],
  },
  'POST /api/v1/exporters/{id}/retire': {
    make: async () => ({
      by: callers.people.admin,
      target: `/api/v1/exporters/${(await resolveExporters(database.pool, [{ address: '192.0.2.99' }])).get('192.0.2.99')}/retire`,
      body: { retired: true, reason: 'sold' },
    }),
    leaves: ['exporter.retire'],
  },
  'POST /api/v1/profile/second-factor': {
    make: async () => ({ by: await confirmed('viewer'), body: {} }),
    leaves: ['second-factor.begin'],
  },
  'POST /api/v1/profile/second-factor/confirm': {
    make: async () => {
      const by = await confirmed('viewer')
      const { secret } = await json<{ secret: string }>(await by.ask('POST', '/api/v1/profile/second-factor', {}))
      return { by, body: { code: codeOf(secret) } }
    },
    leaves: ['second-factor.enable'],
  },
  'POST /api/v1/profile/second-factor/recovery-codes': {
    make: async () => ({ by: await enrolled(), body: {} }),
    leaves: ['second-factor.recovery-codes'],
  },
  'DELETE /api/v1/profile/second-factor': { make: async () => ({ by: await enrolled() }), leaves: ['second-factor.remove'] },
  'DELETE /api/v1/users/{id}/second-factor': {
    make: async () => {
      await enrolled()
      const { id } = await userNamed(callers.people.admin, `enrolled-${blockNumber}@example.org`)
      return { by: await callers.people.admin.confirm(), target: `/api/v1/users/${id}/second-factor` }
    },
    leaves: ['second-factor.remove'],
  },
  'POST /api/v1/blocks/simulate': {
    make: async () => {
      await simulated(32)
      const match = { src: '198.51.100.200/32', dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }
      const window = { from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date().toISOString() }
      return { by: callers.people.operator, body: { match, devices: ['router'], window } }
    },
    leaves: ['block.simulate'],
  },
  'POST /api/v1/blocks': {
    make: async () => {
      const simulationId = await simulated(32)
      return { by: await confirmed('operator'), body: { simulationId, reason: 'a flood' } }
    },
    leaves: ['block.request'],
  },
  'POST /api/v1/blocks/{id}/approve': {
    make: async () => {
      const { id, hash } = await asked(24)
      return { by: await confirmed('oncall'), target: `/api/v1/blocks/${id}/approve`, body: { hash } }
    },
    leaves: ['block.approve'],
  },
  'POST /api/v1/blocks/{id}/withdraw': {
    make: async () => {
      const { id, by } = await asked(24)
      return { by, target: `/api/v1/blocks/${id}/withdraw`, body: { reason: 'not needed' } }
    },
    leaves: ['block.withdraw'],
  },
  'POST /api/v1/suppressions': { make: async () => ({ by: callers.people.oncall, body: suppression }), leaves: ['suppression.add'] },
  'PATCH /api/v1/suppressions/{id}': {
    make: async () => ({
      by: callers.people.oncall,
      target: `/api/v1/suppressions/${await newSuppression()}`,
      body: { reason: 'another reason' },
    }),
    leaves: ['suppression.change'],
  },
  'DELETE /api/v1/suppressions/{id}': {
    make: async () => ({ by: callers.people.oncall, target: `/api/v1/suppressions/${await newSuppression()}` }),
    leaves: ['suppression.end'],
  },
  'PATCH /api/v1/exporters/{id}': {
    make: async () => ({ by: callers.people.admin, target: `/api/v1/exporters/${exporterId}`, body: { name: 'edge' } }),
    leaves: ['exporter.rename'],
  },
  'PATCH /api/v1/exporters/{id}/interfaces/{ifIndex}': {
    make: async () => ({
      by: callers.people.admin,
      target: `/api/v1/exporters/${exporterId}/interfaces/7`,
      body: { boundary: 'external' },
    }),
    leaves: ['interface.change'],
  },
  'POST /api/v1/service-rules': { make: async () => ({ by: callers.people.admin, body: rule }), leaves: ['service-rule.add'] },
  'PUT /api/v1/service-rules': {
    make: async () => ({ by: callers.tokens.admin, body: { rules: [rule, { ...rule, portLow: 5353 }], replace: true } }),
    leaves: ['service-rules.replace'],
  },
  'PUT /api/v1/service-rules/order': {
    make: async () => {
      const { rules } = await json<{ rules: { id: number }[] }>(await callers.people.admin.get('/api/v1/service-rules'))
      return { by: callers.people.admin, body: { ids: rules.map(({ id }) => id).reverse() } }
    },
    leaves: ['service-rules.order'],
  },
  'PUT /api/v1/service-rules/{id}': {
    make: async () => ({ by: callers.people.admin, target: `/api/v1/service-rules/${await newRule()}`, body: { ...rule, name: 'Names' } }),
    leaves: ['service-rule.change'],
  },
  'DELETE /api/v1/service-rules/{id}': {
    make: async () => ({ by: callers.people.admin, target: `/api/v1/service-rules/${await newRule()}` }),
    leaves: ['service-rule.remove'],
  },
  'PUT /api/v1/home-networks': {
    make: async () => ({ by: callers.people.admin, body: { networks: ['10.0.0.0/8'] } }),
    leaves: ['home-networks.set'],
  },
  'DELETE /api/v1/demo': { make: async () => ({ by: callers.people.admin }), leaves: ['demo.remove?', 'demo.remove'] },
  'PATCH /api/v1/users/{id}': {
    make: async () => {
      const { id } = await userNamed(callers.people.admin, 'manager@example.org')
      return { by: callers.people.admin, target: `/api/v1/users/${id}`, body: { role: 'viewer' } }
    },
    leaves: ['user.change'],
  },
  'POST /api/v1/users/invitations': {
    make: async () => ({ by: callers.people.admin, body: { role: 'viewer', email: 'someone@example.org' } }),
    leaves: ['invitation.create'],
  },
  'DELETE /api/v1/users/invitations/{id}': {
    make: async () => {
      const made = await json<{ id: number }>(await callers.people.admin.ask('POST', '/api/v1/users/invitations', { role: 'viewer' }))
      return { by: callers.people.admin, target: `/api/v1/users/invitations/${made.id}` }
    },
    leaves: ['invitation.withdraw'],
  },
  'POST /api/v1/tokens': {
    make: async () => ({ by: callers.people.admin, body: { name: 'report', role: 'viewer' } }),
    leaves: ['token.create'],
  },
  'DELETE /api/v1/tokens/{id}': {
    make: async () => {
      const made = await json<{ id: number }>(await callers.people.admin.ask('POST', '/api/v1/tokens', { name: 'short', role: 'viewer' }))
      return { by: callers.people.admin, target: `/api/v1/tokens/${made.id}` }
    },
    leaves: ['token.revoke'],
  },
  'POST /api/v1/step-up': { make: async () => ({ by: callers.people.oncall, body: { password: PASSWORD } }), leaves: ['session.step-up'] },
  'POST /api/v1/audit/export': { make: async () => ({ by: callers.people.oncall, body: {} }), leaves: ['audit.export'] },
  'PATCH /api/v1/profile': { make: async () => ({ by: callers.people.viewer, body: { name: 'Vi' } }), leaves: ['user.rename'] },
  'PUT /api/v1/profile/password': {
    make: async () => {
      const by = await invited(callers.people.admin, 'viewer', `changing-${Date.now()}@example.org`)
      return { by, body: { current: PASSWORD, password: 'another fine secret' } }
    },
    leaves: ['user.password?', 'user.password'],
  },
}

const mutating = (Object.keys(ROUTES) as RouteKey[]).filter((key) => !key.startsWith('GET '))

describe('every mutating route', () => {
  it.each(mutating)('%s leaves its audit entry, once, and none when it is refused', async (key) => {
    const known = CASES[key]
    if (known === undefined) throw new Error(`${key} is new: say here what it needs and which audit entries it leaves`)
    const [method = '', template = ''] = key.split(' ')
    const { by, target = template, body } = await known.make()
    const before = await headSeq()
    const response = await by.ask(method, target, body)
    expect(response.status, await response.clone().text()).toBeLessThan(300)
    await response.arrayBuffer()
    const left = await entriesAfter(before)
    expect(left.map((entry) => entry.event + (entry.phase === 'intent' ? '?' : ''))).toEqual(known.leaves)
    for (const entry of left)
      expect(entry).toMatchObject({ actor: expect.stringMatching(/^(person|token):./), actorRole: expect.any(String) })

    await known.after?.()
    if (ROUTES[key] === 'open') return
    // A program of a role that may not: refused, and nothing is left.
    const refused = await callers.tokens.viewer.ask(method, target, body)
    expect(refused.status).toBe(403)
    expect(await entriesAfter(before)).toHaveLength(known.leaves.length)
  })

  it('holds no name, no address of a person and no secret', async () => {
    const text = JSON.stringify(await entriesAfter(0))
    expect(text).toContain('user.create')
    for (const personal of ['example.org', 'Ada', PASSWORD, 'The operator', 'another fine secret', 'weir_ey', 'Vi"']) {
      expect(text, personal).not.toContain(personal)
    }
    expect(text.match(/weir_[\w-]{8,}/)).toBeNull()
  })

  it('leaves what was and what is', async () => {
    const { id } = await userNamed(callers.people.admin, 'manager@example.org')
    const before = await headSeq()
    await callers.people.admin.ask('PATCH', `/api/v1/users/${id}`, { role: 'manager' })
    const [entry] = await entriesAfter(before)
    const admin = await userNamed(callers.people.admin, 'ada@example.org')
    expect(entry).toMatchObject({
      event: 'user.change',
      actor: `person:${admin.id}`,
      actorRole: 'admin',
      subject: `user:${id}`,
      before: { role: 'viewer', disabled: false },
      after: { role: 'manager', disabled: false },
    })
  })

  it('leaves a refused sign-in too, without the address that was tried', async () => {
    const before = await headSeq()
    expect((await new Caller(web).signIn('operator@example.org', 'not the password')).status).toBe(401)
    expect((await new Caller(web).signIn('nobody@example.net', 'not the password')).status).toBe(401)
    const { id } = await userNamed(callers.people.admin, 'operator@example.org')
    expect(await entriesAfter(before)).toMatchObject([
      { event: 'session.refuse', actor: 'nobody', subject: `user:${id}`, after: { from: '127.0.0.0/24' } },
      { event: 'session.refuse', actor: 'nobody', subject: 'user:unknown' },
    ])
  })
})

describe('no record, no action', () => {
  it('a change, a sign-in and a sign-out fail when they cannot be recorded, and reading goes on', async () => {
    const signedIn = new Caller(web)
    await signedIn.signIn('operator@example.org')
    const sessions = async () => (await database.pool.query<{ n: number }>('select count(*)::int as n from auth_session')).rows[0]?.n
    const open = await sessions()
    await database.pool.query(`create function refuse_audit() returns trigger language plpgsql as $$ begin raise 'no space'; end $$;
      create trigger refuse_audit before insert on audit_entry for each row execute function refuse_audit()`)
    try {
      const refusals = [
        await callers.people.admin.ask('PUT', '/api/v1/home-networks', { networks: ['172.16.0.0/12'] }),
        await new Caller(web).signIn('operator@example.org'),
        await callers.people.oncall.ask('POST', '/api/v1/step-up', { password: PASSWORD }),
        await callers.people.admin.ask('POST', '/api/v1/audit/export', {}),
      ]
      expect(refusals.map((response) => response.status)).toEqual([503, 503, 503, 503])
      for (const response of refusals) expect((await problemOf(response)).detail).toContain('could not be recorded')
      expect(refusals.map((response) => response.headers.getSetCookie())).toEqual([[], [], [], []])
      expect(await sessions()).toBe(open)
      expect(await json(await callers.people.admin.get('/api/v1/home-networks'))).toEqual({ networks: ['10.0.0.0/8'] })
    } finally {
      await database.pool.query('drop trigger refuse_audit on audit_entry; drop function refuse_audit')
    }
  })
})

describe('step-up', () => {
  const cookieOf = (response: Response) => response.headers.getSetCookie().find((cookie) => cookie.startsWith('weir-step-up='))
  const marked = async (email: string) =>
    (
      await database.pool.query<{ until: Date | null }>(
        'select max(s.step_up_until) as until from auth_session s join auth_user u on u.id = s.user_id where u.email = $1',
        [email],
      )
    ).rows[0]?.until ?? null

  it('takes the right password only, for five minutes, in a cookie that other sites never cause to be sent', async () => {
    const wrong = await callers.people.operator.ask('POST', '/api/v1/step-up', { password: 'not the password' })
    expect(wrong.status).toBe(422)
    expect((await problemOf(wrong)).code).toBe('wrong-password')
    expect(cookieOf(wrong)).toBeUndefined()
    expect(await marked('operator@example.org')).toBeNull()

    const right = await callers.people.operator.ask('POST', '/api/v1/step-up', { password: PASSWORD })
    const { until } = await json<{ until: string }>(right)
    expect(Date.parse(until) - Date.now()).toBeGreaterThan(290_000)
    expect(Date.parse(until) - Date.now()).toBeLessThanOrEqual(300_000)
    expect(cookieOf(right)).toMatch(/^weir-step-up=[\w-]{43}; Path=\/; Max-Age=300; HttpOnly; SameSite=Strict$/)
    expect((await marked('operator@example.org'))?.toISOString()).toBe(until)
  })

  it('is closed to tokens of every role', async () => {
    for (const caller of Object.values(callers.tokens)) {
      expect((await caller.ask('POST', '/api/v1/step-up', { password: PASSWORD })).status).toBe(403)
    }
  })
})

describe('reading', () => {
  it('gives operators what they did, on-call and admins everything, others nothing', async () => {
    const seen = async (caller: Caller) => (await json<AuditAnswer>(await caller.get('/api/v1/audit?limit=500'))).entries
    const { id } = await userNamed(callers.people.admin, 'operator@example.org')
    const own = await seen(callers.people.operator)
    expect(own.length).toBeGreaterThan(2)
    expect(new Set(own.map((entry) => entry.actor))).toEqual(new Set([`person:${id}`]))
    expect(await seen(callers.tokens.operator)).toEqual([])
    expect(await seen(callers.people.oncall)).toEqual(await seen(callers.tokens.admin))
    expect((await seen(callers.people.admin)).length).toBeGreaterThan(30)
    for (const role of ['viewer', 'manager'] as const) {
      for (const target of ['/api/v1/audit', '/api/v1/audit/state']) expect((await callers.people[role].get(target)).status).toBe(403)
    }
    expect((await callers.people.operator.ask('POST', '/api/v1/audit/export', {})).status).toBe(403)
  })

  it('narrows by event, who, what and time, and goes on page by page', async () => {
    const list = async (query: string) => await json<AuditAnswer>(await callers.people.admin.get(`/api/v1/audit?${query}`))
    const all = await list('limit=500')
    expect((await list('event=session&limit=500')).entries.every((entry) => entry.event.startsWith('session.'))).toBe(true)
    const named = await list('actor=ada%40example&limit=500')
    expect(named.entries.length).toBeGreaterThan(5)
    expect(Object.values(named.names)).toContain('Ada (ada@example.org)')
    expect((await list(`subject=exporter%3A${exporterId}`)).entries.map((entry) => entry.event)).toEqual(['exporter.rename'])
    expect((await list('from=2000-01-01T00:00:00Z&to=2000-01-02T00:00:00Z')).entries).toEqual([])
    const walked: number[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: AuditAnswer = await list(`limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`)
      walked.push(...page.entries.map((entry) => entry.seq))
      cursor = page.nextCursor
    }
    expect(walked).toEqual(all.entries.map((entry) => entry.seq))
    for (const bad of ['limit=0', 'cursor=x', 'from=yesterday', 'what=1']) {
      expect((await callers.people.admin.get(`/api/v1/audit?${bad}`)).status, bad).toBe(400)
    }
  })

  it('exports what verifies with no database, and a changed octet is named', async () => {
    const response = await callers.people.admin.ask('POST', '/api/v1/audit/export', {})
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="weir-audit-[\dT-]+Z\.jsonl"$/)
    const text = await response.text()
    const folder = mkdtempSync(path.join(tmpdir(), 'weir-audit-'))
    try {
      const verify = async (content: string) => {
        const file = path.join(folder, 'export.jsonl')
        writeFileSync(file, content)
        const program = new Program(process.execPath, ['scripts/weir.ts', 'audit', 'verify', file], {
          env: { PATH: process.env.PATH, WEIR_DATA_DIR: path.join(folder, 'none') },
        })
        const code = await program.exit()
        return { code, output: program.output }
      }
      const whole = await verify(text)
      expect(whole.output).toMatch(/^The chain holds: \d+ entries, \d+ checkpoints/)
      expect(whole).toMatchObject({ code: 0, output: expect.stringMatching(/Sealed by signature up to entry \d+\.\n/) })
      const changed = await verify(text.replace('"actorRole":"operator"', '"actorRole":"oncall"'))
      expect(changed).toMatchObject({ code: 1, output: expect.stringMatching(/^BROKEN at entry \d+ \(changed\)/) })
      expect(await verify('')).toMatchObject({ code: 1, output: expect.stringMatching(/^BROKEN at entry 1 \(malformed\)/) })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('tells how the chain stands', async () => {
    const state = await json<AuditState>(await callers.people.oncall.get('/api/v1/audit/state'))
    expect(state).toMatchObject({ problem: null, verified: { seq: expect.any(Number) }, key: expect.stringMatching(/^[\w-]{43}$/) })
    expect(state.checkpoint?.seq).toBeLessThanOrEqual(state.head?.seq ?? 0)
    const health = await json<{ checks: { name: string; state: string }[] }>(await callers.people.admin.get('/api/v1/health'))
    expect(health.checks).toContainEqual(expect.objectContaining({ name: 'audit', state: 'ok' }))
  })
})
