'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { DeviceBody, DevicesAnswer, ProtectedPrefixesAnswer } from '@weir/db/contracts'
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

/** Add a device, or change all of the one with this id. */
export const saveDevice = (body: DeviceBody): Promise<unknown> => fetchJson<unknown>('/api/v1/devices', { method: 'POST', body })
/** Protect a network, or say anew why. Protection is only ever added. */
export const protectPrefix = (body: { prefix: string; reason: string }): Promise<unknown> =>
  fetchJson<unknown>('/api/v1/protected-prefixes', { method: 'POST', body })

/** One change of these settings; they are asked again whatever comes of it. */
export function useSettingsChange() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (act: () => Promise<unknown>) => act(),
    onSettled: () => client.invalidateQueries({ queryKey: ['settings'] }),
  })
}
