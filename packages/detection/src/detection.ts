import type { Config } from './detector.ts'
import { Engine, type EngineState, type Telemetry } from './engine.ts'
import type { FlowEvent } from './event.ts'
import { type Change, type Suppression, Tracker, type TrackerState } from './lifecycle.ts'
import { Networks } from './networks.ts'

const TICK_MS = 10_000
/** After a silence longer than this the ticks in its middle are left out: every window has closed by then. */
const SILENCE_MS = 2 * 3_600_000

/** What survives a restart: plain data. */
export interface DetectionState {
  version: 2
  /** Time of the last tick, epoch ms. */
  clockMs: number
  engine: EngineState
  tracker: TrackerState
}

/**
 * Detectors and lifecycle behind one another, on the data's clock. Live, replay and back-test all run this: flows in by `push`, time by
 * `advance`, changes of anomalies out of both. Everything happens at multiples of 10 s, so that it does not matter how often a caller
 * looks at the clock.
 */
export class Detection {
  readonly #engine: Engine
  readonly #tracker: Tracker
  #clockMs: number

  constructor(config: Config, restored?: { state?: DetectionState | undefined; tracker?: TrackerState | undefined }) {
    this.#engine = new Engine(config, restored?.state?.engine)
    this.#tracker = new Tracker(new Networks(config.homeNetworks), restored?.tracker ?? restored?.state?.tracker)
    this.#clockMs = restored?.state?.clockMs ?? 0
  }

  set suppressions(rules: readonly Suppression[]) {
    this.#tracker.suppressions = rules
  }

  /** How far the exporters can be believed from now on. */
  set telemetry(now: Telemetry) {
    this.#engine.telemetry = now
  }

  /** Records that another exporter had reported already. */
  get duplicates(): number {
    return this.#engine.duplicates
  }

  /** Time of the last tick, epoch ms; 0 before the first record. */
  get clockMs(): number {
    return this.#clockMs
  }

  /** Take one record at `now` (live: when it was received; back-test: its end), after what was due before it. */
  push(event: FlowEvent, now: number): Change[] {
    const changes = this.advance(now)
    this.#engine.push(event, now)
    if (this.#clockMs === 0) this.#clockMs = now - (now % TICK_MS)
    return changes
  }

  /** Let time pass to `now`. Time that runs backwards changes nothing. */
  advance(now: number): Change[] {
    if (this.#clockMs === 0 || now < this.#clockMs + TICK_MS) return NOTHING
    const changes: Change[] = []
    const end = now - (now % TICK_MS)
    const stepTo = (to: number) => {
      this.#clockMs = to
      for (const finding of this.#engine.advance(to)) changes.push(this.#tracker.observe(finding, to))
      changes.push(...this.#tracker.advance(to))
    }
    if (end - this.#clockMs > 2 * SILENCE_MS) {
      const until = this.#clockMs + SILENCE_MS
      while (this.#clockMs < until) stepTo(this.#clockMs + TICK_MS)
      stepTo(end)
    } else while (this.#clockMs < end) stepTo(this.#clockMs + TICK_MS)
    return changes
  }

  /** The state itself, not a copy: serialise it before the next `push`. */
  snapshot(): DetectionState {
    return { version: 2, clockMs: this.#clockMs, engine: this.#engine.snapshot(), tracker: this.#tracker.snapshot() }
  }
}

const NOTHING: Change[] = []
