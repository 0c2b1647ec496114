import { ABSENT } from '@weir/decoder'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CLAMP_MS, durationMs, houseTime, SkewMeter } from './clock.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000

function meterWith(samples: number[]): SkewMeter {
  const meter = new SkewMeter()
  for (const skew of samples) meter.add(NOW + skew, NOW)
  return meter
}

describe("an exporter's clock", () => {
  it('is not measurable without a header time', () => {
    const meter = new SkewMeter()
    meter.add(ABSENT, NOW)
    expect(meter.skewMs).toBeNull()
    expect(meter.correctionMs).toBe(0)
  })

  it('is left alone when only rounding and delay are seen', () => {
    const meter = meterWith([-900, -100, -2_500, -400, -50, -700])
    expect(meter.correctionMs).toBe(0)
  })

  it.each([3600_000, -400_000, 24 * HOUR, -24 * HOUR])('that is off by %d ms is measured within 2 s, whatever the jitter', (skew) => {
    const meter = new SkewMeter()
    for (let i = 0; i < 100; i++) meter.add(Math.floor((NOW + skew) / 1000) * 1000 - (i % 7) * 20, NOW)
    expect(Math.abs((meter.skewMs ?? 0) - skew)).toBeLessThan(2_000)
    expect(Math.abs(meter.correctionMs - skew)).toBeLessThan(2_000)
  })

  it('is not believed wrong for a few damaged headers', () => {
    const meter = meterWith([...new Array<number>(20).fill(-300), 1e12, -1e12, 1e12])
    expect(meter.correctionMs).toBe(0)
  })

  it('is corrected by the median of the last 31, whatever they are', () => {
    const sample = fc.oneof(fc.integer({ min: -9_000, max: 9_000 }), fc.constantFrom(-5_000, 5_000, HOUR, -HOUR))
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 100 }), (samples) => {
        const meter = new SkewMeter()
        for (const [i, skew] of samples.entries()) {
          meter.add(NOW + skew, NOW)
          const sorted = samples.slice(Math.max(0, i - 30), i + 1).sort((a, b) => a - b)
          const median = sorted[sorted.length >> 1] ?? 0
          expect(meter.correctionMs).toBe(Math.abs(median) < 5_000 ? 0 : median)
        }
      }),
    )
  })

  it('is followed within 16 datagrams when it is set', () => {
    const meter = meterWith([...new Array<number>(31).fill(HOUR), ...new Array<number>(16).fill(0)])
    expect(meter.correctionMs).toBe(0)
  })
})

describe('the time of a flow on the house clock', () => {
  it('is the stamp, corrected', () => {
    expect(houseTime(NOW - 5_000 + HOUR, ABSENT, HOUR, NOW)).toBe(NOW - 5_000)
  })

  it('is the arrival when the exporter stamped nothing', () => {
    expect(houseTime(ABSENT, ABSENT, HOUR, NOW)).toBe(NOW)
  })

  it('never lies ahead of the arrival nor more than 24 h behind it, whatever was stamped', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 2 ** 62, noNaN: true }),
        fc.double({ min: -1e15, max: 1e15, noNaN: true }),
        (stamp, correction) => {
          const time = houseTime(stamp, stamp, correction, NOW)
          return time <= NOW && time >= NOW - CLAMP_MS
        },
      ),
    )
  })

  it('has a duration that is never negative and fits its column', () => {
    expect(durationMs(NOW, NOW + 1500)).toBe(1500)
    expect(durationMs(NOW, NOW - 1)).toBe(0)
    expect(durationMs(ABSENT, NOW)).toBe(0)
    expect(durationMs(0, NOW)).toBe(0x7fffffff)
  })
})
