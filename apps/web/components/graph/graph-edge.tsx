'use client'
import { type Edge, EdgeLabelRenderer, type EdgeProps } from '@xyflow/react'
import { memo } from 'react'
import { cn } from '../ui/cn.ts'
import type { Point, Route } from './layout.ts'

export type EdgeTone = 'plain' | 'in' | 'out' | 'picked' | 'dimmed'
export type FlowEdge = Edge<
  { route: Route; width: number; label: string; rate: string; tone: EdgeTone; labelAt: Point | null; labelScale: number },
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
  const { route, width, label, rate, tone, labelAt, labelScale } = data
  const { path, end, angle } = route
  const head = 3 + width * 0.4
  return (
    <>
      <path
        d={path}
        fill="none"
        strokeWidth={width}
        strokeLinecap="butt"
        className={cn('transition-opacity duration-150 motion-reduce:transition-none', STROKE[tone])}
      />
      <path
        d={`M0 0l${-head * 1.5} ${-head}v${head * 2}z`}
        transform={`translate(${end.x} ${end.y}) rotate(${(angle * 180) / Math.PI})`}
        className={FILL[tone]}
      />
      <path d={path} fill="none" strokeWidth={Math.max(14, width)} stroke="transparent" className="react-flow__edge-interaction" />
      {labelAt !== null && tone !== 'dimmed' ? (
        <EdgeLabelRenderer>
          <div
            className={cn(
              'nodrag nopan pointer-events-none absolute whitespace-nowrap rounded border bg-surface/95 px-1.5 py-px text-[11px] leading-4',
              tone === 'plain' ? 'border-border text-muted' : 'z-10 border-border-strong text-text',
            )}
            style={{ transform: `translate(-50%, -50%) translate(${labelAt.x}px, ${labelAt.y}px) scale(${labelScale})` }}
          >
            {label === '' ? null : `${label} · `}
            <span className="text-text">{rate}</span>
          </div>
        </EdgeLabelRenderer>
      ) : null}
    </>
  )
})
