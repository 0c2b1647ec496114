'use client'

import { Input, Label } from '../ui/input.tsx'

/** Six digits of the app, or a recovery code; browsers and password managers offer the one they hold. */
export function CodeField({
  id,
  label = 'Code',
  value,
  onChange,
  invalid = false,
  describedBy,
  autoFocus = false,
}: {
  id: string
  label?: string
  value: string
  onChange: (value: string) => void
  invalid?: boolean
  describedBy?: string | undefined
  autoFocus?: boolean
}) {
  return (
    <div className="grid gap-1.5">
      <Label htmlFor={id}>{label}</Label>
      <Input
        id={id}
        name="one-time-code"
        autoComplete="one-time-code"
        autoCapitalize="none"
        spellCheck={false}
        required
        maxLength={20}
        autoFocus={autoFocus}
        placeholder="123 456"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        aria-invalid={invalid || undefined}
        aria-describedby={describedBy}
        className="h-10 font-mono text-[16px] tracking-wide"
      />
    </div>
  )
}
