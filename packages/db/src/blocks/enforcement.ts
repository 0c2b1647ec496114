import { judgeEnforcement } from '@weir/mitigation'
import { appendAudit, inTransaction } from '../commands/audit.ts'
import type { Pool, PoolClient } from '../connection.ts'
import { systemActor } from '../contracts/audit.ts'
import { QueryError } from '../contracts/query-error.ts'
import { Parameters } from '../queries/parameters.ts'
import { personNow, standingContext } from './facts.ts'
import { matchSql } from './match-sql.ts'
import { type BlockDeviceRow, type BlockRow, type DeviceRow, devicesOf, hashNow, lockBlock, tell } from './store.ts'

/*
 * What the role `enforce` does to the tables. Every step that touches a device is recorded before (phase `intent`) and after (`outcome`): each
 * function is one transaction with its audit entry, and when that fails the step is not made.
 *
 * approved → applying → enforced ⇄ verified ⇄ leaking → withdrawing → expired | withdrawn
 * approved, applying → refused (a guard rail says no with the facts of now)
 */
const ENFORCER = systemActor('enforcer')

export interface Carried extends BlockDeviceRow {
  device: DeviceRow
}
export interface Work {
  block: BlockRow
  devices: Carried[]
}

/** Every block that a device may carry or is to carry, with its devices. */
export async function blocksToEnforce(pool: Pool): Promise<Work[]> {
  const { rows: blocks } = await pool.query<BlockRow>(
    `select * from block where state in ('approved', 'applying', 'enforced', 'verified', 'leaking', 'withdrawing') order by requested_at`,
  )
  const { rows } = await pool.query<BlockDeviceRow & { of_device: DeviceRow }>(
    `select b.*, to_jsonb(d) as of_device from block_device b join device d on d.id = b.device_id where b.block_id = any($1::text[])`,
    [blocks.map(({ id }) => id)],
  )
  return blocks.map((block) => ({
    block,
    devices: rows.filter((row) => row.block_id === block.id).map(({ of_device, ...row }) => ({ ...row, device: of_device })),
  }))
}

/**
 * Before the first device is touched: judge again with everything as it is now, fix when it ends, and record the intent. False when the block is
 * not to be put on devices: refused now (recorded), or not approved any more.
 */
export async function beginApply(pool: Pool, id: string, now = new Date()): Promise<boolean> {
  return await inTransaction(pool, async (client) => {
    const block = await lockBlock(client, id)
    if (block.state !== 'approved') return block.state === 'applying'
    const verdict = await verdictNow(client, block, now)
    const allowed = verdict.decision === 'allowed'
    const expires = new Date(now.getTime() + block.intent.ttlSeconds * 1_000)
    if (allowed) {
      const before = await matchedRate(client, block, now)
      await client.query(`update block set state = 'applying', expires_at = $2, rate_before = $3 where id = $1 and state = 'approved'`, [
        id,
        expires,
        before,
      ])
      await client.query(`update block_device set state = 'applying' where block_id = $1 and state = 'waiting'`, [id])
      await tell(client, id, 'applying', `It ends at ${expires.toISOString()}.`)
    } else {
      const words = verdict.reasons.map(({ message }) => message).join(' ')
      await client.query(`update block set state = 'refused', ended_at = $2, end_reason = $3 where id = $1 and state = 'approved'`, [
        id,
        now,
        words,
      ])
      await client.query('update block_device set removed_at = $2 where block_id = $1', [id, now])
      await tell(client, id, 'refused', words)
    }
    await appendAudit(client, {
      event: 'block.apply',
      phase: allowed ? 'intent' : 'outcome',
      actor: ENFORCER,
      subject: `block:${id}`,
      before: { state: 'approved' },
      after: allowed
        ? { state: 'applying', hash: block.hash, expires, devices: block.intent.devices }
        : { state: 'refused', reasons: verdict.reasons.map(({ code }) => code) },
    })
    return allowed
  })
}

type Verdict = { decision: string; reasons: readonly { code: string; message: string }[] }

/** The guard rails with everything as it is now. A person who has left, and a device that is gone, refuse this block and no other. */
async function verdictNow(client: PoolClient, block: BlockRow, now: Date): Promise<Verdict> {
  try {
    const requester = await personNow(client, block.requester)
    const approver = block.approver === null ? null : await personNow(client, block.approver)
    const context = await standingContext(client, block, requester)
    const approval =
      approver === null
        ? null
        : {
            approver,
            approvedAtMs: block.approved_at?.getTime() ?? Number.NaN,
            stepUpAtMs: block.approver_step_up_at?.getTime() ?? null,
            hash: block.approved_hash ?? '',
          }
    const request = { requestedAtMs: block.requested_at.getTime(), hash: block.hash }
    return judgeEnforcement(block.intent, context, request, approval, await hashNow(client, block), now.getTime())
  } catch (error) {
    if (!(error instanceof QueryError) || !['conflict', 'not-found', 'invalid'].includes(error.code)) throw error
    return { decision: 'refused', reasons: [{ code: error.code, message: error.detail }] }
  }
}

/** Octets per second of the matched traffic in the last five minutes; null when none was seen. */
async function matchedRate(client: PoolClient, block: BlockRow, now: Date): Promise<number | null> {
  const p = new Parameters()
  const { rows } = await client.query<{ rate: number | null }>(
    `select (sum(weir_scaled(bytes, sampling_rate)) / greatest(1, extract(epoch from max(time) - min(time)
       + make_interval(secs => avg(duration_ms) / 1000))))::float8 as rate
     from flow where time > ${p.addTime(now.getTime() - 300_000)} and event_kind is null and slice is null and witness is not true
       and ${matchSql(block.intent.match, p)}`,
    p.values,
  )
  return rows[0]?.rate ?? null
}

export type DeviceAnswer = { ok: true } | { ok: false; error: string; unreachable: boolean }

/** What one device answered to being given the rule. The first success and every new failure are recorded. */
export async function deviceAnswered(pool: Pool, id: string, deviceId: string, answer: DeviceAnswer, now = new Date()): Promise<void> {
  await inTransaction(pool, async (client) => {
    const block = await lockBlock(client, id)
    const was = (await devicesOf(client, id)).find((one) => one.device_id === deviceId)
    if (was === undefined) return
    const error = answer.ok ? null : answer.error.slice(0, 500)
    const state = answer.ok ? 'applied' : answer.unreachable ? 'unreachable' : 'failed'
    await client.query(
      `update block_device set state = $3, attempts = attempts + 1, last_error = $4,
         applied_at = case when $5 then coalesce(applied_at, $6) else applied_at end, seen_at = case when $5 then $6 else seen_at end
       where block_id = $1 and device_id = $2`,
      [id, deviceId, state, error, answer.ok, now],
    )
    const news = was.state !== state || was.last_error !== error
    if (news) await tell(client, id, state, answer.ok ? 'The device has the rule.' : (error ?? ''), { device: deviceId })
    const all = await devicesOf(client, id)
    const done = block.state === 'applying' && all.every((one) => one.state === 'applied' || one.state === 'manual')
    if (done) {
      await client.query(`update block set state = 'enforced', enforced_at = $2, proof_since = $2 where id = $1 and state = 'applying'`, [
        id,
        now,
      ])
      await tell(client, id, 'enforced', 'Every device has the rule; now it is watched.')
    }
    if (news)
      await appendAudit(client, {
        event: 'block.apply',
        actor: ENFORCER,
        subject: `block:${id}`,
        before: { device: deviceId, state: was.state },
        after: { device: deviceId, state, error, ...(done ? { block: 'enforced' } : {}) },
      })
  })
}

/** The first of several devices answers and carries the rule: the others are next. Recorded. */
export async function canaryHolds(pool: Pool, id: string, deviceId: string, now = new Date()): Promise<void> {
  await inTransaction(pool, async (client) => {
    const block = await lockBlock(client, id)
    const { rowCount } = await client.query(
      `update block_device set seen_at = greatest($3, applied_at + interval '1 millisecond'), last_error = null
       where block_id = $1 and device_id = $2 and state = 'applied'`,
      [id, deviceId, now],
    )
    if (rowCount !== 1 || block.state !== 'applying') return
    await tell(client, id, 'probed', 'It answers and carries the rule; the other devices are next.', { device: deviceId })
    await appendAudit(client, { event: 'block.probe', actor: ENFORCER, subject: `block:${id}`, after: { device: deviceId, ok: true } })
  })
}

/** The first of several devices does not live with the rule: it is taken back, and no other gets it. Recorded. */
export async function canaryFails(pool: Pool, id: string, deviceId: string, error: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(
      `update block set state = 'withdrawing', end_state = 'failed', end_reason = $2 where id = $1 and state = 'applying'`,
      [id, error.slice(0, 500)],
    )
    if (rowCount !== 1) return
    // No other device was given it.
    await client.query(
      `update block_device set state = 'removed', removed_at = now() where block_id = $1 and device_id <> $2 and applied_at is null and state <> 'manual'`,
      [id, deviceId],
    )
    await tell(client, id, 'withdrawing', `The first device does not live with the rule, so it is taken back: ${error.slice(0, 300)}`, {
      device: deviceId,
    })
    await appendAudit(client, {
      event: 'block.probe',
      phase: 'intent',
      actor: ENFORCER,
      subject: `block:${id}`,
      before: { state: 'applying' },
      after: { state: 'withdrawing', device: deviceId, ok: false, error: error.slice(0, 500) },
    })
  })
}

/** What reconciling saw of a rule that is in place. */
export async function deviceSeen(
  pool: Pool,
  id: string,
  deviceId: string,
  seen: { packets: number | null; bytes: number | null },
  now = new Date(),
): Promise<void> {
  await pool.query(
    `update block_device set seen_at = $3, packets = $4, bytes = $5, last_error = null where block_id = $1 and device_id = $2 and state = 'applied'`,
    [id, deviceId, now, seen.packets, seen.bytes],
  )
}

/** A rule is gone from its device: the block leaks until it is back. Recorded before it is put back. False when it is not to be. */
export async function beginReassert(pool: Pool, id: string, deviceId: string): Promise<boolean> {
  return await inTransaction(pool, async (client) => {
    const block = await lockBlock(client, id)
    if (block.state !== 'enforced' && block.state !== 'verified' && block.state !== 'leaking') return false
    await client.query(`update block set state = 'leaking', proof_note = 'The rule was missing from a device.' where id = $1`, [id])
    await client.query(`update block_device set state = 'applying' where block_id = $1 and device_id = $2`, [id, deviceId])
    await tell(client, id, 'leaking', 'The rule was missing from the device; it is put back.', { device: deviceId })
    await appendAudit(client, {
      event: 'block.reassert',
      phase: 'intent',
      actor: ENFORCER,
      subject: `block:${id}`,
      before: { state: block.state },
      after: { state: 'leaking', device: deviceId },
    })
    return true
  })
}

/** It is back: proof begins anew. */
export async function reasserted(pool: Pool, id: string, deviceId: string, now = new Date()): Promise<void> {
  await inTransaction(pool, async (client) => {
    await lockBlock(client, id)
    await client.query(
      `update block_device set state = 'applied', reasserted = reasserted + 1, seen_at = $3, packets = 0, bytes = 0, last_error = null
       where block_id = $1 and device_id = $2`,
      [id, deviceId, now],
    )
    await client.query('update block set proof_since = $2 where id = $1', [id, now])
    await tell(client, id, 'reasserted', 'The rule is back.', { device: deviceId })
    await appendAudit(client, { event: 'block.reassert', actor: ENFORCER, subject: `block:${id}`, after: { device: deviceId } })
  })
}

/** The time of a block is over: from here on it is taken away. False when somebody else has ended it. Recorded. */
export async function beginExpire(pool: Pool, id: string): Promise<boolean> {
  return await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ was: string }>(
      `update block b set state = 'withdrawing', end_state = 'expired' from (select id, state as was from block where id = $1 for update) o
       where b.id = o.id and b.state in ('approved', 'applying', 'enforced', 'verified', 'leaking') and b.expires_at <= clock_timestamp() returning o.was`,
      [id],
    )
    const [row] = rows
    if (row === undefined) return false
    await tell(client, id, 'withdrawing', 'Its time is over.')
    await appendAudit(client, {
      event: 'block.expire',
      phase: 'intent',
      actor: ENFORCER,
      subject: `block:${id}`,
      before: { state: row.was },
      after: { state: 'withdrawing' },
    })
    return true
  })
}

/** What one device answered to the rule being taken away. The block ends when no device can carry it any more. */
export async function deviceRemoved(pool: Pool, id: string, deviceId: string, answer: DeviceAnswer, now = new Date()): Promise<void> {
  await inTransaction(pool, async (client) => {
    const block = await lockBlock(client, id)
    if (block.state !== 'withdrawing') return
    const was = (await devicesOf(client, id)).find((one) => one.device_id === deviceId)
    if (was === undefined) return
    const error = answer.ok ? null : answer.error.slice(0, 500)
    const state = answer.ok ? 'removed' : answer.unreachable ? 'unreachable' : 'failed'
    await client.query(
      `update block_device set state = $3, last_error = $4, removed_at = case when $5 then $6::timestamptz end, attempts = attempts + 1
       where block_id = $1 and device_id = $2`,
      [id, deviceId, state, error, answer.ok, now],
    )
    const news = was.state !== state || was.last_error !== error
    if (news) await tell(client, id, state, answer.ok ? 'The rule is gone.' : (error ?? ''), { device: deviceId })
    const done = await endWhenBare(client, block, now)
    if (news || done)
      await appendAudit(client, {
        event: block.end_state === 'withdrawn' ? 'block.withdraw' : block.end_state === 'failed' ? 'block.probe' : 'block.expire',
        actor: ENFORCER,
        subject: `block:${id}`,
        after: { device: deviceId, state, error, ...(done ? { block: block.end_state } : {}) },
      })
  })
}

async function endWhenBare(client: PoolClient, block: BlockRow, now: Date): Promise<boolean> {
  const left = (await devicesOf(client, block.id)).filter((one) => one.removed_at === null && one.state !== 'manual')
  if (left.length > 0) return false
  const end = block.end_state ?? 'expired'
  await client.query('update block_device set removed_at = coalesce(removed_at, $2) where block_id = $1', [block.id, now])
  await client.query(`update block set state = $2, ended_at = $3 where id = $1 and state = 'withdrawing'`, [block.id, end, now])
  await tell(client, block.id, end, 'It is over: no device carries it.')
  return true
}

/** End a block that only ever was text for people. */
export async function endManual(pool: Pool, id: string, now = new Date()): Promise<void> {
  await inTransaction(pool, async (client) => {
    const block = await lockBlock(client, id)
    if (block.state !== 'withdrawing' || !(await endWhenBare(client, block, now))) return
    await appendAudit(client, { event: 'block.expire', actor: ENFORCER, subject: `block:${id}`, after: { block: block.end_state } })
  })
}

/** Whether the device answered when it was last asked. */
export async function deviceChecked(pool: Pool, deviceId: string, answer: DeviceAnswer, now = new Date()): Promise<void> {
  const reachable = answer.ok || !answer.unreachable
  await pool.query(
    `update device set reachable = $2, checked_at = $3, last_error = $4,
       unreachable_since = case when $2 then null else coalesce(unreachable_since, $3) end where id = $1`,
    [deviceId, reachable, now, answer.ok ? null : answer.error.slice(0, 500)],
  )
}

/**
 * Throws StorageError `audit-blocked` when the audit log would not take an entry; leaves none. Asked before a device is touched again after a
 * step that could not be recorded.
 */
export async function auditTakesEntries(pool: Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await appendAudit(client, { event: 'audit.probe', actor: ENFORCER, subject: 'audit:probe' })
  } finally {
    const sound = await client.query('rollback').then(
      () => true,
      () => false,
    )
    client.release(!sound)
  }
}

/** The right to touch devices: one process of a database has it at a time, and loses it with its connection. */
export interface EnforcerHold {
  readonly lost: boolean
  release(): Promise<void>
}

/** Null when another process has it. */
export async function holdEnforcement(pool: Pool): Promise<EnforcerHold | null> {
  const client = await pool.connect()
  let lost = false
  client.once('error', () => {
    lost = true
  })
  client.once('end', () => {
    lost = true
  })
  const { rows } = await client
    .query<{ got: boolean }>(`select pg_try_advisory_lock(hashtextextended('weir enforce', 0)) as got`)
    .catch((error: unknown) => {
      client.release(true)
      throw error
    })
  if (rows[0]?.got !== true) {
    client.release()
    return null
  }
  return {
    get lost() {
      return lost
    },
    async release() {
      lost = true
      // The connection goes with it, so that the lock cannot stay behind in the pool.
      client.release(true)
    },
  }
}

export interface ProofSettings {
  /** A flow that ended this soon after enforcement may be of before. */
  graceMs: number
  /** Without matched traffic for this long, with the exporter alive, a block is verified. */
  quietMs: number
}

interface Leak {
  exporter: string
  interface: string
  bytes: number
  /** Octets after the last moment the proof began. */
  fresh: number
  last: Date
  received: Date
}
type StoredLeak = { exporter: string; interface: string; bytes: number; lastSeen: string }

/** Flows are read again for this long at every look, because they come late; older ones are kept as sums. */
const READ_AGAIN_MS = 15 * 60_000
const FOLD_AFTER_MS = 30 * 60_000
/** Exporters that say nothing for this long after the proof could have been are no witnesses. */
const SILENT_MS = 60_000
/** Traffic that the exporters behind a device did not see for this long before a block is none whose absence they could witness. */
const BEFORE_MS = 3_600_000
const ASK_AGAIN_MS = 60_000
const UNWITNESSED =
  'The exporters behind its devices saw no such traffic in the hour before: that they see none now proves nothing. What a device counts will.'

/**
 * Look at the flows that exporters behind the devices report since enforcement, and move the block: matched traffic makes it `leaking`, its
 * absence makes it `verified` while an exporter is alive that had seen such traffic before; the device's own counters do where no exporter
 * can speak. A limit lets traffic through by intent, so that only counters speak for it. Writes only what is new. Gives true when matched
 * traffic was seen just now.
 */
export async function proveBlock(pool: Pool, work: Work, settings: ProofSettings, now = new Date()): Promise<boolean> {
  const { block, devices } = work
  const since = block.proof_since
  if (since === null || (block.state !== 'enforced' && block.state !== 'verified' && block.state !== 'leaking')) return false
  const exporters = [...new Set(devices.flatMap(({ device }) => device.exporter_ids))]
  const start = new Date((block.enforced_at ?? since).getTime() + settings.graceMs)
  const from = block.leak_base_until === null || block.leak_base_until < start ? start : block.leak_base_until
  const fresh = new Date(since.getTime() + settings.graceMs)
  const watched = block.intent.action.kind === 'drop' && exporters.length > 0
  const seen = watched ? await leaksOf(pool, work, exporters, { start, from, fresh, to: null }) : []
  const recent = seen.filter((leak) => leak.fresh > 0)
  const { rows } = await pool.query<{ alive: boolean }>(
    // What the inventory says is up to half a minute old; flows say it at once.
    `select coalesce(bool_or(last_seen >= $2), false) or exists (select from flow where exporter_id = any($1::int[]) and time >= $2) as alive
     from exporter where id = any($1::int[])`,
    [exporters, new Date(since.getTime() + settings.quietMs)],
  )
  const last = Math.max(0, ...recent.map(({ last, received }) => Math.max(last.getTime(), received.getTime())))
  const counted = devices.some((one) => one.packets !== null && Number(one.packets) > 0)
  const quiet = now.getTime() - Math.max(since.getTime(), last) >= settings.quietMs
  const missing = devices.some((one) => one.state !== 'applied' && one.state !== 'manual')
  const alive = rows[0]?.alive === true
  const absent = alive && quiet && watched
  // Asked when it decides, and again each minute while flows of the hour before may still come. A leak shows as well that they see it.
  const known = block.witnessed || block.leaks.length > 0 || seen.length > 0
  const ask = absent && !known && askAgain(block, start, now)
  const witnessed = known || (ask && (await seenBefore(pool, work, exporters, start)))
  const byFlows = absent && witnessed
  // A device's word for itself counts where nobody else can speak: no exporter is known behind it, none was heard for long, or those that
  // are heard never saw such traffic.
  const silent = !watched || (absent && !witnessed) || (!alive && now.getTime() - since.getTime() > settings.quietMs + SILENT_MS)
  const by = byFlows ? 'flows' : counted && silent ? 'counters' : null
  const leaking = recent.length > 0 && !quiet
  const next = leaking ? 'leaking' : missing || by === null ? block.state : 'verified'
  // The flows came later and say the same: the better witness.
  const better = next === 'verified' && block.state === 'verified' && block.verified_by === 'counters' && by === 'flows'
  const all = together(block.leak_base, seen)
  const bytes = all.reduce((sum, one) => sum + one.bytes, 0)
  const note =
    exporters.length === 0
      ? 'No exporter is known behind its devices: only their own counters can prove it.'
      : leaking
        ? 'Matched traffic still passes.'
        : next === 'leaking'
          ? block.proof_note
          : absent && !witnessed
            ? UNWITNESSED
            : null
  const fold = watched && now.getTime() - from.getTime() > FOLD_AFTER_MS ? new Date(now.getTime() - READ_AGAIN_MS) : null
  const first = all.length > 0 && block.leaks.length === 0
  if (
    next === block.state &&
    !better &&
    !ask &&
    note === block.proof_note &&
    fold === null &&
    JSON.stringify(all) === JSON.stringify(block.leaks)
  )
    return leaking
  const base = fold === null ? null : together(block.leak_base, await leaksOf(pool, work, exporters, { start, from, fresh, to: fold }))
  await inTransaction(pool, async (client) => {
    const now_ = await lockBlock(client, block.id)
    // Someone else has moved it since it was read, so that this look is of before.
    if (now_.state !== block.state || now_.proof_since?.getTime() !== since.getTime()) return
    await client.query(
      `update block set leaked_bytes = $2, leaks = $3, proof_note = $4, leak_base = coalesce($5, leak_base),
         leak_base_until = coalesce($6, leak_base_until), witnessed = $7, witness_asked_at = coalesce($8, witness_asked_at) where id = $1`,
      [block.id, bytes, JSON.stringify(all), note, base === null ? null : JSON.stringify(base), fold, witnessed, ask ? now : null],
    )
    if (next === block.state && !first && !better) return
    if (next !== block.state || better)
      await client.query(
        `update block set state = $2, verified_at = case when $2 = 'verified' then $3 else verified_at end,
           verified_by = case when $2 = 'verified' then $4 else verified_by end where id = $1 and state = $5`,
        [block.id, next, now, by, block.state],
      )
    const verified = next === 'verified' && (next !== block.state || better)
    const words = verified
      ? by === 'flows'
        ? 'Matched traffic has stopped behind the devices.'
        : 'The device counts what it drops.'
      : `Matched traffic passed: ${Math.round(bytes)} octets, seen by ${all.map((one) => `${one.exporter} on ${one.interface}`).join(', ')}.`
    await tell(client, block.id, verified ? 'verified' : 'leaking', words)
    await appendAudit(client, {
      event: verified ? 'block.verify' : 'block.leak',
      actor: ENFORCER,
      subject: `block:${block.id}`,
      before: { state: block.state },
      after: { state: next, by: verified ? by : null, bytes, exporters, leaks: all.map((one) => [one.exporter, one.interface]) },
    })
  })
  return leaking
}

/** Whether to look once more for traffic of before: not more than once a minute, and not when all of it must have come. */
function askAgain(block: Work['block'], start: Date, now: Date): boolean {
  if (block.witness_asked_at === null) return true
  const since = now.getTime() - block.witness_asked_at.getTime()
  return since >= ASK_AGAIN_MS && block.witness_asked_at.getTime() - start.getTime() < FOLD_AFTER_MS
}

/** Whether the exporters saw traffic that the block matches, behind its devices, in the hour before `start`. */
async function seenBefore(pool: Pool, { block, devices }: Work, exporters: readonly number[], start: Date): Promise<boolean> {
  const p = new Parameters()
  const { rows } = await pool.query<{ seen: boolean }>(
    `select exists (select from flow where time > ${p.addTime(start.getTime() - BEFORE_MS)} and time <= ${p.addTime(start.getTime())}
       and event_kind is null and ${passedSql(devices, exporters, p)} and ${matchSql(block.intent.match, p)}) as seen`,
    p.values,
  )
  return rows[0]?.seen === true
}

/** Sums by exporter and interface, most octets first. */
function together(base: readonly StoredLeak[], seen: readonly Leak[]): StoredLeak[] {
  const sums = new Map<string, StoredLeak>()
  const rows = [...base, ...seen.map((one) => ({ ...one, lastSeen: one.last.toISOString() }))]
  for (const { exporter, interface: name, bytes, lastSeen } of rows) {
    const key = JSON.stringify([exporter, name])
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { exporter, interface: name, bytes, lastSeen })
    else sums.set(key, { ...sum, bytes: sum.bytes + bytes, lastSeen: [sum.lastSeen, lastSeen].sort().at(-1) ?? lastSeen })
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes || (a.exporter < b.exporter ? -1 : 1))
}

/** SQL for flows that passed behind the devices, as the exporters say. */
function passedSql(devices: Work['devices'], exporters: readonly number[], p: Parameters): string {
  // An exporter of which only some interfaces are behind a device says of itself alone what passed it.
  const points = new Map(devices.flatMap(({ device }) => (device.config.points ?? []).map((one) => [one.exporterId, one.interfaces])))
  const whole = exporters.filter((id) => !points.has(id))
  const behind = [
    `exporter_id = any(${p.add(whole, 'int[]')})`,
    ...exporters.flatMap((id) => {
      const interfaces = points.get(id)
      if (interfaces === undefined) return []
      const list = p.add(interfaces, 'bigint[]')
      return [`(exporter_id = ${p.add(id, 'int')} and (out_if = any(${list}) or (coalesce(out_if, 0) = 0 and in_if = any(${list}))))`]
    }),
  ].join(' or ')
  // What the exporter itself says it dropped has not passed it (RFC 7270, element 89: 10xxxxxx).
  return `((${behind}) and (forwarding_status is null or (forwarding_status::int >> 6) <> 2))`
}

/** `time` after `from` and up to `to`; of a flow's octets only the part after `start` (and `fresh`) counts. */
async function leaksOf(
  pool: Pool,
  { block, devices }: Work,
  exporters: readonly number[],
  at: { start: Date; from: Date; fresh: Date; to: Date | null },
): Promise<Leak[]> {
  const p = new Parameters()
  const time = (moment: Date) => p.addTime(moment.getTime())
  const part = (moment: string) =>
    `(case when duration_ms > 0 then greatest(0, least(1, extract(epoch from time - ${moment}) * 1000 / duration_ms)) when time > ${moment} then 1 else 0 end)`
  const { rows } = await pool.query<Leak>(
    `select coalesce(e.name, host(e.address)) as exporter,
       coalesce(i.name, 'interface ' || f.out_if, 'an unnamed interface') as interface, f.bytes, f.fresh, f.last, f.received
     from (select exporter_id, out_if, sum(weir_scaled(bytes, sampling_rate) * ${part(time(at.start))})::float8 as bytes,
         sum(weir_scaled(bytes, sampling_rate) * ${part(time(at.fresh))})::float8 as fresh, max(time) as last,
         to_timestamp(max(time_received_ns) / 1e9) as received
       from flow where time > ${time(at.from)}${at.to === null ? '' : ` and time <= ${time(at.to)}`} and event_kind is null and slice is null and ${passedSql(devices, exporters, p)}
         and ${matchSql(block.intent.match, p)} group by 1, 2) f
     join exporter e on e.id = f.exporter_id left join interface i on i.exporter_id = f.exporter_id and i.if_index = f.out_if
     where f.bytes > 0 order by f.bytes desc limit 20`,
    p.values,
  )
  return rows
}
