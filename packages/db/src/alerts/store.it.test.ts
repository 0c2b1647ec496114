import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { type ActiveAlert, recordAlerts } from './store.ts'

// One table, the same on both engines.
describe('the alerts of a collector', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase('postgres')
  })
  afterAll(() => database.drop())
  const alert = (since: string): ActiveAlert => ({
    name: 'db_unreachable',
    subject: '',
    severity: 'page',
    value: 6,
    sentence: 'The database takes no flows.',
    counter: 'weir_database_unreachable',
    runbook: 'docs/troubleshooting.md#db_unreachable',
    since,
  })
  const rows = async () =>
    (
      await database.pool.query<{ since: Date; ended: Date | null; messages: number }>(
        `select since, ended_at as ended, (select count(*)::int from notification n where n.system_alert_id = a.id) as messages
         from alert a order by since`,
      )
    ).rows.map(({ since, ended, messages }) => [since.toISOString(), ended?.toISOString() ?? null, messages])
  const page = { name: 'db_unreachable', subject: '', class: 'page' as const, channel: 'duty', payload: {}, sent: true }

  it('have a row and their message also when they came and went while nothing could be written', async () => {
    const { pool } = database
    const [from, to] = ['2026-11-21T01:00:00.000Z', '2026-11-21T01:00:30.000Z']
    await recordAlerts(pool, 'here', [], [{ ...alert(from), endedAt: to }], [page])
    expect(await rows()).toEqual([[from, to, 1]])
    // Written twice, as after a lost answer: still one.
    await recordAlerts(pool, 'here', [], [{ ...alert(from), endedAt: to }], [page])
    expect(await rows()).toEqual([[from, to, 1]])
  })

  it('that were written while they were on are ended, not written again', async () => {
    const { pool } = database
    const from = '2026-11-21T02:00:00.000Z'
    await recordAlerts(pool, 'here', [alert(from)], [], [page])
    await recordAlerts(pool, 'here', [], [{ ...alert(from), endedAt: '2026-11-21T02:00:40.000Z' }], [])
    const [, second, third] = await rows()
    expect(second).toEqual([from, expect.any(String), 1])
    expect(third).toBeUndefined()
  })
})
