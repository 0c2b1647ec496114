'use client'
import { CircleAlert, type LucideIcon, RotateCw } from 'lucide-react'
import type { ReactNode } from 'react'
import { ProblemError } from '../../data/fetch-json.ts'
import { Button } from './button.tsx'
import { cn } from './cn.ts'

/** Nothing to show, and what to do about it. `actions` are buttons. */
export function EmptyState({
  title,
  children,
  icon: Icon,
  actions,
  className,
}: {
  title: ReactNode
  children?: ReactNode
  icon?: LucideIcon
  actions?: ReactNode
  className?: string
}) {
  return (
    <div className={cn('flex flex-col items-center justify-center gap-1.5 px-4 py-8 text-center', className)}>
      {Icon === undefined ? null : <Icon aria-hidden className="mb-1 size-5 text-muted" />}
      <p className="font-medium text-[13px] text-text">{title}</p>
      {children === undefined ? null : <div className="max-w-md text-[13px] text-muted leading-relaxed">{children}</div>}
      {actions === undefined ? null : <div className="mt-2 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  )
}

/** A question that failed: what happened, what to do, and a way to ask again where that can help. `actions` are other ways on. */
export function ErrorState({
  error,
  onRetry,
  actions,
  className,
}: {
  error: unknown
  onRetry?: () => void
  actions?: ReactNode
  className?: string
}) {
  const problem = error instanceof ProblemError ? error : null
  const title = problem?.title ?? 'This could not be loaded'
  const detail = problem?.detail ?? (error instanceof Error ? error.message : 'The cause is not known.')
  // The same question would be refused again; only what may pass by itself is worth another try.
  const again = onRetry !== undefined && (problem === null || problem.retryable)
  return (
    <div role="alert" className={cn('flex items-start gap-3 px-4 py-5', className)}>
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-critical" />
      <div className="min-w-0 text-[13px] leading-relaxed">
        <p className="font-medium text-text">{title}</p>
        {detail === title ? null : <p className="break-words text-muted">{detail}</p>}
        {problem?.remedy === undefined ? null : <p className="mt-1 break-words text-text">{problem.remedy}</p>}
        {problem?.requestId === undefined ? null : <p className="mt-1 text-[12px] text-muted">Request {problem.requestId}</p>}
        {again || actions !== undefined ? (
          <div className="mt-2 flex flex-wrap gap-2">
            {again ? (
              <Button size="sm" onClick={onRetry}>
                <RotateCw /> Try again
              </Button>
            ) : null}
            {actions}
          </div>
        ) : null}
      </div>
    </div>
  )
}
