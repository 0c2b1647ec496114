'use client'
import { gapSeconds } from '../../data/transform.ts'
import { useTimeseries } from '../../data/use-timeseries.ts'
import type { View } from '../../data/view.ts'
import { previousOf } from './previous.ts'

/**
 * Points asked of every course on the page, so that all have the same buckets and therefore the same gaps: half-minute steps over a
 * quarter of an hour, otherwise as fine as a chart can show.
 */
export const pointsFor = (view: View): number => (view.range.to.getTime() - view.range.from.getTime() <= 20 * 60_000 ? 60 : 288)

/**
 * Seconds of the page's window, and of the one before, in which nothing was being received. Every mean and every change on the page is
 * over the rest, so that figures of one page agree with each other, also an hour after the installation. `comparable` is whether at
 * least half of the window before is known: two minutes of it say nothing about an hour.
 */
export function useGaps(view: View): { current: number; previous: number; comparable: boolean } {
  const now = useTimeseries(null, view.params(), { points: pointsFor(view), enabled: view.ready })
  const before = useTimeseries(null, previousOf(view), { points: pointsFor(view), enabled: view.ready })
  const previous = before.data === undefined ? null : gapSeconds(before.data, view.anchor)
  const span = (view.range.to.getTime() - view.range.from.getTime()) / 1000
  return {
    current: now.data === undefined ? 0 : gapSeconds(now.data, view.anchor),
    previous: previous ?? 0,
    comparable: previous !== null && previous <= span / 2,
  }
}
