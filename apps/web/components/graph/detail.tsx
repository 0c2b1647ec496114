'use client'
import { ArrowRight, Crosshair, Filter, Gauge, List, Ungroup, X } from 'lucide-react'
import Link from 'next/link'
import { useSearchParams } from 'next/navigation'
import type { ReactNode } from 'react'
import { useView } from '../../data/view.ts'
import { andFilter } from '../../data/view-state.ts'
import { share } from '../format.ts'
import { withView } from '../shell/navigation.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import type { Picked } from './graph-canvas.tsx'
import { nodeIcon, nodeKind } from './graph-node.tsx'
import type { ViewEdge, ViewGraph, ViewNode } from './model.ts'

/** Rows of a list that would be longer are counted instead. */
const MOST = 12

interface Common {
  view: ViewGraph
  total: number
  rateOf: (value: number) => string
  onPick: (picked: Picked | null) => void
}

/** What is picked, in words and numbers. */
export function Detail({
  picked,
  focus,
  onFocus,
  onUnfold,
  ...common
}: Common & { picked: Picked; focus: string; onFocus: (id: string) => void; onUnfold: (ids: string[]) => void }) {
  const node = picked.kind === 'node' ? common.view.nodes.find((candidate) => candidate.id === picked.id) : undefined
  const edge = picked.kind === 'edge' ? common.view.edges.find((candidate) => candidate.id === picked.id) : undefined
  if (node) return <NodeDetail node={node} focused={focus === node.id} onFocus={onFocus} onUnfold={onUnfold} {...common} />
  if (edge) return <EdgeDetail edge={edge} {...common} />
  return <Gone onPick={common.onPick} />
}

/** Buttons that take the picked thing elsewhere. */
function Ways({ filter, children }: { filter: string; children?: ReactNode }) {
  const view = useView()
  const search = useSearchParams()
  const there = (path: string) => {
    const next = new URLSearchParams(search.toString())
    next.set('filter', andFilter(view.filter, filter))
    return withView(path, next)
  }
  return (
    <div className="flex flex-wrap gap-2 px-4 pb-3">
      {children}
      {filter === '' ? null : (
        <>
          <Button size="sm" onClick={() => view.addFilter(filter)}>
            <Filter /> Filter
          </Button>
          <Button size="sm" asChild>
            <Link href={there('/')}>
              <Gauge /> Open in overview
            </Link>
          </Button>
          <Button size="sm" asChild>
            <Link href={there('/flows')}>
              <List /> Flows
            </Link>
          </Button>
        </>
      )}
    </div>
  )
}

function Head({ title, kind, onClose, children }: { title: ReactNode; kind: string; onClose: () => void; children?: ReactNode }) {
  return (
    <header className="flex items-start justify-between gap-2 px-4 pt-3 pb-2">
      <div className="min-w-0">
        <h2 className="break-words font-semibold text-[14px] leading-5">{title}</h2>
        <p className="mt-1 flex flex-wrap items-center gap-1.5 text-[12px] text-muted">
          {kind} {children}
        </p>
      </div>
      <Button variant="ghost" size="icon-sm" aria-label="Close the detail" onClick={onClose}>
        <X />
      </Button>
    </header>
  )
}

function Facts({ rows }: { rows: readonly (readonly [string, string])[] }) {
  return (
    <dl className="mx-4 mb-3 grid grid-cols-[1fr_auto] gap-y-1 border-border border-y py-2 text-[13px]">
      {rows.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="text-right">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

interface Line {
  id: string
  name: string
  note: string
  value: number
  pick: (() => void) | null
}

function Lines({ title, lines, tone, rateOf }: { title: string; lines: readonly Line[]; tone: string; rateOf: (value: number) => string }) {
  if (lines.length === 0) return null
  const max = lines[0]?.value ?? 0
  return (
    <section className="pb-3">
      <h3 className="flex items-center gap-1.5 px-4 pb-1 font-medium text-[12px] text-muted">
        <span aria-hidden className="size-2 rounded-full" style={{ background: tone }} />
        {title} <span>{lines.length}</span>
      </h3>
      <ul>
        {lines.slice(0, MOST).map((line) => {
          const body = (
            <>
              <span className="flex w-full items-baseline justify-between gap-3">
                <span className="min-w-0 truncate text-[13px]" title={line.name}>
                  {line.name}
                </span>
                <span className="shrink-0 text-[13px]">{rateOf(line.value)}</span>
              </span>
              <span className="truncate text-[11px] text-muted leading-4">{line.note}</span>
              <span aria-hidden className="mt-0.5 h-[3px] w-full overflow-hidden rounded-full bg-raised">
                <span
                  className="block h-full rounded-full"
                  style={{ width: `${max > 0 ? (line.value / max) * 100 : 0}%`, background: tone }}
                />
              </span>
            </>
          )
          return (
            <li key={line.id}>
              {line.pick === null ? (
                <div className="flex flex-col px-4 py-1.5">{body}</div>
              ) : (
                <button
                  type="button"
                  onClick={line.pick}
                  className="flex w-full flex-col px-4 py-1.5 text-left hover:bg-raised focus-visible:-outline-offset-2"
                >
                  {body}
                </button>
              )}
            </li>
          )
        })}
      </ul>
      {lines.length > MOST ? (
        <p className="px-4 pt-1 text-[12px] text-muted">and {lines.length - MOST} smaller; the list view has all.</p>
      ) : null}
    </section>
  )
}

function NodeDetail({
  node,
  focused,
  view,
  total,
  rateOf,
  onPick,
  onFocus,
  onUnfold,
}: Common & { node: ViewNode; focused: boolean; onFocus: (id: string) => void; onUnfold: (ids: string[]) => void }) {
  const label = new Map(view.nodes.map((candidate) => [candidate.id, candidate.label]))
  const line = (edge: ViewEdge, other: string): Line => ({
    id: edge.id,
    name: label.get(other) ?? other,
    note: edge.label,
    value: edge.value,
    pick: () => onPick({ kind: 'edge', id: edge.id }),
  })
  const Icon = nodeIcon(node)
  return (
    <>
      <Head
        onClose={() => onPick(null)}
        kind={nodeKind(node)}
        title={
          <span className="inline-flex items-center gap-2">
            <Icon aria-hidden className="size-4 shrink-0 text-muted" />
            <span className={node.kind === 'host' ? 'font-mono text-[13px]' : undefined}>{node.label}</span>
          </span>
        }
      >
        <Badge tone={node.inside ? 'accent' : 'neutral'}>{node.inside ? 'inside' : 'outside'}</Badge>
      </Head>
      <Facts
        rows={[
          ['As server, both directions', rateOf(node.received)],
          ['As client, both directions', rateOf(node.sent)],
          ['Share of this view', share(total > 0 ? (node.received + node.sent) / total : null)],
        ]}
      />
      <Ways filter={node.filter}>
        {node.kind === 'fold' ? (
          <Button size="sm" onClick={() => onUnfold([node.id])}>
            <Ungroup /> Unfold all {node.members.length}
          </Button>
        ) : (
          <Button size="sm" onClick={() => onFocus(focused ? '' : node.id)}>
            <Crosshair /> {focused ? 'Show everything' : 'Focus'}
          </Button>
        )}
      </Ways>
      {node.kind === 'fold' ? (
        <Lines
          title="Holds"
          tone="var(--chart-other)"
          rateOf={rateOf}
          lines={node.members.map((member) => ({
            id: member.id,
            name: member.label,
            note: 'Draw it on its own',
            value: member.sent + member.received,
            pick: () => onUnfold([member.id]),
          }))}
        />
      ) : null}
      <Lines
        title="Clients"
        tone="var(--chart-1)"
        rateOf={rateOf}
        lines={view.edges.filter((edge) => edge.target === node.id).map((edge) => line(edge, edge.source))}
      />
      <Lines
        title="Servers it calls"
        tone="var(--chart-2)"
        rateOf={rateOf}
        lines={view.edges.filter((edge) => edge.source === node.id).map((edge) => line(edge, edge.target))}
      />
    </>
  )
}

function EdgeDetail({ edge, view, total, rateOf, onPick }: Common & { edge: ViewEdge }) {
  const node = (id: string) => view.nodes.find((candidate) => candidate.id === id)
  const source = node(edge.source)
  const target = node(edge.target)
  // Folded ends have many filters; only one part can be said exactly.
  const [only] = edge.parts
  const filter = edge.parts.length === 1 && only ? only.filter : ''
  const end = (of: ViewNode | undefined, id: string) => (
    <button
      type="button"
      className="rounded-sm text-left underline-offset-2 hover:text-accent hover:underline"
      onClick={() => onPick({ kind: 'node', id })}
    >
      {of?.label ?? id}
    </button>
  )
  return (
    <>
      <Head
        onClose={() => onPick(null)}
        kind="Client → server"
        title={
          <span className="flex flex-wrap items-center gap-1.5">
            {end(source, edge.source)}
            <ArrowRight aria-hidden className="size-3.5 text-muted" />
            {end(target, edge.target)}
          </span>
        }
      />
      <Facts
        rows={[
          ['Rate, both directions', rateOf(edge.value)],
          ['Share of this view', share(total > 0 ? edge.value / total : null)],
          ['Services', String(new Set(edge.parts.map((part) => part.service)).size)],
        ]}
      />
      <Ways filter={filter} />
      <PartLines edge={edge} rateOf={rateOf} />
    </>
  )
}

/** What an edge is made of; each part filters to itself. */
function PartLines({ edge, rateOf }: { edge: ViewEdge; rateOf: (value: number) => string }) {
  const view = useView()
  return (
    <Lines
      title="Made of"
      tone="var(--accent)"
      rateOf={rateOf}
      lines={edge.parts.map((part) => ({
        id: `${part.source}>${part.target}>${part.service}`,
        name: part.service,
        note: 'Filter to this',
        value: part.value,
        pick: () => view.addFilter(part.filter),
      }))}
    />
  )
}

/** The picked thing is not in this view any more: traffic changed, or it was folded. */
function Gone({ onPick }: Pick<Common, 'onPick'>) {
  return (
    <>
      <Head
        title="Not in this view"
        kind="The picked node or edge has no traffic now, or is folded into a group."
        onClose={() => onPick(null)}
      />
      <p className="px-4 pb-3 text-[13px] text-muted">“Find a node” shows everything the answer holds.</p>
    </>
  )
}
