'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { AdminChange, DeviceBody, DevicesAnswer, ProtectedPrefixesAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys } from './keys.ts'

/** Devices that can carry a block, with whether they answer. */
export function useDevices() {
  return useQuery({
    queryKey: keys.blocks.devices,
    queryFn: ({ signal }) => fetchJson<DevicesAnswer>('/api/v1/devices', { signal }),
    refetchInterval: 30_000,
  })
}

/** What no rule may touch: built in, gathered, and written by an admin. */
export function useProtectedPrefixes() {
  return useQuery({
    queryKey: keys.blocks.protected,
    queryFn: ({ signal }) => fetchJson<ProtectedPrefixesAnswer>('/api/v1/protected-prefixes', { signal }),
  })
}

/** What a change answers that a second admin may have to approve: what waits, or nothing that waits. */
export interface MaybeWaiting {
  waiting?: AdminChange | null
}
/** Add a device, or change all of the one with this id. */
export const saveDevice = (body: DeviceBody): Promise<MaybeWaiting> => fetchJson('/api/v1/devices', { method: 'POST', body })
/** Take a device out. */
export const removeDevice = (id: string, reason: string): Promise<MaybeWaiting> =>
  fetchJson(`/api/v1/devices/${encodeURIComponent(id)}`, { method: 'DELETE', params: { reason } })
/** Protect a network, or say anew why. */
export const protectPrefix = (body: { prefix: string; reason: string }): Promise<MaybeWaiting> =>
  fetchJson('/api/v1/protected-prefixes', { method: 'POST', body })
/** Take a network off the site's list. */
export const unprotectPrefix = (prefix: string, reason: string): Promise<MaybeWaiting> =>
  fetchJson('/api/v1/protected-prefixes', { method: 'DELETE', params: { prefix, reason } })

/** One change of these settings; they are asked again whatever comes of it. */
export function useSettingsChange() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (act: () => Promise<MaybeWaiting>) => act(),
    onSettled: () => client.invalidateQueries({ queryKey: ['settings'] }),
  })
}
