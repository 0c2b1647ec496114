import { judge } from '../baseline.ts'
import type { DetectorFactory } from '../detector.ts'
import { METRIC, newestJudged, peek, WINDOW_MS } from '../own-traffic.ts'
import { usually } from '../words.ts'

const PER_SECOND = 50
const SHARE = 0.8
const Z = 6

/**
 * Many short packets to an own address (DETECTION 2.10): at least 50 a second of at most 64 octets, 80 % of all, far above
 * usual, in two of three windows. Acknowledgements of a big download are asked for, and do not count.
 */
export const shortPackets: DetectorFactory = (host) => ({
  id: 'short_packets',
  state: null,
  tick(now) {
    for (const address of host.touched) {
      const traffic = host.own.get(address)
      if (traffic === undefined || address.includes('/')) continue
      const newest = newestJudged(traffic, now)
      let hits = 0
      let worst = null
      for (let index = newest - 2; index <= newest; index++) {
        const window = peek(traffic, index)
        if (window === undefined || window.short / 10 < PER_SECOND || window.short / window.packets < SHARE) continue
        if (window.unsolicited / window.packets < 0.5) continue
        if (judge(traffic.usual, Math.floor((index * WINDOW_MS) / 60_000), window.short / 10, METRIC.short).z < Z) continue
        hits++
        if (worst === null || window.short > worst.short) worst = window
      }
      if (worst === null || hits < 2) continue
      const { expected } = judge(traffic.usual, Math.floor((worst.index * WINDOW_MS) / 60_000), worst.short / 10, METRIC.short)
      host.report({
        detector: 'short_packets',
        severity: 'warning',
        actor: null,
        target: address,
        entity: address,
        firstMs: worst.index * WINDOW_MS,
        window: [worst.index * WINDOW_MS, (worst.index + 1) * WINDOW_MS],
        statistic: 'short_packets',
        unit: 'packets/s',
        value: worst.short / 10,
        expected,
        threshold: PER_SECOND,
        why: `${Math.round(worst.short / 10).toLocaleString('en-US')} packets/s of at most 64 B to ${address}, ${Math.round((100 * worst.short) / worst.packets)} % of all; usual: ${usually(expected, 'packets/s')}.`,
        parts: [],
        fresh: [],
        filter: `dst_addr = ${address}`,
        windows: hits,
      })
    }
  },
})
