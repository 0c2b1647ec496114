'use client'
import '@xyflow/react/dist/base.css'
import { Background, MiniMap, Panel, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from '@xyflow/react'
import { Minus, Plus, Scan } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { lineWidth } from '../map/scale.ts'
import { Button } from '../ui/button.tsx'
import { type EdgeTone, type FlowEdge, GraphEdge } from './graph-edge.tsx'
import { type FlowNode, GraphNode, nodeKind } from './graph-node.tsx'
import type { Layout } from './layout.ts'
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
const LABELS = 6

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
  const zoom = scale < FAR ? 'far' : scale < MID ? 'mid' : 'near'
  const fitted = useRef('')

  const drawn = useMemo(() => view.nodes.filter((node) => layout.nodes.has(node.id)), [view, layout])
  const lit = useMemo(() => around(view, pointed ?? picked), [view, pointed, picked])
  const labelled = useMemo(() => heaviest(view, LABELS), [view])

  const nodes = useMemo<FlowNode[]>(
    () =>
      drawn.map((node) => {
        const box = layout.nodes.get(node.id) ?? { x: 0, y: 0, width: 0, height: 0 }
        const sent = rateOf(node.sent)
        const received = rateOf(node.received)
        return {
          id: node.id,
          type: 'weir',
          position: { x: box.x, y: box.y },
          width: box.width,
          height: box.height,
          selected: picked?.kind === 'node' && picked.id === node.id,
          ariaLabel: `${nodeKind(node)} ${node.label}, receives ${received}, sends ${sent}`,
          data: { node, sent, received, dimmed: lit !== null && !lit.nodes.has(node.id), focused: focus === node.id },
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
              ...route,
              width: lineWidth(edge.value, view.max, 1, 9),
              label: edge.label,
              rate: rateOf(edge.value),
              tone,
              labelled: lit === null ? labelled.has(edge.id) : (lit.edges.size <= 12 || edge.value >= view.max * 0.02) && tone !== 'dimmed',
            },
          },
        ]
      }),
    [view, layout, lit, labelled, rateOf],
  )

  // Fit once per scene, and only when its own layout has arrived.
  useEffect(() => {
    if (fitted.current === scene || layout.nodes.size === 0) return
    fitted.current = scene
    const frame = requestAnimationFrame(() => void flow.fitView({ padding: mini ? 0.06 : 0.08, maxZoom: 1.15, duration: 0 }))
    return () => cancelAnimationFrame(frame)
  }, [flow, scene, layout, mini])

  const glide = still ? {} : { duration: 200 }
  return (
    <div className="group/graph h-full w-full" data-zoom={zoom}>
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
        minZoom={0.12}
        maxZoom={2}
        zoomOnScroll={!mini}
        panOnDrag={!mini}
        preventScrolling={!mini}
        zoomOnDoubleClick={false}
        proOptions={{ hideAttribution: true }}
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
        {mini || nodes.length < 12 ? null : (
          <MiniMap
            position="bottom-left"
            pannable
            zoomable
            ariaLabel="Overview of the graph"
            className="!m-3 overflow-hidden rounded-md border border-border"
            style={{ width: 148, height: 96 }}
            bgColor="var(--surface)"
            maskColor="color-mix(in srgb, var(--bg) 72%, transparent)"
            nodeColor={(node) => (node.id === focus || node.id === picked?.id ? 'var(--accent)' : 'var(--border-strong)')}
            nodeBorderRadius={12}
            nodeStrokeWidth={0}
          />
        )}
        <Panel position="top-right" className="!m-3 flex flex-col overflow-hidden rounded-md border border-border bg-surface">
          <Button
            variant="ghost"
            size="icon"
            className="rounded-none"
            aria-label="Zoom in"
            title="Zoom in"
            onClick={() => void flow.zoomIn(glide)}
          >
            <Plus />
          </Button>
          <Button
            variant="ghost"
            size="icon"
            className="rounded-none border-border border-y"
            aria-label="Zoom out"
            title="Zoom out"
            onClick={() => void flow.zoomOut(glide)}
          >
            <Minus />
          </Button>
          <Button
            variant="ghost"
            size="icon"
            className="rounded-none"
            aria-label="Fit the graph into view"
            title="Fit the graph into view"
            onClick={() => void flow.fitView({ padding: 0.08, maxZoom: 1.15, ...glide })}
          >
            <Scan />
          </Button>
        </Panel>
      </ReactFlow>
    </div>
  )
}
