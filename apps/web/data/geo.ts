'use client'
import { useQuery } from '@tanstack/react-query'
import { parseAsBoolean, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs'
import { useCallback, useSyncExternalStore } from 'react'
import { DIRECTIONS } from '../components/map/geo-model.ts'
import type { World } from '../components/map/world.ts'
import { fetchJson } from './fetch-json.ts'

export const CENTRES = ['atlantic', 'pacific'] as const
export type Centre = (typeof CENTRES)[number]

/** The base map around one ocean; fetched once and kept, it only changes with the product. */
export function useWorld(centre: Centre) {
  return useQuery({
    queryKey: ['world', centre],
    queryFn: ({ signal }) => fetchJson<World>(`/map/world-${centre}.json`, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
  })
}

/** What the map's own URL keys say: direction, centre, arcs shown, country of the own network ('' unknown). */
export function useMapState() {
  return useQueryStates(
    {
      direction: parseAsStringLiteral(DIRECTIONS).withDefault('both'),
      centre: parseAsStringLiteral(CENTRES).withDefault('atlantic'),
      arcs: parseAsBoolean.withDefault(true),
      home: parseAsString.withDefault(''),
    },
    { history: 'replace', shallow: true, clearOnDefault: true },
  )
}

const HOME_KEY = 'weir-map-home'
const listeners = new Set<() => void>()

/** Storage is refused in some private windows; then the choice lives in the URL only. */
function readHome(): string {
  try {
    return localStorage.getItem(HOME_KEY) ?? ''
  } catch {
    return ''
  }
}

/**
 * Country of the own network as this browser remembers it, for links that do not say. Nothing guesses it: an address inside the
 * own network has no country, so only a person knows where it stands.
 */
export function useRememberedHome(): [string, (code: string) => void] {
  const home = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    readHome,
    () => '',
  )
  const remember = useCallback((code: string) => {
    try {
      if (code === '') localStorage.removeItem(HOME_KEY)
      else localStorage.setItem(HOME_KEY, code)
    } catch {
      return
    } finally {
      for (const listener of listeners) listener()
    }
  }, [])
  return [home, remember]
}

const REDUCED = '(prefers-reduced-motion: reduce)'

/** Whether the person asked the system for less motion. */
export function useReducedMotion(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = matchMedia(REDUCED)
      query.addEventListener('change', listener)
      return () => query.removeEventListener('change', listener)
    },
    () => matchMedia(REDUCED).matches,
    () => true,
  )
}
