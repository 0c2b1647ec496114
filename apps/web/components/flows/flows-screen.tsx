'use client'
import type { FlowObject } from '@weir/db/contracts'
import { ArrowDownToLine, ArrowUp, Columns3 } from 'lucide-react'
import { parseAsString, useQueryState } from 'nuqs'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { csv } from '../../data/transform.ts'
import { useExporters } from '../../data/use-exporters.ts'
import { useFlows } from '../../data/use-flows.ts'
import { useHealth } from '../../data/use-health.ts'
import { useView } from '../../data/view.ts'
import { download } from '../download.ts'
import { FilterBar } from '../filter-bar.tsx'
import { dateTime, exact } from '../format.ts'
import { NothingHere } from '../nothing-here.tsx'
import { QuestionError } from '../question-error.tsx'
import { Button } from '../ui/button.tsx'
import { Menu, MenuCheckboxItem, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from '../ui/menu.tsx'
import { Panel } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { DEFAULT_COLUMNS, FLOW_COLUMNS } from './columns.tsx'
import { FlowDrawer } from './flow-drawer.tsx'
import { FlowTable } from './flow-table.tsx'

const DEFAULT = DEFAULT_COLUMNS.join(',')

/**
 * Single flow records. The list stands still while someone reads: it follows the clock only at its top with nothing open, else it says
 * that newer flows can be had.
 */
export function FlowsScreen() {
  const view = useView()
  const health = useHealth()
  const [wanted, setWanted] = useQueryState('cols', parseAsString.withDefault(DEFAULT).withOptions({ history: 'replace', shallow: true }))
  const [opened, setOpened] = useState<number | null>(null)
  const [top, setTop] = useState(true)

  const current = view.params()
  const question = JSON.stringify([view.preset, view.filter, view.preset === null ? [current.from, current.to] : null])
  const shown = useRef<{ question: string; params: Record<string, string> }>({ question: '', params: current })
  const [, redraw] = useState(0)
  const following = top && opened === null
  if (view.ready && (following || shown.current.question !== question)) shown.current = { question, params: current }
  const params = shown.current.params
  const behind = view.preset !== null && params.to !== current.to

  const answer = useFlows(params, { enabled: view.ready })
  const flows = useMemo((): FlowObject[] => answer.data?.pages.flatMap((page) => page.flows) ?? [], [answer.data])
  // Another question: what was open is no longer in the list.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the question is the trigger, not an input.
  useEffect(() => setOpened(null), [question])

  const exporters = useExporters()
  const names = useMemo(
    () =>
      new Map(
        (exporters.data?.exporters ?? []).flatMap((one) =>
          one.interfaces.flatMap((port): [string, string][] => (port.name === null ? [] : [[`${one.address}#${port.ifIndex}`, port.name]])),
        ),
      ),
    [exporters.data],
  )
  const ids = wanted.split(',')
  const columns = FLOW_COLUMNS.filter((column) => ids.includes(column.id))
  const chosen = columns.length === 0 ? FLOW_COLUMNS.filter((column) => DEFAULT.split(',').includes(column.id)) : columns
  const { fetchNextPage } = answer
  const onMore = useCallback(() => void fetchNextPage(), [fetchNextPage])
  const step = (by: -1 | 1): void => setOpened((at) => (at === null ? null : Math.max(0, Math.min(flows.length - 1, at + by))))

  const save = (): void => {
    const names = [...new Set(flows.flatMap((flow) => Object.keys(flow)))]
    const rows = flows.map((flow) =>
      names.map((name) => {
        const value = flow[name]
        return typeof value === 'boolean' ? String(value) : (value ?? null)
      }),
    )
    download(`weir-flows-${dateTime(Date.now()).replace(/[-: ]/g, '')}.csv`, 'text/csv', csv(names, rows))
  }

  return (
    <div className="flex flex-col gap-4">
      <h1 className="sr-only">Flows</h1>
      <FilterBar />
      {answer.error !== null && answer.data === undefined ? (
        <Panel>
          <QuestionError error={answer.error} onRetry={() => void answer.refetch()} />
        </Panel>
      ) : answer.data !== undefined && flows.length === 0 && !answer.isPlaceholderData ? (
        <NothingHere health={health.data} />
      ) : (
        <Panel aria-label="Flow records">
          <header className="flex min-h-11 flex-wrap items-center justify-between gap-x-3 gap-y-1 border-border border-b px-4 py-1.5">
            <p className="min-w-0 text-[13px]" aria-live="polite">
              {answer.data === undefined ? (
                <span className="text-muted">Loading flows …</span>
              ) : (
                <>
                  <span className="font-semibold">
                    {exact(flows.length)}
                    {answer.hasNextPage ? ' newest flows' : flows.length === 1 ? ' flow' : ' flows'}
                  </span>
                  <span className="text-muted max-sm:hidden">
                    {' '}
                    {answer.hasNextPage ? 'loaded, scroll for older ones' : 'in this window'}, counters as exported
                  </span>
                </>
              )}
              {answer.error !== null && answer.data !== undefined ? (
                <span className="ml-2 text-warn">The last question failed: {answer.error.message}</span>
              ) : null}
            </p>
            <div className="flex items-center gap-1.5">
              {behind && !following ? (
                <Button
                  size="sm"
                  onClick={() => {
                    shown.current = { question, params: current }
                    setTop(true)
                    redraw((n) => n + 1)
                  }}
                >
                  <ArrowUp /> Newer flows
                </Button>
              ) : null}
              <Button
                size="sm"
                onClick={save}
                disabled={flows.length === 0}
                title={`The ${exact(flows.length)} loaded flows with all their fields`}
              >
                <ArrowDownToLine /> <span className="max-sm:sr-only">CSV</span>
              </Button>
              <Menu>
                <MenuTrigger asChild>
                  <Button size="sm" className="max-md:hidden">
                    <Columns3 /> Columns
                  </Button>
                </MenuTrigger>
                <MenuContent align="end">
                  <MenuLabel>Columns</MenuLabel>
                  {FLOW_COLUMNS.map((column) => (
                    <MenuCheckboxItem
                      key={column.id}
                      checked={chosen.includes(column)}
                      onSelect={(event) => event.preventDefault()}
                      onCheckedChange={(on) => {
                        const next = FLOW_COLUMNS.filter((one) => (one.id === column.id ? on : chosen.includes(one))).map((one) => one.id)
                        void setWanted(next.length === 0 || next.join(',') === DEFAULT ? null : next.join(','))
                      }}
                    >
                      {column.header}
                    </MenuCheckboxItem>
                  ))}
                  <MenuSeparator />
                  <MenuItem onSelect={() => void setWanted(null)}>Default columns</MenuItem>
                </MenuContent>
              </Menu>
            </div>
          </header>
          {answer.data === undefined ? (
            <SkeletonRows rows={16} className="p-4" />
          ) : (
            <FlowTable
              flows={flows}
              columns={chosen}
              more={answer.hasNextPage}
              loadingMore={answer.isFetchingNextPage}
              onMore={onMore}
              onOpen={setOpened}
              opened={opened}
              onTop={setTop}
              names={names}
              edition={`${question} ${params.to}`}
            />
          )}
        </Panel>
      )}
      <FlowDrawer flow={opened === null ? null : (flows[opened] ?? null)} onClose={() => setOpened(null)} onStep={step} />
    </div>
  )
}
