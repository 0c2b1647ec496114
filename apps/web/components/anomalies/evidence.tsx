'use client'
import type { FlowObject } from '@weir/db/contracts'
import { ArrowDownToLine } from 'lucide-react'
import { csv } from '../../data/transform.ts'
import { download } from '../download.ts'
import { factOf } from '../flows/flow-facts.ts'
import { clockMillis, dateTime, nanosToMillis, utc } from '../format.ts'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'

const WITH_PORTS = new Set([6, 17, 33, 132, 136])
const mono = 'font-mono text-[12.5px]'

const end = (flow: FlowObject, side: 'src' | 'dst'): string => {
  const address = flow[`${side}_addr`]
  const port = flow[`${side}_port`]
  if (typeof address !== 'string') return '–'
  if (typeof port !== 'number' || !WITH_PORTS.has(Number(flow.proto ?? -1))) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
const exporterOf = (flow: FlowObject): string => String(flow.exporter ?? flow.sampler_address ?? '–')

/** The flow records copied when the anomaly was found: they stay when the flows themselves have been cleared away. */
export function Evidence({ flows, id }: { flows: readonly FlowObject[]; id: string }) {
  if (flows.length === 0)
    return (
      <p className="px-4 pb-4 text-[13px] text-muted">
        No single record was copied. The traffic was too short to leave one, or it is not stored yet; the page asks again by itself.
      </p>
    )
  const save = (): void => {
    const names = [...new Set(flows.flatMap((flow) => Object.keys(flow)))]
    const rows = flows.map((flow) =>
      names.map((name) => {
        const value = flow[name]
        return typeof value === 'boolean' ? String(value) : (value ?? null)
      }),
    )
    download(`weir-evidence-${id}.csv`, 'text/csv', csv(names, rows))
  }
  const head = 'h-8 whitespace-nowrap px-2 font-medium text-[12px] text-muted first:pl-4 last:pr-4'
  const cell = 'h-8 whitespace-nowrap px-2 first:pl-4 last:pr-4'
  return (
    <>
      {/* A table that scrolls sideways must be reachable with the keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls. */}
      <section className="max-h-[420px] overflow-auto" tabIndex={0} aria-label="Flow records copied as evidence">
        <table className="w-full border-collapse text-[13px]">
          <caption className="sr-only">Flow records copied when the anomaly was found</caption>
          <thead className="sticky top-0 z-10 bg-surface">
            <tr className="border-border border-b text-left">
              <th scope="col" className={head}>
                End
              </th>
              <th scope="col" className={head}>
                Source
              </th>
              <th scope="col" className={head}>
                Destination
              </th>
              <th scope="col" className={head}>
                Protocol
              </th>
              <th scope="col" className={cn(head, 'text-right')}>
                Bytes
              </th>
              <th scope="col" className={cn(head, 'text-right')}>
                Packets
              </th>
              <th scope="col" className={cn(head, 'text-right')}>
                Duration
              </th>
              <th scope="col" className={head}>
                Flags
              </th>
              <th scope="col" className={head}>
                Exporter
              </th>
            </tr>
          </thead>
          <tbody>
            {flows.map((flow, index) => {
              const at = nanosToMillis(flow.time_flow_end_ns) ?? nanosToMillis(flow.time_received_ns)
              return (
                // biome-ignore lint/suspicious/noArrayIndexKey: frozen rows, and two may be equal.
                <tr key={index} className="border-border border-b last:border-b-0">
                  <td className={cell} title={`${dateTime(at)} · ${utc(at)}`}>
                    {clockMillis(at)}
                  </td>
                  <td className={cn(cell, mono)}>{end(flow, 'src')}</td>
                  <td className={cn(cell, mono)}>{end(flow, 'dst')}</td>
                  <td className={cell}>{factOf(flow, 'proto').text}</td>
                  <td className={cn(cell, 'text-right')} title={factOf(flow, 'bytes').detail ?? undefined}>
                    {factOf(flow, 'bytes').text}
                  </td>
                  <td className={cn(cell, 'text-right')}>{factOf(flow, 'packets').text}</td>
                  <td className={cn(cell, 'text-right')}>{factOf(flow, 'duration_ms').text}</td>
                  <td className={cell}>{factOf(flow, 'tcp_flags').text}</td>
                  <td className={cell}>{exporterOf(flow)}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </section>
      <div className="flex flex-wrap items-center justify-between gap-2 border-border border-t px-4 py-2">
        <p className="text-[12px] text-muted">
          Copied when it was found; kept when the flows themselves are cleared away. Counters as exported.
        </p>
        <Button size="sm" onClick={save} title="These records with all their fields">
          <ArrowDownToLine /> CSV
        </Button>
      </div>
    </>
  )
}
