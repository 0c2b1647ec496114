import { cn } from './cn.ts'

/** Grey stand-in while the first answer is on its way. Still: motion would compete with live numbers. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn('rounded-sm bg-border/60', className)} />
}

/** Rows of a table to come; widths vary so that it reads as text. */
export function SkeletonRows({ rows = 8, className }: { rows?: number; className?: string }) {
  return (
    <div role="status" aria-label="Loading" className={cn('flex flex-col gap-3 py-1', className)}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are identical and never move.
        <div key={row} className="flex items-center justify-between gap-6">
          <Skeleton className={cn('h-3.5', ['w-2/5', 'w-1/2', 'w-1/3', 'w-3/5'][row % 4])} />
          <Skeleton className="h-3.5 w-16" />
        </div>
      ))}
    </div>
  )
}
