'use client'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Block, BlockState, BlocksAnswer, RequestBlockBody, SimulateBody, Simulation } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys } from './keys.ts'

const PATH = '/api/v1/blocks'
const one = (id: string): string => `${PATH}/${encodeURIComponent(id)}`

/** Blocks in any of `states`, newest first, a page at a time. Live events ask again; the interval is for a browser without them. */
export function useBlocks(states: readonly BlockState[], limit = 100) {
  const state = states.join(',')
  return useInfiniteQuery({
    queryKey: keys.blocks.list(state),
    queryFn: ({ signal, pageParam }) => fetchJson<BlocksAnswer>(PATH, { params: { state, limit, cursor: pageParam ?? undefined }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    refetchInterval: 10_000,
    placeholderData: (before) => before,
  })
}

/** What is wrong with blocks now; for people who may see blocks. */
export function useBlockAlerts(enabled: boolean) {
  return useQuery({
    queryKey: keys.blocks.alerts,
    queryFn: async ({ signal }) => (await fetchJson<BlocksAnswer>(PATH, { params: { limit: 1 }, signal })).alerts,
    refetchInterval: 30_000,
    enabled,
  })
}

/** Everything about one block. Live events ask again; the interval is for a browser without them, and for counters, which no event tells. */
export function useBlock(id: string) {
  return useQuery({
    queryKey: keys.blocks.one(id),
    queryFn: ({ signal }) => fetchJson<Block>(one(id), { signal }),
    refetchInterval: 5_000,
  })
}

/** What a rule would have hit: stored with the decision, so it is asked by a change and not by a look. */
export function useSimulate() {
  return useMutation({
    mutationFn: (body: Partial<SimulateBody> & Pick<SimulateBody, 'match' | 'devices'>) =>
      fetchJson<Simulation>(`${PATH}/simulate`, { method: 'POST', body }),
  })
}

type Fresh = Partial<RequestBlockBody> & Pick<RequestBlockBody, 'reason'>

/** Ask for a block, agree to one, end one. Each throws ProblemError `step-up-required` when the password is needed first. */
export const requestBlock = (body: Fresh): Promise<{ id: string; state: BlockState; hash: string }> =>
  fetchJson(PATH, { method: 'POST', body })
export const approveBlock = (id: string, hash: string, reason?: string): Promise<unknown> =>
  fetchJson<unknown>(`${one(id)}/approve`, { method: 'POST', body: { hash, ...(reason === undefined ? {} : { reason }) } })
export const withdrawBlock = (id: string, reason: string): Promise<unknown> =>
  fetchJson<unknown>(`${one(id)}/withdraw`, { method: 'POST', body: { reason } })

/** One decision about blocks; whatever comes of it, every list of blocks is asked again. */
export function useBlockChange() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (act: () => Promise<unknown>) => act(),
    onSettled: () => client.invalidateQueries({ queryKey: keys.blocks.all }),
  })
}
