'use client'
import { useVirtualizer } from '@tanstack/react-virtual'
import type { FlowObject } from '@weir/db/contracts'
import { TriangleAlert } from 'lucide-react'
import { useEffect, useRef, useSyncExternalStore } from 'react'
import { FlowMark } from '../anomalies/flow-mark.tsx'
import { bytes, clock, count, duration, nanosToMillis } from '../format.ts'
import { Badge } from '../ui/badge.tsx'
import { cn } from '../ui/cn.ts'
import { End, type FlowColumn, type InterfaceNames, serviceOf } from './columns.tsx'
import { doubtsOf } from './flow-facts.ts'

const ROW = 34
const ROW_PHONE = 74

const phone = '(max-width: 767px)'
const subscribePhone = (listener: () => void): (() => void) => {
  const query = window.matchMedia(phone)
  query.addEventListener('change', listener)
  return () => query.removeEventListener('change', listener)
}
const usePhone = (): boolean =>
  useSyncExternalStore(
    subscribePhone,
    () => window.matchMedia(phone).matches,
    () => false,
  )

/**
 * Flow records, newest first, as many as were fetched and only those in sight drawn. Coming near the end asks for the next page.
 * A row opens with a click or, from the keyboard, with the button its time is.
 */
export function FlowTable({
  flows,
  columns,
  more,
  loadingMore,
  onMore,
  onOpen,
  opened,
  onTop,
  names,
  edition,
}: {
  flows: readonly FlowObject[]
  columns: readonly FlowColumn[]
  more: boolean
  loadingMore: boolean
  onMore: () => void
  onOpen: (index: number) => void
  opened: number | null
  /** Told when the list is, or no longer is, at its top. */
  onTop: (top: boolean) => void
  names: InterfaceNames
  /** Names the question and its moment: with another one the list begins at its top again. */
  edition: string
}) {
  const box = useRef<HTMLDivElement>(null)
  const narrow = usePhone()
  const rows = useVirtualizer({
    count: flows.length + (more ? 1 : 0),
    getScrollElement: () => box.current,
    estimateSize: () => (narrow ? ROW_PHONE : ROW),
    overscan: 12,
  })
  const items = rows.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && !loadingMore && last >= flows.length - 20) onMore()
  }, [more, loadingMore, last, flows.length, onMore])
  // biome-ignore lint/correctness/useExhaustiveDependencies: the width decides the height of every row.
  useEffect(() => rows.measure(), [rows, narrow])
  // biome-ignore lint/correctness/useExhaustiveDependencies: the edition is the trigger, not an input.
  useEffect(() => {
    if (box.current !== null) box.current.scrollTop = 0
  }, [edition])
  useEffect(() => {
    if (opened !== null) rows.scrollToIndex(opened, { align: 'auto' })
  }, [opened, rows])

  const template = `${columns.map((column) => column.width).join(' ')} 34px`
  const least = columns.reduce((sum, column) => sum + (Number(/\d+/.exec(column.width)?.[0]) || 100) + 12, 60)
  return (
    <div
      ref={box}
      className="h-[calc(100dvh-222px)] min-h-[420px] overflow-auto rounded-b-lg"
      onScroll={(event) => onTop(event.currentTarget.scrollTop < 8)}
    >
      <table className="block" aria-rowcount={more ? -1 : flows.length} style={narrow ? undefined : { minWidth: least }}>
        <caption className="sr-only">Flow records, newest first</caption>
        {narrow ? null : (
          <thead className="sticky top-0 z-10 block border-border border-b bg-surface">
            <tr className="grid h-9 items-center gap-x-3 px-4 font-medium text-[12px] text-muted" style={{ gridTemplateColumns: template }}>
              {columns.map((column) => (
                <th key={column.id} scope="col" className={cn('truncate text-left font-medium', column.align === 'right' && 'text-right')}>
                  {column.header}
                </th>
              ))}
              <th scope="col">
                <span className="sr-only">Anomalies and doubts</span>
              </th>
            </tr>
          </thead>
        )}
        <tbody className="relative block" style={{ height: rows.getTotalSize() }}>
          {items.map((item) => {
            const flow = flows[item.index]
            const place = { height: item.size, transform: `translateY(${item.start}px)` }
            if (flow === undefined) {
              return (
                <tr key="more" className="absolute inset-x-0 top-0 flex items-center px-4 text-[12px] text-muted" style={place}>
                  <td>Loading older flows …</td>
                </tr>
              )
            }
            const open = (): void => onOpen(item.index)
            return narrow ? (
              <PhoneRow key={item.key} flow={flow} style={place} onOpen={open} index={item.index} />
            ) : (
              <tr
                key={item.key}
                aria-rowindex={item.index + 1}
                className={cn(
                  'absolute inset-x-0 top-0 grid cursor-pointer items-center gap-x-3 border-border border-b px-4 text-[13px] hover:bg-raised',
                  opened === item.index && 'bg-accent-soft hover:bg-accent-soft',
                )}
                style={{ ...place, gridTemplateColumns: template }}
                onClick={(event) => {
                  // A click on a value opens its menu, not the row.
                  if (event.target instanceof Element && event.target.closest('button, a, [role=menu]') === null) open()
                }}
              >
                {columns.map((column, at) => (
                  <td key={column.id} className={cn('min-w-0 truncate', column.align === 'right' && 'text-right')}>
                    {at === 0 ? (
                      <button type="button" className="rounded-sm text-left hover:text-accent" aria-haspopup="dialog" onClick={open}>
                        {column.cell(flow, names)}
                      </button>
                    ) : (
                      column.cell(flow, names)
                    )}
                  </td>
                ))}
                <td className="flex items-center justify-end gap-1">
                  <FlowMark flow={flow} />
                  <Doubts flow={flow} />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function Doubts({ flow }: { flow: FlowObject }) {
  const doubts = doubtsOf(flow)
  if (doubts.length === 0) return null
  const text = doubts.map((doubt) => `${doubt.short}: ${doubt.why}`).join('\n')
  return (
    <span title={text}>
      <TriangleAlert aria-hidden className="size-3.5 text-warn" />
      <span className="sr-only">{doubts.map((doubt) => doubt.short).join(', ')}</span>
    </span>
  )
}

function PhoneRow({
  flow,
  style,
  onOpen,
  index,
}: {
  flow: FlowObject
  style: { height: number; transform: string }
  onOpen: () => void
  index: number
}) {
  const at = nanosToMillis(flow.time_flow_end_ns) ?? nanosToMillis(flow.time_received_ns)
  const doubts = doubtsOf(flow)
  return (
    <tr aria-rowindex={index + 1} className="absolute inset-x-0 top-0 block border-border border-b" style={style}>
      <td className="flex h-full flex-col justify-center px-4">
        <button
          type="button"
          aria-haspopup="dialog"
          onClick={onOpen}
          className="absolute inset-0"
          aria-label={`Open the flow of ${clock(at)}`}
        />
        <div className="pointer-events-none flex flex-col gap-0.5">
          <span className="flex min-w-0 items-center justify-between gap-2 text-[12px] text-muted">
            <span className="truncate">
              {clock(at)} · {serviceOf(flow)}
            </span>
            {doubts[0] === undefined ? null : <Badge tone="warn">{doubts[0].short}</Badge>}
          </span>
          <span className="flex min-w-0 items-baseline gap-1.5 text-[13px]">
            <End flow={flow} side="src" compact />
            <span className="shrink-0 text-muted">→</span>
            <End flow={flow} side="dst" compact />
          </span>
          <span className="text-[12px] text-muted">
            <span className="text-text">{bytes(typeof flow.bytes === 'number' ? flow.bytes : null)}</span> in{' '}
            {count(typeof flow.packets === 'number' ? flow.packets : null)} packets
            {typeof flow.duration_ms === 'number' ? `, ${duration(flow.duration_ms / 1000)}` : ''}
          </span>
        </div>
      </td>
    </tr>
  )
}
