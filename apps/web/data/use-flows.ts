'use client'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import type { FlowsAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys, type Params } from './keys.ts'
import { MOVING_GC_MS } from './use-top.ts'

/** `GET /api/v1/flows`, newest first, page after page by the cursor. Metric and scaling mean nothing here and are left out of the question. */
export function useFlows(params: Params, options: { pageSize?: number; enabled?: boolean } = {}) {
  const { from, to, filter } = params
  const asked: Record<string, string> = {}
  if (from !== undefined) asked.from = from
  if (to !== undefined) asked.to = to
  if (filter !== undefined) asked.filter = filter
  return useInfiniteQuery({
    queryKey: keys.flows.of(asked),
    queryFn: ({ signal, pageParam }) =>
      fetchJson<FlowsAnswer>('/api/v1/flows', {
        params: { ...asked, limit: options.pageSize ?? 200, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: keepPreviousData,
    gcTime: MOVING_GC_MS,
    enabled: options.enabled ?? true,
  })
}
