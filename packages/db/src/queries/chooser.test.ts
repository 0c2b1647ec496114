import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ROLLUP_DIMENSIONS } from '../contracts/fields.ts'
import { LEVEL_SECONDS, ROLLUPS, type RollupLevel } from '../rollups.ts'
import {
  ALL_AVAILABLE,
  type Availability,
  alignWindow,
  chooseRollup,
  finestAvailable,
  levelFor,
  niceBucket,
  planRaw,
  planRollup,
  type Segment,
} from './chooser.ts'

const NO_FILTER: ReadonlySet<string> = new Set()
const at = (text: string): number => Date.parse(`${text}Z`)
const shown = (segments: readonly Segment[]): string[] =>
  segments.map((s) => `${s.level} ${new Date(s.from).toISOString().slice(0, 16)} ${new Date(s.to).toISOString().slice(0, 16)}`)

describe('the rollup', () => {
  it('is described to the browser as the storage catalogue has it', () => {
    expect(Object.fromEntries(ROLLUPS.map(({ name, dims }) => [name, [...dims].sort()]))).toEqual(
      Object.fromEntries(Object.entries(ROLLUP_DIMENSIONS).map(([name, dims]) => [name, [...dims].sort()])),
    )
  })

  it.each([
    [[], 'rollup_service'],
    [['proto'], 'rollup_service'],
    [['proto', 'service_port'], 'rollup_service'],
    [['exporter_id'], 'rollup_interface'],
    [['exporter_id', 'in_if', 'proto'], 'rollup_interface'],
    [['type'], 'rollup_interface'],
    [['src_as'], 'rollup_as'],
    [['src_country', 'dst_country'], 'rollup_as'],
    [['src_addr'], 'rollup_src'],
    [['src_addr', 'src_as'], 'rollup_src'],
    [['dst_addr', 'dst_country'], 'rollup_dst'],
    [['src_addr', 'dst_addr'], 'rollup_conversation'],
    [['src_addr', 'proto'], 'rollup_conversation'],
    [['src_addr', 'dst_as'], null],
    [['src_addr', 'exporter_id'], null],
    [['src_port'], null],
    [['proto', 'dst_port'], null],
    [['bytes'], null],
    [['service_port', 'exporter_id'], null],
  ])('that keeps %j is %s', (columns, rollup) => {
    expect(chooseRollup(new Set(columns))).toBe(rollup)
  })
})

describe('the plan of a window', () => {
  it.each([
    ['one hour off the hour', '2026-05-01T10:07', '2026-05-01T11:07', ['1m 2026-05-01T10:07 2026-05-01T11:07']],
    ['one whole hour', '2026-05-01T10:00', '2026-05-01T11:00', ['1h 2026-05-01T10:00 2026-05-01T11:00']],
    [
      'hours in the middle',
      '2026-05-01T10:07',
      '2026-05-01T13:20',
      ['1m 2026-05-01T10:07 2026-05-01T11:00', '1h 2026-05-01T11:00 2026-05-01T13:00', '1m 2026-05-01T13:00 2026-05-01T13:20'],
    ],
    [
      'days in the middle, hours and minutes at the edges',
      '2026-05-01T10:07',
      '2026-05-08T02:30',
      [
        '1m 2026-05-01T10:07 2026-05-01T11:00',
        '1h 2026-05-01T11:00 2026-05-02T00:00',
        '1d 2026-05-02T00:00 2026-05-08T00:00',
        '1h 2026-05-08T00:00 2026-05-08T02:00',
        '1m 2026-05-08T02:00 2026-05-08T02:30',
      ],
    ],
    ['seconds widen to the minute', '2026-05-01T10:07:30', '2026-05-01T10:08:01', ['1m 2026-05-01T10:07 2026-05-01T10:09']],
    ['midnight to midnight', '2026-05-01T00:00', '2026-05-03T00:00', ['1d 2026-05-01T00:00 2026-05-03T00:00']],
  ])('%s', (_, from, to, segments) => {
    expect(shown(planRollup('rollup_src', at(from), at(to), ALL_AVAILABLE, NO_FILTER).segments)).toEqual(segments)
  })

  it.each([
    [
      'hours at the start where minutes are gone',
      { '1m': at('2026-05-03T00:00') },
      '2026-05-01T10:07',
      '2026-05-04T12:30',
      [
        '1h 2026-05-01T10:00 2026-05-02T00:00',
        '1d 2026-05-02T00:00 2026-05-04T00:00',
        '1h 2026-05-04T00:00 2026-05-04T12:00',
        '1m 2026-05-04T12:00 2026-05-04T12:30',
      ],
    ],
    [
      'hours at both ends where minutes are gone',
      { '1m': at('2026-06-01T00:00') },
      '2026-05-01T10:07',
      '2026-05-01T12:30',
      ['1h 2026-05-01T10:00 2026-05-01T13:00'],
    ],
    [
      'days where hours are gone',
      { '1m': at('2026-06-01T00:00'), '1h': at('2026-05-02T00:00') },
      '2026-05-01T10:07',
      '2026-05-02T12:30',
      ['1d 2026-05-01T00:00 2026-05-02T00:00', '1h 2026-05-02T00:00 2026-05-02T13:00'],
    ],
    [
      'a day for a minute when nothing finer is left',
      { '1m': at('2026-06-01T00:00'), '1h': at('2026-06-01T00:00') },
      '2026-05-01T10:07',
      '2026-05-01T10:08',
      ['1d 2026-05-01T00:00 2026-05-02T00:00'],
    ],
  ])('%s', (_, missing, from, to, segments) => {
    const plan = planRollup('rollup_src', at(from), at(to), { ...ALL_AVAILABLE, ...missing }, NO_FILTER)
    expect(shown(plan.segments)).toEqual(segments)
  })

  it('names its relations, coarsest first, and the width of the coarsest', () => {
    const plan = planRollup('rollup_src', at('2026-05-01T10:07'), at('2026-05-08T02:30'), ALL_AVAILABLE, NO_FILTER)
    expect(plan.rollup).toBe('rollup_src_1d+rollup_src_1h+rollup_src_1m')
    expect(plan.resolutionSeconds).toBe(86_400)
    expect(planRaw(1, 2)).toMatchObject({ rollup: 'flow', resolutionSeconds: 0, from: 1, to: 2 })
  })

  it('covers the asked window without gap or overlap, in whole buckets that are kept, for any window and retention', () => {
    const moment = fc.integer({ min: 0, max: 40 * 86_400_000 }).map((ms) => at('2026-04-01T00:00') + ms)
    const edge = fc.option(moment.map((ms) => Math.ceil(ms / 3_600_000) * 3_600_000))
    fc.assert(
      fc.property(moment, moment, edge, edge, (a, b, minutes, hours) => {
        fc.pre(a !== b)
        const [from, to] = a < b ? [a, b] : [b, a]
        const hoursFrom = hours ?? -Infinity
        const available: Availability = { '1m': Math.max(minutes ?? -Infinity, hoursFrom), '1h': hoursFrom, '1d': -Infinity }
        const plan = planRollup('rollup_src', from, to, available, NO_FILTER)
        expect(plan.from).toBeLessThanOrEqual(from)
        expect(plan.to).toBeGreaterThanOrEqual(to)
        expect(plan.segments[0]?.from).toBe(plan.from)
        expect(plan.segments.at(-1)?.to).toBe(plan.to)
        for (const [index, segment] of plan.segments.entries()) {
          const width = LEVEL_SECONDS[segment.level as RollupLevel] * 1_000
          expect(segment.from % width).toBe(0)
          expect(segment.to % width).toBe(0)
          expect(segment.from).toBeLessThan(segment.to)
          expect(segment.from).toBeGreaterThanOrEqual(available[segment.level as RollupLevel])
          expect(segment.to).toBe(plan.segments[index + 1]?.from ?? plan.to)
        }
        // Exact to the minute wherever minutes are kept.
        if (available['1m'] <= Math.floor(from / 60_000) * 60_000) {
          expect([plan.from, plan.to]).toEqual([Math.floor(from / 60_000) * 60_000, Math.ceil(to / 60_000) * 60_000])
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('days that leave out what is below a floor', () => {
  const [from, to] = [at('2026-05-01T10:07'), at('2026-05-08T02:30')]

  it('are read where the rest can be told exactly, with the plan that tells it', () => {
    const plan = planRollup('rollup_src', from, to, ALL_AVAILABLE, new Set(['src_country']))
    expect(plan.floor).toBe('hosts')
    expect(plan.whole?.segments.map(({ relation }) => relation)).toEqual(
      plan.segments.map(({ relation }) => relation.replace('rollup_src', 'rollup_as')),
    )
    expect(shown(plan.whole?.segments ?? [])).toEqual(shown(plan.segments))
  })

  it('give way to hours where the filter is about hosts, as long as hours are kept', () => {
    const filtered = new Set(['src_addr'])
    const plan = planRollup('rollup_conversation', from, to, ALL_AVAILABLE, filtered)
    expect(new Set(plan.segments.map(({ level }) => level))).toEqual(new Set(['1m', '1h']))
    expect(plan.floor).toBeUndefined()
    const gone = planRollup('rollup_conversation', from, to, { ...ALL_AVAILABLE, '1h': to, '1m': to }, filtered)
    expect(gone.floor).toBe('conversations')
    expect(gone.whole).toBeUndefined()
  })

  it('are of no matter to the others, nor to windows without days', () => {
    expect(planRollup('rollup_as', from, to, ALL_AVAILABLE, NO_FILTER).floor).toBeUndefined()
    expect(planRollup('rollup_src', from, from + 3_600_000, ALL_AVAILABLE, NO_FILTER).floor).toBeUndefined()
  })
})

describe('the buckets of a chart', () => {
  it.each([
    ['15 minutes', 15 * 60, 300, 60, 60],
    ['an hour', 3_600, 300, 60, 60],
    ['six hours', 6 * 3_600, 300, 60, 120],
    ['a day', 86_400, 300, 60, 300],
    ['a week', 7 * 86_400, 300, 60, 3_600],
    ['thirty days', 30 * 86_400, 300, 60, 10_800],
    ['a year', 365 * 86_400, 300, 60, 172_800],
    ['an hour of ten points', 3_600, 10, 60, 600],
    ['ten minutes, finely', 600, 300, 1, 2],
    ['a day without minutes', 86_400, 300, 3_600, 3_600],
  ])('%s', (_, seconds, points, least, bucket) => {
    const from = at('2026-05-04T10:07')
    expect(niceBucket(from, from + seconds * 1_000, points, least)).toBe(bucket)
  })

  it('are never more than asked and hold the whole window, aligned to whole levels', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2_000_000_000 }),
        fc.integer({ min: 1, max: 200_000_000 }),
        fc.integer({ min: 2, max: 300 }),
        fc.constantFrom(60, 3_600, 86_400),
        (start, seconds, points, least) => {
          const from = start * 1_000
          const to = from + seconds * 1_000
          const bucket = niceBucket(from, to, points, least)
          const window = alignWindow(from, to, bucket)
          expect(window.from).toBeLessThanOrEqual(from)
          expect(window.to).toBeGreaterThanOrEqual(to)
          expect((window.to - window.from) / (bucket * 1_000)).toBeLessThanOrEqual(points)
          const level = levelFor(bucket)
          expect(level).not.toBeNull()
          expect(Math.abs(window.from % (LEVEL_SECONDS[level ?? '1m'] * 1_000))).toBe(0)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('begin weeks on Monday', () => {
    const { from } = alignWindow(at('2026-05-06T10:00'), at('2026-05-07T10:00'), 604_800)
    expect(new Date(from).toISOString()).toBe('2026-05-04T00:00:00.000Z')
  })

  it('read the finest level that still has the window', () => {
    const available = { raw: Infinity, '1m': at('2026-05-03T00:00'), '1h': at('2026-04-01T00:00'), '1d': -Infinity }
    expect(finestAvailable(at('2026-05-03T00:00'), available)).toBe('1m')
    expect(finestAvailable(at('2026-05-02T00:00'), available)).toBe('1h')
    expect(finestAvailable(at('2026-03-02T00:00'), available)).toBe('1d')
  })
})
