'use client'

import Link from 'next/link'
import { usePathname, useSearchParams } from 'next/navigation'
import { PLACES, placeOf, withView } from './navigation'

/** Navigation below 1024 px, in reach of a thumb; each target is at least 44 px high. */
export function BottomBar({ allowed }: { allowed: readonly string[] }) {
  const here = placeOf(usePathname())
  const search = useSearchParams()
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 flex border-t bg-surface pb-[env(safe-area-inset-bottom)] lg:hidden print:hidden"
    >
      {PLACES.filter((place) => allowed.includes(place.href)).map((place) => {
        const current = here?.href === place.href
        return (
          <Link
            key={place.href}
            href={withView(place.href, search)}
            aria-current={current ? 'page' : undefined}
            className={`relative flex h-14 min-w-0 flex-1 flex-col items-center justify-center gap-1 text-[10.5px] leading-none ${
              current ? 'font-medium text-accent' : 'text-muted'
            }`}
          >
            {current ? <span aria-hidden="true" className="absolute inset-x-4 top-0 h-0.5 rounded-b bg-accent" /> : null}
            <place.icon size={18} strokeWidth={current ? 2.25 : 1.8} aria-hidden="true" />
            <span className="max-w-full truncate px-0.5">{place.label}</span>
          </Link>
        )
      })}
    </nav>
  )
}
