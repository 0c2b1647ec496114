import { cva, type VariantProps } from 'class-variance-authority'
import type { ComponentProps } from 'react'
import { cn } from './cn.ts'

const style = cva(
  'inline-flex h-5 shrink-0 items-center gap-1 whitespace-nowrap rounded border px-1.5 font-medium text-[11px] [&_svg]:size-3',
  {
    variants: {
      tone: {
        neutral: 'border-border bg-bg text-muted',
        accent: 'border-accent/40 bg-surface text-accent',
        ok: 'border-ok/50 bg-surface text-text',
        warn: 'border-warn/50 bg-surface text-warn',
        critical: 'border-critical/50 bg-surface text-critical',
      },
    },
    defaultVariants: { tone: 'neutral' },
  },
)

/** A short fact beside a name. Colour only repeats what the word says. */
export function Badge({ className, tone, ...props }: ComponentProps<'span'> & VariantProps<typeof style>) {
  return <span className={cn(style({ tone }), className)} {...props} />
}

/** State as a dot and a word, so that it does not depend on colour. `wrap`: where the words may be more than a line is wide. */
export function StateDot({
  tone,
  wrap = false,
  children,
}: {
  tone: 'ok' | 'warn' | 'critical' | 'neutral'
  wrap?: boolean
  children: React.ReactNode
}) {
  const colour = { ok: 'bg-ok', warn: 'bg-warn', critical: 'bg-critical', neutral: 'bg-muted' }[tone]
  return (
    <span className={cn('inline-flex gap-1.5', wrap ? 'min-w-0 max-w-full items-baseline' : 'items-center whitespace-nowrap')}>
      <span aria-hidden className={cn('size-2 shrink-0 rounded-full', colour)} />
      {wrap ? <span className="min-w-0 [overflow-wrap:anywhere]">{children}</span> : children}
    </span>
  )
}
