import type { ViewGraph, ViewNode } from './model.ts'

/** Node boxes, px. Hosts are one line, what has a name or stands for many gets two. */
export const NODE_WIDTH = 196
export const nodeHeight = (node: Pick<ViewNode, 'kind'>): number => (node.kind === 'host' ? 36 : 54)

export interface Point {
  x: number
  y: number
}

export interface Box extends Point {
  width: number
  height: number
}

export interface Layout {
  /** What was laid out: the same set of nodes and edges gives the same text. */
  signature: string
  nodes: Map<string, Box>
  /** Edge id → SVG path, and the point halfway for its label. */
  edges: Map<string, { path: string; middle: Point; end: Point }>
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
  'elk.layered.spacing.nodeNodeBetweenLayers': '104',
  'elk.layered.spacing.edgeNodeBetweenLayers': '24',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
  'elk.spacing.nodeNode': '12',
  'elk.spacing.edgeNode': '10',
  'elk.spacing.edgeEdge': '6',
  'elk.spacing.componentComponent': '40',
  'elk.aspectRatio': '1.5',
  'elk.layered.thoroughness': '12',
  'elk.randomSeed': '1',
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
  const keep = previous !== null && known >= view.nodes.length / 2
  return {
    id: 'root',
    layoutOptions: keep ? { ...OPTIONS, 'elk.layered.crossingMinimization.semiInteractive': 'true' } : OPTIONS,
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

/**
 * elk's spline section (control points in threes, the last one the end) as an SVG path, with its middle. Where elk gives another
 * number of points, the points are joined by straight lines.
 */
export function splinePath(section: Section): {
  path: string
  middle: Point
  end: Point
} {
  const { startPoint: start, endPoint: end } = section
  const points = [...(section.bendPoints ?? []), end]
  if (points.length % 3 !== 0) {
    const line = [start, ...points]
    const a = line[Math.floor((line.length - 1) / 2)] ?? start
    const b = line[Math.ceil((line.length - 1) / 2)] ?? end
    // Two points have no middle one: halfway between them. Three have.
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
    return { path: `M${at(start)}${points.map((point) => `L${at(point)}`).join('')}`, middle, end }
  }
  const pieces = points.length / 3
  let path = `M${at(start)}`
  let middle = start
  let from = start
  for (let piece = 0; piece < pieces; piece++) {
    const b = points[piece * 3] ?? end
    const c = points[piece * 3 + 1] ?? end
    const d = points[piece * 3 + 2] ?? end
    path += `C${at(b)} ${at(c)} ${at(d)}`
    if (piece === Math.floor(pieces / 2)) middle = onCurve(from, b, c, d, pieces % 2 === 1 ? 0.5 : 0)
    from = d
  }
  return { path, middle, end }
}

/** elk's answer as places and paths. Edges it could not route are absent. */
export function fromElk(answer: ElkAnswer, forSignature: string): Layout {
  const edges: Layout['edges'] = new Map()
  for (const edge of answer.edges ?? []) {
    const section = edge.sections?.[0]
    if (section) edges.set(edge.id, splinePath(section))
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
