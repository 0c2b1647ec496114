import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { withdrawBlock } from '@weir/db/commands'
import { block } from '@weir/db/queries'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addDevice, addPeople, approved, inState, OPERATOR, until } from '../../test/blocks.ts'
import {
  type BgpDevice,
  bgpDevice,
  devicesMissing,
  type NftDevice,
  nftDevice,
  type SshDevice,
  sshDevice,
  toolsOnPath,
} from '../../test/devices.ts'
import { Reporter } from '../reporter.ts'
import { Enforce } from './enforce.ts'

const noSsh = devicesMissing(['nft', 'ssh', 'sshd', 'ssh-keygen'], true)
const noBgp = devicesMissing(['gobgpd', 'gobgp'], false)
toolsOnPath(['nft', 'ssh', 'gobgp'])

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase('postgres')
  await addPeople(database.pool)
})
afterAll(async () => database?.drop())

const enforcing = async (keyDir: string) => {
  const settings = { databaseUrl: database.url, keyDir, reconcileMs: 500, quietMs: 1_000 }
  const enforce = new Enforce(database.pool, settings, new Reporter({ level: 'silent', metricsPort: null }))
  await enforce.start()
  return enforce
}
const endsNow = (id: string) => database.pool.query(`update block set expires_at = now() where id = $1`, [id])

describe.skipIf(noSsh !== null)(`nftables over a real SSH server${noSsh === null ? '' : ` (skipped: ${noSsh})`}`, () => {
  let router: NftDevice
  let ssh: SshDevice
  let enforce: Enforce
  beforeAll(async () => {
    router = nftDevice()
    ssh = await sshDevice(router)
    await addDevice(database.pool, {
      id: 'far',
      dialect: 'nftables',
      transport: 'ssh',
      address: ssh.address,
      config: { user: 'root', port: ssh.port },
    })
    enforce = await enforcing(ssh.keyDir)
  })
  afterAll(async () => {
    await enforce?.stop()
    await ssh?.stop()
    router?.remove()
  })

  it('puts a rule there within two seconds, puts it back when it goes missing, and takes it away at its end', async () => {
    const id = await approved(database.pool, { src: '198.51.100.7/32', proto: 17, srcPorts: [{ low: 53, high: 53 }] }, ['far'])
    const from = Date.now()
    await until('the rule', () => router.carried().includes(id))
    expect(Date.now() - from).toBeLessThan(2_000)
    await inState(database.pool, id, 'enforced')
    router.inside(['nft', 'delete', 'table', 'inet', 'weir'])
    await until('the rule to be back', () => router.carried().includes(id))
    await until('its record', async () => (await block(database.pool, id, null)).deviceDetails[0]?.reasserted === 1)
    await endsNow(id)
    await inState(database.pool, id, 'expired')
    expect(router.carried()).toEqual([])
  })

  it('speaks to no server whose key is not the pinned one, and says so', async () => {
    const known = path.join(ssh.keyDir, 'known_hosts')
    const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIHCmSCDpsHQB8NsIs0SyvOWqbGXZdGy7VcZDcvCKNKyn'
    writeFileSync(known, `${ssh.address} ssh-ed25519 ${other}\n`)
    const id = await approved(database.pool, { src: '198.51.100.8/32' }, ['far'])
    const now = await until('the refusal', async () => {
      const found = await block(database.pool, id, null)
      return found.devices[0]?.state === 'unreachable' ? found : null
    })
    expect(now.devices[0]?.lastError).toMatch(/host key|identification/i)
    expect(router.carried()).toEqual([])
    await withdrawBlock(database.pool, { id, reason: 'test' }, OPERATOR)
  })
})

describe.skipIf(noBgp !== null)(`BGP through a real GoBGP${noBgp === null ? '' : ` (skipped: ${noBgp})`}`, () => {
  let speaker: BgpDevice
  let enforce: Enforce
  beforeAll(async () => {
    speaker = await bgpDevice()
    for (const dialect of ['gobgp-flowspec', 'gobgp-rtbh'])
      await addDevice(database.pool, { id: dialect, dialect, transport: 'gobgp', address: '127.0.0.1', config: { port: speaker.port } })
    enforce = await enforcing('/nonexistent')
  })
  afterAll(async () => {
    await enforce?.stop()
    await speaker?.stop()
  })

  it('announces a flow route that it holds and shows, and withdraws it at the end', async () => {
    const match = { src: '198.51.100.9/32', dst: '203.0.113.10/32', proto: 17, srcPorts: [{ low: 53, high: 53 }] }
    const id = await approved(database.pool, match, ['gobgp-flowspec'])
    const from = Date.now()
    const text = await until('the route', () => {
      const table = speaker.table('ipv4-flowspec')
      return table.includes('198.51.100.9/32') ? table : null
    })
    expect(Date.now() - from).toBeLessThan(2_000)
    expect(text).toMatch(
      /\[destination: 203\.0\.113\.10\/32\]\s*\[source: 198\.51\.100\.9\/32\]\s*\[protocol: ==udp ?\]\s*\[source-port: ==53 ?\]/,
    )
    expect(text).toMatch(/discard/)
    await inState(database.pool, id, 'enforced')
    // What it shows is recognised, so that nothing is put back that is there.
    const seenAt = async () => Date.parse((await block(database.pool, id, null)).deviceDetails[0]?.seenAt ?? '')
    const first = await until('a comparison', async () => ((await seenAt()) > from ? await seenAt() : null))
    await until('another', async () => (await seenAt()) > first)
    expect((await block(database.pool, id, null)).deviceDetails[0]).toMatchObject({ reasserted: 0 })
    await endsNow(id)
    await inState(database.pool, id, 'expired')
    expect(speaker.table('ipv4-flowspec')).not.toContain('198.51.100.9')
  })

  it('announces a black hole with its community, again after the speaker lost it, and withdraws it', async () => {
    const id = await approved(database.pool, { dst: '203.0.113.66/32' }, ['gobgp-rtbh'])
    await until('the route', () => speaker.table('ipv4').includes('203.0.113.66/32'))
    expect(speaker.table('ipv4')).toMatch(/203\.0\.113\.66\/32\s+192\.0\.2\.1[\s\S]*blackhole/i)
    await inState(database.pool, id, 'enforced')
    // Somebody else withdraws it: it is missed and there again with the next comparison.
    const { undo } = (await block(database.pool, id, null)).deviceDetails[0] ?? expect.fail('no text')
    expect(undo).toContain('rib del')
    const { spawnSync } = await import('node:child_process')
    const [program = '', ...rest] = undo.trim().split(' ')
    spawnSync(program, ['-p', String(speaker.port), ...rest])
    await until('the route to be there again', () => speaker.table('ipv4').includes('203.0.113.66/32'))
    await until('its record', async () => (await block(database.pool, id, null)).deviceDetails[0]?.reasserted === 1)
    await withdrawBlock(database.pool, { id, reason: 'test' }, OPERATOR)
    await inState(database.pool, id, 'withdrawn')
    expect(speaker.table('ipv4')).not.toContain('203.0.113.66')
  })
})
