import { describe, expect, it } from 'vitest'
import { LatencyWindow } from './latency.ts'

const NOW = 1_800_000_000_000

describe('the delays of the last minute', () => {
  it('are unknown without flows', () => {
    expect(new LatencyWindow().quantileSeconds(0.95, NOW)).toBeNull()
  })

  it('are weighted by flows', () => {
    const window = new LatencyWindow()
    window.add(120, 950, NOW)
    window.add(3_000, 50, NOW)
    expect(window.quantileSeconds(0.95, NOW)).toBeCloseTo(0.15)
    window.add(3_000, 1, NOW)
    expect(window.quantileSeconds(0.95, NOW)).toBeCloseTo(3.05)
  })

  it('forget what is older than a minute', () => {
    const window = new LatencyWindow()
    window.add(9_000, 1000, NOW)
    expect(window.quantileSeconds(0.5, NOW + 59_000)).toBeCloseTo(9.05)
    expect(window.quantileSeconds(0.5, NOW + 61_000)).toBeNull()
  })

  it('never understate a delay, however long, up to an hour', () => {
    for (const delay of [0, 49, 50, 9_999, 10_000, 15_000, 60_000, 600_000, 3_000_000]) {
      const window = new LatencyWindow()
      window.add(delay, 1, NOW)
      expect(window.quantileSeconds(1, NOW)).toBeGreaterThan(delay / 1000)
    }
  })
})
