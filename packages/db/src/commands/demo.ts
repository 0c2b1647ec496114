import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import { deleteExporterData } from '../maintain.ts'
import { exporter } from '../schema/relational.ts'
import { changing } from './transaction.ts'

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
 * Errors are those of `deleteExporterData`; asking again finishes what was begun.
 */
export async function removeDemo(pool: Pool): Promise<{ exporters: number; flows: number }> {
  const demo = await drizzle(pool).select({ id: exporter.id }).from(exporter).where(sql`${exporter.demo}`)
  const removed = await deleteExporterData(
    pool,
    demo.map((row) => row.id),
  )
  await changing(pool, 'exporters', () => Promise.resolve())
  return { exporters: removed.exporters, flows: removed.flows }
}
