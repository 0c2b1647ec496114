'use client'
import { Tabs as Radix, ToggleGroup } from 'radix-ui'
import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

export const Tabs = Radix.Root

export function TabsList({ className, ...props }: ComponentProps<typeof Radix.List>) {
  return <Radix.List className={cn('flex gap-4 overflow-x-auto border-border border-b', className)} {...props} />
}

export function TabsTrigger({ className, ...props }: ComponentProps<typeof Radix.Trigger>) {
  return (
    <Radix.Trigger
      className={cn(
        '-mb-px h-9 cursor-pointer max-sm:h-11 whitespace-nowrap border-transparent border-b-2 px-0.5 font-medium text-[13px] text-muted outline-offset-1 hover:text-text focus-visible:outline-2 focus-visible:outline-accent data-[state=active]:border-accent data-[state=active]:text-text',
        className,
      )}
      {...props}
    />
  )
}

export function TabsContent({ className, ...props }: ComponentProps<typeof Radix.Content>) {
  return <Radix.Content className={cn('outline-none', className)} {...props} />
}

/** One of two to five short choices, all visible. Arrow keys move, the chosen one is pressed. */
export function Segmented<T extends string>({
  value,
  onChange,
  options,
  label,
  size = 'md',
  className,
}: {
  value: T
  onChange: (value: T) => void
  options: readonly { value: T; label: ReactNode; title?: string }[]
  label: string
  size?: 'sm' | 'md'
  className?: string
}) {
  return (
    <ToggleGroup.Root
      type="single"
      value={value}
      aria-label={label}
      className={cn('inline-flex rounded-md border border-border bg-bg p-0.5', className)}
      onValueChange={(next) => {
        const option = options.find((candidate) => candidate.value === next)
        if (option !== undefined) onChange(option.value)
      }}
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option.value}
          value={option.value}
          title={option.title}
          className={cn(
            'cursor-pointer whitespace-nowrap rounded-[5px] border border-transparent px-2 font-medium text-[12px] text-muted outline-offset-1 hover:text-text focus-visible:outline-2 focus-visible:outline-accent data-[state=on]:border-border data-[state=on]:bg-surface data-[state=on]:text-text',
            'max-sm:h-11 max-sm:px-3',
            size === 'sm' ? 'h-6' : 'h-[26px]',
          )}
        >
          {option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  )
}
