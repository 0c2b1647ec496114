const SECONDS = 60
const STEP_MS = 50
/** 0–10 s in steps of 50 ms, then doubling to about an hour. */
const LINEAR = 200
const BUCKETS = LINEAR + 9

/** Delays of the last minute, weighted by flows, at 50 ms resolution up to ten seconds. Fixed memory; `now` is an argument. */
export class LatencyWindow {
  readonly #counts = new Float64Array(SECONDS * BUCKETS)
  readonly #slotSecond = new Float64Array(SECONDS).fill(-1)

  add(delayMs: number, flows: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    const slot = second % SECONDS
    if (this.#slotSecond[slot] !== second) {
      this.#slotSecond[slot] = second
      this.#counts.fill(0, slot * BUCKETS, (slot + 1) * BUCKETS)
    }
    const at = slot * BUCKETS + bucketOf(delayMs)
    this.#counts[at] = (this.#counts[at] ?? 0) + flows
  }

  /** The delay in seconds that the share of flows stayed below (upper edge of its bucket); null without flows in the last minute. */
  quantileSeconds(share: number, nowMs: number): number | null {
    const second = Math.floor(nowMs / 1000)
    const sums = new Float64Array(BUCKETS)
    let total = 0
    for (let slot = 0; slot < SECONDS; slot++) {
      const age = second - (this.#slotSecond[slot] ?? -1)
      if (age < 0 || age >= SECONDS) continue
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const count = this.#counts[slot * BUCKETS + bucket] ?? 0
        sums[bucket] = (sums[bucket] ?? 0) + count
        total += count
      }
    }
    if (total === 0) return null
    let below = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      below += sums[bucket] ?? 0
      if (below >= share * total) return edgeMs(bucket) / 1000
    }
    return edgeMs(BUCKETS - 1) / 1000
  }
}

function bucketOf(delayMs: number): number {
  const step = Math.floor(Math.max(0, delayMs) / STEP_MS)
  if (step < LINEAR) return step
  return Math.min(BUCKETS - 1, LINEAR + Math.floor(Math.log2(delayMs / (LINEAR * STEP_MS))))
}

function edgeMs(bucket: number): number {
  return bucket < LINEAR ? (bucket + 1) * STEP_MS : LINEAR * STEP_MS * 2 ** (bucket - LINEAR + 1)
}
