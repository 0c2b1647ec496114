'use client'
import { Ban, Copy, Filter, List, ShieldBan } from 'lucide-react'
import Link from 'next/link'
import { useSearchParams } from 'next/navigation'
import type { ReactNode } from 'react'
import { toast } from 'sonner'
import { useMay } from '../data/use-profile.ts'
import { useView } from '../data/view.ts'
import { andFilter, notFilter } from '../data/view-state.ts'
import { cn } from './ui/cn.ts'
import { copyText } from './ui/copy-button.tsx'
import { Menu, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from './ui/menu.tsx'

/** A filter that names exactly one address, so that a block of it means something. */
const ONE_ADDRESS = /^(?:src_addr|dst_addr|addr) = [0-9a-fA-F.:]+$/

/** Copy and say so. */
export function copyWithToast(text: string): void {
  void copyText(text).then((done) =>
    done
      ? toast('Copied', { description: text, duration: 1800 })
      : toast.error('The browser refused to copy. Select the text and copy it by hand.'),
  )
}

/**
 * A value that can be acted on: filter to it, exclude it, see its flows, copy it.
 * `filter` is the expression that selects exactly it; `copy` the text to copy, the label by default.
 */
export function ValueMenu({
  children,
  label,
  filter,
  copy,
  className,
  extra,
}: {
  children: ReactNode
  label: string
  filter: string
  copy?: string | undefined
  className?: string
  /** More items, above the copy part. */
  extra?: ReactNode
}) {
  const view = useView()
  const search = useSearchParams()
  const narrowed = andFilter(view.filter, filter)
  const flows = new URLSearchParams(search.toString())
  flows.set('filter', narrowed)
  for (const key of [...flows.keys()])
    if (!['range', 'from', 'to', 'metric', 'filter', 'scaled', 'refresh'].includes(key)) flows.delete(key)
  const mayBlock = useMay('block:request') && ONE_ADDRESS.test(filter)
  const block = new URLSearchParams({ filter })
  for (const key of ['range', 'from', 'to']) {
    const value = search.get(key)
    if (value !== null) block.set(key, value)
  }
  return (
    <Menu modal={false}>
      <MenuTrigger
        className={cn(
          'min-w-0 cursor-pointer truncate rounded-sm text-left decoration-muted underline-offset-2 hover:text-accent hover:underline data-[state=open]:text-accent',
          className,
        )}
        title={label}
      >
        {children}
      </MenuTrigger>
      <MenuContent>
        <MenuLabel className="max-w-80 break-words font-mono">{filter}</MenuLabel>
        <MenuItem onSelect={() => view.addFilter(filter)}>
          <Filter aria-hidden /> Filter to this
        </MenuItem>
        <MenuItem onSelect={() => view.addFilter(notFilter(filter))}>
          <Ban aria-hidden /> Exclude this
        </MenuItem>
        <MenuItem asChild>
          <Link href={`/flows?${flows.toString()}`}>
            <List aria-hidden /> Open its flows
          </Link>
        </MenuItem>
        {mayBlock ? (
          <MenuItem asChild>
            <Link href={`/blocks/new?${block}`}>
              <ShieldBan aria-hidden /> Simulate a block
            </Link>
          </MenuItem>
        ) : null}
        {extra}
        <MenuSeparator />
        <MenuItem onSelect={() => copyWithToast(copy ?? label)}>
          <Copy aria-hidden /> Copy value
        </MenuItem>
        <MenuItem onSelect={() => copyWithToast(filter)}>
          <Copy aria-hidden /> Copy as filter
        </MenuItem>
      </MenuContent>
    </Menu>
  )
}
