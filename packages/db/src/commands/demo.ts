import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import type { AuditActor } from '../contracts/audit.ts'
import { deleteExporterData } from '../maintain.ts'
import { exporter } from '../schema/relational.ts'
import { changing, recordAudit } from './transaction.ts'

/** What the demo left in the database: its exporters and how many flows they sent, as they counted. */
export async function demoState(pool: Pool): Promise<{ present: boolean; exporters: number; flows: number }> {
  const [row] = await drizzle(pool)
    .select({ exporters: sql<number>`count(*)::int`, flows: sql<number>`coalesce(sum(${exporter.flows}), 0)::float8` })
    .from(exporter)
    .where(sql`${exporter.demo}`)
  return { present: (row?.exporters ?? 0) > 0, exporters: row?.exporters ?? 0, flows: row?.flows ?? 0 }
}

/**
 * Delete the demo's exporters with everything they sent, rollups included, and tell every listener. Gives how much went.
 * Deleting takes many transactions, so the audit log holds the intent before and the outcome after.
 * Errors are those of `deleteExporterData`; asking again finishes what was begun.
 */
export async function removeDemo(pool: Pool, actor: AuditActor): Promise<{ exporters: number; flows: number }> {
  const demo = await drizzle(pool).select({ id: exporter.id }).from(exporter).where(sql`${exporter.demo}`)
  const record = { event: 'demo.remove', actor, subject: 'demo' }
  await recordAudit(pool, { ...record, phase: 'intent', before: { exporters: demo.map((row) => row.id) } })
  const removed = await deleteExporterData(
    pool,
    demo.map((row) => row.id),
  )
  const result = { exporters: removed.exporters, flows: removed.flows }
  return await changing(pool, 'exporters', () => Promise.resolve({ result, record: { ...record, after: { removed: result } } }))
}
