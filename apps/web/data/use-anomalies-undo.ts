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

/** Acknowledge `id` after the seconds for taking it back. */
export function useAcknowledge(): (id: string, name: string) => void {
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
    (id, name) => {
      if (pending.has(id)) return
      const send = async (): Promise<void> => {
        try {
          await decide({ id, action: 'acknowledge' })
          await client.invalidateQueries({ queryKey: keys.anomalies.all })
        } catch (error) {
          refused('Not acknowledged', error)
          void client.invalidateQueries({ queryKey: keys.anomalies.all })
        } finally {
          pending.delete(id)
          changed()
        }
      }
      pending.set(
        id,
        setTimeout(() => void send(), UNDO_MS),
      )
      changed()
      toast(`Acknowledged: ${name}`, {
        id: `acknowledge-${id}`,
        duration: UNDO_MS,
        action: {
          label: 'Undo',
          onClick: () => {
            clearTimeout(pending.get(id))
            pending.delete(id)
            changed()
          },
        },
      })
    },
    [client],
  )
}
