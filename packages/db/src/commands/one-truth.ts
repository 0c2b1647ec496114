import { eq } from 'drizzle-orm'
import type { Pool } from 'pg'
import type { AuditActor } from '../contracts/audit.ts'
import { setting } from '../schema/relational.ts'
import { changing, lockOne } from './transaction.ts'

/**
 * Switch the rule on or off by which a conversation that several exporters see counts once. Collectors follow within seconds; what is stored
 * stays as it was counted. Returns what it was before.
 */
export async function setOneTruth(pool: Pool, actor: AuditActor, enabled: boolean): Promise<boolean> {
  return changing(pool, 'settings', async (tx) => {
    await lockOne(tx, 'weir one truth')
    const [row] = await tx.select({ value: setting.value }).from(setting).where(eq(setting.key, 'one_truth'))
    const before = row?.value !== false
    await tx
      .insert(setting)
      .values({ key: 'one_truth', value: enabled })
      .onConflictDoUpdate({ target: setting.key, set: { value: enabled } })
    return {
      result: before,
      record: { event: 'one-truth.set', actor, subject: 'setting:one_truth', before: { enabled: before }, after: { enabled } },
    }
  })
}
