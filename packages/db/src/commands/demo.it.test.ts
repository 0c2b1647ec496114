import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serviceRules } from '../queries/settings.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { nameDemoServices, removeDemo } from './demo.ts'
import { addServiceRule, importServiceRules } from './services.ts'

const CONSOLE = { kind: 'console', id: 'root' } as const
const rule = (name: string, prefix: string) => ({ name, prefix, proto: null, portLow: null, portHigh: null })
const DEMO = [rule('Mail', '10.40.50.10/32'), rule('Backup', '10.40.40.10/32')]

describe('the names of the demo’s services', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase('postgres')
  })
  afterAll(() => database.drop())

  const names = async () => (await serviceRules(database.pool)).map(({ name, source }) => `${name} (${source})`)

  it('are added once behind what is there, stay as people change them, and go with the demo and nothing else', async () => {
    await addServiceRule(database.pool, CONSOLE, rule('Our mail', '192.0.2.0/24'))
    expect(await nameDemoServices(database.pool, CONSOLE, DEMO)).toBe(2)
    expect(await names()).toEqual(['Our mail (ui)', 'Mail (demo)', 'Backup (demo)'])
    expect(await nameDemoServices(database.pool, CONSOLE, DEMO)).toBe(0)

    await database.pool.query(
      `insert into exporter (address, demo, first_seen, last_seen, formats) values ('127.66.1.1', true, now(), now(), '{IPFIX}')`,
    )
    await database.pool.query(`delete from service_rule where source = 'demo' and name = 'Mail'`)
    expect(await nameDemoServices(database.pool, CONSOLE, DEMO), 'what was removed while the demo runs').toBe(0)
    await importServiceRules(database.pool, CONSOLE, [rule('Of a file', '198.51.100.0/24')])

    expect(await removeDemo(database.pool, CONSOLE)).toMatchObject({ exporters: 1 })
    expect(await names()).toEqual(['Our mail (ui)', 'Of a file (file)'])
    const { rows } = await database.pool.query<{ event: string; phase: string }>(
      `select event, phase from audit_entry where event like 'demo.%' or event = 'service-rules.import' order by seq`,
    )
    expect(rows.map(({ event, phase }) => `${event} ${phase}`)).toEqual([
      'service-rules.import outcome',
      'service-rules.import outcome',
      'demo.remove intent',
      'demo.remove outcome',
      'demo.remove outcome',
    ])
    expect(await nameDemoServices(database.pool, CONSOLE, DEMO), 'a new demo').toBe(2)
  })
})
