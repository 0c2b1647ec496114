'use client'
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useSyncExternalStore } from 'react'
import { toast } from 'sonner'
import { ProblemError } from './fetch-json.ts'
import { keys } from './keys.ts'
import { decide } from './use-anomalies.ts'

/**
 * Acknowledging with one tap, and a few seconds to take it back: an acknowledgement cannot be undone on the server, so it is sent when
 * those seconds are over, or at once when the page goes away.
 */
export const UNDO_MS = 4_000

const pending = new Map<string, ReturnType<typeof setTimeout>>()
let snapshot: ReadonlySet<string> = new Set()
const listeners = new Set<() => void>()

function changed(): void {
  snapshot = new Set(pending.keys())
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

const NONE: ReadonlySet<string> = new Set()

/** Ids that are shown as acknowledged while their seconds run. */
export const usePending = (): ReadonlySet<string> =>
  useSyncExternalStore(
    subscribe,
    () => snapshot,
    () => NONE,
  )

/** What went wrong, in the server's words. */
export function refused(what: string, error: unknown): void {
  const problem = error instanceof ProblemError ? error : null
  toast.error(what, { description: problem === null ? 'The cause is not known. Try again.' : `${problem.detail} ${problem.remedy ?? ''}` })
}

/** Acknowledge all of `ids` after the seconds for taking it back. One that somebody else was faster with is said and does not stop the others. */
export function useAcknowledge(): (ids: readonly string[], name: string) => void {
  const client = useQueryClient()
  useEffect(() => {
    const flush = (): void => {
      for (const [id, timer] of pending) {
        clearTimeout(timer)
        pending.delete(id)
        void decide({ id, action: 'acknowledge' }, { keepalive: true })
      }
    }
    window.addEventListener('pagehide', flush)
    return () => window.removeEventListener('pagehide', flush)
  }, [])
  return useCallback(
    (wanted, name) => {
      const ids = wanted.filter((id) => !pending.has(id))
      const [first] = ids
      if (first === undefined) return
      const send = async (): Promise<void> => {
        const failures: unknown[] = []
        for (const id of ids) {
          // Taken away by the page's end, which has sent it.
          if (!pending.has(id)) continue
          try {
            await decide({ id, action: 'acknowledge' })
          } catch (error) {
            failures.push(error)
          }
        }
        if (failures.length > 0)
          refused(failures.length === 1 ? 'Not acknowledged' : `${failures.length} were not acknowledged`, failures[0])
        await client.invalidateQueries({ queryKey: keys.anomalies.all })
        for (const id of ids) pending.delete(id)
        changed()
      }
      const timer = setTimeout(() => void send(), UNDO_MS)
      for (const id of ids) pending.set(id, timer)
      changed()
      toast(ids.length === 1 ? `Acknowledged: ${name}` : `Acknowledged ${ids.length}: ${name}`, {
        id: `acknowledge-${first}`,
        duration: UNDO_MS,
        action: {
          label: 'Undo',
          onClick: () => {
            clearTimeout(timer)
            for (const id of ids) pending.delete(id)
            changed()
          },
        },
      })
    },
    [client],
  )
}
