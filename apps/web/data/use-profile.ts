'use client'
import { useQuery } from '@tanstack/react-query'
import type { Action, Role } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys } from './keys.ts'

export type ProfileAnswer = {
  kind: 'session' | 'token'
  name: string
  email: string | null
  role: Role
  precision: 'host' | 'network'
  actions: string[]
}

/** `GET /api/v1/profile`: who asks and what that allows. */
export function useProfile() {
  return useQuery({
    queryKey: keys.profile.all,
    queryFn: ({ signal }) => fetchJson<ProfileAnswer>('/api/v1/profile', { signal }),
    staleTime: 60_000,
  })
}

/** Whether the person may do something. False until known: a control that appears is better than one that refuses. The server decides anyway. */
export function useMay(action: Action): boolean {
  return useProfile().data?.actions.includes(action) ?? false
}
