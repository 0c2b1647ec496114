'use client'

import { ROLES, type Role } from '@weir/db/contracts'
import { ROLE_HINTS, ROLE_NAMES } from '../shell/roles.ts'

/** The five roles with what each is for, as one choice. */
export function RoleChoice({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  return (
    <fieldset className="grid gap-1.5">
      <legend className="mb-1.5 font-medium text-[12px] text-muted">Role</legend>
      {ROLES.map((role) => (
        <label
          key={role}
          className={`flex cursor-pointer items-start gap-2.5 rounded-md border px-3 py-2 ${value === role ? 'border-accent bg-accent-soft' : 'hover:bg-raised'}`}
        >
          <input
            type="radio"
            name="role"
            value={role}
            checked={value === role}
            onChange={() => onChange(role)}
            className="mt-0.5 size-4 accent-(--accent)"
          />
          <span className="min-w-0 text-[13px]">
            <span className="font-medium">{ROLE_NAMES[role]}</span>
            <span className="block text-[12.5px] text-muted">{ROLE_HINTS[role]}</span>
          </span>
        </label>
      ))}
    </fieldset>
  )
}
