import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beginReassert, verifyStored, watchBlocks } from '@weir/db/commands'
import { blocks } from '@weir/db/queries'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addDevice, addPeople, approved, inState, onTheirWay, until } from '../../test/blocks.ts'
import { type BgpDevice, bgpDevice, devicesMissing, type NftDevice, nftDevice, toolsOnPath } from '../../test/devices.ts'
import { Reporter } from '../reporter.ts'
import { driverFor } from './drivers.ts'
import { Enforce, type EnforceSettings } from './enforce.ts'
import { DeviceError } from './run.ts'

/** The bars of the block path that are about numbers: B33, B35, B36. WEIR_TEST_SIZE=night: those of the night. */

const NIGHT = process.env.WEIR_TEST_SIZE === 'night'
const noKernel = devicesMissing(['nft'], true)
const noSpeaker = devicesMissing(['gobgpd', 'gobgp'], false)
toolsOnPath(['nft', 'gobgp'])
const ENFORCER = fileURLToPath(new URL('../../test/enforcer.ts', import.meta.url))
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

let database: TestDatabase
let kernel: NftDevice
let enforce: Enforce | null = null
beforeEach(async () => {
  database = await createTestDatabase('postgres')
  await addPeople(database.pool)
  kernel = nftDevice()
  await addDevice(database.pool, { id: 'kernel', dialect: 'nftables', transport: 'local', config: { netns: kernel.namespace } })
})
afterEach(async () => {
  await enforce?.stop()
  enforce = null
  kernel.remove()
  await database.drop()
})

const start = async (more: Partial<EnforceSettings> = {}) => {
  const settings = { databaseUrl: database.url, keyDir: '/nonexistent', reconcileMs: 60_000, quietMs: 1_000, ...more }
  enforce = new Enforce(database.pool, settings, new Reporter({ level: 'silent', metricsPort: null }))
  await enforce.start()
}

const halt = async () => {
  await enforce?.stop()
  enforce = null
}

describe.skipIf(noKernel !== null || noSpeaker !== null)(
  `the time of blocks${noKernel === null && noSpeaker === null ? '' : ` (skipped: ${noKernel ?? noSpeaker})`}`,
  () => {
    it('B33: every block is gone within 30 s of its end, by the devices’ own tables, over restarts and with a device down', {
      timeout: NIGHT ? 1_800_000 : 480_000,
    }, async () => {
      const { pool } = database
      const [count, longest] = NIGHT ? [10_000, 60] : [1_000, 40]
      const speaker: BgpDevice = await bgpDevice()
      // The next one is started ahead, so that a kill costs what it costs and not the start of a program.
      const enforcers: ChildProcess[] = []
      const ahead = () => {
        const child = spawn(process.execPath, [ENFORCER], {
          stdio: ['pipe', 'pipe', 'inherit'],
          env: { ...process.env, DATABASE_URL: database.url },
        })
        child.stdin?.on('error', () => undefined)
        enforcers.push(child)
        return new Promise<ChildProcess>((resolve) => child.stdout?.once('data', () => resolve(child)))
      }
      let running: ChildProcess | null = null
      let next = ahead()
      const relieve = async () => {
        const fresh = await next
        running?.kill('SIGKILL')
        fresh.stdin?.write('go\n')
        running = fresh
        next = ahead()
      }
      try {
        await addDevice(pool, {
          id: 'speaker',
          dialect: 'gobgp-flowspec',
          transport: 'gobgp',
          address: '127.0.0.1',
          config: { port: speaker.port },
        })
        await addDevice(pool, { id: 'down', dialect: 'nftables', transport: 'local', config: { netns: 'weir-no-such' } })
        const of = (i: number) => (i % 10 < 6 ? 'kernel' : i % 10 < 9 ? 'speaker' : 'down')
        const dialect = (device: string) => (device === 'speaker' ? 'gobgp-flowspec' : 'nftables')
        const wanted = Array.from({ length: count }, (_, i) => ({
          id: `blk-${i}`,
          src: `203.${Math.floor(i / 60_000)}.${Math.floor(i / 250) % 250}.${1 + (i % 250)}/32`,
          device: of(i),
          seconds: 5 + ((i * 7) % (longest - 4)),
        }))
        const due = new Map<string, number>()
        const seen = new Map<string, number>()
        await relieve()
        let restarts = 0
        const began = Date.now()
        let given = 0
        // No faster than this machine brings them to the devices: what expires before it is there proves nothing.
        const give = async () => {
          const { rows: before } = await pool.query<{ waiting: number }>(
            `select count(*)::int as waiting from block_device where device_id <> 'down' and state = 'applying'`,
          )
          if ((before[0]?.waiting ?? 0) > 100) return
          const some = wanted.slice(given, given + 150)
          given += some.length
          await onTheirWay(
            pool,
            some.map(({ id, src, device, seconds }) => ({ id, src, seconds, devices: [{ id: device, dialect: dialect(device) }] })),
          )
          const { rows } = await pool.query<{ id: string; at: Date }>('select id, expires_at as at from block where id = any($1)', [
            some.map(({ id }) => id),
          ])
          for (const { id, at } of rows) due.set(id, at.getTime())
        }
        const bySource = new Map(wanted.map(({ id, src }) => [src, id]))
        const look = () => {
          const now = Date.now()
          const here = kernel.carried()
          for (const [, src] of speaker.table('ipv4-flowspec').matchAll(/\[source: ([0-9.]+\/32)\]/g))
            here.push(bySource.get(src ?? '') ?? '')
          for (const id of here) seen.set(id, now)
          return here.length
        }
        const left = async () => {
          const { rows } = await pool.query<{ n: number }>(
            `select count(*)::int as n from block_device where device_id <> 'down' and removed_at is null`,
          )
          return rows[0]?.n ?? 0
        }
        let most = 0
        while (given < count || (await left()) > 0) {
          if (given < count) await give()
          most = Math.max(most, look())
          if (restarts < 3 && Date.now() - began > 8_000 * (restarts + 1)) {
            await relieve()
            restarts++
          }
          const late = Date.now() - Math.max(...due.values())
          if (given === count && late > 40_000) break
          await pause(400)
        }
        expect(look(), 'rules left on the devices').toBe(0)
        const late = [...seen].map(([id, at]) => at - (due.get(id) ?? 0)).sort((a, b) => a - b)
        process.stdout.write(
          `B33: ${count} blocks of 5 to ${longest} s, ${restarts} kills, ${seen.size} seen on the devices, ${most} at once; the last is gone ${Math.max(0, (late.at(-1) ?? 0) / 1_000)} s after its end\n`,
        )
        expect(restarts).toBe(3)
        expect(seen.size).toBeGreaterThan(count * 0.3)
        expect(late.at(-1)).toBeLessThan(30_000)
        const { rows: ended } = await pool.query<{ worst: number; n: number }>(
          `select max(extract(epoch from b.ended_at - b.expires_at))::float8 as worst, count(*)::int as n
         from block b join block_device d on d.block_id = b.id where d.device_id <> 'down' and b.state = 'expired'`,
        )
        expect(ended[0]?.n).toBe(wanted.filter(({ device }) => device !== 'down').length)
        // The books follow the devices, as fast as this machine lets them.
        expect(ended[0]?.worst).toBeLessThan(60)

        // What cannot be taken away is not forgotten: it is on its way out, and people are told which.
        const lost = wanted.filter(({ device }) => device === 'down').map(({ id }) => id)
        const told: string[] = []
        // The last of them has to have waited longer than the patience, too.
        await pause(1_500)
        await watchBlocks(
          pool,
          ({ kind }) => {
            told.push(kind)
            return []
          },
          { patienceMs: 1_000, clearMs: 0 },
        )
        expect(told.sort()).toEqual(['block_device_unreachable', 'block_expiry_unconfirmed'])
        const list = await blocks(pool, { asker: null, states: ['withdrawing'], limit: 200 })
        expect(list.states.withdrawing).toBe(lost.length)
        expect(list.blocks.every(({ alerts }) => alerts.some(({ kind }) => kind === 'block_expiry_unconfirmed'))).toBe(true)
        expect((await verifyStored(pool)).problem).toBeNull()
      } finally {
        for (const child of enforcers) child.kill('SIGKILL')
        await speaker.stop()
      }
    })
  },
)

describe.skipIf(noKernel !== null)(`from the word to the device${noKernel === null ? '' : ` (skipped: ${noKernel})`}`, () => {
  it('B35: an approved rule is on the device within two seconds, 95 of 100 times', { timeout: NIGHT ? 1_200_000 : 240_000 }, async () => {
    await start()
    const times: number[] = []
    for (let i = 0; i < (NIGHT ? 1_000 : 100); i++) {
      const id = await approved(database.pool, { src: `198.51.${100 + Math.floor(i / 250)}.${1 + (i % 250)}/32` }, ['kernel'])
      const { rows } = await database.pool.query<{ at: Date }>('select now() as at')
      const from = rows[0]?.at.getTime() ?? 0
      await until('the rule', () => kernel.carried().includes(id), 10_000, 10)
      times.push(Date.now() - from)
    }
    times.sort((a, b) => a - b)
    const p95 = times[Math.ceil(times.length * 0.95) - 1] ?? Number.NaN
    process.stdout.write(`B35: ${times.length} rules, median ${times[times.length >> 1]} ms, p95 ${p95} ms, worst ${times.at(-1)} ms\n`)
    expect(p95).toBeLessThanOrEqual(2_000)
  })

  it('B35: of several devices one is first; the rest follow when it holds, and when it does not, it is taken back and no other gets it', {
    timeout: 120_000,
  }, async () => {
    const other = nftDevice()
    try {
      await addDevice(database.pool, { id: 'later', dialect: 'nftables', transport: 'local', config: { netns: other.namespace } })
      const calls: string[] = []
      let cut = false
      const counted: typeof driverFor = (device, keyDir) => {
        const driver = driverFor(device, keyDir)
        if (driver === null) return null
        const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
          calls.push(`${device.id} ${what}`)
          return await work()
        }
        return {
          apply: (text) => call('apply', () => driver.apply(text)),
          undo: (text) => call('undo', () => driver.undo(text)),
          list: () =>
            call('list', async () => {
              // As when the rule hits the way to the device itself.
              if (cut && device.id === 'kernel') throw new DeviceError('no answer', true)
              return await driver.list()
            }),
        }
      }
      const probeMs = 4_000
      await start({ driverFor: counted, probeMs })
      const from = Date.now()
      const held = await approved(database.pool, { src: '198.51.100.1/32' }, ['kernel', 'later'])
      await until('the first', () => kernel.carried().includes(held))
      const toCanary = Date.now() - from
      expect(toCanary).toBeLessThan(3_000)
      await inState(database.pool, held, 'enforced')
      const steps = calls.filter((call) => !call.startsWith('later list'))
      const at = (call: string) => steps.indexOf(call)
      expect(at('kernel apply')).toBeLessThan(steps.indexOf('kernel list', at('kernel apply')))
      expect(steps.indexOf('kernel list', at('kernel apply'))).toBeLessThan(at('later apply'))
      expect(other.carried()).toEqual([held])
      // Once it has held, it has the rule for the whole of its time.
      const left = /expires (?:(\d+)m)?(?:(\d+)s)?/.exec(kernel.inside(['nft', 'list', 'set', 'inet', 'weir', 'drop_l3_v4_0']))
      expect(Number(left?.[1] ?? 0)).toBeGreaterThanOrEqual(9)

      cut = true
      calls.length = 0
      const cutAt = Date.now()
      const lost = await approved(database.pool, { src: '198.51.100.2/32' }, ['kernel', 'later'])
      await until('the first', () => kernel.carried().includes(lost))
      // The device lets go of it by its own clock, whoever comes back.
      await until('the device to let go', () => !kernel.carried().includes(lost), 15_000)
      const failed = await inState(database.pool, lost, 'failed')
      process.stdout.write(
        `B35: approve to the first device ${toCanary} ms; a probe that fails within ${probeMs} ms is rolled back after ${Date.now() - cutAt} ms\n`,
      )
      // Ten seconds of the 130 are for everything but the probe's own 120.
      expect(Date.now() - cutAt).toBeLessThan(probeMs + 10_000)
      expect(calls).not.toContain('later apply')
      expect(other.carried()).toEqual([held])
      expect(failed.timeline.some(({ text }) => text.includes('no answer'))).toBe(true)
      expect((await verifyStored(database.pool)).problem).toBeNull()
    } finally {
      await halt()
      other.remove()
    }
  })

  it('B36: while the audit log refuses, no device is told anything', { timeout: 240_000 }, async () => {
    const { pool } = database
    const each = NIGHT ? 300 : 30
    const calls: string[] = []
    const counted: typeof driverFor = (device, keyDir) => {
      const driver = driverFor(device, keyDir)
      if (driver === null) return null
      const call =
        (what: 'apply' | 'undo') =>
        (text: string): Promise<void> => {
          calls.push(what)
          return driver[what](text)
        }
      return { apply: call('apply'), undo: call('undo'), list: () => driver.list() }
    }
    const source = (i: number) => `203.0.${113 + Math.floor(i / 250)}.${1 + (i % 250)}/32`
    const make = (kind: string, from: number) =>
      onTheirWay(
        pool,
        Array.from({ length: each }, (_, i) => ({
          id: `${kind}-${i}`,
          src: source(from + i),
          seconds: 600,
          devices: [{ id: 'kernel', dialect: 'nftables' }],
        })),
        from,
      )
    await make('over', 0)
    await make('gone', each)
    await start({ driverFor: counted, reconcileMs: 500 })
    await until(
      'them to be there',
      async () => {
        const { rows } = await pool.query<{ n: number }>(`select count(*)::int as n from block where state = 'enforced'`)
        return rows[0]?.n === each * 2
      },
      60_000,
    )
    await halt()
    const first = calls.length
    expect(first).toBe(each * 2)

    await make('new', each * 2)
    await make('asked', each * 3)
    await pool.query(`update block set state = 'approved' where id like 'asked-%'`)
    await pool.query(`update block_device set state = 'waiting' where block_id like 'asked-%'`)
    await pool.query(`update block set expires_at = now() where id like 'over-%'`)
    kernel.inside(['nft', 'flush', 'ruleset'])
    await pool.query(
      `create function no_audit() returns trigger language plpgsql as 'begin raise exception ''audit is full''; end';
       create trigger no_audit before insert on audit_entry for each row execute function no_audit()`,
    )
    // Each pass tries all that is due until the log refuses; several passes, and once more after a restart.
    for (let run = 0; run < 2; run++) {
      await start({ driverFor: counted, reconcileMs: 500 })
      await pause(NIGHT ? 20_000 : 4_000)
      await halt()
    }
    for (let i = 0; i < each; i++) await expect(beginReassert(pool, `gone-${i}`, 'kernel')).rejects.toThrow('audit is full')
    expect(calls.length - first).toBe(0)
    expect(kernel.carried()).toEqual([])

    await pool.query('drop trigger no_audit on audit_entry')
    await start({ driverFor: counted, reconcileMs: 500 })
    await inState(pool, 'over-0', 'expired')
    await inState(pool, 'new-0', 'enforced')
    await until('what went missing to be back', () => kernel.carried().filter((id) => id.startsWith('gone-')).length === each, 60_000)
    process.stdout.write(`B36: ${each * 4} blocks waited for a device, 0 calls while the log refused, ${calls.length - first} after\n`)
  })
})
