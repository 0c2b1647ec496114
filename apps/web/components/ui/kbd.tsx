import type { ComponentProps } from 'react'
import { cn } from './cn.ts'

/** A key of the keyboard. */
export function Kbd({ className, ...props }: ComponentProps<'kbd'>) {
  return (
    <kbd
      className={cn(
        'inline-flex h-5 min-w-5 items-center justify-center rounded border border-border bg-bg px-1 font-mono text-[11px] text-muted',
        className,
      )}
      {...props}
    />
  )
}
