'use client'
import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  type SortingState,
  sortFn_alphanumeric,
  tableFeatures,
  useTable,
} from '@tanstack/react-table'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { type ReactNode, useMemo, useState } from 'react'
import { cn } from './cn.ts'

/** One column: how a row is drawn, what it is sorted by, and from which width on it is shown. */
export type Column<T> = {
  id: string
  header: string
  /** Unit or explanation under the pointer. */
  title?: string
  cell: (row: T) => ReactNode
  /** What to sort by; null sorts last. Without it the column cannot be sorted. */
  sort?: (row: T) => number | string | null
  align?: 'left' | 'right'
  hideBelow?: 'sm' | 'md' | 'lg' | 'xl'
  className?: string
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric },
})
const HIDE = { sm: 'max-sm:hidden', md: 'max-md:hidden', lg: 'max-lg:hidden', xl: 'max-xl:hidden' } as const

/**
 * A table of up to a few hundred rows, sortable by its headings. `caption` names it for a screen reader.
 * `onRowClick` makes whole rows clickable with the mouse; the same action must be reachable by a control inside the row.
 */
export function DataTable<T extends object>({
  rows,
  columns,
  rowKey,
  caption,
  initialSort,
  onRowClick,
  rowClassName,
  footer,
  className,
}: {
  rows: readonly T[]
  columns: readonly Column<T>[]
  rowKey: (row: T) => string
  caption: string
  initialSort?: { id: string; desc: boolean }
  onRowClick?: (row: T) => void
  rowClassName?: (row: T) => string | undefined
  footer?: ReactNode
  className?: string
}) {
  const [sorting, setSorting] = useState<SortingState>(initialSort === undefined ? [] : [initialSort])
  const data = useMemo(() => [...rows], [rows])
  const definitions = useMemo(() => {
    const helper = createColumnHelper<typeof features, T>()
    return helper.columns(
      columns.map((column) =>
        helper.accessor((row) => column.sort?.(row) ?? undefined, {
          id: column.id,
          header: column.header,
          enableSorting: column.sort !== undefined,
          sortUndefined: 'last',
          sortFn: (a, b) => {
            const left = column.sort?.(a.original) ?? 0
            const right = column.sort?.(b.original) ?? 0
            return typeof left === 'number' && typeof right === 'number'
              ? left - right
              : String(left).localeCompare(String(right), 'en', { numeric: true })
          },
          sortDescFirst: column.align === 'right',
        }),
      ),
    )
  }, [columns])
  const table = useTable({
    features,
    columns: definitions,
    data,
    state: { sorting },
    onSortingChange: setSorting,
    getRowId: rowKey,
    enableSortingRemoval: false,
  })
  const byId = useMemo(() => new Map(columns.map((column) => [column.id, column])), [columns])

  return (
    <div className={cn('min-w-0 overflow-x-auto', className)}>
      <table className="w-full border-collapse text-[13px]">
        <caption className="sr-only">{caption}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} className="border-border border-b">
              {group.headers.map((header) => {
                const column = byId.get(header.column.id)
                if (column === undefined) return null
                const sorted = header.column.getIsSorted()
                const right = column.align === 'right'
                return (
                  <th
                    key={header.id}
                    scope="col"
                    title={column.title}
                    aria-sort={sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined}
                    className={cn(
                      'h-9 whitespace-nowrap px-3 font-medium text-[12px] text-muted first:pl-4 last:pr-4',
                      right ? 'text-right' : 'text-left',
                      column.hideBelow === undefined ? '' : HIDE[column.hideBelow],
                    )}
                  >
                    {header.column.getCanSort() ? (
                      <button
                        type="button"
                        className={cn(
                          'inline-flex h-7 items-center gap-1 rounded hover:text-text',
                          right && 'flex-row-reverse',
                          sorted !== false && 'text-text',
                        )}
                        onClick={header.column.getToggleSortingHandler()}
                      >
                        {column.header}
                        {sorted === false ? null : sorted === 'asc' ? (
                          <ArrowUp aria-hidden className="size-3" />
                        ) : (
                          <ArrowDown aria-hidden className="size-3" />
                        )}
                      </button>
                    ) : (
                      column.header
                    )}
                  </th>
                )
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr
              key={row.id}
              onClick={onRowClick === undefined ? undefined : () => onRowClick(row.original)}
              className={cn(
                'border-border border-b last:border-b-0',
                onRowClick !== undefined && 'cursor-pointer hover:bg-raised',
                rowClassName?.(row.original),
              )}
            >
              {columns.map((column) => (
                <td
                  key={column.id}
                  className={cn(
                    'h-9 px-3 py-1 first:pl-4 last:pr-4',
                    column.align === 'right' ? 'whitespace-nowrap text-right' : 'text-left',
                    column.hideBelow === undefined ? '' : HIDE[column.hideBelow],
                    column.className,
                  )}
                >
                  {column.cell(row.original)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {footer === undefined ? null : <tfoot className="border-border border-t">{footer}</tfoot>}
      </table>
    </div>
  )
}
