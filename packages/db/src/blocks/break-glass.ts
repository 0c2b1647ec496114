import { inTransaction } from '../commands/audit.ts'
import type { Pool } from '../connection.ts'
import { type AuditActor, actorText } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { type DeviceRow, devicesOf, lockBlock, tell } from './store.ts'

/** What carries a block, with the text that takes it away. */
export interface Carried {
  device: DeviceRow
  undo: string
}

/**
 * Where a block is, for whoever ends it from the terminal. QueryError `not-found`; `conflict`: it is on no device.
 */
export async function carriedBlock(pool: Pool, id: string): Promise<{ sentence: string; carried: Carried[] }> {
  const { rows } = await pool.query<{ sentence: string }>('select sentence from block where id = $1', [id])
  const [block] = rows
  if (block === undefined) throw new QueryError('not-found', `There is no block ${id}.`, 'bin/weir break-glass list names those in force.')
  const { rows: carried } = await pool.query<DeviceRow & { undo: string }>(
    `select d.id, d.name, d.dialect, d.transport, d.address, d.config, d.exporter_ids, b.undo
     from block_device b join device d on d.id = b.device_id where b.block_id = $1 and b.removed_at is null order by d.name`,
    [id],
  )
  if (carried.length === 0)
    throw new QueryError('conflict', 'This block is on no device.', 'bin/weir break-glass list names those in force.')
  return { sentence: block.sentence, carried: carried.map(({ undo, ...device }) => ({ device, undo })) }
}

/** Blocks that a device may carry now, the newest first. */
export async function carriedBlocks(pool: Pool): Promise<{ id: string; state: string; sentence: string }[]> {
  const { rows } = await pool.query<{ id: string; state: string; sentence: string }>(
    `select id, state, sentence from block b where exists (select from block_device d where d.block_id = b.id and d.removed_at is null)
     order by requested_at desc, id desc`,
  )
  return rows
}

/**
 * Mark a block as being withdrawn without an entry in the audit log, which takes none now: otherwise the rule would be put back. The role `enforce`
 * finishes and records it when the log takes entries again. QueryError `not-found`.
 */
export async function withdrawUnrecorded(pool: Pool, id: string, by: AuditActor, reason: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    const block = await lockBlock(client, id)
    await client.query(
      `update block set state = 'withdrawing', end_state = 'withdrawn', ended_by = $2, end_reason = $3
       where id = $1 and state in ('approved', 'applying', 'enforced', 'verified', 'leaking')`,
      [block.id, actorText(by), reason],
    )
    if ((await devicesOf(client, block.id)).length > 0) await tell(client, block.id, 'withdrawn', `Break-glass: ${reason}`, { actor: by })
  })
}
