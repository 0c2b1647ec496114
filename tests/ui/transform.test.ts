import type { TimeseriesAnswer, TopAnswer } from '@weir/db/contracts'
import { describe, expect, test } from 'vitest'
import { sparkPath } from '../../apps/web/components/ui/spark-path.ts'
import { coveredSeconds, csv, gapSeconds, niceTicks, relativeChange, timeTicks, toChart, trends } from '../../apps/web/data/transform.ts'

const minute = 60_000
const start = Date.UTC(2026, 10, 20, 22, 0)

function series(values: (number | null)[][], dimension: TimeseriesAnswer['dimension'] = 'service'): TimeseriesAnswer {
  const length = values[0]?.length ?? 0
  return {
    dimension,
    from: new Date(start).toISOString(),
    to: new Date(start + length * minute).toISOString(),
    metric: 'bytes',
    scaled: true,
    filter: '',
    rollup: 'rollup_service_1m',
    resolutionSeconds: 60,
    bucketSeconds: 60,
    times: Array.from({ length }, (_, index) => start + index * minute),
    series: values.map((one, index) => ({
      key: index === values.length - 1 && values.length > 1 ? '' : `k${index}`,
      label: index === values.length - 1 && values.length > 1 ? 'other' : `k${index}`,
      filter: '',
      values: one,
      total: 0,
    })),
  }
}

describe('sums per bucket become rates', () => {
  test('bytes over a minute are bits per second', () => {
    const chart = toChart(
      series([
        [7_500, 15_000],
        [0, 0],
      ]),
      'bits',
      start + 2 * minute,
    )
    expect(chart.rows.map((row) => row.s0)).toEqual([1000, 2000])
    expect(chart.series[0]).toMatchObject({ average: 1500, peak: 2000, last: 2000, other: false })
    expect(chart.total).toMatchObject({ average: 1500, peak: 2000, peakAt: start + minute })
  })

  test('a gap stays a gap: neither zero in a series nor in the total, and not in the mean', () => {
    const chart = toChart(
      series([
        [7_500, null, 15_000],
        [0, null, 0],
      ]),
      'bits',
      start + 3 * minute,
    )
    expect(chart.rows[1]).toMatchObject({ s0: null, s1: null, total: null })
    expect(chart.total.average).toBe(1500)
  })

  test('one exporter without data does not make a gap of the total', () => {
    const chart = toChart(
      series(
        [
          [7_500, null],
          [7_500, 7_500],
        ],
        'exporter',
      ),
      'bits',
      start + 2 * minute,
    )
    expect(chart.rows[1]).toMatchObject({ s0: null, s1: 1000, total: 1000 })
  })

  test('the bucket that is still filling is left out', () => {
    const answer = series([
      [7_500, 100],
      [0, 0],
    ])
    expect(toChart(answer, 'bits', start + 90_000).rows).toHaveLength(1)
    expect(toChart(answer, 'bits', start + 2 * minute).rows).toHaveLength(2)
  })

  test('a rest of nothing is no series', () => {
    expect(toChart(series([[1], [0]]), 'packets', start + minute).series.map((one) => one.label)).toEqual(['k0'])
  })

  test('only the exact rest is called other', () => {
    expect(toChart(series([[1], [1]]), 'packets', start + minute).series.map((one) => one.other)).toEqual([false, true])
    expect(toChart(series([[1]], null), 'packets', start + minute).series[0]?.other).toBe(false)
  })
})

function ranked(rows: [string | null, number][], rest = 0, from = start, to = start + 60 * minute): TopAnswer {
  const total = rows.reduce((sum, [, value]) => sum + value, 0) + rest
  return {
    dimension: 'src_addr',
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    metric: 'bytes',
    scaled: true,
    filter: '',
    rollup: 'rollup_src_1m',
    resolutionSeconds: 60,
    rows: rows.map(([key, value]) => ({ key, label: key ?? 'unknown', value, share: 0, bytes: value, packets: 1, flows: 1, filter: '' })),
    rest: { value: rest, share: 0, bytes: rest, packets: 0, flows: rest > 0 ? 1 : 0 },
    total: { value: total, bytes: total, packets: 1, flows: total > 0 ? 1 : 0 },
  }
}

describe('trend against the window before', () => {
  const now = start + 60 * minute
  const earlier = (rows: [string | null, number][], rest = 0) => ranked(rows, rest, start - 60 * minute, start)

  test('rates are compared, not sums: a window still running is not called smaller', () => {
    const half = ranked([['a', 500]])
    expect(trends(half, earlier([['a', 1000]]), start + 30 * minute).get('a')).toEqual({ kind: 'change', value: 0 })
  })

  test('a row that was not there is new only when the earlier answer was complete', () => {
    expect(trends(ranked([['a', 1]]), earlier([['b', 1]]), now).get('a')).toEqual({ kind: 'new' })
    expect(trends(ranked([['a', 1]]), earlier([['b', 1]], 5), now).get('a')).toEqual({ kind: 'unknown' })
  })

  test('nothing before, or nothing known yet, claims nothing', () => {
    expect(trends(ranked([['a', 1]]), undefined, now).get('a')).toEqual({ kind: 'unknown' })
    expect(trends(ranked([['a', 1]]), earlier([]), now).get('a')).toEqual({ kind: 'unknown' })
  })

  test('the row without a key is compared with itself', () => {
    expect(trends(ranked([[null, 20]]), earlier([[null, 10]]), now).get(null)).toEqual({ kind: 'change', value: 1 })
  })

  test('time without any data is not taken for silence, in either window', () => {
    const half = earlier([['a', 500]])
    expect(trends(ranked([['a', 1000]]), half, now).get('a')).toEqual({ kind: 'change', value: 1 })
    expect(trends(ranked([['a', 1000]]), half, now, { current: 0, previous: 1800 }).get('a')).toEqual({ kind: 'change', value: 0 })
    const answer = series([
      [null, 7_500, null],
      [null, 0, 0],
    ])
    expect(gapSeconds(answer, start + 3 * minute)).toBe(60)
    expect(gapSeconds(answer, start + 30_000)).toBe(30)
    expect(toChart(answer, 'bits', start + 3 * minute).series[0]?.average).toBe(500)
  })

  test('a window covers no more than has passed', () => {
    expect(
      coveredSeconds({ from: new Date(start).toISOString(), to: new Date(start + 60 * minute).toISOString() }, start + 30 * minute),
    ).toBe(1800)
    expect(relativeChange(5, 0)).toBeNull()
  })
})

describe('axes', () => {
  test('ticks start at zero, end at or above the peak and are round', () => {
    for (const peak of [0.3, 7, 99, 1234, 8.2e9]) {
      const ticks = niceTicks(peak)
      expect(ticks[0]).toBe(0)
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(peak)
      expect(ticks.length).toBeLessThanOrEqual(6)
    }
    expect(niceTicks(0)).toEqual([0, 1])
  })

  test('time ticks are whole steps of the clock inside the window', () => {
    const ticks = timeTicks(start + 90_000, start + 61 * minute, 6)
    expect(ticks.length).toBeGreaterThan(2)
    for (const tick of ticks) expect(tick % (10 * minute)).toBe(0)
    expect(timeTicks(5, 5)).toEqual([])
  })
})

test('CSV: quotes, line ends and formulas cannot change the table', () => {
  expect(
    csv(
      ['a', 'b'],
      [
        ['x,"y"', 1],
        ['=cmd()', null],
      ],
    ),
  ).toBe('a,b\r\n"x,""y""",1\r\n\'=cmd(),\r\n')
})

test('a sparkline breaks at a gap', () => {
  const { line, area } = sparkPath([1, 2, null, 3, 1], 100, 20)
  expect(line.match(/M/g)).toHaveLength(2)
  expect(area.match(/Z/g)).toHaveLength(2)
  expect(sparkPath([], 100, 20)).toEqual({ line: '', area: '' })
})
