import { Worker } from 'node:worker_threads'
import { endsWithin } from '@weir/db/connection'
import type { FlowRecord } from '@weir/decoder'
import type { Component } from '../component.ts'
import type { Enrichment } from '../enrich/enrich.ts'
import type { Exporter } from '../exporters.ts'
import type { Reporter } from '../reporter.ts'
import { EventBlock } from './block.ts'
import { DetectRole, type FromRole, type RoleSettings, type RoleStatus, type ToRole } from './role.ts'
import { type Intake, TelemetryWatch } from './telemetry.ts'

/** Blocks in all: 64 × 1,024 flows, 9 MiB. What finds none free is shed from detection, counted, and stored all the same. */
const BLOCKS = 64
const FLUSH_MS = 200
const RESTART_MS = 5_000
const STOP_MS = 4_500

interface Room {
  post(message: ToRole, transfer?: ArrayBuffer[]): void
  end(): Promise<void>
}

export interface DetectSettings extends RoleSettings {
  /** Run in this thread instead of one of its own: for tests that move the clock. */
  sameThread?: boolean
}

/**
 * Hands accepted flows to the role `detect`, in blocks that go round: filled here, judged there, returned. Bounded by their number, and never
 * in the way: when detection is behind, flows are shed from detection alone.
 */
export class Detect implements Component {
  readonly name = 'detect'
  readonly #settings: DetectSettings
  readonly #reporter: Reporter
  #room: Room | null = null
  #free: EventBlock[] = []
  #filling: EventBlock | null = null
  #newExporters: [id: number, address: string][] = []
  #known = new Map<number, string>()
  #timer: NodeJS.Timeout | null = null
  #again: NodeJS.Timeout | null = null
  #stopping = false
  status: RoleStatus | null = null
  handed = 0
  shed = 0
  restarts = 0
  /** Asked every 10 s how the telemetry does, so that findings say how far they can be believed. */
  intake: () => { intake: Intake; exporters: Iterable<Exporter> } = () => ({ intake: { arrived: 0, dropped: 0 }, exporters: [] })
  /** Arrival of the oldest flow that is not stored, epoch ms, null when all are: asked before evidence is copied. */
  oldestUnstoredMs: () => number | null = () => null
  readonly #watch = new TelemetryWatch()

  constructor(settings: DetectSettings, reporter: Reporter) {
    this.#settings = settings
    this.#reporter = reporter
    const read = (pick: (status: RoleStatus) => number) => () => [
      [{}, this.status === null ? 0 : pick(this.status)] as [Record<string, string>, number],
    ]
    reporter.counter(
      'detect_flows_total',
      'Flows handed to detection, and those that found no room there (they are stored all the same).',
      ['fate'],
      () => [
        [{ fate: 'handed' }, this.handed],
        [{ fate: 'shed' }, this.shed],
      ],
    )
    reporter.counter(
      'detect_findings_total',
      'Findings of the detectors.',
      [],
      read((s) => s.findings),
    )
    reporter.counter(
      'detect_anomalies_total',
      'Anomalies opened.',
      [],
      read((s) => s.opened),
    )
    reporter.gauge(
      'detect_anomalies_active',
      'Anomalies that go on and are not folded under another.',
      [],
      read((s) => s.active),
    )
    reporter.gauge(
      'detect_unwritten',
      'Changes of anomalies that wait for the database.',
      [],
      read((s) => s.unwritten),
    )
    reporter.gauge(
      'detect_clock_seconds',
      'Time up to which everything was judged, since 1970.',
      [],
      read((s) => s.clockMs / 1000),
    )
    reporter.gauge(
      'detect_state_bytes',
      'Size of the saved state.',
      [],
      read((s) => s.stateOctets),
    )
    reporter.gauge('notifications', 'Messages of the last seven days that wait or were given up.', ['state'], () => [
      [{ state: 'waiting' }, this.status?.messagesWaiting ?? 0],
      [{ state: 'failed' }, this.status?.messagesFailed ?? 0],
    ])
    reporter.check(() => [
      this.shed > 0 && this.#free.length === 0
        ? {
            name: 'detection',
            state: 'warn' as const,
            message: `Detection is behind: ${this.shed} flows were not judged. They are stored; bin/weir backtest finds what was missed.`,
          }
        : {
            name: 'detection',
            state: 'ok' as const,
            message: this.status?.ready === true ? 'Detection is running.' : 'Detection is starting.',
          },
    ])
  }

  async start(): Promise<void> {
    this.#open()
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS)
  }

  /** One accepted flow of traffic. Never blocks, never throws. */
  offer(record: FlowRecord, context: Enrichment, exporter: string): void {
    if (record.eventKind !== 0) return
    let block = this.#filling
    if (block === null) {
      block = this.#free.pop() ?? null
      if (block === null) {
        this.shed++
        return
      }
      this.#filling = block
    }
    if (this.#known.get(context.exporterId) !== exporter) {
      this.#known.set(context.exporterId, exporter)
      this.#newExporters.push([context.exporterId, exporter])
    }
    block.append(record, context)
    this.handed++
    if (block.full) this.#flush()
  }

  #flush(): void {
    if (this.#room !== null) {
      const { intake, exporters } = this.intake()
      const telemetry = this.#watch.look(Date.now(), intake, exporters)
      if (telemetry !== null) this.#room.post({ kind: 'telemetry', telemetry })
      this.#room.post({ kind: 'stored', beforeMs: this.oldestUnstoredMs() ?? Date.now() })
    }
    const block = this.#filling
    if (block === null || this.#room === null) return
    this.#filling = null
    this.#room.post({ kind: 'block', buffer: block.buffer, count: block.count, exporters: this.#newExporters }, [block.buffer])
    this.#newExporters = []
  }

  #open(): void {
    this.#free = Array.from({ length: BLOCKS }, () => new EventBlock())
    this.#filling = null
    this.#known = new Map()
    this.#room = this.#settings.sameThread === true ? this.#here() : this.#thread()
  }

  #thread(): Room {
    const { databaseUrl, dataDir } = this.#settings
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: { databaseUrl, dataDir } satisfies RoleSettings,
      name: 'detect',
      // What detection makes per flow is garbage at once; with the default room for it the process was 130 MiB larger and no faster.
      resourceLimits: { maxYoungGenerationSizeMb: 24 },
    })
    worker.on('message', (message: FromRole) => this.#heard(message))
    worker.on('error', (error) => this.#reporter.log.error({ err: error }, 'the thread that detects failed'))
    const ended = new Promise<void>((resolve) => {
      worker.on('exit', (code) => {
        resolve()
        this.#exited(code)
      })
    })
    return {
      post: (message, transfer) => worker.postMessage(message, transfer ?? []),
      end: async () => {
        await ended
      },
    }
  }

  #here(): Room {
    let ended = (): void => undefined
    const over = new Promise<void>((resolve) => {
      ended = resolve
    })
    const role = new DetectRole(this.#settings, (message) => {
      this.#heard(message)
      if (message.kind === 'stopped') ended()
    })
    role.start()
    return {
      post: (message) => role.receive(message),
      end: () => over,
    }
  }

  #heard(message: FromRole): void {
    switch (message.kind) {
      case 'returned':
        if (this.#free.length < BLOCKS) this.#free.push(new EventBlock(message.buffer))
        break
      case 'log':
        this.#reporter.limited(message.level, message.key, message.facts, message.message)
        break
      case 'status':
        this.status = message.status
        break
      case 'stopped':
        break
    }
  }

  /** A thread that ended by itself is started again after a pause; what it held is lost to detection, its state is as last saved. */
  #exited(code: number): void {
    if (this.#stopping) return
    this.#room = null
    this.restarts++
    this.#reporter.log.error({ code, restarts: this.restarts }, 'the thread that detects has ended; it is started again')
    this.#again = setTimeout(() => {
      if (!this.#stopping) this.#open()
    }, RESTART_MS)
  }

  async stop(leftMs: number): Promise<void> {
    this.#flush()
    this.#stopping = true
    if (this.#timer !== null) clearInterval(this.#timer)
    if (this.#again !== null) clearTimeout(this.#again)
    const room = this.#room
    if (room === null) return
    const ended = room.end()
    room.post({ kind: 'stop' })
    // The parts that stop after it have something to tell the database.
    if (!(await endsWithin(Math.min(STOP_MS, leftMs * 0.7), ended)))
      this.#reporter.log.error('the thread that detects did not stop in time')
  }
}
