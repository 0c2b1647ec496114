import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { newFolder } from './folder.ts'
import { freePorts } from './ports.ts'
import { Program, ROOT } from './program.ts'
import { Hopeless, until } from './wait.ts'

const run = promisify(execFile)

/** An installation of its own: ports, data directory, and the environment that names them. */
export interface Installation {
  folder: string
  ports: { http: number; netflow: number; ipfix: number; sflow: number; metrics: number }
  env: NodeJS.ProcessEnv
  url: string
  remove(): void
}

export async function newInstallation(name: string, more: NodeJS.ProcessEnv = {}): Promise<Installation> {
  const folder = newFolder(name)
  const [http = 0, netflow = 0, ipfix = 0, sflow = 0, metrics = 0] = await freePorts(5)
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    WEIR_DATA_DIR: folder.path,
    WEIR_HTTP_PORT: String(http),
    WEIR_NETFLOW_PORT: String(netflow),
    WEIR_IPFIX_PORT: String(ipfix),
    WEIR_SFLOW_PORT: String(sflow),
    WEIR_METRICS_PORT: String(metrics),
    WEIR_HTTP_HOST: '127.0.0.1',
    WEIR_LISTEN_HOST: '127.0.0.1',
    // Many sign-ins in a row are what tests do; the limiter has a test of its own.
    WEIR_TEST_NO_LOGIN_LIMIT: '1',
    ...more,
  }
  // The test runner's own variables are no part of an installation; a foreign database even less.
  for (const key of ['NODE_ENV', 'VITEST', 'DATABASE_URL', 'WEIR_NEXT_DIST']) if (!(key in more)) delete env[key]
  return {
    folder: folder.path,
    ports: { http, netflow, ipfix, sflow, metrics },
    env,
    url: `http://localhost:${http}`,
    remove: folder.remove,
  }
}

/** `npm start` without npm: the supervisor itself, so that signals and exit codes are its own. */
export function startProduct(at: Installation, args: string[] = []): Program {
  return new Program(process.execPath, ['scripts/up.ts', ...args], { env: at.env })
}

/** Wait for the greeting; gives the one-time link when one was printed, and how long the start took in seconds. */
export async function greeted(program: Program, limit = 240_000): Promise<{ link: string | null; seconds: number }> {
  await until(
    'the greeting of npm start',
    () => {
      if (program.ended !== null) throw new Hopeless(`it ended (${program.ended}):\n${program.output}`)
      return /Stop with Ctrl-C/.test(program.output)
    },
    limit,
  )
  const seconds = Number(/running, ([\d.]+) s after/.exec(program.output)?.[1] ?? Number.NaN)
  return { link: /First sign-in\s+(\S+)/.exec(program.output)?.[1] ?? null, seconds }
}

/** `bin/weir …` on an installation; rejects when it fails. */
export async function weir(at: Installation, ...args: string[]): Promise<string> {
  const { stdout } = await run(path.join(ROOT, 'bin/weir'), args, { env: at.env, maxBuffer: 64e6 })
  return stdout.trim()
}

export interface Answer {
  status: number
  /** The parsed body; problem details when status is 400 or more. */
  body: Record<string, unknown>
}

/** GET below /api/v1 with a token. */
export async function api(at: Installation, token: string | null, route: string, query: Record<string, string> = {}): Promise<Answer> {
  const url = new URL(`/api/v1/${route}`, at.url.replace('localhost', '127.0.0.1'))
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
  const response = await fetch(url, { headers: token === null ? {} : { authorization: `Bearer ${token}` } })
  const body: unknown = await response.json()
  if (typeof body !== 'object' || body === null) throw new Error(`${route}: no object`)
  return { status: response.status, body: body as Record<string, unknown> }
}

/** All living processes below `pid`, and those whose environment names this data directory: whoever could be left behind. */
export function familyOf(at: Installation): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    try {
      const environment = readFileSync(`/proc/${entry}/environ`, 'latin1')
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      if (command !== '' && (environment.includes(`WEIR_DATA_DIR=${at.folder}\0`) || command.includes(at.folder))) {
        found.push({ pid: Number(entry), command })
      }
    } catch {
      // Ended meanwhile, or not ours to look at.
    }
  }
  return found
}
