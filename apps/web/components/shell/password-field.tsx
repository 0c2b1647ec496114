'use client'

import { Eye, EyeOff } from 'lucide-react'
import { useState } from 'react'
import { Input, Label } from '../ui/input.tsx'

/** A password with a way to see what was typed. */
export function PasswordField({
  id,
  label,
  value,
  onChange,
  autoComplete,
  invalid = false,
  describedBy,
  autoFocus = false,
}: {
  id: string
  label: string
  value: string
  onChange: (value: string) => void
  autoComplete: 'current-password' | 'new-password'
  invalid?: boolean
  describedBy?: string | undefined
  autoFocus?: boolean
}) {
  const [shown, setShown] = useState(false)
  return (
    <div className="grid gap-1.5">
      <Label htmlFor={id}>{label}</Label>
      <div className="relative">
        <Input
          id={id}
          name={autoComplete === 'current-password' ? 'password' : id}
          type={shown ? 'text' : 'password'}
          required
          autoFocus={autoFocus}
          autoComplete={autoComplete}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          aria-invalid={invalid || undefined}
          aria-describedby={describedBy}
          className="h-10 pr-11 text-[14px]"
        />
        <button
          type="button"
          onClick={() => setShown(!shown)}
          aria-label={shown ? `Hide ${label.toLowerCase()}` : `Show ${label.toLowerCase()}`}
          aria-pressed={shown}
          className="absolute inset-y-0 right-0 grid w-10 place-items-center rounded-md text-muted hover:text-foreground"
        >
          {shown ? <EyeOff size={16} aria-hidden="true" /> : <Eye size={16} aria-hidden="true" />}
        </button>
      </div>
    </div>
  )
}
