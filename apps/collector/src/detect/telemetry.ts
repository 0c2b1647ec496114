import type { Telemetry } from '@weir/detection'
import type { Exporter } from '../exporters.ts'

type Trust = Telemetry['all']

/** How far back is looked, and how often a look is kept. */
const WINDOW_MS = 60_000
const LOOK_MS = 10_000
/** DETECTION 1.2.8, and the alert thresholds of the guarantees. */
const LOW_LOSS = 0.02
const HOLD_LOSS = 0.2
const HOLD_PROBLEMS = 0.05
const HOLD_DROPPED = 0.01
const SKEW_MS = 60_000
/** Fewer units of sequence than this say nothing about a share. */
const LEAST_ANNOUNCED = 50

interface Look {
  atMs: number
  /** Datagrams that arrived at the collector, and those that it or the kernel dropped, in the same unit. */
  arrived: number
  dropped: number
  exporters: Map<string, { announced: number; lost: number; datagrams: number; problems: number }>
}

/** Counters that only grow: what arrived at this collector, and what of it was not decoded for want of room. */
export interface Intake {
  arrived: number
  dropped: number
}

/**
 * Judges, every 10 s over the last minute, how far the telemetry itself can be believed. An exporter whose flows are lost on the way (more
 * than 2 %) or whose clock is off by more than a minute lowers the trust in what it tells; a fifth lost, or one datagram in twenty
 * unreadable, or one in a hundred dropped at this collector, puts it on hold: what is found then may be an effect of that.
 */
export class TelemetryWatch {
  readonly #looks: Look[] = []

  /** Take a look at `nowMs`; null when the last one is less than 10 s old. */
  look(nowMs: number, intake: Intake, exporters: Iterable<Exporter>): Telemetry | null {
    const last = this.#looks.at(-1)
    if (last !== undefined && nowMs - last.atMs < LOOK_MS) return null
    const look: Look = { atMs: nowMs, ...intake, exporters: new Map() }
    const first = this.#looks[0]
    const suspects = new Map<string, Trust>()
    for (const { address, announced, lost, datagrams, problems, skew } of exporters) {
      look.exporters.set(address, { announced, lost, datagrams, problems })
      const before = first?.exporters.get(address) ?? { announced: 0, lost: 0, datagrams: 0, problems: 0 }
      const expected = announced - before.announced
      const lossShare = expected < LEAST_ANNOUNCED ? 0 : (lost - before.lost) / expected
      const arrived = datagrams - before.datagrams
      const problemShare = arrived === 0 ? 0 : (problems - before.problems) / arrived
      if (lossShare > HOLD_LOSS || problemShare > HOLD_PROBLEMS) suspects.set(address, 'hold')
      else if (lossShare > LOW_LOSS || Math.abs(skew.skewMs ?? 0) > SKEW_MS) suspects.set(address, 'low')
    }
    this.#looks.push(look)
    while ((this.#looks[0]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#looks.shift()
    const arrived = intake.arrived - (first?.arrived ?? 0)
    const dropped = intake.dropped - (first?.dropped ?? 0)
    return { all: arrived > 0 && dropped / arrived > HOLD_DROPPED ? 'hold' : 'ok', exporters: suspects }
  }
}
