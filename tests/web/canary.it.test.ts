import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DIMENSIONS, PAGES, ROUTES, type RouteKey } from '@weir/db/contracts'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/wait.ts'
import { codeOf, enrol } from './authenticator.ts'
import { Caller, everyone, invited, startWeb, type Web } from './web.ts'

/** A secret of its own in every place that takes one; then everything that leaves the house is searched for them. */
const CANARY = {
  authSecret: 'canary-auth-secret-4fPq9sLx2vWz7mNk',
  password: 'canary horse battery staple',
  wrongPassword: 'canary wrong password 8Zq',
  webhookPath: 'canary-webhook-path-T0pX9',
  webhookSecret: 'canary-webhook-secret-Yk3',
  mailPassword: 'canary-mail-password-Qv7',
  databasePassword: 'canary-database-password-Hd5',
} as const

let database: TestDatabase
let web: Web
let callers: Awaited<ReturnType<typeof everyone>>
let collector: Program
let dataDir: string
let mail: ReturnType<typeof createServer>
let person: Caller
/** What was made in the course of it, and is as secret. */
const made: Record<string, string> = {}

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  dataDir = mkdtempSync(path.join(tmpdir(), 'weir-canary-'))
  web = await startWeb(database, { WEIR_AUTH_SECRET: CANARY.authSecret, WEIR_DATA_DIR: dataDir, WEIR_LOG_LEVEL: 'trace' })
  callers = await everyone(web, database)
  const { admin } = callers.people
  made.adminSession = admin.cookie?.split('=')[1] ?? ''
  made.token = callers.tokens.admin.token ?? ''

  const invitation = (await (await admin.ask('POST', '/api/v1/users/invitations', { role: 'operator' })).json()) as { url: string }
  made.unusedLink = new URL(invitation.url).searchParams.get('token') ?? ''
  person = await invited(admin, 'oncall', 'canary@example.org')
  await person.ask('PUT', '/api/v1/profile/password', { current: 'kestrel orbit lantern', password: CANARY.password })
  await person.confirm({ password: CANARY.password })
  const begun = (await (await person.ask('POST', '/api/v1/profile/second-factor', {})).json()) as { secret: string }
  made.secondFactor = begun.secret
  const codes = (await (await person.ask('POST', '/api/v1/profile/second-factor/confirm', { code: codeOf(begun.secret) })).json()) as {
    recoveryCodes: string[]
  }
  made.recoveryCode = codes.recoveryCodes[0] ?? ''
  await enrol(await invited(admin, 'viewer', 'other@example.org'))
  for (const target of ['/api/v1/session', '/api/v1/step-up']) {
    await person.ask('POST', target, { email: 'canary@example.org', password: CANARY.wrongPassword })
    await person.ask('POST', target, { password: CANARY.wrongPassword })
    await new Caller(web).ask('POST', target, `{"email": "canary@example.org", "password": "${CANARY.wrongPassword}", broken`)
  }
  await new Caller(web).ask('POST', '/api/v1/welcome', { token: made.unusedLink, name: 'x', email: 'x@example.org', password: 'short' })
  // A mail server that asks for the password and refuses it, repeating what it was told, as some do.
  mail = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write('220 canary\r\n')
    socket.on('data', (piece) => {
      const line = piece.toString('utf8').trim()
      if (/^EHLO/i.test(line)) socket.write('250-canary\r\n250 AUTH PLAIN LOGIN\r\n')
      else if (/^AUTH/i.test(line)) socket.write(`535 refused: ${line}\r\n`)
      else socket.write('250 ok\r\n')
    })
  })
  await new Promise<void>((resolve) => mail.listen(0, '127.0.0.1', resolve))
  const at = mail.address()
  const mailPort = typeof at === 'object' && at !== null ? at.port : 0
  const [closed = 0, netflow = 0, ipfix = 0, sflow = 0, metrics = 0] = await freePorts(5)
  const set = await admin.ask('PUT', '/api/v1/notifications', {
    publicUrl: null,
    allowedHosts: ['127.0.0.1'],
    allowPrivate: true,
    allowHttp: true,
    webhooks: [
      { name: 'soc', url: `http://127.0.0.1:${closed}/${CANARY.webhookPath}`, secret: CANARY.webhookSecret, classes: ['page', 'ticket'] },
    ],
    email: {
      host: '127.0.0.1',
      port: mailPort,
      secure: false,
      user: 'weir',
      password: CANARY.mailPassword,
      from: 'weir@example.org',
      page: ['oncall@example.org'],
      ticket: [],
    },
  })
  expect(set.status).toBe(200)
  collector = new Program(process.execPath, ['apps/collector/src/main.ts'], {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      WEIR_DATA_DIR: dataDir,
      WEIR_LISTEN_HOST: '127.0.0.1',
      WEIR_NETFLOW_PORT: String(netflow),
      WEIR_IPFIX_PORT: String(ipfix),
      WEIR_SFLOW_PORT: String(sflow),
      WEIR_METRICS_PORT: String(metrics),
      WEIR_LOG_LEVEL: 'debug',
    },
  })
  for (const channel of ['webhook:soc', 'email']) await admin.ask('POST', '/api/v1/notifications/test', { channel, class: 'page' })
  await until(
    'both tests to fail',
    async () => (await database.pool.query(`select from system_message where failed_at is not null`)).rows.length === 2,
    40_000,
    500,
  )
  made.signingKey = readFileSync(path.join(dataDir, 'audit-key.pem'), 'utf8').split('\n')[1] ?? ''
}, 180_000)
afterAll(async () => {
  await collector?.stop()
  mail?.close()
  await web?.stop()
  await database?.drop()
  rmSync(dataDir, { recursive: true, force: true })
})

/** Names of the secrets that a text holds, as they are and as base64, which some protocols make of them. */
function secretsIn(text: string): string[] {
  const all = { ...CANARY, ...made }
  return Object.entries(all)
    .filter(([, secret]) => {
      if (secret.length < 8) throw new Error('a canary is missing')
      const coded = Buffer.from(secret).toString('base64').slice(0, -4)
      const plain = Buffer.from(`\0weir\0${secret}`).toString('base64').slice(0, -4)
      return [secret, encodeURIComponent(secret), coded, plain].some((spelled) => text.includes(spelled))
    })
    .map(([name]) => name)
}

describe('no secret leaves', () => {
  it('in any answer to anyone', async () => {
    const ways = (key: RouteKey, target: string): string[] =>
      key === 'GET /api/v1/top' ? DIMENSIONS.map((dimension) => `${target}?dimension=${dimension}`) : [target.replace(/\{\w+\}/, '1')]
    for (const caller of [callers.people.admin, callers.tokens.admin]) {
      for (const key of Object.keys(ROUTES) as RouteKey[]) {
        const [method = '', template = ''] = key.split(' ')
        if (method !== 'GET') continue
        for (const target of ways(key, template)) expect(secretsIn(await (await caller.get(target)).text()), target).toEqual([])
      }
    }
  })

  it('in any page', async () => {
    for (const [target, action] of Object.entries(PAGES)) {
      if (target.includes('[')) continue
      const caller = action === 'open' ? new Caller(web) : callers.people.admin
      expect(secretsIn(await (await caller.get(target)).text()), target).toEqual([])
    }
  })

  it('in the audit log, its export, or why a message could not be sent', async () => {
    expect(secretsIn(await (await callers.people.admin.ask('POST', '/api/v1/audit/export', {})).text())).toEqual([])
    const { rows } = await database.pool.query<{ row: string }>('select last_error || coalesce(answer, $1) as row from system_message', [
      '',
    ])
    expect(rows).toHaveLength(2)
    expect(secretsIn(JSON.stringify(rows))).toEqual([])
  })

  it('in the logs of the web process and of the collector, at their most talkative', () => {
    expect(web.program.output.length).toBeGreaterThan(50)
    expect(secretsIn(web.program.output)).toEqual([])
    expect(secretsIn(collector.output)).toEqual([])
  })

  it('in what a process says that cannot start or that loses its database', async () => {
    const [port = 0, closed = 0] = await freePorts(2)
    const url = `postgres://weir:${CANARY.databasePassword}@127.0.0.1:${closed}/weir`
    const program = new Program(process.execPath, ['apps/web/server.ts'], {
      env: {
        ...process.env,
        NODE_ENV: 'production',
        WEIR_NEXT_DIST: process.env.WEIR_TEST_NEXT_DIST || '.next',
        DATABASE_URL: url,
        WEIR_AUTH_SECRET: CANARY.authSecret,
        WEIR_HTTP_PORT: String(port),
        WEIR_HTTP_HOST: '127.0.0.1',
        WEIR_LOG_LEVEL: 'trace',
      },
    })
    try {
      await until('the web process to listen', () => program.output.includes('web: listening'), 30_000)
      const told = await Promise.all(
        ['/api/v1/health', '/api/v1/profile', '/sign-in'].map(async (target) =>
          (await fetch(`http://127.0.0.1:${port}${target}`, { headers: { cookie: 'weir-session=x.y' } })).text(),
        ),
      )
      expect(secretsIn(told.join('\n') + program.output)).toEqual([])
    } finally {
      await program.stop()
    }
    const commands = [
      ['scripts/weir.ts', 'audit', 'verify'],
      ['scripts/weir.ts', 'migrate'],
      ['scripts/weir.ts', 'doctor'],
      ['apps/collector/src/main.ts', '--check'],
    ]
    await Promise.all(
      commands.map(async (command) => {
        const run = new Program(process.execPath, command, {
          env: { ...process.env, DATABASE_URL: url, WEIR_DATA_DIR: path.join(dataDir, 'none') },
        })
        await run.exit(25_000).catch(() => run.stop())
        expect(run.output.length, command.join(' ')).toBeGreaterThan(0)
        expect(secretsIn(run.output), command.join(' ')).toEqual([])
      }),
    )
  }, 120_000)
})
