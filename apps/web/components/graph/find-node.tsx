'use client'
import { Command } from 'cmdk'
import { Search } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../ui/button.tsx'
import { Popover, PopoverContent, PopoverTrigger } from '../ui/popover.tsx'
import { nodeIcon, nodeKind } from './graph-node.tsx'

interface Findable {
  id: string
  label: string
  kind: 'service' | 'host' | 'group'
  inside: boolean
  received: number
  sent: number
}

/** Find any node of the answer, folded or not, by part of its name. */
export function FindNode({
  nodes,
  rateOf,
  onFind,
}: {
  nodes: readonly Findable[]
  rateOf: (value: number) => string
  onFind: (id: string) => void
}) {
  const [open, setOpen] = useState(false)
  const sorted = [...nodes].sort((a, b) => b.received + b.sent - a.received - a.sent)
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button>
          <Search className="text-muted" /> Find a node
        </Button>
      </PopoverTrigger>
      <PopoverContent className="w-80 p-0">
        <Command label="Find a node" className="flex max-h-96 flex-col">
          <Command.Input
            placeholder="Name or address"
            className="h-10 w-full border-border border-b bg-transparent px-3 text-[13px] outline-none placeholder:text-muted"
          />
          <Command.List className="overflow-y-auto p-1">
            <Command.Empty className="px-3 py-6 text-center text-[13px] text-muted">
              No node of that name in this view. A wider time range or no filter may have it.
            </Command.Empty>
            {sorted.map((node) => {
              const Icon = nodeIcon(node)
              return (
                <Command.Item
                  key={node.id}
                  value={`${node.label} ${node.id}`}
                  onSelect={() => {
                    onFind(node.id)
                    setOpen(false)
                  }}
                  className="flex min-h-8 cursor-pointer items-center gap-2 rounded-md px-2 py-1 text-[13px] data-[selected=true]:bg-accent/12"
                >
                  <Icon aria-hidden className="size-4 shrink-0 text-muted" />
                  <span className="min-w-0 flex-1 truncate">{node.label}</span>
                  <span className="sr-only">{nodeKind(node)}</span>
                  <span className="shrink-0 text-[12px] text-muted">{rateOf(node.received + node.sent)}</span>
                </Command.Item>
              )
            })}
          </Command.List>
        </Command>
      </PopoverContent>
    </Popover>
  )
}
