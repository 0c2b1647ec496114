import { type Baseline, baseline, judge, learn } from '../baseline.ts'
import type { DetectorFactory } from '../detector.ts'
import { scale } from '../event.ts'
import { amount } from '../words.ts'

const EXPECTED_BITS = 100_000
const SHARE = 0.1
const MINUTES = 5
const LEARNED_MINUTES = 1_440
const LIMIT = 5_000

interface Line {
  exporter: string
  name: string
  usual: Baseline
  minute: number
  bytes: number
  low: number
}
interface State {
  lines: Map<string, Line>
  /** When each exporter last sent anything: a silent exporter is not a quiet network. */
  heard: Map<string, number>
}

/**
 * Traffic of an exporter's interface vanished (DETECTION 2.17): under a tenth of what is usual for five minutes, after a day of
 * learning, while its exporter still speaks. A silent exporter is telemetry's business, and held here.
 */
export const drop: DetectorFactory = (host, restored) => {
  const state = (restored as State | undefined) ?? { lines: new Map(), heard: new Map() }
  return {
    id: 'drop',
    state,
    sighted(event, now) {
      if (event.exporter === '' || event.inIf <= 0) return
      state.heard.set(event.exporter, now)
      const key = `${event.exporter}|${event.inIf}`
      let line = state.lines.get(key)
      if (line === undefined) {
        if (state.lines.size >= LIMIT) return
        line = { exporter: event.exporter, name: String(event.inIf), usual: baseline(), minute: Math.floor(now / 60_000), bytes: 0, low: 0 }
        state.lines.set(key, line)
      }
      line.bytes += event.bytes * scale(event)
    },
    tick(now) {
      const minute = Math.floor(now / 60_000)
      for (const line of state.lines.values()) {
        if (minute <= line.minute) continue
        const rate = line.bytes / 60 / (minute - line.minute)
        const { expected } = judge(line.usual, line.minute, rate)
        const low = line.usual.minutes >= LEARNED_MINUTES && expected * 8 >= EXPECTED_BITS && rate < SHARE * expected
        const silent = now - (state.heard.get(line.exporter) ?? 0) > 60_000
        line.low = low && !silent ? line.low + 1 : 0
        if (!low && !silent) learn(line.usual, line.minute, [rate])
        line.minute = minute
        line.bytes = 0
        if (line.low < MINUTES) continue
        host.report({
          detector: 'drop',
          severity: 'warning',
          actor: null,
          target: line.exporter,
          entity: `${line.exporter}|${line.name}`,
          firstMs: now - line.low * 60_000,
          window: [now - line.low * 60_000, now],
          statistic: 'bytes',
          unit: 'bit/s',
          value: rate * 8,
          expected: expected * 8,
          threshold: SHARE * expected * 8,
          why: `Interface ${line.name} of ${line.exporter} carries ${amount(rate * 8, 'bit/s')}, usual for this hour ${amount(expected * 8, 'bit/s')}; the exporter itself still reports.`,
          parts: [],
          fresh: [],
          filter: `exporter = ${line.exporter} and in_if = ${line.name}`,
          windows: line.low,
        })
      }
    },
  }
}
