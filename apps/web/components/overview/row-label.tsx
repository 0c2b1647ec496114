'use client'
import type { TopRow } from '@weir/db/contracts'
import { cn } from '../ui/cn.ts'
import { ValueMenu } from '../value-menu.tsx'

/** Name of a ranked row, with the key beside it where the name is not the key, and its menu. */
export function RowLabel({ row, mono, className }: { row: Pick<TopRow, 'key' | 'label' | 'filter'>; mono: boolean; className?: string }) {
  const named = row.key !== null && row.label !== row.key && !row.label.includes(row.key)
  return (
    <ValueMenu
      label={named ? `${row.label} (${row.key})` : row.label}
      copy={row.key ?? row.label}
      filter={row.filter}
      className={cn('max-w-full', className)}
    >
      <span className={cn(mono && !named ? 'font-mono text-[12.5px]' : 'text-[13px]', row.key === null && 'text-muted')}>{row.label}</span>
      {named ? (
        <span className={cn('ml-1.5 text-[12px] text-muted', /[.:/]/.test(row.key ?? '') && 'font-mono text-[11.5px]')}>{row.key}</span>
      ) : null}
    </ValueMenu>
  )
}
