import { ArrowDownRight, ArrowRight, ArrowUpRight } from 'lucide-react'
import type { Trend } from '../data/transform.ts'
import { change } from './format.ts'
import { cn } from './ui/cn.ts'

/** Change against the window before: an arrow and a number. More traffic is neither good nor bad, so it has no colour of its own. */
export function TrendMark({ trend, className, compact = false }: { trend: Trend | undefined; className?: string; compact?: boolean }) {
  if (trend === undefined || trend.kind === 'unknown') {
    return (
      <span className={cn('text-muted', className)} title="The window before cannot be compared">
        {compact ? '' : '–'}
      </span>
    )
  }
  if (trend.kind === 'new') {
    return (
      <span className={cn('text-accent', className)} title="Not seen in the window before">
        new
      </span>
    )
  }
  const flat = Math.abs(trend.value) < 0.005
  const Icon = flat ? ArrowRight : trend.value > 0 ? ArrowUpRight : ArrowDownRight
  return (
    <span
      className={cn('inline-flex items-center gap-0.5 whitespace-nowrap align-middle text-muted', className)}
      title={`${change(trend.value)} against the window before`}
    >
      <Icon aria-hidden className="size-3.5 shrink-0" />
      {change(trend.value)}
    </span>
  )
}
