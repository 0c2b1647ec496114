import type { ViewGraph, ViewNode } from './model.ts'

/** Node boxes, px. Hosts are one line, what has a name or stands for many gets two. */
export const NODE_WIDTH = 200
export const nodeHeight = (node: Pick<ViewNode, 'kind'>): number => (node.kind === 'host' ? 32 : 48)

export interface Point {
  x: number
  y: number
}

export interface Box extends Point {
  width: number
  height: number
}

/** How an edge runs. */
export interface Route {
  /** SVG path. */
  path: string
  /** Where it meets the server, and the direction it arrives in, radians clockwise from rightwards. */
  end: Point
  angle: number
  /** Points along it, evenly spread in the curve's parameter, both ends included. */
  samples: Point[]
}

export interface Layout {
  /** What was laid out: the same set of nodes and edges gives the same text. */
  signature: string
  nodes: Map<string, Box>
  edges: Map<string, Route>
  width: number
  height: number
}

/** The question for elkjs. */
export interface ElkQuestion {
  id: string
  layoutOptions: Record<string, string>
  children: { id: string; width: number; height: number; layoutOptions?: Record<string, string> }[]
  edges: { id: string; sources: string[]; targets: string[] }[]
}

interface Section {
  startPoint: Point
  endPoint: Point
  bendPoints?: Point[]
}

/** The part of its answer this reads. */
export interface ElkAnswer {
  width?: number
  height?: number
  children?: { id: string; x?: number; y?: number; width?: number; height?: number }[]
  edges?: { id: string; sections?: Section[] }[]
}

const OPTIONS: Record<string, string> = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.edgeRouting': 'SPLINES',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
  'elk.layered.nodePlacement.bk.fixedAlignment': 'BALANCED',
  'elk.layered.spacing.edgeNodeBetweenLayers': '20',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '6',
  'elk.spacing.nodeNode': '9',
  'elk.spacing.edgeNode': '5',
  'elk.spacing.edgeEdge': '4',
  'elk.spacing.componentComponent': '40',
  'elk.aspectRatio': '1.5',
  'elk.layered.thoroughness': '12',
  'elk.randomSeed': '1',
}

/** Longest chain of calls, in nodes, at most `most`; loops count until then. */
export function depth(edges: readonly { source: string; target: string }[], most = 8): number {
  const level = new Map<string, number>()
  let deepest = 0
  for (let pass = 1; pass < most; pass++) {
    let changed = false
    for (const { source, target } of edges) {
      const next = (level.get(source) ?? 0) + 1
      if (next < most && next > (level.get(target) ?? 0)) {
        level.set(target, next)
        deepest = Math.max(deepest, next)
        changed = true
      }
    }
    if (!changed) break
  }
  return deepest + 1
}

/** Room between layers, px: as much as a usual screen has to spare, so that a shallow graph shows whole labels and a deep one stays large. */
function layerGap(view: Pick<ViewGraph, 'nodes' | 'edges'>): number {
  const layers = depth(view.edges)
  const spare = (1180 - layers * NODE_WIDTH) / Math.max(1, layers - 1)
  return Math.round(Math.min(view.nodes.length <= 16 ? 200 : 120, Math.max(84, spare)))
}

/** Same set of nodes, kinds and edges → same text, whatever their values and order. */
export function signature(view: Pick<ViewGraph, 'nodes' | 'edges'>): string {
  const nodes = view.nodes.map((node) => `${node.id}|${nodeHeight(node)}`).sort()
  const edges = view.edges.map((edge) => edge.id).sort()
  return `${nodes.join('\n')}\n\n${edges.join('\n')}`
}

/**
 * The question for elk. Nodes and edges go in by id, so that a change of rates cannot move anything; nodes that were drawn before
 * carry their old place, which elk uses as their order within a layer, so that a newcomer disturbs little.
 */
export function toElk(view: Pick<ViewGraph, 'nodes' | 'edges'>, previous: Layout | null): ElkQuestion {
  const known = view.nodes.filter((node) => previous?.nodes.has(node.id)).length
  const options = { ...OPTIONS, 'elk.layered.spacing.nodeNodeBetweenLayers': String(layerGap(view)) }
  const keep = previous !== null && known >= view.nodes.length / 2
  return {
    id: 'root',
    layoutOptions: keep ? { ...options, 'elk.layered.crossingMinimization.semiInteractive': 'true' } : options,
    children: [...view.nodes]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((node) => {
        const old = keep ? previous.nodes.get(node.id) : undefined
        return {
          id: node.id,
          width: NODE_WIDTH,
          height: nodeHeight(node),
          ...(old ? { layoutOptions: { 'elk.position': `(${old.x},${old.y})` } } : {}),
        }
      }),
    edges: [...view.edges]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((edge) => ({ id: edge.id, sources: [edge.source], targets: [edge.target] })),
  }
}

const at = (point: Point) => `${Math.round(point.x * 10) / 10} ${Math.round(point.y * 10) / 10}`

/** The point of a cubic curve at `t`. */
function onCurve(a: Point, b: Point, c: Point, d: Point, t: number): Point {
  const s = 1 - t
  const mix = (p: number, q: number, r: number, u: number) => s * s * s * p + 3 * s * s * t * q + 3 * s * t * t * r + t * t * t * u
  return { x: mix(a.x, b.x, c.x, d.x), y: mix(a.y, b.y, c.y, d.y) }
}

/** Samples per cubic piece: enough to find room for a label. */
const PER_PIECE = 12

/**
 * elk's spline section (control points in threes, the last one the end) as a route. Where elk gives another number of points, the
 * points are joined by straight lines.
 */
export function splineRoute(section: Section): Route {
  const { startPoint: start, endPoint: end } = section
  const points = [...(section.bendPoints ?? []), end]
  const samples = [start]
  let path = `M${at(start)}`
  if (points.length % 3 === 0) {
    let from = start
    for (let i = 0; i < points.length; i += 3) {
      const [b = end, c = end, d = end] = points.slice(i, i + 3)
      path += `C${at(b)} ${at(c)} ${at(d)}`
      for (let step = 1; step <= PER_PIECE; step++) samples.push(onCurve(from, b, c, d, step / PER_PIECE))
      from = d
    }
  } else {
    let from = start
    for (const point of points) {
      path += `L${at(point)}`
      for (let step = 1; step <= PER_PIECE; step++) {
        samples.push({ x: from.x + ((point.x - from.x) * step) / PER_PIECE, y: from.y + ((point.y - from.y) * step) / PER_PIECE })
      }
      from = point
    }
  }
  const before = samples.at(-2) ?? start
  return { path, end, angle: Math.atan2(end.y - before.y, end.x - before.x), samples }
}

/** Middle of a label of this size on this route that covers no box, as near to the middle of the route as can be; null without room. */
export function labelPlace(route: Pick<Route, 'samples'>, size: { width: number; height: number }, taken: readonly Box[]): Point | null {
  const { samples } = route
  const half = (samples.length - 1) / 2
  const order = samples.map((_, index) => index).sort((a, b) => Math.abs(a - half) - Math.abs(b - half) || a - b)
  for (const index of order) {
    const point = samples[index]
    if (!point) continue
    const left = point.x - size.width / 2
    const top = point.y - size.height / 2
    const free = taken.every(
      (box) => left >= box.x + box.width || left + size.width <= box.x || top >= box.y + box.height || top + size.height <= box.y,
    )
    if (free) return point
  }
  return null
}

/** elk's answer as places and paths. Edges it could not route are absent. */
export function fromElk(answer: ElkAnswer, forSignature: string): Layout {
  const edges: Layout['edges'] = new Map()
  for (const edge of answer.edges ?? []) {
    const section = edge.sections?.[0]
    if (section) edges.set(edge.id, splineRoute(section))
  }
  return {
    signature: forSignature,
    nodes: new Map(
      (answer.children ?? []).map((child) => [
        child.id,
        { x: child.x ?? 0, y: child.y ?? 0, width: child.width ?? NODE_WIDTH, height: child.height ?? 0 },
      ]),
    ),
    edges,
    width: answer.width ?? 0,
    height: answer.height ?? 0,
  }
}
