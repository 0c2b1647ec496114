'use client'
import type { Dimension, RateEvent } from '@weir/db/contracts'
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs'
import { useExporters } from '../../data/use-exporters.ts'
import { useHealth } from '../../data/use-health.ts'
import { useTop } from '../../data/use-top.ts'
import { useView } from '../../data/view.ts'
import { FilterBar } from '../filter-bar.tsx'
import { NothingHere } from '../nothing-here.tsx'
import { QuestionError } from '../question-error.tsx'
import { Panel } from '../ui/panel.tsx'
import type { ListenerPorts } from './device-configs.ts'
import { PANELS, SPLIT_VALUES, type Split } from './dimensions.ts'
import { FirstRun } from './first-run.tsx'
import { Headline } from './headline.tsx'
import { Complaints, QualityLine } from './quality-line.tsx'
import { TopPanel } from './top-panel.tsx'
import { TrafficPanel } from './traffic-panel.tsx'

/** What belongs to this page alone and still travels in its URL: what the chart is split by, which side each two-sided panel shows. */
const PAGE_KEYS = {
  by: parseAsStringLiteral(SPLIT_VALUES).withDefault('service'),
  sides: parseAsString.withDefault(''),
}

/** The page a network engineer keeps open: how much, of what, from whom, to whom, and whether the figures can be trusted. */
export function Overview({ ports, addresses, live }: { ports: ListenerPorts; addresses: readonly string[]; live: RateEvent | null }) {
  const view = useView()
  const [page, setPage] = useQueryStates(PAGE_KEYS, { history: 'replace', shallow: true, clearOnDefault: true })
  const health = useHealth()
  const exporters = useExporters()
  const probe = useTop('proto', view.params(), { limit: 1, enabled: view.ready })
  const chosen = new Set(page.sides.split(',').filter((part) => part !== ''))

  const never =
    health.data !== undefined &&
    health.data.sli.newestFlow === null &&
    health.data.sli.exportersKnown === 0 &&
    (probe.data === undefined || probe.data.total.flows === 0)
  if (never) {
    return (
      <div className="flex flex-col gap-4">
        <Complaints health={health.data} />
        <FirstRun ports={ports} addresses={addresses} health={health.data} />
      </div>
    )
  }
  const nothing = probe.data !== undefined && !probe.isPlaceholderData && probe.data.total.flows === 0
  const unreachable = probe.error !== null && probe.data === undefined

  return (
    <div className="flex flex-col gap-4">
      <h1 className="sr-only">Overview</h1>
      <FilterBar />
      <Complaints health={health.data} />
      <QualityLine exporters={exporters.data} />
      {unreachable ? (
        <Panel>
          <QuestionError error={probe.error} onRetry={() => void probe.refetch()} />
        </Panel>
      ) : (
        <>
          <Headline live={live} health={health.data} exporters={exporters.data} />
          {nothing ? (
            <NothingHere health={health.data} />
          ) : (
            <>
              <TrafficPanel split={page.by} onSplit={(by: Split) => void setPage({ by })} />
              <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
                {PANELS.map((spec) => {
                  const first = spec.sides[0]?.value ?? 'src_addr'
                  const side = spec.sides.find((one) => chosen.has(one.value))?.value ?? first
                  return (
                    <TopPanel
                      key={spec.id}
                      spec={spec}
                      side={side}
                      onSide={(next: Dimension) => {
                        const rest = [...chosen].filter((value) => !spec.sides.some((one) => one.value === value))
                        void setPage({ sides: next === first ? rest.join(',') : [...rest, next].join(',') })
                      }}
                    />
                  )
                })}
              </div>
            </>
          )}
        </>
      )}
    </div>
  )
}
