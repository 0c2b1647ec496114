'use client'
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react'
import { ArrowRightFromLine, ArrowRightToLine, Boxes, Cloud, Globe2, type LucideIcon, Monitor, Server } from 'lucide-react'
import { memo } from 'react'
import { cn } from '../ui/cn.ts'
import type { ViewNode } from './model.ts'

export type FlowNode = Node<{ node: ViewNode; asClient: string; asServer: string; dimmed: boolean; focused: boolean }, 'weir'>

/** Icon of a kind of node. */
export function nodeIcon(node: Pick<ViewNode, 'kind' | 'inside'>): LucideIcon {
  if (node.kind === 'service') return Server
  if (node.kind === 'fold') return Boxes
  if (node.kind === 'group') return Cloud
  return node.inside ? Monitor : Globe2
}

/** What a kind of node is, in a word or two. */
export function nodeKind(node: Pick<ViewNode, 'kind' | 'inside'>): string {
  if (node.kind === 'service') return 'Service'
  if (node.kind === 'fold') return 'Folded group'
  if (node.kind === 'group') return node.inside ? 'Inside network' : 'Outside'
  return node.inside ? 'Inside host' : 'Outside host'
}

/**
 * A node as a card. From far away only the name is left and it grows, so that it can still be read (the frame sets `data-zoom`).
 * The two handles are where edges would dock; edges follow elk's routes, so they are not seen.
 */
export const GraphNode = memo(function GraphNode({ data, selected }: NodeProps<FlowNode>) {
  const { node, asClient, asServer, dimmed, focused } = data
  const Icon = nodeIcon(node)
  const host = node.kind === 'host'
  return (
    <div
      className={cn(
        'flex h-full w-full items-center gap-2 rounded-lg border px-2 text-left transition-opacity duration-150 motion-reduce:transition-none',
        node.inside ? 'border-border-strong bg-surface' : 'border-muted/60 border-dashed bg-raised',
        node.kind === 'fold' && 'shadow-[3px_3px_0_-1px_var(--raised),3px_3px_0_0_var(--border-strong)]',
        (selected || focused) && 'border-accent border-solid ring-1 ring-accent',
        dimmed && 'opacity-25',
      )}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} className="!pointer-events-none !opacity-0" />
      <Icon
        aria-hidden
        className={cn(
          'size-4 shrink-0 group-data-[zoom=far]/graph:hidden group-data-[zoom=mid]/graph:size-[18px]',
          node.kind === 'service' ? 'text-accent' : 'text-muted',
        )}
      />
      <div className="min-w-0 flex-1">
        <div
          title={node.label}
          className={cn(
            'truncate',
            host
              ? 'font-mono text-[12.5px] group-data-[zoom=far]/graph:text-[18px] group-data-[zoom=mid]/graph:text-[14.5px] group-data-[zoom=far]/graph:tracking-tight'
              : 'font-medium text-[13px] leading-[18px] group-data-[zoom=far]/graph:text-[19px] group-data-[zoom=mid]/graph:text-[16px] group-data-[zoom=far]/graph:leading-7',
            node.kind === 'service' && 'group-data-[zoom=far]/graph:text-accent',
          )}
        >
          {node.label}
        </div>
        {host ? null : (
          <div className="flex gap-1.5 overflow-hidden whitespace-nowrap text-[10.5px] text-muted leading-4 group-data-[zoom=far]/graph:hidden group-data-[zoom=mid]/graph:text-[14px]">
            {node.received > 0 || node.sent === 0 ? (
              <span
                className={cn('inline-flex items-center gap-0.5', node.received < node.sent && 'group-data-[zoom=mid]/graph:hidden')}
                title="As server, both directions"
              >
                <ArrowRightToLine aria-hidden className="size-3" />
                {asServer}
              </span>
            ) : null}
            {node.sent > 0 ? (
              <span
                className={cn('inline-flex items-center gap-0.5', node.received >= node.sent && 'group-data-[zoom=mid]/graph:hidden')}
                title="As client, both directions"
              >
                <ArrowRightFromLine aria-hidden className="size-3" />
                {asClient}
              </span>
            ) : null}
          </div>
        )}
      </div>
      <Handle type="source" position={Position.Right} isConnectable={false} className="!pointer-events-none !opacity-0" />
    </div>
  )
})
