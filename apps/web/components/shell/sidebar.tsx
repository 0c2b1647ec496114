'use client'

import { PanelLeftClose, PanelLeftOpen } from 'lucide-react'
import Link from 'next/link'
import { usePathname, useSearchParams } from 'next/navigation'
import { useState } from 'react'
import { OpenCount } from '../anomalies/anomaly-watch'
import { Mark } from './logo'
import { PLACES, type Place, placeOf, withView } from './navigation'

/** At the foot of the column: what is about Weir and not about traffic. */
const LAST: readonly string[] = ['/audit', '/settings']

/** Remembered for a year in a plain cookie, so that the server already draws the right width. */
function remember(collapsed: boolean): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser we support.
  document.cookie = `weir-sidebar=${collapsed ? 'collapsed' : 'open'}; path=/; max-age=31536000; samesite=lax`
}

/** Navigation on screens from 1024 px; `places` are those the signed-in person may open. */
export function Sidebar({ initiallyCollapsed, allowed }: { initiallyCollapsed: boolean; allowed: readonly string[] }) {
  const [collapsed, setCollapsed] = useState(initiallyCollapsed)
  const here = placeOf(usePathname())
  const search = useSearchParams()
  const places = PLACES.filter((place) => allowed.includes(place.href))

  const item = (place: Place) => {
    const current = here?.href === place.href
    return (
      <Link
        key={place.href}
        href={withView(place.href, search)}
        aria-current={current ? 'page' : undefined}
        aria-label={collapsed ? place.label : undefined}
        title={collapsed ? place.label : undefined}
        className={`relative flex h-9 items-center gap-3 rounded-md px-2.5 text-[13.5px] transition-colors ${
          current ? 'bg-accent-soft font-medium text-accent' : 'text-muted hover:bg-raised hover:text-foreground'
        }`}
      >
        <place.icon size={16} strokeWidth={current ? 2.25 : 1.9} aria-hidden="true" className="shrink-0" />
        {collapsed ? null : <span className="truncate">{place.label}</span>}
        {place.href === '/anomalies' ? <OpenCount className={collapsed ? 'absolute top-0 right-0' : 'ml-auto'} /> : null}
      </Link>
    )
  }

  return (
    <aside
      className={`sticky top-0 hidden h-dvh shrink-0 flex-col border-r bg-surface transition-[width] duration-150 lg:flex print:hidden ${
        collapsed ? 'w-14' : 'w-52'
      }`}
    >
      <Link
        href="/"
        aria-label="Weir, overview"
        className={`flex h-13 shrink-0 items-center gap-2 border-b ${collapsed ? 'justify-center' : 'px-4'}`}
      >
        <Mark size={22} />
        {collapsed ? null : <span className="text-[17px] font-semibold tracking-tight">Weir</span>}
      </Link>
      <nav aria-label="Main" className="flex flex-1 flex-col gap-0.5 overflow-y-auto p-2">
        {places.filter((place) => !LAST.includes(place.href)).map(item)}
        <div className="flex-1" />
        {places.filter((place) => LAST.includes(place.href)).map(item)}
      </nav>
      <div className="border-t p-2">
        <button
          type="button"
          aria-expanded={!collapsed}
          aria-label={collapsed ? 'Expand the sidebar' : 'Collapse the sidebar'}
          title={collapsed ? 'Expand the sidebar' : undefined}
          className="flex h-9 w-full items-center gap-3 rounded-md px-2.5 text-[13px] text-muted hover:bg-raised hover:text-foreground"
          onClick={() => {
            remember(!collapsed)
            setCollapsed(!collapsed)
          }}
        >
          {collapsed ? <PanelLeftOpen size={16} aria-hidden="true" /> : <PanelLeftClose size={16} aria-hidden="true" />}
          {collapsed ? null : 'Collapse'}
        </button>
      </div>
    </aside>
  )
}
