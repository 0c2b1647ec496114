import { endsWithin, type Pool } from '@weir/db/connection'
import {
  COPY_COLUMNS,
  createWriter,
  type Engine,
  FlowBatch,
  type FlowWriter,
  pruneLedger,
  QUARANTINE_REASONS,
  readEngine,
  rowTimeMs,
  StorageError,
} from '@weir/db/ingest'
import type { Account, Shed } from './account.ts'
import type { Book } from './book.ts'
import type { Component } from './component.ts'
import type { LatencyWindow } from './latency.ts'
import type { Reporter } from './reporter.ts'
import { Spool, type SpooledFrame, type SpoolOptions, SpoolRefusedError } from './spool/spool.ts'

/** A batch on its way to the spool, with the arrival times of its flows: `marks` holds pairs of epoch milliseconds and flows since the last pair. */
export interface Load {
  batch: FlowBatch
  firstMs: number
  marks: number[]
  /** Whose rows they are, in runs. */
  owners: { book: Book; rows: number }[]
}

export interface StoreSettings {
  batchRows: number
  /** Memory for encoded rows, octets: three eighths for rows as they are, the rest for packed frames that wait for the disk: a seventh of their size. */
  queueBytes: number
  /** Longest wait of a flow before its frame goes to the spool. */
  flushMs: number
  spoolDir: string
  /** Octets of the spool on the disk at most. */
  spoolBytes: number
  /** Transactions at the same time, each over its own connection. */
  writers?: number
  /** For tests that plant faults. */
  spool?: Partial<Pick<SpoolOptions, 'io' | 'onUnpack' | 'retryMs' | 'segmentBytes' | 'segmentFrames'>>
  ledger?: boolean
}

/** Octets of one encoded row, generously: real rows take 250–350. */
const ROW_BYTES = 360
const MARK_MS = 50
const RETRY_FIRST_MS = 100
const RETRY_MOST_MS = 10_000
/** Errors that neither pass by themselves nor are the rows' fault: tried this often, then the frame is set aside and counted. */
const OTHER_ATTEMPTS = 5
/** Frames that come within this time share a transaction: less than what people notice, and ten commits a second become five. */
const GATHER_MS = 200
/** Batches in the packer from which on it is behind. */
const PACKING_BEHIND = 3
/** How often writers look for frames when nobody woke them. */
const LOOK_MS = 1_000
/** A stop gives the database this long to take what the spool holds; the rest waits there for the next start. */
const DRAIN_MS = 4_000
/** Of what a stop may take, a transaction under way gets the first, closing the spool and the connections the second. */
const WRITE_MS = 1_500
const CLOSE_MS = 1_000

/**
 * From encoded flow to stored row, by way of the spool: accepted means synced there, and stored means committed once.
 *
 * A batch is *filling* (one at a time) → *staged* (full, or its oldest flow has waited `flushMs`; being packed, which takes a seventh of its
 * octets and frees it for other flows, and synced) → a frame in the spool, which is when its flows are *accepted* → *taken* by a writer, with as many of the following frames as fit one transaction →
 * *stored*, or set aside row by row (by the writer) or as a whole (after five refusals that no retry helps against).
 *
 * While the database keeps up, a frame's rows stay in memory until they are stored and are never read back. When it does not, only a few
 * do, and the disk holds the rest: memory does not grow with the backlog.
 *
 * The newest flow is shed, and counted by reason, when the spool refuses frames or the disk is so slow that the room for packed frames is full.
 */
export class Store implements Component {
  readonly name = 'store'
  /** Half a second is for what waits to be packed. */
  readonly needsMs = 500 + WRITE_MS + CLOSE_MS
  readonly #pool: Pool
  readonly #reporter: Reporter
  readonly #account: Account
  readonly #latency: LatencyWindow
  readonly #settings: StoreSettings
  readonly #flushMs: number
  readonly #batchRows: number
  readonly #batchBytes: number
  readonly #maxLoads: number
  readonly #packedMost: number
  readonly #writers: number
  #writer: FlowWriter | null = null
  #engine: Engine | null = null
  #spool: Spool | null = null
  #filling: Load | null = null
  readonly #idle: Load[] = []
  /** Loads whose frame is in the spool and whose rows are still in memory. */
  readonly #kept = new Map<SpooledFrame, Load>()
  #loads = 0
  #keeping = 0
  #staging = 0
  /** Of these, those whose batch is still in use. */
  #packing = 0
  #stagedRows = 0
  /** Arrival of the first row of each batch that is on its way to the spool, in the order in which they left. */
  readonly #leaving = new Set<{ firstMs: number }>()
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void>[] = []
  #stopping = false
  #abandon = false
  /** Low-water marks that the ledger has not been told yet, by spool. */
  readonly #lowWater = new Map<string, number>()
  #pruning = false
  #lastTakeMs = 0
  /** Wakes those who sleep between attempts or wait for work. */
  readonly #sleepers = new Set<() => void>()
  readonly #waiters = new Set<() => void>()
  /** Since when the database does not take writes, epoch milliseconds; null while it does. */
  downSinceMs: number | null = null
  downReason = ''
  /** SQLSTATE of the latest refusal while it does not; null when the server said none. */
  downState: string | null = null
  /** Latest `time` among stored flows, epoch milliseconds. */
  newestFlowMs: number | null = null
  /** Duration of the last transaction, and how many are under way. */
  lastWriteMs = 0
  writing = 0
  #lastWriteAtMs = 0
  /** When the attempts under way began. */
  readonly #attempts = new Set<{ beganMs: number }>()

  constructor(pool: Pool, settings: StoreSettings, account: Account, latency: LatencyWindow, reporter: Reporter) {
    this.#pool = pool
    this.#account = account
    this.#latency = latency
    this.#reporter = reporter
    this.#settings = settings
    this.#flushMs = settings.flushMs
    this.#batchRows = settings.batchRows
    this.#batchBytes = settings.batchRows * ROW_BYTES + 65_536
    const forBatches = (settings.queueBytes * 3) / 8
    this.#packedMost = settings.queueBytes - forBatches
    this.#writers = settings.writers ?? 2
    // Those that writers keep, one that fills, and as many that are being packed.
    this.#maxLoads = Math.max(this.#writers * 4, Math.floor(forBatches / this.#batchBytes))
  }

  get engine(): Engine | null {
    return this.#engine
  }

  /** The spool, once started. */
  get spool(): Spool | null {
    return this.#spool
  }

  /** Flows encoded and not yet accepted. */
  get staged(): number {
    return this.#stagedRows
  }

  /** 0–1: how much of the memory for flows that wait for the spool's disk is taken. */
  get stagedShare(): number {
    return (this.#spool?.packedOctets ?? 0) / this.#packedMost
  }

  /** Flows accepted and not yet stored. */
  get spooled(): number {
    return this.#spool?.rowsHeld ?? 0
  }

  /** Flows taken and not yet stored. */
  get waiting(): number {
    return this.#stagedRows + this.spooled
  }

  /**
   * Arrival of the oldest flow that was taken and is not stored, epoch milliseconds, to the precision of a batch; null when all are. 0 until
   * the spool is open: nobody knows what it holds.
   */
  get oldestMs(): number | null {
    if (this.#spool === null) return 0
    const filling = this.#filling
    const [leaving] = this.#leaving
    const waiting = [this.#spool.oldestMs, leaving?.firstMs ?? null, filling === null ? null : filling.firstMs]
    const oldest = Math.min(...waiting.map((ms) => ms ?? Number.POSITIVE_INFINITY))
    return oldest === Number.POSITIVE_INFINITY ? null : oldest
  }

  /** 0–1: how much of the spool's room is taken. */
  get share(): number {
    const spool = this.#spool
    return spool === null ? 0 : Math.min(1, spool.bytes / spool.maxBytes)
  }

  /** Why a flow would be shed now; null when there is room. */
  get refusal(): Shed | null {
    const spool = this.#spool
    if (spool === null) return 'stopping'
    return spool.refusal ?? (spool.packedOctets >= this.#packedMost ? 'queue_full' : null)
  }

  /** Throws AlreadyRunningError when another process uses the spool, and what the file system says when it cannot be used at all. */
  async start(): Promise<void> {
    const spool = await Spool.open({
      dir: this.#settings.spoolDir,
      columns: COPY_COLUMNS,
      maxBytes: this.#settings.spoolBytes,
      ...this.#settings.spool,
      log: (level, facts, message) => this.#reporter.log[level](facts, message),
      onIsolated: (reason, rows) => {
        this.#account.quarantined[reason] += rows
      },
      onLowWater: (uuid, segment) => {
        this.#lowWater.set(uuid, Math.max(segment, this.#lowWater.get(uuid) ?? 0))
      },
    })
    this.#spool = spool
    this.#account.recovered = spool.recoveredRows
    if (spool.recoveredRows > 0) {
      this.#reporter.log.info(
        { flows: spool.recoveredRows, octets: spool.bytes },
        'the spool holds flows of the last run; they are stored now',
      )
    }
    this.#running = [this.#connect(), ...Array.from({ length: this.#writers }, () => this.#writeOn(spool))]
    this.#timer = setInterval(() => this.#tick(), Math.max(5, Math.floor(this.#flushMs / 4)))
  }

  /** Every batch but the filling one is in use: whoever can wait for the packer should, it gives one back within milliseconds. */
  get congested(): boolean {
    return this.#idle.length === 0 && this.#loads >= this.#maxLoads
  }

  /**
   * A batch with room for one more flow that arrived at `receivedMs`, or why there is none.
   * The caller appends exactly one flow and then calls `took`; when the batch itself is full it calls `seal` and asks again.
   */
  room(receivedMs: number): Load | Shed {
    const refusal = this.refusal
    if (refusal !== null) return refusal
    let load = this.#filling
    if (load === null) {
      load = this.#take()
      if (load === null) return 'queue_full'
      load.firstMs = receivedMs
      this.#filling = load
    }
    return load
  }

  /** Note that the filling batch took a flow, as `rows` rows: the flow and its slices. */
  took(load: Load, receivedMs: number, rows: number, book: Book): void {
    this.#stagedRows += rows
    this.#account.slices += rows - 1
    book.slices += rows - 1
    book.staged += rows
    const run = load.owners.at(-1)
    if (run?.book === book) run.rows += rows
    else load.owners.push({ book, rows })
    const { marks } = load
    const last = marks.length - 2
    if (last >= 0 && receivedMs - (marks[last] ?? 0) < MARK_MS) marks[last + 1] = (marks[last + 1] ?? 0) + 1
    else marks.push(receivedMs, 1)
  }

  /** The filling batch is full: hand it to the spool. */
  seal(): void {
    const load = this.#filling
    if (load === null) return
    this.#filling = null
    if (load.batch.rows === 0) this.#idle.push(load)
    else void this.#stage(load)
  }

  async #stage(load: Load): Promise<void> {
    const { batch } = load
    const { rows } = batch
    // Rows stay in memory for writers that keep up; the others read them from the disk.
    const keep = this.#keeping < this.#writers * 2
    if (keep) this.#keeping++
    this.#staging++
    this.#packing++
    const { owners, firstMs } = load
    load.owners = []
    const leaving = { firstMs }
    this.#leaving.add(leaving)
    let packed = false
    const onPacked = () => {
      packed = true
      this.#packing--
      if (!keep) this.#release(load)
    }
    try {
      const spool = this.#spool
      if (spool === null) throw new SpoolRefusedError('spool_io_error', new Error('the store is stopped'))
      const frame = await spool.append({ rows, receivedMs: firstMs, body: batch.body(), lengths: batch.lengths(), keep, onPacked })
      this.#account.accepted += rows
      this.#stagedRows -= rows
      for (const run of owners) {
        run.book.staged -= run.rows
        run.book.accepted += run.rows
      }
      if (keep) this.#kept.set(frame, load)
      this.#wakeWriters()
    } catch (error) {
      if (keep) this.#keeping--
      const reason = error instanceof SpoolRefusedError ? error.reason : 'spool_io_error'
      this.#account.shed[reason] += rows
      this.#stagedRows -= rows
      for (const run of owners) {
        run.book.staged -= run.rows
        run.book.shed += run.rows
      }
      if (!packed) this.#packing--
      if (keep || !packed) this.#release(load)
      if (!(error instanceof SpoolRefusedError)) this.#reporter.limited('error', 'spool', { err: error }, 'a frame could not be packed')
    } finally {
      this.#staging--
      this.#leaving.delete(leaving)
    }
  }

  #take(): Load | null {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#loads >= this.#maxLoads) return null
    this.#loads++
    return { batch: new FlowBatch({ rows: this.#batchRows, bytes: this.#batchBytes }), firstMs: 0, marks: [], owners: [] }
  }

  #release(load: Load): void {
    load.batch.reset()
    load.marks = []
    // Two per writer keep a steady flow going; more were for a slow disk and go back to the system.
    if (this.#idle.length < this.#writers * 2) this.#idle.push(load)
    else this.#loads--
  }

  #tick(): void {
    const load = this.#filling
    // While the packer is behind, what comes may as well fill its batch: there are only so many.
    const late = this.#packing < PACKING_BEHIND && Date.now() - (load?.firstMs ?? 0) >= this.#flushMs
    if (load !== null && load.batch.rows > 0 && (this.#stopping || late)) this.seal()
    if (this.#lowWater.size > 0 && this.#engine !== null && this.downSinceMs === null) void this.#prune()
  }

  /** Tell the ledger which frames can never come again. What fails is told next time. */
  async #prune(): Promise<void> {
    if (this.#pruning || this.#abandon) return
    this.#pruning = true
    try {
      for (const [uuid, segment] of this.#lowWater) {
        await pruneLedger(this.#pool, uuid, segment)
        if (this.#lowWater.get(uuid) === segment) this.#lowWater.delete(uuid)
      }
    } catch (error) {
      if (!this.#abandon) this.#reporter.limited('warn', 'ledger', { err: error }, 'the ledger could not be pruned; tried again')
    } finally {
      this.#pruning = false
    }
  }

  /** One writer: takes frames as they come, one transaction at a time. */
  async #writeOn(spool: Spool): Promise<void> {
    for (let failures = 0; !this.#abandon; ) {
      const writer = this.#writer
      let frames: SpooledFrame[] = []
      try {
        if (writer !== null) {
          const early = this.#lastTakeMs + GATHER_MS - performance.now()
          if (early > 1 && spool.rowsWaiting < this.#batchRows && !this.#stopping) {
            await this.#sleep(early)
            continue
          }
          frames = await spool.next(this.#batchRows)
          if (frames.length > 0) this.#lastTakeMs = performance.now()
        }
        failures = 0
      } catch (error) {
        this.#reporter.limited('error', 'spool-read', { err: error }, 'the spool cannot be read; tried again')
        await this.#sleep(backoffMs(++failures))
        continue
      }
      if (writer === null || frames.length === 0) await this.#work()
      else await this.#write(writer, spool, frames)
    }
  }

  async #write(writer: FlowWriter, spool: Spool, frames: SpooledFrame[]): Promise<void> {
    const rows = frames.reduce((sum, frame) => sum + frame.rows, 0)
    this.writing++
    try {
      for (let attempt = 1; !this.#abandon; attempt++) {
        const under = { beganMs: performance.now() }
        this.#attempts.add(under)
        try {
          const result = await writer.writeFrames(frames)
          this.lastWriteMs = performance.now() - under.beganMs
          this.#lastWriteAtMs = performance.now()
          this.#account.stored += result.rows + result.replayedRows
          for (const reason of QUARANTINE_REASONS) this.#account.quarantined[reason] += result.quarantined[reason]
          this.#account.batches++
          this.#account.batchesReplayed += result.replayed.length
          const aside = rows - result.rows - result.replayedRows
          if (aside > 0)
            this.#reporter.limited('error', 'row-refused', { flows: aside }, 'the database refused flows; they are in the quarantine')
          for (const frame of frames) this.#stored(spool, frame)
          this.#up()
          return
        } catch (error) {
          const kind = error instanceof StorageError ? error.kind : 'other'
          if (this.#abandon) return
          this.#account.writeRetries++
          if (kind === 'outage') this.#down(error)
          else if (attempt >= OTHER_ATTEMPTS) {
            await this.#giveUp(writer, spool, frames, error)
            return
          } else this.#reporter.limited('error', 'refused', { err: error, flows: rows }, 'the database refuses flows; tried again')
          this.#attempts.delete(under)
          await this.#sleep(backoffMs(attempt))
        } finally {
          this.#attempts.delete(under)
        }
      }
    } finally {
      this.writing--
    }
  }

  /** The longest attempt to store something that is under way or ended within `withinMs`, milliseconds. */
  slowestWriteMs(withinMs: number): number {
    const now = performance.now()
    let slowest = now - this.#lastWriteAtMs <= withinMs ? this.lastWriteMs : 0
    for (const { beganMs } of this.#attempts) slowest = Math.max(slowest, now - beganMs)
    return slowest
  }

  /** Nothing helps against this refusal: alone if there were others, into the quarantine if not. */
  async #giveUp(writer: FlowWriter, spool: Spool, frames: SpooledFrame[], error: unknown): Promise<void> {
    if (frames.length > 1) {
      for (const frame of frames) await this.#write(writer, spool, [frame])
      return
    }
    for (const frame of frames) {
      for (let attempt = 1; !this.#abandon; attempt++) {
        try {
          await spool.isolate(frame, 'database_refused')
          this.#forget(frame)
          this.#reporter.log.error(
            { err: error, flows: frame.rows },
            'the database does not take a frame; it is in the quarantine of the spool',
          )
          break
        } catch (cause) {
          this.#reporter.limited('error', 'isolate', { err: cause }, 'a frame cannot be set aside; tried again')
          await this.#sleep(backoffMs(attempt))
        }
      }
    }
  }

  #stored(spool: Spool, frame: SpooledFrame): void {
    const now = Date.now()
    const load = this.#kept.get(frame)
    const last = frame.lengths.at(-1)
    if (load !== undefined) {
      const { batch, marks } = load
      if (batch.maxTimeMs > (this.newestFlowMs ?? 0)) this.newestFlowMs = batch.maxTimeMs
      for (let i = 0; i + 1 < marks.length; i += 2) this.#latency.add(now - (marks[i] ?? now), marks[i + 1] ?? 0, now)
    } else {
      this.#latency.add(now - frame.receivedMs, frame.rows, now)
      if (last !== undefined) this.newestFlowMs = Math.max(this.newestFlowMs ?? 0, rowTimeMs(frame.body, frame.body.length - last))
    }
    spool.done(frame)
    this.#forget(frame)
  }

  #forget(frame: SpooledFrame): void {
    const load = this.#kept.get(frame)
    if (load === undefined) return
    this.#kept.delete(frame)
    this.#keeping--
    this.#release(load)
  }

  #down(error: unknown): void {
    this.downReason = error instanceof Error ? error.message : String(error)
    this.downState = error instanceof StorageError ? error.sqlstate : null
    if (this.downSinceMs === null) {
      this.downSinceMs = Date.now()
      this.#reporter.log.error({ err: error }, 'the database does not take flows; they are kept in the spool and tried again')
    } else {
      this.#reporter.limited(
        'warn',
        'database-down',
        { reason: this.downReason, waiting: this.waiting, spoolShare: Number(this.share.toFixed(3)) },
        'the database is still away',
      )
    }
  }

  #up(): void {
    if (this.downSinceMs === null) return
    const seconds = Math.round((Date.now() - this.downSinceMs) / 1000)
    this.downSinceMs = null
    this.downReason = ''
    this.downState = null
    this.#reporter.log.info({ seconds, waiting: this.waiting }, 'the database takes flows again')
  }

  /** Find out which engine there is; keeps trying, because the database may simply start later than the collector. */
  async #connect(): Promise<void> {
    for (let attempt = 1; !this.#stopping; attempt++) {
      try {
        this.#engine = await readEngine(this.#pool)
        this.#writer = createWriter(this.#pool, this.#engine, { ledger: this.#settings.ledger ?? true })
        this.#up()
        this.#reporter.log.info({ engine: this.#engine }, `database ready (${this.#engine})`)
        this.#wakeWriters()
        return
      } catch (error) {
        this.#down(error)
        await this.#sleep(backoffMs(attempt))
      }
    }
  }

  #wakeWriters(): void {
    for (const wake of [...this.#waiters]) wake()
  }

  /** Until there may be work. */
  #work(): Promise<void> {
    return this.#pause(LOOK_MS, this.#waiters)
  }

  #sleep(ms: number): Promise<void> {
    return this.#pause(ms, this.#sleepers)
  }

  #pause(ms: number, wakers: Set<() => void>): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        wakers.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      wakers.add(done)
    })
  }

  /** Bring everything into the spool within `packMs`, and what the database takes within `graceMs` into the database. */
  async #drain(packMs: number, graceMs: number): Promise<void> {
    this.#stopping = true
    const began = Date.now()
    for (const wake of [...this.#sleepers]) wake()
    this.seal()
    while (this.#staging > 0 && Date.now() < began + packMs) await this.#sleep(5)
    this.#wakeWriters()
    const deadline = began + graceMs
    while (this.spooled > 0 && this.#engine !== null && this.downSinceMs === null && Date.now() < deadline) await this.#sleep(20)
  }

  /** What the spool holds stays there for the next start: nothing accepted is lost by stopping. */
  async stop(leftMs: number): Promise<void> {
    await this.#drain(leftMs - CLOSE_MS, Math.min(DRAIN_MS, leftMs - CLOSE_MS - WRITE_MS))
    this.#abandon = true
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    for (const wake of [...this.#sleepers, ...this.#waiters]) wake()
    // A transaction under way may end or not: the ledger knows at the next start.
    await endsWithin(WRITE_MS, Promise.all(this.#running))
    await this.#spool?.close()
    if (this.spooled > 0) {
      this.#reporter.log.warn({ flows: this.spooled }, 'stopped with flows in the spool; they are stored after the next start')
    }
  }
}

/** Full jitter: between nothing and 100 ms · 2^(attempt−1), at most 10 s; never below 100 ms. */
function backoffMs(attempt: number): number {
  return RETRY_FIRST_MS + Math.random() * (Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 10)) - RETRY_FIRST_MS)
}
