/**
 * `npm start`: everything from a checkout to a running Weir, in one process that stays.
 *
 * checks → database → schema → collector → (demo traffic) → build → web → the address and, until there is an administrator, the sign-in link.
 * The build runs beside the database steps, and the collector receives before the web app is built: no datagram waits for a screen.
 * Ctrl-C or SIGTERM stops things in the order of the data's way (generator, web, collector, database) within 10 s; a second one kills.
 */
import { execFile } from 'node:child_process'
import { readFileSync, statfsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Build, build } from './up/build.ts'
import { Child } from './up/child.ts'
import { type Database, openDatabase } from './up/database.ts'
import { takeDataDir } from './up/instance.ts'
import { databaseProblem, Problem } from './up/problem.ts'
import { say, sinceStart, step } from './up/say.ts'
import { checkPorts, readSettings, type Settings } from './up/settings.ts'

const HELP = `npm start [-- OPTIONS]: start Weir and stay until Ctrl-C.

  --demo   also send believable demo traffic to the listeners (marked as demo; 'bin/weir demo remove' takes it out again)
  --help   this text

Settings come from the environment: DATABASE_URL, WEIR_DATA_DIR, WEIR_HTTP_PORT, WEIR_NETFLOW_PORT, WEIR_IPFIX_PORT, WEIR_SFLOW_PORT, … (README.md).
`

/** Exporters of the demo live in this loopback network; the collector marks what comes from it. */
const DEMO_NETWORK = '127.66.0.0/16'

const root = path.resolve(fileURLToPath(import.meta.url), '../..')

interface Running {
  release: () => void
  build?: Build
  database?: Database
  collector?: Child
  web?: Child
  generator?: Child
}

function checkDisk(dataDir: string): void {
  const { bavail, bsize } = statfsSync(dataDir)
  const free = bavail * bsize
  const text = `Only ${(free / 1e9).toFixed(2)} GB are free on the disk of ${dataDir}`
  if (free < 0.5e9)
    throw new Problem(`${text}; the database needs at least 0.5 GB.`, 'Free some space, or set WEIR_DATA_DIR to a larger disk.')
  if (free < 2e9) say.warn('disk', `${text}: enough to start, not for long.`)
}

/** Answers true when `url` gives an HTTP answer that `accept` takes. */
function answers(url: string, accept: (status: number) => boolean): () => Promise<boolean> {
  return async () => {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: 'manual' })
      await response.arrayBuffer()
      return accept(response.status)
    } catch {
      return false // Not listening yet.
    }
  }
}

/** Where people and exporters find this machine: the first address that is not loopback, if it listens there. */
function outsideAddress(host: string): string | null {
  if (host !== '0.0.0.0' && host !== '::') return host === '127.0.0.1' || host === '::1' || host === 'localhost' ? null : host
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of addresses ?? []) if (family === 'IPv4' && !internal) return address
  }
  return null
}

async function start(settings: Settings, demo: boolean, running: Running): Promise<void> {
  const { dataDir, ports } = settings
  const logDir = path.join(dataDir, 'logs')
  checkDisk(dataDir)
  await checkPorts(settings)

  const work = build(root, logDir)
  running.build = work
  // Looked at below, when it is its turn to be told; until then a failure is not unhandled.
  work.done.catch(() => undefined)

  const database = await step(
    'database',
    () => openDatabase(settings),
    (it) => it.detail,
  )
  running.database = database
  await step(
    'schema',
    () => database.migrate(),
    ({ engine, applied }) => `engine ${engine}${applied.length === 0 ? ', up to date' : `, ${applied.length} migrations`}`,
  )
  const collectorAndWeb = {
    ...process.env,
    DATABASE_URL: database.url,
    WEIR_DATA_DIR: dataDir,
    ...(demo ? { WEIR_DEMO_NETWORK: DEMO_NETWORK } : {}),
  }

  const child = (name: string, args: string[], more: { ready?: () => Promise<boolean>; env?: NodeJS.ProcessEnv; mayFinish?: boolean }) =>
    new Child({ ...more, name, args, cwd: root, logDir, env: { ...collectorAndWeb, ...more.env } })
  const launch = async (name: string, it: Child, detail: string) => {
    try {
      await step(
        name,
        () => it.start(),
        () => detail,
      )
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw new Problem(
        `The ${name} does not start: ${message}`,
        `If its words do not say what to do, its whole log is ${it.logFile}.`,
        error,
      )
    }
  }

  running.collector = child('collector', ['apps/collector/src/main.ts'], {
    ...(ports.metrics === null ? {} : { ready: answers(`http://127.0.0.1:${ports.metrics}/metrics`, (status) => status === 200) }),
  })
  const listening = [
    ports.netflow === null ? null : `NetFlow ${ports.netflow}`,
    ports.ipfix === null ? null : `IPFIX ${ports.ipfix}`,
    ports.sflow === null ? null : `sFlow ${ports.sflow}`,
  ].filter((text) => text !== null)
  await launch('collector', running.collector, `listens: ${listening.join(', ')}`)

  if (demo) {
    // A graph of bare addresses shows nobody what a service graph is: the demo's servers get names, as people give theirs.
    await promisify(execFile)(process.execPath, ['scripts/weir.ts', 'demo', 'name'], { cwd: root, env: collectorAndWeb }).catch(
      (error: unknown) => say.warn('demo', `its services have no names: ${error instanceof Error ? error.message : String(error)}`),
    )
    const target = ports.netflow ?? ports.ipfix ?? ports.sflow ?? 2055
    running.generator = child('demo', ['scripts/weir.ts', 'generate', '--demo', '--to', `127.0.0.1:${target}`], { mayFinish: true })
    await launch('demo', running.generator, 'sends an hour of history, then goes on')
  }

  await step(
    'build',
    () => work.done,
    ({ cached }) => (cached ? 'nothing has changed' : 'web app built'),
  )

  // The production mode of React and Next is chosen here, not by whoever runs npm.
  running.web = child('web', ['apps/web/server.ts'], {
    env: { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
    ready: answers(
      `http://${settings.httpHost === '0.0.0.0' ? '127.0.0.1' : settings.httpHost}:${ports.http}/api/v1/health`,
      (status) => status !== 404,
    ),
  })
  await launch('web', running.web, `port ${ports.http}`)
}

async function greet(settings: Settings, database: Database): Promise<void> {
  const { ports } = settings
  const outside = outsideAddress(settings.httpHost)
  const local = `http://localhost:${ports.http}`
  const exporters = outsideAddress(settings.listenHost)
  const link = await database.welcomeLink(process.env.WEIR_PUBLIC_URL ?? local)
  say.line('')
  say.line(`  ${say.bold('Weir is running')}, ${sinceStart().toFixed(1)} s after it was called.`)
  say.line('')
  say.line(`  Open            ${say.bold(local)}${outside === null ? '' : `   or from elsewhere  http://${outside}:${ports.http}`}`)
  if (link !== null) {
    say.line(`  First sign-in   ${say.bold(link)}`)
    say.line('                  (once, for the first administrator; a new one: bin/weir admin link)')
  }
  if (exporters !== null && ports.netflow !== null) {
    say.line(
      `  Send flows to   ${exporters}  port ${ports.netflow} (NetFlow, IPFIX${ports.sflow === null ? '' : `; sFlow on ${ports.sflow}`})`,
    )
  }
  say.line(`  Stop with Ctrl-C. Data stays in ${settings.dataDir}`)
  say.line('')
}

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP)
    return
  }
  const unknown = args.find((arg) => arg !== '--demo')
  if (unknown !== undefined) {
    say.fail(`npm start does not know '${unknown}'.`, 'npm start -- --help lists what it knows.')
    process.exitCode = 2
    return
  }

  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
  say.line(`Weir ${version}`)
  const running: Running = { release: () => undefined }
  let stopping: Promise<void> | null = null
  let askedAt = 0

  const stop = async () => {
    await Promise.all([running.build?.stop(), running.generator?.stop(2_500), running.web?.stop(2_500)])
    await running.collector?.stop(4_500)
    await running.database?.stop()
    running.release()
  }
  const end = (code: number): Promise<void> => {
    stopping ??= stop().then(
      () => process.exit(code),
      (error: unknown) => {
        say.fail(
          `Stopping failed: ${error instanceof Error ? error.message : String(error)}`,
          'Look for processes of this checkout and end them.',
        )
        process.exit(1)
      },
    )
    return stopping
  }
  const onSignal = (signal: string) => {
    if (stopping === null) {
      askedAt = Date.now()
      say.line('')
      say.wait('stopping', `on ${signal}; everything received is being stored`)
      void end(0).catch(() => undefined)
    } else if (Date.now() - askedAt > 1_000) {
      // The first Ctrl-C comes twice when npm and the terminal both deliver it; a later one is a person in a hurry.
      for (const it of [running.generator, running.web, running.collector]) it?.kill()
      process.exit(130)
    }
  }
  process.on('SIGINT', () => onSignal('Ctrl-C'))
  process.on('SIGTERM', () => onSignal('SIGTERM'))
  process.on('SIGHUP', () => onSignal('SIGHUP'))
  // The launcher on the older Node is gone, however it went: nobody would ever stop this process.
  process.on('disconnect', () => onSignal('the launcher’s end'))
  process.on('exit', () => {
    for (const it of [running.generator, running.web, running.collector]) it?.kill()
    void running.build?.stop()
  })

  try {
    const settings = readSettings(process.env, root)
    running.release = takeDataDir(settings.dataDir)
    await start(settings, args.includes('--demo'), running)
    if (running.database === undefined || stopping !== null) return
    await greet(settings, running.database)
  } catch (error) {
    if (stopping !== null) return // What fails because it is being stopped is no failure.
    const problem = error instanceof Problem ? error : databaseProblem(error, process.env.DATABASE_URL ?? null)
    say.fail(problem.message, problem.remedy)
    await end(1)
  }
}

await main()
