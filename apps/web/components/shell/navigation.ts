import { Activity, Gauge, Globe2, type LucideIcon, Network, Router, Settings } from 'lucide-react'

export interface Place {
  href: string
  label: string
  icon: LucideIcon
  /** True when the page shows traffic of a time range, so that the top bar carries range, refresh and metric. */
  view: boolean
}

/** The six places of the product, in the order of the sidebar and the bottom bar. */
export const PLACES: readonly Place[] = [
  { href: '/', label: 'Overview', icon: Gauge, view: true },
  { href: '/flows', label: 'Flows', icon: Activity, view: true },
  { href: '/map', label: 'Map', icon: Globe2, view: true },
  { href: '/services', label: 'Services', icon: Network, view: true },
  { href: '/exporters', label: 'Exporters', icon: Router, view: false },
  { href: '/settings', label: 'Settings', icon: Settings, view: false },
]

/** The place a path belongs to; undefined outside all of them. */
export function placeOf(pathname: string): Place | undefined {
  return PLACES.find((place) => (place.href === '/' ? pathname === '/' : pathname === place.href || pathname.startsWith(`${place.href}/`)))
}

/** The keys of the URL that describe a view and therefore travel from place to place. */
export const VIEW_KEYS = ['range', 'from', 'to', 'metric', 'filter', 'scaled', 'refresh'] as const

/** `href` with the view of the present URL, so that a filter set on one page still holds on the next. */
export function withView(href: string, search: URLSearchParams): string {
  const kept = new URLSearchParams()
  for (const key of VIEW_KEYS) {
    const value = search.get(key)
    if (value !== null) kept.set(key, value)
  }
  const text = kept.toString()
  return text === '' ? href : `${href}?${text}`
}
