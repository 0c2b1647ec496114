import { ABSENT } from '@weir/decoder'

/** Flows may lie this far back, and never ahead of their arrival: a bad clock can neither create stray partitions nor hide traffic. */
export const CLAMP_MS = 24 * 3_600_000

const SAMPLES = 31
/** Below this a difference is delay and rounding (v5, v9 and IPFIX stamp whole seconds), not a wrong clock. */
export const SIGNIFICANT_MS = 5_000

/**
 * The difference between an exporter's clock and ours, from the export times in its datagram headers.
 *
 * One sample is `export time − arrival`; a right clock gives 0 to −1 s (headers carry whole seconds) minus the network's delay. The median
 * of the last 31 ignores single delayed or damaged datagrams and follows a clock that was set within 16 datagrams. Nothing is corrected
 * below 5 s, so that jitter never moves a flow.
 */
export class SkewMeter {
  readonly #samples = new Float64Array(SAMPLES)
  #count = 0
  /** Of the samples, those that would be corrected. */
  #far = 0
  #median: number | null = null

  /** `exportTimeMs` on the exporter's clock (ABSENT when the format has none), `receivedMs` on ours. */
  add(exportTimeMs: number, receivedMs: number): void {
    if (exportTimeMs === ABSENT) return
    const at = this.#count % SAMPLES
    const sample = exportTimeMs - receivedMs
    if (this.#count >= SAMPLES && Math.abs(this.#samples[at] ?? 0) >= SIGNIFICANT_MS) this.#far--
    if (Math.abs(sample) >= SIGNIFICANT_MS) this.#far++
    this.#samples[at] = sample
    this.#count++
    this.#median = null
  }

  /** Exporter's clock minus ours in milliseconds; null when nothing was measured. */
  get skewMs(): number | null {
    if (this.#count === 0) return null
    if (this.#median === null) {
      const used = this.#samples.slice(0, Math.min(this.#count, SAMPLES)).sort()
      this.#median = used[used.length >> 1] ?? 0
    }
    return this.#median
  }

  /** What to subtract from the exporter's stamps: the skew when it is significant, else 0. */
  get correctionMs(): number {
    // The median of samples of which the lesser half is significant is not. Asked for every datagram: sorting is for clocks that are wrong.
    if (this.#far * 2 < Math.min(this.#count, SAMPLES)) return 0
    const skew = this.skewMs
    return skew === null || Math.abs(skew) < SIGNIFICANT_MS ? 0 : skew
  }
}

/**
 * The end of a flow on the house clock: the exporter's stamp corrected, then clamped to [received − 24 h, received]. All in epoch
 * milliseconds. A flow without a stamp (sFlow, or a template without time elements) ended when it arrived.
 */
export function houseTime(endMs: number, startMs: number, correctionMs: number, receivedMs: number): number {
  const stamp = endMs !== ABSENT ? endMs : startMs
  if (stamp === ABSENT) return receivedMs
  const corrected = stamp - correctionMs
  if (corrected > receivedMs) return receivedMs
  const floor = receivedMs - CLAMP_MS
  return Math.max(corrected, floor)
}

/** Length of a flow in milliseconds, 0 when a stamp is missing or they contradict each other; at most 2^31 − 1. */
export function durationMs(startMs: number, endMs: number): number {
  if (startMs === ABSENT || endMs === ABSENT || endMs <= startMs) return 0
  return Math.min(endMs - startMs, 0x7fffffff)
}
