'use client'
import { useMutation } from '@tanstack/react-query'
import { fetchJson, ProblemError } from './fetch-json.ts'

/** `POST /api/v1/step-up`: the password once more; holds for five minutes. */
export function useStepUp() {
  return useMutation({
    mutationFn: (password: string) => fetchJson<{ until: string }>('/api/v1/step-up', { method: 'POST', body: { password } }),
  })
}

/** Whether the server asks for the password before it does what was just asked. */
export const needsStepUp = (error: unknown): boolean => error instanceof ProblemError && error.code === 'step-up-required'
