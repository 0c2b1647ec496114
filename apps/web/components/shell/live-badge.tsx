'use client'

import { useLive, useLiveCache } from '../../live/use-live.ts'
import { bitsPerSecond, flowsPerSecond, packetsPerSecond } from '../format.ts'
import { Tooltip } from '../ui/tooltip.tsx'

/** What flows right now, moving each second; or why that is not known. */
export function LiveBadge() {
  useLiveCache()
  const { status, rate } = useLive()
  const live = status === 'live' && rate !== null
  const word = live
    ? 'Live'
    : status === 'live'
      ? 'No data'
      : status === 'connecting'
        ? 'Connecting'
        : status === 'signed-out'
          ? 'Signed out'
          : 'Reconnecting'
  const why = live
    ? 'Traffic of the last second as measured by the collector, multiplied by the sampling rate.'
    : status === 'live'
      ? 'The collector sends no rate. Is it running? “bin/weir doctor” on the Weir host tells.'
      : status === 'reconnecting'
        ? 'The connection to Weir broke; trying again by itself. What you see may be old.'
        : 'Waiting for the first second.'
  return (
    <Tooltip
      side="bottom"
      content={
        <>
          <p>{why}</p>
          {live ? (
            <p className="mt-1 text-muted">
              {packetsPerSecond(rate.packetsPerSecond)} · {rate.exportersLive} {rate.exportersLive === 1 ? 'exporter' : 'exporters'} live
            </p>
          ) : null}
        </>
      }
    >
      <button
        type="button"
        data-testid="live-rate"
        data-state={live ? 'live' : status === 'live' ? 'no-data' : status}
        className="flex h-8 cursor-default items-center gap-2 whitespace-nowrap rounded-md px-1.5 text-[13px] sm:px-2 hover:bg-raised"
      >
        <span
          aria-hidden="true"
          className={`size-2 shrink-0 rounded-full ${live ? 'bg-ok' : status === 'reconnecting' ? 'animate-pulse bg-warn' : 'bg-muted/60'}`}
        />
        {/* Words and figures as they stand are the name: a separate label would differ from what is seen. */}
        <span className="sr-only">Live rate: </span>
        {live ? (
          <>
            <span className="min-w-[4.6rem] text-left font-medium">{bitsPerSecond(rate.bitsPerSecond)}</span>{' '}
            <span className="hidden min-w-[5.2rem] text-left text-muted xl:inline">{flowsPerSecond(rate.flowsPerSecond)}</span>
          </>
        ) : (
          <span className="text-muted">{word}</span>
        )}
      </button>
    </Tooltip>
  )
}
