import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { copyBinaries, findBinaries } from './binaries.ts'
import { type EmbeddedDatabase, startEmbedded } from './index.ts'
import { runUser } from './place.ts'
import { alive, gone, isPostmasterOf, readPidFile } from './postmaster.ts'
import { serverSettings } from './settings.ts'

const MODULE = fileURLToPath(new URL('./index.ts', import.meta.url))
const root = process.getuid?.() === 0

let base: string
let dataDir: string
let started: EmbeddedDatabase[]
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'weir-embedded-'))
  chmodSync(base, 0o755)
  dataDir = join(base, '.weir')
  started = []
})
afterEach(async () => {
  for (const database of started) {
    rmSync(join(database.home, 'owner'), { force: true })
    if (isPostmasterOf(database.pid, join(database.home, 'cluster'))) process.kill(database.pid, 'SIGQUIT')
    await gone(database.pid, 10_000)
    if (database.home.startsWith('/var/lib/weir/')) rmSync(database.home, { recursive: true, force: true })
  }
  rmSync(base, { recursive: true, force: true })
})

async function start(options: Partial<Parameters<typeof startEmbedded>[0]> = {}): Promise<EmbeddedDatabase> {
  const database = await startEmbedded({ dataDir, ...options })
  started.push(database)
  return database
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Another program that starts the database and then waits; `kill` ends it as the kernel would. */
async function startElsewhere(): Promise<{ pid: number; kill: () => Promise<void> }> {
  const script = `const { startEmbedded } = await import(${JSON.stringify(MODULE)}); const db = await startEmbedded({ dataDir: ${JSON.stringify(dataDir)} }); console.log(db.pid); setInterval(() => {}, 1e6)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface(child.stdout), 'line')
  return {
    pid: Number(line),
    kill: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

describe('the embedded database', () => {
  test('keeps its data, port and password over stop and start, and speaks UTF-8 and nothing but loopback', async () => {
    const lines: string[] = []
    const first = await start({ log: (line) => lines.push(line) })
    expect(first.adopted).toBe(false)
    expect(lines.join('\n')).toContain('making a new PostgreSQL 18 cluster')
    await query(first.url, `create table kept (text text); insert into kept values ('Grüße 😀')`)
    const [settings] = await query(
      first.url,
      `select current_setting('server_encoding') as encoding, current_setting('listen_addresses') as listen, current_setting('unix_socket_directories') as sockets,
       current_setting('synchronous_commit') as commit, current_setting('password_encryption') as password,
       (select datlocprovider::text || ' ' || datlocale from pg_database where datname = current_database()) as locale`,
    )
    expect(settings).toEqual({
      encoding: 'UTF8',
      listen: '127.0.0.1',
      sockets: '',
      commit: 'on',
      password: 'scram-sha-256',
      locale: 'b C.UTF-8',
    })
    for (const secret of [join(dataDir, 'database-url'), join(first.home, 'password')]) expect(statSync(secret).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(dataDir, 'database-url'), 'utf8').trim()).toBe(first.url)
    await expect(query(first.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toMatchObject({ code: '28P01' })
    await first.stop()
    await first.stop()
    expect(alive(first.pid)).toBe(false)
    const second = await start()
    expect(second.url).toBe(first.url)
    expect(await query(second.url, 'select text from kept')).toEqual([{ text: 'Grüße 😀' }])
    await second.stop()
  })

  test('outlives a killed program, and the next one adopts it and may stop it', async () => {
    const elsewhere = await startElsewhere()
    await elsewhere.kill()
    expect(alive(elsewhere.pid)).toBe(true)
    const adopted = await start()
    expect(adopted).toMatchObject({ adopted: true, pid: elsewhere.pid })
    await query(adopted.url, 'select 1')
    await adopted.stop()
    expect(alive(elsewhere.pid)).toBe(false)
  })

  test('is not stopped under another living program that uses it', async () => {
    const elsewhere = await startElsewhere()
    const adopted = await start()
    expect(adopted.pid).toBe(elsewhere.pid)
    await adopted.stop()
    expect(await query(adopted.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await elsewhere.kill()
  })

  test('comes back after its own kill with everything committed', async () => {
    const first = await start()
    await query(first.url, 'create table n as select generate_series(1, 100000) as i')
    process.kill(first.pid, 'SIGKILL')
    await gone(first.pid, 10_000)
    const second = await start()
    expect(second.adopted).toBe(false)
    expect(await query(second.url, 'select count(*)::int as n from n')).toEqual([{ n: 100_000 }])
  })

  test('starts although its pid file names another program’s process, which is left alone', async () => {
    const first = await start()
    await first.stop()
    const bystander = spawn('sleep', ['60'])
    writeFileSync(join(first.home, 'cluster', 'postmaster.pid'), `${bystander.pid}\n${first.home}/cluster\n1\n5\n\n\n\nready   \n`)
    expect(readPidFile(join(first.home, 'cluster'))).toEqual({ pid: bystander.pid, port: 5, status: 'ready' })
    const second = await start()
    expect(second.adopted).toBe(false)
    expect(bystander.exitCode).toBeNull()
    bystander.kill()
  })

  test('is made once when two programs start at the same time', async () => {
    const both = await Promise.all([startEmbedded({ dataDir }), startEmbedded({ dataDir })])
    started.push(...both)
    expect(both[0].pid).toBe(both[1].pid)
    expect(both.filter((database) => database.adopted)).toHaveLength(1)
  })

  test('takes another port when its own was taken meanwhile, unless one is asked for', async () => {
    const first = await start()
    const port = Number(new URL(first.url).port)
    await first.stop()
    const thief = createServer().listen(port, '127.0.0.1')
    await once(thief, 'listening')
    await expect(start({ port })).rejects.toMatchObject({ code: 'port-taken', remedy: expect.stringContaining('Stop that program') })
    const second = await start()
    expect(Number(new URL(second.url).port)).not.toBe(port)
    thief.close()
  })

  test('refuses the data of another major version, and a disk that is too small, with what to do', async () => {
    const first = await start()
    await first.stop()
    await expect(start({ minFreeBytes: 2 ** 60 })).rejects.toMatchObject({
      code: 'disk-space',
      remedy: expect.stringContaining('WEIR_DATA_DIR'),
    })
    writeFileSync(join(first.home, 'cluster', 'PG_VERSION'), '17\n')
    await expect(start()).rejects.toMatchObject({
      code: 'data-version',
      message: expect.stringContaining('PostgreSQL 17'),
      remedy: expect.stringContaining('dump'),
    })
    expect(existsSync(join(first.home, 'start.lock'))).toBe(false)
  })

  test('says why it does not start', async () => {
    const first = await start()
    await first.stop()
    writeFileSync(join(first.home, 'cluster', 'postgresql.conf'), 'no_such_setting = on\n')
    await expect(start()).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringContaining('no_such_setting'),
      remedy: expect.stringContaining('startup.log'),
    })
  })

  test.runIf(root)('run by root in a directory closed to others, keeps its cluster outside and remembers where', async () => {
    const closed = join(base, 'closed')
    mkdirSync(closed, { mode: 0o700 })
    dataDir = join(closed, '.weir')
    const first = await start()
    expect(dirname(first.home)).toBe('/var/lib/weir')
    expect(readFileSync(join(dataDir, 'database-location'), 'utf8').trim()).toBe(first.home)
    expect(statSync(`/proc/${first.pid}`).uid).toBe(runUser()?.uid)
    await query(first.url, 'create table kept as select 1 as one')
    await first.stop()
    const second = await start()
    expect(second.home).toBe(first.home)
    expect(await query(second.url, 'select one from kept')).toEqual([{ one: 1 }])
  })

  test('binaries that cannot be run where they are are copied whole, once', () => {
    const found = findBinaries()
    const copy = copyBinaries(found, join(base, 'binaries'))
    const made = statSync(join(copy.root, 'bin', 'postgres')).mtimeMs
    expect(copyBinaries(found, join(base, 'binaries'))).toEqual(copy)
    expect(statSync(join(copy.root, 'bin', 'postgres')).mtimeMs).toBe(made)
    expect(existsSync(join(copy.root, 'lib', 'libpq.a'))).toBe(false)
    const version = spawn(join(copy.root, 'bin', 'postgres'), ['--version'], { stdio: ['ignore', 'pipe', 'inherit'] })
    return once(version, 'exit').then(([code]) => expect(code).toBe(0))
  })

  test('a platform without binaries is told so, with the way out', () => {
    for (const [platform, arch] of [
      ['win32', 'x64'],
      ['linux', 'riscv64'],
    ] as const) {
      let error: unknown
      try {
        findBinaries(platform, arch)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toMatchObject({ code: 'platform-unsupported', remedy: expect.stringContaining('DATABASE_URL') })
    }
  })

  test('runs as postgres, else nobody, and never as root', () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n'
    expect(runUser(passwd, 0)).toEqual({ name: 'nobody', uid: 65_534, gid: 65_534 })
    expect(runUser(`${passwd}postgres:x:70:71::/:/bin/sh\n`, 0)).toEqual({ name: 'postgres', uid: 70, gid: 71 })
    expect(runUser(passwd, 1000)).toBeNull()
    expect(() => runUser('root:x:0:0::/:/bin/sh', 0)).toThrow('must not run as root')
  })

  test('its settings fit a small machine and a large one', () => {
    const GiB = 2 ** 30
    const small = serverSettings({ memoryBytes: GiB, diskFreeBytes: 2 * GiB, shmBytes: 64 * 2 ** 20 }, 5433)
    expect(small).toMatch(/^shared_buffers = 154MB$/m)
    expect(small).toMatch(/^max_wal_size = 256MB$/m)
    expect(small).toMatch(/^dynamic_shared_memory_type = mmap$/m)
    const large = serverSettings({ memoryBytes: 256 * GiB, diskFreeBytes: 1000 * GiB, shmBytes: 128 * GiB }, 5433)
    expect(large).toMatch(/^shared_buffers = 2048MB$/m)
    expect(large).toMatch(/^max_wal_size = 4096MB$/m)
    expect(large).not.toContain('dynamic_shared_memory_type')
    for (const text of [small, large]) expect(text).toMatch(/^synchronous_commit = on$/m)
  })
})
