import { endsWithin, type Pool } from '@weir/db/connection'
import { type FailingPolicy, maintain } from '@weir/db/maintain'
import type { Component } from './component.ts'
import type { Reporter } from './reporter.ts'
import type { Store } from './store.ts'

const EVERY_MS = 5_000
/** How often TimescaleDB's own policies are looked after; the first time when they had as long to begin. */
const OVERDUE_EVERY_MS = 60_000

/** Lets the database do its housekeeping (partitions, rollups, retention) every few seconds, one round at a time. */
export class Maintenance implements Component {
  readonly name = 'maintenance'
  readonly #pool: Pool
  readonly #store: Store
  readonly #reporter: Reporter
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null
  #stopped = false
  /** Duration of the last round, and rounds that failed. */
  lastMs = 0
  failures = 0
  /** Refresh policies of TimescaleDB that did not work when last looked after. */
  #failing: FailingPolicy[] = []
  #lookedMs = performance.now()

  constructor(pool: Pool, store: Store, reporter: Reporter) {
    this.#pool = pool
    this.#store = store
    this.#reporter = reporter
    reporter.gauge('maintenance_seconds', 'Duration of the last round of database housekeeping.', [], () => [[{}, this.lastMs / 1000]])
    reporter.counter('maintenance_failures_total', 'Rounds of database housekeeping that failed.', [], () => [[{}, this.failures]])
    reporter.gauge('rollup_policies_failing', 'Refresh policies of TimescaleDB that do not work; Weir does their work.', [], () => [
      [{}, this.#failing.length],
    ])
    reporter.check(() => {
      const [first] = this.#failing
      if (first === undefined) return []
      return [
        {
          name: 'rollup policies',
          state: 'warn',
          message: `${this.#failing.length} of TimescaleDB's refresh policies do not work (${first.aggregate}: ${first.reason}); Weir refreshes those rollups itself. Look into the database server's log; raise timescaledb.max_background_workers and max_worker_processes, or bring TimescaleDB up to date.`,
        },
      ]
    })
  }

  async start(): Promise<void> {
    this.#next(500)
  }

  #next(delayMs: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#running = this.#round().finally(() => this.#next(EVERY_MS))
    }, delayMs)
  }

  async #round(): Promise<void> {
    if (this.#store.engine === null || this.#store.downSinceMs !== null) return
    try {
      const overdue = performance.now() - this.#lookedMs >= OVERDUE_EVERY_MS
      const { ms, failing } = await maintain(this.#pool, { overdue })
      this.lastMs = ms
      if (!overdue) return
      this.#lookedMs = performance.now()
      this.#failing = failing
    } catch (error) {
      this.failures++
      if (!this.#stopped) this.#reporter.limited('error', 'maintenance', { err: error }, 'database housekeeping failed; tried again')
    }
  }

  /** Does not wait for a round in progress longer than a second: closing the pool cancels it, and the next start goes on from there. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#running !== null) await endsWithin(1_000, this.#running)
  }
}
