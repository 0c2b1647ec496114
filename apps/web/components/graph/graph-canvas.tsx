'use client'
import '@xyflow/react/dist/base.css'
import { Background, MiniMap, Panel, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from '@xyflow/react'
import { Minus, Plus, Scan } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { lineWidth } from '../map/scale.ts'
import { Button } from '../ui/button.tsx'
import { type EdgeTone, type FlowEdge, GraphEdge } from './graph-edge.tsx'
import { type FlowNode, GraphNode, nodeKind } from './graph-node.tsx'
import { type Box, type Layout, labelPlace, type Point } from './layout.ts'
import { heaviest, type ViewGraph } from './model.ts'

export interface Picked {
  kind: 'node' | 'edge'
  id: string
}

const NODE_TYPES = { weir: GraphNode }
const EDGE_TYPES = { weir: GraphEdge }
/** Below these scales a card's small print, then its rates, cannot be read. */
const FAR = 0.5
const MID = 0.78
const MIN_ZOOM = 0.12
const LABELS = 6
const MOST_LABELS = 14

/** Ids to keep bright: what is picked or pointed at, and what it talks to. null: everything. */
function around(view: ViewGraph, lit: Picked | null): { nodes: Set<string>; edges: Map<string, EdgeTone> } | null {
  if (lit === null) return null
  const nodes = new Set<string>()
  const edges = new Map<string, EdgeTone>()
  for (const edge of view.edges) {
    if (lit.kind === 'edge' ? edge.id !== lit.id : edge.source !== lit.id && edge.target !== lit.id) continue
    edges.set(edge.id, lit.kind === 'edge' ? 'picked' : edge.target === lit.id ? 'in' : 'out')
    nodes.add(edge.source).add(edge.target)
  }
  if (lit.kind === 'node') nodes.add(lit.id)
  return { nodes, edges }
}

interface Viewport {
  x: number
  y: number
  zoom: number
}

/** Below this scale even the enlarged names cannot be read: the first look at a large graph starts with its heaviest part instead. */
const READABLE = 0.46

/** The viewport that shows the whole layout, never larger than life. */
function whole(layout: Layout, width: number, height: number): Viewport {
  const pad = 28
  const zoom = Math.max(
    MIN_ZOOM,
    Math.min(1.1, (width - pad * 2) / Math.max(1, layout.width), (height - pad * 2) / Math.max(1, layout.height)),
  )
  return { x: (width - layout.width * zoom) / 2, y: (height - layout.height * zoom) / 2, zoom }
}

/** Where to look first: everything, if that can be read; else around `at`. */
function first(layout: Layout, at: Point | undefined, width: number, height: number): Viewport {
  const all = whole(layout, width, height)
  if (all.zoom >= READABLE || at === undefined) return all
  const pad = 28
  const along = (middle: number, extent: number, room: number) =>
    extent * READABLE + pad * 2 <= room
      ? (room - extent * READABLE) / 2
      : Math.min(pad, Math.max(room - pad - extent * READABLE, room / 2 - middle * READABLE))
  return { x: along(at.x, layout.width, width), y: along(at.y, layout.height, height), zoom: READABLE }
}

interface Props {
  view: ViewGraph
  layout: Layout
  /** Changes when the picture is another one and should be fitted anew: not on a mere refresh. */
  scene: string
  focus: string
  picked: Picked | null
  still: boolean
  /** Small frame: no minimap, page scrolling wins over zooming. */
  mini: boolean
  rateOf: (value: number) => string
  onPick: (picked: Picked | null) => void
  onFocus: (id: string) => void
}

/** The drawn graph. Everything in it is also in the list view. */
export function GraphCanvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  )
}

function Canvas({ view, layout, scene, focus, picked, still, mini, rateOf, onPick, onFocus }: Props) {
  const flow = useReactFlow()
  const [pointed, setPointed] = useState<Picked | null>(null)
  const scale = useStore((store) => store.transform[2])
  const width = useStore((store) => store.width)
  const height = useStore((store) => store.height)
  const zoom = scale < FAR ? 'far' : scale < MID ? 'mid' : 'near'
  const fitted = useRef('')
  const touched = useRef(false)

  const drawn = useMemo(() => view.nodes.filter((node) => layout.nodes.has(node.id)), [view, layout])
  const lit = useMemo(() => around(view, pointed ?? picked), [view, pointed, picked])
  // Labels keep their size on the screen; in steps, so that a zoom does not place them anew at every pixel. Enlarged ones say the rate only.
  const grow = Math.min(2.5, Math.max(1, Math.round(4 / scale) / 4))
  const short = grow > 1.3
  const labels = useMemo(() => {
    const wanted = lit === null ? heaviest(view, LABELS) : new Set([...lit.edges.keys()].slice(0, MOST_LABELS))
    const taken: Box[] = [...layout.nodes].flatMap(([id, box]) => (lit === null || lit.nodes.has(id) ? [box] : []))
    const places = new Map<string, Point>()
    for (const edge of view.edges) {
      const route = wanted.has(edge.id) ? layout.edges.get(edge.id) : undefined
      if (!route) continue
      const letters = rateOf(edge.value).length + (short ? 0 : edge.label.length + 3)
      const size = { width: (letters * 6 + 16) * grow, height: 22 * grow }
      const place = labelPlace(route, size, taken)
      if (place === null) continue
      places.set(edge.id, place)
      taken.push({ x: place.x - size.width / 2, y: place.y - size.height / 2, ...size })
    }
    return places
  }, [view, layout, lit, rateOf, grow, short])

  const nodes = useMemo<FlowNode[]>(
    () =>
      drawn.map((node) => {
        const box = layout.nodes.get(node.id) ?? { x: 0, y: 0, width: 0, height: 0 }
        const asClient = rateOf(node.sent)
        const asServer = rateOf(node.received)
        return {
          id: node.id,
          type: 'weir',
          position: { x: box.x, y: box.y },
          width: box.width,
          height: box.height,
          selected: picked?.kind === 'node' && picked.id === node.id,
          ariaLabel: `${nodeKind(node)} ${node.label}, ${asServer} as server, ${asClient} as client`,
          data: { node, asClient, asServer, dimmed: lit !== null && !lit.nodes.has(node.id), focused: focus === node.id },
        }
      }),
    [drawn, layout, rateOf, lit, picked, focus],
  )
  const edges = useMemo<FlowEdge[]>(
    () =>
      view.edges.flatMap((edge) => {
        const route = layout.edges.get(edge.id)
        if (!route || !layout.nodes.has(edge.source) || !layout.nodes.has(edge.target)) return []
        const tone = lit === null ? 'plain' : (lit.edges.get(edge.id) ?? 'dimmed')
        return [
          {
            id: edge.id,
            type: 'weir',
            source: edge.source,
            target: edge.target,
            focusable: false,
            zIndex: tone === 'plain' || tone === 'dimmed' ? 0 : 1,
            data: {
              route,
              width: lineWidth(edge.value, view.max, 1, 9),
              label: short ? '' : edge.label,
              rate: rateOf(edge.value),
              tone,
              labelAt: labels.get(edge.id) ?? null,
              labelScale: grow,
            },
          },
        ]
      }),
    [view, layout, lit, labels, rateOf, grow, short],
  )

  // Fit once per scene, and again when the frame changes size, until a person has moved the picture.
  useEffect(() => {
    if (layout.nodes.size === 0 || width === 0 || height === 0) return
    if (fitted.current === scene && touched.current) return
    if (fitted.current !== scene) touched.current = false
    fitted.current = scene
    const target = view.edges[0]?.target
    const box = layout.nodes.get(focus === '' ? (target ?? '') : focus)
    void flow.setViewport(first(layout, box && { x: box.x + box.width / 2, y: box.y + box.height / 2 }, width, height))
  }, [flow, scene, layout, view, focus, width, height])
  const partly = layout.width * scale > width || layout.height * scale > height

  const glide = still ? {} : { duration: 200 }
  const zoomBy = (way: 'in' | 'out') => {
    touched.current = true
    void (way === 'in' ? flow.zoomIn(glide) : flow.zoomOut(glide))
  }
  return (
    <div className="group/graph h-full w-full [&_.react-flow\_\_attribution]:!bg-transparent" data-zoom={zoom}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        elementsSelectable
        selectNodesOnDrag={false}
        multiSelectionKeyCode={null}
        selectionKeyCode={null}
        deleteKeyCode={null}
        minZoom={MIN_ZOOM}
        maxZoom={2}
        zoomOnScroll={!mini}
        panOnDrag={!mini}
        preventScrolling={!mini}
        zoomOnDoubleClick={false}
        attributionPosition="bottom-left"
        onMoveStart={(event) => {
          if (event !== null) touched.current = true
        }}
        onNodeClick={(_, node) => onPick({ kind: 'node', id: node.id })}
        onNodeDoubleClick={(_, node) => onFocus(node.id)}
        onEdgeClick={(_, edge) => onPick({ kind: 'edge', id: edge.id })}
        onPaneClick={() => onPick(null)}
        onNodesChange={(changes) => {
          // The keyboard selects through this door: Enter or Space on a focused node.
          for (const change of changes) if (change.type === 'select' && change.selected) onPick({ kind: 'node', id: change.id })
        }}
        onNodeMouseEnter={(_, node) => setPointed({ kind: 'node', id: node.id })}
        onNodeMouseLeave={() => setPointed(null)}
        onEdgeMouseEnter={(_, edge) => setPointed({ kind: 'edge', id: edge.id })}
        onEdgeMouseLeave={() => setPointed(null)}
        aria-label="Service graph, clients on the left, servers on the right. The list view holds the same."
      >
        <Background gap={24} size={1} color="var(--chart-grid)" bgColor="transparent" />
        {mini || !partly ? null : (
          <MiniMap
            position="bottom-right"
            pannable
            zoomable
            ariaLabel="Overview of the graph"
            className="!m-3 overflow-hidden rounded-md border border-border max-md:hidden"
            style={{ width: 148, height: 96 }}
            bgColor="var(--surface)"
            maskColor="color-mix(in srgb, var(--bg) 72%, transparent)"
            nodeColor={(node) => (node.id === focus || node.id === picked?.id ? 'var(--accent)' : 'var(--border-strong)')}
            nodeBorderRadius={12}
            nodeStrokeWidth={0}
          />
        )}
        <Panel position="top-right" className="!m-3 flex flex-col overflow-hidden rounded-md border border-border bg-surface">
          <Button variant="ghost" size="icon" className="rounded-none" aria-label="Zoom in" title="Zoom in" onClick={() => zoomBy('in')}>
            <Plus />
          </Button>
          <Button
            variant="ghost"
            size="icon"
            className="rounded-none border-border border-y"
            aria-label="Zoom out"
            title="Zoom out"
            onClick={() => zoomBy('out')}
          >
            <Minus />
          </Button>
          <Button
            variant="ghost"
            size="icon"
            className="rounded-none"
            aria-label="Fit the graph into view"
            title="Fit the graph into view"
            onClick={() => {
              touched.current = false
              void flow.setViewport(whole(layout, width, height), glide)
            }}
          >
            <Scan />
          </Button>
        </Panel>
      </ReactFlow>
    </div>
  )
}
