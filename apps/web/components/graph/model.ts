import type { GraphAnswer } from '@weir/db/contracts'

type AnswerNode = GraphAnswer['nodes'][number]
type AnswerEdge = GraphAnswer['edges'][number]

/** A node as drawn: one of the answer's, or several folded into one. Sums of the chosen metric over the window. */
export interface ViewNode {
  id: string
  label: string
  kind: AnswerNode['kind'] | 'fold'
  inside: boolean
  /** Traffic as server and as client, each both directions of its conversations. */
  received: number
  sent: number
  /** '' for a fold. */
  filter: string
  /** The nodes a fold stands for, largest first; empty otherwise. */
  members: AnswerNode[]
}

/** Everything between one client and one server, whatever the service. */
export interface ViewEdge {
  /** 'client>server' */
  id: string
  source: string
  target: string
  value: number
  /** What it is made of, largest first. */
  parts: AnswerEdge[]
  /** 'tcp/443 https', with '+2' when other services ride along. */
  label: string
}

export interface ViewGraph {
  nodes: ViewNode[]
  edges: ViewEdge[]
  /** Largest edge value, for widths. */
  max: number
  /** What the answer holds but this view does not show: by the threshold, by the focus, inside a fold. */
  hidden: { nodes: number; edges: number; value: number }
}

export interface ViewOptions {
  /** At most this many drawn nodes. */
  limit: number
  /** Edges below this many units of the metric are left out. */
  least: number
  /** Show only what is within `depth` steps of this node; '' shows all. */
  focus: string
  depth: number
  /** Folds drawn as their members, and nodes never folded. */
  unfolded: ReadonlySet<string>
  /** Nodes drawn last time: they stay until something else is clearly larger, so that the picture does not flicker. */
  previous: ReadonlySet<string>
}

/** How much larger a newcomer must be to push out a node that is already drawn. */
const STICKY = 1.3
/** How much larger a host must be than a named service to be drawn in its stead: the services are what the graph is about. */
const NAMED = 4

const ROLES = { client: 'clients', server: 'servers', both: 'hosts' } as const
/** Folds at most: each role, inside and outside. */
const GROUPS = 2 * Object.keys(ROLES).length

const byValue = (a: { value: number; id: string }, b: { value: number; id: string }) => b.value - a.value || (a.id < b.id ? -1 : 1)

/** One edge per pair of ends; `end` maps a node to what it is drawn as. Edges that start and end in one drawn node are left out. */
function merge(edges: readonly AnswerEdge[], end: (id: string) => string): { edges: ViewEdge[]; inner: AnswerEdge[] } {
  const merged = new Map<string, ViewEdge>()
  const inner: AnswerEdge[] = []
  for (const edge of edges) {
    const source = end(edge.source)
    const target = end(edge.target)
    if (source === target) {
      inner.push(edge)
      continue
    }
    const id = `${source}>${target}`
    const known = merged.get(id)
    if (known) {
      known.value += edge.value
      known.parts.push(edge)
    } else merged.set(id, { id, source, target, value: edge.value, parts: [edge], label: '' })
  }
  for (const edge of merged.values()) {
    edge.parts.sort((a, b) => b.value - a.value)
    const services = new Map<string, number>()
    for (const part of edge.parts) services.set(part.service, (services.get(part.service) ?? 0) + part.value)
    const [first] = [...services].sort((a, b) => b[1] - a[1])
    edge.label = `${first?.[0] ?? ''}${services.size > 1 ? ` +${services.size - 1}` : ''}`
  }
  return { edges: [...merged.values()].sort(byValue), inner }
}

/** Ids within `depth` steps of `focus`, against and along the edges; the focus itself included. */
export function neighbourhood(edges: readonly { source: string; target: string }[], focus: string, depth: number): Set<string> {
  const seen = new Set([focus])
  let edge = [focus]
  for (let step = 0; step < depth && edge.length > 0; step++) {
    const here = new Set(edge)
    edge = []
    for (const { source, target } of edges) {
      if (here.has(source) && !seen.has(target)) {
        seen.add(target)
        edge.push(target)
      }
      if (here.has(target) && !seen.has(source)) {
        seen.add(source)
        edge.push(source)
      }
    }
  }
  return seen
}

/**
 * What to draw of an answer: first the threshold, then the focus, then the small nodes folded into at most six groups
 * (inside or outside × client, server, both) so that not more than `limit` nodes stay. Pure; the same input gives the same view.
 */
export function viewGraph(answer: Pick<GraphAnswer, 'nodes' | 'edges'>, options: ViewOptions): ViewGraph {
  const nodes = new Map(answer.nodes.map((node) => [node.id, node]))
  let edges = answer.edges.filter((edge) => edge.value >= options.least && nodes.has(edge.source) && nodes.has(edge.target))
  if (options.focus !== '' && nodes.has(options.focus)) {
    const near = neighbourhood(edges, options.focus, options.depth)
    edges = edges.filter((edge) => near.has(edge.source) && near.has(edge.target))
  }

  // Weight is the traffic in the edges that remain, not the node's total: a node is as large as what is seen of it.
  const weight = new Map<string, number>()
  const client = new Set<string>()
  const server = new Set<string>()
  for (const edge of edges) {
    weight.set(edge.source, (weight.get(edge.source) ?? 0) + edge.value)
    weight.set(edge.target, (weight.get(edge.target) ?? 0) + edge.value)
    client.add(edge.source)
    server.add(edge.target)
  }
  if (options.focus !== '' && nodes.has(options.focus) && !weight.has(options.focus)) weight.set(options.focus, 0)

  const shown = [...weight.keys()].flatMap((id) => nodes.get(id) ?? [])
  const foldOf = new Map<string, string>()
  if (shown.length > options.limit) {
    const rank = (node: AnswerNode) =>
      (weight.get(node.id) ?? 0) * (options.previous.has(node.id) ? STICKY : 1) * (node.kind === 'service' ? NAMED : 1)
    const always = (node: AnswerNode) => node.id === options.focus || options.unfolded.has(node.id)
    const order = [...shown].sort((a, b) => Number(always(b)) - Number(always(a)) || rank(b) - rank(a) || (a.id < b.id ? -1 : 1))
    // As many stay as leave room for the groups that the others make.
    for (let groups = 1; groups <= GROUPS; groups++) {
      foldOf.clear()
      for (const node of order.slice(Math.max(1, options.limit - groups))) {
        if (always(node)) continue
        const role = client.has(node.id) ? (server.has(node.id) ? 'both' : 'client') : 'server'
        const fold = `fold:${node.inside ? 'inside' : 'outside'}:${role}`
        if (!options.unfolded.has(fold)) foldOf.set(node.id, fold)
      }
      // A fold of one says less than the node itself.
      const sizes = new Map<string, number>()
      for (const fold of foldOf.values()) sizes.set(fold, (sizes.get(fold) ?? 0) + 1)
      for (const [id, fold] of foldOf) if (sizes.get(fold) === 1) foldOf.delete(id)
      if (shown.length - foldOf.size + new Set(foldOf.values()).size <= options.limit) break
    }
  }

  const { edges: drawn, inner } = merge(edges, (id) => foldOf.get(id) ?? id)
  const result: ViewNode[] = []
  const folds = new Map<string, AnswerNode[]>()
  for (const node of shown) {
    const fold = foldOf.get(node.id)
    if (fold === undefined) result.push({ ...node, members: [] })
    else folds.set(fold, [...(folds.get(fold) ?? []), node])
  }
  for (const [id, members] of folds) {
    const [, where = '', role = 'both'] = id.split(':')
    members.sort((a, b) => (weight.get(b.id) ?? 0) - (weight.get(a.id) ?? 0) || (a.id < b.id ? -1 : 1))
    result.push({
      id,
      label: `${members.length} ${where} ${ROLES[role as keyof typeof ROLES]}`,
      kind: 'fold',
      inside: where === 'inside',
      received: members.reduce((sum, node) => sum + node.received, 0),
      sent: members.reduce((sum, node) => sum + node.sent, 0),
      filter: '',
      members,
    })
  }
  result.sort((a, b) => (a.id < b.id ? -1 : 1))
  const seen = new Set(edges)
  const left = [...answer.edges.filter((edge) => !seen.has(edge)), ...inner]
  return {
    nodes: result,
    edges: drawn,
    max: drawn[0]?.value ?? 0,
    hidden: { nodes: answer.nodes.length - shown.length, edges: left.length, value: left.reduce((sum, edge) => sum + edge.value, 0) },
  }
}

/** The edges whose labels are worth showing without asking: the largest few, as long as each carries a fair part. */
export function heaviest(view: Pick<ViewGraph, 'edges' | 'max'>, most: number): Set<string> {
  return new Set(
    view.edges
      .slice(0, most)
      .filter((edge) => edge.value >= view.max * 0.08)
      .map((edge) => edge.id),
  )
}

/** One value per client–server pair and service, for the table; largest first. */
export function tableRows(answer: Pick<GraphAnswer, 'nodes' | 'edges' | 'total'>) {
  const label = new Map(answer.nodes.map((node) => [node.id, node.label]))
  return answer.edges
    .map((edge) => ({
      id: `${edge.source}>${edge.target}>${edge.service}`,
      edge,
      client: label.get(edge.source) ?? edge.source,
      server: label.get(edge.target) ?? edge.target,
      value: edge.value,
      share: answer.total.value > 0 ? edge.value / answer.total.value : 0,
    }))
    .sort(byValue)
}
export type TableRow = ReturnType<typeof tableRows>[number]
