'use client'
import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import type { ComponentProps, ReactNode } from 'react'
import { Button } from './button.tsx'
import { cn } from './cn.ts'

export const Dialog = Radix.Root
export const DialogTrigger = Radix.Trigger
export const DialogClose = Radix.Close

type ContentProps = Omit<ComponentProps<typeof Radix.Content>, 'title'> & {
  title: ReactNode
  description?: ReactNode
  /** Fixed row under the scrolling body. */
  footer?: ReactNode
  /** Controls beside the close button. */
  actions?: ReactNode
  bodyClassName?: string
}

function Frame({ title, description, footer, actions, bodyClassName, className, children, ...props }: ContentProps) {
  return (
    <Radix.Portal>
      {/* As high as what it lies under: of two dialogs the later one's shade covers the earlier one. */}
      <Radix.Overlay className="fixed inset-0 z-50 bg-black/45" />
      <Radix.Content
        {...(description === undefined ? { 'aria-describedby': undefined } : {})}
        className={cn('fixed z-50 flex flex-col overflow-hidden border-border bg-surface text-text outline-none', className)}
        {...props}
      >
        <header className="flex min-h-12 items-center justify-between gap-3 border-border border-b px-4 py-2">
          <div className="min-w-0">
            <Radix.Title className="truncate font-semibold text-[14px]">{title}</Radix.Title>
            {description === undefined ? null : <Radix.Description className="text-[12px] text-muted">{description}</Radix.Description>}
          </div>
          <div className="flex items-center gap-1.5">
            {actions}
            <Radix.Close asChild>
              <Button variant="ghost" size="icon" aria-label="Close">
                <X />
              </Button>
            </Radix.Close>
          </div>
        </header>
        <div className={cn('min-h-0 flex-1 overflow-y-auto p-4', bodyClassName)}>{children}</div>
        {footer === undefined ? null : (
          <footer className="flex items-center justify-end gap-2 border-border border-t px-4 py-3">{footer}</footer>
        )}
      </Radix.Content>
    </Radix.Portal>
  )
}

/** Centred dialog; fills the screen on a phone. */
export function DialogContent({ className, ...props }: ContentProps) {
  return (
    <Frame
      className={cn(
        'inset-0 border-0 sm:inset-auto sm:top-1/2 sm:left-1/2 sm:max-h-[86vh] sm:w-[560px] sm:max-w-[calc(100vw-32px)] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-lg sm:border',
        className,
      )}
      {...props}
    />
  )
}

/** Drawer from the right edge, for the detail of one row; fills the screen on a phone. */
export function DrawerContent({ className, ...props }: ContentProps) {
  return <Frame className={cn('inset-y-0 right-0 w-full border-0 sm:w-[520px] sm:border-l', className)} {...props} />
}

/** Sheet from the bottom edge, for the controls of a phone screen. */
export function SheetContent({ className, ...props }: ContentProps) {
  return (
    <Frame
      className={cn('inset-x-0 bottom-0 max-h-[85dvh] rounded-t-lg border-t pb-[env(safe-area-inset-bottom)]', className)}
      {...props}
    />
  )
}
