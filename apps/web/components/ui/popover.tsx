'use client'
import { Popover as Radix } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from './cn.ts'

export const Popover = Radix.Root
export const PopoverTrigger = Radix.Trigger
export const PopoverAnchor = Radix.Anchor
export const PopoverClose = Radix.Close

export const floating = 'z-50 rounded-lg border border-border bg-popover text-text shadow-popover outline-none'

/** Floating panel anchored to its trigger; focus moves in and comes back. */
export function PopoverContent({
  className,
  align = 'start',
  sideOffset = 6,
  collisionPadding = 8,
  ...props
}: ComponentProps<typeof Radix.Content>) {
  return (
    <Radix.Portal>
      <Radix.Content
        align={align}
        sideOffset={sideOffset}
        collisionPadding={collisionPadding}
        className={cn(floating, 'max-w-[calc(100vw-16px)] p-3', className)}
        {...props}
      />
    </Radix.Portal>
  )
}
