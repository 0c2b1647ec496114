'use client'
import { ProblemError } from '../data/fetch-json.ts'
import { useView } from '../data/view.ts'
import { Button } from './ui/button.tsx'
import { ErrorState } from './ui/state.tsx'

/** The page's own question failed. When the filter or the width of the window is what was refused, the way on is a click. */
export function QuestionError({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const view = useView()
  const code = error instanceof ProblemError ? error.code : undefined
  const status = error instanceof ProblemError ? error.status : 0
  const filterRefused = view.filter !== '' && (code === 'bad-filter' || code === 'precision')
  const tooMuch = code === 'window-too-large' || code === 'timeout'
  return (
    <ErrorState
      error={error}
      onRetry={onRetry}
      className="py-10"
      actions={
        filterRefused ? (
          <Button size="sm" variant="primary" onClick={() => view.set({ filter: '' })}>
            Clear the filter
          </Button>
        ) : tooMuch ? (
          <Button size="sm" variant="primary" onClick={() => view.set({ preset: '1h' })}>
            Look at the last hour
          </Button>
        ) : status === 401 ? (
          <Button
            size="sm"
            variant="primary"
            onClick={() =>
              window.location.assign(`/sign-in?${new URLSearchParams({ return: window.location.pathname + window.location.search })}`)
            }
          >
            Sign in
          </Button>
        ) : undefined
      }
    />
  )
}
