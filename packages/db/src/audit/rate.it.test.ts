import { afterAll, beforeAll, expect, it } from 'vitest'
import { recordAudit } from '../commands/transaction.ts'
import { createPool, type Pool } from '../connection.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { type AuditContent, entryHash, GENESIS } from './chain.ts'
import { verifyStored } from './check.ts'
import { ChainVerifier } from './verify.ts'

let database: TestDatabase
let pool: Pool
beforeAll(async () => {
  database = await createTestDatabase('postgres')
  pool = createPool({ connectionString: database.url, applicationName: 'weir-test', max: WRITERS })
})
afterAll(async () => {
  await pool?.end()
  await database?.drop()
})

const WRITERS = 16
const SECONDS = 4

it('takes at least 200 entries a second from 16 writers, in one chain', async () => {
  const append = (writer: number, n: number) =>
    recordAudit(pool, {
      event: 'test.append',
      actor: { kind: 'person', id: `writer-${writer}`, role: 'operator', session: 'a session' },
      subject: `test:${n}`,
      before: { name: 'before', ports: [1, 2, 3] },
      after: { name: 'after', ports: [4, 5, 6] },
    })
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => append(writer, -1)))
  const began = performance.now()
  let written = 0
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; performance.now() - began < SECONDS * 1000; n++) {
        await append(writer, n)
        written++
      }
    }),
  )
  const rate = written / ((performance.now() - began) / 1000)
  console.info(`audit: ${Math.round(rate)} entries a second from ${WRITERS} writers`)
  const verdict = await verifyStored(pool)
  expect(verdict.problem).toBeNull()
  expect(verdict.head.seq).toBe(written + WRITERS)
  expect(rate).toBeGreaterThanOrEqual(200)
})

it('verifies at least 50,000 entries a second', () => {
  const content = (seq: number): AuditContent => ({
    seq,
    at: new Date(1_700_000_000_000 + seq).toISOString(),
    event: 'block.request',
    phase: 'outcome',
    actor: `person:${seq % 7}`,
    actorRole: 'operator',
    session: 'k3JxQ0v9pQ',
    subject: `block:blk-${seq}`,
    approver: null,
    reason: 'a flood',
    before: null,
    after: { state: 'approved', hash: 'a'.repeat(64), devices: ['edge-1', 'edge-2'], ttlSeconds: 3_600 },
  })
  let prevHash = GENESIS
  const entries = Array.from({ length: 60_000 }, (_, i) => {
    const entry = content(i + 1)
    const hash = entryHash(prevHash, entry)
    const made = { ...entry, prevHash, hash }
    prevHash = hash
    return made
  })
  const verifier = new ChainVerifier([], [])
  const began = performance.now()
  for (const entry of entries) if (!verifier.push(entry)) break
  verifier.finish()
  const rate = entries.length / ((performance.now() - began) / 1000)
  console.info(`audit: ${Math.round(rate)} entries verified a second`)
  expect(verifier.problem).toBeNull()
  expect(verifier.head.seq).toBe(entries.length)
  expect(rate).toBeGreaterThanOrEqual(50_000)
})
