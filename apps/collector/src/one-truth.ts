import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Pool } from '@weir/db/connection'
import { setting } from '@weir/db/queries'
import type { Component } from './component.ts'
import type { Exporters } from './exporters.ts'
import type { Reporter } from './reporter.ts'
import { Sightings } from './sightings.ts'
import type { Store } from './store.ts'

/** Conversations whose owner is remembered: 16 octets each. */
const CAPACITY = 1 << 20
const FLUSH_MS = 100
const SAVE_MS = 60_000
const SETTING_MS = 5_000

/** Keeps the table of owners: over a restart in `<dataDir>/conversations/owners`, and in step with the setting `one_truth`. */
export class OneTruth implements Component {
  readonly name = 'one-truth'
  readonly sightings: Sightings
  readonly #path: string
  readonly #pool: Pool
  readonly #store: Store
  readonly #reporter: Reporter
  readonly #timers: NodeJS.Timeout[] = []
  #saving: Promise<void> | null = null
  #asking = false

  constructor(pool: Pool, store: Store, exporters: Exporters, dataDir: string, reporter: Reporter) {
    this.#path = join(dataDir, 'conversations', 'owners')
    this.#pool = pool
    this.#store = store
    this.#reporter = reporter
    this.sightings = new Sightings(CAPACITY, (id, nowMs) => exporters.silent(id, nowMs))
    reporter.gauge('one_truth', 'Whether a conversation seen by several exporters counts once.', [], () => [
      [{}, this.sightings.enabled ? 1 : 0],
    ])
    reporter.counter('witness_flows_total', 'Flow records of conversations that are counted from another exporter.', [], () => [
      [{}, this.sightings.witnesses],
    ])
    reporter.gauge('conversations', 'Conversations whose owner is known.', [], () => [[{}, this.sightings.live(Date.now())]])
    reporter.counter('conversations_taken_over_total', 'Conversations that went to another exporter because theirs was silent.', [], () => [
      [{}, this.sightings.takenOver],
    ])
    reporter.counter(
      'conversations_evicted_total',
      'Conversations whose owner was forgotten early because there were too many; they may count twice.',
      [],
      () => [[{}, this.sightings.evicted]],
    )
    reporter.check(() => [
      {
        name: 'one truth',
        state: 'ok' as const,
        message: this.sightings.enabled
          ? `A conversation that several exporters see counts once: ${this.sightings.witnesses} flows since the start are witnesses.`
          : 'Conversations count as often as exporters see them: the setting one_truth is off.',
      },
    ])
  }

  async start(): Promise<void> {
    mkdirSync(join(this.#path, '..'), { recursive: true })
    const { entries, problem } = this.sightings.restore(this.#path, Date.now())
    if (problem !== null)
      this.#reporter.log.warn({ problem }, 'the owners of conversations cannot be read; what several exporters see may count twice once')
    if (entries > 0) this.#reporter.log.info({ conversations: entries }, 'owners of conversations restored')
    await this.#save()
    this.#timers.push(
      setInterval(() => this.#flush(), FLUSH_MS),
      setInterval(() => void this.#save(), SAVE_MS),
      setInterval(() => void this.#ask(), SETTING_MS),
    )
    void this.#ask()
  }

  #flush(): void {
    try {
      this.sightings.flush()
      if (this.sightings.journalLong) void this.#save()
    } catch (error) {
      this.#failed(error)
    }
  }

  #save(): Promise<void> {
    this.#saving ??= this.sightings
      .save(this.#path, Date.now())
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#saving = null
      })
    return this.#saving
  }

  #failed(error: unknown): void {
    this.#reporter.limited(
      'error',
      'owners-save',
      { err: error, file: this.#path },
      'the owners of conversations could not be saved; after a restart some may count twice once',
    )
  }

  /** The setting as it is now; what cannot be read stays as it was. */
  async #ask(): Promise<void> {
    if (this.#asking || this.#store.engine === null || this.#store.downSinceMs !== null) return
    this.#asking = true
    try {
      const enabled = (await setting(this.#pool, 'one_truth')) !== false
      if (enabled !== this.sightings.enabled) this.#reporter.log.info({ enabled }, 'the setting one_truth was changed')
      this.sightings.enabled = enabled
    } catch (error) {
      this.#reporter.limited('warn', 'one-truth', { err: error }, 'the setting one_truth could not be read; tried again')
    } finally {
      this.#asking = false
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    await this.#saving
    await this.#save()
    this.sightings.close()
  }
}
