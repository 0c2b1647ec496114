'use client'
import type { AnomalyCard } from '@weir/db/contracts'
import Link from 'next/link'
import { Ends, SeverityMark, StateMark } from '../anomalies/marks.tsx'
import { detectorName } from '../anomalies/runbooks.ts'
import { amount, statisticName, timesExpected } from '../anomalies/words.ts'
import { Ago } from '../time.tsx'
import { Box } from '../ui/box.tsx'

/** Why a block is thought of: the anomaly or the filter that led here, and what of it a rule cannot say. */
export function EvidenceOf({ anomaly, filter, left }: { anomaly: AnomalyCard | null; filter: string; left: readonly string[] }) {
  if (anomaly === null && filter === '') return null
  const times = anomaly === null ? null : timesExpected(anomaly.value, anomaly.expected)
  return (
    <Box title="Evidence">
      {anomaly === null ? (
        <p className="text-[13px]">
          From the filter <code className="break-all font-mono text-[12.5px]">{filter}</code>
        </p>
      ) : (
        <div className="flex flex-col gap-2 text-[13px]">
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <SeverityMark severity={anomaly.severity} />
            <span className="font-medium">{detectorName(anomaly.detector)}</span>
            <StateMark state={anomaly.state} />
            <span className="text-muted">
              since <Ago at={Date.parse(anomaly.first_seen)} />
            </span>
          </p>
          <p className="font-medium text-[15px] leading-6 [overflow-wrap:anywhere]">
            <Link href={`/anomalies/${encodeURIComponent(anomaly.id)}`} className="underline-offset-2 hover:underline">
              {anomaly.sentence}
            </Link>
          </p>
          <p className="flex flex-wrap gap-x-5 gap-y-1">
            <span>
              <span className="text-muted">Who </span>
              <Ends anomaly={anomaly} />
            </span>
            <span>
              <span className="text-muted">{statisticName(anomaly.statistic, anomaly.unit)} </span>
              {amount(anomaly.unit, anomaly.value)}
              {times === null ? null : <span className="text-muted"> ({times})</span>}
            </span>
          </p>
          {anomaly.state === 'confirmed' ? null : (
            <p className="text-muted">
              Nobody has confirmed it as a risk yet. Confirm it first if you are sure; a block is a decision of its own.
            </p>
          )}
        </div>
      )}
      {left.length === 0 ? null : (
        <p className="mt-2 border-warn/60 border-l-2 pl-3 text-[13px]">
          A rule cannot say{' '}
          {left.map((part, index) => (
            <span key={part}>
              {index === 0 ? '' : ', '}
              <code className="font-mono text-[12.5px]">{part}</code>
            </span>
          ))}
          : it hits more than the filter shows. The simulation counts all of it.
        </p>
      )}
    </Box>
  )
}
