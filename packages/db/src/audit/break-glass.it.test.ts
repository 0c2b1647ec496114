import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { breakGlassFile, mergeBreakGlass, recordBreakGlass } from './break-glass.ts'
import { verifyStored } from './check.ts'
import { listAudit } from './list.ts'
import { openSigningKey } from './signing-key.ts'

let db: TestDatabase
let dataDir: string
beforeAll(async () => {
  db = await createTestDatabase('postgres')
  dataDir = mkdtempSync(join(tmpdir(), 'weir-glass-'))
})
afterAll(async () => {
  await db.drop()
  rmSync(dataDir, { recursive: true, force: true })
})
const key = () => openSigningKey(dataDir)
const record = (phase: 'intent' | 'outcome', reason: string) =>
  recordBreakGlass(dataDir, key(), { phase, user: 'root', subject: 'block:blk-1', reason, after: { devices: ['edge'] } })
const entries = async () => (await listAudit(db.pool, { event: 'break-glass', limit: 50 })).entries.reverse()

it('what was done from the terminal is taken over once, in order, whoever asks', async () => {
  expect(await mergeBreakGlass(db.pool, dataDir, key)).toBe(0)
  record('intent', 'it blocks us')
  record('outcome', 'it blocks us')
  const added = await Promise.all([mergeBreakGlass(db.pool, dataDir, key), mergeBreakGlass(db.pool, dataDir, key)])
  expect(added.sort()).toEqual([0, 2])
  record('intent', 'again')
  expect(await mergeBreakGlass(db.pool, dataDir, key)).toBe(1)
  expect(await mergeBreakGlass(db.pool, dataDir, key)).toBe(0)
  expect(await entries()).toMatchObject([
    {
      event: 'break-glass.end',
      phase: 'intent',
      actor: 'console:root',
      subject: 'block:blk-1',
      reason: 'it blocks us',
      after: { number: 1, did: { devices: ['edge'] } },
    },
    { phase: 'outcome', after: { number: 2 } },
    { phase: 'intent', reason: 'again', after: { number: 3 } },
  ])
  expect((await verifyStored(db.pool)).problem).toBeNull()
})

it.each([
  ['a changed word', (text: string) => text.replace('it blocks us', 'it helped us'), 1],
  ['a line left out', (text: string) => text.split('\n').slice(1).join('\n'), 1],
  ['two lines swapped', (text: string) => text.split('\n').toReversed().join('\n').trimStart(), 1],
  ['a line of somebody else', (text: string) => `${text}{"document":"{}","signature":"AAAA"}\n`, 4],
])('%s is found, and nothing of it is taken over', async (_what, change, line) => {
  const file = breakGlassFile(dataDir)
  const whole = readFileSync(file, 'utf8')
  try {
    writeFileSync(file, change(whole))
    await expect(mergeBreakGlass(db.pool, dataDir, key)).rejects.toMatchObject({
      code: 'break-glass',
      message: expect.stringContaining(`line ${line} `),
    })
    expect(() => record('intent', 'on top of it')).toThrow(/line/)
    expect(await entries()).toHaveLength(3)
  } finally {
    writeFileSync(file, whole)
  }
})
