import { deliverSystemMessages } from '@weir/db/commands'
import { closePool, createPool, endsWithin, type Pool } from '@weir/db/connection'
import {
  activeSuppressions,
  anomaliesWithoutEvidence,
  type DetectedAnomaly,
  deliverDue,
  freezeEvidence,
  outboxState,
  type StoredChange,
  storeChange,
  storeParent,
  trackedAnomalies,
} from '@weir/db/ingest'
import { homeNetworks, setting } from '@weir/db/queries'
import {
  type Anomaly,
  type Change,
  DETECTORS,
  Detection,
  type Config as DetectionConfig,
  type DetectionState,
  type Suppression,
  type Telemetry,
  type TrackerState,
  trackerStateOf,
} from '@weir/detection'
import { EventBlock } from './block.ts'
import { defaultRules, readRules } from './config.ts'
import { deliver, messagesFor, NO_NOTIFICATIONS, type NotificationSettings, readNotifications } from './notifications.ts'
import { loadState, saveState, stateFile } from './state-file.ts'

export interface RoleSettings {
  databaseUrl: string
  dataDir: string
}

/** What the receiving thread sends. */
export type ToRole =
  | { kind: 'block'; buffer: ArrayBuffer; count: number; exporters: [id: number, address: string][] }
  | { kind: 'telemetry'; telemetry: Telemetry }
  /** Every flow that arrived before `beforeMs` and can be stored is stored. */
  | { kind: 'stored'; beforeMs: number }
  | { kind: 'stop' }

/** What the role tells. */
export type FromRole =
  | { kind: 'returned'; buffer: ArrayBuffer }
  | { kind: 'log'; level: 'info' | 'warn' | 'error'; key: string; facts: Record<string, unknown>; message: string }
  | { kind: 'status'; status: RoleStatus }
  | { kind: 'stopped' }

export interface RoleStatus {
  ready: boolean
  flows: number
  findings: number
  opened: number
  /** Active anomalies that are not folded. */
  active: number
  duplicates: number
  /** Changes that wait for the database. */
  unwritten: number
  /** Epoch ms: the time up to which everything has been judged. */
  clockMs: number
  stateOctets: number
  evidenceMissing: number
  messagesWaiting: number
  messagesFailed: number
  sent: number
}

const TICK_MS = 1_000
const SETTINGS_MS = 15_000
const SAVE_MS = 60_000
const OUTBOX_MS = 2_000
const RETRY_MS = 2_000
/** Evidence is copied a moment after the finding, so that what follows at once is in it; a question that fails is asked this often in all. */
const EVIDENCE = { firstMs: 1_500, attempts: 8, most: 10_000 }
const UNWRITTEN_MOST = 20_000

/** A change as it was when it happened: the tracker goes on changing its anomalies. */
interface Pending {
  change: Change
  parents: string[]
}

/** Evidence to be copied at `at` or later, once the flows that had arrived by `foundMs` are stored. */
interface Wanted {
  anomaly: DetectedAnomaly
  foundMs: number
  at: number
  attempts: number
}

/**
 * The role `detect`: flows in, anomalies in the database out. It owns its connection, its clock and its state file, and knows nothing of
 * sockets: it runs in a thread of the collector, and could run in a process of its own.
 *
 * starting → running   once the database has told settings, suppressions and what was active
 * running → stopped    `stop`: what was handed over is judged, written as far as the database takes it, and the state is saved
 *
 * The database is the truth about anomalies: the tracker starts from its rows, so a lost or corrupt state file costs what the detectors had
 * learned, and neither an anomaly nor its identity.
 */
export class DetectRole {
  readonly #settings: RoleSettings
  readonly #tell: (message: FromRole, transfer?: ArrayBuffer[]) => void
  readonly #now: () => number
  readonly #pool: Pool
  #detection: Detection | null = null
  #rules: DetectionConfig | null = null
  #notifications: NotificationSettings = NO_NOTIFICATIONS
  readonly #exporters = new Map<number, string>()
  #telemetry: Telemetry = { all: 'ok', exporters: new Map() }
  readonly #waiting: EventBlock[] = []
  readonly #unwritten: Pending[] = []
  readonly #evidence = new Map<string, Wanted>()
  /** Flows that arrived before this are stored. */
  #storedBeforeMs = 0
  #writing: Promise<void> | null = null
  readonly #timers: NodeJS.Timeout[] = []
  #busy = new Set<Promise<void>>()
  #stopping = false
  /** Resolves when the role is asked to stop. */
  readonly #asked = Promise.withResolvers<void>()
  #status: RoleStatus = {
    ready: false,
    flows: 0,
    findings: 0,
    opened: 0,
    active: 0,
    duplicates: 0,
    unwritten: 0,
    clockMs: 0,
    stateOctets: 0,
    evidenceMissing: 0,
    messagesWaiting: 0,
    messagesFailed: 0,
    sent: 0,
  }

  constructor(settings: RoleSettings, tell: (message: FromRole, transfer?: ArrayBuffer[]) => void, now: () => number = Date.now) {
    this.#settings = settings
    this.#tell = tell
    this.#now = now
    this.#pool = createPool({
      connectionString: settings.databaseUrl,
      applicationName: 'weir-detect',
      max: 3,
      statementTimeoutMs: 30_000,
      onError: (error) => this.#log('warn', 'detect-pool', { error: error.message }, 'an idle database connection of detection broke'),
    })
  }

  get status(): RoleStatus {
    return {
      ...this.#status,
      clockMs: this.#detection?.clockMs ?? 0,
      duplicates: this.#detection?.duplicates ?? 0,
      unwritten: this.#unwritten.length,
    }
  }

  start(): void {
    this.#track(this.#prepare())
  }

  receive(message: ToRole): void {
    if (message.kind === 'stop') {
      void this.stop()
      return
    }
    if (message.kind === 'telemetry') {
      this.#telemetry = message.telemetry
      if (this.#detection !== null) this.#detection.telemetry = message.telemetry
      return
    }
    if (message.kind === 'stored') {
      this.#storedBeforeMs = message.beforeMs
      return
    }
    for (const [id, address] of message.exporters) this.#exporters.set(id, address)
    const block = new EventBlock(message.buffer, message.count)
    // Until the database has told what is active, blocks wait: their number bounds what waits.
    if (this.#detection === null) this.#waiting.push(block)
    else this.#judge(block)
  }

  /** Ask the database until it answers: settings, suppressions, what is active. Then take the state and what has waited. */
  async #prepare(): Promise<void> {
    while (!this.#stopping) {
      try {
        const rules = await this.#readRules()
        const tracked = await trackedAnomalies(this.#pool, new Date(this.#now()))
        const bare = await anomaliesWithoutEvidence(this.#pool, new Date(this.#now()))
        const suppressions = await this.#readSuppressions()
        const { state, problem } = loadState(stateFile(this.#settings.dataDir))
        if (problem !== null)
          this.#log('warn', 'detect-state', { problem }, 'the saved state of the detectors cannot be used; they learn anew')
        this.#rules = rules
        const tracker = trackerStateOf(tracked.flatMap(asAnomaly))
        this.#detection = this.#open(rules, state ?? undefined, tracker)
        this.#detection.suppressions = suppressions
        this.#detection.telemetry = this.#telemetry
        for (const anomaly of tracked) if (bare.has(anomaly.id)) this.#want(anomaly)
        this.#status.ready = true
        this.#log(
          'info',
          'detect-ready',
          { homeNetworks: rules.homeNetworks.length, active: tracker.active.size, restored: state !== null },
          'detection is running',
        )
        break
      } catch (error) {
        this.#log('warn', 'detect-start', { error: text(error) }, 'detection waits for the database')
        await endsWithin(RETRY_MS, this.#asked.promise)
      }
    }
    if (this.#stopping) return
    for (const block of this.#waiting.splice(0)) this.#judge(block)
    this.#every(TICK_MS, () => this.#tick())
    this.#every(SETTINGS_MS, () => this.#track(this.#refresh()))
    this.#every(SAVE_MS, () => this.#save())
    this.#every(OUTBOX_MS, () => this.#track(this.#send()))
  }

  /** A state that this version cannot continue costs the state, not the start. */
  #open(rules: DetectionConfig, state: DetectionState | undefined, tracker: TrackerState): Detection {
    try {
      return new Detection(rules, { state, tracker })
    } catch (error) {
      this.#log('warn', 'detect-state', { problem: text(error) }, 'the saved state of the detectors cannot be used; they learn anew')
      return new Detection(rules, { tracker })
    }
  }

  async #readRules(): Promise<DetectionConfig> {
    const [networks, value, notifications] = await Promise.all([
      homeNetworks(this.#pool),
      setting(this.#pool, 'detection'),
      setting(this.#pool, 'notifications'),
    ])
    const base = defaultRules(networks)
    try {
      this.#notifications = readNotifications(notifications)
    } catch (error) {
      this.#log(
        'error',
        'notifications',
        { error: text(error) },
        'the setting notifications cannot be used; the last one that could is kept',
      )
    }
    try {
      return readRules(value, base)
    } catch (error) {
      this.#log('error', 'detect-rules', { error: text(error) }, 'the setting detection cannot be used; the defaults are')
      return base
    }
  }

  async #readSuppressions(): Promise<Suppression[]> {
    const rules = await activeSuppressions(this.#pool, new Date(this.#now()))
    return rules
      .map((rule) => ({ ...rule, detector: DETECTORS.find((id) => id === rule.detector) ?? null }))
      .filter((rule, i) => rule.detector !== null || rules[i]?.detector === null)
  }

  #judge(block: EventBlock): void {
    const detection = this.#detection
    if (detection === null) return
    for (let i = 0; i < block.count; i++) {
      const event = block.read(i, this.#exporters)
      this.#note(detection.push(event, event.receivedMs))
    }
    this.#status.flows += block.count
    this.#tell({ kind: 'returned', buffer: block.buffer }, [block.buffer])
  }

  #tick(): void {
    const detection = this.#detection
    if (detection === null) return
    const now = this.#now()
    this.#note(detection.advance(now))
    this.#tell({ kind: 'status', status: this.status })
    for (const [id, wanted] of this.#evidence) {
      if (wanted.at > now || wanted.foundMs >= this.#storedBeforeMs) continue
      this.#evidence.delete(id)
      this.#track(this.#freeze(wanted))
    }
    this.#pump()
  }

  #note(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind !== 'ended') this.#status.findings++
      if (change.kind === 'opened') {
        this.#status.opened++
        this.#log(
          'info',
          `anomaly-${change.anomaly.detector}`,
          { id: change.anomaly.id, severity: change.anomaly.severity, actor: change.anomaly.actor, target: change.anomaly.target },
          change.anomaly.finding.why,
        )
      }
      const parents = change.adopted.map((effect) => effect.id)
      const frozen = { change: { ...change, anomaly: { ...change.anomaly } }, parents }
      // Many updates of one anomaly are one to the database: the newest tells all.
      const last =
        change.kind === 'updated' && !change.notify && parents.length === 0
          ? this.#unwritten.findLastIndex((p) => p.change.anomaly.id === change.anomaly.id)
          : -1
      const before = this.#unwritten[last]
      if (before !== undefined && last > 0 && before.change.kind === 'updated' && before.parents.length === 0)
        this.#unwritten[last] = frozen
      else if (this.#unwritten.length < UNWRITTEN_MOST) this.#unwritten.push(frozen)
      else
        this.#log(
          'error',
          'detect-unwritten',
          { most: UNWRITTEN_MOST },
          'too many changes of anomalies wait for the database; the newest is left out',
        )
    }
    if (changes.length > 0) this.#pump()
  }

  /** Write what waits, in order, one at a time; an outage keeps the rest waiting. */
  #pump(): void {
    if (this.#writing !== null || this.#unwritten.length === 0) return
    this.#writing = this.#write().finally(() => {
      this.#writing = null
    })
    this.#track(this.#writing)
  }

  async #write(): Promise<void> {
    for (let next = this.#unwritten[0]; next !== undefined; next = this.#unwritten[0]) {
      try {
        const { change, parents } = next
        const stored: StoredChange = await storeChange(this.#pool, change, messagesFor(change, this.#notifications))
        for (const effect of parents) await storeParent(this.#pool, effect, change.anomaly.id, new Date(change.anomaly.lastMs))
        this.#unwritten.shift()
        if (stored.wantsEvidence) this.#want(change.anomaly)
      } catch (error) {
        this.#log(
          'warn',
          'detect-store',
          { error: text(error), waiting: this.#unwritten.length },
          'an anomaly could not be stored; tried again',
        )
        if (this.#stopping) return
        await endsWithin(RETRY_MS, this.#asked.promise)
      }
    }
  }

  #want(anomaly: DetectedAnomaly): void {
    if (this.#evidence.has(anomaly.id) || this.#evidence.size >= EVIDENCE.most) return
    const now = this.#now()
    this.#evidence.set(anomaly.id, { anomaly, foundMs: now, at: now + EVIDENCE.firstMs, attempts: 0 })
  }

  async #freeze(wanted: Wanted): Promise<void> {
    const { anomaly, attempts } = wanted
    try {
      const rows = await freezeEvidence(
        this.#pool,
        { id: anomaly.id, filter: anomaly.finding.filter, window: anomaly.finding.window },
        new Date(this.#now()),
      )
      if (rows > 0) return
    } catch (error) {
      this.#log('warn', 'detect-evidence', { error: text(error), anomaly: anomaly.id }, 'the flows behind an anomaly could not be copied')
    }
    if (attempts + 1 < EVIDENCE.attempts && !this.#stopping)
      this.#evidence.set(anomaly.id, { ...wanted, at: this.#now() + EVIDENCE.firstMs * 2 ** attempts, attempts: attempts + 1 })
    else this.#status.evidenceMissing++
  }

  /** Settings and suppressions as they are now. Other home networks mean other sides: the detectors go on with what they have learned. */
  async #refresh(): Promise<void> {
    try {
      const rules = await this.#readRules()
      const suppressions = await this.#readSuppressions()
      const detection = this.#detection
      if (detection === null) return
      if (JSON.stringify(rules) !== JSON.stringify(this.#rules)) {
        this.#rules = rules
        const { tracker, ...rest } = detection.snapshot()
        this.#detection = new Detection(rules, { state: { ...rest, tracker }, tracker })
        this.#detection.telemetry = this.#telemetry
        this.#log('info', 'detect-rules', {}, 'detection goes on with changed settings')
      }
      if (this.#detection !== null) this.#detection.suppressions = suppressions
      const outbox = await outboxState(this.#pool)
      this.#status.messagesWaiting = outbox.waiting
      this.#status.messagesFailed = outbox.failed
      const { rows } = await this.#pool.query<{ n: number }>(
        'select count(*)::int as n from anomaly where ended_at is null and parent is null',
      )
      this.#status.active = rows[0]?.n ?? 0
    } catch (error) {
      this.#log('warn', 'detect-refresh', { error: text(error) }, 'the settings of detection could not be read; tried again')
    }
  }

  #sending = false
  async #send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      await deliverDue(this.#pool, async (due) => {
        const outcome = await deliver(due, this.#notifications)
        if (outcome.sent) this.#status.sent++
        else
          this.#log(
            'warn',
            'notify',
            { channel: due.channel, error: outcome.error, again: outcome.retryAt },
            'a notification could not be sent',
          )
        return outcome
      })
      // Whoever tests has just changed the settings: they are read again for each.
      await deliverSystemMessages(this.#pool, async (due) => deliver(due, readNotifications(await setting(this.#pool, 'notifications'))))
    } catch (error) {
      this.#log('warn', 'notify', { error: text(error) }, 'the outbox of notifications cannot be read; tried again')
    } finally {
      this.#sending = false
    }
  }

  #save(): void {
    const detection = this.#detection
    if (detection === null || detection.clockMs === 0) return
    try {
      this.#status.stateOctets = saveState(stateFile(this.#settings.dataDir), detection.snapshot())
    } catch (error) {
      this.#log('error', 'detect-save', { error: text(error) }, 'the state of the detectors could not be saved; a restart would lose it')
    }
  }

  /** Judge what was handed over, write it as far as the database takes it within three seconds, save the state. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#asked.resolve()
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    if (this.#detection !== null) this.#note(this.#detection.advance(this.#now()))
    this.#save()
    this.#pump()
    const deadline = Date.now() + 3_000
    while (this.#busy.size > 0 && Date.now() < deadline) await Promise.race([...this.#busy, pause(50)])
    if (this.#unwritten.length > 0)
      this.#log(
        'error',
        'detect-stop',
        { changes: this.#unwritten.length },
        'stopped with changes of anomalies that the database did not take',
      )
    this.#tell({ kind: 'status', status: this.status })
    await closePool(this.#pool, 200)
    this.#tell({ kind: 'stopped' })
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms))
  }

  #track(work: Promise<void>): void {
    this.#busy.add(work)
    void work.finally(() => this.#busy.delete(work))
  }

  #log(level: 'info' | 'warn' | 'error', key: string, facts: Record<string, unknown>, message: string): void {
    this.#tell({ kind: 'log', level, key, facts, message })
  }
}

/** A stored anomaly as the tracker's own; one of a detector that this version does not have is left alone. */
function asAnomaly(stored: DetectedAnomaly): Anomaly[] {
  const detector = DETECTORS.find((id) => id === stored.detector)
  if (detector === undefined) return []
  return [
    {
      ...stored,
      detector,
      finding: {
        ...stored.finding,
        detector,
        severity: stored.severity,
        actor: stored.actor,
        target: stored.target,
        entity: stored.entity,
      },
    },
  ]
}

const text = (error: unknown) => (error instanceof Error ? error.message : String(error))
const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))
