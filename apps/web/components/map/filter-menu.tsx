'use client'
import { Ban, Filter, Gauge, House, List } from 'lucide-react'
import Link from 'next/link'
import { useSearchParams } from 'next/navigation'
import { useView } from '../../data/view.ts'
import { andFilter, notFilter } from '../../data/view-state.ts'
import { withView } from '../shell/navigation.ts'
import { MenuContent, MenuItem, MenuLabel, MenuSeparator } from '../ui/menu.tsx'

export interface FilterChoice {
  label: string
  filter: string
}

/**
 * What one can do with something on the map or in the graph: narrow this view to it (each of `choices`), leave it out, or see it
 * elsewhere. `filter` is the expression the last three use. Content of a Menu.
 */
export function FilterMenuContent({
  title,
  choices,
  filter,
  home,
  align = 'start',
}: {
  title: string
  choices: readonly FilterChoice[]
  filter: string
  /** Offers to place the own network here. */
  home?: { label: string; set: () => void } | undefined
  align?: 'start' | 'end'
}) {
  const view = useView()
  const search = useSearchParams()
  const there = (path: string) => {
    const next = new URLSearchParams(search.toString())
    next.set('filter', andFilter(view.filter, filter))
    return withView(path, next)
  }
  return (
    <MenuContent align={align} className="min-w-56">
      <MenuLabel className="font-medium text-text">{title}</MenuLabel>
      {choices.map((choice) => (
        <MenuItem key={choice.filter} onSelect={() => view.addFilter(choice.filter)}>
          <Filter aria-hidden /> {choice.label}
        </MenuItem>
      ))}
      {filter === '' ? null : (
        <>
          <MenuItem onSelect={() => view.addFilter(notFilter(filter))}>
            <Ban aria-hidden /> Exclude
          </MenuItem>
          <MenuSeparator />
          <MenuItem asChild>
            <Link href={there('/')}>
              <Gauge aria-hidden /> Open in overview
            </Link>
          </MenuItem>
          <MenuItem asChild>
            <Link href={there('/flows')}>
              <List aria-hidden /> Open its flows
            </Link>
          </MenuItem>
        </>
      )}
      {home === undefined ? null : (
        <>
          <MenuSeparator />
          <MenuItem onSelect={home.set}>
            <House aria-hidden /> {home.label}
          </MenuItem>
        </>
      )}
    </MenuContent>
  )
}
