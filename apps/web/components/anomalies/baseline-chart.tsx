'use client'
import type { AnomalyCard } from '@weir/db/contracts'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Area, AreaChart, CartesianGrid, ReferenceArea, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import { niceTicks } from '../../data/transform.ts'
import { timeAxis, valueAxis } from '../charts/axis.ts'
import { Key } from '../charts/key.tsx'
import { lonelyDot } from '../charts/lonely-dot.tsx'
import { dateTime, duration, si, utc } from '../format.ts'
import { leadingEmpty } from './model.ts'
import { amount, axisUnit, usual } from './words.ts'

type Baseline = NonNullable<AnomalyCard['baseline']>

/**
 * The traffic around an anomaly: what was measured, the range up to what is usual, the line above which it counts, and the window of the
 * finding. The sentence beside it and the table below say the same without the picture.
 */
export function BaselineChart({
  baseline,
  window,
  value,
  height = 220,
}: {
  baseline: Baseline
  window: AnomalyCard['window']
  /** What the finding says of its window, in the unit of the baseline; null where it is in another one. */
  value: number | null
  height?: number
}) {
  const box = useRef<HTMLElement>(null)
  const [width, setWidth] = useState(700)
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const observer = new ResizeObserver(([entry]) => entry !== undefined && setWidth(entry.contentRect.width))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const rows = useMemo(() => {
    const all = baseline.times.map((time, index) => ({ time, value: baseline.values[index] ?? null }))
    return all.slice(leadingEmpty(all.map((row) => row.value)))
  }, [baseline.times, baseline.values])
  const first = rows[0]?.time ?? 0
  const end = (rows.at(-1)?.time ?? 0) + baseline.bucketSeconds * 1000
  const peak = Math.max(0, ...rows.map((row) => row.value ?? 0))
  // A threshold far above everything would press the line to the floor: it is then said in words only.
  const threshold = baseline.threshold !== null && baseline.threshold <= Math.max(peak, value ?? 0) * 4 ? baseline.threshold : null
  const ticks = niceTicks(Math.max(peak, value ?? 0, threshold ?? 0, baseline.expected ?? 0), 3)
  const top = ticks.at(-1) ?? 1
  const divider = [1e12, 1e9, 1e6, 1e3].find((step) => top >= step) ?? 1
  const from = Math.max(first, Date.parse(window.from))
  // Wide enough to be seen.
  const to = Math.min(end, Math.max(Date.parse(window.to), from + (end - first) / 40))
  const summary = `${baseline.unit} around the anomaly: highest ${amount(baseline.unit, peak)}${baseline.expected === null ? '' : `, usual ${usual(baseline.unit, baseline.expected)}`}${baseline.threshold === null ? '' : `, threshold ${amount(baseline.unit, baseline.threshold)}`}.`
  return (
    <figure ref={box} className="relative min-w-0 select-none [&_*:focus:not(:focus-visible)]:outline-none" aria-label={summary}>
      <span className="pointer-events-none absolute top-0 left-0 text-[11px] text-muted">
        {si(divider)[1]}
        {axisUnit(baseline.unit)}
      </span>
      <div style={{ height }}>
        <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 700, height }}>
          <AreaChart data={rows} margin={{ top: 26, right: 6, bottom: 0, left: 0 }}>
            <CartesianGrid vertical={false} stroke="var(--chart-grid)" />
            <XAxis {...timeAxis(first, end, width)} />
            <YAxis {...valueAxis(top, ticks, divider)} />
            <Tooltip
              isAnimationActive={false}
              cursor={{ stroke: 'var(--muted)', strokeWidth: 1 }}
              wrapperStyle={{ zIndex: 20, outline: 'none' }}
              content={({ active, label: time, payload }) => {
                const value = payload?.[0]?.value
                return active === true && typeof time === 'number' ? (
                  <div className="rounded-md border border-border bg-popover px-3 py-2 text-[12px] shadow-popover">
                    <p className="text-muted" title={utc(time)}>
                      {dateTime(time)}, {duration(baseline.bucketSeconds)} mean
                    </p>
                    <p className="mt-0.5 font-medium">
                      {typeof value === 'number' ? amount(baseline.unit, value) : 'No data was being received.'}
                    </p>
                  </div>
                ) : null
              }}
            />
            {baseline.expected === null ? null : (
              <ReferenceArea
                y1={0}
                y2={Math.min(top, baseline.expected)}
                fill="var(--chart-other)"
                fillOpacity={0.22}
                ifOverflow="hidden"
              />
            )}
            <ReferenceArea
              x1={from}
              x2={to}
              fill="var(--critical)"
              fillOpacity={0.14}
              stroke="var(--critical)"
              strokeOpacity={0.35}
              ifOverflow="hidden"
            />
            <Area
              dataKey="value"
              type="linear"
              stroke="var(--chart-1)"
              strokeWidth={1.5}
              fill="var(--chart-1)"
              fillOpacity={0.16}
              isAnimationActive={false}
              connectNulls={false}
              dot={lonelyDot(rows.map((row) => row.value))}
              activeDot={{ r: 3, fill: 'var(--chart-1)', stroke: 'var(--surface)' }}
            />
            {baseline.expected === null ? null : (
              <ReferenceLine y={baseline.expected} stroke="var(--muted)" strokeDasharray="2 3" ifOverflow="hidden" />
            )}
            {value === null ? null : (
              <ReferenceLine
                segment={[
                  { x: from, y: value },
                  { x: to, y: value },
                ]}
                stroke="var(--critical)"
                strokeWidth={2}
                ifOverflow="hidden"
              />
            )}
            {threshold === null ? null : (
              <ReferenceLine y={threshold} stroke="var(--warn)" strokeDasharray="5 4" strokeWidth={1.5} ifOverflow="hidden" />
            )}
          </AreaChart>
        </ResponsiveContainer>
      </div>
      <figcaption className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-[12px] text-muted">
        <Key mark={<span className="h-0.5 w-4 bg-chart-1" />}>{duration(baseline.bucketSeconds)} means</Key>
        <Key mark={<span className="size-3 rounded-[2px] border border-critical/40 bg-critical/15" />}>window of the finding</Key>
        {value === null ? null : (
          <Key mark={<span className="h-0.5 w-4 bg-critical" />}>measured in it: {amount(baseline.unit, value)}</Key>
        )}
        {baseline.expected === null ? null : (
          <Key mark={<span className="size-3 rounded-[2px] bg-chart-other/30" />}>usual: {usual(baseline.unit, baseline.expected)}</Key>
        )}
        {baseline.threshold === null ? null : (
          <Key mark={<span className="w-4 border-warn border-t-2 border-dashed" />}>
            counts from {amount(baseline.unit, baseline.threshold)}
            {threshold === null ? ', above this picture' : ''}
          </Key>
        )}
      </figcaption>
    </figure>
  )
}
