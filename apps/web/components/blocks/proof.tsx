'use client'
import type { Block } from '@weir/db/contracts'
import { useTimeseries } from '../../data/use-timeseries.ts'
import { useNow } from '../anomalies/use-now.ts'
import { bitsPerSecond, bytes, duration, toRate } from '../format.ts'
import { Ago } from '../time.tsx'
import { Box } from '../ui/box.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { ErrorState } from '../ui/state.tsx'
import { isEnded } from './model.ts'
import { ProofChart } from './proof-chart.tsx'
import { filterOf } from './rule.ts'

const BEFORE_MS = 30 * 60_000
const AFTER_MS = 15 * 60_000

/** Whether the block works, by what is seen behind it: the state in words, the leaks by place, and matched traffic over time. */
export function Proof({ block }: { block: Block }) {
  const { proof } = block
  return (
    <Box title="Does it work?" hint={proof.exporters.length === 0 ? undefined : `watched at ${proof.exporters.join(', ')}`}>
      <div className="flex flex-col gap-4">
        <Words block={block} />
        {proof.leaks.length === 0 ? null : (
          <div className="min-w-0">
            <table className="w-full border-collapse text-[13px]">
              <caption className="sr-only">Where it leaks</caption>
              <thead>
                <tr className="border-border border-b text-left text-[12px] text-muted">
                  <th scope="col" className="py-1.5 pr-3 font-medium">
                    Exporter
                  </th>
                  <th scope="col" className="px-3 py-1.5 font-medium">
                    Interface
                  </th>
                  <th scope="col" className="px-3 py-1.5 text-right font-medium">
                    Let through
                  </th>
                  <th scope="col" className="py-1.5 pl-3 text-right font-medium">
                    Last seen
                  </th>
                </tr>
              </thead>
              <tbody>
                {proof.leaks.map((leak) => (
                  <tr key={`${leak.exporter} ${leak.interface}`} className="border-border border-b last:border-b-0">
                    <td className="py-1.5 pr-3">{leak.exporter}</td>
                    <td className="px-3 py-1.5">{leak.interface}</td>
                    <td className="whitespace-nowrap px-3 py-1.5 text-right">{bytes(leak.bytes)}</td>
                    <td className="whitespace-nowrap py-1.5 pl-3 text-right">
                      <Ago at={Date.parse(leak.lastSeen)} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <Chart block={block} />
      </div>
    </Box>
  )
}

function Words({ block }: { block: Block }) {
  const { proof, state } = block
  const before = proof.before === null ? null : bitsPerSecond(proof.before * 8)
  const text =
    proof.verifiedAt !== null && state !== 'leaking' ? (
      <>
        Proven{' '}
        {proof.by === 'counters'
          ? 'by the devices, which count what they drop'
          : 'by the flows: what matched is no longer seen behind the devices'}
        , <Ago at={Date.parse(proof.verifiedAt)} />.
      </>
    ) : state === 'leaking' ? (
      <span className="text-critical">It leaks: {bytes(proof.leakedBytes)} passed that should have been stopped.</span>
    ) : proof.since === null ? (
      isEnded(state) ? (
        'It was never in force, so there is nothing to prove.'
      ) : (
        'Nothing to prove before it is in force.'
      )
    ) : isEnded(state) || state === 'withdrawing' ? (
      'It was in force, and nothing has proven that it worked.'
    ) : (
      'In force. The proof needs a full export interval of the exporters behind it.'
    )
  return (
    <div className="text-[13px] leading-relaxed">
      <p className="font-medium">{text}</p>
      {before === null ? null : <p className="text-muted">Before it, {before} matched.</p>}
      {proof.note === null ? null : <p className="text-muted">{proof.note}</p>}
    </div>
  )
}

function Chart({ block }: { block: Block }) {
  const now = useNow(15_000)
  const enforced = block.proof.since === null ? null : Date.parse(block.proof.since)
  const ended = block.endedAt === null ? null : Date.parse(block.endedAt)
  const start = (enforced ?? Date.parse(block.requester.at)) - BEFORE_MS
  const to = ended === null ? now : Math.min(now, ended + AFTER_MS)
  const answer = useTimeseries(
    null,
    {
      from: new Date(start).toISOString(),
      to: new Date(Math.max(to, start + 60_000)).toISOString(),
      metric: 'bytes',
      scaled: 'true',
      filter: filterOf(block.match, block.proof.exporters),
    },
    { points: 180, enabled: now > 0 },
  )
  if (answer.error !== null && answer.data === undefined)
    return <ErrorState error={answer.error} onRetry={() => void answer.refetch()} className="px-0" />
  if (answer.data === undefined) return <Skeleton className="h-60" />
  const { bucketSeconds, times, series } = answer.data
  const values = series[0]?.values ?? []
  // The newest bucket is still filling: drawn as it stands it would look like proof.
  const points = times
    .map((time, index) => {
      const value = values[index] ?? null
      return { time, behind: value === null ? null : toRate('bits', value, bucketSeconds) }
    })
    .filter((point) => point.time + bucketSeconds * 1000 <= now)
  // Axes without a line would only ask what they mean.
  if (points.every((point) => point.behind === null || point.behind === 0))
    return (
      <p className="text-[13px] text-muted">
        No traffic that the rule matches was seen behind the devices in the {duration(Math.round((to - start) / 60_000) * 60)} around it.
        {(block.proof.before ?? 0) > 0 ? ' What matched before was seen at other exporters, which are not behind these devices.' : ''}
      </p>
    )
  return (
    <ProofChart
      points={points}
      stepSeconds={bucketSeconds}
      enforcedAt={enforced}
      endedAt={enforced === null ? null : ended}
      leaking={block.state === 'leaking'}
    />
  )
}
