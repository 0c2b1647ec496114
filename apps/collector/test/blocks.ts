import { requestBlock, simulateBlock } from '@weir/db/commands'
import type { Pool } from '@weir/db/connection'
import { type AuditActor, type Block, type BlockMatchShape, SimulateBody } from '@weir/db/contracts'
import { block } from '@weir/db/queries'
import { dialects } from '@weir/mitigation'

/** Blocks for the tests of enforcement: asked for as people do, or many at once as the tables hold them. */

export const OPERATOR: AuditActor = { kind: 'person', id: 'op', role: 'operator', session: 's' }
export const ANY: BlockMatchShape = { src: null, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }

export async function addPeople(pool: Pool): Promise<void> {
  await pool.query(`insert into auth_user (id, name, email, role) values ('op', 'op', 'op@example.org', 'operator')`)
}

export interface DeviceWanted {
  id: string
  dialect: string
  transport: 'local' | 'ssh' | 'gobgp'
  address?: string
  config?: object
}
export async function addDevice(pool: Pool, { id, dialect, transport, address, config }: DeviceWanted): Promise<void> {
  await pool.query('insert into device (id, name, dialect, transport, address, config) values ($1, $1, $2, $3, $4, $5)', [
    id,
    dialect,
    transport,
    address ?? null,
    JSON.stringify(config ?? {}),
  ])
}

/** Simulated, asked for, and agreed to without the second person: approvals have tests of their own. Gives the id. */
export async function approved(pool: Pool, match: Partial<BlockMatchShape>, devices: string[], ttlSeconds = 600): Promise<string> {
  // Each is a minute of its own to the circuit breaker.
  await pool.query(
    `update block set requested_at = requested_at - interval '10 minutes', requester_step_up_at = requester_step_up_at - interval '10 minutes'`,
  )
  const simulation = await simulateBlock(pool, SimulateBody.parse({ match: { ...ANY, ...match }, devices, ttlSeconds }), OPERATOR)
  const { id } = await requestBlock(
    pool,
    { simulationId: simulation.id, emergencyReason: null, reason: 'test' },
    { actor: OPERATOR, stepUpAt: new Date(Date.now() - 1_000) },
  )
  // No traffic is stored here, so the collateral is unknown and a second person would be asked.
  await pool.query(`update block set state = 'approved', collateral_share = 0 where id = $1`, [id])
  return id
}

/** Blocks of single sources as they are a moment after their approval was taken: on their way to the devices, each with its end. */
export async function onTheirWay(
  pool: Pool,
  blocks: readonly { id: string; src: string; devices: readonly { id: string; dialect: string }[]; seconds: number }[],
  firstSlot?: number,
): Promise<void> {
  const known = dialects()
  const rows = blocks.map(({ id, src, devices, seconds }) => ({
    id,
    seconds,
    intent: {
      id,
      match: { ...ANY, src },
      action: { kind: 'drop' as const },
      ttlSeconds: 60,
      devices: devices.map((one) => one.id),
      anomalyId: null,
      reason: 'many',
    },
    devices,
  }))
  await pool.query(
    `insert into block (id, state, intent, sentence, hash, verdict, requester, requester_role, requested_at, requester_step_up_at, expires_at)
     select b ->> 'id', 'applying', b -> 'intent', 'Drop ' || (b #>> '{intent,match,src}'), repeat('0', 64), '{"decision": "allowed", "reasons": []}',
       'person:op', 'operator', now(), now(), clock_timestamp() + make_interval(secs => (b ->> 'seconds')::float8)
     from jsonb_array_elements($1::jsonb) b`,
    [JSON.stringify(rows)],
  )
  const { rows: used } = await pool.query<{ next: number }>(
    'select coalesce(max(slot) + 1, 0)::int as next from block_device where removed_at is null',
  )
  const from = firstSlot ?? used[0]?.next ?? 0
  const carried = rows.flatMap(({ id, intent, devices }, i) =>
    devices.map((device) => {
      const slot = (from + i) % 10_000
      const text = known.get(device.dialect)?.render(intent, slot)
      return { block: id, device: device.id, slot, apply: text?.apply ?? '', undo: text?.undo ?? '' }
    }),
  )
  await pool.query(
    `insert into block_device (block_id, device_id, slot, state, apply, undo, hash)
     select b ->> 'block', b ->> 'device', (b ->> 'slot')::int, 'applying', b ->> 'apply', b ->> 'undo', repeat('0', 64)
     from jsonb_array_elements($1::jsonb) b`,
    [JSON.stringify(carried)],
  )
}

export async function until<T>(
  what: string,
  look: () => Promise<T | null | false> | T | null | false,
  limit = 20_000,
  every = 50,
): Promise<T> {
  const deadline = Date.now() + limit
  for (;;) {
    const got = await look()
    if (got !== null && got !== false) return got
    if (Date.now() > deadline) throw new Error(`waited ${limit / 1_000} s in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}

export const inState = (pool: Pool, id: string, ...states: string[]): Promise<Block> =>
  until(`${id} to be ${states.join(' or ')}`, async () => {
    const now = await block(pool, id, null)
    return states.includes(now.state) ? now : null
  })
