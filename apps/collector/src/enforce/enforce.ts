import {
  auditTakesEntries,
  beginApply,
  beginExpire,
  beginReassert,
  blocksToEnforce,
  type Carried,
  canaryFails,
  canaryHolds,
  type DeviceAnswer,
  type DeviceRow,
  deviceAnswered,
  deviceChecked,
  deviceRemoved,
  deviceSeen,
  type EnforcerHold,
  endManual,
  holdEnforcement,
  proveBlock,
  reasserted,
  WATCH_DEFAULTS,
  type WatchSettings,
  type Work,
  watchBlocks,
} from '@weir/db/commands'
import { endsWithin, type Pool } from '@weir/db/connection'
import { type Subscription, subscribe } from '@weir/db/notify'
import { setting } from '@weir/db/queries'
import { type LiveBlock, reassert } from '@weir/mitigation'
import type { Component } from '../component.ts'
import { alertMessages, NO_NOTIFICATIONS, type NotificationSettings, readNotifications } from '../detect/notifications.ts'
import type { Reporter } from '../reporter.ts'
import { type Driver, driverFor, findBlock } from './drivers.ts'
import { DeviceError } from './run.ts'

export interface EnforceSettings {
  databaseUrl: string
  /** SSH keys and known_hosts. */
  keyDir: string
  /** How often every device is compared with what it should carry. */
  reconcileMs: number
  /** How long matched traffic must be absent before a block counts as proven. */
  quietMs: number
  /** When people are told that something is wrong; default: the guarantees' 60 s. Null: another process tells them. */
  watch?: WatchSettings | null
  /** Within this time the first of several devices must show that it lives with a rule; default 120 s. */
  probeMs?: number
  /** How devices are spoken to; for tests that stand in between. */
  driverFor?: typeof driverFor
}

const POLL_MS = 1_000
/** Between two passes that were asked for. */
const PACE_MS = 100
const GRACE_MS = 2_000
/** After a failure a device (a rule, when the device refuses only that) is left alone for twice as long each time, up to this. */
const BACKOFF_MOST_MS = 15_000
/** Rules of one device that may be on their way: the time of a block begins when it is begun, so no more are begun than are soon there. */
const ON_THEIR_WAY = 25
/** Looks at the traffic of a block: often while something is expected of it. */
const LOOK_MS = { watched: 1_000, verified: 3_000 }
/** A pass looks at blocks for so long, and goes on with the others in the next. */
const LOOKS_MS = 500
const WATCH_MS = 2_000
/** The first of several devices must show within this time that it lives with a rule. */
const PROBE_MS = 120_000
/** A stop waits so long for a device. */
const STOP_MS = 2_000

/** What is known of one device between passes. */
interface Lane {
  running: Promise<void> | null
  failures: number
  /** Not to be asked before. */
  restUntil: number
  reconciledAt: number
  /** Compare it at the next chance: matched traffic passes. */
  suspect: boolean
}

/**
 * Role `enforce`: the only part that touches devices. It holds nothing that is not in the database or on a device, so that a restart at any
 * moment goes on where it was: what is approved is applied, what is missing is put back, what is over is taken away.
 *
 * One pass at a time says what is due; each device then has a lane of its own, so that one that does not answer keeps no other waiting. Every
 * step is recorded before it is made; when the record fails, the step is not made and tried again later. Of several processes on one
 * database one enforces; the others wait for its connection to end.
 */
export class Enforce implements Component {
  readonly name = 'enforce'
  readonly #pool: Pool
  readonly #settings: EnforceSettings
  readonly #reporter: Reporter
  #subscription: Subscription | null = null
  #hold: EnforcerHold | null = null
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null
  #woken = false
  #stopping = false
  #live = 0
  #unreachable = 0
  #alerts = 0
  #watchedAt = 0
  /** A step was made or begun and could not be recorded: no device is touched before the log takes entries again. */
  #unrecorded = false
  readonly #lanes = new Map<string, Lane>()
  /** Rules that a device refused, by block and device. */
  readonly #refused = new Map<string, { failures: number; until: number }>()
  /** When to look at the traffic of a block again. */
  readonly #looks = new Map<string, number>()
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
    reporter.gauge('block_alerts', 'What is wrong with blocks now.', [], () => [[{}, this.#alerts]])
    reporter.counter('block_steps_total', 'Rules put on devices, taken away, and put back after they went missing.', ['step'], () => [
      [{ step: 'applied' }, this.applied],
      [{ step: 'removed' }, this.removed],
      [{ step: 'reasserted' }, this.reassertions],
    ])
    reporter.check(() => [
      this.#unrecorded
        ? {
            name: 'audit_blocked',
            state: 'fail' as const,
            message: 'The audit log takes no entries, so no device is touched. See that the database has space; bin/weir doctor helps.',
          }
        : { name: 'audit_blocked', state: 'ok' as const, message: 'Every step at a device is recorded.' },
      this.#alerts > 0
        ? { name: 'enforcement', state: 'warn' as const, message: `${this.#alerts} things are wrong with blocks; see Blocks.` }
        : this.#unreachable > 0
          ? { name: 'enforcement', state: 'warn' as const, message: `${this.#unreachable} devices with blocks do not answer; see Blocks.` }
          : { name: 'enforcement', state: 'ok' as const, message: `${this.#live} blocks are in force.` },
    ])
  }

  async start(): Promise<void> {
    this.#subscription = subscribe(this.#settings.databaseUrl, { block: () => this.#wake() }, { applicationName: 'weir-enforce' })
    this.#plan(0)
  }

  /** A device that does not answer is not waited for: every step was recorded before, and after the next start the device is asked what it carries. */
  async stop(leftMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#stopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#subscription?.close()
    const work = Promise.resolve(this.#running).then(() => Promise.all([...this.#lanes.values()].map((lane) => lane.running)))
    // Nobody else enforces before the last step has ended, or this process has.
    const released = work.finally(() => this.#hold?.release())
    if (!(await endsWithin(Math.min(STOP_MS, leftMs / 2), released)))
      this.#reporter.log.warn('stopped while a device or the database does not answer; what was begun is finished after the next start')
  }

  #wake(): void {
    if (this.#woken || this.#stopping) return
    this.#woken = true
    if (this.#running === null) this.#plan(PACE_MS / 2)
  }

  #plan(delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#woken = false
      this.#running = this.#pass()
        .catch((error: unknown) => this.#troubled(error))
        .finally(() => {
          this.#running = null
          if (!this.#stopping) this.#plan(this.#woken ? PACE_MS : POLL_MS)
        })
    }, delayMs)
  }

  #troubled(error: unknown): void {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'audit-blocked') this.#unrecorded = true
    if (!this.#stopping) this.#reporter.limited('warn', 'enforce', { err: error }, 'enforcement could not go on; tried again')
  }

  async #pass(): Promise<void> {
    if (this.#hold?.lost === true) {
      await this.#hold.release()
      this.#hold = null
    }
    this.#hold ??= await holdEnforcement(this.#pool)
    if (this.#hold === null) return
    if (this.#unrecorded) {
      await auditTakesEntries(this.#pool)
      this.#unrecorded = false
    }
    const before = await blocksToEnforce(this.#pool)
    const begun = await this.#begin(before)
    // Read again: what was begun is now to be done.
    const work = begun ? await blocksToEnforce(this.#pool) : before
    this.#live = work.length
    for (const { device, work: of } of byDevice(work).values()) this.#serve(device, of)
    this.#unreachable = new Set(
      work.flatMap(({ devices }) => devices.filter((one) => one.state === 'unreachable').map((one) => one.device_id)),
    ).size
    await this.#look(work)
    await this.#watch()
  }

  /** What is over, then what is approved. One that cannot be begun keeps no other waiting. True when something was. */
  async #begin(all: readonly Work[]): Promise<boolean> {
    let begun = false
    const each = async (step: () => Promise<boolean>) => {
      if (this.#stopping || this.#unrecorded) return
      try {
        if (await step()) begun = true
      } catch (error) {
        this.#troubled(error)
      }
    }
    const onTheirWay = new Map<string, number>()
    for (const { block, devices } of all) {
      if (block.expires_at !== null && block.expires_at.getTime() <= Date.now() && block.state !== 'withdrawing')
        await each(() => beginExpire(this.#pool, block.id))
      if (block.state === 'applying')
        for (const one of devices) if (one.state === 'applying') onTheirWay.set(one.device_id, (onTheirWay.get(one.device_id) ?? 0) + 1)
    }
    for (const { block, devices } of all) {
      const first = block.state === 'applying' ? canaryOf(devices) : null
      if (first?.state === 'applied' && !probed(first) && Date.now() - (first.applied_at?.getTime() ?? 0) >= this.#probeMs)
        await each(async () => {
          await canaryFails(this.#pool, block.id, first.device_id, first.device.last_error ?? 'it was not seen to carry the rule')
          // It is asked at once, however long it was to rest.
          this.#laneOf(first.device_id).restUntil = 0
          return true
        })
      if (devices.every((one) => one.device.transport === 'none'))
        await each(async () => {
          await endManual(this.#pool, block.id)
          return false
        })
      if (block.state !== 'approved' || devices.some((one) => (onTheirWay.get(one.device_id) ?? 0) >= ON_THEIR_WAY)) continue
      for (const one of devices) onTheirWay.set(one.device_id, (onTheirWay.get(one.device_id) ?? 0) + 1)
      await each(async () => {
        await beginApply(this.#pool, block.id)
        return true
      })
    }
    return begun
  }

  get #probeMs(): number {
    return this.#settings.probeMs ?? PROBE_MS
  }

  #laneOf(id: string): Lane {
    const lane = this.#lanes.get(id) ?? { running: null, failures: 0, restUntil: 0, reconciledAt: 0, suspect: false }
    this.#lanes.set(id, lane)
    return lane
  }

  /** Start what a device is to be told, unless it is being told or rests. */
  #serve(device: DeviceRow, work: readonly Work[]): void {
    const lane = this.#laneOf(device.id)
    const driver = (this.#settings.driverFor ?? driverFor)(device, this.#settings.keyDir)
    if (driver === null || lane.running !== null || lane.restUntil > Date.now() || this.#unrecorded || this.#stopping) return
    const reconcile = lane.suspect || Date.now() - lane.reconciledAt >= this.#settings.reconcileMs
    const due = work.filter((one) => this.#due(one, device.id) !== null)
    if (due.length === 0 && !reconcile) return
    lane.running = this.#device(device, lane, driver, work, reconcile)
      .catch((error: unknown) => this.#troubled(error))
      .finally(() => {
        lane.running = null
        this.#wake()
      })
  }

  /** What a device is to do with a block now; null: nothing. */
  #due({ block, devices }: Work, deviceId: string): 'undo' | 'apply' | 'probe' | null {
    const carried = devices.find((each) => each.device_id === deviceId)
    if (carried === undefined || carried.state === 'manual') return null
    if ((this.#refused.get(`${block.id} ${deviceId}`)?.until ?? 0) > Date.now()) return null
    if (block.state === 'withdrawing') return carried.removed_at === null ? 'undo' : null
    const over = block.expires_at !== null && block.expires_at.getTime() <= Date.now()
    if (block.state !== 'applying' || over) return null
    const first = canaryOf(devices)
    if (first === null || probed(first)) return carried.state === 'applied' ? null : 'apply'
    if (first.device_id !== deviceId) return null
    return carried.state === 'applied' ? 'probe' : 'apply'
  }

  /** Everything that one device is to be told: what is over first. Nothing when the log would not take what is to be said of it afterwards. */
  async #device(device: DeviceRow, lane: Lane, driver: Driver, work: readonly Work[], reconcile: boolean): Promise<void> {
    if (work.some((one) => this.#due(one, device.id) !== null)) await auditTakesEntries(this.#pool)
    for (const wanted of ['undo', 'apply'] as const)
      for (const one of work) {
        const carried = one.devices.find((each) => each.device_id === device.id)
        if (carried === undefined || this.#due(one, device.id) !== wanted) continue
        if (this.#stopping || this.#unrecorded || this.#hold?.lost !== false) return
        const step =
          wanted === 'undo'
            ? () => driver.undo(carried.undo)
            : () => driver.apply(textNow(one, carried, untilProbed(one, carried, this.#probeMs)))
        const answer = await this.#tried(device, lane, one.block.id, step)
        if (wanted === 'undo') await deviceRemoved(this.#pool, one.block.id, device.id, answer)
        else await deviceAnswered(this.#pool, one.block.id, device.id, answer)
        if (!answer.ok && answer.unreachable) return
        if (answer.ok && wanted === 'undo') this.removed++
        else if (answer.ok) this.applied++
      }
    for (const one of work) {
      const carried = one.devices.find((each) => each.device_id === device.id)
      if (carried === undefined || this.#due(one, device.id) !== 'probe') continue
      if (this.#stopping || this.#unrecorded || this.#hold?.lost !== false) return
      await this.#probe(device, lane, driver, one, carried)
    }
    if (reconcile) await this.#reconcile(device, lane, driver, work)
  }

  /**
   * Whether the first of several devices still answers and carries the rule: then it gets the rule for the whole of its time, and the others get it.
   * When it does not for too long, `#begin` has the rule taken back; where the device keeps time itself it has let go of it by then.
   */
  async #probe(device: DeviceRow, lane: Lane, driver: Driver, one: Work, carried: Carried): Promise<void> {
    const { block } = one
    const answer = await this.#tried(device, lane, block.id, async () => {
      if (findBlock(device, await driver.list(), block) === undefined)
        throw new DeviceError('it does not carry the rule that it took', false)
      // Once more with all its time: what is taken away and put on in one step is never away.
      if (keepsTime(device)) await driver.apply(carried.undo + textNow(one, carried))
    })
    if (answer.ok) await canaryHolds(this.#pool, block.id, device.id)
  }

  /** Compare what the device carries with what it should, and put back what is missing. What is not ours is never touched. */
  async #reconcile(device: DeviceRow, lane: Lane, driver: Driver, work: readonly Work[]): Promise<void> {
    lane.reconciledAt = Date.now()
    lane.suspect = false
    const seen: { live: LiveBlock[] } = { live: [] }
    const asked = await this.#tried(device, lane, null, async () => {
      seen.live = await driver.list()
    })
    if (!asked.ok) return
    const due = work.filter(({ block }) => ['enforced', 'verified', 'leaking'].includes(block.state))
    for (const one of due) {
      const carried = one.devices.find((each) => each.device_id === device.id)
      const expires = one.block.expires_at?.getTime() ?? 0
      if (carried === undefined || carried.state === 'manual' || expires - Date.now() < 1_000) continue
      if (this.#stopping || this.#unrecorded || this.#hold?.lost !== false) return
      const found = findBlock(device, seen.live, one.block)
      if (found !== undefined) {
        // Put back by a pass that ended before it could say so.
        if (carried.state !== 'applied') await reasserted(this.#pool, one.block.id, device.id)
        await deviceSeen(this.#pool, one.block.id, device.id, found)
        continue
      }
      if (!(await beginReassert(this.#pool, one.block.id, device.id))) continue
      const answer = await this.#tried(device, lane, one.block.id, () => driver.apply(textNow(one, carried)))
      if (answer.ok) {
        await reasserted(this.#pool, one.block.id, device.id)
        this.reassertions++
      } else {
        await deviceAnswered(this.#pool, one.block.id, device.id, answer)
        if (answer.unreachable) return
      }
    }
  }

  /** The traffic behind the devices, each block at its own pace. */
  async #look(work: readonly Work[]): Promise<void> {
    const now = Date.now()
    const due = work
      .filter(({ block }) => ['enforced', 'verified', 'leaking'].includes(block.state) && (this.#looks.get(block.id) ?? 0) <= now)
      .sort((a, b) => (this.#looks.get(a.block.id) ?? 0) - (this.#looks.get(b.block.id) ?? 0))
    for (const one of due) {
      if (this.#stopping || Date.now() - now > LOOKS_MS || this.#unrecorded) break
      const { block, devices } = one
      this.#looks.set(block.id, Date.now() + (block.state === 'verified' ? LOOK_MS.verified : LOOK_MS.watched))
      try {
        const passes = await proveBlock(this.#pool, one, { graceMs: GRACE_MS, quietMs: this.#settings.quietMs })
        // Something is wrong at a device, and the next comparison may be a minute away.
        if (passes && block.state !== 'leaking') for (const { device_id } of devices) this.#laneOf(device_id).suspect = true
      } catch (error) {
        this.#troubled(error)
      }
    }
    const known = new Set(work.map(({ block }) => block.id))
    for (const id of this.#looks.keys()) if (!known.has(id)) this.#looks.delete(id)
    for (const key of this.#refused.keys()) if (!known.has(key.split(' ')[0] ?? '')) this.#refused.delete(key)
  }

  /** Tell people what is wrong for too long. */
  async #watch(): Promise<void> {
    const { watch = WATCH_DEFAULTS } = this.#settings
    if (watch === null || Date.now() - this.#watchedAt < WATCH_MS) return
    this.#watchedAt = Date.now()
    let notifications: NotificationSettings = NO_NOTIFICATIONS
    try {
      notifications = readNotifications(await setting(this.#pool, 'notifications'))
    } catch (error) {
      this.#reporter.limited('error', 'enforce-notifications', { err: error }, 'the setting notifications cannot be used')
    }
    this.#alerts = await watchBlocks(this.#pool, (alert) => alertMessages(alert, notifications), watch)
  }

  async #tried(device: DeviceRow, lane: Lane, blockId: string | null, step: () => Promise<void>): Promise<DeviceAnswer> {
    const answer = await this.#answered(step)
    const key = `${blockId ?? ''} ${device.id}`
    const pause = (failures: number) => Date.now() + Math.min(BACKOFF_MOST_MS, 1_000 * 2 ** (failures - 1))
    if (answer.ok) {
      lane.failures = 0
      this.#refused.delete(key)
    } else {
      this.#reporter.limited(
        'warn',
        `enforce-${device.transport}`,
        { device: device.id, block: blockId, error: answer.error },
        'a device did not take what it was given',
      )
      if (answer.unreachable || blockId === null) lane.restUntil = pause(++lane.failures)
      else {
        const failures = (this.#refused.get(key)?.failures ?? 0) + 1
        this.#refused.set(key, { failures, until: pause(failures) })
      }
    }
    await deviceChecked(this.#pool, device.id, answer)
    return answer
  }

  async #answered(step: () => Promise<void>): Promise<DeviceAnswer> {
    try {
      await step()
      return { ok: true }
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error
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

const keepsTime = (device: DeviceRow): boolean => device.dialect === 'nftables'
/** Seen to carry it after it took it. */
const probed = ({ applied_at, seen_at }: Carried): boolean => applied_at !== null && seen_at !== null && seen_at > applied_at

/**
 * The first of several devices to carry a rule; the others wait until it has held. One that has it already, or else the first that is not known to
 * be out of reach or to refuse. Null where there is one device only.
 */
function canaryOf(devices: readonly Carried[]): Carried | null {
  const all = devices.filter(({ state }) => state !== 'manual').sort((a, b) => (a.device_id < b.device_id ? -1 : 1))
  if (all.length < 2) return null
  const has = all.filter(({ state }) => state === 'applied')
  return has.find(probed) ?? has[0] ?? all.find(({ state }) => state !== 'unreachable' && state !== 'failed') ?? null
}

/** For how long the first of several devices gets a rule before it has held: it lets go of it by itself when nobody comes back. */
const untilProbed = (one: Work, carried: Carried, probeMs: number): number =>
  canaryOf(one.devices)?.device_id === carried.device_id ? Math.ceil(probeMs / 1_000) : Number.POSITIVE_INFINITY

/** The approved text; once its time runs, the same rule for the rest of it where the device keeps time itself. */
function textNow({ block }: Work, carried: Carried, mostSeconds = Number.POSITIVE_INFINITY): string {
  if (!keepsTime(carried.device) || block.expires_at === null) return carried.apply
  // Made anew from the intent: a text in the database that was changed reaches no device.
  const rest = Math.floor((block.expires_at.getTime() - Date.now()) / 1_000)
  return reassert(block.intent, carried.slot, Math.max(1, Math.min(block.intent.ttlSeconds, rest, mostSeconds)))
}
