'use client'

import Link from 'next/link'
import { usePathname } from 'next/navigation'
import type { ReactNode } from 'react'
import { Mark } from './logo'
import { placeOf } from './navigation'

/**
 * One line: where we are, the view's controls (time range, refresh, metric) on pages that show traffic, the live rate, theme and account.
 * Below 768 px the controls get a line of their own.
 */
export function TopBar({ controls, children }: { controls?: ReactNode; children: ReactNode }) {
  const place = placeOf(usePathname())
  const showControls = controls !== undefined && place?.view === true
  return (
    <header className="sticky top-0 z-20 border-b bg-surface print:hidden">
      <div className="flex h-13 items-center gap-3 px-4 lg:px-6">
        <Link href="/" aria-label="Weir, overview" className="-ml-1 shrink-0 lg:hidden">
          <Mark size={24} />
        </Link>
        <span className="truncate text-[15px] font-semibold tracking-tight">{place?.label ?? 'Weir'}</span>
        <div className="min-w-0 flex-1" />
        {showControls ? <div className="hidden min-w-0 items-center gap-2 md:flex">{controls}</div> : null}
        <div className="flex shrink-0 items-center gap-1">{children}</div>
      </div>
      {showControls ? <div className="flex items-center gap-2 overflow-x-auto border-t px-4 py-2 md:hidden">{controls}</div> : null}
    </header>
  )
}
