'use client'
import type { Dimension, TopAnswer } from '@weir/db/contracts'
import { ArrowDownToLine, Maximize2 } from 'lucide-react'
import { useMemo, useState } from 'react'
import { coveredSeconds, csv, type Trend, trends } from '../../data/transform.ts'
import { useTop } from '../../data/use-top.ts'
import { useView, type View } from '../../data/view.ts'
import { HostMark } from '../anomalies/flow-mark.tsx'
import { download } from '../download.ts'
import { bytes, count, exact, packetsPerSecond, rate, rateUnit, share, toRate, volume } from '../format.ts'
import { TrendMark } from '../trend-mark.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Dialog, DialogContent, DialogTrigger } from '../ui/dialog.tsx'
import { Input } from '../ui/input.tsx'
import { Panel, PanelHeader } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Segmented } from '../ui/tabs.tsx'
import type { PanelSpec } from './dimensions.ts'
import { previousOf } from './previous.ts'
import { RowLabel } from './row-label.tsx'
import { useGaps } from './use-coverage.ts'

const ROWS = 8

/** Ranking by one dimension: the largest rows, what the others sum to, and the total, which is the same in every panel. */
export function TopPanel({ spec, side, onSide }: { spec: PanelSpec; side: Dimension; onSide: (side: Dimension) => void }) {
  const view = useView()
  const gaps = useGaps(view)
  const answer = useTop(side, view.params(), { limit: ROWS, enabled: view.ready })
  const before = useTop(side, previousOf(view), {
    limit: 100,
    enabled: view.ready && answer.data !== undefined && answer.data.rows.length > 0,
  })
  const data = answer.data?.dimension === side ? answer.data : undefined
  const trend = useMemo(
    () =>
      data === undefined
        ? new Map<string | null, Trend>()
        : trends(data, gaps.comparable ? before.data : undefined, view.anchor, { current: gaps.current, previous: gaps.previous }),
    [data, before.data, view.anchor, gaps.current, gaps.previous, gaps.comparable],
  )
  const title = spec.title
  return (
    <Panel aria-labelledby={`panel-${spec.id}`} className={cn('md:min-h-[360px]', spec.wide === true && 'md:col-span-2')}>
      <PanelHeader id={`panel-${spec.id}`} title={title}>
        {spec.sides.length > 1 ? (
          <Segmented size="sm" label={`${title}: which side`} value={side} options={spec.sides} onChange={onSide} />
        ) : null}
        {data !== undefined && data.rows.length > 0 ? <More spec={spec} title={title} side={side} view={view} /> : null}
      </PanelHeader>
      {answer.error !== null && data === undefined ? (
        <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
      ) : data === undefined ? (
        <SkeletonRows rows={ROWS} className="px-4" />
      ) : data.rows.length === 0 ? (
        <EmptyState title={`No ${spec.row} in this window`} className="flex-1" />
      ) : (
        <Ranking data={data} spec={spec} view={view} gap={gaps.current} trend={trend} failed={answer.error !== null} />
      )}
    </Panel>
  )
}

function Ranking({
  data,
  spec,
  view,
  trend,
  gap,
  failed,
}: {
  data: TopAnswer
  spec: PanelSpec
  view: View
  trend: Map<string | null, Trend>
  gap: number
  failed: boolean
}) {
  const seconds = coveredSeconds(data, view.anchor, gap)
  const largest = Math.max(...data.rows.map((row) => row.value), 1)
  const shown = (value: number): string => rate(view.metric, toRate(view.metric, value, seconds))
  const cell = 'h-[30px] whitespace-nowrap py-0 pl-1.5 text-right'
  return (
    <div className="flex flex-1 flex-col justify-between">
      <table className="w-full table-fixed border-collapse text-[13px]">
        <caption className="sr-only">{`${spec.title}, ${rateUnit(view.metric)}, largest first`}</caption>
        <colgroup>
          <col />
          <col className="w-[88px]" />
          <col className="w-[56px]" />
          <col className="w-4 sm:w-[86px]" />
        </colgroup>
        <thead className="sr-only">
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Rate</th>
            <th scope="col">Share</th>
            <th scope="col">Change</th>
          </tr>
        </thead>
        <tbody>
          {data.rows.map((row, index) => (
            <tr key={row.key ?? '(none)'} className="group">
              <td className="relative h-[30px] py-0 pl-4">
                <span
                  aria-hidden
                  className="absolute inset-y-[3px] left-3 rounded-[3px] bg-accent/14 group-hover:bg-accent/22"
                  style={{ width: `calc(${((row.value / largest) * 100).toFixed(2)}% - 12px)` }}
                />
                <span className="relative flex min-w-0 items-center gap-2 pl-0.5">
                  <span className="w-3.5 shrink-0 text-right text-[11px] text-muted">{index + 1}</span>
                  <RowLabel row={row} mono={spec.mono} />
                  {row.key !== null && /_addr$/.test(data.dimension) ? <HostMark address={row.key} range={view.range} /> : null}
                </span>
              </td>
              <td className={cn(cell, 'font-medium')} title={`${volume(view.metric, row.value)} in the window (${exact(row.value)})`}>
                {shown(row.value)}
              </td>
              <td className={cn(cell, 'text-muted')}>{share(row.share)}</td>
              <td className={cn(cell, 'p-0 text-[12px] sm:pr-4')}>
                <span className="max-sm:hidden">
                  <TrendMark trend={trend.get(row.key)} compact />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          {data.rest.flows > 0 || data.rest.value > 0 ? (
            <tr className="text-muted">
              <td className="h-[30px] truncate py-0 pl-[38px]">All others</td>
              <td className={cell}>{shown(data.rest.value)}</td>
              <td className={cell}>{share(data.rest.share)}</td>
              <td />
            </tr>
          ) : null}
        </tfoot>
      </table>
      <p className="mt-1 flex items-center justify-between border-border border-t px-4 py-2 text-[12px] text-muted">
        <span>{failed ? <span className="text-warn">Not refreshed: the last question failed</span> : 'Total'}</span>
        <span title={`${volume(view.metric, data.total.value)} in the window`} className="text-text">
          {shown(data.total.value)}
        </span>
      </p>
    </div>
  )
}

type Row = TopAnswer['rows'][number] & { rank: number }

/** The first hundred with every counter, searchable, as CSV. */
function More({ spec, title, side, view }: { spec: PanelSpec; title: string; side: Dimension; view: View }) {
  const [open, setOpen] = useState(false)
  return (
    <Dialog open={open} onOpenChange={setOpen}>
      <DialogTrigger asChild>
        <Button variant="ghost" size="icon-sm" aria-label={`${title}: show more`} title="Show more">
          <Maximize2 />
        </Button>
      </DialogTrigger>
      {open ? <MoreContent spec={spec} title={title} side={side} view={view} /> : null}
    </Dialog>
  )
}

function MoreContent({ spec, title, side, view }: { spec: PanelSpec; title: string; side: Dimension; view: View }) {
  const [search, setSearch] = useState('')
  const answer = useTop(side, view.params(), { limit: 100 })
  const data = answer.data
  const gaps = useGaps(view)
  const seconds = data === undefined ? 1 : coveredSeconds(data, view.anchor, gaps.current)
  const rows = useMemo((): Row[] => (data?.rows ?? []).map((row, index) => ({ ...row, rank: index + 1 })), [data])
  const wanted = search.trim().toLowerCase()
  const found =
    wanted === '' ? rows : rows.filter((row) => row.label.toLowerCase().includes(wanted) || (row.key ?? '').toLowerCase().includes(wanted))
  const columns: readonly Column<Row>[] = [
    { id: 'rank', header: '#', sort: (row) => row.rank, cell: (row) => <span className="text-muted">{row.rank}</span>, className: 'w-10' },
    {
      id: 'name',
      header: spec.sides.find((one) => one.value === side)?.label ?? title,
      sort: (row) => row.label,
      cell: (row) => (
        <span className="flex min-w-0 items-center gap-2">
          <RowLabel row={row} mono={spec.mono} />
          {row.key !== null && /_addr$/.test(side) ? <HostMark address={row.key} range={view.range} /> : null}
        </span>
      ),
      className: 'max-w-80',
    },
    {
      id: 'bits',
      header: 'bit/s',
      title: 'Mean over the window',
      align: 'right',
      sort: (row) => row.bytes,
      cell: (row) => rate('bits', toRate('bits', row.bytes, seconds)),
    },
    {
      id: 'bytes',
      header: 'Bytes',
      align: 'right',
      hideBelow: 'md',
      sort: (row) => row.bytes,
      cell: (row) => <span title={exact(row.bytes)}>{bytes(row.bytes)}</span>,
    },
    {
      id: 'packets',
      header: 'pkt/s',
      title: 'Mean over the window',
      align: 'right',
      hideBelow: 'sm',
      sort: (row) => row.packets,
      cell: (row) => packetsPerSecond(row.packets / seconds),
    },
    {
      id: 'flows',
      header: 'Flows',
      align: 'right',
      hideBelow: 'sm',
      sort: (row) => row.flows,
      cell: (row) => <span title={exact(row.flows)}>{count(row.flows)}</span>,
    },
    {
      id: 'share',
      header: 'Share',
      title: `Of all ${view.metric} in the window`,
      align: 'right',
      sort: (row) => row.share,
      cell: (row) => share(row.share),
    },
  ]
  const save = (): void => {
    if (data === undefined) return
    const text = csv(
      ['rank', 'key', 'label', 'bytes', 'packets', 'flows', `share_of_${data.metric}`],
      [
        ...rows.map((row) => [row.rank, row.key, row.label, row.bytes, row.packets, row.flows, row.share]),
        [null, null, 'rest', data.rest.bytes, data.rest.packets, data.rest.flows, data.rest.share],
        [null, null, 'total', data.total.bytes, data.total.packets, data.total.flows, 1],
      ],
    )
    download(`weir-${side}-${data.from.slice(0, 16).replace(/[:T]/g, '')}.csv`, 'text/csv', text)
  }
  return (
    <DialogContent
      className="sm:h-[86vh] sm:w-[920px]"
      title={title}
      description={
        <>
          {view.range.label}
          {view.filter === '' ? '' : ` · ${view.filter}`}
        </>
      }
      actions={
        <Button size="sm" onClick={save} disabled={data === undefined || rows.length === 0}>
          <ArrowDownToLine /> CSV
        </Button>
      }
      bodyClassName="p-0"
    >
      <div className="sticky top-0 z-10 border-border border-b bg-surface px-4 py-2">
        <Input
          aria-label={`Find a ${spec.row}`}
          placeholder={`Find among the first ${rows.length}`}
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      </div>
      {answer.error !== null && data === undefined ? (
        <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
      ) : data === undefined ? (
        <SkeletonRows rows={14} className="p-4" />
      ) : (
        <DataTable
          rows={found}
          columns={columns}
          rowKey={(row) => row.key ?? '(none)'}
          caption={`${title}, the first ${rows.length}`}
          footer={
            <>
              <Sum name="All others" sums={data.rest} seconds={seconds} part={data.rest.share} />
              <Sum name="Total" sums={data.total} seconds={seconds} part={1} strong />
            </>
          }
        />
      )}
    </DialogContent>
  )
}

function Sum({
  name,
  sums,
  seconds,
  part,
  strong = false,
}: {
  name: string
  sums: { bytes: number; packets: number; flows: number }
  seconds: number
  part: number
  strong?: boolean
}) {
  const cell = 'h-9 whitespace-nowrap px-3 text-right'
  return (
    <tr className={strong ? 'font-semibold' : 'text-muted'}>
      <td className="pl-4" />
      <th scope="row" className={cn('h-9 px-3 text-left', strong ? 'font-semibold' : 'font-normal')}>
        {name}
      </th>
      <td className={cell}>{rate('bits', toRate('bits', sums.bytes, seconds))}</td>
      <td className={cn(cell, 'max-md:hidden')}>{bytes(sums.bytes)}</td>
      <td className={cn(cell, 'max-sm:hidden')}>{packetsPerSecond(sums.packets / seconds)}</td>
      <td className={cn(cell, 'max-sm:hidden')}>{count(sums.flows)}</td>
      <td className={cn(cell, 'pr-4')}>{share(part)}</td>
    </tr>
  )
}
