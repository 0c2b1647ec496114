'use client'
import type { TopRow } from '@weir/db/contracts'
import { rowName } from '../row-name.ts'
import { cn } from '../ui/cn.ts'
import { ValueMenu } from '../value-menu.tsx'

/** Name of a ranked row, with the key beside it where the name is not the key, and its menu. */
export function RowLabel({ row, mono, className }: { row: Pick<TopRow, 'key' | 'label' | 'filter'>; mono: boolean; className?: string }) {
  const { name, beside } = rowName(row.label, row.key)
  return (
    <ValueMenu label={row.label} copy={row.key ?? row.label} filter={row.filter} className={cn('max-w-full', className)}>
      <span className={cn(mono ? 'font-mono text-[12.5px]' : 'text-[13px]', row.key === null && 'text-muted')}>{name}</span>
      {beside === null ? null : (
        <span className={cn('ml-1.5 text-muted', /[.:/]/.test(beside) ? 'font-mono text-[11.5px]' : 'text-[12px]')}>{beside}</span>
      )}
    </ValueMenu>
  )
}
