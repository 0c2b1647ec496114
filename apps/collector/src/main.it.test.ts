import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { breakableWay, datagrams, newDataDir, send, until } from '../test/harness.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

describe('the collector as a program', () => {
  let database: TestDatabase
  const dir = newDataDir()
  const children: ChildProcess[] = []
  beforeAll(async () => {
    database = await createTestDatabase('postgres')
  })
  afterAll(async () => {
    dir.remove()
    await database.drop()
  })
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    }
  })

  const run = (env: Record<string, string> = {}, args: string[] = []) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        DATABASE_URL: database.url,
        WEIR_DATA_DIR: dir.path,
        WEIR_NETFLOW_PORT: '0',
        WEIR_IPFIX_PORT: '0',
        WEIR_SFLOW_PORT: 'off',
        WEIR_METRICS_PORT: '0',
        WEIR_LISTEN_HOST: '127.0.0.1',
        ...env,
      },
    })
    children.push(child)
    const it = { child, out: '', err: '', ports: {} as Record<string, number> }
    child.stdout?.on('data', (text: Buffer) => {
      it.out += text.toString()
    })
    child.stderr?.on('data', (text: Buffer) => {
      it.err += text.toString()
    })
    child.on('message', (message: { ports: Record<string, number> }) => {
      it.ports = message.ports
    })
    const ended = once(child, 'exit').then(([code]: number[]) => code)
    const ready = () => until('the collector to be ready', () => it.ports.netflow !== undefined || child.exitCode !== null, 60_000)
    return { it, child, ended, ready }
  }

  const stored = async () => (await database.pool.query<{ n: number }>('select count(*)::int as n from flow')).rows[0]?.n ?? 0

  it.each(['SIGTERM', 'SIGINT', 'disconnect'] as const)('stores what came and ends with 0 on %s', async (how) => {
    const before = await stored()
    const { it: program, child, ended, ready } = run()
    await ready()
    await send(program.ports.netflow ?? 0, datagrams('v5', 900))
    const began = Date.now()
    if (how === 'disconnect') child.disconnect()
    else child.kill(how)
    expect(await ended).toBe(0)
    expect(Date.now() - began).toBeLessThan(10_000)
    expect((await stored()) - before).toBe(900)
  })

  /** A stop six seconds after the database became unusable: it ends with 0 in time, and the next start stores what was accepted meanwhile. */
  async function stopWithout(env: Record<string, string>, silence: () => Promise<void> | void, mend: () => Promise<void>): Promise<void> {
    const before = await stored()
    const { it: program, child, ended, ready } = run(env)
    await ready()
    try {
      await send(program.ports.netflow ?? 0, datagrams('v5', 30))
      await until('flows to be stored', async () => (await stored()) === before + 30)
      await silence()
      await send(program.ports.netflow ?? 0, datagrams('v5', 900))
      // Long enough for every part to run into it: the slowest asks every five seconds.
      await new Promise((resolve) => setTimeout(resolve, 6_000))
      const began = Date.now()
      child.kill('SIGTERM')
      expect(await ended, program.out).toBe(0)
      expect(Date.now() - began).toBeLessThan(10_000)
    } finally {
      await mend()
    }
    const next = run()
    await next.ready()
    await until('the rest to be stored', async () => (await stored()) === before + 930)
    next.child.kill('SIGTERM')
    expect(await next.ended).toBe(0)
  }

  it('ends with 0 in time and loses nothing while the database stands still', { timeout: 120_000 }, async () => {
    const client = await database.pool.connect()
    // As a change of the schema or a long backup does it: every statement waits, no connection breaks.
    const silence = async () => {
      await client.query('begin')
      const { rows } = await client.query<{ name: string }>(
        `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'`,
      )
      await client.query(`lock table ${rows.map(({ name }) => name).join(', ')} in access exclusive mode`)
    }
    await stopWithout({}, silence, async () => {
      await client.query('rollback')
      client.release()
    })
  })

  it('ends with 0 in time and loses nothing while the network swallows all that is said to the database', {
    timeout: 120_000,
  }, async () => {
    const way = await breakableWay(database.url)
    await stopWithout({ DATABASE_URL: way.url }, way.swallow, way.close)
  })

  it('names the setting and the way out when a port is taken', async () => {
    const other = createSocket('udp4')
    other.bind(0, '127.0.0.1')
    await once(other, 'listening')
    const { it: program, ended } = run({ WEIR_NETFLOW_PORT: String(other.address().port) })
    expect(await ended).toBe(2)
    other.close()
    expect(program.err).toMatch(/WEIR_NETFLOW_PORT: cannot listen on .* another program already has that port\. Stop it/)
    expect(program.err).not.toMatch(/\n\s+at /)
  })

  it('refuses a second one on the same data directory', async () => {
    const first = run()
    await first.ready()
    const second = run()
    expect(await second.ended).toBe(2)
    expect(second.it.err).toMatch(new RegExp(`a collector \\(process ${first.child.pid}\\) already uses .*own WEIR_DATA_DIR`))
    first.child.kill('SIGTERM')
    expect(await first.ended).toBe(0)
  })

  it('only checks the settings with --check', async () => {
    expect(await run({}, ['--check']).ended).toBe(0)
    const wrong = run({ WEIR_FLUSH_MS: 'soon' }, ['--check'])
    expect(await wrong.ended).toBe(2)
    expect(wrong.it.err).toMatch(/WEIR_FLUSH_MS: "soon" is not a whole number/)
  })
})
