import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { listAside } from '../src/spool/aside.ts'
import { acceptedIn, type KillableDatabase, metricOf, NumberedLoad, type Program, startProgram, storedNumbers } from './chaos.ts'
import { newDataDir, startTestCollector, until } from './harness.ts'
import { randomOf } from './spool-model.ts'

/** The set check (B1): accepted ⊆ stored ⊆ sent, nothing twice. Returns how many were stored. */
export async function expectSets(database: KillableDatabase, accepted: Iterable<number>, sent: number): Promise<number> {
  const { numbers, twice } = await storedNumbers(database.pool)
  let missing = 0
  for (const n of accepted) if (!numbers.has(n)) missing++
  let strange = 0
  for (const n of numbers) if (n < 1 || n > sent) strange++
  expect({ missing, strange, twice }).toEqual({ missing: 0, strange: 0, twice: 0 })
  return numbers.size
}

const empty = (database: KillableDatabase) => database.pool.query('delete from flow; delete from ingest_batch')

/** B2: SIGKILL at random instants, under load, also while it starts. */
export async function killCollector(database: KillableDatabase, kills: number, port: number, seed = 1): Promise<number> {
  await empty(database)
  const random = randomOf(seed)
  const dir = newDataDir()
  const env = { DATABASE_URL: database.url, WEIR_DATA_DIR: dir.path, WEIR_NETFLOW_PORT: String(port), WEIR_METRICS_PORT: '0' }
  const load = new NumberedLoad(port, 5_000)
  const accepted = new Set<number>()
  const running: Program[] = []
  try {
    await load.start()
    for (let kill = 0; kill < kills; kill++) {
      const program = await startProgram(env)
      running.push(program)
      await sleep(random(1_200))
      program.child.kill('SIGKILL')
      expect(await program.ended, program.output()).toBe('SIGKILL')
      for (const n of await acceptedIn(join(dir.path, 'spool'))) accepted.add(n)
    }
    const last = await startProgram(env)
    running.push(last)
    await sleep(500)
    load.pause()
    const metrics = last.ports.metrics ?? 0
    await until('the spool to be empty', async () => (await metricOf(metrics, 'weir_flows_waiting')) === 0, 60_000)
    expect(await metricOf(metrics, 'weir_accounting_gap')).toBe(0)
    last.child.kill('SIGTERM')
    expect(await last.ended, last.output()).toBe(0)
    expect(accepted.size).toBeGreaterThan(0)
    const { frames, segments } = await listAside(join(dir.path, 'spool'))
    expect([...frames.map(({ file, facts }) => `${facts?.reason} ${file}`), ...segments]).toEqual([])
    return await expectSets(database, accepted, load.sent)
  } finally {
    load.close()
    for (const { child } of running) child.kill('SIGKILL')
    dir.remove()
  }
}

/** B3: SIGKILL to every process of the database, under load. The collector lives, so everything it heard must be there. */
export async function killDatabase(database: KillableDatabase, kills: number, seed = 1): Promise<number> {
  await empty(database)
  const random = randomOf(seed)
  const collector = await startTestCollector(database.url)
  const load = new NumberedLoad(collector.ports.netflow ?? 0, 5_000)
  try {
    await load.start()
    for (let kill = 0; kill < kills; kill++) {
      await sleep(300 + random(1_500))
      await database.kill()
      await sleep(random(500))
      await database.start()
    }
    await sleep(500)
    return await settle(database, collector, load)
  } finally {
    load.close()
    await collector.close()
  }
}

/** B11: the database is away for a while. Health says so, memory does not grow with the backlog, and everything arrives. */
export async function outage(
  database: KillableDatabase,
  seconds: number,
): Promise<{ stored: number; backSeconds: number; grownMiB: number }> {
  await empty(database)
  const collector = await startTestCollector(database.url)
  const load = new NumberedLoad(collector.ports.netflow ?? 0, 5_000)
  try {
    await load.start()
    await until('flows', () => collector.account.stored > 5_000)
    await database.kill()
    await sleep(Math.min(seconds, 10) * 500)
    const before = process.memoryUsage().rss
    await until('the outage to be told', async () => {
      const text = await (await fetch(`http://127.0.0.1:${collector.ports.metrics}/healthz`)).text()
      return /has not taken flows/.test(text) && /wait for the database/.test(text)
    })
    expect(await collector.metric('weir_database_unreachable')).toBe(1)
    await sleep(Math.max(0, seconds * 1000 - Math.min(seconds, 10) * 500))
    const grownMiB = (process.memoryUsage().rss - before) / 1_048_576
    await database.start()
    const began = performance.now()
    await until('the backlog to be gone', () => collector.store.spooled < 5_000, 300_000)
    const backSeconds = (performance.now() - began) / 1000
    return { stored: await settle(database, collector, load), backSeconds, grownMiB }
  } finally {
    load.close()
    await collector.close()
  }
}

async function settle(
  database: KillableDatabase,
  collector: Awaited<ReturnType<typeof startTestCollector>>,
  load: NumberedLoad,
): Promise<number> {
  load.pause()
  const { account } = collector
  await until('everything to be stored', () => collector.ports.netflow !== undefined && quiet(collector), 120_000)
  expect(await collector.metric('weir_accounting_gap')).toBe(0)
  expect(account.shedTotal).toBe(0)
  expect(account.quarantinedTotal).toBe(0)
  expect(account.stored).toBe(account.flows)
  const stored = await expectSets(database, [], load.sent)
  // Every flow that was decoded is there, each once.
  expect(stored).toBe(account.flows)
  expect(stored).toBe(load.sent - 30 * (load.sent / 30 - account.received))
  return stored
}

function quiet({ account, store }: Awaited<ReturnType<typeof startTestCollector>>): boolean {
  return store.waiting === 0 && account.flows > 0 && account.flows === account.stored + account.shedTotal + account.quarantinedTotal
}
