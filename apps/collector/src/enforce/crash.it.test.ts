import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { verifyStored, withdrawBlock } from '@weir/db/commands'
import { block } from '@weir/db/queries'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { describe, expect, it } from 'vitest'
import { addDevice, addPeople, approved, inState, OPERATOR, until } from '../../test/blocks.ts'
import { bgpDevice, devicesMissing, nftDevice, toolsOnPath } from '../../test/devices.ts'
import { Reporter } from '../reporter.ts'
import { Enforce } from './enforce.ts'

/** B34: the enforcer dies at each of its steps, and what comes after it finds one rule, one outcome and a whole chain. */

const missing = devicesMissing(['nft', 'gobgpd', 'gobgp'], true)
toolsOnPath(['nft', 'gobgp'])
const ENFORCER = fileURLToPath(new URL('../../test/enforcer.ts', import.meta.url))
/** WEIR_TEST_POINTS=all: each step with each driver. Otherwise every third one, others with one driver than with the other. */
const ALL = process.env.WEIR_TEST_POINTS === 'all'

type Action = 'apply' | 'expire' | 'withdraw' | 'reassert'
/** What a device carries of a block: how often. */
interface Device {
  id: string
  actions: readonly Action[]
  /** The first point to die at. */
  first: number
  carried(blockId: string, src: string): number
  /** Take the rule away by hand. */
  lose?(): void
  remove(): Promise<void> | void
}

/** An enforcer that will die at a point, started ahead of its time. */
interface Doomed {
  point: number
  child: ChildProcessWithoutNullStreams
  said(): string
  ended: Promise<void>
}

function doomed(database: TestDatabase, point: number): Doomed {
  const child = spawn(process.execPath, [ENFORCER], {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      WEIR_TEST_POINT: String(point),
      NODE_COMPILE_CACHE: path.join(tmpdir(), 'weir-compile-cache'),
    },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
  // One that died does not read; its end says so.
  child.stdin.on('error', () => undefined)
  return { point, child, said: () => said, ended: new Promise((resolve) => child.once('close', () => resolve())) }
}

/** Let it go; gives what it was about to do when it died, or null when it lived through the whole action. */
async function killed({ child, said, ended }: Doomed, over: () => Promise<boolean>): Promise<string | null> {
  await until('the enforcer to wait', () => said().includes('waiting') || child.exitCode !== null, 60_000)
  let running = true
  void ended.then(() => {
    running = false
  })
  child.stdin.write('go\n')
  const wait = (ms: number) => Promise.race([ended, new Promise((resolve) => setTimeout(resolve, ms))])
  while (running) {
    if (await over()) {
      // A point after the last step of the block, if it comes at all.
      await wait(200)
      child.kill('SIGKILL')
      await ended
      break
    }
    await wait(50)
  }
  const [, what = null] = /point \d+ (.*)/.exec(said()) ?? []
  if (what === null && !(await over())) throw new Error(`the enforcer ended by itself: ${said()}`)
  return what
}

async function driven(database: TestDatabase, device: Device): Promise<{ points: number; what: Set<string> }> {
  const { pool } = database
  const what = new Set<string>()
  let points = 0
  const stride = ALL ? 1 : 3
  let next = doomed(database, device.first)
  const enforcing = async <T>(work: () => Promise<T>): Promise<T> => {
    const settings = { databaseUrl: database.url, keyDir: '/nonexistent', reconcileMs: 60_000, quietMs: 1_000, watch: null }
    const enforce = new Enforce(pool, settings, new Reporter({ level: 'silent', metricsPort: null }))
    await enforce.start()
    try {
      return await work()
    } finally {
      await enforce.stop()
    }
  }
  const entries = async (id: string, event: string, phase: string, has: string) => {
    const { rows } = await pool.query<{ n: number }>(
      `select count(*)::int as n from audit_entry where subject = $1 and event = $2 and phase = $3 and after::text like $4`,
      [`block:${id}`, event, phase, `%${has}%`],
    )
    return rows[0]?.n
  }
  for (const action of device.actions) {
    for (;;) {
      const { point } = next
      const src = `198.51.100.${1 + (points % 200)}`
      const id = await approved(pool, { src: `${src}/32` }, [device.id])
      const state = async () => (await block(pool, id, null)).state
      const reasserted = async () => (await block(pool, id, null)).deviceDetails[0]?.reasserted ?? 0
      if (action !== 'apply') await enforcing(() => inState(pool, id, 'enforced', 'verified'))
      if (action === 'expire') await pool.query('update block set expires_at = now() where id = $1', [id])
      if (action === 'withdraw') await withdrawBlock(pool, { id, reason: 'test' }, OPERATOR)
      if (action === 'reassert') device.lose?.()
      const over = async () =>
        action === 'apply'
          ? (await state()) === 'enforced'
          : action === 'reassert'
            ? (await reasserted()) > 0
            : ['expired', 'withdrawn'].includes(await state())
      const died = await killed(next, over)
      next = doomed(database, died === null ? device.first : point + stride)
      if (died !== null) {
        points++
        what.add(`${action}: ${died}`)
      }
      await enforcing(async () => {
        if (action === 'apply' || action === 'reassert') {
          await inState(pool, id, 'enforced', 'verified', 'leaking')
          await until('one rule', () => device.carried(id, src) === 1)
          if (action === 'reassert') await until('its record', async () => (await reasserted()) > 0)
          await pool.query('update block set expires_at = now() where id = $1', [id])
        }
        await inState(pool, id, 'expired', 'withdrawn')
      })
      expect(device.carried(id, src), `${action} killed before ${died}: rules left`).toBe(0)
      expect(await entries(id, 'block.apply', 'intent', ''), `${action} killed before ${died}: intents`).toBe(1)
      expect(await entries(id, 'block.apply', 'outcome', '"enforced"'), `${action} killed before ${died}: outcomes`).toBe(1)
      const event = action === 'withdraw' ? 'block.withdraw' : 'block.expire'
      expect(await entries(id, event, 'intent', ''), `${action} killed before ${died}: intents to end it`).toBe(1)
      const ended = action === 'withdraw' ? '"withdrawn"' : '"expired"'
      expect(await entries(id, event, 'outcome', ended), `${action} killed before ${died}: ends`).toBe(1)
      // It lived through the action: there is no later point.
      if (died === null) break
    }
  }
  next.child.kill('SIGKILL')
  await next.ended
  expect((await verifyStored(pool)).problem).toBeNull()
  return { points, what }
}

describe.skipIf(missing !== null)(`an enforcer that is killed at any step${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  it('leaves one rule, one outcome and a whole chain behind, on nftables and on BGP', { timeout: ALL ? 1_800_000 : 300_000 }, async () => {
    const kernel = nftDevice()
    const speaker = await bgpDevice()
    const nft: Device = {
      id: 'kernel',
      actions: ['apply', 'expire', 'withdraw', 'reassert'],
      first: 1,
      carried: (id) => kernel.carried().filter((one) => one === id).length,
      lose: () => kernel.inside(['nft', 'flush', 'set', 'inet', 'weir', 'drop_l3_v4_0']),
      remove: () => kernel.remove(),
    }
    const bgp: Device = {
      id: 'speaker',
      actions: ['apply', 'expire', 'withdraw'],
      first: ALL ? 1 : 2,
      carried: (_, src) => speaker.table('ipv4-flowspec').split(`[source: ${src}/32]`).length - 1,
      remove: () => speaker.stop(),
    }
    const databases: TestDatabase[] = []
    try {
      const results = await Promise.all(
        [nft, bgp].map(async (device) => {
          const database = await createTestDatabase('postgres')
          databases.push(database)
          await addPeople(database.pool)
          if (device === nft)
            await addDevice(database.pool, { id: device.id, dialect: 'nftables', transport: 'local', config: { netns: kernel.namespace } })
          else
            await addDevice(database.pool, {
              id: device.id,
              dialect: 'gobgp-flowspec',
              transport: 'gobgp',
              address: '127.0.0.1',
              config: { port: speaker.port },
            })
          return await driven(database, device)
        }),
      )
      const points = results.reduce((sum, one) => sum + one.points, 0)
      process.stdout.write(`killed at ${points} points: ${results.map(({ what }) => what.size).join(' + ')} different ones\n`)
      expect(points).toBeGreaterThanOrEqual(40)
    } finally {
      await Promise.all(databases.map((database) => database.drop()))
      await nft.remove()
      await bgp.remove()
    }
  })
})
