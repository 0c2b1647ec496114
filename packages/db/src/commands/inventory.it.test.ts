import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool } from '../connection.ts'
import { systemActor } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { resolveExporters } from '../ingest/index.ts'
import { upsertInterfaces } from '../ingest/inventory.ts'
import { subscribe } from '../notify.ts'
import { exporters as exportersQuery } from '../queries/exporters.ts'
import { homeNetworks, serviceRules } from '../queries/settings.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { changeInterface, renameExporter, retireExporter } from './inventory.ts'
import { addServiceRule, changeServiceRule, importServiceRules, removeServiceRule, setHomeNetworks } from './services.ts'

// These tables are the same on both engines: one is enough.
let database: TestDatabase
let id: number
const actor = systemActor('test')

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  id = (await resolveExporters(database.pool, [{ address: '192.0.2.1' }])).get('192.0.2.1') ?? 0
})
afterAll(() => database.drop())

async function refusal(command: Promise<unknown>): Promise<QueryError> {
  try {
    await command
  } catch (error) {
    if (error instanceof QueryError) return error
    throw error
  }
  throw new Error('the command was accepted')
}

const only = async () => (await exportersQuery(database.pool)).exporters[0]

describe('exporters and interfaces', () => {
  it('an exporter gets a name, and loses it', async () => {
    await renameExporter(database.pool, actor, { id, name: '  edge 1 ' })
    expect((await only())?.name).toBe('edge 1')
    await renameExporter(database.pool, actor, { id, name: ' ' })
    expect((await only())?.name).toBeNull()
    expect(await refusal(renameExporter(database.pool, actor, { id: 999, name: 'x' }))).toMatchObject({ code: 'not-found' })
    for (const name of ['x'.repeat(201), 'a\u0000b', 'a\u001b[31m']) {
      expect(await refusal(renameExporter(database.pool, actor, { id, name }))).toMatchObject({ code: 'invalid' })
    }
  })

  it('an exporter is retired once and put back once', async () => {
    await retireExporter(database.pool, actor, { id, retired: true })
    expect((await only())?.state).toBe('retired')
    expect(await refusal(retireExporter(database.pool, actor, { id, retired: true }))).toMatchObject({ code: 'conflict' })
    await retireExporter(database.pool, actor, { id, retired: false })
    expect((await only())?.state).toBe('live')
    expect(await refusal(retireExporter(database.pool, actor, { id: 999, retired: true }))).toMatchObject({ code: 'not-found' })
  })

  it('an interface nobody described is added; what is left out stays', async () => {
    await changeInterface(database.pool, actor, { exporterId: id, ifIndex: 7, boundary: 'external' })
    await changeInterface(database.pool, actor, { exporterId: id, ifIndex: 7, name: 'uplink' })
    expect((await only())?.interfaces).toEqual([
      { ifIndex: 7, name: 'uplink', description: null, boundary: 'external', speedBitsPerSecond: null },
    ])
    await changeInterface(database.pool, actor, { exporterId: id, ifIndex: 7, boundary: null })
    expect((await only())?.interfaces[0]).toMatchObject({ name: 'uplink', boundary: null })
    expect(await refusal(changeInterface(database.pool, actor, { exporterId: 999, ifIndex: 1, name: 'x' }))).toMatchObject({
      code: 'not-found',
    })
    expect(await refusal(changeInterface(database.pool, actor, { exporterId: id, ifIndex: -1, name: 'x' }))).toMatchObject({
      code: 'invalid',
    })
    expect(await refusal(changeInterface(database.pool, actor, { exporterId: id, ifIndex: 1 }))).toMatchObject({ code: 'invalid' })
  })

  it('the name a person gave stands over what the exporter announces, until it is taken away', async () => {
    const announced = (name: string) =>
      upsertInterfaces(database.pool, [{ exporterId: id, ifIndex: 9, name, description: null, speedBitsPerSecond: null }])
    const shown = async () => (await only())?.interfaces.find(({ ifIndex }) => ifIndex === 9)?.name
    await announced('eth0')
    await changeInterface(database.pool, actor, { exporterId: id, ifIndex: 9, name: 'to the customer' })
    await announced('eth0')
    await announced('ether0')
    expect(await shown()).toBe('to the customer')
    await changeInterface(database.pool, actor, { exporterId: id, ifIndex: 9, name: ' ' })
    expect(await shown()).toBe('ether0')
  })
})

describe('service rules', () => {
  const rule = { name: 'DNS', prefix: null, proto: 17, portLow: 53, portHigh: null }

  it('are added at the end, changed in place and removed', async () => {
    const first = await addServiceRule(database.pool, actor, rule)
    expect(first).toMatchObject({ name: 'DNS', prefix: null, proto: 17, portLow: 53, portHigh: 53, source: 'ui', position: 0 })
    const second = await addServiceRule(database.pool, actor, {
      ...rule,
      name: ' web ',
      prefix: '10.0.0.0/24',
      proto: 6,
      portLow: 80,
      portHigh: 443,
    })
    expect(second).toMatchObject({ name: 'web', position: 1 })
    await changeServiceRule(database.pool, actor, first.id, { ...rule, prefix: '192.0.2.53', proto: null })
    expect(await serviceRules(database.pool)).toMatchObject([
      { id: first.id, name: 'DNS', prefix: '192.0.2.53/32', proto: null, portLow: 53, portHigh: 53 },
      { id: second.id, name: 'web', prefix: '10.0.0.0/24', proto: 6, portLow: 80, portHigh: 443 },
    ])
    await removeServiceRule(database.pool, actor, first.id)
    expect(await refusal(removeServiceRule(database.pool, actor, first.id))).toMatchObject({ code: 'not-found' })
    expect(await refusal(changeServiceRule(database.pool, actor, first.id, rule))).toMatchObject({ code: 'not-found' })
  })

  it.each([
    [{ name: '' }, /as people call it/],
    [{ prefix: '10.0.0.1/24' }, /10\.0\.0\.0\/24 for the network or 10\.0\.0\.1/],
    [{ prefix: 'intranet' }, /such as 10\.0\.0\.0\/8/],
    [{ proto: 256 }, /0 to 255/],
    [{ portLow: 70_000 }, /0 to 65535/],
    [{ portLow: null, portHigh: 53 }, /both, or none/],
    [{ portLow: 443, portHigh: 80 }, /80 to 443/],
    [{ prefix: null, proto: null, portLow: null }, /at least a network/],
  ])('with %j are refused', async (change, remedy) => {
    const error = await refusal(addServiceRule(database.pool, actor, { ...rule, ...change }))
    expect(error.code).toBe('invalid')
    expect(error.remedy).toMatch(remedy)
  })

  it('are imported all or none, in their order, behind or instead of the present ones', async () => {
    const rules = Array.from({ length: 1_500 }, (_, index) => ({ ...rule, name: `service ${index}`, portLow: index }))
    const all = await importServiceRules(database.pool, actor, rules, { replace: true })
    expect(all.map((one) => one.name)).toEqual(rules.map((one) => one.name))
    expect(new Set(all.map((one) => one.source))).toEqual(new Set(['file']))
    const error = await refusal(importServiceRules(database.pool, actor, [rule, { ...rule, portLow: -1 }], { replace: true }))
    expect([error.code, error.detail]).toEqual(['invalid', 'Rule 2: DNS: a port is out of range.'])
    expect(await serviceRules(database.pool)).toHaveLength(1_500)
    await importServiceRules(database.pool, actor, [rule], { replace: false, source: 'services.csv' })
    expect((await serviceRules(database.pool)).at(-1)).toMatchObject({ name: 'DNS', source: 'services.csv', position: 1_500 })
    await importServiceRules(database.pool, actor, [], { replace: true })
    expect(await serviceRules(database.pool)).toEqual([])
  })

  it('added at once keep different positions', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, index) => addServiceRule(database.pool, actor, { ...rule, name: `at once ${index}` })))
    expect((await serviceRules(database.pool)).map((one) => one.position)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})

describe('home networks', () => {
  it('are replaced as a whole, canonical and without doubles', async () => {
    expect(await setHomeNetworks(database.pool, actor, ['2001:DB8::/32', '10.0.0.0/8', '10.0.0.0/8', '192.0.2.1'])).toEqual([
      '10.0.0.0/8',
      '192.0.2.1/32',
      '2001:db8::/32',
    ])
    expect(await homeNetworks(database.pool)).toEqual(['10.0.0.0/8', '192.0.2.1/32', '2001:db8::/32'])
    expect(await refusal(setHomeNetworks(database.pool, actor, ['10.0.0.1/8']))).toMatchObject({ code: 'invalid' })
    expect(await homeNetworks(database.pool)).toHaveLength(3)
    expect(await setHomeNetworks(database.pool, actor, [])).toEqual([])
  })
})

it('a change is told to every listener once it is stored, and a refused one is not', async () => {
  const told: string[] = []
  const listening = Promise.withResolvers<void>()
  const subscription = subscribe(database.url, { changed: (event) => told.push(event.what), connected: () => listening.resolve() })
  await listening.promise
  await setHomeNetworks(database.pool, actor, ['10.0.0.0/8'])
  await renameExporter(database.pool, actor, { id, name: 'told' })
  await refusal(renameExporter(database.pool, actor, { id: 999, name: 'not told' }))
  await expect.poll(() => told).toEqual(['settings', 'exporters'])
  await subscription.close()
})

it('says that the database is unreachable', async () => {
  const gone = createPool({ connectionString: 'postgres://nobody@127.0.0.1:9/none', applicationName: 'weir-test', connectTimeoutMs: 2_000 })
  expect(await refusal(setHomeNetworks(gone, actor, ['10.0.0.0/8']))).toMatchObject({ code: 'database-unreachable', retry: true })
  await gone.end()
})
