import { eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import type { AuditActor } from '../contracts/audit.ts'
import { deleteExporterData } from '../maintain.ts'
import { exporter, serviceRule } from '../schema/relational.ts'
import { importServiceRules, type ServiceRuleChange } from './services.ts'
import { changing, recordAudit } from './transaction.ts'

/** What the demo's rules carry as their source: removing the demo takes exactly these. */
const SOURCE = 'demo'

/** What the demo left in the database: its exporters and how many flows they sent, as they counted. */
export async function demoState(pool: Pool): Promise<{ present: boolean; exporters: number; flows: number }> {
  const [row] = await drizzle(pool)
    .select({ exporters: sql<number>`count(*)::int`, flows: sql<number>`coalesce(sum(${exporter.flows}), 0)::float8` })
    .from(exporter)
    .where(sql`${exporter.demo}`)
  return { present: (row?.exporters ?? 0) > 0, exporters: row?.exporters ?? 0, flows: row?.flows ?? 0 }
}

/**
 * Name the demo's services by rules, as people do theirs, once per demo: while demo exporters are there, what was changed or removed stays
 * so. Gives how many were added.
 */
export async function nameDemoServices(pool: Pool, actor: AuditActor, rules: readonly ServiceRuleChange[]): Promise<number> {
  if ((await demoState(pool)).present) return 0
  const [known] = await drizzle(pool).select({ id: serviceRule.id }).from(serviceRule).where(eq(serviceRule.source, SOURCE)).limit(1)
  if (known !== undefined) return 0
  await importServiceRules(pool, actor, rules, { source: SOURCE })
  return rules.length
}

/**
 * Delete the demo's exporters with everything they sent, rollups included, and its service rules, and tell every listener. Gives how much
 * went.
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
  await changing(pool, 'exporters', () => Promise.resolve({ result, record: { ...record, after: { removed: result } } }))
  const named = drizzle(pool).select({ id: serviceRule.id }).from(serviceRule).where(eq(serviceRule.source, SOURCE))
  if ((await named).length > 0)
    await changing(pool, 'settings', async (tx) => {
      const gone = await tx.delete(serviceRule).where(eq(serviceRule.source, SOURCE)).returning({ name: serviceRule.name })
      return { result: undefined, record: { ...record, before: { serviceRules: gone.length } } }
    })
  return result
}
