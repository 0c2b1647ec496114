import type { ExportedFlow, FlowContext } from './flow.ts'

/*
 * Long flows. An exporter tells of a flow when it ends, and thirty minutes of traffic in the minute of the last packet is a spike that never
 * was. So a flow longer than 90 s is stored with *slices*: rows in the minutes before its end, each with the share of bytes and packets that
 * an even rate gives to that minute; the flow's own row keeps the share of the last. The shares come to the flow's counters exactly.
 */

/** Flows up to this long stay in one piece: at most a third of them falls into a minute beside their own two. */
export const SPREAD_LEAST_MS = 90_000
/** Slices of one flow at most; beyond an hour each one stands for several minutes. */
export const MOST_SLICES = 60
/** Nothing is spread further back than live flows may lie (DESIGN, decision 4): longer flows are spread over their last day. */
export const SPREAD_MOST_MS = 24 * 3_600_000
const MINUTE_MS = 60_000

export interface Spread {
  /** Epoch milliseconds of each slice, in order: the start of its part, or of the minute that it begins in. */
  times: number[]
  /** Where the parts end, as a part of 1: `cuts[0]` = 0, slice i is `cuts[i]`–`cuts[i + 1]`, the flow's own row the last up to 1. */
  cuts: number[]
}

/** Cut a flow into at most `most` slices before its own minute. Fills `into` and returns how many; 0: the flow stays in one piece. */
export function spreadFlow(flow: ExportedFlow, context: FlowContext, most: number, into: Spread): number {
  const { timeMs, durationMs } = context
  // NaN falls through here too.
  if (!(durationMs > SPREAD_LEAST_MS) || most < 1 || flow.eventKind !== 0 || !(flow.bytes > 0 || flow.packets > 0)) return 0
  let start = Math.max(0, timeMs - Math.min(durationMs, SPREAD_MOST_MS))
  // What came live lies within 24 h before its arrival, slices included.
  const earliest = flow.receivedMs - SPREAD_MOST_MS
  if (timeMs >= earliest) start = Math.max(start, earliest)
  const own = Math.floor(timeMs / MINUTE_MS) * MINUTE_MS
  const before = own - start
  if (!(before > 0)) return 0
  const first = Math.floor(start / MINUTE_MS) * MINUTE_MS
  const minutes = Math.round((own - first) / MINUTE_MS)
  const span = Math.ceil(minutes / most)
  const count = Math.ceil(minutes / span)
  const whole = timeMs - start
  const { times, cuts } = into
  cuts[0] = 0
  for (let i = 0; i < count; i++) {
    // Counted back from the flow's own minute, so that only the earliest slice may be short.
    const from = own - (count - i) * span * MINUTE_MS
    times[i] = Math.max(first, from)
    cuts[i + 1] = Math.max(0, from + span * MINUTE_MS - start) / whole
  }
  cuts[count + 1] = 1
  times.length = count
  cuts.length = count + 2
  return count
}
