import { SequenceTracker } from './sequence.ts'

/** Source ports followed apart in one stream; more than this many are one exporter changing its port. */
const PORTS = 16

/**
 * The sequence of one engine, domain or sub-agent of an exporter, which may come from several source ports.
 *
 * Ports that share one counter (IOS-XR line cards) look lossy one by one; processes with a counter each (two softflowd behind one
 * address) look lossy together. Both readings are kept once a second port appears, and the smaller loss is believed.
 */
export class Stream {
  readonly merged = new SequenceTracker()
  #port = -1
  #byPort: Map<number, SequenceTracker> | null = null
  /** Loss of the apart reading that does not come from live trackers: before the second port, and of forgotten ports. */
  #base = 0
  #reported = 0

  observe(port: number, sequence: number, units: number, records: number, upTime: number): number {
    if (this.#port === -1) this.#port = port
    this.merged.observe(sequence, units, records, upTime)
    if (this.#byPort === null && port !== this.#port) {
      this.#byPort = new Map()
      this.#base = this.merged.lost
    }
    if (this.#byPort !== null) {
      let tracker = this.#byPort.get(port)
      if (tracker === undefined) {
        if (this.#byPort.size >= PORTS) {
          const oldest = this.#byPort.keys().next().value
          if (oldest !== undefined) this.#forget(oldest)
        }
        tracker = new SequenceTracker()
        this.#byPort.set(port, tracker)
      }
      tracker.observe(sequence, units, records, upTime)
    }
    const lost = this.lost
    const news = Math.max(0, lost - this.#reported)
    this.#reported += news
    return news
  }

  get lost(): number {
    if (this.#byPort === null) return this.merged.lost
    let apart = this.#base
    for (const tracker of this.#byPort.values()) apart += tracker.lost
    return Math.min(this.merged.lost, apart)
  }

  get received(): number {
    return this.merged.received
  }

  get restarts(): number {
    return this.merged.restarts
  }

  #forget(port: number): void {
    this.#base += this.#byPort?.get(port)?.lost ?? 0
    this.#byPort?.delete(port)
  }

  endSession(port: number): void {
    if (this.#byPort?.has(port)) this.#forget(port)
  }
}
