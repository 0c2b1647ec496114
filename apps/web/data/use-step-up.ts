'use client'
import { useMutation, useQuery } from '@tanstack/react-query'
import { fetchJson, ProblemError } from './fetch-json.ts'

export interface SecondFactorState {
  on: boolean
  since: string | null
  recoveryCodesLeft: number
}

/** `GET /api/v1/profile/second-factor`: whether a code can be shown in place of the password. */
export const useSecondFactor = () =>
  useQuery({
    queryKey: ['settings', 'second-factor'],
    queryFn: ({ signal }) => fetchJson<SecondFactorState>('/api/v1/profile/second-factor', { signal }),
  })

/** `POST /api/v1/step-up`: the password or a code once more; holds for five minutes. */
export function useStepUp() {
  return useMutation({
    mutationFn: (shown: { password: string } | { code: string }) =>
      fetchJson<{ until: string }>('/api/v1/step-up', { method: 'POST', body: shown }),
  })
}

/** Whether the server asks who it is before it does what was just asked. */
export const needsStepUp = (error: unknown): boolean => error instanceof ProblemError && error.code === 'step-up-required'
