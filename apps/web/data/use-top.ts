'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { Dimension, TopAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys, type Params } from './keys.ts'

/** How long an answer of a moving window is worth keeping once nothing shows it. */
export const MOVING_GC_MS = 60_000

/** `GET /api/v1/top`. The previous answer stays on screen while the next one is fetched. */
export function useTop(dimension: Dimension, params: Params, options: { limit?: number; peak?: boolean; enabled?: boolean } = {}) {
  const limit = options.limit ?? 10
  const asked = options.peak === true ? { ...params, peak: 'true' } : params
  return useQuery({
    queryKey: keys.top.of(dimension, limit, asked),
    queryFn: ({ signal }) => fetchJson<TopAnswer>('/api/v1/top', { params: { ...asked, dimension, limit }, signal }),
    placeholderData: keepPreviousData,
    gcTime: MOVING_GC_MS,
    enabled: options.enabled ?? true,
  })
}
