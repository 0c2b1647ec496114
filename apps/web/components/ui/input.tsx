'use client'
import type { ComponentProps } from 'react'
import { cn } from './cn.ts'

export const fieldStyle =
  'h-8 w-full min-w-0 rounded-md border border-border bg-surface px-2.5 text-[13px] text-text outline-offset-0 max-sm:text-[16px] placeholder:text-muted focus-visible:border-accent focus-visible:outline-2 focus-visible:outline-accent/40 disabled:cursor-not-allowed disabled:opacity-50 aria-invalid:border-critical'

/** One line of text. Needs a `<Label>` or `aria-label`. */
export function Input({ className, ...props }: ComponentProps<'input'>) {
  return <input className={cn(fieldStyle, 'max-sm:h-11', className)} {...props} />
}

export function Label({ className, ...props }: ComponentProps<'label'>) {
  // biome-ignore lint/a11y/noLabelWithoutControl: the caller passes htmlFor or wraps its control.
  return <label className={cn('font-medium text-[12px] text-muted', className)} {...props} />
}
