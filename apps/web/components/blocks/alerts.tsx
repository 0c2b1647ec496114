'use client'
import type { BlockAlert } from '@weir/db/contracts'
import { TriangleAlert } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useEffect, useRef } from 'react'
import { toast } from 'sonner'
import { useBlockAlerts } from '../../data/use-blocks.ts'
import { useMay } from '../../data/use-profile.ts'
import { Ago } from '../time.tsx'
import { Badge } from '../ui/badge.tsx'

/** What is wrong, in two words. */
export const ALERT_WORDS: Readonly<Record<BlockAlert['kind'], string>> = {
  block_leaking: 'It leaks',
  block_in_doubt: 'In doubt',
  block_expiry_unconfirmed: 'End not confirmed',
  block_device_unreachable: 'Device does not answer',
}

/** What is wrong with a block, in full; nothing when all is well. */
export function AlertList({ alerts }: { alerts: readonly BlockAlert[] }) {
  if (alerts.length === 0) return null
  return (
    <ul aria-label="What is wrong" className="flex flex-col gap-2">
      {alerts.map((alert) => (
        <li key={alert.id} className="flex items-start gap-2 rounded-lg border border-critical/50 bg-surface px-3 py-2 text-[13px]">
          <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-critical" />
          <span className="min-w-0 [overflow-wrap:anywhere]">
            <span className="font-medium">{ALERT_WORDS[alert.kind]}</span> <span className="text-muted">since</span>{' '}
            <Ago at={Date.parse(alert.raisedAt)} className="text-muted" />
            <span className="block text-[12.5px] text-muted">{alert.text}</span>
          </span>
        </li>
      ))}
    </ul>
  )
}

/** The same on one line of a list. The state says already that it leaks. */
export function AlertBadges({ alerts }: { alerts: readonly BlockAlert[] }) {
  return alerts
    .filter(({ kind }) => kind !== 'block_leaking')
    .map((alert) => (
      <Badge key={alert.id} tone="critical" title={alert.text}>
        <TriangleAlert aria-hidden /> {ALERT_WORDS[alert.kind]}
      </Badge>
    ))
}

/** More at once are told in one sentence. */
const APART = 2

/** On every page: a block that goes wrong says so with a link. Alerts have numbers, so one that came while the page was away is not missed. */
export function BlockWatch() {
  const mayRead = useMay('block:read')
  const alerts = useBlockAlerts(mayRead)
  const router = useRouter()
  const last = useRef<number | null>(null)
  useEffect(() => {
    if (alerts.data === undefined) return
    const before = last.current
    last.current = Math.max(before ?? 0, ...alerts.data.map(({ id }) => id))
    // What was wrong when the page was opened is on the screens; only what is new is told.
    const fresh = before === null ? [] : alerts.data.filter(({ id }) => id > before)
    if (fresh.length > APART) {
      toast(`${fresh.length} things are wrong with blocks`, {
        duration: 20_000,
        action: { label: 'Look', onClick: () => router.push('/blocks') },
      })
      return
    }
    for (const alert of fresh)
      toast(`Block: ${ALERT_WORDS[alert.kind].toLowerCase()}`, {
        id: `block-alert-${alert.id}`,
        description: alert.text,
        duration: 20_000,
        action: {
          label: 'Look',
          onClick: () => router.push(alert.blockId === null ? '/blocks' : `/blocks/${encodeURIComponent(alert.blockId)}`),
        },
      })
  }, [alerts.data, router])
  return null
}
