import { timeTicks } from '../../data/transform.ts'
import { axisTime, significant } from '../format.ts'

const TICK = { fill: 'var(--muted)', fontSize: 11 }
/** Pixels that one label of the time axis needs. */
const LABEL = 110

/** The time axis of a small chart from `first` to `end` (epoch ms), as wide as `width` pixels; rows carry their start as `time`. */
export function timeAxis(first: number, end: number, width: number) {
  return {
    dataKey: 'time',
    type: 'number' as const,
    scale: 'time' as const,
    domain: [first, end] as [number, number],
    ticks: timeTicks(first, end, Math.max(2, Math.floor(width / LABEL))),
    tickFormatter: (at: number) => axisTime(at, end - first),
    stroke: 'var(--border-strong)',
    tick: TICK,
    tickLine: false,
    height: 24,
    tickMargin: 8,
  }
}

/** Its value axis from 0 to `top`, labelled in units of `divider`; the unit itself stands above the axis. */
export function valueAxis(top: number, ticks: number[], divider: number) {
  return {
    domain: [0, top] as [number, number],
    ticks,
    tickFormatter: (value: number) => significant(value / divider),
    tick: TICK,
    axisLine: false,
    tickLine: false,
    width: 40,
    tickMargin: 6,
  }
}
