'use client'
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { AuditAnswer, AuditState } from '@weir/db/contracts'
import { fetchJson, ProblemError, problemFrom } from './fetch-json.ts'

/** What the list is narrowed to; undefined leaves it open. `from` and `to` are RFC 3339. */
export interface AuditFilter {
  event?: string | undefined
  actor?: string | undefined
  subject?: string | undefined
  from?: string | undefined
  to?: string | undefined
}

/** `GET /api/v1/audit`: entries, newest first, page by page. */
export function useAudit(filter: AuditFilter) {
  return useInfiniteQuery({
    queryKey: ['audit', 'entries', filter],
    queryFn: ({ signal, pageParam }) =>
      fetchJson<AuditAnswer>('/api/v1/audit', { params: { ...filter, limit: 100, cursor: pageParam ?? undefined }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: keepPreviousData,
  })
}

/** `GET /api/v1/audit/state`: whether the chain holds; asked again every 15 s, as often as the server looks. */
export function useAuditState() {
  return useQuery({
    queryKey: ['audit', 'state'],
    queryFn: ({ signal }) => fetchJson<AuditState>('/api/v1/audit/state', { signal }),
    refetchInterval: 15_000,
  })
}

/** `POST /api/v1/audit/export`: the whole log as a file. The export is an entry itself, so the list is asked again. */
export function useAuditExport() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (): Promise<{ name: string; file: Blob }> => {
      let response: Response
      try {
        response = await fetch('/api/v1/audit/export', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}',
          credentials: 'same-origin',
        })
        if (response.ok) {
          const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? 'weir-audit.jsonl'
          return { name, file: await response.blob() }
        }
      } catch (cause) {
        throw new ProblemError({
          status: 0,
          title: 'The export broke off',
          detail: 'The connection failed before the whole log was here.',
          remedy: 'Try again, or run “bin/weir audit export” on the Weir host.',
          cause,
        })
      }
      throw problemFrom(response.status, await response.json().catch(() => null))
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['audit'] }),
  })
}
