'use client'
import type { SuppressionShape } from '@weir/db/contracts'
import { BellOff, LockKeyhole } from 'lucide-react'
import { useState } from 'react'
import { toast } from 'sonner'
import { useEndSuppression, useSuppressions } from '../../data/use-anomalies.ts'
import { refused } from '../../data/use-anomalies-undo.ts'
import { useProfile } from '../../data/use-profile.ts'
import { dateTime, duration, exact } from '../format.ts'
import { Ago, Time } from '../time.tsx'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { DrawerContent } from '../ui/dialog.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { detectorName } from './runbooks.ts'
import { useNow } from './use-now.ts'

/** How many suppressions are in force now; null while that is not known. */
export const inForce = (suppressions: readonly SuppressionShape[] | undefined): number | null =>
  suppressions === undefined ? null : suppressions.filter((one) => one.active).length

/** What is kept and counted but told to nobody: why, by whom, until when, what it has hidden, and the way to end it. */
export function SuppressionsDrawer() {
  const answer = useSuppressions()
  const profile = useProfile()
  const mayEnd = profile.data?.actions.includes('risk:decide') ?? false
  const all = answer.data?.suppressions ?? []
  const active = all.filter((one) => one.active)
  const ended = all.filter((one) => !one.active)
  return (
    <DrawerContent
      title="Suppressions"
      description="What fits one is kept and counted, and told to nobody until it ends."
      className="sm:w-[min(640px,calc(100vw-48px))]"
      bodyClassName="bg-bg"
    >
      {answer.data === undefined ? (
        answer.error !== null ? (
          <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
        ) : (
          <SkeletonRows rows={6} />
        )
      ) : all.length === 0 ? (
        <EmptyState icon={BellOff} className="py-12" title="Nothing is suppressed">
          Every finding is told as its severity says. To keep planned work or a scanner of your own from waking people, open its anomaly and
          choose “Suppress”.
        </EmptyState>
      ) : (
        <div className="flex flex-col gap-4">
          {profile.data !== undefined && !mayEnd ? (
            <p className="flex items-start gap-2 text-[12.5px] text-muted">
              <LockKeyhole aria-hidden className="mt-0.5 size-4 shrink-0" />
              Operators and on-call engineers end them. You are signed in as {profile.data.role} and can read along.
            </p>
          ) : null}
          <List title="In force" empty="None is in force: every finding is told as its severity says." rows={active} mayEnd={mayEnd} />
          {ended.length === 0 ? null : <List title="Over" rows={ended} mayEnd={false} />}
        </div>
      )}
    </DrawerContent>
  )
}

function List({ title, empty, rows, mayEnd }: { title: string; empty?: string; rows: readonly SuppressionShape[]; mayEnd: boolean }) {
  return (
    <section aria-label={title} className="overflow-hidden rounded-lg border border-border bg-surface">
      <h3 className="px-4 pt-3 pb-2 font-semibold text-[13px]">
        {title} <span className="font-normal text-muted">{exact(rows.length)}</span>
      </h3>
      {rows.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-muted">{empty}</p>
      ) : (
        <ul>
          {rows.map((one) => (
            <Row key={one.id} suppression={one} mayEnd={mayEnd} />
          ))}
        </ul>
      )}
    </section>
  )
}

function Row({ suppression: one, mayEnd }: { suppression: SuppressionShape; mayEnd: boolean }) {
  const end = useEndSuppression()
  const now = useNow(30_000)
  const [asked, setAsked] = useState(false)
  const what = one.detector === null ? 'Every kind' : detectorName(one.detector)
  const left = (Date.parse(one.until) - now) / 1000
  return (
    <li className="flex flex-col gap-2 border-border border-t px-4 py-3 text-[13px]">
      <div className="flex flex-wrap items-baseline gap-x-2 gap-y-1">
        <span className="font-medium">{what}</span>
        <span className="text-muted">{one.address === null ? 'of every address' : 'by or at'}</span>
        {one.address === null ? null : <span className="break-all font-mono text-[12.5px]">{one.address}</span>}
        <span className="ml-auto">
          {one.hidden === 0 ? <Badge>hid nothing</Badge> : <Badge tone="accent">hid {exact(one.hidden)}</Badge>}
        </span>
      </div>
      <p className="[overflow-wrap:anywhere]">“{one.reason}”</p>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-[12.5px] text-muted">
        <span>
          by {one.owner}, <Ago at={Date.parse(one.created_at)} />
        </span>
        {one.active ? (
          <span suppressHydrationWarning>
            until <Time at={Date.parse(one.until)} className="text-text" />
            {now === 0 ? '' : `, ${duration(left < 3_600 ? Math.max(1, Math.round(left)) : Math.round(left / 60) * 60)} left`}
          </span>
        ) : (
          <span>
            {one.ended_at === null ? 'ran out ' : 'ended early '}
            <Time at={Date.parse(one.ended_at ?? one.until)} />
          </span>
        )}
        {mayEnd && one.active ? (
          <span className="ml-auto flex gap-2">
            {asked ? (
              <>
                <Button size="sm" onClick={() => setAsked(false)}>
                  Keep it
                </Button>
                <Button
                  size="sm"
                  variant="danger"
                  autoFocus
                  disabled={end.isPending}
                  onClick={() =>
                    end.mutate(one.id, {
                      onSuccess: () => toast('Ended', { description: 'The next finding of it is told as usual.' }),
                      onError: (error) => refused('Not ended', error),
                    })
                  }
                >
                  End it now
                </Button>
              </>
            ) : (
              <Button
                size="sm"
                aria-label={`End: ${what}${one.address === null ? '' : ` of ${one.address}`}, until ${dateTime(Date.parse(one.until))}`}
                onClick={() => setAsked(true)}
              >
                End
              </Button>
            )}
          </span>
        ) : null}
      </div>
    </li>
  )
}
