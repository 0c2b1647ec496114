'use client'
import { useSyncExternalStore } from 'react'

const KEY = 'weir-filter-history'
const LIMIT = 20
const NONE: readonly string[] = []

let known: readonly string[] | null = null
const listeners = new Set<() => void>()

function read(): readonly string[] {
  if (known !== null) return known
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    known = Array.isArray(stored) ? stored.filter((entry): entry is string => typeof entry === 'string').slice(0, LIMIT) : NONE
  } catch {
    // Storage is refused or holds something else: the history starts empty and lives as long as the tab.
    known = NONE
  }
  return known
}

/** Put a filter at the head of the history of this browser. */
export function rememberFilter(filter: string): void {
  if (filter === '') return
  known = [filter, ...read().filter((entry) => entry !== filter)].slice(0, LIMIT)
  try {
    localStorage.setItem(KEY, JSON.stringify(known))
  } catch {
    // Storage is full or refused; see read().
  }
  for (const listener of listeners) listener()
}

/** Filters used in this browser, the newest first. */
export const useFilterHistory = (): readonly string[] =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    read,
    () => NONE,
  )
