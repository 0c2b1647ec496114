'use client'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { AnomaliesAnswer, AnomalyAction, AnomalyCard, AnomalySummary, SuppressionsAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys, type Params } from './keys.ts'

const PATH = '/api/v1/anomalies'
const one = (id: string): string => `${PATH}/${encodeURIComponent(id)}`

/** Groups of anomalies (one row each, the newest), newest first, a page at a time. `params` as the API takes them. */
export function useAnomalyGroups(params: Params, options: { enabled?: boolean } = {}) {
  return useInfiniteQuery({
    queryKey: keys.anomalies.list(params),
    queryFn: ({ pageParam, signal }) =>
      fetchJson<AnomaliesAnswer>(PATH, {
        params: { ...params, grouped: true, limit: 100, ...(pageParam === '' ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: 30_000,
    placeholderData: (before) => before,
    enabled: options.enabled ?? true,
  })
}

/** The anomalies of one group, newest first. */
export async function membersOf(params: Params, group: string, signal?: AbortSignal): Promise<AnomalySummary[]> {
  return (await allOf(params, signal)).filter((anomaly) => anomaly.group === group)
}

/** Every anomaly that fits, newest first, a thousand at most. */
export async function allOf(params: Params, signal?: AbortSignal): Promise<AnomalySummary[]> {
  const answer = await fetchJson<AnomaliesAnswer>(PATH, {
    params: { ...params, limit: 1_000 },
    ...(signal === undefined ? {} : { signal }),
  })
  return answer.anomalies
}

/** The members of one group; `params` narrow the question to what the group can hold, `group` picks them out. */
export function useAnomalyMembers(params: Params, group: string, enabled: boolean) {
  return useQuery({
    queryKey: keys.anomalies.group({ ...params, group }),
    queryFn: ({ signal }) => membersOf(params, group, signal),
    enabled,
  })
}

/** Warnings and criticals of the last week that are not decided as harmless: what the badge counts and the on-call page lists. */
export function useOpenAnomalies() {
  return useQuery({
    queryKey: keys.anomalies.open,
    queryFn: ({ signal }) =>
      fetchJson<AnomaliesAnswer>(PATH, {
        params: {
          from: Date.now() - 7 * 86_400_000,
          state: 'new,acknowledged,confirmed',
          severity: 'warning,critical',
          limit: 500,
        },
        signal,
      }),
    // Live events refetch at once; this is for a browser whose live channel is closed to it.
    refetchInterval: 30_000,
  })
}

/** Everything about one anomaly. */
export function useAnomaly(id: string | null) {
  return useQuery({
    queryKey: keys.anomalies.card(id ?? ''),
    queryFn: ({ signal }) => fetchJson<AnomalyCard>(one(id ?? ''), { signal }),
    enabled: id !== null,
    refetchInterval: 30_000,
  })
}

export interface Decision {
  id: string
  action: AnomalyAction
  reason?: string
  /** With `dismiss`: keep the same from being told until then, RFC 3339. */
  until?: string
}

/** Acknowledge, confirm, dismiss …: 409 when somebody else was faster, 403 when the role does not allow it. */
export function decide(decision: Decision, options: { keepalive?: boolean } = {}): Promise<unknown> {
  const body = {
    ...(decision.reason === undefined ? {} : { reason: decision.reason }),
    ...(decision.until === undefined ? {} : { suppress: { until: decision.until } }),
  }
  if (options.keepalive !== true) return fetchJson<unknown>(`${one(decision.id)}/${decision.action}`, { method: 'POST', body })
  return fetch(`${one(decision.id)}/${decision.action}`, {
    method: 'POST',
    keepalive: true,
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

export function useDecide() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (decision: Decision) => decide(decision),
    onSettled: () => client.invalidateQueries({ queryKey: keys.anomalies.all }),
  })
}

/** What a suppression of this detector and address would have kept from being told: the anomalies of the last 14 days that fit it. */
export function useWouldHide(what: { detector: string | null; address: string | null }, enabled: boolean) {
  return useQuery({
    queryKey: keys.anomalies.group({ preview: 'suppression', detector: what.detector ?? '', address: what.address ?? '' }),
    queryFn: ({ signal }) =>
      fetchJson<AnomaliesAnswer>(PATH, {
        params: {
          ...(what.detector === null ? {} : { detector: what.detector }),
          ...(what.address === null ? {} : { address: what.address }),
          from: Date.now() - 14 * 86_400_000,
          limit: 1_000,
        },
        signal,
      }),
    enabled,
  })
}

export function useSuppressions(options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: keys.suppressions.all,
    queryFn: ({ signal }) => fetchJson<SuppressionsAnswer>('/api/v1/suppressions', { signal }),
    enabled: options.enabled ?? true,
  })
}

/** Keep what fits a detector, an address, or both together from being told until a moment. */
export function useAddSuppression() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (suppression: { detector: string | null; address: string | null; until: string; reason: string }) =>
      fetchJson<unknown>('/api/v1/suppressions', { method: 'POST', body: suppression }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.anomalies.all }),
  })
}

/** End a suppression before its time. */
export function useEndSuppression() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: number) => fetchJson<unknown>(`/api/v1/suppressions/${id}`, { method: 'DELETE' }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.anomalies.all }),
  })
}
