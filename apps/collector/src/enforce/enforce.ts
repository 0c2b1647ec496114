import {
  beginApply,
  beginExpire,
  beginReassert,
  blocksToEnforce,
  type Carried,
  type DeviceAnswer,
  type DeviceRow,
  deviceAnswered,
  deviceChecked,
  deviceRemoved,
  deviceSeen,
  endManual,
  proveBlock,
  reasserted,
  type Work,
} from '@weir/db/commands'
import type { Pool } from '@weir/db/connection'
import { type Subscription, subscribe } from '@weir/db/notify'
import { type LiveBlock, reassert, ruleKey } from '@weir/mitigation'
import type { Component } from '../component.ts'
import type { Reporter } from '../reporter.ts'
import { type Driver, driverFor } from './drivers.ts'
import { DeviceError } from './run.ts'

export interface EnforceSettings {
  databaseUrl: string
  /** SSH keys and known_hosts. */
  keyDir: string
  /** How often every device is compared with what it should carry. */
  reconcileMs: number
  /** How long matched traffic must be absent before a block counts as proven. */
  quietMs: number
}

const POLL_MS = 1_000
const GRACE_MS = 2_000
/** After a failure a device is left alone for twice as long each time, up to this. */
const BACKOFF_MOST_MS = 60_000

/**
 * Role `enforce`: the only part that touches devices. It holds nothing that is not in the database or on a device, so that a restart at any
 * moment goes on where it was: what is approved is applied, what is missing is put back, what is over is taken away.
 *
 * One pass at a time. Every step is recorded before it is made; when the record fails, the step is not made and tried again in the next pass.
 */
export class Enforce implements Component {
  readonly name = 'enforce'
  readonly #pool: Pool
  readonly #settings: EnforceSettings
  readonly #reporter: Reporter
  #subscription: Subscription | null = null
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null
  #woken = false
  #stopping = false
  #reconciled = 0
  #live = 0
  #unreachable = 0
  /** Per device: failures in a row, and not to be asked before. */
  readonly #rest = new Map<string, { failures: number; until: number }>()
  applied = 0
  removed = 0
  reassertions = 0

  constructor(pool: Pool, settings: EnforceSettings, reporter: Reporter) {
    this.#pool = pool
    this.#settings = settings
    this.#reporter = reporter
    reporter.gauge('blocks_live', 'Blocks that a device may carry.', [], () => [[{}, this.#live]])
    reporter.gauge('block_devices_unreachable', 'Devices that should carry or lose a block and do not answer.', [], () => [
      [{}, this.#unreachable],
    ])
    reporter.counter('block_steps_total', 'Rules put on devices, taken away, and put back after they went missing.', ['step'], () => [
      [{ step: 'applied' }, this.applied],
      [{ step: 'removed' }, this.removed],
      [{ step: 'reasserted' }, this.reassertions],
    ])
    reporter.check(() => [
      this.#unreachable > 0
        ? { name: 'enforcement', state: 'warn' as const, message: `${this.#unreachable} devices with blocks do not answer; see Blocks.` }
        : { name: 'enforcement', state: 'ok' as const, message: `${this.#live} blocks are in force.` },
    ])
  }

  async start(): Promise<void> {
    this.#subscription = subscribe(this.#settings.databaseUrl, { block: () => this.#wake() }, { applicationName: 'weir-enforce' })
    this.#plan(0)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#subscription?.close()
    await this.#running
  }

  #wake(): void {
    this.#woken = true
    if (this.#running === null && !this.#stopping) this.#plan(0)
  }

  #plan(delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#woken = false
      this.#running = this.#pass()
        .catch((error: unknown) => {
          if (!this.#stopping) this.#reporter.limited('warn', 'enforce', { err: error }, 'enforcement could not go on; tried again')
        })
        .finally(() => {
          this.#running = null
          if (!this.#stopping) this.#plan(this.#woken ? 0 : POLL_MS)
        })
    }, delayMs)
  }

  async #pass(): Promise<void> {
    const all = await blocksToEnforce(this.#pool)
    this.#live = all.length
    for (const { block, devices } of all) {
      if (this.#stopping) return
      if (block.state === 'approved' && !(await beginApply(this.#pool, block.id))) continue
      if (block.expires_at !== null && block.expires_at.getTime() <= Date.now() && block.state !== 'withdrawing')
        await beginExpire(this.#pool, block.id)
      if (devices.every((one) => one.device.transport === 'none')) await endManual(this.#pool, block.id)
    }
    // Read again: what was begun above is now to be done.
    const work = await blocksToEnforce(this.#pool)
    const reconcile = Date.now() - this.#reconciled >= this.#settings.reconcileMs
    if (reconcile) this.#reconciled = Date.now()
    const done = await Promise.allSettled([...byDevice(work)].map(([, of]) => this.#device(of.device, of.work, reconcile)))
    const failed = done.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    this.#unreachable = new Set(
      (await blocksToEnforce(this.#pool)).flatMap(({ devices }) =>
        devices.filter((one) => one.state === 'unreachable').map((one) => one.device_id),
      ),
    ).size
    for (const one of await blocksToEnforce(this.#pool))
      await proveBlock(this.#pool, one, { graceMs: GRACE_MS, quietMs: this.#settings.quietMs })
  }

  /** Everything that one device is to be told, in order. */
  async #device(device: DeviceRow, work: readonly Work[], reconcile: boolean): Promise<void> {
    const driver = driverFor(device, this.#settings.keyDir)
    const rest = this.#rest.get(device.id)
    if (driver === null || (rest !== undefined && rest.until > Date.now())) return
    for (const one of work) {
      const carried = one.devices.find((each) => each.device_id === device.id)
      if (carried === undefined || this.#stopping) continue
      const { block } = one
      const over = block.expires_at !== null && block.expires_at.getTime() <= Date.now()
      if (block.state === 'withdrawing' && carried.removed_at === null && carried.state !== 'manual') {
        const answer = await this.#tried(device, () => driver.undo(carried.undo))
        await deviceRemoved(this.#pool, block.id, device.id, answer)
        if (!answer.ok && answer.unreachable) return
        if (answer.ok) this.removed++
      } else if (block.state === 'applying' && !over && carried.state !== 'applied') {
        const answer = await this.#tried(device, () => driver.apply(textNow(one, carried)))
        await deviceAnswered(this.#pool, block.id, device.id, answer)
        if (!answer.ok && answer.unreachable) return
        if (answer.ok) this.applied++
      }
    }
    if (reconcile) await this.#reconcile(device, driver, work)
  }

  /** Compare what the device carries with what it should, and put back what is missing. What is not ours is never touched. */
  async #reconcile(device: DeviceRow, driver: Driver, work: readonly Work[]): Promise<void> {
    const seen: { live: LiveBlock[] | null } = { live: null }
    const asked = await this.#tried(device, async () => {
      seen.live = await driver.list()
    })
    await deviceChecked(this.#pool, device.id, asked.ok ? null : asked.error)
    if (!asked.ok) return
    // Read after the device was asked: what was begun meanwhile is not missed as missing.
    const due = work.filter(({ block }) => ['enforced', 'verified', 'leaking'].includes(block.state))
    for (const one of due) {
      const carried = one.devices.find((each) => each.device_id === device.id)
      const expires = one.block.expires_at?.getTime() ?? 0
      if (carried === undefined || carried.state === 'manual' || expires - Date.now() < 1_000 || this.#stopping) continue
      if (seen.live === null) {
        // It cannot say what it carries: giving it again changes nothing when it is there.
        const answer = await this.#tried(device, () => driver.apply(textNow(one, carried)))
        if (answer.ok) await deviceSeen(this.#pool, one.block.id, device.id, { packets: null, bytes: null })
        continue
      }
      const found = seen.live.find((each) => each.id === one.block.id)
      const { intent } = one.block
      if (found !== undefined && found.match !== null && ruleKey(found.match, found.action) === ruleKey(intent.match, intent.action)) {
        // Put back by a pass that ended before it could say so.
        if (carried.state !== 'applied') await reasserted(this.#pool, one.block.id, device.id)
        await deviceSeen(this.#pool, one.block.id, device.id, found)
        continue
      }
      if (!(await beginReassert(this.#pool, one.block.id, device.id))) continue
      const answer = await this.#tried(device, () => driver.apply(textNow(one, carried)))
      if (answer.ok) {
        await reasserted(this.#pool, one.block.id, device.id)
        this.reassertions++
      } else await deviceAnswered(this.#pool, one.block.id, device.id, answer)
    }
  }

  async #tried(device: DeviceRow, step: () => Promise<void>): Promise<DeviceAnswer> {
    try {
      await step()
      this.#rest.delete(device.id)
      return { ok: true }
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error
      const failures = (this.#rest.get(device.id)?.failures ?? 0) + 1
      this.#rest.set(device.id, { failures, until: Date.now() + Math.min(BACKOFF_MOST_MS, 1_000 * 2 ** (failures - 1)) })
      this.#reporter.limited(
        'warn',
        `enforce-${device.transport}`,
        { device: device.id, err: error },
        'a device did not take what it was given',
      )
      return { ok: false, error: error.message, unreachable: error.unreachable }
    }
  }
}

function byDevice(work: readonly Work[]): Map<string, { device: DeviceRow; work: Work[] }> {
  const out = new Map<string, { device: DeviceRow; work: Work[] }>()
  for (const one of work)
    for (const { device } of one.devices) {
      const entry = out.get(device.id) ?? { device, work: [] }
      entry.work.push(one)
      out.set(device.id, entry)
    }
  return out
}

/** The approved text; once its time runs, the same rule for the rest of it where the device keeps time itself. */
function textNow({ block }: Work, carried: Carried): string {
  if (carried.device.dialect !== 'nftables' || block.expires_at === null) return carried.apply
  // Made anew from the intent: a text in the database that was changed reaches no device.
  const rest = Math.floor((block.expires_at.getTime() - Date.now()) / 1_000)
  return reassert(block.intent, carried.slot, Math.max(1, Math.min(block.intent.ttlSeconds, rest)))
}
