import { asc, sql } from 'drizzle-orm'
import type { Pool } from 'pg'
import type { AuditActor } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import type { ServiceRuleRow } from '../queries/settings.ts'
import { serviceRule } from '../schema/relational.ts'
import { changing } from './transaction.ts'

/**
 * Put the service rules into this order, the first tried first. `ids` names every present rule once.
 * QueryError `conflict` when it does not: someone has added or removed a rule meanwhile. Answers the rules in their new order.
 */
export async function orderServiceRules(pool: Pool, actor: AuditActor, ids: readonly number[]): Promise<ServiceRuleRow[]> {
  return await changing(pool, 'settings', async (tx) => {
    const present = await tx
      .select({ id: serviceRule.id })
      .from(serviceRule)
      .orderBy(asc(serviceRule.position), asc(serviceRule.id))
      .for('update')
    const wanted = new Set(ids)
    if (wanted.size !== ids.length || wanted.size !== present.length || present.some((rule) => !wanted.has(rule.id))) {
      throw new QueryError('conflict', 'The rules have changed since they were read.', 'Reload the list and order it again.')
    }
    await tx.execute(
      sql`update service_rule r set position = o.position from unnest(${sql.param([...ids])}::int[]) with ordinality o (id, position) where r.id = o.id`,
    )
    const result = await tx.select().from(serviceRule).orderBy(asc(serviceRule.position), asc(serviceRule.id))
    const before = { ids: present.map((rule) => rule.id) }
    return { result, record: { event: 'service-rules.order', actor, subject: 'service-rules', before, after: { ids } } }
  })
}
