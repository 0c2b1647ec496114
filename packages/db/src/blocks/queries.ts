import { mayApprove, mayWithdraw, type Person } from '@weir/mitigation'
import type { Pool, PoolClient } from '../connection.ts'
import type { Role } from '../contracts/api.ts'
import type {
  Block,
  BlockAlert,
  BlockEvent,
  BlockState,
  BlockSummary,
  BlocksAnswer,
  GuardVerdict,
  Simulation,
} from '../contracts/blocks.ts'
import { QueryError } from '../contracts/query-error.ts'
import { asQueryError, onSnapshot } from '../queries/session.ts'
import { openAlerts } from './alerts.ts'
import { shapeOf } from './simulate.ts'
import type { BlockDeviceRow, BlockRow } from './store.ts'

export interface BlocksQuestion {
  states?: readonly BlockState[] | undefined
  anomalyId?: string | undefined
  cursor?: string | undefined
  /** 1–200, default 50. */
  limit?: number | undefined
  /** Who asks: says what they may do with each. Null: nothing, as a token. */
  asker: Person | null
}

type Row = BlockRow & {
  requester_name: string | null
  requester_role: Role
  approver_name: string | null
  approver_role: Role | null
  ended_at: Date | null
  verdict: GuardVerdict
  leaked_bytes: number
  rate_before: number | null
}
type DeviceRowNamed = BlockDeviceRow & Pick<Block['deviceDetails'][number], 'name' | 'dialect' | 'transport'>

const SELECT = `select b.*, weir_actor_name(b.requester) as requester_name, weir_actor_name(b.approver) as approver_name from block b`
const WITHDRAWABLE: readonly BlockState[] = ['pending_approval', 'approved', 'applying', 'enforced', 'verified', 'leaking']

type Open = Awaited<ReturnType<typeof openAlerts>>
const shown = ({ blocks: _, ...alert }: Open[number]): BlockAlert => alert

function summary(row: Row, devices: readonly DeviceRowNamed[], open: Open, asker: Person | null): BlockSummary {
  const actions: BlockSummary['actions'] = []
  if (asker !== null && row.state === 'pending_approval' && mayApprove(asker.role) && asker.id !== row.requester) actions.push('approve')
  if (asker !== null && WITHDRAWABLE.includes(row.state) && mayWithdraw(asker, row.requester)) actions.push('withdraw')
  const { intent } = row
  return {
    id: row.id,
    state: row.state,
    sentence: row.sentence,
    match: shapeOf(intent.match),
    action: intent.action,
    ttlSeconds: intent.ttlSeconds,
    anomalyId: intent.anomalyId,
    reason: intent.reason,
    emergencyReason: row.emergency_reason,
    simulationId: row.simulation_id,
    requester: {
      id: row.requester,
      name: row.requester_name ?? row.requester,
      role: row.requester_role,
      at: row.requested_at.toISOString(),
    },
    approver:
      row.approver === null || row.approved_at === null
        ? null
        : { id: row.approver, name: row.approver_name ?? row.approver, role: row.approver_role, at: row.approved_at.toISOString() },
    devices: devices
      .filter((one) => one.block_id === row.id)
      .map((one) => ({ deviceId: one.device_id, name: one.name, state: one.state, lastError: one.last_error })),
    expiresAt: row.expires_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    alerts: open.filter(({ blocks }) => blocks.includes(row.id)).map(shown),
    actions,
  }
}

async function devicesFor(client: PoolClient, ids: readonly string[]): Promise<DeviceRowNamed[]> {
  const { rows } = await client.query<DeviceRowNamed>(
    `select b.*, d.name, d.dialect, d.transport from block_device b join device d on d.id = b.device_id where b.block_id = any($1::text[]) order by d.name`,
    [[...ids]],
  )
  return rows
}

/** Blocks, newest request first. Throws QueryError `bad-cursor`. */
export async function blocks(pool: Pool, question: BlocksQuestion): Promise<BlocksAnswer> {
  const limit = question.limit ?? 50
  const [at, id] = question.cursor?.split('~') ?? []
  if (question.cursor !== undefined && (id === undefined || Number.isNaN(Date.parse(at ?? ''))))
    throw new QueryError('bad-cursor', 'This is not a cursor of this list.', 'Start again without a cursor.')
  return await onSnapshot(pool, async (client) => {
    const { rows } = await client.query<Row>(
      `${SELECT} where ($1::text[] is null or b.state = any($1)) and ($2::text is null or b.intent ->> 'anomalyId' = $2)
         and ($3::timestamptz is null or (b.requested_at, b.id) < ($3, $4)) order by b.requested_at desc, b.id desc limit $5`,
      [question.states === undefined ? null : [...question.states], question.anomalyId ?? null, at ?? null, id ?? null, limit + 1],
    )
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    const devices = await devicesFor(
      client,
      page.map((row) => row.id),
    )
    const open = await openAlerts(client)
    const { rows: counts } = await client.query<{ state: BlockState; count: number }>(
      'select state, count(*)::int as count from block group by 1',
    )
    const states: BlocksAnswer['states'] = {
      pending_approval: 0,
      approved: 0,
      applying: 0,
      enforced: 0,
      verified: 0,
      leaking: 0,
      withdrawing: 0,
      expired: 0,
      withdrawn: 0,
      failed: 0,
      refused: 0,
    }
    for (const { state, count } of counts) states[state] = count
    return {
      blocks: page.map((row) => summary(row, devices, open, question.asker)),
      nextCursor: rows.length > limit && last !== undefined ? `${last.requested_at.toISOString()}~${last.id}` : null,
      states,
      alerts: open.map(shown),
    }
  })
}

const number = (value: string | null) => (value === null ? null : Number(value))

/** One block with its texts, proof and history. QueryError `not-found`. */
export async function block(pool: Pool, id: string, asker: Person | null): Promise<Block> {
  return await onSnapshot(pool, async (client) => {
    const { rows } = await client.query<Row>(`${SELECT} where b.id = $1`, [id])
    const [row] = rows
    if (row === undefined) throw new QueryError('not-found', 'There is no such block.', 'Reload the list of blocks.')
    const devices = await devicesFor(client, [id])
    const { rows: timeline } = await client.query<BlockEvent>(
      `select e.id::float8 as id, to_json(e.at) #>> '{}' as at, e.kind, weir_actor_name(e.actor) as actor, d.name as device, e.text
       from block_event e left join device d on d.id = e.device_id where e.block_id = $1 order by e.id`,
      [id],
    )
    const { rows: behind } = await client.query<{ name: string }>(
      `select distinct coalesce(e.name, host(e.address)) as name from device d, exporter e where d.id = any($1::text[]) and e.id = any(d.exporter_ids) order by 1`,
      [devices.map((one) => one.device_id)],
    )
    return {
      ...summary(row, devices, await openAlerts(client), asker),
      verdict: row.verdict,
      hash: row.hash,
      deviceDetails: devices.map((one) => ({
        deviceId: one.device_id,
        name: one.name,
        dialect: one.dialect,
        transport: one.transport,
        state: one.state,
        slot: one.slot,
        apply: one.apply,
        undo: one.undo,
        hash: one.hash,
        attempts: one.attempts,
        lastError: one.last_error,
        appliedAt: one.applied_at?.toISOString() ?? null,
        seenAt: one.seen_at?.toISOString() ?? null,
        packets: number(one.packets),
        bytes: number(one.bytes),
        reasserted: one.reasserted,
      })),
      proof: {
        since: row.proof_since?.toISOString() ?? null,
        exporters: behind.map(({ name }) => name),
        verifiedAt: row.verified_at?.toISOString() ?? null,
        by: row.verified_by,
        leakedBytes: row.leaked_bytes,
        leaks: row.leaks,
        before: row.rate_before,
        note: row.proof_note,
      },
      timeline,
    }
  })
}

/** A simulation as it was stored. QueryError `not-found`. */
export async function simulation(pool: Pool, id: string): Promise<Simulation> {
  try {
    const { rows } = await pool.query<{ result: Simulation; by: string | null }>(
      'select result, weir_actor_name(requester) as by from simulation where id = $1',
      [id],
    )
    const [row] = rows
    if (row === undefined) throw new QueryError('not-found', 'There is no such simulation.', 'Simulate it again.')
    return { ...row.result, by: row.by }
  } catch (error) {
    throw asQueryError(error)
  }
}
