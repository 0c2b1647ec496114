'use client'
import { type Edge, EdgeLabelRenderer, type EdgeProps } from '@xyflow/react'
import { memo } from 'react'
import { cn } from '../ui/cn.ts'
import type { Point } from './layout.ts'

export type EdgeTone = 'plain' | 'in' | 'out' | 'picked' | 'dimmed'
export type FlowEdge = Edge<
  { path: string; middle: Point; end: Point; width: number; label: string; rate: string; tone: EdgeTone; labelled: boolean },
  'weir'
>

const STROKE: Record<EdgeTone, string> = {
  plain: 'stroke-muted opacity-30',
  in: 'stroke-chart-1 opacity-80',
  out: 'stroke-chart-2 opacity-80',
  picked: 'stroke-accent opacity-100',
  dimmed: 'stroke-muted opacity-8',
}
const FILL: Record<EdgeTone, string> = {
  plain: 'fill-muted opacity-45',
  in: 'fill-chart-1',
  out: 'fill-chart-2',
  picked: 'fill-accent',
  dimmed: 'fill-muted opacity-10',
}

/** An edge on elk's route, as wide as its rate, with an arrow head at the server. Its wide, unseen twin is easier to hit. */
export const GraphEdge = memo(function GraphEdge({ data }: EdgeProps<FlowEdge>) {
  if (data === undefined) return null
  const { path, middle, end, width, label, rate, tone, labelled } = data
  const head = 3.5 + width / 2
  return (
    <>
      <path
        d={path}
        fill="none"
        strokeWidth={width}
        strokeLinecap="butt"
        className={cn('transition-opacity duration-150 motion-reduce:transition-none', STROKE[tone])}
      />
      <path d={`M${end.x} ${end.y}l${-head * 1.5} ${-head}v${head * 2}z`} className={FILL[tone]} />
      <path d={path} fill="none" strokeWidth={Math.max(14, width)} stroke="transparent" className="react-flow__edge-interaction" />
      {labelled && tone !== 'dimmed' ? (
        <EdgeLabelRenderer>
          <div
            className={cn(
              'nodrag nopan pointer-events-none absolute whitespace-nowrap rounded border bg-surface/95 px-1.5 py-px text-[11px] leading-4 group-data-[zoom=far]/graph:text-[17px] group-data-[zoom=far]/graph:leading-6',
              tone === 'plain' ? 'border-border text-muted group-data-[zoom=far]/graph:hidden' : 'z-10 border-border-strong text-text',
            )}
            style={{ transform: `translate(-50%, -50%) translate(${middle.x}px, ${middle.y}px)` }}
          >
            {label} · <span className="text-text">{rate}</span>
          </div>
        </EdgeLabelRenderer>
      ) : null}
    </>
  )
})
