'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { AdminChange, AdminChangesAnswer, NotificationAnswer, Role } from '@weir/db/contracts'
import { toast } from 'sonner'
import { fetchJson } from '../../data/fetch-json.ts'

/** What the settings read and change. All keys start with 'settings', so that a `changed` event about settings refreshes them. */

export interface UserRow {
  id: string
  name: string
  email: string
  role: Role
  disabled: boolean
  secondFactor: boolean
  createdAt: string
  lastSeenAt: string | null
}
export interface InvitationRow {
  id: number
  role: Role
  email: string | null
  createdBy: string | null
  expiresAt: string
}
export interface TokenRow {
  id: number
  name: string
  role: Role
  hint: string
  createdBy: string | null
  createdAt: string
  expiresAt: string
  lastUsedAt: string | null
}
export interface RuleInput {
  name: string
  prefix: string | null
  proto: number | null
  portLow: number | null
  portHigh: number | null
}
export interface RuleRow extends RuleInput {
  id: number
  source: string
  position: number
}
export interface DemoState {
  present: boolean
  exporters: number
  flows: number
}

type Method = 'POST' | 'PUT' | 'PATCH' | 'DELETE'

const useRead = <T>(name: string, path: string) =>
  useQuery({ queryKey: ['settings', name], queryFn: ({ signal }) => fetchJson<T>(path, { signal }) })

export const useUsers = () => useRead<{ users: UserRow[]; invitations: InvitationRow[] }>('users', '/api/v1/users')
export const useTokens = () => useRead<{ tokens: TokenRow[] }>('tokens', '/api/v1/tokens')
export const useRules = () => useRead<{ rules: RuleRow[] }>('rules', '/api/v1/service-rules')
export const useHomeNetworks = () => useRead<{ networks: string[] }>('networks', '/api/v1/home-networks')
export const useDemo = () => useRead<DemoState>('demo', '/api/v1/demo')

/** One change, and everything the settings show is asked again. Resolves to the answer; throws ProblemError. */
export function useChange<T = undefined>() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: { method: Method; path: string; body?: unknown }) =>
      fetchJson<T>(change.path, { method: change.method, ...(change.body === undefined ? {} : { body: change.body }) }),
    onSettled: () => client.invalidateQueries({ queryKey: ['settings'] }),
  })
}

/** What a change answers that a second admin may have to approve. */
export interface Decided {
  waiting: AdminChange | null
}

/** Say that it is done, or that a second admin has to approve it. */
export function tellDecided(answer: { waiting?: AdminChange | null } | undefined, done: string): void {
  if (answer?.waiting == null) toast.success(done)
  else toast('A second admin has to approve this', { description: `${answer.waiting.sentence}. It waits under “Admin changes” for a day.` })
}

/** Changes that wait for a second admin, and those decided lately. */
export const useAdminChanges = (options: { enabled?: boolean } = {}) =>
  useQuery({
    queryKey: ['settings', 'admin-changes'],
    queryFn: ({ signal }) => fetchJson<AdminChangesAnswer>('/api/v1/admin-changes', { signal }),
    enabled: options.enabled ?? true,
    refetchInterval: 30_000,
  })
export const useNotifications = () => useRead<NotificationAnswer>('notifications', '/api/v1/notifications')
