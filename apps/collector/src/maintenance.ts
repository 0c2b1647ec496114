import type { Pool } from '@weir/db/connection'
import { maintain } from '@weir/db/maintain'
import type { Component } from './component.ts'
import type { Reporter } from './reporter.ts'
import type { Store } from './store.ts'

const EVERY_MS = 5_000

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

  constructor(pool: Pool, store: Store, reporter: Reporter) {
    this.#pool = pool
    this.#store = store
    this.#reporter = reporter
    reporter.gauge('maintenance_seconds', 'Duration of the last round of database housekeeping.', [], () => [[{}, this.lastMs / 1000]])
    reporter.counter('maintenance_failures_total', 'Rounds of database housekeeping that failed.', [], () => [[{}, this.failures]])
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
      this.lastMs = (await maintain(this.#pool)).ms
    } catch (error) {
      this.failures++
      if (!this.#stopped) this.#reporter.limited('error', 'maintenance', { err: error }, 'database housekeeping failed; tried again')
    }
  }

  /** Does not wait for a round in progress longer than a second: closing the pool ends it, and the next start goes on from there. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#running !== null) await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, 1_000))])
  }
}
