'use client'
import type { ExporterObject } from '@weir/db/contracts'
import { Router } from 'lucide-react'
import Link from 'next/link'
import { parseAsInteger, parseAsStringLiteral, useQueryStates } from 'nuqs'
import type { ReactNode } from 'react'
import { useExporters } from '../../data/use-exporters.ts'
import { bitsPerSecond, count, exact, flowsPerSecond, sampling, share } from '../format.ts'
import { Ago } from '../time.tsx'
import { Badge, StateDot } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Panel } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Segmented } from '../ui/tabs.tsx'
import { ExporterDrawer } from './exporter-drawer.tsx'
import { clockDoubt, FORMATS, samplingDoubt, stateTone, stateWord } from './exporter-facts.ts'

const SHOW = ['all', 'live', 'attention', 'retired'] as const
type Show = (typeof SHOW)[number]
const KEYS = { show: parseAsStringLiteral(SHOW).withDefault('all'), exporter: parseAsInteger }

const needsAttention = (one: ExporterObject): boolean =>
  one.state === 'silent' ||
  (one.state === 'live' && (samplingDoubt(one) !== null || clockDoubt(one) !== null || (one.lossShare ?? 0) >= 0.001 || one.problems > 0))

/** Every device that ever exported here: whether it still does, how it samples, what is lost on the way. */
export function ExportersScreen() {
  const answer = useExporters()
  const [keys, setKeys] = useQueryStates(KEYS, { history: 'push', shallow: true, clearOnDefault: true })
  const all = answer.data?.exporters ?? []
  const present = all.filter((one) => one.state !== 'retired')
  const shown =
    keys.show === 'all'
      ? present
      : keys.show === 'live'
        ? all.filter((one) => one.state === 'live')
        : keys.show === 'retired'
          ? all.filter((one) => one.state === 'retired')
          : present.filter(needsAttention)
  const opened = keys.exporter === null ? null : (all.find((one) => one.id === keys.exporter) ?? null)
  const attention = present.filter(needsAttention).length

  const columns: readonly Column<ExporterObject>[] = [
    {
      id: 'name',
      header: 'Exporter',
      sort: (one) => one.name ?? one.address,
      cell: (one) => (
        <span className="flex min-w-0 items-center gap-2">
          <button
            type="button"
            className="min-w-0 rounded-sm text-left hover:text-accent"
            aria-haspopup="dialog"
            onClick={() => void setKeys({ exporter: one.id })}
          >
            <span className={cn('block truncate font-medium', one.name === null && 'font-mono text-[12.5px]')}>
              {one.name ?? one.address}
            </span>
            {one.name === null ? null : <span className="block truncate font-mono text-[11.5px] text-muted">{one.address}</span>}
          </button>
          {one.demo ? <Badge tone="accent">demo</Badge> : null}
        </span>
      ),
      className: 'max-w-60 max-sm:max-w-36',
    },
    {
      id: 'state',
      header: 'State',
      sort: (one) => one.state,
      cell: (one) => (
        <span>
          <StateDot tone={stateTone(one)}>{stateWord(one)}</StateDot>
          {one.state === 'live' ? null : (
            <span className="block pl-3.5 text-[12px] text-muted">
              <Ago at={Date.parse(one.lastSeen)} />
            </span>
          )}
        </span>
      ),
    },
    {
      id: 'bits',
      header: 'Traffic',
      title: 'Last minute, multiplied by sampling',
      align: 'right',
      sort: (one) => one.bitsPerSecond,
      cell: (one) => bitsPerSecond(one.bitsPerSecond),
    },
    {
      id: 'flows',
      header: 'Flow rate',
      align: 'right',
      hideBelow: 'sm',
      sort: (one) => one.flowsPerSecond,
      cell: (one) => flowsPerSecond(one.flowsPerSecond),
    },
    {
      id: 'formats',
      header: 'Formats',
      hideBelow: 'lg',
      className: 'whitespace-nowrap',
      sort: (one) => one.formats.join(),
      cell: (one) => one.formats.map((format) => FORMATS[format] ?? format).join(', '),
    },
    {
      id: 'sampling',
      header: 'Sampling',
      hideBelow: 'md',
      className: 'whitespace-nowrap',
      sort: (one) => one.samplingRate ?? -1,
      cell: (one) => (
        <span className={samplingDoubt(one) === null ? '' : 'text-warn'} title={samplingDoubt(one) ?? undefined}>
          {sampling(one.samplingRate)}
        </span>
      ),
    },
    {
      id: 'loss',
      header: 'Loss',
      title: 'Estimated from sequence numbers',
      align: 'right',
      hideBelow: 'md',
      sort: (one) => one.lossShare,
      cell: (one) => (
        <span
          className={(one.lossShare ?? 0) >= 0.001 ? 'text-warn' : ''}
          title={one.lossShare === null ? 'This export carries no usable sequence numbers' : `${exact(one.lost)} lost`}
        >
          {share(one.lossShare)}
        </span>
      ),
    },
    {
      id: 'witness',
      header: 'Witness',
      title: 'Share of its flows whose conversations another exporter told as well, and which are counted from there',
      align: 'right',
      hideBelow: 'xl',
      sort: (one) => one.witnessShare,
      cell: (one) => (one.witnessShare === null || one.witnessShare === 0 ? <Muted>–</Muted> : share(one.witnessShare)),
    },
    {
      id: 'skew',
      header: 'Clock',
      title: 'Exporter’s clock minus ours',
      align: 'right',
      hideBelow: 'xl',
      sort: (one) => (one.skewSeconds === null ? null : Math.abs(one.skewSeconds)),
      cell: (one) => <Skew one={one} />,
    },
    {
      id: 'templates',
      header: 'Templates',
      align: 'right',
      hideBelow: 'xl',
      sort: (one) => one.templates,
      cell: (one) =>
        one.templates === 0 && !one.formats.some((format) => format === 'IPFIX' || format === 'NETFLOW_V9') ? (
          <Muted>none needed</Muted>
        ) : (
          one.templates
        ),
    },
    {
      id: 'interfaces',
      header: 'Interfaces',
      title: 'Described by the exporter, or named here',
      align: 'right',
      hideBelow: 'xl',
      sort: (one) => one.interfaces.length,
      cell: (one) => (one.interfaces.length === 0 ? <Muted>–</Muted> : one.interfaces.length),
    },
    {
      id: 'problems',
      header: 'Problems',
      title: 'Datagrams or records that could not be decoded',
      align: 'right',
      hideBelow: 'lg',
      sort: (one) => one.problems,
      cell: (one) => <span className={one.problems > 0 ? 'text-warn' : ''}>{count(one.problems)}</span>,
    },
  ]

  return (
    <div className="flex flex-col gap-4">
      <header className="flex flex-wrap items-center justify-between gap-3">
        <div>
          <h1 className="sr-only">Exporters</h1>
          <p className="text-[13px] text-muted">
            {answer.data === undefined
              ? 'Devices that send flows here.'
              : `${present.length} known, ${all.filter((one) => one.state === 'live').length} live${attention === 0 ? '' : `, ${attention} need${attention === 1 ? 's' : ''} attention`}. A device appears by itself with its first datagram.`}
          </p>
        </div>
        {all.length === 0 ? null : (
          <Segmented
            label="Which exporters"
            value={keys.show}
            onChange={(show: Show) => void setKeys({ show })}
            options={[
              { value: 'all', label: 'All' },
              { value: 'live', label: 'Live' },
              { value: 'attention', label: `Attention${attention === 0 ? '' : ` ${attention}`}` },
              { value: 'retired', label: 'Retired' },
            ]}
          />
        )}
      </header>
      <Panel>
        {answer.error !== null && answer.data === undefined ? (
          <ErrorState error={answer.error} onRetry={() => void answer.refetch()} className="py-10" />
        ) : answer.data === undefined ? (
          <SkeletonRows rows={6} className="p-4" />
        ) : all.length === 0 ? (
          <EmptyState
            icon={Router}
            className="py-16"
            title="No exporter yet"
            actions={
              <Button asChild variant="primary">
                <Link href="/">How to point one here</Link>
              </Button>
            }
          >
            A router, switch, firewall or host appears here by itself with the first datagram it sends. The overview has the configuration
            to paste.
          </EmptyState>
        ) : shown.length === 0 ? (
          <EmptyState
            className="py-12"
            title={keys.show === 'attention' ? 'Nothing needs attention' : `No ${keys.show} exporter`}
            actions={<Button onClick={() => void setKeys({ show: 'all' })}>Show all</Button>}
          />
        ) : (
          <DataTable
            rows={shown}
            columns={columns}
            rowKey={(one) => String(one.id)}
            caption="Exporters"
            initialSort={{ id: 'bits', desc: true }}
          />
        )}
      </Panel>
      {answer.error !== null && answer.data !== undefined ? (
        <p className="text-[12px] text-warn">Not refreshed: {answer.error.message}</p>
      ) : null}
      <ExporterDrawer exporter={opened} onClose={() => void setKeys({ exporter: null })} />
    </div>
  )
}

const Muted = ({ children }: { children: ReactNode }) => <span className="text-muted">{children}</span>

function Skew({ one }: { one: ExporterObject }) {
  const doubt = clockDoubt(one)
  if (one.skewSeconds === null) return <Muted>–</Muted>
  return (
    <span className={doubt === null ? '' : 'text-warn'} title={doubt ?? 'In step with this host'}>
      {Math.abs(one.skewSeconds) < 0.5
        ? 'in step'
        : `${one.skewSeconds > 0 ? '+' : '−'}${Math.abs(one.skewSeconds) >= 10 ? exact(Math.round(Math.abs(one.skewSeconds))) : Math.abs(one.skewSeconds).toFixed(1)} s`}
    </span>
  )
}
