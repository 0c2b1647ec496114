'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { Dimension, TimeseriesAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys, type Params } from './keys.ts'
import { MOVING_GC_MS } from './use-top.ts'

/** `GET /api/v1/timeseries`; dimension null asks for the total alone. At most 300 points and 8 series: what a chart can show. */
export function useTimeseries(
  dimension: Dimension | null,
  params: Params,
  options: { points?: number; limit?: number; enabled?: boolean } = {},
) {
  const points = Math.min(options.points ?? 240, 300)
  const limit = Math.min(options.limit ?? 8, 8)
  return useQuery({
    queryKey: keys.timeseries.of(dimension, points, limit, params),
    queryFn: ({ signal }) =>
      fetchJson<TimeseriesAnswer>('/api/v1/timeseries', {
        params: { ...params, ...(dimension === null ? {} : { dimension, limit }), points },
        signal,
      }),
    placeholderData: keepPreviousData,
    gcTime: MOVING_GC_MS,
    enabled: options.enabled ?? true,
  })
}
