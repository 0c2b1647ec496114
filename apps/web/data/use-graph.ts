'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { GraphAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys, type Params } from './keys.ts'
import { MOVING_GC_MS } from './use-top.ts'

/** `GET /api/v1/graph`: services, hosts and groups with the traffic between them. */
export function useGraph(params: Params, options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: keys.graph.of(params),
    queryFn: ({ signal }) => fetchJson<GraphAnswer>('/api/v1/graph', { params, signal }),
    placeholderData: keepPreviousData,
    gcTime: MOVING_GC_MS,
    enabled: options.enabled ?? true,
  })
}
