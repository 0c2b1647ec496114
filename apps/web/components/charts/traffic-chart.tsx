'use client'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Area, AreaChart, CartesianGrid, ReferenceArea, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import { type ChartData, type ChartSeries, niceTicks, timeTicks } from '../../data/transform.ts'
import { axisTime, dateTime, duration, rate, rateUnit, significant, utc, type ViewMetric } from '../format.ts'
import { rowName } from '../row-name.ts'
import { seriesColour } from './colours.ts'

/**
 * Traffic over time as stacked areas, a rate on the axis. Gaps stay gaps. Dragging across the plot zooms; the arrow keys walk the
 * readout along the time axis when the chart has the focus. A table of the same numbers is offered beside it by the caller.
 */
export function TrafficChart({
  data,
  metric,
  from,
  to,
  hidden,
  emphasis,
  onZoom,
  height = 280,
  label,
}: {
  data: ChartData
  metric: ViewMetric
  /** Window asked for, epoch milliseconds: the width of the axis even where there is no data. */
  from: number
  to: number
  /** Ids of series that the legend has switched off. */
  hidden: ReadonlySet<string>
  /** Series the pointer is on in the legend; the others step back. */
  emphasis: string | null
  onZoom: (from: number, to: number) => void
  height?: number
  label: string
}) {
  const [brush, setBrush] = useState<{ start: number; end: number } | null>(null)
  const box = useRef<HTMLElement>(null)
  const [width, setWidth] = useState(800)
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const observer = new ResizeObserver(([entry]) => entry !== undefined && setWidth(entry.contentRect.width))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const drawn = useMemo(
    () =>
      data.series
        .map((series, index) => ({ series, colour: seriesColour(index, series.other) }))
        .filter(({ series }) => !hidden.has(series.id)),
    [data.series, hidden],
  )
  const peak = useMemo(
    () => Math.max(0, ...data.rows.map((row) => drawn.reduce((sum, { series }) => sum + (row[series.id] ?? 0), 0))),
    [data.rows, drawn],
  )
  const ticks = useMemo(() => niceTicks(peak, height < 220 ? 3 : 4), [peak, height])
  const top = ticks.at(-1) ?? 1
  const [unitDivider, unitPrefix] = useMemo(() => axisUnit(top), [top])
  const xTicks = useMemo(
    () => timeTicks(from, to, Math.max(3, Math.floor(width / (to - from > 26 * 3_600_000 ? 130 : 90)))),
    [from, to, width],
  )

  const finish = (): void => {
    if (brush !== null) {
      const start = Math.min(brush.start, brush.end)
      const end = Math.max(brush.start, brush.end)
      if (end - start >= Math.max(data.bucketSeconds * 1000, 1000)) onZoom(start, end + data.bucketSeconds * 1000)
    }
    setBrush(null)
  }

  return (
    <figure
      ref={box}
      aria-label={label}
      className="relative min-w-0 select-none [&_*:focus:not(:focus-visible)]:outline-none [&_.recharts-surface]:outline-offset-2"
      style={{ height }}
    >
      <span className="pointer-events-none absolute top-0 left-0 text-[11px] text-muted">
        {unitPrefix}
        {rateUnit(metric)}
      </span>
      <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 800, height }}>
        <AreaChart
          data={data.rows}
          margin={{ top: 26, right: 4, bottom: 0, left: 0 }}
          onMouseDown={(state) => {
            const time = Number(state.activeLabel)
            if (Number.isFinite(time)) setBrush({ start: time, end: time })
          }}
          onMouseMove={(state) => {
            const time = Number(state.activeLabel)
            if (brush !== null && Number.isFinite(time)) setBrush({ ...brush, end: time })
          }}
          onMouseUp={finish}
          onMouseLeave={() => setBrush(null)}
          style={{ cursor: 'crosshair' }}
        >
          <CartesianGrid vertical={false} stroke="var(--chart-grid)" />
          <XAxis
            dataKey="time"
            type="number"
            scale="time"
            domain={[from, to]}
            ticks={xTicks}
            tickFormatter={(at: number) => axisTime(at, to - from)}
            stroke="var(--border-strong)"
            tick={{ fill: 'var(--muted)', fontSize: 11 }}
            tickLine={false}
            interval="preserveStartEnd"
            minTickGap={16}
            height={24}
            tickMargin={8}
            allowDataOverflow
          />
          <YAxis
            domain={[0, top]}
            ticks={ticks}
            tickFormatter={(value: number) => significant(value / unitDivider)}
            tick={{ fill: 'var(--muted)', fontSize: 11 }}
            axisLine={false}
            tickLine={false}
            width={38}
            tickMargin={6}
            allowDataOverflow
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: 'var(--muted)', strokeWidth: 1 }}
            wrapperStyle={{ zIndex: 20, outline: 'none' }}
            content={({ active, label: time }) =>
              active === true && typeof time === 'number' ? <Readout data={data} at={time} metric={metric} hidden={hidden} /> : null
            }
          />
          {drawn.map(({ series, colour }) => {
            const faded = emphasis !== null && emphasis !== series.id
            return (
              <Area
                key={series.id}
                dataKey={series.id}
                name={series.label}
                stackId="traffic"
                type="linear"
                stroke={colour}
                strokeWidth={1.25}
                strokeOpacity={faded ? 0.25 : 1}
                fill={colour}
                fillOpacity={faded ? 0.08 : 0.34}
                isAnimationActive={false}
                dot={false}
                activeDot={false}
                connectNulls={false}
              />
            )
          })}
          {brush === null || brush.start === brush.end ? null : (
            <ReferenceArea
              x1={Math.min(brush.start, brush.end)}
              x2={Math.max(brush.start, brush.end)}
              fill="var(--accent)"
              fillOpacity={0.14}
              stroke="var(--accent)"
              strokeOpacity={0.5}
            />
          )}
        </AreaChart>
      </ResponsiveContainer>
    </figure>
  )
}

/** One prefix for the whole axis, so that its numbers compare: [divider, 'G']. */
function axisUnit(top: number): [number, string] {
  const units: [number, string][] = [
    [1e15, 'P'],
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]
  return units.find(([divider]) => top >= divider) ?? [1, '']
}

/** Name of a series where there is room for one text: the name first, its key behind. */
export function seriesTitle(series: ChartSeries): string {
  if (series.other) return 'All others'
  if (series.key === '') return 'Total'
  const { name, beside } = rowName(series.label, series.key)
  return beside === null ? name : `${name} ${beside}`
}

/** All series at one instant, the largest first, and their sum. */
function Readout({ data, at, metric, hidden }: { data: ChartData; at: number; metric: ViewMetric; hidden: ReadonlySet<string> }) {
  const row = data.rows.find((candidate) => candidate.time === at)
  if (row === undefined) return null
  const lines = data.series
    .map((series, index) => ({ series, colour: seriesColour(index, series.other), value: row[series.id] ?? null }))
    .filter((line) => !hidden.has(line.series.id))
    .sort((a, b) => (b.value ?? -1) - (a.value ?? -1))
  const known = lines.some((line) => line.value !== null)
  const total = lines.reduce((sum, line) => sum + (line.value ?? 0), 0)
  return (
    <div className="max-w-80 rounded-md border border-border bg-popover px-3 py-2 text-[12px] text-text shadow-popover">
      <p className="flex items-baseline justify-between gap-4 whitespace-nowrap text-muted" title={utc(at)}>
        <span>{dateTime(at)}</span>
        <span>{duration(data.bucketSeconds)} mean</span>
      </p>
      {known ? (
        <table className="mt-1 w-full border-collapse">
          <tbody>
            {lines.map((line) => (
              <tr key={line.series.id}>
                <td className="max-w-52 truncate py-px pr-4">
                  <span aria-hidden className="mr-2 inline-block size-2 rounded-[2px]" style={{ background: line.colour }} />
                  {seriesTitle(line.series)}
                </td>
                <td className="whitespace-nowrap py-px text-right">{rate(metric, line.value)}</td>
              </tr>
            ))}
            {lines.length > 1 ? (
              <tr className="border-border border-t font-semibold">
                <td className="pt-1 pr-4">Total</td>
                <td className="whitespace-nowrap pt-1 text-right">{rate(metric, total)}</td>
              </tr>
            ) : null}
          </tbody>
        </table>
      ) : (
        <p className="mt-1">No data was being received.</p>
      )}
    </div>
  )
}
