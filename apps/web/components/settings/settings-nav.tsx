'use client'

import { BellRing, Database, Info, KeyRound, Network, ServerCog, ShieldCheck, Tags, UserRound, Users, UsersRound } from 'lucide-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { useEffect, useRef } from 'react'

const SECTIONS = [
  { href: '/settings/profile', label: 'Profile', icon: UserRound },
  { href: '/settings/users', label: 'Users', icon: Users },
  { href: '/settings/tokens', label: 'API tokens', icon: KeyRound },
  { href: '/settings/services', label: 'Services', icon: Tags },
  { href: '/settings/networks', label: 'Networks', icon: Network },
  { href: '/settings/devices', label: 'Devices', icon: ServerCog },
  { href: '/settings/protected', label: 'Protected prefixes', icon: ShieldCheck },
  { href: '/settings/changes', label: 'Admin changes', icon: UsersRound },
  { href: '/settings/notifications', label: 'Notifications', icon: BellRing },
  { href: '/settings/demo', label: 'Demo data', icon: Database },
  { href: '/settings/about', label: 'About', icon: Info },
] as const

/** Sections of the settings: a column beside the page, a row above it on narrow screens. */
export function SettingsNav({ allowed }: { allowed: readonly string[] }) {
  const pathname = usePathname()
  const list = useRef<HTMLElement>(null)
  // On a phone the row is wider than the screen: the open section is brought into sight.
  useEffect(() => {
    const current = list.current?.querySelector(`[href="${pathname}"]`)
    current?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [pathname])
  return (
    <nav
      ref={list}
      aria-label="Settings"
      className="-mx-4 flex shrink-0 gap-1 overflow-x-auto border-b px-4 pb-2 lg:mx-0 lg:w-44 lg:flex-col lg:gap-0.5 lg:self-start lg:overflow-visible lg:border-0 lg:px-0 lg:pb-0"
    >
      {SECTIONS.filter((section) => allowed.includes(section.href)).map((section) => {
        const current = pathname === section.href
        return (
          <Link
            key={section.href}
            href={section.href}
            aria-current={current ? 'page' : undefined}
            className={`flex h-9 shrink-0 items-center max-lg:h-11 gap-2.5 rounded-md px-2.5 text-[13px] ${
              current ? 'bg-accent-soft font-medium text-accent' : 'text-muted hover:bg-raised hover:text-foreground'
            }`}
          >
            <section.icon size={16} aria-hidden="true" className="hidden shrink-0 lg:block" />
            {section.label}
          </Link>
        )
      })}
    </nav>
  )
}
