'use client'
import type { GraphAnswer } from '@weir/db/contracts'
import { useMemo } from 'react'
import { share } from '../format.ts'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { ValueMenu } from '../value-menu.tsx'
import { type TableRow, tableRows } from './model.ts'

/** The whole graph as a table: one line per client, server and service. How it is read without a picture. */
export function GraphList({ answer, least, rateOf }: { answer: GraphAnswer; least: number; rateOf: (value: number) => string }) {
  const rows = useMemo(() => tableRows(answer).filter((row) => row.value >= least), [answer, least])
  const nodes = useMemo(() => new Map(answer.nodes.map((node) => [node.id, node])), [answer])
  const columns = useMemo<Column<TableRow>[]>(() => {
    const end = (id: string, label: string) => {
      const node = nodes.get(id)
      const text = <span className={node?.kind === 'host' ? 'font-mono text-[12.5px]' : undefined}>{label}</span>
      return node === undefined || node.filter === '' ? (
        <span className="block max-w-[6.5rem] truncate sm:max-w-64">{text}</span>
      ) : (
        <ValueMenu label={label} filter={node.filter} className="max-w-[6.5rem] sm:max-w-64">
          {text}
        </ValueMenu>
      )
    }
    return [
      { id: 'client', header: 'Client', sort: (row) => row.client, cell: (row) => end(row.edge.source, row.client) },
      { id: 'server', header: 'Server', sort: (row) => row.server, cell: (row) => end(row.edge.target, row.server) },
      {
        id: 'service',
        header: 'Service',
        hideBelow: 'sm',
        sort: (row) => row.edge.service,
        cell: (row) => (
          <ValueMenu label={row.edge.service} filter={row.edge.filter}>
            {row.edge.service}
          </ValueMenu>
        ),
      },
      {
        id: 'rate',
        header: 'Rate',
        title: 'Mean over the window',
        align: 'right',
        sort: (row) => row.value,
        cell: (row) => rateOf(row.value),
      },
      {
        id: 'share',
        header: 'Share',
        title: 'Of all traffic in this view',
        align: 'right',
        hideBelow: 'sm',
        sort: (row) => row.share,
        cell: (row) => <span className="text-muted">{share(row.share)}</span>,
      },
    ]
  }, [nodes, rateOf])
  return (
    <DataTable
      rows={rows}
      columns={columns}
      rowKey={(row) => row.id}
      caption="Clients, servers and services by mean rate"
      initialSort={{ id: 'rate', desc: true }}
    />
  )
}
