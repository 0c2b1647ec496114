import type { DecoderLimits } from './limits.ts'
import type { DatagramSource } from './record.ts'
import type { Domain, Exporter } from './store.ts'
import type { Template } from './template.ts'

/** A data set whose template is not known yet, with everything its records will need when it is. */
export interface ParkedSet {
  readonly exporter: Exporter
  readonly domain: Domain
  readonly port: number
  readonly id: number
  readonly octets: Uint8Array
  readonly source: DatagramSource
  readonly exportMs: number
  readonly upTime: number
  readonly sequence: number
  readonly receivedMs: number
  readonly receivedNs: number
  /** Set when the definition arrives: later changes of the id do not touch what waited for this one. */
  template: Template | null
  /** Where a replay cut short by its budget goes on. */
  at: number
}

/** What became of parked sets: parked = replayed + expiredAge + waiting; refusedSpace were never parked. */
export interface ParkingCounters {
  parked: number
  replayed: number
  expiredAge: number
  refusedSpace: number
}

/** Estimated overhead of one parked set. */
const OVERHEAD = 256

/**
 * Holds data sets that came before their template: bounded in octets, in sets and in time, for all and for each exporter.
 * What does not fit is refused and counted, never a reason to drop what already waits.
 */
export class ParkingLot {
  readonly counters: ParkingCounters = { parked: 0, replayed: 0, expiredAge: 0, refusedSpace: 0 }
  readonly #limits: DecoderLimits
  readonly #waiting = new Map<number, ParkedSet>()
  readonly #byKey = new Map<string, number[]>()
  #ready: ParkedSet[] = []
  #head = 0
  #octets = 0
  #next = 0
  #oldestMs = Number.POSITIVE_INFINITY

  constructor(limits: DecoderLimits) {
    this.#limits = limits
  }

  get waiting(): number {
    return this.#waiting.size + this.#ready.length - this.#head
  }

  get octets(): number {
    return this.#octets
  }

  get isReady(): boolean {
    return this.#head < this.#ready.length
  }

  park(set: ParkedSet): boolean {
    const octets = set.octets.length + OVERHEAD
    const limits = this.#limits
    if (
      this.waiting >= limits.parkedSets ||
      this.#octets + octets > limits.parkedOctets ||
      set.exporter.parkedOctets + octets > limits.parkedOctetsPerExporter
    ) {
      this.counters.refusedSpace++
      return false
    }
    const number = this.#next++
    this.#waiting.set(number, set)
    const key = keyOf(set.exporter, set.domain, set.id)
    const list = this.#byKey.get(key)
    if (list === undefined) this.#byKey.set(key, [number])
    else list.push(number)
    this.#octets += octets
    set.exporter.parkedOctets += octets
    if (set.receivedMs < this.#oldestMs) this.#oldestMs = set.receivedMs
    this.counters.parked++
    return true
  }

  /** A template has arrived: what waited for it becomes ready. */
  arrived(exporter: Exporter, domain: Domain, template: Template): void {
    if (this.#waiting.size === 0) return
    const key = keyOf(exporter, domain, template.id)
    const list = this.#byKey.get(key)
    if (list === undefined) return
    const rest: number[] = []
    for (const number of list) {
      const set = this.#waiting.get(number)
      if (set === undefined) continue
      if (set.port !== template.port && (set.port > 65535 || template.port > 65535)) {
        rest.push(number)
        continue
      }
      set.template = template
      this.#waiting.delete(number)
      this.#ready.push(set)
    }
    if (rest.length > 0) this.#byKey.set(key, rest)
    else this.#byKey.delete(key)
  }

  /** The set to replay next, or undefined. `done` removes it. */
  get next(): ParkedSet | undefined {
    return this.#ready[this.#head]
  }

  done(): void {
    const set = this.#ready[this.#head]
    if (set === undefined) return
    this.#head++
    if (this.#head === this.#ready.length) {
      this.#ready = []
      this.#head = 0
    }
    this.#release(set)
    this.counters.replayed++
  }

  /** Forget what has waited too long at `now`. Costs nothing until the oldest is due. */
  expire(now: number): void {
    if (now - this.#oldestMs <= this.#limits.parkedMs) return
    this.#oldestMs = Number.POSITIVE_INFINITY
    for (const [number, set] of this.#waiting) {
      if (now - set.receivedMs > this.#limits.parkedMs) {
        this.#waiting.delete(number)
        this.#release(set)
        this.counters.expiredAge++
        const key = keyOf(set.exporter, set.domain, set.id)
        const list = this.#byKey.get(key)
        if (list === undefined) continue
        const at = list.indexOf(number)
        if (at >= 0) list.splice(at, 1)
        if (list.length === 0) this.#byKey.delete(key)
      } else if (set.receivedMs < this.#oldestMs) this.#oldestMs = set.receivedMs
    }
  }

  #release(set: ParkedSet): void {
    const octets = set.octets.length + OVERHEAD
    this.#octets -= octets
    set.exporter.parkedOctets -= octets
  }
}

function keyOf(exporter: Exporter, domain: Domain, id: number): string {
  return `${exporter.address}|${domain.ipfix ? 1 : 0}|${domain.id}|${id}`
}
