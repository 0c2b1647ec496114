'use client'
import { Check, ChevronDown } from 'lucide-react'
import { Select as Radix } from 'radix-ui'
import { cn } from './cn.ts'
import { floating } from './popover.tsx'

export type SelectOption<T extends string> = { value: T; label: string }

/** Choose one of a short list. `label` names it for a screen reader and, with `showLabel`, for everyone. */
export function Select<T extends string>({
  value,
  onChange,
  options,
  label,
  showLabel = false,
  className,
  disabled = false,
}: {
  value: T
  onChange: (value: T) => void
  options: readonly SelectOption<T>[]
  label: string
  showLabel?: boolean
  className?: string
  disabled?: boolean
}) {
  return (
    <Radix.Root
      value={value}
      disabled={disabled}
      onValueChange={(next) => {
        const option = options.find((candidate) => candidate.value === next)
        if (option !== undefined) onChange(option.value)
      }}
    >
      <Radix.Trigger
        aria-label={label}
        className={cn(
          'inline-flex h-8 cursor-pointer items-center justify-between gap-1.5 whitespace-nowrap rounded-md border border-border bg-surface px-2.5 text-[13px] text-text outline-offset-1 hover:bg-raised max-sm:h-11 focus-visible:outline-2 focus-visible:outline-accent disabled:cursor-not-allowed disabled:opacity-50',
          className,
        )}
      >
        <span className="flex min-w-0 items-baseline gap-1.5 truncate">
          {showLabel ? <span className="text-muted">{label}</span> : null}
          <Radix.Value />
        </span>
        <Radix.Icon asChild>
          <ChevronDown className="size-3.5 shrink-0 text-muted" />
        </Radix.Icon>
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          position="popper"
          sideOffset={4}
          collisionPadding={8}
          className={cn(floating, 'max-h-80 min-w-(--radix-select-trigger-width) overflow-hidden')}
        >
          <Radix.Viewport className="p-1">
            {options.map((option) => (
              <Radix.Item
                key={option.value}
                value={option.value}
                className="relative flex min-h-8 cursor-pointer select-none items-center rounded-md py-1 pr-3 pl-7 text-[13px] outline-none max-sm:min-h-11 data-[highlighted]:bg-accent/12"
              >
                <Radix.ItemIndicator className="absolute left-2">
                  <Check className="size-4 text-accent" />
                </Radix.ItemIndicator>
                <Radix.ItemText>{option.label}</Radix.ItemText>
              </Radix.Item>
            ))}
          </Radix.Viewport>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
