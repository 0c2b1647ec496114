import { describe, expect, test } from 'vitest'
import {
  ago,
  axisTime,
  bitsPerSecond,
  bytes,
  change,
  clockMillis,
  count,
  dateTime,
  duration,
  exact,
  flowsPerSecond,
  nanosToMillis,
  packetsPerSecond,
  rate,
  rollup,
  sampling,
  share,
  si,
  timeRange,
  toRate,
  UNKNOWN,
  utc,
  volume,
} from '../../apps/web/components/format.ts'

describe('numbers', () => {
  test('a rate has three significant digits, an SI prefix and its unit', () => {
    expect(bitsPerSecond(1_240_000_000)).toBe('1.24 Gbit/s')
    expect(bitsPerSecond(12_400)).toBe('12.4 kbit/s')
    expect(bitsPerSecond(0)).toBe('0 bit/s')
    expect(packetsPerSecond(1_500_000)).toBe('1.5 Mpkt/s')
    expect(flowsPerSecond(67.9)).toBe('67.9 flow/s')
    expect(bytes(8_200_000_000)).toBe('8.2 GB')
  })

  test('rounding never shows a four-digit number before the prefix', () => {
    expect(si(999_499)).toEqual(['999', 'k'])
    expect(si(999_500)).toEqual(['1', 'M'])
    expect(bitsPerSecond(999_999)).toBe('1 Mbit/s')
    for (let power = 0; power < 18; power += 0.01) {
      const [text] = si(10 ** power)
      expect(Number(text)).toBeLessThan(1000)
    }
  })

  test('unknown is a dash and never zero', () => {
    for (const format of [bitsPerSecond, bytes, count, exact, share, change, duration]) {
      expect(format(null)).toBe(UNKNOWN)
      expect(format(undefined)).toBe(UNKNOWN)
      expect(format(Number.NaN)).toBe(UNKNOWN)
    }
    expect(dateTime(null)).toBe(UNKNOWN)
    expect(ago(null, 0)).toBe(UNKNOWN)
  })

  test('exact keeps every digit', () => {
    expect(exact(1_234_567)).toBe('1,234,567')
    expect(exact(999)).toBe('999')
    expect(exact(1234.5678)).toBe('1,234.5678')
    expect(exact(-1234)).toBe('−1,234')
  })

  test('bytes become bits only in a rate', () => {
    expect(toRate('bits', 750, 60)).toBe(100)
    expect(toRate('packets', 600, 60)).toBe(10)
    expect(toRate('flows', 600, 0)).toBe(0)
    expect(rate('bits', 100)).toBe('100 bit/s')
    expect(volume('bits', 750)).toBe('750 B')
    expect(volume('flows', 1)).toBe('1 flow')
    expect(volume('flows', 12_300)).toBe('12.3 kflows')
  })

  test('a share that is not all and not nothing is not rounded to either', () => {
    expect(share(0)).toBe('0 %')
    expect(share(0.00001)).toBe('< 0.1 %')
    expect(share(0.0342)).toBe('3.4 %')
    expect(share(0.361)).toBe('36.1 %')
    expect(share(0.99996)).toBe('> 99.9 %')
    expect(share(1)).toBe('100 %')
  })

  test('a change says its direction, and a factor when it is large', () => {
    expect(change(0.18)).toBe('+18 %')
    expect(change(-0.034)).toBe('−3.4 %')
    expect(change(0.001)).toBe('±0 %')
    expect(change(11)).toBe('×12')
  })

  test('sampling: unknown is not unsampled', () => {
    expect(sampling(null)).toBe('unknown')
    expect(sampling(0)).toBe('unknown')
    expect(sampling(1)).toBe('unsampled')
    expect(sampling(1000)).toBe('1 in 1,000')
  })

  test('a rollup is named by its width', () => {
    expect(rollup('rollup_service_1m')).toBe('1 min rollup')
    expect(rollup('flow')).toBe('raw records')
    expect(rollup('rollup_src_1h+rollup_src_1m')).toBe('1 h rollup + 1 min rollup')
  })
})

describe('times', () => {
  test('a duration has its two largest units', () => {
    expect(duration(0.35)).toBe('350 ms')
    expect(duration(0.9996)).toBe('1 s')
    expect(duration(75)).toBe('1 min 15 s')
    expect(duration(3600)).toBe('1 h')
    expect(duration(7260)).toBe('2 h 1 min')
    expect(duration(90_061)).toBe('1 d 1 h')
    expect(duration(-75)).toBe('−1 min 15 s')
    expect(duration(0)).toBe('0 s')
  })

  test('ago counts back from now, and forward for a clock that is ahead', () => {
    expect(ago(1_000, 1_500)).toBe('just now')
    expect(ago(0, 12_000)).toBe('12 s ago')
    expect(ago(0, 7_200_000)).toBe('2 h ago')
    expect(ago(60_000, 0)).toBe('in 1 min')
  })

  const at = Date.UTC(2026, 10, 20, 22, 49, 15, 42)
  test('a local time and its UTC name the same instant', () => {
    // The suite runs in UTC; the formatter itself reads the zone of the machine.
    expect(dateTime(at)).toBe('2026-11-20 22:49:15')
    expect(clockMillis(at)).toBe('22:49:15.042')
    expect(utc(at)).toBe('2026-11-20 22:49:15 UTC')
  })

  test('an axis is as fine as its span', () => {
    expect(axisTime(at, 60_000)).toBe('22:49:15')
    expect(axisTime(at, 3_600_000)).toBe('22:49')
    expect(axisTime(at, 7 * 86_400_000)).toBe('20 Nov 22:49')
    expect(axisTime(at, 30 * 86_400_000)).toBe('20 Nov')
  })

  test('a range says a shared day once', () => {
    expect(timeRange(at - 3_600_000, at)).toBe('20 Nov 21:49 – 22:49')
    expect(timeRange(at - 86_400_000, at)).toBe('19 Nov 22:49 – 20 Nov 22:49')
    expect(timeRange(at - 60_000, at)).toBe('20 Nov 22:48:15 – 22:49:15')
  })

  test('nanoseconds keep their milliseconds beyond the safe integers', () => {
    expect(nanosToMillis('1795217177474999999')).toBe(1_795_217_177_474)
    expect(nanosToMillis('')).toBeNull()
    expect(nanosToMillis('soon')).toBeNull()
    expect(nanosToMillis(null)).toBeNull()
  })
})
