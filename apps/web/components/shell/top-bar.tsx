'use client'

import Link from 'next/link'
import { usePathname } from 'next/navigation'
import type { ReactNode } from 'react'
import { Mark } from './logo'
import { placeOf } from './navigation'

/** One line: where we are, the view's controls (time range, refresh, metric) on pages that show traffic, the live rate, theme and account. */
export function TopBar({ controls, children }: { controls?: ReactNode; children: ReactNode }) {
  const place = placeOf(usePathname())
  return (
    <header className="sticky top-0 z-20 border-b bg-surface print:hidden">
      <div className="flex h-13 items-center gap-2 px-4 lg:px-6">
        <Link href="/" aria-label="Weir, overview" className="-ml-0.5 shrink-0 lg:hidden">
          <Mark size={24} />
        </Link>
        <span className="hidden truncate font-semibold text-[15px] normal-nums tracking-tight sm:block">{place?.label ?? 'Weir'}</span>
        <div className="min-w-0 flex-1" />
        {place?.view === true ? controls : null}
        <div className="flex shrink-0 items-center gap-1">{children}</div>
      </div>
    </header>
  )
}
