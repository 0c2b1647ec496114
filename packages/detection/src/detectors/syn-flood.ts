import { judge } from '../baseline.ts'
import type { DetectorFactory } from '../detector.ts'
import { METRIC, newestJudged, peek, WINDOW_MS } from '../own-traffic.ts'
import { size } from '../sketch.ts'
import { usually } from '../words.ts'
import { floodParts } from './ddos.ts'

const PER_SECOND = 10
const SHARE = 0.8
const TIMES = 8
const SOURCES = 20
const FEW_PORTS = { ports: 5, perSecond: 50 }

/**
 * SYN flood to an own address (DETECTION 2.2): bare SYN (ECN bits do not matter) far above made handshakes, in two of three
 * windows of 10 s. One source on many ports is a scan, not a flood.
 */
export const synFlood: DetectorFactory = (host, restored) => {
  const state =
    (restored as Map<string, { since: number; windows: number }> | undefined) ?? new Map<string, { since: number; windows: number }>()
  return {
    id: 'syn_flood',
    state,
    tick(now) {
      for (const address of host.touched) {
        const traffic = host.own.get(address)
        if (traffic === undefined || address.includes('/')) continue
        const newest = newestJudged(traffic, now)
        let hits = 0
        let worst = null
        let expected = 0
        for (let index = newest - 2; index <= newest; index++) {
          const window = peek(traffic, index)
          if (window === undefined) continue
          const rate = window.synOnly / 10
          if (rate < PER_SECOND || window.synOnly / (window.synOnly + window.made) < SHARE) continue
          const usual = judge(traffic.usual, Math.floor((index * WINDOW_MS) / 60_000), rate, METRIC.synOnly).expected
          if (rate < TIMES * usual) continue
          const sources = size(window.sources)
          if (sources < SOURCES && !(size(window.targetPorts) <= FEW_PORTS.ports && rate >= FEW_PORTS.perSecond)) continue
          hits++
          if (worst === null || window.synOnly > worst.synOnly) {
            worst = window
            expected = usual
          }
        }
        const before = state.get(address)
        if (worst === null || hits < 2) {
          if (before !== undefined && now - before.since > 600_000) state.delete(address)
          continue
        }
        const since = before?.since ?? worst.index * WINDOW_MS
        const windows = (before?.windows ?? 0) + 1
        state.set(address, { since, windows })
        traffic.firingSince = since
        traffic.firingUntil = now + 60_000
        const rate = worst.synOnly / 10
        const sources = Math.round(size(worst.sources))
        host.report({
          detector: 'syn_flood',
          severity: sources >= 100 || rate >= 50 ? 'critical' : 'warning',
          actor: null,
          target: address,
          entity: address,
          firstMs: since,
          window: [worst.index * WINDOW_MS, (worst.index + 1) * WINDOW_MS],
          statistic: 'packets',
          unit: 'SYN/s',
          value: rate,
          expected,
          threshold: Math.max(PER_SECOND, TIMES * expected),
          why: `${Math.round(rate).toLocaleString('en-US')} SYN/s to ${address} from ${sources.toLocaleString('en-US')} addresses; usual: ${usually(expected, 'SYN/s')}. ${Math.round((100 * worst.synOnly) / (worst.synOnly + worst.made))} % never became a connection.`,
          parts: floodParts(worst),
          fresh: [],
          filter: `dst_addr = ${address} and proto = tcp and tcp_flags has syn and not tcp_flags has ack`,
          windows,
          observedPackets: worst.observed,
        })
      }
    },
  }
}
