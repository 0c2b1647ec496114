import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { requestBlock, simulateBlock, withdrawBlock } from '@weir/db/commands'
import { closePool, createPool } from '@weir/db/connection'
import { type AuditActor, SimulateBody } from '@weir/db/contracts'
import { block } from '@weir/db/queries'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Reporter } from '../reporter.ts'
import { driverFor } from './drivers.ts'
import { Enforce } from './enforce.ts'
import { DeviceError, run } from './run.ts'

const NAMESPACE = `weir-enforce-${process.pid}`
const can = process.getuid?.() === 0 && spawnSync('ip', ['netns', 'add', NAMESPACE]).status === 0 && spawnSync('nft', ['-v']).status === 0
const OPERATOR: AuditActor = { kind: 'person', id: 'op', role: 'operator', session: 's' }
const ADMIN: AuditActor = { kind: 'person', id: 'ad', role: 'admin', session: 's' }

async function until<T>(look: () => Promise<T | null | false>, limit = 20_000): Promise<T> {
  const deadline = Date.now() + limit
  for (;;) {
    const got = await look()
    if (got !== null && got !== false) return got
    if (Date.now() > deadline) throw new Error('waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('running programs', () => {
  it('passes words as they are: no shell reads them', async () => {
    expect(await run(['printf', '%s|', '$(id)', '; true', '`id`'], '', 5_000)).toBe('$(id)|; true|`id`|')
  })
  it('gives no secret of its own to what it starts', async () => {
    process.env.WEIR_TEST_SECRET = 'canary'
    expect(await run(['env'], '', 5_000)).not.toContain('canary')
  })
  it('says whether a device was reached', async () => {
    await expect(run(['no-such-program'], '', 5_000)).rejects.toMatchObject({ unreachable: true })
    await expect(run(['sleep', '5'], '', 100)).rejects.toMatchObject({ unreachable: true })
    await expect(run(['false'], '', 5_000)).rejects.toMatchObject({ unreachable: false })
    await expect(run(['false'], '', 5_000)).rejects.toBeInstanceOf(DeviceError)
  })
})

describe.skipIf(!can)('enforcement on a real nftables', () => {
  let database: TestDatabase
  let enforce: Enforce | null = null
  const keyDir = mkdtempSync(path.join(tmpdir(), 'weir-keys-'))
  const listing = () => spawnSync('ip', ['netns', 'exec', NAMESPACE, 'nft', 'list', 'table', 'inet', 'weir'], { encoding: 'utf8' }).stdout
  const start = async () => {
    const settings = { databaseUrl: database.url, keyDir, reconcileMs: 300, quietMs: 1_000 }
    enforce = new Enforce(database.pool, settings, new Reporter({ level: 'silent', metricsPort: null }))
    await enforce.start()
  }
  const ask = async (src: string, devices = ['lab']) => {
    const match = { src, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }
    const simulation = await simulateBlock(database.pool, SimulateBody.parse({ match, devices, ttlSeconds: 60 }), OPERATOR)
    return requestBlock(
      database.pool,
      { simulationId: simulation.id, emergencyReason: null, reason: 'test' },
      { actor: OPERATOR, stepUpAt: new Date(Date.now() - 1_000) },
    )
  }
  const inState = (id: string, ...states: string[]) =>
    until(async () => {
      const now = await block(database.pool, id, null)
      return states.includes(now.state) ? now : null
    })

  beforeAll(async () => {
    database = await createTestDatabase('postgres')
    for (const { id, role } of [OPERATOR, ADMIN])
      await database.pool.query('insert into auth_user (id, name, email, role) values ($1, $1, $2, $3)', [id, `${id}@example.org`, role])
    await database.pool.query(
      `insert into device (id, name, dialect, transport, config) values
         ('lab', 'Lab', 'nftables', 'local', $1), ('gone', 'Gone', 'nftables', 'local', '{"netns": "weir-no-such"}')`,
      [JSON.stringify({ netns: NAMESPACE })],
    )
  })
  afterEach(async () => {
    await enforce?.stop()
    enforce = null
  })
  afterAll(async () => {
    await database?.drop()
    rmSync(keyDir, { recursive: true, force: true })
    spawnSync('ip', ['netns', 'del', NAMESPACE])
  })

  const approved = async (src: string, devices?: string[]) => {
    const asked = await ask(src, devices)
    // No traffic is stored here, so the collateral is unknown and a second person is asked for; that path has its own tests.
    await database.pool.query(`update block set state = 'approved', collateral_share = 0 where id = $1`, [asked.id])
    return asked.id
  }

  it('puts an approved rule on the device within two seconds, puts it back when it goes missing, and takes it away', async () => {
    await start()
    const id = await approved('198.51.100.7/32')
    const at = Date.now()
    await inState(id, 'enforced', 'verified')
    expect(Date.now() - at).toBeLessThan(2_000)
    expect(listing()).toContain(`weir-${id}`)
    spawnSync('ip', ['netns', 'exec', NAMESPACE, 'nft', 'delete', 'table', 'inet', 'weir'])
    await until(async () => (await block(database.pool, id, null)).deviceDetails[0]?.reasserted === 1)
    expect(listing()).toContain(`weir-${id}`)
    await withdrawBlock(database.pool, { id, reason: 'done' }, OPERATOR)
    await inState(id, 'withdrawn')
    expect(listing()).not.toContain(`weir-${id}`)
  })

  it('never proves what it cannot see: no exporter and no counted packet', async () => {
    await start()
    const id = await approved('198.51.100.8/32')
    await inState(id, 'enforced')
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    const now = await block(database.pool, id, null)
    expect(now.state).toBe('enforced')
    expect(now.proof.note).toContain('No exporter')
    await withdrawBlock(database.pool, { id, reason: 'done' }, OPERATOR)
    await inState(id, 'withdrawn')
  })

  it('shows a device that does not answer, and takes the rest of the time when it does', async () => {
    await start()
    const id = await approved('198.51.100.9/32', ['gone', 'lab'])
    const now = await until(async () => {
      const found = await block(database.pool, id, null)
      return found.devices.some(({ lastError }) => lastError !== null) ? found : null
    })
    expect(now.state).toBe('applying')
    await until(async () => listing().includes(`weir-${id}`))
  })

  it('ends what ended while nobody ran', async () => {
    const id = await approved('198.51.100.10/32')
    await start()
    await inState(id, 'enforced')
    await enforce?.stop()
    await database.pool.query(`update block set expires_at = now() - interval '1 second' where id = $1`, [id])
    await start()
    await inState(id, 'expired')
    expect(listing()).not.toContain(`weir-${id}`)
  })

  it('does not wait for a device that says nothing when it is stopped; the next one goes on', async () => {
    const pool = createPool({ connectionString: database.url, applicationName: 'weir-test-enforce', onError: () => undefined })
    let asked = 0
    const silent: typeof driverFor = () => {
      const never = () => {
        asked++
        return new Promise<never>(() => undefined)
      }
      return { apply: never, undo: never, list: never }
    }
    const first = new Enforce(
      pool,
      { databaseUrl: database.url, keyDir, reconcileMs: 300, quietMs: 1_000, driverFor: silent },
      new Reporter({ level: 'silent', metricsPort: null }),
    )
    await first.start()
    const id = await approved('198.51.100.12/32')
    await until(async () => asked > 0)
    const from = Date.now()
    await first.stop(3_000)
    await closePool(pool, 100)
    expect(Date.now() - from).toBeLessThan(5_000)
    expect(listing()).not.toContain(`weir-${id}`)
    await start()
    await inState(id, 'enforced')
    expect(listing()).toContain(`weir-${id}`)
  })

  it('touches no device when the audit log refuses', async () => {
    const id = await approved('198.51.100.11/32')
    await database.pool.query(
      `create function no_audit() returns trigger language plpgsql as 'begin raise exception ''audit is full''; end';
       create trigger no_audit before insert on audit_entry for each row execute function no_audit()`,
    )
    await start()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(listing()).not.toContain(`weir-${id}`)
    await database.pool.query('drop trigger no_audit on audit_entry')
    await inState(id, 'enforced')
  })
})

it('has no driver for a device that a person configures', () => {
  expect(
    driverFor({ id: 'x', name: 'x', dialect: 'junos', transport: 'none', address: null, config: {}, exporter_ids: [] }, '/'),
  ).toBeNull()
})
