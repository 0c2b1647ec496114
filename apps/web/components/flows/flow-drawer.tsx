'use client'
import type { FlowObject } from '@weir/db/contracts'
import { ChevronDown, ChevronUp, Filter, TriangleAlert } from 'lucide-react'
import { useView } from '../../data/view.ts'
import { FlowAnomaly } from '../anomalies/flow-mark.tsx'
import { dateTime, duration } from '../format.ts'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { Dialog, DrawerContent } from '../ui/dialog.tsx'
import { Tooltip } from '../ui/tooltip.tsx'
import { ValueMenu } from '../value-menu.tsx'
import { captureFilters } from './capture-filter.ts'
import { End, serviceOf } from './columns.tsx'
import { doubtsOf, factsOf, sessionFilter } from './flow-facts.ts'

/** Everything one record says, with its packets' capture filters, and the way to its neighbours. */
export function FlowDrawer({
  flow,
  onClose,
  onStep,
}: {
  flow: FlowObject | null
  onClose: () => void
  /** To the row above (−1) or below (1); undefined at an end. */
  onStep: (step: -1 | 1) => void
}) {
  return (
    <Dialog open={flow !== null} onOpenChange={(open) => !open && onClose()}>
      {flow === null ? null : <Detail flow={flow} onClose={onClose} onStep={onStep} />}
    </Dialog>
  )
}

function Detail({ flow, onClose, onStep }: { flow: FlowObject; onClose: () => void; onStep: (step: -1 | 1) => void }) {
  const view = useView()
  const doubts = doubtsOf(flow)
  const session = sessionFilter(flow)
  return (
    <DrawerContent
      title="Flow record"
      description={serviceOf(flow)}
      actions={
        <>
          <Button variant="ghost" size="icon" aria-label="Previous flow" title="Previous flow" onClick={() => onStep(-1)}>
            <ChevronUp />
          </Button>
          <Button variant="ghost" size="icon" aria-label="Next flow" title="Next flow" onClick={() => onStep(1)}>
            <ChevronDown />
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-5">
        <div className="flex flex-col gap-1">
          <End flow={flow} side="src" />
          <span className="text-[12px] text-muted">to</span>
          <End flow={flow} side="dst" />
        </div>
        <FlowAnomaly flow={flow} />
        {doubts.length === 0 ? null : (
          <ul className="flex flex-col gap-2 rounded-md border border-warn/40 bg-warn-soft p-3 text-[13px] leading-relaxed">
            {doubts.map((doubt) => (
              <li key={doubt.short} className="flex gap-2">
                <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
                <p>
                  <span className="font-medium">{doubt.short}.</span> {doubt.why}
                </p>
              </li>
            ))}
          </ul>
        )}
        {session === null ? null : (
          <Button
            className="self-start"
            onClick={() => {
              view.addFilter(session)
              onClose()
            }}
          >
            <Filter /> Filter to this session, both directions
          </Button>
        )}
        {factsOf(flow).map((group) => (
          <section key={group.title} aria-label={group.title}>
            <h3 className="mb-1 font-medium text-[12px] text-muted">{group.title}</h3>
            <dl className="border-border border-t">
              {group.facts.map((fact) => (
                <div
                  key={fact.name}
                  className="grid min-h-8 grid-cols-[168px_minmax(0,1fr)] items-center gap-2 border-border border-b py-1 text-[13px]"
                >
                  <dt className="min-w-0">
                    {fact.field === null ? (
                      <span className="break-words font-mono text-[12px] text-muted">{fact.name}</span>
                    ) : (
                      <Tooltip
                        side="left"
                        content={`${fact.field.help}${fact.field.ie === null ? '' : ` IPFIX element ${fact.field.ie}${fact.field.ie6 === null ? '' : ` or ${fact.field.ie6}`}.`}`}
                      >
                        <button type="button" className="cursor-help truncate rounded-sm font-mono text-[12px] text-muted">
                          {fact.name}
                        </button>
                      </Tooltip>
                    )}
                  </dt>
                  <dd className="min-w-0 break-words" title={fact.detail ?? undefined}>
                    {fact.filter === null ? (
                      <span>{fact.text}</span>
                    ) : (
                      <ValueMenu
                        label={fact.text}
                        filter={fact.filter}
                        copy={String(flow[fact.name])}
                        className="max-w-full whitespace-normal break-words"
                      >
                        {fact.text}
                      </ValueMenu>
                    )}
                    {fact.detail === null || fact.detail === fact.text || fact.field?.type === 'time' ? null : (
                      <span className="ml-2 text-[12px] text-muted">{fact.detail}</span>
                    )}
                    {fact.field?.type === 'time' && fact.detail !== null ? (
                      <span className="block text-[12px] text-muted">{fact.detail.split(' · ')[0]}</span>
                    ) : null}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <Captures flow={flow} />
      </div>
    </DrawerContent>
  )
}

function Captures({ flow }: { flow: FlowObject }) {
  const filters = captureFilters(flow)
  if (filters === null) return null
  const rows: readonly [string, string | null][] = [
    ['tcpdump', `tcpdump -nn -i any '${filters.pcap}'`],
    ['Wireshark', filters.wiresharkTimed ?? filters.wireshark],
    ['tshark', filters.tshark],
    ['editcap', filters.editcap],
  ]
  return (
    <section aria-label="Find its packets">
      <h3 className="font-medium text-[12px] text-muted">Find its packets</h3>
      {filters.window === null ? null : (
        <p className="mt-0.5 text-[12px] text-muted">
          {dateTime(filters.window.from)} to {dateTime(filters.window.to)} ({duration((filters.window.to - filters.window.from) / 1000)}),
          on the exporter’s clock, one second wider on each side.
        </p>
      )}
      <div className="mt-2 flex flex-col gap-2">
        {rows.map(([tool, text]) =>
          text === null ? null : (
            <div key={tool} className="flex items-start gap-2 rounded-md border border-border bg-bg py-1 pr-1 pl-3">
              <span className="mt-1.5 w-16 shrink-0 text-[12px] text-muted">{tool}</span>
              <code className="min-w-0 flex-1 break-words py-1.5 font-mono text-[12px] leading-[18px]">{text}</code>
              <CopyButton text={text} label={`Copy for ${tool}`} />
            </div>
          ),
        )}
      </div>
    </section>
  )
}
