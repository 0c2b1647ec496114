'use client'
import { useQuery } from '@tanstack/react-query'
import type { HealthAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys } from './keys.ts'

/** `GET /api/v1/health`, asked every ten seconds while something shows it. */
export function useHealth(options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: keys.health.all,
    queryFn: ({ signal }) => fetchJson<HealthAnswer>('/api/v1/health', { signal }),
    refetchInterval: 10_000,
    enabled: options.enabled ?? true,
  })
}
