import type { Pool } from '@weir/db/connection'
import { createWriter, type Engine, FlowBatch, type FlowWriter, readEngine, StorageError } from '@weir/db/ingest'
import type { Account, Shed } from './account.ts'
import type { Component } from './component.ts'
import type { LatencyWindow } from './latency.ts'
import type { Reporter } from './reporter.ts'

/** A batch on its way, with the arrival times of its flows: `marks` holds pairs of epoch milliseconds and flows since the last pair. */
export interface Load {
  batch: FlowBatch
  firstMs: number
  marks: number[]
}

export interface StoreSettings {
  batchRows: number
  queueBytes: number
  flushMs: number
  /** Batches written at the same time, each over its own connection. */
  writers?: number
}

/** Octets of one encoded row, generously: real rows take 250–330. */
const ROW_BYTES = 360
const MARK_MS = 50
const RETRY_FIRST_MS = 100
const RETRY_MOST_MS = 10_000
/** Errors that neither pass by themselves nor are the rows' fault: tried this often, then the batch is given up and counted. */
const OTHER_ATTEMPTS = 5

/**
 * The queue before the database: fills batches, writes them, and retries while it has room.
 *
 * States of a batch: *filling* (one at a time) → *ready* (full, or its oldest flow has waited `flushMs` and a writer is free) → *writing*
 * → *stored*, or back to the pool after being given up and counted. A write that fails because the database is away is repeated with the
 * same batch, with jitter, for as long as the process lives; meanwhile the filling batch grows to its full size before it becomes ready,
 * so that the queue's room is used for flows and not for many small batches.
 *
 * When all batches are taken the newest flow is shed and counted (`queue_full`): what was received first is stored first.
 */
export class Store implements Component {
  readonly name = 'store'
  readonly #pool: Pool
  readonly #reporter: Reporter
  readonly #account: Account
  readonly #latency: LatencyWindow
  readonly #flushMs: number
  readonly #batchRows: number
  readonly #batchBytes: number
  readonly #maxLoads: number
  readonly #writers: number
  #writer: FlowWriter | null = null
  #engine: Engine | null = null
  #filling: Load | null = null
  readonly #ready: Load[] = []
  readonly #idle: Load[] = []
  #loads = 0
  #writing = 0
  #rowsWaiting = 0
  #timer: NodeJS.Timeout | null = null
  #stopping = false
  #abandon = false
  /** Wakes those who sleep between attempts, so that stopping need not wait for them. */
  readonly #sleepers = new Set<() => void>()
  /** Since when the database does not take writes, epoch milliseconds; null while it does. */
  downSinceMs: number | null = null
  downReason = ''
  /** Latest `time` among stored flows, epoch milliseconds. */
  newestFlowMs: number | null = null

  constructor(pool: Pool, settings: StoreSettings, account: Account, latency: LatencyWindow, reporter: Reporter) {
    this.#pool = pool
    this.#account = account
    this.#latency = latency
    this.#reporter = reporter
    this.#flushMs = settings.flushMs
    this.#batchRows = settings.batchRows
    this.#batchBytes = settings.batchRows * ROW_BYTES + 65_536
    this.#maxLoads = Math.max(3, Math.floor(settings.queueBytes / this.#batchBytes))
    this.#writers = settings.writers ?? 2
  }

  get engine(): Engine | null {
    return this.#engine
  }

  /** Flows taken and not yet stored or given up. */
  get waiting(): number {
    return this.#rowsWaiting
  }

  /** 0–1: how much of the queue's room is taken by batches that wait or are being written. */
  get share(): number {
    return Math.min(1, this.#rowsWaiting / (this.#maxLoads * this.#batchRows))
  }

  async start(): Promise<void> {
    void this.#connect()
    this.#timer = setInterval(() => this.#tick(), Math.max(10, Math.floor(this.#flushMs / 4)))
  }

  /**
   * A batch with room for one more flow that arrived at `receivedMs`, or null when the queue is full.
   * The caller appends exactly one flow and then calls `took`; when the batch itself is full it calls `seal` and asks again.
   */
  room(receivedMs: number): Load | null {
    let load = this.#filling
    if (load === null) {
      load = this.#take()
      if (load === null) return null
      load.firstMs = receivedMs
      this.#filling = load
    }
    return load
  }

  /** Note that the filling batch took a flow. */
  took(load: Load, receivedMs: number): void {
    this.#rowsWaiting++
    const { marks } = load
    const last = marks.length - 2
    if (last >= 0 && receivedMs - (marks[last] ?? 0) < MARK_MS) marks[last + 1] = (marks[last + 1] ?? 0) + 1
    else marks.push(receivedMs, 1)
  }

  /** The filling batch is full: hand it to the writers. */
  seal(): void {
    const load = this.#filling
    if (load === null) return
    this.#filling = null
    if (load.batch.rows === 0) this.#idle.push(load)
    else this.#ready.push(load)
    this.#pump()
  }

  #take(): Load | null {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#loads >= this.#maxLoads) return null
    this.#loads++
    return { batch: new FlowBatch({ rows: this.#batchRows, bytes: this.#batchBytes }), firstMs: 0, marks: [] }
  }

  #release(load: Load): void {
    load.batch.reset()
    load.marks = []
    // Two per writer keep a steady flow going; more were for an outage and go back to the system.
    if (this.#idle.length < this.#writers * 2) this.#idle.push(load)
    else this.#loads--
  }

  #tick(): void {
    const load = this.#filling
    if (load === null || load.batch.rows === 0) return
    if (this.#writer === null || this.#ready.length > 0 || this.#writing >= this.#writers) return
    if (this.#stopping || Date.now() - load.firstMs >= this.#flushMs) this.seal()
  }

  #pump(): void {
    const writer = this.#writer
    while (writer !== null && this.#writing < this.#writers) {
      const load = this.#ready.shift()
      if (load === undefined) return
      this.#writing++
      void this.#write(writer, load).finally(() => {
        this.#writing--
        this.#release(load)
        this.#pump()
        this.#tick()
      })
    }
  }

  async #write(writer: FlowWriter, load: Load): Promise<void> {
    const { rows } = load.batch
    for (let attempt = 1; ; attempt++) {
      try {
        await writer.write(load.batch)
        this.#stored(load)
        return
      } catch (error) {
        const kind = error instanceof StorageError ? error.kind : 'other'
        if (kind === 'outage' && !this.#abandon) {
          this.#down(error)
          this.#account.writeRetries++
          await this.#sleep(backoffMs(attempt))
          continue
        }
        if (kind === 'other' && attempt < OTHER_ATTEMPTS && !this.#abandon) {
          this.#account.writeRetries++
          await this.#sleep(backoffMs(attempt))
          continue
        }
        this.#giveUp(load, this.#abandon ? 'stopping' : 'database_refused')
        this.#reporter.limited(
          'error',
          'given-up',
          { err: error, flows: rows },
          `${rows} flows were given up: the database does not take them`,
        )
        return
      }
    }
  }

  #stored(load: Load): void {
    const { batch, marks } = load
    const now = Date.now()
    this.#account.stored += batch.rows
    this.#account.batches++
    this.#rowsWaiting -= batch.rows
    if (batch.maxTimeMs > (this.newestFlowMs ?? 0)) this.newestFlowMs = batch.maxTimeMs
    for (let i = 0; i + 1 < marks.length; i += 2) this.#latency.add(now - (marks[i] ?? now), marks[i + 1] ?? 0, now)
    this.#up()
  }

  #giveUp(load: Load, reason: Shed): void {
    this.#account.shed[reason] += load.batch.rows
    this.#rowsWaiting -= load.batch.rows
  }

  #down(error: unknown): void {
    this.downReason = error instanceof Error ? error.message : String(error)
    if (this.downSinceMs === null) {
      this.downSinceMs = Date.now()
      this.#reporter.log.error({ err: error }, 'the database does not take flows; they are kept in memory and tried again')
    } else {
      this.#reporter.limited(
        'warn',
        'database-down',
        { reason: this.downReason, waiting: this.#rowsWaiting, queueShare: Number(this.share.toFixed(3)) },
        'the database is still away',
      )
    }
  }

  #up(): void {
    if (this.downSinceMs === null) return
    const seconds = Math.round((Date.now() - this.downSinceMs) / 1000)
    this.downSinceMs = null
    this.downReason = ''
    this.#reporter.log.info({ seconds, waiting: this.#rowsWaiting }, 'the database takes flows again')
  }

  /** Find out which engine there is; keeps trying, because the database may simply start later than the collector. */
  async #connect(): Promise<void> {
    for (let attempt = 1; !this.#stopping; attempt++) {
      try {
        this.#engine = await readEngine(this.#pool)
        this.#writer = createWriter(this.#pool, this.#engine)
        this.#up()
        this.#reporter.log.info({ engine: this.#engine }, `database ready (${this.#engine})`)
        this.#pump()
        this.#tick()
        return
      } catch (error) {
        this.#down(error)
        await this.#sleep(backoffMs(attempt))
      }
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#sleepers.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#sleepers.add(done)
    })
  }

  /** Write what is there. When the database does not take it within `graceMs`, the rest is given up and counted. */
  async drain(graceMs: number): Promise<void> {
    this.#stopping = true
    const deadline = Date.now() + graceMs
    for (const wake of [...this.#sleepers]) wake()
    while (this.#rowsWaiting > 0 && Date.now() < deadline) {
      if (this.#writing < this.#writers) this.seal()
      await this.#sleep(20)
    }
  }

  async stop(): Promise<void> {
    await this.drain(4_000)
    this.#abandon = true
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.seal()
    for (const load of this.#ready.splice(0)) this.#giveUp(load, 'stopping')
    for (const wake of [...this.#sleepers]) wake()
    const deadline = Date.now() + 1_500
    while (this.#writing > 0 && Date.now() < deadline) await this.#sleep(20)
    if (this.#account.shed.stopping > 0) {
      this.#reporter.log.error({ flows: this.#account.shed.stopping }, 'stopped with flows that the database did not take; they are lost')
    }
  }
}

/** Full jitter: between nothing and 100 ms · 2^(attempt−1), at most 10 s; never below 20 ms. */
function backoffMs(attempt: number): number {
  return 20 + Math.random() * Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** (attempt - 1))
}
