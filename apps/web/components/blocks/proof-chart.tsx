'use client'
import { useEffect, useRef, useState } from 'react'
import { Area, AreaChart, CartesianGrid, ReferenceArea, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import { niceTicks } from '../../data/transform.ts'
import { timeAxis, valueAxis } from '../charts/axis.ts'
import { Key } from '../charts/key.tsx'
import { lonelyDot } from '../charts/lonely-dot.tsx'
import { bitsPerSecond, dateTime, duration, si, utc } from '../format.ts'
import { type ProofPoint, proofSentence } from './proof-sentence.ts'

/**
 * Traffic that matches the rule, seen behind the enforcement point, before and after the rule was in force. The moment of enforcement is a
 * line, the time in force a shade. The sentence below says the same without the picture.
 */
export function ProofChart({
  points,
  stepSeconds,
  enforcedAt,
  endedAt,
  leaking = false,
  height = 220,
}: {
  points: readonly ProofPoint[]
  stepSeconds: number
  enforcedAt: number | null
  endedAt: number | null
  /** The time in force is then shaded as what it is. */
  leaking?: boolean
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
  const first = points[0]?.time ?? 0
  const end = (points.at(-1)?.time ?? 0) + stepSeconds * 1000
  const peak = Math.max(0, ...points.map((point) => point.behind ?? 0))
  const ticks = niceTicks(peak, 3)
  const top = ticks.at(-1) ?? 1
  const divider = [1e12, 1e9, 1e6, 1e3].find((step) => top >= step) ?? 1
  const summary = proofSentence(points, stepSeconds, enforcedAt, endedAt)
  return (
    <figure ref={box} className="relative min-w-0 select-none [&_*:focus:not(:focus-visible)]:outline-none" aria-label={summary}>
      <p className="mb-2 text-[13px]">{summary}</p>
      <div className="relative" style={{ height }}>
        <span className="pointer-events-none absolute top-0 left-0 text-[11px] text-muted">{si(divider)[1]}bit/s</span>
        <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 700, height }}>
          <AreaChart data={[...points]} margin={{ top: 26, right: 6, bottom: 0, left: 0 }}>
            <CartesianGrid vertical={false} stroke="var(--chart-grid)" />
            <XAxis {...timeAxis(first, end, width)} />
            <YAxis {...valueAxis(top, ticks, divider)} />
            <Tooltip
              isAnimationActive={false}
              cursor={{ stroke: 'var(--muted)', strokeWidth: 1 }}
              wrapperStyle={{ zIndex: 20, outline: 'none' }}
              content={({ active, label: time }) => {
                const point = points.find((one) => one.time === time)
                return active === true && point !== undefined ? (
                  <div className="rounded-md border border-border bg-popover px-3 py-2 text-[12px] shadow-popover">
                    <p className="text-muted" title={utc(point.time)}>
                      {dateTime(point.time)}, {duration(stepSeconds)} mean
                    </p>
                    <p className="mt-0.5 font-medium">{bitsPerSecond(point.behind)} behind the block</p>
                  </div>
                ) : null
              }}
            />
            {enforcedAt === null ? null : (
              <ReferenceArea
                x1={Math.max(first, enforcedAt)}
                x2={Math.min(end, endedAt ?? end)}
                fill={leaking ? 'var(--critical)' : 'var(--ok)'}
                fillOpacity={0.09}
                ifOverflow="hidden"
              />
            )}
            <Area
              dataKey="behind"
              type="linear"
              stroke="var(--chart-1)"
              strokeWidth={1.5}
              fill="var(--chart-1)"
              fillOpacity={0.16}
              isAnimationActive={false}
              dot={lonelyDot(points.map((point) => point.behind))}
              activeDot={{ r: 3, fill: 'var(--chart-1)', stroke: 'var(--surface)' }}
            />
            {enforcedAt === null || enforcedAt < first ? null : (
              <ReferenceLine x={enforcedAt} stroke="var(--ok)" strokeWidth={2} ifOverflow="hidden" />
            )}
            {endedAt === null ? null : <ReferenceLine x={endedAt} stroke="var(--muted)" strokeDasharray="4 3" ifOverflow="hidden" />}
          </AreaChart>
        </ResponsiveContainer>
      </div>
      <div className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-[12px] text-muted">
        <Key mark={<span className="h-0.5 w-4 bg-chart-1" />}>behind the enforcement point</Key>
        {enforcedAt === null ? null : <Key mark={<span className="h-3 w-0.5 bg-ok" />}>in force since {dateTime(enforcedAt)}</Key>}
        {endedAt === null ? null : (
          <Key mark={<span className="h-3 border-muted border-l-2 border-dashed" />}>ended {dateTime(endedAt)}</Key>
        )}
      </div>
    </figure>
  )
}
