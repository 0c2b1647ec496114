import { createHash } from 'node:crypto'
import { type BlockIntent, canonicalIntent, dialects, type Placed, RenderError, type Rendered } from '@weir/mitigation'
import type { Pool, PoolClient } from '../connection.ts'
import { type AuditActor, actorText } from '../contracts/audit.ts'
import type { BlockState, DeviceConfig, DeviceState, DIALECTS, TRANSPORTS } from '../contracts/blocks.ts'
import { QueryError } from '../contracts/query-error.ts'

/** A device as stored. */
export interface DeviceRow {
  id: string
  name: string
  dialect: (typeof DIALECTS)[number]
  transport: (typeof TRANSPORTS)[number]
  address: string | null
  config: DeviceConfig
  exporter_ids: number[]
  /** What it said when it was last asked, where that was no answer. Left out where nobody asked for it. */
  last_error?: string | null
}

export interface BlockDeviceRow {
  block_id: string
  device_id: string
  slot: number
  state: DeviceState
  apply: string
  undo: string
  hash: string
  attempts: number
  last_error: string | null
  applied_at: Date | null
  seen_at: Date | null
  removed_at: Date | null
  packets: string | null
  bytes: string | null
  reasserted: number
}

export interface BlockRow {
  id: string
  state: BlockState
  intent: BlockIntent
  sentence: string
  hash: string
  simulation_id: string | null
  emergency_reason: string | null
  collateral_share: number | null
  requester: string
  requested_at: Date
  requester_step_up_at: Date
  approver: string | null
  approved_at: Date | null
  approver_step_up_at: Date | null
  approved_hash: string | null
  expires_at: Date | null
  enforced_at: Date | null
  end_state: 'expired' | 'withdrawn' | 'failed' | null
  proof_since: Date | null
  proof_note: string | null
  verified_at: Date | null
  verified_by: 'flows' | 'counters' | null
  witnessed: boolean
  witness_asked_at: Date | null
  leaks: { exporter: string; interface: string; bytes: number; lastSeen: string }[]
  /** Leaks up to `leak_base_until`, of flows that are not read any more. */
  leak_base: { exporter: string; interface: string; bytes: number; lastSeen: string }[]
  leak_base_until: Date | null
}

type Asking = Pick<Pool, 'query'> | PoolClient

/** The named devices in the order of the names. QueryError `not-found` names one that is not there. */
export async function devicesNamed(client: Asking, ids: readonly string[]): Promise<DeviceRow[]> {
  const { rows } = await client.query<DeviceRow>(
    'select id, name, dialect, transport, address, config, exporter_ids from device where id = any($1::text[]) and removed_at is null',
    [[...ids]],
  )
  return ids.map((id) => {
    const row = rows.find((device) => device.id === id)
    if (row === undefined)
      throw new QueryError('not-found', `There is no device ${id}.`, 'Choose from the list of devices, or let an admin add it.')
    return row
  })
}

/** Rules that hold a slot of a device. */
export async function placedOn(client: Asking, deviceId: string): Promise<Placed[]> {
  const { rows } = await client.query<Placed>(
    'select b.intent, d.slot from block_device d join block b on b.id = d.block_id where d.device_id = $1 and d.removed_at is null',
    [deviceId],
  )
  return rows
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
export const textHash = (text: Pick<Rendered, 'apply' | 'undo'>): string => sha256(JSON.stringify([text.apply, text.undo]))

/** What two persons agree on: the intent and every device's text. */
export function blockHash(intent: BlockIntent, devices: readonly { device_id: string; apply: string; undo: string }[]): string {
  const texts = [...devices].sort((a, b) => (a.device_id < b.device_id ? -1 : 1)).map((one) => [one.device_id, one.apply, one.undo])
  return sha256(JSON.stringify([canonicalIntent(intent), texts]))
}

/** The device's text for an intent in a slot. QueryError `invalid` when the dialect cannot say it. */
export function rendered(intent: BlockIntent, device: Pick<DeviceRow, 'name' | 'dialect'>, slot: number): Rendered {
  const dialect = dialects().get(device.dialect)
  if (dialect === undefined) throw new QueryError('invalid', `There is no dialect ${device.dialect}.`, 'Correct the device.')
  try {
    return dialect.render(intent, slot)
  } catch (error) {
    if (!(error instanceof RenderError)) throw error
    throw new QueryError(
      'invalid',
      `${device.name} cannot carry this rule: ${error.message}.`,
      'Choose another device or a simpler rule.',
      { cause: error },
    )
  }
}

/** The hash of what would be sent now: rendered again, never read back. */
export async function hashNow(client: Asking, block: Pick<BlockRow, 'id' | 'intent'>): Promise<string> {
  const [devices, placed] = [await devicesNamed(client, block.intent.devices), await devicesOf(client, block.id)]
  const texts = placed.map((one) => {
    const device = devices.find(({ id }) => id === one.device_id)
    if (device === undefined) throw new QueryError('conflict', `The device ${one.device_id} is gone.`, 'Ask for it again.')
    const { apply, undo } = rendered(block.intent, device, one.slot)
    return { device_id: one.device_id, apply, undo }
  })
  return blockHash(block.intent, texts)
}

export async function devicesOf(client: Asking, blockId: string): Promise<BlockDeviceRow[]> {
  const { rows } = await client.query<BlockDeviceRow>('select * from block_device where block_id = $1 order by device_id', [blockId])
  return rows
}

/** The block, locked until the transaction ends. QueryError `not-found`. */
export async function lockBlock(client: PoolClient, id: string): Promise<BlockRow> {
  const { rows } = await client.query<BlockRow>('select * from block where id = $1 for update', [id])
  const [row] = rows
  if (row === undefined) throw new QueryError('not-found', 'There is no such block.', 'Reload the list of blocks.')
  return row
}

/** One line of a block's history. */
export async function tell(
  client: PoolClient,
  blockId: string,
  kind: string,
  text: string,
  more: { actor?: AuditActor; device?: string } = {},
): Promise<void> {
  await client.query('insert into block_event (block_id, kind, actor, device_id, text) values ($1, $2, $3, $4, $5)', [
    blockId,
    kind,
    more.actor === undefined ? null : actorText(more.actor),
    more.device ?? null,
    text,
  ])
}
