'use client'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useSyncExternalStore } from 'react'
import { keys } from '../data/keys.ts'
import { type LiveState, liveState, onAnomaly, onChange, subscribeLive } from './socket.ts'

const onServer: LiveState = { status: 'connecting', rate: null }

/** State of the live channel and the rate of the last second; re-renders once a second. */
export function useLive(): LiveState {
  return useSyncExternalStore(subscribeLive, liveState, () => onServer)
}

/** At most one refetch per this long, however many events come. */
const PACE_MS = 5_000
/** Anomaly events within this long of each other lead to one more refetch, not to many. */
const BURST_MS = 1_000

/**
 * Merge live events into the query cache: what an event says is new is asked again, if something on the screen shows it. New flows do
 * not refetch traffic by themselves, because the view's own refresh decides how often a chart may move; they refresh the health.
 */
export function useLiveCache(): void {
  const client = useQueryClient()
  useEffect(() => {
    const last = new Map<string, number>()
    return onChange((change) => {
      const now = Date.now()
      // A block moves a few times in its life, and each time somebody waits for it.
      if (change.what !== 'everything' && change.what !== 'blocks' && now - (last.get(change.what) ?? 0) < PACE_MS) return
      last.set(change.what, now)
      const invalidate = (queryKey: readonly unknown[]) => void client.invalidateQueries({ queryKey })
      if (change.what === 'everything') void client.invalidateQueries()
      else if (change.what === 'exporters') invalidate(keys.exporters.all)
      else if (change.what === 'settings') invalidate(['settings'])
      else if (change.what === 'flows') invalidate(keys.health.all)
      else if (change.what === 'anomalies') invalidate(keys.anomalies.all)
      else if (change.what === 'blocks') invalidate(keys.blocks.all)
    })
  }, [client])
  useEffect(() => {
    // The first event refetches at once, for a new anomaly must show within two seconds; a burst is asked for once more at its end.
    let timer: ReturnType<typeof setTimeout> | undefined
    let again = false
    const ask = (): void => {
      again = false
      void client.invalidateQueries({ queryKey: keys.anomalies.all })
      timer = setTimeout(() => {
        timer = undefined
        if (again) ask()
      }, BURST_MS)
    }
    const off = onAnomaly(() => {
      if (timer === undefined) ask()
      else again = true
    })
    return () => {
      off()
      clearTimeout(timer)
    }
  }, [client])
}
