'use client'
import { usePathname, useRouter } from 'next/navigation'
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { toast } from 'sonner'
import { useOpenAnomalies } from '../../data/use-anomalies.ts'
import { onAnomaly } from '../../live/socket.ts'
import { openCounts, titled } from './model.ts'
import { detectorName } from './runbooks.ts'
import { SEVERITY_NAMES } from './words.ts'

/** Kinds of events that are news to a person who looks at another page. */
const NEWS = new Set(['opened', 'escalated', 'restarted', 'reopened'])
/** More at once are told in one sentence. */
const APART = 2

/**
 * On every page: a new warning or critical anomaly says so with a link, and the tab's title carries how many are open. An event names only
 * an id; what it says is read from the server, which decides how much of it this person sees.
 */
export function AnomalyWatch() {
  const open = useOpenAnomalies()
  const router = useRouter()
  const pathname = usePathname()
  const told = useRef(new Set<string>())
  const here = useRef(pathname)
  here.current = pathname
  const counts = useMemo(() => openCounts(open.data?.anomalies ?? []), [open.data])
  const total = counts.critical + counts.warning

  useEffect(
    () =>
      onAnomaly((notice) => {
        if (NEWS.has(notice.kind) && notice.severity !== 'info' && !notice.folded && notice.state === 'new')
          told.current.add(notice.anomalyId)
      }),
    [],
  )
  useEffect(() => {
    if (open.data === undefined || told.current.size === 0) return
    const fresh = open.data.anomalies.filter(
      (one) => told.current.has(one.id) && one.parent === null && one.suppressed_by === null && one.state === 'new',
    )
    for (const one of fresh) told.current.delete(one.id)
    // Folded or decided meanwhile: no news any more. Bounded, so that ids that never appear are not kept.
    if (told.current.size > 500) told.current.clear()
    // The list itself is on the screen there; a narrowed one may not show it.
    const listed = here.current === '/on-call' || (here.current === '/anomalies' && window.location.search === '')
    if (fresh.length === 0 || listed) return
    if (fresh.length > APART) {
      const critical = fresh.filter((one) => one.severity === 'critical').length
      toast(`${fresh.length} new anomalies${critical === 0 ? '' : `, ${critical} critical`}`, {
        duration: 12_000,
        action: { label: 'Look', onClick: () => router.push('/anomalies') },
      })
      return
    }
    for (const one of fresh) {
      toast(`${SEVERITY_NAMES[one.severity]}: ${detectorName(one.detector)}`, {
        id: `anomaly-${one.id}`,
        description: one.sentence,
        duration: one.severity === 'critical' ? 20_000 : 10_000,
        action: { label: 'Look', onClick: () => router.push(`/anomalies/${encodeURIComponent(one.id)}`) },
      })
    }
  }, [open.data, router])

  useEffect(() => {
    const apply = (): void => {
      const next = titled(document.title, total)
      if (next !== document.title) document.title = next
    }
    apply()
    // The framework writes the title anew with each page.
    const observer = new MutationObserver(apply)
    observer.observe(document.head, { childList: true, subtree: true, characterData: true })
    return () => observer.disconnect()
  }, [total])
  return null
}

/** How many warnings and criticals are open, for a navigation entry; nothing when there are none. */
export function OpenCount({ className }: { className?: string }) {
  const open = useOpenAnomalies()
  // The navigation takes over late, when the answer may be here already; the server has drawn it without.
  const inBrowser = useSyncExternalStore(
    () => () => undefined,
    () => true,
    () => false,
  )
  const counts = openCounts(open.data?.anomalies ?? [])
  const total = counts.critical + counts.warning
  if (total === 0 || !inBrowser) return null
  return (
    <span
      data-testid="open-anomalies"
      className={`inline-flex h-[18px] min-w-[18px] items-center justify-center rounded-full px-1 font-semibold text-[11px] leading-none ${
        counts.critical > 0 ? 'bg-critical text-surface' : 'bg-warn text-surface'
      } ${className ?? ''}`}
    >
      {total > 99 ? '99+' : total}
      <span className="sr-only"> open{counts.critical > 0 ? `, ${counts.critical} critical` : ''}</span>
    </span>
  )
}
