'use client'
import { useEffect, useSyncExternalStore } from 'react'

/**
 * One "now" for the whole page. A relative window ends here, so every panel asks for the same window and their totals agree.
 * It moves when the refresh timer fires or a person asks; it is 0 on the server and until the browser has taken over.
 */
let now = 0
const listeners = new Set<() => void>()

function advance(): void {
  now = Date.now()
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  if (now === 0) queueMicrotask(() => now === 0 && advance())
  return () => listeners.delete(listener)
}

/** The shared now, epoch milliseconds; 0 while rendering on the server. */
export const useAnchor = (): number =>
  useSyncExternalStore(
    subscribe,
    () => now,
    () => 0,
  )

/** Move every relative window to the present. */
export const refreshNow = advance

/**
 * Advance the anchor every `seconds` while the page is visible; coming back to a hidden page refreshes at once.
 * Several callers with the same interval advance it once: a tick that comes sooner than half the interval is skipped.
 */
export function useAutoRefresh(seconds: number): void {
  useEffect(() => {
    if (seconds <= 0) return
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible' && Date.now() - now > seconds * 500) advance()
    }, seconds * 1000)
    const onVisible = (): void => {
      if (document.visibilityState === 'visible' && Date.now() - now > seconds * 1000) advance()
    }
    document.addEventListener('visibilitychange', onVisible)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', onVisible)
    }
  }, [seconds])
}
