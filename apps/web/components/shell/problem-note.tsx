import { CircleAlert } from 'lucide-react'
import { ProblemError } from '../../data/fetch-json.ts'

/** Why something a person just tried did not work, and what to do; read out at once. */
export function ProblemNote({ error, id }: { error: unknown; id?: string }) {
  const problem = error instanceof ProblemError ? error : null
  return (
    <div
      id={id}
      role="alert"
      className="flex gap-2.5 rounded-md border border-critical/40 bg-critical-soft px-3 py-2.5 text-[13px] leading-relaxed"
    >
      <CircleAlert size={16} aria-hidden="true" className="mt-0.5 shrink-0 text-critical" />
      <div className="min-w-0">
        <p className="font-medium">{problem?.detail ?? 'Something failed that should not have.'}</p>
        <p className="text-muted">{problem?.remedy ?? 'Reload the page and try again.'}</p>
      </div>
    </div>
  )
}
