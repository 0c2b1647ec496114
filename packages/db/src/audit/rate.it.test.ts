import { afterAll, beforeAll, expect, it } from 'vitest'
import { inTransaction } from '../commands/audit.ts'
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
const SECONDS = 3

/** How often 16 writers do `work` a second. */
async function rateOf(work: (writer: number, n: number) => Promise<unknown>): Promise<{ rate: number; written: number }> {
  const began = performance.now()
  let written = 0
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; performance.now() - began < SECONDS * 1000; n++) {
        await work(writer, n)
        written++
      }
    }),
  )
  return { rate: written / ((performance.now() - began) / 1000), written }
}

it('takes at least 200 entries a second from 16 writers, in one chain', async () => {
  const append = (writer: number, n: number) =>
    recordAudit(pool, {
      event: 'test.append',
      actor: { kind: 'person', id: `writer-${writer}`, role: 'operator', session: 'a session' },
      subject: `test:${n}`,
      before: { name: 'before', ports: [1, 2, 3] },
      after: { name: 'after', ports: [4, 5, 6] },
    })
  // What this machine does for transactions that only wait for their turn: on a busy one the bar is a third of that.
  await pool.query('create table plain (n int)')
  const plain = async () => {
    await inTransaction(pool, async (client) => {
      await client.query(`select pg_advisory_xact_lock(hashtextextended('plain', 0))`)
      await client.query('insert into plain values (1)')
    })
  }
  const bar = await rateOf(plain)
  const { rate, written } = await rateOf(append)
  console.info(`audit: ${Math.round(rate)} entries a second from ${WRITERS} writers; ${Math.round(bar.rate)} transactions that do nothing`)
  const verdict = await verifyStored(pool)
  expect(verdict.problem).toBeNull()
  expect(verdict.head.seq).toBe(written)
  expect(rate).toBeGreaterThanOrEqual(Math.min(200, bar.rate / 3))
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
  // Of this process's own time: what else the machine does is not measured.
  const began = process.cpuUsage()
  for (const entry of entries) if (!verifier.push(entry)) break
  verifier.finish()
  const { user, system } = process.cpuUsage(began)
  const rate = entries.length / ((user + system) / 1e6)
  console.info(`audit: ${Math.round(rate)} entries verified a second`)
  expect(verifier.problem).toBeNull()
  expect(verifier.head.seq).toBe(entries.length)
  expect(rate).toBeGreaterThanOrEqual(50_000)
})
