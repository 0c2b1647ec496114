'use client'
import type { AnomalySummary, FlowObject } from '@weir/db/contracts'
import { Radar } from 'lucide-react'
import Link from 'next/link'
import { useOpenAnomalies } from '../../data/use-anomalies.ts'
import { SeverityMark } from './marks.tsx'
import { anomalyAt, anomalyOf } from './model.ts'
import { detectorName } from './runbooks.ts'

/** In a row of flows: that it goes with an open anomaly, and the way there. Nothing for the others. */
export function FlowMark({ flow }: { flow: FlowObject }) {
  const anomaly = anomalyOf(flow, useOpenAnomalies().data?.anomalies ?? [])
  return anomaly === null ? null : <Mark anomaly={anomaly} text={`Goes with an anomaly: ${detectorName(anomaly.detector)}`} />
}

/** Beside a host in a ranking or a graph: that it does or meets an open anomaly in the window shown, and the way there. */
export function HostMark({ address, range }: { address: string; range: { from: Date; to: Date } }) {
  const anomaly = anomalyAt(address, useOpenAnomalies().data?.anomalies ?? [], range.from.getTime(), range.to.getTime())
  return anomaly === null ? null : <Mark anomaly={anomaly} text={`Has an anomaly: ${detectorName(anomaly.detector)}`} />
}

function Mark({ anomaly, text }: { anomaly: AnomalySummary; text: string }) {
  return (
    <Link
      href={`/anomalies/${encodeURIComponent(anomaly.id)}`}
      title={text}
      className={`relative inline-flex shrink-0 rounded-sm max-sm:after:absolute max-sm:after:-inset-4 max-sm:after:content-[''] ${anomaly.severity === 'critical' ? 'text-critical' : 'text-warn'}`}
    >
      <Radar aria-hidden className="size-3.5" />
      <span className="sr-only">{text}</span>
    </Link>
  )
}

/** The same in the detail of one flow, in words. */
export function FlowAnomaly({ flow }: { flow: FlowObject }) {
  const anomaly = anomalyOf(flow, useOpenAnomalies().data?.anomalies ?? [])
  if (anomaly === null) return null
  return (
    <Link
      href={`/anomalies/${encodeURIComponent(anomaly.id)}`}
      className="flex items-start gap-3 rounded-md border border-border p-3 text-[13px] leading-relaxed hover:bg-raised"
    >
      <SeverityMark severity={anomaly.severity} word={false} className="mt-0.5" />
      <span className="min-w-0">
        <span className="font-medium">Goes with an anomaly: {detectorName(anomaly.detector)}</span>
        <span className="block text-muted [overflow-wrap:anywhere]">{anomaly.sentence}</span>
      </span>
    </Link>
  )
}
