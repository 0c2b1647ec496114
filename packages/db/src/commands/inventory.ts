import { and, eq } from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Pool } from 'pg'
import type { Written } from '../blocks/devices.ts'
import type { AuditActor } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { exporter, networkInterface } from '../schema/relational.ts'
import { changing } from './transaction.ts'

const NAME_MOST = 200

/** A name without surrounding blanks; null for none. Throws QueryError `invalid` when it is too long or has control characters. */
function cleanName(name: string | null): string | null {
  const trimmed = name?.trim() ?? ''
  if (trimmed === '') return null
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (trimmed.length > NAME_MOST || /[\u0000-\u001f\u007f-\u009f]/.test(trimmed)) {
    throw new QueryError(
      'invalid',
      `A name has at most ${NAME_MOST} characters and no control characters.`,
      'Choose a shorter, plain name.',
    )
  }
  return trimmed
}

const noExporter = (id: number): QueryError => new QueryError('not-found', `There is no exporter ${id}.`, 'Reload the list of exporters.')

/** Give an exporter a name, or take it away (null or blank). QueryError `invalid`, `not-found`. */
export async function renameExporter(pool: Pool, actor: AuditActor, change: { id: number; name: string | null }): Promise<void> {
  const name = cleanName(change.name)
  await changing(pool, 'exporters', async (tx) => {
    const [before] = await tx.select({ name: exporter.name }).from(exporter).where(eq(exporter.id, change.id)).for('update')
    if (before === undefined) throw noExporter(change.id)
    await tx.update(exporter).set({ name }).where(eq(exporter.id, change.id))
    const record = { event: 'exporter.rename', actor, subject: `exporter:${change.id}`, before, after: { name } }
    return { result: undefined, record }
  })
}

/**
 * Retire an exporter (it counts as gone, and silence is no longer a fault) or put it back. Only what is not so already is changed.
 * QueryError `not-found`; `conflict` when it is so already.
 */
export async function retireExporter(pool: Pool, actor: AuditActor, change: { id: number; retired: boolean }): Promise<void> {
  await changing(pool, 'exporters', async (tx) => {
    const { result, record } = await writeRetired(tx, change)
    return { result, record: { ...record, actor } }
  })
}

/** The same in the caller's transaction. */
export async function writeRetired(
  tx: NodePgDatabase,
  change: { id: number; retired: boolean; reason?: string | undefined },
): Promise<Written<null>> {
  const [found] = await tx.select({ retired: exporter.retired }).from(exporter).where(eq(exporter.id, change.id)).for('update')
  if (found === undefined) throw noExporter(change.id)
  if ((found.retired !== null) === change.retired) {
    const state = change.retired ? 'retired' : 'in service'
    throw new QueryError('conflict', `Exporter ${change.id} is ${state} already.`, 'Reload the list of exporters.')
  }
  await tx
    .update(exporter)
    .set({ retired: change.retired ? new Date() : null })
    .where(eq(exporter.id, change.id))
  const event = change.retired ? 'exporter.retire' : 'exporter.restore'
  return { result: null, record: { event, subject: `exporter:${change.id}`, reason: change.reason } }
}

/**
 * Name an interface, or say on which side of the network's edge it is; what is left out stays. An interface nobody described yet is added.
 * A name stands over what the exporter announces; without one (null or blank) the announced name shows again.
 * QueryError `invalid`, `not-found` (no such exporter).
 */
export async function changeInterface(
  pool: Pool,
  actor: AuditActor,
  change: { exporterId: number; ifIndex: number; name?: string | null | undefined; boundary?: 'external' | 'internal' | null | undefined },
): Promise<void> {
  if (!Number.isInteger(change.ifIndex) || change.ifIndex < 0 || change.ifIndex > 4_294_967_295) {
    throw new QueryError('invalid', `${change.ifIndex} is not an interface index.`, 'Give a whole number from 0 to 4294967295.')
  }
  const set = {
    ...(change.name === undefined ? {} : { givenName: cleanName(change.name) }),
    ...(change.boundary === undefined ? {} : { boundary: change.boundary }),
  }
  if (Object.keys(set).length === 0) throw new QueryError('invalid', 'Nothing is to be changed.', 'Give a name or a boundary.')
  await changing(pool, 'exporters', async (tx) => {
    const [known] = await tx.select({ id: exporter.id }).from(exporter).where(eq(exporter.id, change.exporterId)).for('key share')
    if (known === undefined) throw noExporter(change.exporterId)
    const [before] = await tx
      .select({ name: networkInterface.name, boundary: networkInterface.boundary })
      .from(networkInterface)
      .where(and(eq(networkInterface.exporterId, change.exporterId), eq(networkInterface.ifIndex, change.ifIndex)))
      .for('update')
    const [after] = await tx
      .insert(networkInterface)
      .values({ exporterId: change.exporterId, ifIndex: change.ifIndex, ...set })
      .onConflictDoUpdate({ target: [networkInterface.exporterId, networkInterface.ifIndex], set })
      .returning({ name: networkInterface.name, boundary: networkInterface.boundary })
    const subject = `interface:${change.exporterId}/${change.ifIndex}`
    return { result: undefined, record: { event: 'interface.change', actor, subject, before, after } }
  })
}
