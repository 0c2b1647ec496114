'use client'
import type { AnomalySummary, ExporterObject } from '@weir/db/contracts'
import { BellRing, Check, ChevronRight, CircleCheck, EyeOff, LockKeyhole, Router, Volume2, VolumeX } from 'lucide-react'
import Link from 'next/link'
import { type ReactNode, useEffect, useState } from 'react'
import { useAnomaly, useOpenAnomalies } from '../../data/use-anomalies.ts'
import { useAcknowledge, usePending } from '../../data/use-anomalies-undo.ts'
import { useExporters } from '../../data/use-exporters.ts'
import { useProfile } from '../../data/use-profile.ts'
import { onAnomaly } from '../../live/socket.ts'
import { useLive } from '../../live/use-live.ts'
import { ago, duration, exact, share } from '../format.ts'
import { Ago } from '../time.tsx'
import { Badge, StateDot } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { Kbd } from '../ui/kbd.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { ErrorState } from '../ui/state.tsx'
import { AnomalyCard } from './anomaly-card.tsx'
import { Ends, SeverityMark } from './marks.tsx'
import { lastedSeconds, mergeAlike, type OpenGroup, onCallOrder, openGroups } from './model.ts'
import { detectorName } from './runbooks.ts'
import { allowSound, ring } from './sound.ts'
import { useNow } from './use-now.ts'
import { unbroken } from './words.ts'

/**
 * For whoever is woken: what is open, the worst first, each acknowledged with one tap; and the exporters that do not report, because a
 * silent exporter is not a quiet network. Made for a phone held in one hand at night.
 */
export function OnCallScreen() {
  const open = useOpenAnomalies()
  const pending = usePending()
  const now = useNow(5_000)
  const profile = useProfile()
  const anomalies = open.data?.anomalies ?? []
  const untouched = (one: AnomalySummary): boolean => one.state === 'new' && !pending.has(one.id)
  const { present, past: earlier } = onCallOrder(mergeAlike(openGroups(anomalies.filter(untouched))), now)
  const waiting = [...present, ...earlier]
  const taken = openGroups(anomalies.filter((one) => !untouched(one)))
  const mayAct = profile.data?.actions.includes('risk:decide') ?? false
  useAcknowledgeKey()
  const exporters = useExporters()
  // Nothing found where nothing is heard is no calm.
  const blind = exporters.data !== undefined && !exporters.data.exporters.some((one) => one.state === 'live')
  return (
    <div className="mx-auto flex max-w-[1080px] flex-col gap-4">
      <Top present={open.data === undefined ? null : present} earlier={earlier.length} taken={taken.length} mayAct={mayAct} blind={blind} />
      {profile.data !== undefined && !mayAct ? (
        <p className="flex items-start gap-2 text-[13px] text-muted">
          <LockKeyhole aria-hidden className="mt-0.5 size-4 shrink-0" />
          Operators and on-call engineers acknowledge. You are signed in as {profile.data.role} and can read along.
        </p>
      ) : null}
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-4">
          {open.data === undefined && open.error !== null ? (
            <section className="rounded-lg border border-border bg-surface">
              <ErrorState error={open.error} onRetry={() => void open.refetch()} className="py-8" />
            </section>
          ) : open.data === undefined ? (
            <section className="rounded-lg border border-border bg-surface p-4">
              <SkeletonRows rows={5} />
            </section>
          ) : waiting.length === 0 && blind ? (
            <section className="flex flex-col items-center gap-2 rounded-lg border border-warn/50 bg-surface px-4 py-10 text-center">
              <EyeOff aria-hidden className="size-7 text-warn" />
              <p className="font-semibold text-[17px]">Nothing is watched right now</p>
              <p className="max-w-sm text-[13px] text-muted">
                No exporter sends flows, so nothing can be found. That nothing is open here does not mean that all is well.
              </p>
              <Button asChild className="mt-2">
                <Link href="/exporters">Look at the exporters</Link>
              </Button>
            </section>
          ) : waiting.length === 0 ? (
            <section className="flex flex-col items-center gap-2 rounded-lg border border-border bg-surface px-4 py-10 text-center">
              <CircleCheck aria-hidden className="size-7 text-ok" />
              <p className="font-semibold text-[17px]">Nothing waits for you</p>
              <p className="max-w-sm text-[13px] text-muted">
                {taken.length === 0
                  ? 'No warning and nothing critical is open. This page is live: leave it on, a new one appears by itself.'
                  : `Everything open is taken by somebody: ${exact(taken.length)} below.`}
              </p>
            </section>
          ) : (
            <>
              {present.length === 0 ? null : (
                <ul className="flex flex-col gap-3" aria-label="To acknowledge">
                  {present.map((group) => (
                    <BigRow key={group.head.id} group={group} now={now} mayAct={mayAct} />
                  ))}
                </ul>
              )}
              {earlier.length === 0 ? null : <Earlier groups={earlier} now={now} mayAct={mayAct} alone={present.length === 0} />}
            </>
          )}
          {taken.length === 0 ? null : (
            <section className="overflow-hidden rounded-lg border border-border bg-surface" aria-label="Taken">
              <h2 className="px-4 pt-3 pb-2 font-semibold text-[13px]">
                Taken <span className="font-normal text-muted">{exact(taken.length)}</span>
              </h2>
              <ul>
                {taken.map((group) => (
                  <SmallRow key={group.head.id} group={group} now={now} pending={pending.has(group.head.id)} />
                ))}
              </ul>
            </section>
          )}
          {open.error !== null && open.data !== undefined ? (
            <p className="text-[13px] text-warn">Not refreshed: {open.error.message}</p>
          ) : null}
        </div>
        <ExportProblems />
      </div>
    </div>
  )
}

function Top({
  present,
  earlier,
  taken,
  mayAct,
  blind,
}: {
  present: readonly OpenGroup[] | null
  earlier: number
  taken: number
  mayAct: boolean
  blind: boolean
}) {
  const { status } = useLive()
  const [sound, setSound] = useState(false)
  useEffect(() => {
    if (!sound) return
    return onAnomaly((notice) => {
      if (!notice.folded && notice.severity !== 'info' && ['opened', 'escalated', 'restarted', 'reopened'].includes(notice.kind))
        ring(notice.severity === 'critical')
    })
  }, [sound])
  const critical = present?.filter((group) => group.head.severity === 'critical').length ?? 0
  return (
    <header className="flex items-center justify-between gap-3">
      <div className="min-w-0">
        <h1 className="font-semibold text-[22px] leading-7 tracking-tight" aria-live="polite">
          {present === null
            ? 'On-call'
            : present.length > 0
              ? `${exact(present.length)} ${mayAct ? 'to acknowledge' : 'not taken yet'}`
              : earlier > 0
                ? 'Nothing goes on'
                : taken > 0
                  ? 'All taken'
                  : blind
                    ? 'Nothing is watched'
                    : 'All quiet'}
        </h1>
        <p className="flex flex-wrap items-center gap-x-3 text-[13px] text-muted">
          {critical > 0 ? <span className="font-medium text-critical">{exact(critical)} critical</span> : null}
          {earlier > 0 ? <span>{exact(earlier)} earlier</span> : null}
          <StateDot tone={status === 'live' ? 'ok' : 'warn'}>
            {status === 'live' ? 'live' : status === 'connecting' ? 'connecting' : 'reconnecting: this may be old'}
          </StateDot>
          {mayAct && (present?.length ?? 0) > 0 ? (
            <span className="flex items-center gap-1.5 text-[12px] max-lg:hidden">
              <Kbd>a</Kbd> acknowledges the first, or the one with the focus
            </span>
          ) : null}
        </p>
      </div>
      <Button
        className="h-11 px-3"
        aria-pressed={sound}
        onClick={() => {
          allowSound()
          if (!sound) ring(false)
          setSound(!sound)
        }}
      >
        {sound ? <Volume2 /> : <VolumeX />} Sound {sound ? 'on' : 'off'}
      </Button>
    </header>
  )
}

/** a acknowledges what has the focus, else what stands first: one key for whoever has a keyboard. */
function useAcknowledgeKey(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const from = event.target
      if (event.key !== 'a' || event.metaKey || event.ctrlKey || event.altKey || event.repeat) return
      if (from instanceof Element && from.closest('input, textarea, select, [role=dialog], [role=listbox], [role=menu]') !== null) return
      const here = document.activeElement?.closest('li')?.querySelector<HTMLButtonElement>('button[data-acknowledge]')
      const button = here ?? document.querySelector<HTMLButtonElement>('main button[data-acknowledge]')
      if (button === null) return
      button.click()
      event.preventDefault()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
}

/** The explanation where it is needed, without leaving the list. */
function Why({ id }: { id: string }) {
  const answer = useAnomaly(id)
  return (
    <div className="border-border border-t bg-bg p-3">
      {answer.data !== undefined ? (
        <AnomalyCard card={answer.data} panel told />
      ) : answer.error !== null ? (
        <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
      ) : (
        <SkeletonRows rows={6} />
      )}
    </div>
  )
}

function BigRow({ group, now, mayAct }: { group: OpenGroup; now: number; mayAct: boolean }) {
  const { head: anomaly, members } = group
  const acknowledge = useAcknowledge()
  const [why, setWhy] = useState(false)
  const name = detectorName(anomaly.detector)
  const whyButton = (
    <Button className="h-12 text-[14px] max-sm:h-12" aria-expanded={why} onClick={() => setWhy(!why)}>
      <ChevronRight className={cn('transition-transform', why && 'rotate-90')} /> Why
      <span className="sr-only">: {name}</span>
    </Button>
  )
  return (
    <li
      className={cn(
        'overflow-hidden rounded-lg border bg-surface',
        anomaly.severity === 'critical' ? 'border-critical/60' : 'border-border',
      )}
    >
      <div className="sm:flex sm:items-center">
        <Link
          href={`/anomalies/${encodeURIComponent(anomaly.id)}`}
          className="flex min-w-0 flex-col gap-1.5 p-4 active:bg-raised sm:flex-1 sm:hover:bg-raised"
        >
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1 text-[13px]">
            <SeverityMark severity={anomaly.severity} />
            <span className="text-muted">
              <Ago at={Date.parse(anomaly.first_seen)} />
            </span>
            <Lasted anomaly={anomaly} now={now} />
            {anomaly.paged ? (
              <Badge tone="critical">
                <BellRing aria-hidden /> Paged
              </Badge>
            ) : null}
          </span>
          <span className="flex items-center justify-between gap-2">
            <span className="font-semibold text-[17px] leading-6">{name}</span>
            <ChevronRight aria-hidden className="size-5 shrink-0 text-muted" />
          </span>
          <span className="text-[14px] leading-[21px] [overflow-wrap:anywhere]">{unbroken(anomaly.sentence)}</span>
          <span className="flex flex-wrap items-center gap-x-3 text-[13px]">
            <Ends anomaly={anomaly} />
            {members.length === 1 ? null : <span className="text-muted">and {exact(members.length - 1)} alike</span>}
          </span>
        </Link>
        {mayAct && anomaly.actions.includes('acknowledge') ? (
          <div className="flex gap-2 border-border p-2 max-sm:border-t sm:pr-4">
            <Button
              variant="primary"
              data-acknowledge
              className="h-12 text-[15px] max-sm:h-12 max-sm:min-w-0 max-sm:flex-1 sm:px-5"
              onClick={() =>
                acknowledge(
                  members.map((one) => one.id),
                  name,
                )
              }
            >
              <Check className="!size-5" /> Acknowledge{members.length === 1 ? '' : ` all ${exact(members.length)}`}
              <span className="sr-only">: {name}</span>
            </Button>
            {whyButton}
          </div>
        ) : (
          <div className="border-border p-2 max-sm:border-t sm:pr-4">{whyButton}</div>
        )}
      </div>
      {why ? <Why id={anomaly.id} /> : null}
    </li>
  )
}

/** What was over long ago and nobody took: a pile for the day, not for the night; one tap takes it all. */
function Earlier({ groups, now, mayAct, alone }: { groups: readonly OpenGroup[]; now: number; mayAct: boolean; alone: boolean }) {
  const acknowledge = useAcknowledge()
  const [shown, setShown] = useState(alone)
  const ids = groups.flatMap((group) => group.members.filter((one) => one.actions.includes('acknowledge')).map((one) => one.id))
  const critical = groups.filter((group) => group.head.severity === 'critical').length
  return (
    <section className="overflow-hidden rounded-lg border border-border bg-surface" aria-label="Over, not taken">
      <div className="flex flex-wrap items-center gap-2 p-2">
        <button
          type="button"
          aria-expanded={shown}
          onClick={() => setShown(!shown)}
          className="flex min-h-11 min-w-0 flex-1 items-center gap-2 rounded-md px-2 text-left hover:bg-raised"
        >
          <ChevronRight aria-hidden className={cn('size-4 shrink-0 text-muted transition-transform', shown && 'rotate-90')} />
          <span className="text-[13px]">
            <span className="font-semibold">{exact(groups.length)} over for more than a quarter of an hour</span>{' '}
            <span className="text-muted">
              nobody took {groups.length === 1 ? 'it' : 'them'}
              {critical === 0 ? '' : `; ${exact(critical)} critical`}
            </span>
          </span>
        </button>
        {mayAct && ids.length > 0 ? (
          <Button className="max-sm:w-full" onClick={() => acknowledge(ids, 'what is over')}>
            <Check /> Acknowledge all {exact(ids.length)}
          </Button>
        ) : null}
      </div>
      {shown ? (
        <ul>
          {groups.map((group) => (
            <SmallRow key={group.head.id} group={group} now={now} pending={false} mayAct={mayAct} />
          ))}
        </ul>
      ) : null}
    </section>
  )
}

/** A group in one line: what is taken, and by whom; or what is over and can be taken. */
function SmallRow({ group, now, pending, mayAct = false }: { group: OpenGroup; now: number; pending: boolean; mayAct?: boolean }) {
  const { head: anomaly, members } = group
  const acknowledge = useAcknowledge()
  const name = detectorName(anomaly.detector)
  return (
    <li className="flex items-center border-border border-t">
      <Link
        href={`/anomalies/${encodeURIComponent(anomaly.id)}`}
        className="flex min-h-14 min-w-0 flex-1 items-center gap-3 px-4 py-2.5 active:bg-raised sm:hover:bg-raised"
      >
        <SeverityMark severity={anomaly.severity} word={false} />
        <span className="min-w-0 flex-1">
          <span className="block truncate font-medium text-[14px]">
            {name}
            {members.length === 1 ? '' : ` × ${exact(members.length)}`}
          </span>
          <span className="block truncate text-[12.5px] text-muted">
            {pending
              ? 'acknowledged by you'
              : anomaly.state === 'new'
                ? `over ${now === 0 || anomaly.ended === null ? '' : ago(Date.parse(anomaly.ended), now)}`
                : `${anomaly.state === 'confirmed' ? 'confirmed' : anomaly.state}${anomaly.changed_by === null ? '' : ` by ${anomaly.changed_by}`}`}
            {' · '}
            {anomaly.target ?? anomaly.actor ?? 'all traffic'}
          </span>
        </span>
        {anomaly.state === 'new' && !pending ? null : <Lasted anomaly={anomaly} now={now} />}
        <ChevronRight aria-hidden className="size-5 shrink-0 text-muted" />
      </Link>
      {mayAct && anomaly.actions.includes('acknowledge') && !pending ? (
        <Button
          variant="ghost"
          className="mr-2 size-11 p-0"
          aria-label={`Acknowledge${members.length === 1 ? '' : ` all ${exact(members.length)}`}: ${name}`}
          onClick={() =>
            acknowledge(
              members.map((one) => one.id),
              name,
            )
          }
        >
          <Check />
        </Button>
      ) : null}
    </li>
  )
}

function Lasted({ anomaly, now }: { anomaly: AnomalySummary; now: number }) {
  if (now === 0) return null
  return anomaly.ended === null ? (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap text-[12.5px] text-muted">
      <span aria-hidden className="size-2 rounded-full bg-critical" /> going on
    </span>
  ) : (
    <span className="whitespace-nowrap text-[12.5px] text-muted">over, lasted {duration(Math.floor(lastedSeconds(anomaly, now)))}</span>
  )
}

const problemOf = (one: ExporterObject): { text: ReactNode; grave: boolean } | null =>
  one.state === 'silent'
    ? {
        grave: true,
        text: (
          <>
            silent, last datagram <Ago at={Date.parse(one.lastSeen)} />
          </>
        ),
      }
    : one.state === 'live' && (one.lossShare ?? 0) >= 0.02
      ? { grave: false, text: `${share(one.lossShare)} of its export is lost on the way` }
      : null

/** Where Weir is blind: no anomaly can be found in what does not arrive. */
function ExportProblems() {
  const answer = useExporters()
  const known = (answer.data?.exporters ?? []).filter((one) => one.state !== 'retired')
  const problems = known.flatMap((one) => {
    const problem = problemOf(one)
    return problem === null ? [] : [{ one, problem }]
  })
  return (
    <section
      className={cn(
        'self-start overflow-hidden rounded-lg border border-border bg-surface max-lg:w-full',
        problems.length > 0 && 'max-lg:order-first',
      )}
      aria-labelledby="export-problems"
    >
      <h2 id="export-problems" className="flex items-center gap-2 px-4 pt-3 pb-2 font-semibold text-[13px]">
        <Router aria-hidden className="size-4 text-muted" /> Export
      </h2>
      {answer.data === undefined ? (
        answer.error !== null ? (
          <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
        ) : (
          <SkeletonRows rows={2} className="px-4 pb-4" />
        )
      ) : problems.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-muted">
          {known.length === 0
            ? 'No exporter sends flows yet.'
            : `${known.length === 1 ? 'The one exporter reports' : `All ${exact(known.length)} exporters report`}; nothing is lost on the way.`}
        </p>
      ) : (
        <ul>
          {problems.map(({ one, problem }) => (
            <li key={one.id} className="border-border border-t">
              <Link
                href={`/exporters?exporter=${one.id}`}
                className="flex min-h-14 items-center gap-3 px-4 py-2.5 active:bg-raised sm:hover:bg-raised"
              >
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-medium text-[14px]">{one.name ?? one.address}</span>
                  <span className={cn('block text-[12.5px]', problem.grave ? 'text-critical' : 'text-warn')}>{problem.text}</span>
                </span>
                <ChevronRight aria-hidden className="size-5 shrink-0 text-muted" />
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
