'use client'
import type { ReactNode } from 'react'
import { cn } from '../ui/cn.ts'
import { Menu, MenuTrigger } from '../ui/menu.tsx'

export interface RankItem {
  id: string
  /** 1-based; null for lines that take no part in the ranking. */
  rank: number | null
  name: string
  /** Said instead of the name where there is little room. */
  short?: string
  /** Short text behind the name, e.g. the country code. */
  code: string
  value: number
  rate: string
  share: string
  /** What the name's menu holds; without it the name is plain text. */
  menu: ReactNode | null
}

/**
 * The ranked table beside the map: the same rows, the same highlight. It is how the map is read by keyboard and by screen reader,
 * so every action of the map is in a row's menu.
 */
export function RankList({
  caption,
  heading,
  items,
  max,
  active,
  onPoint,
}: {
  caption: string
  heading: string
  items: readonly RankItem[]
  max: number
  active: string | null
  onPoint: (id: string | null) => void
}) {
  return (
    <table className="w-full table-fixed border-collapse text-[13px]">
      <caption className="sr-only">{caption}</caption>
      <colgroup>
        <col className="w-11" />
        <col />
        <col className="w-24 sm:w-28" />
        <col className="w-[68px]" />
      </colgroup>
      <thead className="sticky top-0 z-10 bg-surface shadow-[inset_0_-1px_var(--border)]">
        <tr className="text-[12px] text-muted">
          <th scope="col" className="h-8 pl-4 text-left font-medium">
            #
          </th>
          <th scope="col" className="h-8 text-left font-medium">
            {heading}
          </th>
          <th scope="col" className="h-8 text-right font-medium" title="Mean over the window">
            Rate
          </th>
          <th scope="col" className="h-8 pr-4 text-right font-medium" title="Of all traffic in this view">
            Share
          </th>
        </tr>
      </thead>
      <tbody onPointerLeave={() => onPoint(null)}>
        {items.map((item) => (
          <tr
            key={item.id}
            onPointerEnter={() => onPoint(item.id)}
            onFocus={() => onPoint(item.id)}
            onBlur={() => onPoint(null)}
            className={cn('border-border border-b last:border-b-0', active === item.id && 'bg-raised')}
          >
            <td className="h-9 pl-4 text-muted">{item.rank ?? '–'}</td>
            <td className="h-9 pr-2">
              <div className="flex min-w-0 flex-col justify-center gap-1">
                <div className="flex min-w-0 items-baseline gap-1.5 leading-4">
                  {item.menu === null ? (
                    <span className="truncate" title={item.name}>
                      <Name item={item} />
                    </span>
                  ) : (
                    <Menu modal={false}>
                      <MenuTrigger
                        title={item.name}
                        className="min-w-0 cursor-pointer truncate rounded-sm text-left decoration-muted underline-offset-2 hover:text-accent hover:underline data-[state=open]:text-accent"
                      >
                        <Name item={item} />
                      </MenuTrigger>
                      {item.menu}
                    </Menu>
                  )}
                  {item.code === '' ? null : (
                    // Two letters stay; words give way to the name.
                    <span className={cn('text-[11px] text-muted', item.code.length > 3 ? 'min-w-0 shrink-[9] truncate' : 'shrink-0')}>
                      {item.code}
                    </span>
                  )}
                </div>
                <div aria-hidden className="h-[3px] overflow-hidden rounded-full bg-raised">
                  <div
                    className={cn('h-full rounded-full', item.rank === null ? 'bg-chart-other' : 'bg-accent')}
                    style={{ width: `${max > 0 ? Math.min(100, (item.value / max) * 100) : 0}%` }}
                  />
                </div>
              </div>
            </td>
            <td className="h-9 whitespace-nowrap text-right">{item.rate}</td>
            <td className="h-9 whitespace-nowrap pr-4 text-right text-muted">{item.share}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Name({ item }: { item: RankItem }) {
  if (item.short === undefined) return item.name
  return (
    <>
      <span className="max-sm:hidden">{item.name}</span>
      <span className="sm:hidden">{item.short}</span>
    </>
  )
}
