import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { messageOf, StorageError } from '../errors.ts'
import { findBinaries } from './binaries.ts'
import { findPlace, type Place } from './place.ts'
import { alive, gone, isPostmasterOf, processStart, readPidFile } from './postmaster.ts'
import { readMachine, serverSettings } from './settings.ts'

/*
 * The embedded server, in words.
 *
 *   none     → (initdb beside, rename)          → stopped
 *   stopped  → (spawn, wait for the pid file)   → running, ours
 *   running  → (postmaster of this cluster is alive when we come) → adopted
 *   running  → (stop: SIGINT, wait)             → stopped
 *
 * The server is detached from us: Ctrl-C in the terminal does not reach it before the program has drained into it, and a killed program
 * leaves it running, with everything committed, for the next start to adopt. `postmaster.pid` of a dead server is left alone: the next
 * server uses it to look for surviving backends. Only when its number now belongs to another program is it removed.
 */

export interface EmbeddedOptions {
  /** Weir's data directory (WEIR_DATA_DIR). The cluster lies in `postgres/` inside, or where `database-location` says. */
  dataDir: string
  /** One line per step that takes time, for people. */
  log?: (line: string) => void
  /** A port that must be used. Default: the one of the last start when it is free, else any free one. */
  port?: number
  /** Refuse to start with less free disk than this. Default 512 MiB for a new cluster, 128 MiB for an old one. */
  minFreeBytes?: number
}

export interface EmbeddedDatabase {
  /** With user and password: keep it out of logs. Also in `<dataDir>/database-url`, readable by the owner only. */
  url: string
  /** True when the server was running already. */
  adopted: boolean
  /** Where cluster and logs are. */
  home: string
  /** Process id of the server. */
  pid: number
  /**
   * Stop the server cleanly. Does nothing while another living program that started or adopted it still uses it.
   * Safe to call twice.
   */
  stop(): Promise<void>
}

const USER = 'weir'
const DATABASE = 'weir'
const MiB = 1024 * 1024

/**
 * Start the bundled PostgreSQL for a data directory, or adopt the one that runs there already.
 *
 * Takes about a second the first time and 50 ms later; a server that was killed replays its log first. Throws StorageError:
 * `platform-unsupported`, `binaries-missing`, `no-user`, `data-owner`, `data-unreachable`, `data-version`, `disk-space`, `port-taken`,
 * `initdb-failed`, `start-failed`, `start-locked`.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const log = options.log ?? (() => undefined)
  const dataDir = resolve(options.dataDir)
  const place = findPlace(dataDir, findBinaries())
  const unlock = await lockStart(place.home)
  try {
    const cluster = join(place.home, 'cluster')
    checkVersion(cluster, place)
    checkDisk(place.home, existsSync(join(cluster, 'PG_VERSION')), options.minFreeBytes)
    const running = await findRunning(cluster)
    let pid: number
    let port: number
    if (running) {
      ;({ pid, port } = running)
      log(`database: adopted the server that is running (pid ${pid}, port ${port})`)
    } else {
      if (!existsSync(join(cluster, 'PG_VERSION'))) await initialise(cluster, place, log)
      ;({ pid, port } = await launch(cluster, place, options.port, log))
    }
    const password = readFileSync(join(place.home, 'password'), 'utf8').trim()
    const url = `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`
    await ensureDatabase(url, place.home)
    if (!ownedByOther(place.home)) writeFileSync(join(place.home, 'owner'), `${process.pid} ${processStart(process.pid)}\n`)
    const urlFile = join(dataDir, 'database-url')
    writeFileSync(urlFile, `${url}\n`, { mode: 0o600 })
    chmodSync(urlFile, 0o600)
    let stopping: Promise<void> | null = null
    return {
      url,
      adopted: running !== null,
      home: place.home,
      pid,
      stop: () => {
        stopping ??= stopServer(place.home, cluster, pid)
        return stopping
      },
    }
  } finally {
    unlock()
  }
}

/** One start at a time per cluster: two at once would both run initdb. A lock whose holder is dead is taken over. */
async function lockStart(home: string): Promise<() => void> {
  const path = join(home, 'start.lock')
  const end = Date.now() + 60_000
  for (;;) {
    try {
      writeFileSync(path, `${process.pid} ${processStart(process.pid)}\n`, { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    if (!holderAlive(path)) {
      rmSync(path, { force: true })
      continue
    }
    if (Date.now() > end) {
      throw new StorageError(`another start of this database does not finish (${path})`, {
        code: 'start-locked',
        remedy: 'Stop the other Weir that uses this data directory, or choose another one with WEIR_DATA_DIR.',
      })
    }
    await sleep(100)
  }
}

/** Whether the process that wrote `<pid> <start>` into a file still lives. */
function holderAlive(path: string): boolean {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return false
  }
  const [pid = '', start = ''] = text.trim().split(' ')
  const number = Number(pid)
  // Empty: it is being written at this moment.
  if (pid === '') return true
  return Number.isInteger(number) && alive(number) && processStart(number) === start
}

function ownedByOther(home: string): boolean {
  const path = join(home, 'owner')
  if (!existsSync(path) || !holderAlive(path)) return false
  return readFileSync(path, 'utf8').split(' ')[0] !== String(process.pid)
}

function checkVersion(cluster: string, place: Place): void {
  const path = join(cluster, 'PG_VERSION')
  if (!existsSync(path)) return
  const major = Number.parseInt(readFileSync(path, 'utf8'), 10)
  if (major === place.binaries.major) return
  throw new StorageError(`${cluster} was made by PostgreSQL ${major}, and this version of Weir brings PostgreSQL ${place.binaries.major}`, {
    code: 'data-version',
    remedy: `Start the Weir it belongs to, or dump it with PostgreSQL ${major} and load the dump into a new data directory (WEIR_DATA_DIR).`,
  })
}

function checkDisk(home: string, exists: boolean, wanted: number | undefined): void {
  const need = wanted ?? (exists ? 128 : 512) * MiB
  const disk = statfsSync(home)
  const free = disk.bavail * disk.bsize
  if (free >= need) return
  throw new StorageError(`${home} has ${Math.floor(free / MiB)} MiB free, and the database needs at least ${Math.ceil(need / MiB)} MiB`, {
    code: 'disk-space',
    remedy: 'Free space there, or choose a data directory on another disk with WEIR_DATA_DIR.',
  })
}

/** The server of this cluster if it runs and accepts connections; waits for one that is still starting or stopping. */
async function findRunning(cluster: string): Promise<{ pid: number; port: number } | null> {
  for (;;) {
    const file = readPidFile(cluster)
    if (!file) return null
    if (!isPostmasterOf(file.pid, cluster)) {
      // Dead: PostgreSQL deals with it. Alive but another program: PostgreSQL would refuse for ever.
      if (alive(file.pid)) unlinkSync(join(cluster, 'postmaster.pid'))
      return null
    }
    if (file.port !== null && file.status === 'ready') return { pid: file.pid, port: file.port }
    await sleep(50)
  }
}

async function initialise(cluster: string, place: Place, log: (line: string) => void): Promise<void> {
  log(`database: making a new PostgreSQL ${place.binaries.major} cluster in ${cluster}`)
  const password = join(place.home, 'password')
  writeFileSync(password, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
  if (place.user) chownSync(password, place.user.uid, place.user.gid)
  const fresh = join(place.home, 'cluster.new')
  rmSync(fresh, { recursive: true, force: true })
  const result = spawnSync(
    join(place.binaries.root, 'bin', 'initdb'),
    [
      `--pgdata=${fresh}`,
      `--username=${USER}`,
      `--pwfile=${password}`,
      '--auth=scram-sha-256',
      // Never the machine's locale: LANG unset would give SQL_ASCII, and a C library update would reorder every text index.
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-instructions',
    ],
    { ...runOptions(place), encoding: 'utf8' },
  )
  if (result.status !== 0) {
    rmSync(fresh, { recursive: true, force: true })
    const said = `${result.stderr ?? ''}`.trim().split('\n').slice(-3).join(' ')
    throw new StorageError(
      `the database could not be made: ${said || messageOf(result.error ?? `initdb ended with ${result.signal ?? result.status}`)}`,
      {
        code: 'initdb-failed',
        remedy: 'The message above names the cause; a full disk or a missing system library are the usual ones.',
        cause: result.error,
      },
    )
  }
  appendFileSync(
    join(fresh, 'postgresql.conf'),
    "\n# Weir's settings; lines below this one override them.\ninclude_if_exists = 'weir.conf'\n",
  )
  renameSync(fresh, cluster)
}

const runOptions = (place: Place) => ({
  cwd: place.home,
  env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LANG: 'C', LC_ALL: 'C', TZ: 'UTC' },
  ...(place.user ? { uid: place.user.uid, gid: place.user.gid } : {}),
})

async function launch(
  cluster: string,
  place: Place,
  wantedPort: number | undefined,
  log: (line: string) => void,
): Promise<{ pid: number; port: number }> {
  let port = await choosePort(place.home, wantedPort)
  for (let attempt = 1; ; attempt++) {
    const started = await tryLaunch(cluster, place, port, log)
    if (typeof started === 'number') {
      writeFileSync(join(place.home, 'port'), `${port}\n`)
      return { pid: started, port }
    }
    // Somebody took the port between our look and the server's bind.
    if (/could not bind|could not create any TCP\/IP sockets/.test(started) && wantedPort === undefined && attempt < 5) {
      port = await freePort(0)
      continue
    }
    throw new StorageError(`the database did not start: ${started}`, {
      code: 'start-failed',
      remedy: `See ${join(cluster, 'log')} and ${join(place.home, 'startup.log')}.`,
    })
  }
}

/** Start the server and wait until it accepts connections: its process id, or why it ended. */
async function tryLaunch(cluster: string, place: Place, port: number, log: (line: string) => void): Promise<number | string> {
  writeFileSync(join(cluster, 'weir.conf'), serverSettings(readMachine(cluster), port))
  if (place.user) chownSync(join(cluster, 'weir.conf'), place.user.uid, place.user.gid)
  const startupLog = join(place.home, 'startup.log')
  const output = openSync(startupLog, 'w', 0o600)
  const child = spawn(join(place.binaries.root, 'bin', 'postgres'), ['-D', cluster], {
    ...runOptions(place),
    detached: true,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  let ended: string | null = null
  child.on('error', (error) => {
    ended = messageOf(error)
  })
  child.on('exit', (code, signal) => {
    ended ??= lastWords(startupLog, cluster) ?? `it ended with ${signal ?? `code ${code}`}`
  })
  const begun = Date.now()
  let told = begun
  for (;;) {
    if (ended !== null) return ended
    const file = readPidFile(cluster)
    // Both: a left-over file may say ready for another life.
    if (file && file.pid === child.pid && file.status === 'ready') break
    if (Date.now() - told > 5000) {
      told = Date.now()
      log(`database: still starting after ${Math.round((told - begun) / 1000)} s (replaying what was not yet written back)`)
    }
    await sleep(10)
  }
  child.removeAllListeners()
  child.unref()
  if (child.pid === undefined) return 'it has no process id'
  return child.pid
}

/** The last complaints of a server that ended while starting: on its standard error, or in its log once it has one. */
function lastWords(startupLog: string, cluster: string): string | null {
  const lines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [])
  const early = lines(startupLog).filter((line) => line.trim() !== '' && !/redirecting log output|Future log output/.test(line))
  const late = lines(join(cluster, 'log', `postgres-${new Date().toUTCString().slice(0, 3)}.log`)).filter((line) =>
    /\b(FATAL|PANIC):/.test(line),
  )
  const words = early.length > 0 ? early : late
  // Without the time and process id in front.
  return words.length === 0
    ? null
    : words
        .slice(-3)
        .map((line) => line.replace(/^.*?\b(?=(LOG|HINT|FATAL|PANIC|ERROR): )/, '').trim())
        .join('; ')
}

async function choosePort(home: string, wanted: number | undefined): Promise<number> {
  if (wanted !== undefined) {
    try {
      return await freePort(wanted)
    } catch (error) {
      throw new StorageError(`port ${wanted} is taken by another program: ${messageOf(error)}`, {
        code: 'port-taken',
        remedy: 'Stop that program, or let Weir choose a port by itself.',
        cause: error,
      })
    }
  }
  const path = join(home, 'port')
  const kept = existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) : 0
  return freePort(kept > 0 && kept < 65_536 ? kept : 0).catch(() => freePort(0))
}

/** `port` when it can be bound on loopback, any free one for 0. */
function freePort(port: number): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      server.close(() => {
        if (address !== null && typeof address === 'object') resolvePort(address.port)
        else reject(new Error('no port'))
      })
    })
  })
}

async function ensureDatabase(url: string, home: string): Promise<void> {
  const admin = new URL(url)
  admin.pathname = '/postgres'
  const client = new pg.Client({ connectionString: admin.href, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`create database ${DATABASE}`)
  } catch (error) {
    throw new StorageError(`the database started but refuses us: ${messageOf(error)}`, {
      code: 'start-failed',
      remedy: `The password in ${join(home, 'password')} must be the one of the database user ${USER}; see the logs in ${home}.`,
      cause: error,
    })
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function stopServer(home: string, cluster: string, pid: number): Promise<void> {
  if (ownedByOther(home)) return
  rmSync(join(home, 'owner'), { force: true })
  if (!isPostmasterOf(pid, cluster)) return
  // SIGINT: PostgreSQL's fast shutdown. Ends sessions, writes a checkpoint, leaves nothing to replay.
  process.kill(pid, 'SIGINT')
  if (await gone(pid, 60_000)) return
  // SIGQUIT: immediate shutdown. Everything committed is in the log and is replayed at the next start.
  process.kill(pid, 'SIGQUIT')
  if (await gone(pid, 10_000)) return
  throw new StorageError(`the database (pid ${pid}) does not stop`, {
    code: 'stop-failed',
    remedy: 'End that process by hand; committed data is safe.',
  })
}
