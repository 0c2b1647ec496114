'use client'
import { type FlowObject, portName, protocolLabel, tcpFlagsText } from '@weir/db/contracts'
import type { ReactNode } from 'react'
import { bytes, clockMillis, count, dateTime, duration, exact, nanosToMillis, sampling, utc } from '../format.ts'
import { cn } from '../ui/cn.ts'
import { ValueMenu } from '../value-menu.tsx'
import { factOf, filterOf } from './flow-facts.ts'

export type FlowColumn = {
  id: string
  header: string
  /** CSS width of the grid column. */
  width: string
  align?: 'right'
  cell: (flow: FlowObject, names: InterfaceNames) => ReactNode
}

/** Interface names by `exporter#index`; an interface nobody named is shown by its index. */
export type InterfaceNames = ReadonlyMap<string, string>

const number = (value: FlowObject[string] | undefined): number | null => (typeof value === 'number' ? value : null)
const mono = 'font-mono text-[12.5px]'
const dash = <span className="text-muted">–</span>

/** A field whose value opens the menu; plain where the filter language has nothing for it. */
function Value({ flow, name, text, className }: { flow: FlowObject; name: string; text?: string; className?: string }) {
  const fact = factOf(flow, name)
  const shown = text ?? fact.text
  if (flow[name] === undefined || flow[name] === null) return dash
  if (fact.filter === null) return <span className={className}>{shown}</span>
  return (
    <ValueMenu label={shown} filter={fact.filter} copy={String(flow[name])} className={className ?? ''}>
      {shown}
    </ValueMenu>
  )
}

function Stamp({ flow, name }: { flow: FlowObject; name: string }) {
  const at = nanosToMillis(flow[name])
  if (at === null) return dash
  return <span title={`${dateTime(at)} · ${utc(at)}`}>{clockMillis(at)}</span>
}

/** FSRPAUECN in the order of the header's bits, as flow tools write them: SA is syn+ack. */
const flagLetters = (flags: number): string =>
  flags === 0 ? 'none' : [...'FSRPAUECN'].filter((_, bit) => (flags >> bit) & 1).join('') || String(flags)

/** DCCP, TCP, UDP, SCTP, UDP-Lite: only here does a port number mean a port; exporters fill it in for others too. */
const WITH_PORTS = new Set([6, 17, 33, 132, 136])

/** Address and port as one end of the flow. */
export function End({ flow, side, compact = false }: { flow: FlowObject; side: 'src' | 'dst'; compact?: boolean }) {
  const address = flow[`${side}_addr`]
  const port = number(flow[`${side}_port`])
  const isService = !compact && port !== null && port === flow.service_port
  const name = isService ? portName(port, number(flow.proto)) : null
  return (
    <span className="flex min-w-0 items-baseline gap-1">
      {typeof address === 'string' ? (
        <Value flow={flow} name={`${side}_addr`} className={cn(mono, !address.includes(':') && 'shrink-0')} />
      ) : (
        <span className="text-muted">no address</span>
      )}
      {port === null || !WITH_PORTS.has(number(flow.proto) ?? -1) ? null : (
        <Value
          flow={flow}
          name={`${side}_port`}
          text={name === null ? `:${port}` : `:${port} ${name}`}
          className={cn(mono, 'min-w-0 text-muted', name === null && 'shrink-0')}
        />
      )}
    </span>
  )
}

const simple = (name: string, header: string, width: string, className?: string): FlowColumn => ({
  id: name,
  header,
  width,
  cell: (flow) => <Value flow={flow} name={name} {...(className === undefined ? {} : { className })} />,
})

/** Every column of the flow table; the first of each line of the list that is on by default comes from DEFAULT_COLUMNS. */
export const FLOW_COLUMNS: readonly FlowColumn[] = [
  {
    id: 'end',
    header: 'End',
    width: '104px',
    cell: (flow) => <Stamp flow={flow} name={flow.time_flow_end_ns === undefined ? 'time_received_ns' : 'time_flow_end_ns'} />,
  },
  { id: 'start', header: 'Start', width: '104px', cell: (flow) => <Stamp flow={flow} name="time_flow_start_ns" /> },
  { id: 'received', header: 'Received', width: '104px', cell: (flow) => <Stamp flow={flow} name="time_received_ns" /> },
  { id: 'src', header: 'Source', width: 'minmax(168px, 1.4fr)', cell: (flow) => <End flow={flow} side="src" /> },
  { id: 'dst', header: 'Destination', width: 'minmax(168px, 1.4fr)', cell: (flow) => <End flow={flow} side="dst" /> },
  {
    id: 'proto',
    header: 'Protocol',
    width: '70px',
    cell: (flow) => <Value flow={flow} name="proto" text={number(flow.proto) === null ? '–' : protocolLabel(number(flow.proto) ?? 0)} />,
  },
  {
    id: 'bytes',
    header: 'Bytes',
    width: '80px',
    align: 'right',
    cell: (flow) => <span title={`${exact(number(flow.bytes))} octets as exported`}>{bytes(number(flow.bytes))}</span>,
  },
  {
    id: 'packets',
    header: 'Packets',
    width: '66px',
    align: 'right',
    cell: (flow) => <span title={`${exact(number(flow.packets))} as exported`}>{count(number(flow.packets))}</span>,
  },
  {
    id: 'duration',
    header: 'Duration',
    width: '74px',
    align: 'right',
    cell: (flow) => (number(flow.duration_ms) === null ? dash : duration((number(flow.duration_ms) ?? 0) / 1000)),
  },
  {
    id: 'flags',
    header: 'Flags',
    width: '64px',
    cell: (flow) =>
      number(flow.tcp_flags) === null || flow.proto !== 6 ? (
        dash
      ) : (
        <span title={tcpFlagsText(number(flow.tcp_flags) ?? 0)}>
          <Value flow={flow} name="tcp_flags" text={flagLetters(number(flow.tcp_flags) ?? 0)} className={mono} />
        </span>
      ),
  },
  {
    id: 'exporter',
    header: 'Exporter',
    width: 'minmax(90px, 0.6fr)',
    cell: (flow) => (
      <Value
        flow={flow}
        name="sampler_address"
        text={typeof flow.exporter === 'string' ? flow.exporter : String(flow.sampler_address ?? '–')}
      />
    ),
  },
  {
    id: 'interfaces',
    header: 'In → out',
    width: 'minmax(104px, 0.9fr)',
    cell: (flow, names) => {
      const name = (side: 'in_if' | 'out_if'): string => names.get(`${flow.sampler_address}#${flow[side]}`) ?? String(flow[side] ?? '')
      return (
        <span className="flex min-w-0 gap-1">
          <Value flow={flow} name="in_if" text={name('in_if')} /> <span className="text-muted">→</span>{' '}
          <Value flow={flow} name="out_if" text={name('out_if')} />
        </span>
      )
    },
  },
  {
    id: 'sampling',
    header: 'Sampling',
    width: '96px',
    cell: (flow) => <span className={number(flow.sampling_rate) === null ? 'text-warn' : ''}>{sampling(number(flow.sampling_rate))}</span>,
  },
  simple('src_country', 'From', '64px'),
  simple('dst_country', 'To', '64px'),
  simple('src_as', 'Source AS', '92px'),
  simple('dst_as', 'Destination AS', '112px'),
  simple('ip_tos', 'ToS', '84px'),
  simple('next_hop', 'Next hop', '140px', mono),
  simple('src_vlan', 'Source VLAN', '96px'),
  simple('dst_vlan', 'Destination VLAN', '124px'),
  simple('src_mac', 'Source MAC', '144px', mono),
  simple('dst_mac', 'Destination MAC', '144px', mono),
  simple('ip_ttl', 'TTL', '56px'),
  simple('forwarding_status', 'Forwarding', '92px'),
  simple('flow_end_reason', 'End reason', '92px'),
  simple('type', 'Format', '110px'),
]

export const DEFAULT_COLUMNS = ['end', 'src', 'dst', 'proto', 'bytes', 'packets', 'duration', 'flags', 'exporter', 'interfaces'] as const

/** Filter of the flow's service, for the phone's row. */
export const serviceOf = (flow: FlowObject): string => {
  const proto = number(flow.proto)
  const port = number(flow.service_port) ?? number(flow.dst_port)
  if (proto === null) return 'protocol unknown'
  const name = port === null ? null : portName(port, proto)
  return `${protocolLabel(proto)}${port === null || proto === 1 ? '' : ` ${port}`}${name === null ? '' : ` ${name}`}`
}

export { filterOf }
