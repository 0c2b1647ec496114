import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { consoleActor, createToken, createWelcomeLink } from '@weir/db/commands'
import { ROLES, type Role } from '@weir/db/contracts'
import type { TestDatabase } from '@weir/db/testing'
import { freePorts } from '../support/ports.ts'
import { Program, ROOT } from '../support/program.ts'
import { until } from '../support/wait.ts'

/** The production build that tests run; `npm test` makes it once before them. */
export const DIST = path.join(ROOT, 'apps/web', process.env.WEIR_TEST_NEXT_DIST || '.next')

export const PASSWORD = 'kestrel orbit lantern'

export interface Web {
  url: string
  program: Program
  stop(): Promise<void>
}

/** Start the real web process on a database. `env` adds or overrides. */
export async function startWeb(database: TestDatabase, env: NodeJS.ProcessEnv = {}): Promise<Web> {
  if (!existsSync(path.join(DIST, 'BUILD_ID'))) {
    throw new Error(`${DIST} holds no build: run "npx turbo run build" first, or npm test, which does`)
  }
  const dataDir = mkdtempSync(path.join(tmpdir(), 'weir-web-'))
  const [port = 0] = await freePorts(1)
  const program = new Program(process.execPath, ['apps/web/server.ts'], {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      WEIR_NEXT_DIST: path.basename(DIST),
      DATABASE_URL: database.url,
      WEIR_DATA_DIR: dataDir,
      WEIR_HTTP_PORT: String(port),
      WEIR_HTTP_HOST: '127.0.0.1',
      WEIR_TEST_NO_LOGIN_LIMIT: '1',
      ...env,
    },
  })
  await until('the web process to listen', () => {
    if (program.ended !== null) throw new Error(`it ended: ${program.output}`)
    return program.output.includes('web: listening')
  })
  return {
    url: `http://127.0.0.1:${port}`,
    program,
    async stop() {
      await program.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Someone who asks: what identifies them goes with every request, as a browser or a program would send it. */
export class Caller {
  readonly web: Web
  cookie: string | null = null
  readonly token: string | null
  #stepUp: string | null = null

  constructor(web: Web, token: string | null = null) {
    this.web = web
    this.token = token
  }

  /** Send a request. A body is sent as JSON with our own origin, as the pages do; `headers` override (undefined takes one away). */
  async ask(method: string, target: string, body?: unknown, headers: Record<string, string | undefined> = {}): Promise<Response> {
    const unsafe = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
    const all: Record<string, string | undefined> = {
      ...(this.cookie === null ? {} : { cookie: this.#stepUp === null ? this.cookie : `${this.cookie}; ${this.#stepUp}` }),
      ...(this.token === null ? {} : { authorization: `Bearer ${this.token}` }),
      ...(unsafe ? { origin: this.web.url } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    }
    const response = await fetch(this.web.url + target, {
      method,
      redirect: 'manual',
      headers: Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const cookies = response.headers.getSetCookie()
    for (const cookie of cookies) {
      const [pair = ''] = cookie.split(';')
      if (pair.includes('weir-step-up=')) this.#stepUp = pair
      if (!pair.includes('weir-session=')) continue
      this.cookie = /max-age=0\b/i.test(cookie) ? null : pair
      this.#stepUp = null
    }
    return response
  }

  /** Show the password once more, or a code; decisions are let through for five minutes. */
  async confirm(shown: { password: string } | { code: string } = { password: PASSWORD }): Promise<this> {
    const response = await this.ask('POST', '/api/v1/step-up', shown)
    if (response.status !== 200) throw new Error(`not confirmed: ${await response.text()}`)
    return this
  }

  get(target: string): Promise<Response> {
    return this.ask('GET', target)
  }

  signIn(email: string, password = PASSWORD): Promise<Response> {
    return this.ask('POST', '/api/v1/session', { email, password })
  }
}

/** A problem's body, for expectations. */
export interface ProblemBody {
  status: number
  code: string
  title: string
  detail: string
  remedy: string
  requestId: string
  position?: number
  parameter?: string
}
export const problemOf = async (response: Response): Promise<ProblemBody> => (await response.json()) as ProblemBody

/** The first admin, made as on a first start: by the printed link. */
export async function firstAdmin(web: Web, database: TestDatabase, email = 'ada@example.org'): Promise<Caller> {
  const link = new URL(await createWelcomeLink(database.pool, web.url))
  const admin = new Caller(web)
  const response = await admin.ask('POST', '/api/v1/welcome', {
    token: link.searchParams.get('token'),
    name: 'Ada',
    email,
    password: PASSWORD,
  })
  if (response.status !== 204) throw new Error(`the first admin was refused: ${await response.text()}`)
  return admin
}

/** A person with a role, made as in the product: invited by an admin. */
export async function invited(admin: Caller, role: Role, email: string): Promise<Caller> {
  const made = (await (await admin.ask('POST', '/api/v1/users/invitations', { role })).json()) as { url: string }
  const person = new Caller(admin.web)
  const response = await person.ask('POST', '/api/v1/welcome', {
    token: new URL(made.url).searchParams.get('token'),
    name: `The ${role}`,
    email,
    password: PASSWORD,
  })
  if (response.status !== 204) throw new Error(`${role} was refused: ${await response.text()}`)
  return person
}

/** One person and one token per role. */
export async function everyone(web: Web, database: TestDatabase): Promise<{ people: Record<Role, Caller>; tokens: Record<Role, Caller> }> {
  const admin = await firstAdmin(web, database)
  const people = { admin } as Record<Role, Caller>
  const tokens = {} as Record<Role, Caller>
  for (const role of ROLES) {
    if (role !== 'admin') people[role] = await invited(admin, role, `${role}@example.org`)
    tokens[role] = new Caller(web, (await createToken(database.pool, consoleActor(), { name: `${role} token`, role })).token)
  }
  return { people, tokens }
}

/** The account of an address, as the admin's list shows it. */
export async function userNamed(admin: Caller, email: string): Promise<{ id: string; role: Role; disabled: boolean }> {
  const { users } = (await (await admin.get('/api/v1/users')).json()) as {
    users: { id: string; email: string; role: Role; disabled: boolean }[]
  }
  const found = users.find((user) => user.email === email)
  if (found === undefined) throw new Error(`no account for ${email}`)
  return found
}
