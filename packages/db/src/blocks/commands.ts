import { type BlockIntent, describeIntent, freeSlot, type Judgement, judge, judgeApproval, mayWithdraw, sameMatch } from '@weir/mitigation'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import { recordAudit } from '../commands/transaction.ts'
import type { Pool, PoolClient } from '../connection.ts'
import { type AuditActor, actorText } from '../contracts/audit.ts'
import type { BlockState, RequestBlockBody } from '../contracts/blocks.ts'
import { QueryError } from '../contracts/query-error.ts'
import { asQueryError } from '../queries/session.ts'
import { guardContext, personNow, standingContext } from './facts.ts'
import { newId, readIntent } from './simulate.ts'
import { blockHash, devicesNamed, devicesOf, hashNow, lockBlock, placedOn, rendered, tell, textHash } from './store.ts'

/** A person who has just shown who they are. */
export interface SteppedUp {
  actor: AuditActor
  stepUpAt: Date
}

const SIMULATION_AGE = '1 day'

/**
 * Ask for a block. All guard rails are judged with the facts of now; what one person may do alone is approved at once, the rest waits for a
 * second one. Every device's text is made and stored here, with the hash that an approval must name.
 *
 * QueryError `invalid` (refused by a guard rail: its words and remedy; recorded as well), `not-found` (simulation, device), `conflict` (the same
 * match is live on a device).
 */
export async function requestBlock(
  pool: Pool,
  asked: RequestBlockBody,
  by: SteppedUp,
  now = new Date(),
): Promise<{ id: string; state: BlockState; hash: string }> {
  const id = newId('blk')
  let refusal: { error: QueryError; after: unknown } | null = null
  try {
    return await inTransaction(pool, async (client) => {
      // Counts and slots are read and taken by one request at a time.
      await client.query(`select pg_advisory_xact_lock(hashtextextended('weir block request', 0))`)
      const { intent, collateralShare } = await intentOf(client, asked, id)
      const requester = await personNow(client, actorText(by.actor))
      const context = await guardContext(client, intent, {
        requester,
        stepUpAtMs: by.stepUpAt.getTime(),
        collateralShare,
        block: id,
        at: now,
      })
      const verdict = withEmergency(judge(intent, context, now.getTime()), asked.emergencyReason)
      if (verdict.decision === 'refused') {
        refusal = {
          error: refusedBy(verdict),
          after: { sentence: describeIntent(intent), reasons: verdict.reasons.map(({ code }) => code) },
        }
        throw refusal.error
      }
      const devices = await place(client, intent)
      const hash = blockHash(intent, devices)
      const state: BlockState = verdict.decision === 'allowed' ? 'approved' : 'pending_approval'
      const sentence = describeIntent(intent)
      await client.query(
        `insert into block (id, state, intent, sentence, hash, verdict, simulation_id, emergency_reason, collateral_share, requester, requester_role,
           requested_at, requester_step_up_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
        [
          id,
          state,
          JSON.stringify(intent),
          sentence,
          hash,
          JSON.stringify(verdict),
          asked.simulationId,
          asked.emergencyReason,
          collateralShare,
          requester.id,
          requester.role,
          now,
          by.stepUpAt,
        ],
      )
      for (const one of devices) {
        await client.query(
          'insert into block_device (block_id, device_id, slot, state, apply, undo, hash) values ($1, $2, $3, $4, $5, $6, $7)',
          [id, one.device_id, one.slot, one.transport === 'none' ? 'manual' : 'waiting', one.apply, one.undo, textHash(one)],
        )
      }
      await tell(client, id, 'requested', sentence, { actor: by.actor })
      if (state === 'approved') await tell(client, id, 'approved', 'One person may do this alone.')
      await appendAudit(client, {
        event: 'block.request',
        actor: by.actor,
        subject: `block:${id}`,
        reason: intent.reason,
        after: {
          state,
          hash,
          intent,
          simulation: asked.simulationId,
          emergency: asked.emergencyReason,
          reasons: verdict.reasons.map(({ code }) => code),
        },
      })
      return { id, state, hash }
    })
  } catch (error) {
    if (refusal !== null) await recordRefusal(pool, 'block.request', by.actor, id, refusal)
    throw asQueryError(error)
  }
}

async function recordRefusal(
  pool: Pool,
  event: string,
  actor: AuditActor,
  id: string,
  refusal: { error: QueryError; after: unknown },
): Promise<void> {
  await recordAudit(pool, { event: `${event}-refused`, actor, subject: `block:${id}`, reason: refusal.error.detail, after: refusal.after })
}

async function intentOf(
  client: PoolClient,
  asked: RequestBlockBody,
  id: string,
): Promise<{ intent: BlockIntent; collateralShare: number | null }> {
  if (asked.simulationId !== null) {
    const { rows } = await client.query<{ intent: BlockIntent; share: number | null; flows: number }>(
      `select intent, (result #>> '{normal,share}')::float8 as share, (result #>> '{normal,total,flows}')::float8 as flows from simulation
       where id = $1 and created_at > now() - interval '${SIMULATION_AGE}'`,
      [asked.simulationId],
    )
    const [found] = rows
    if (found === undefined)
      throw new QueryError('not-found', 'There is no such simulation of the last day.', 'Simulate it again, then ask.')
    return { intent: readIntent({ ...found.intent, id, reason: asked.reason }), collateralShare: found.flows > 0 ? found.share : null }
  }
  if (asked.emergencyReason === null)
    throw new QueryError('invalid', 'Nothing was simulated.', 'Simulate the rule first, or say why it cannot wait (emergencyReason).')
  const { match, action, ttlSeconds, devices, anomalyId } = asked
  return { intent: readIntent({ id, match, action, ttlSeconds, devices, anomalyId, reason: asked.reason }), collateralShare: null }
}

/** Without a simulation nobody decides alone. */
function withEmergency(verdict: Judgement, reason: string | null): Judgement {
  if (reason === null || verdict.decision !== 'allowed') return verdict
  const second = {
    code: 'facts_unknown' as const,
    effect: 'second_person' as const,
    message: 'It was not simulated.',
    remedy: 'Ask a second person to approve it.',
  }
  return { decision: 'needs_second_person', reasons: [second] }
}

/** A guard rail's refusal, all its words. */
function refusedBy(verdict: Judgement): QueryError {
  const reasons = verdict.reasons.filter(({ effect }) => effect === 'refuse')
  return new QueryError('invalid', reasons.map(({ message }) => message).join(' '), reasons[0]?.remedy ?? 'Choose a narrower rule.')
}

async function place(client: PoolClient, intent: BlockIntent) {
  const out = []
  for (const device of await devicesNamed(client, intent.devices)) {
    const placed = await placedOn(client, device.id)
    const same = placed.find((other) => sameMatch(other.intent, intent))
    if (same !== undefined)
      throw new QueryError(
        'conflict',
        `${device.name} already carries a rule for the same packets (${same.intent.id}).`,
        'Withdraw that one first.',
      )
    const slot = freeSlot(intent, placed)
    if (slot === null)
      throw new QueryError(
        'conflict',
        `${device.name} already carries rules that nest around this one.`,
        'Withdraw one of them, or wait until it ends.',
      )
    const { apply, undo } = rendered(intent, device, slot)
    out.push({ device_id: device.id, transport: device.transport, slot, apply, undo })
  }
  return out
}

const conflict = (state: BlockState, past: string) =>
  new QueryError('conflict', `The block is ${state.replace('_', ' ')}, so it cannot be ${past}.`, 'Reload it.')

/**
 * Agree to someone else's block: the hash is that of the text the approver looked at. Everything is judged again with the facts, roles and
 * lists of now. QueryError `conflict` (not pending, hash changed), `invalid` (self-approval, role, stale confirmation, a guard rail), `not-found`.
 */
export async function approveBlock(
  pool: Pool,
  asked: { id: string; hash: string; reason?: string | undefined },
  by: SteppedUp,
  now = new Date(),
): Promise<{ id: string; state: BlockState }> {
  let refusal: { error: QueryError; after: unknown } | null = null
  try {
    return await inTransaction(pool, async (client) => {
      const block = await lockBlock(client, asked.id)
      if (block.state !== 'pending_approval') throw conflict(block.state, 'approved')
      const [requester, approver] = [await personNow(client, block.requester), await personNow(client, actorText(by.actor))]
      const context = await standingContext(client, block, requester)
      const verdict = judgeApproval(
        block.intent,
        context,
        { requestedAtMs: block.requested_at.getTime(), hash: block.hash },
        { approver, approvedAtMs: now.getTime(), stepUpAtMs: by.stepUpAt.getTime(), hash: asked.hash },
        await hashNow(client, block),
        now.getTime(),
      )
      if (verdict.decision !== 'allowed') {
        const words = refusedBy(verdict)
        const changed = verdict.reasons.every(({ code }) => code === 'changed')
        const error = changed ? new QueryError('conflict', words.detail, words.remedy) : words
        refusal = { error, after: { reasons: verdict.reasons.map(({ code }) => code) } }
        throw error
      }
      const { rowCount } = await client.query(
        `update block set state = 'approved', approver = $2, approver_role = $3, approved_at = $4, approver_step_up_at = $5, approved_hash = $6
         where id = $1 and state = 'pending_approval'`,
        [block.id, approver.id, approver.role, now, by.stepUpAt, asked.hash],
      )
      if (rowCount !== 1) throw conflict(block.state, 'approved')
      await tell(client, block.id, 'approved', asked.reason ?? 'Approved by a second person.', { actor: by.actor })
      await appendAudit(client, {
        event: 'block.approve',
        actor: by.actor,
        approver: by.actor,
        subject: `block:${block.id}`,
        reason: asked.reason ?? null,
        before: { state: block.state },
        after: { state: 'approved', hash: block.hash, requester: block.requester },
      })
      return { id: block.id, state: 'approved' as const }
    })
  } catch (error) {
    if (refusal !== null) await recordRefusal(pool, 'block.approve', by.actor, asked.id, refusal)
    throw asQueryError(error)
  }
}

/**
 * End a block before its time: what no device carries ends at once, the rest is taken away by the enforcer. Operators end their own.
 * QueryError `not-found`, `conflict` (over already), `invalid` (not theirs).
 */
export async function withdrawBlock(
  pool: Pool,
  asked: { id: string; reason: string },
  by: AuditActor,
): Promise<{ id: string; state: BlockState }> {
  try {
    return await inTransaction(pool, async (client) => {
      const block = await lockBlock(client, asked.id)
      const person = await personNow(client, actorText(by))
      if (!mayWithdraw(person, block.requester))
        throw new QueryError(
          'invalid',
          'This block was asked for by someone else.',
          'Ask them, the on-call engineer or an admin to end it.',
        )
      const touched = (await devicesOf(client, block.id)).some(({ state }) => state !== 'waiting' && state !== 'manual')
      const state: BlockState = touched ? 'withdrawing' : 'withdrawn'
      const { rowCount } = await client.query(
        `update block set state = $2, end_state = 'withdrawn', ended_by = $3, end_reason = $4, ended_at = case when $2 = 'withdrawn' then now() end
         where id = $1 and state in ('pending_approval', 'approved', 'applying', 'enforced', 'verified', 'leaking')`,
        [block.id, state, actorText(by), asked.reason],
      )
      if (rowCount !== 1) throw conflict(block.state, 'withdrawn')
      if (!touched)
        await client.query(
          `update block_device set state = case state when 'manual' then state else 'removed' end, removed_at = now() where block_id = $1`,
          [block.id],
        )
      await tell(client, block.id, 'withdrawn', asked.reason, { actor: by })
      await appendAudit(client, {
        event: 'block.withdraw',
        phase: touched ? 'intent' : 'outcome',
        actor: by,
        subject: `block:${block.id}`,
        reason: asked.reason,
        before: { state: block.state },
        after: { state },
      })
      return { id: block.id, state }
    })
  } catch (error) {
    throw asQueryError(error)
  }
}
