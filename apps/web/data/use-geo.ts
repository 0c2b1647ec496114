'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { GeoAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys, type Params } from './keys.ts'
import { MOVING_GC_MS } from './use-top.ts'

/** `GET /api/v1/geo`: totals per country and the heaviest country pairs. */
export function useGeo(params: Params, options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: keys.geo.of(params),
    queryFn: ({ signal }) => fetchJson<GeoAnswer>('/api/v1/geo', { params, signal }),
    placeholderData: keepPreviousData,
    gcTime: MOVING_GC_MS,
    enabled: options.enabled ?? true,
  })
}
