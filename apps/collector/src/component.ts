/** A part of the process that is started once and stopped once. */
export interface Component {
  readonly name: string
  /** Resolves when the part does its work; rejects when it cannot. */
  start(): Promise<void>
  /** Resolves when nothing of the part is left running; it may take `leftMs`. Called only after a `start` that resolved. */
  stop(leftMs: number): Promise<void>
  /** What this part needs to stop, milliseconds; those that stop before it leave it that much. Default 0. */
  readonly needsMs?: number
}

/** What stopping came to: parts that did not end in time or failed, by name. */
export interface StopReport {
  failed: { name: string; error: unknown }[]
}

/**
 * Start parts in order; stop them in the reverse order, so that whatever a part feeds outlives it.
 *
 * When a part fails to start, those already running are stopped again and the failure is thrown. `stop` never throws: it gives each part
 * what is left without what later ones need, and reports those that failed, because one hanging part must not keep the others from draining.
 */
export class Assembly {
  readonly #parts: Component[]
  readonly #running: Component[] = []
  #stopping: Promise<StopReport> | null = null

  constructor(parts: Component[]) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    for (const part of this.#parts) {
      try {
        await part.start()
        this.#running.push(part)
      } catch (error) {
        await this.stop(5_000)
        throw error
      }
    }
  }

  /** Stop everything within about `budgetMs`; the second call waits for the first. */
  stop(budgetMs: number): Promise<StopReport> {
    this.#stopping ??= this.#stopAll(Date.now() + budgetMs)
    return this.#stopping
  }

  async #stopAll(deadline: number): Promise<StopReport> {
    const report: StopReport = { failed: [] }
    for (let part = this.#running.pop(); part !== undefined; part = this.#running.pop()) {
      const { name } = part
      const needed = this.#running.reduce((sum, { needsMs = 0 }) => sum + needsMs, 0)
      const leftMs = Math.max(100, deadline - Date.now() - needed)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${name} did not stop in time`)), leftMs)
      })
      try {
        await Promise.race([part.stop(leftMs), late])
      } catch (error) {
        report.failed.push({ name, error })
      } finally {
        clearTimeout(timer)
      }
    }
    return report
  }
}
