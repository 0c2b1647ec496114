'use client'
import { useSyncExternalStore } from 'react'
import type { Preset, View } from './view.ts'

type Place = { preset: Preset | null; from: number; to: number }

/** The windows a person zoomed in from, the newest last. Only of this tab; the browser's own back button works beside it. */
let trail: readonly Place[] = []
const listeners = new Set<() => void>()

function put(next: readonly Place[]): void {
  trail = next
  for (const listener of listeners) listener()
}

const EMPTY: readonly Place[] = []

/** How to come back from a zoom; empty when there is nothing to come back to. */
export const useTrail = (): readonly Place[] =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => trail,
    () => EMPTY,
  )

/** Look at a part of the window, remembering where from. At most 20 steps are kept. */
export function zoomTo(view: View, from: number, to: number): void {
  put([...trail, { preset: view.preset, from: view.range.from.getTime(), to: view.range.to.getTime() }].slice(-20))
  view.set({ from, to })
}

/** Undo the last zoom; a window that moved with the clock moves again. */
export function zoomBack(view: View): void {
  const place = trail.at(-1)
  if (place === undefined) return
  put(trail.slice(0, -1))
  view.set(place.preset === null ? { from: place.from, to: place.to } : { preset: place.preset })
}

/** Forget the trail: a window was chosen by hand. */
export const forgetTrail = (): void => put(EMPTY)
