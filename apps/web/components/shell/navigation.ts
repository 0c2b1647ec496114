import { Activity, BellRing, Gauge, Globe2, type LucideIcon, Network, Radar, Router, ScrollText, Settings, ShieldBan } from 'lucide-react'

export interface Place {
  href: string
  label: string
  icon: LucideIcon
  /** True when the page shows traffic of a time range, so that the top bar carries range, refresh and metric. */
  view: boolean
  /** True when a phone's bar shows it by itself; the others are behind its last entry. */
  thumb: boolean
}

/** The places of the product, in the order of the sidebar and the bottom bar. */
export const PLACES: readonly Place[] = [
  { href: '/', label: 'Overview', icon: Gauge, view: true, thumb: true },
  { href: '/flows', label: 'Flows', icon: Activity, view: true, thumb: true },
  { href: '/map', label: 'Map', icon: Globe2, view: true, thumb: false },
  { href: '/services', label: 'Services', icon: Network, view: true, thumb: false },
  { href: '/anomalies', label: 'Anomalies', icon: Radar, view: false, thumb: true },
  { href: '/on-call', label: 'On-call', icon: BellRing, view: false, thumb: true },
  { href: '/blocks', label: 'Blocks', icon: ShieldBan, view: false, thumb: false },
  { href: '/exporters', label: 'Exporters', icon: Router, view: false, thumb: false },
  { href: '/audit', label: 'Audit', icon: ScrollText, view: false, thumb: false },
  { href: '/settings', label: 'Settings', icon: Settings, view: false, thumb: false },
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
