'use client'

import { Ellipsis } from 'lucide-react'
import Link from 'next/link'
import { usePathname, useSearchParams } from 'next/navigation'
import { OpenCount } from '../anomalies/anomaly-watch'
import { Menu, MenuContent, MenuItem, MenuTrigger } from '../ui/menu'
import { PLACES, placeOf, withView } from './navigation'

const entry = 'relative flex h-14 min-w-0 flex-1 flex-col items-center justify-center gap-1 text-[10.5px] leading-none'

/** Navigation below 1024 px, in reach of a thumb; each target is at least 44 px high. What does not fit is behind the last entry. */
export function BottomBar({ allowed }: { allowed: readonly string[] }) {
  const here = placeOf(usePathname())
  const search = useSearchParams()
  const places = PLACES.filter((place) => allowed.includes(place.href))
  const more = places.filter((place) => !place.thumb)
  const beyond = here !== undefined && !here.thumb
  const mark = <span aria-hidden="true" className="absolute inset-x-4 top-0 h-0.5 rounded-b bg-accent" />
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 flex border-t bg-surface pb-[env(safe-area-inset-bottom)] lg:hidden print:hidden"
    >
      {places
        .filter((place) => place.thumb)
        .map((place) => {
          const current = here?.href === place.href
          return (
            <Link
              key={place.href}
              href={withView(place.href, search)}
              aria-current={current ? 'page' : undefined}
              className={`${entry} ${current ? 'font-medium text-accent' : 'text-muted'}`}
            >
              {current ? mark : null}
              <span className="relative">
                <place.icon size={18} strokeWidth={current ? 2.25 : 1.8} aria-hidden="true" />
                {place.href === '/anomalies' ? <OpenCount className="absolute -top-2 left-2.5" /> : null}
              </span>
              <span className="max-w-full truncate px-0.5">{place.label}</span>
            </Link>
          )
        })}
      {more.length === 0 ? null : (
        <Menu modal={false}>
          <MenuTrigger className={`${entry} cursor-pointer ${beyond ? 'font-medium text-accent' : 'text-muted'}`}>
            {beyond ? mark : null}
            <Ellipsis size={18} strokeWidth={beyond ? 2.25 : 1.8} aria-hidden="true" />
            <span>{beyond ? here.label : 'More'}</span>
          </MenuTrigger>
          <MenuContent align="end" side="top" className="w-52">
            {more.map((place) => (
              <MenuItem key={place.href} asChild className="min-h-11 text-[14px]">
                <Link href={withView(place.href, search)} aria-current={here?.href === place.href ? 'page' : undefined}>
                  <place.icon aria-hidden="true" /> {place.label}
                </Link>
              </MenuItem>
            ))}
          </MenuContent>
        </Menu>
      )}
    </nav>
  )
}
