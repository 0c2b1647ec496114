'use client'
import { ChartArea, Table2 } from 'lucide-react'
import { useMemo, useState } from 'react'
import { type ChartData, type ChartSeries, toChart } from '../../data/transform.ts'
import { useTimeseries } from '../../data/use-timeseries.ts'
import { useView, type View } from '../../data/view.ts'
import { zoomTo } from '../../data/zoom.ts'
import { seriesColour } from '../charts/colours.ts'
import { seriesTitle, TrafficChart } from '../charts/traffic-chart.tsx'
import { dateTime, duration, rate, rateUnit, rollup } from '../format.ts'
import { rowName } from '../row-name.ts'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Panel, PanelBody, PanelHeader } from '../ui/panel.tsx'
import { Select } from '../ui/select.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { ValueMenu } from '../value-menu.tsx'
import { SPLITS, type Split } from './dimensions.ts'
import { pointsFor } from './use-coverage.ts'

const NONE: ReadonlySet<string> = new Set()

/** Traffic over time, split by one dimension: chart, legend with figures, and the same as a table. */
export function TrafficPanel({ split, onSplit }: { split: Split; onSplit: (split: Split) => void }) {
  const view = useView()
  const [asTable, setAsTable] = useState(false)
  const [hidden, setHidden] = useState<ReadonlySet<string>>(NONE)
  const [emphasis, setEmphasis] = useState<string | null>(null)
  const answer = useTimeseries(split === 'total' ? null : split, view.params(), { points: pointsFor(view), enabled: view.ready })
  const data = useMemo(
    () => (answer.data === undefined ? undefined : toChart(answer.data, view.metric, view.anchor)),
    [answer.data, view.metric, view.anchor],
  )
  const splitLabel = SPLITS.find((one) => one.value === split)?.label ?? ''
  const from = answer.data === undefined ? view.range.from.getTime() : Date.parse(answer.data.from)
  const to = Math.max(data?.rows.at(-1)?.time ?? 0, view.range.to.getTime())
  const empty = data?.rows.every((row) => row.total === null) ?? false

  return (
    <Panel aria-labelledby="panel-traffic">
      <PanelHeader
        id="panel-traffic"
        title="Traffic over time"
        hint={
          answer.data === undefined ? undefined : (
            <span className="max-sm:hidden">
              {rateUnit(view.metric)}, {duration(answer.data.bucketSeconds)} means from {rollup(answer.data.rollup)}
            </span>
          )
        }
      >
        <Select
          label="by"
          showLabel
          value={split}
          options={SPLITS}
          onChange={(next) => {
            setHidden(NONE)
            onSplit(next)
          }}
        />
        <Button
          size="icon"
          aria-pressed={asTable}
          aria-label={asTable ? 'Show as chart' : 'Show as table'}
          title={asTable ? 'Show as chart' : 'Show as table'}
          onClick={() => setAsTable(!asTable)}
        >
          {asTable ? <ChartArea /> : <Table2 />}
        </Button>
      </PanelHeader>
      {answer.error !== null && data === undefined ? (
        <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
      ) : data === undefined ? (
        <PanelBody>
          <div role="status" aria-label="Loading the chart" className="flex h-[280px] flex-col justify-between pb-6">
            {[0, 1, 2, 3, 4].map((line) => (
              <Skeleton key={line} className="h-px w-full" />
            ))}
          </div>
        </PanelBody>
      ) : empty ? (
        <EmptyState title="No traffic to draw in this window" className="h-[280px]" />
      ) : asTable ? (
        <SeriesTable data={data} view={view} />
      ) : (
        <PanelBody className="grid gap-x-6 gap-y-4 xl:grid-cols-[minmax(0,1fr)_340px]">
          <TrafficChart
            data={data}
            metric={view.metric}
            from={from}
            to={to}
            hidden={hidden}
            emphasis={emphasis}
            onZoom={(start, end) => zoomTo(view, start, Math.min(end, Date.now()))}
            label={`Traffic by ${splitLabel.toLowerCase()} over time, ${rateUnit(view.metric)}. Drag to zoom. The same numbers are in the table view.`}
          />
          <Legend
            data={data}
            view={view}
            hidden={hidden}
            onEmphasis={setEmphasis}
            onToggle={(id) => {
              const next = new Set(hidden)
              if (!next.delete(id)) next.add(id)
              setHidden(next.size === data.series.length ? NONE : next)
            }}
          />
          {answer.error === null ? null : (
            <p className="text-[12px] text-warn xl:col-span-2">
              Not refreshed: the last question failed. The chart shows the answer before.
            </p>
          )}
        </PanelBody>
      )}
    </Panel>
  )
}

function Legend({
  data,
  view,
  hidden,
  onToggle,
  onEmphasis,
}: {
  data: ChartData
  view: View
  hidden: ReadonlySet<string>
  onToggle: (id: string) => void
  onEmphasis: (id: string | null) => void
}) {
  return (
    <table className="w-full table-fixed border-collapse self-start text-[13px]">
      <caption className="sr-only">Series of the chart with mean and peak</caption>
      <thead>
        <tr className="text-[12px] text-muted">
          <th scope="col" className="h-7 text-left font-medium">
            Series
          </th>
          <th scope="col" className="h-7 w-[92px] text-right font-medium">
            Mean
          </th>
          <th scope="col" className="h-7 w-[92px] text-right font-medium">
            Peak
          </th>
        </tr>
      </thead>
      <tbody onMouseLeave={() => onEmphasis(null)}>
        {data.series.map((series, index) => {
          const off = hidden.has(series.id)
          return (
            <tr
              key={series.id}
              className={cn('border-border border-t', off && 'opacity-55')}
              onMouseEnter={() => onEmphasis(off ? null : series.id)}
            >
              <td className="h-[27px] py-0 pr-2">
                <span className="flex min-w-0 items-center gap-2">
                  <button
                    type="button"
                    aria-pressed={!off}
                    aria-label={`${off ? 'Show' : 'Hide'} ${series.label}`}
                    title={off ? 'Show' : 'Hide'}
                    className="grid size-6 shrink-0 place-items-center rounded"
                    onClick={() => onToggle(series.id)}
                  >
                    <span
                      className="size-3 rounded-[3px] border"
                      style={{
                        background: off ? 'transparent' : seriesColour(index, series.other),
                        borderColor: seriesColour(index, series.other),
                      }}
                    />
                  </button>
                  <SeriesName series={series} />
                </span>
              </td>
              <td className="text-right">{rate(view.metric, series.average)}</td>
              <td className="text-right text-muted">{rate(view.metric, series.peak)}</td>
            </tr>
          )
        })}
      </tbody>
      {data.series.length > 1 ? (
        <tfoot>
          <tr className="border-border-strong border-t font-semibold">
            <td className="h-[27px] pl-8">Total</td>
            <td className="text-right">{rate(view.metric, data.total.average)}</td>
            <td className="text-right font-normal text-muted">{rate(view.metric, data.total.peak)}</td>
          </tr>
        </tfoot>
      ) : null}
    </table>
  )
}

function SeriesName({ series }: { series: ChartSeries }) {
  if (series.other) return <span className="truncate text-muted">All others</span>
  if (series.key === '') return <span className="truncate">Total</span>
  const { name, beside } = rowName(series.label, series.key)
  return (
    <ValueMenu label={series.label} copy={series.key ?? series.label} filter={series.filter}>
      {name}
      {beside === null ? null : <span className="ml-1.5 text-[12px] text-muted">{beside}</span>}
    </ValueMenu>
  )
}

type TimeRow = ChartData['rows'][number]

/** The chart in numbers, newest first. */
function SeriesTable({ data, view }: { data: ChartData; view: View }) {
  const columns: readonly Column<TimeRow>[] = [
    { id: 'time', header: 'From', sort: (row) => row.time, cell: (row) => <span className="whitespace-nowrap">{dateTime(row.time)}</span> },
    ...data.series.map(
      (series): Column<TimeRow> => ({
        id: series.id,
        header: seriesTitle(series),
        align: 'right',
        sort: (row) => row[series.id] ?? null,
        cell: (row) => rate(view.metric, row[series.id] ?? null),
      }),
    ),
    ...(data.series.length > 1
      ? [
          {
            id: 'total',
            header: 'Total',
            align: 'right' as const,
            sort: (row: TimeRow) => row.total,
            cell: (row: TimeRow) => rate(view.metric, row.total),
            className: 'font-medium',
          },
        ]
      : []),
  ]
  return (
    <DataTable
      className="max-h-[420px] overflow-y-auto"
      rows={data.rows}
      columns={columns}
      rowKey={(row) => String(row.time)}
      caption="Traffic over time in numbers"
      initialSort={{ id: 'time', desc: true }}
    />
  )
}
