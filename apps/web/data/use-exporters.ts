'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { AdminChange, ExporterObject, ExportersAnswer } from '@weir/db/contracts'
import { fetchJson } from './fetch-json.ts'
import { keys } from './keys.ts'

/** `GET /api/v1/exporters`, asked every 15 seconds while something shows it. */
export function useExporters(options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: keys.exporters.all,
    queryFn: ({ signal }) => fetchJson<ExportersAnswer>('/api/v1/exporters', { signal }),
    refetchInterval: 15_000,
    enabled: options.enabled ?? true,
  })
}

export type Boundary = ExporterObject['interfaces'][number]['boundary']

/** `PATCH /api/v1/exporters/{id}`: give an exporter a name, or take it away with null. */
export function useRenameExporter() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: { id: number; name: string | null }) =>
      fetchJson<unknown>(`/api/v1/exporters/${change.id}`, { method: 'PATCH', body: { name: change.name } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.exporters.all }),
  })
}

/** `PATCH /api/v1/exporters/{id}/interfaces/{ifIndex}`: name an interface or say on which side of the network's edge it is. */
export function useEditInterface() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: { exporterId: number; ifIndex: number; name?: string | null; boundary?: Boundary }) => {
      const { exporterId, ifIndex, ...body } = change
      return fetchJson<unknown>(`/api/v1/exporters/${exporterId}/interfaces/${ifIndex}`, { method: 'PATCH', body })
    },
    onSuccess: () => client.invalidateQueries({ queryKey: keys.exporters.all }),
  })
}

/** `POST /api/v1/exporters/{id}/retire`: count an exporter as gone, or as in service again; a second admin may have to approve. */
export function useRetireExporter() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, ...body }: { id: number; retired: boolean; reason: string }) =>
      fetchJson<{ waiting: AdminChange | null }>(`/api/v1/exporters/${id}/retire`, { method: 'POST', body }),
    onSuccess: () =>
      Promise.all([client.invalidateQueries({ queryKey: keys.exporters.all }), client.invalidateQueries({ queryKey: ['settings'] })]),
  })
}
