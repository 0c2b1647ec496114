import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

/** A surface with a 1 px border: every block of a screen stands in one. */
export function Panel({ className, ...props }: ComponentProps<'section'>) {
  return <section className={cn('flex min-w-0 flex-col rounded-lg border border-border bg-surface', className)} {...props} />
}

/** Title row of a panel: what it shows and in which unit on the left, controls on the right. */
export function PanelHeader({
  title,
  hint,
  id,
  children,
  className,
}: {
  title: ReactNode
  hint?: ReactNode
  id?: string
  children?: ReactNode
  className?: string
}) {
  return (
    <header className={cn('flex min-h-11 flex-wrap items-center justify-between gap-x-3 gap-y-1 px-4 py-1.5', className)}>
      <div className="flex min-w-0 items-baseline gap-2">
        <h2 id={id} className="truncate font-semibold text-[13px] text-text">
          {title}
        </h2>
        {hint === undefined ? null : <span className="truncate text-[12px] text-muted">{hint}</span>}
      </div>
      {children === undefined ? null : <div className="flex items-center gap-1.5">{children}</div>}
    </header>
  )
}

/** Body with the panel's padding; leave it out for tables that run to the border. */
export function PanelBody({ className, ...props }: ComponentProps<'div'>) {
  return <div className={cn('min-w-0 px-4 pb-4', className)} {...props} />
}
