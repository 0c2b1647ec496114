'use client'

import type { Role } from '@weir/db/contracts'
import { KeyRound, LogOut } from 'lucide-react'
import Link from 'next/link'
import { useTheme } from 'next-themes'
import { useState } from 'react'
import { toast } from 'sonner'
import { fetchJson, ProblemError } from '../../data/fetch-json.ts'
import { Badge } from '../ui/badge.tsx'
import { Menu, MenuContent, MenuItem, MenuLabel, MenuRadioGroup, MenuRadioItem, MenuSeparator, MenuTrigger } from '../ui/menu.tsx'
import { ROLE_NAMES } from './roles.ts'

const initials = (name: string) =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word[0]?.toUpperCase() ?? '')
    .join('')

/** Who is signed in, with which role, and the way out. */
export function UserMenu({ name, email, role }: { name: string; email: string; role: Role }) {
  const [leaving, setLeaving] = useState(false)
  const { theme, setTheme } = useTheme()
  async function signOut() {
    setLeaving(true)
    try {
      await fetchJson('/api/v1/session', { method: 'DELETE' })
      window.location.assign('/sign-in')
    } catch (error) {
      setLeaving(false)
      toast.error('You are still signed in', { description: error instanceof ProblemError ? error.remedy : 'Try again.' })
    }
  }
  return (
    <Menu>
      <MenuTrigger className="grid size-8 cursor-pointer place-items-center rounded-full bg-accent-soft font-semibold text-[11.5px] text-accent hover:bg-raised">
        {/* The name as text and not as a label: a label must hold what is seen, and initials are in no name. */}
        <span aria-hidden="true">{initials(name)}</span>
        <span className="sr-only">
          Account: {name}, {ROLE_NAMES[role]}
        </span>
      </MenuTrigger>
      <MenuContent align="end" className="w-60">
        <div className="px-2 pt-2 pb-2.5">
          <p className="truncate font-medium text-[13px]">{name}</p>
          <p className="truncate text-[12px] text-muted">{email}</p>
          <Badge tone="accent" className="mt-2">
            {ROLE_NAMES[role]}
          </Badge>
        </div>
        <MenuSeparator />
        <MenuItem asChild>
          <Link href="/settings/profile">
            <KeyRound aria-hidden="true" /> Name and password
          </Link>
        </MenuItem>
        <div className="sm:hidden">
          <MenuSeparator />
          <MenuLabel>Theme</MenuLabel>
          <MenuRadioGroup value={theme ?? 'system'} onValueChange={setTheme}>
            <MenuRadioItem value="system">As the system</MenuRadioItem>
            <MenuRadioItem value="light">Light</MenuRadioItem>
            <MenuRadioItem value="dark">Dark</MenuRadioItem>
          </MenuRadioGroup>
          <MenuSeparator />
        </div>
        <MenuItem disabled={leaving} onSelect={() => void signOut()}>
          <LogOut aria-hidden="true" /> Sign out
        </MenuItem>
      </MenuContent>
    </Menu>
  )
}
