'use client'
import type { AuditEntry } from '@weir/db/contracts'
import { Download, ScrollText } from 'lucide-react'
import { debounce, parseAsInteger, parseAsString, useQueryStates } from 'nuqs'
import { useId } from 'react'
import { toast } from 'sonner'
import { ProblemError } from '../../data/fetch-json.ts'
import { type AuditFilter, useAudit, useAuditExport, useAuditState } from '../../data/use-audit.ts'
import { useMay, useProfile } from '../../data/use-profile.ts'
import { downloadBlob } from '../download.ts'
import { clock, dateTime, utc } from '../format.ts'
import { ROLE_NAMES } from '../shell/roles.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Panel } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { ChainBadge } from './chain-badge.tsx'
import { EntryDrawer } from './entry-drawer.tsx'
import { actorName, sentence } from './words.ts'

const KEYS = {
  event: parseAsString.withDefault(''),
  actor: parseAsString.withDefault(''),
  subject: parseAsString.withDefault(''),
  since: parseAsString.withDefault(''),
  until: parseAsString.withDefault(''),
  entry: parseAsInteger,
}

/** The first instant of a day in the browser's zone, `days` later, RFC 3339; undefined for no date. */
function dayStart(date: string, days = 0): string | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(date)
  if (match === null) return undefined
  const at = new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3]) + days)
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString()
}

/** Who did what and when, by day, newest first, with the state of the chain that proves it. */
export function AuditScreen() {
  const [keys, setKeys] = useQueryStates(KEYS, { history: 'replace', shallow: true, clearOnDefault: true })
  const filter: AuditFilter = {
    event: keys.event || undefined,
    actor: keys.actor || undefined,
    subject: keys.subject || undefined,
    from: dayStart(keys.since),
    to: dayStart(keys.until, 1),
  }
  const answer = useAudit(filter)
  const state = useAuditState()
  const exporting = useAuditExport()
  const mayExport = useMay('audit:export')
  const own = useProfile().data?.role === 'operator'
  const entries = answer.data?.pages.flatMap((page) => page.entries) ?? []
  const names: Record<string, string> = Object.assign({}, ...(answer.data?.pages.map((page) => page.names) ?? []))
  const opened = keys.entry === null ? null : (entries.find((entry) => entry.seq === keys.entry) ?? null)
  const narrowed = Object.values(filter).some((value) => value !== undefined)
  const clear = () => void setKeys({ event: '', actor: '', subject: '', since: '', until: '' })
  const save = () =>
    exporting.mutate(undefined, {
      onSuccess: ({ name, file }) => downloadBlob(name, file),
      onError: (error) =>
        toast.error('Nothing was exported', {
          description: error instanceof ProblemError ? `${error.detail} ${error.remedy ?? ''}` : 'The cause is not known. Try again.',
        }),
    })

  return (
    <div className="flex flex-col gap-4">
      <header className="flex flex-wrap items-center justify-between gap-3">
        <div className="min-w-0 flex-1 basis-72">
          <h1 className="sr-only">Audit</h1>
          <p className="text-[13px] text-muted">
            {own
              ? 'What you did and agreed to, each entry sealed with the hash of the one before it.'
              : 'Every decision and change, each entry sealed with the hash of the one before it.'}
          </p>
        </div>
        <div className="flex flex-wrap gap-2">
          {state.data === undefined ? null : <ChainBadge state={state.data} />}
          {mayExport ? (
            <Button onClick={save} disabled={exporting.isPending}>
              <Download aria-hidden /> {exporting.isPending ? 'Exporting…' : 'Export'}
            </Button>
          ) : null}
        </div>
      </header>
      {state.data?.problem == null ? null : (
        <div role="alert" className="rounded-md border border-critical/50 bg-critical-soft p-3 text-[13px] leading-relaxed">
          <p className="font-medium">The log was tampered with at entry {state.data.problem.seq}.</p>
          <p>
            {state.data.problem.message} Everything before it holds. Compare with an earlier export:{' '}
            <code className="font-mono text-[12px]">bin/weir audit verify FILE</code>
          </p>
        </div>
      )}
      <Filters
        keys={keys}
        events={state.data?.events ?? []}
        onChange={(patch) => void setKeys(patch, { limitUrlUpdates: debounce(250) })}
        onClear={narrowed ? clear : null}
      />
      {answer.error !== null && answer.data === undefined ? (
        <Panel>
          <ErrorState error={answer.error} onRetry={() => void answer.refetch()} className="py-10" />
        </Panel>
      ) : answer.data === undefined ? (
        <Panel>
          <SkeletonRows rows={8} className="p-4" />
        </Panel>
      ) : entries.length === 0 ? (
        <Panel>
          <EmptyState
            icon={ScrollText}
            className="py-14"
            title={narrowed ? 'No entry fits' : 'Nothing was recorded yet'}
            actions={narrowed ? <Button onClick={clear}>Clear the filter</Button> : undefined}
          >
            {narrowed
              ? 'An event is written as in the list, “user.change”, or as its first part, “user”.'
              : 'Sign-ins, changes of settings and decisions appear here by themselves.'}
          </EmptyState>
        </Panel>
      ) : (
        days(entries).map(([day, list], index, all) => (
          <Day
            key={day}
            day={day}
            entries={list}
            more={answer.hasNextPage && index === all.length - 1}
            names={names}
            onOpen={(seq) => void setKeys({ entry: seq })}
          />
        ))
      )}
      {answer.hasNextPage ? (
        <Button className="self-center" onClick={() => void answer.fetchNextPage()} disabled={answer.isFetchingNextPage}>
          {answer.isFetchingNextPage ? 'Loading…' : 'Show older entries'}
        </Button>
      ) : null}
      <EntryDrawer entry={opened} names={names} onClose={() => void setKeys({ entry: null })} />
    </div>
  )
}

/** Entries by the day of the browser's zone, in the order they come. */
function days(entries: readonly AuditEntry[]): [day: string, entries: AuditEntry[]][] {
  const groups = new Map<string, AuditEntry[]>()
  for (const entry of entries) {
    const day = dateTime(Date.parse(entry.at)).slice(0, 10)
    const list = groups.get(day)
    if (list === undefined) groups.set(day, [entry])
    else list.push(entry)
  }
  return [...groups]
}

function Day({
  day,
  entries,
  more,
  names,
  onOpen,
}: {
  day: string
  entries: readonly AuditEntry[]
  /** The day goes on in entries that are not loaded. */
  more: boolean
  names: Readonly<Record<string, string>>
  onOpen: (seq: number) => void
}) {
  const id = useId()
  return (
    <section aria-labelledby={id}>
      <h2 id={id} className="mb-1.5 flex items-baseline gap-2 font-semibold text-[13px]">
        {day}
        <span className="font-normal text-[12px] text-muted" suppressHydrationWarning>
          {entries.length} {entries.length === 1 ? 'entry' : 'entries'}
          {more ? ' so far' : ''}, times in {Intl.DateTimeFormat().resolvedOptions().timeZone}
        </span>
      </h2>
      <Panel>
        <ol className="divide-y divide-border">
          {entries.map((entry) => (
            <Entry key={entry.seq} entry={entry} names={names} onOpen={() => onOpen(entry.seq)} />
          ))}
        </ol>
      </Panel>
    </section>
  )
}

function Entry({ entry, names, onOpen }: { entry: AuditEntry; names: Readonly<Record<string, string>>; onOpen: () => void }) {
  const at = Date.parse(entry.at)
  const { verb, object } = sentence(entry, names)
  return (
    <li>
      <button
        type="button"
        aria-haspopup="dialog"
        onClick={onOpen}
        className="grid w-full cursor-pointer grid-cols-[64px_minmax(0,1fr)] items-baseline gap-x-3 px-4 py-2 text-left text-[13px] outline-offset-[-2px] hover:bg-raised md:grid-cols-[64px_minmax(0,1fr)_auto]"
      >
        <time dateTime={entry.at} title={utc(at)} className="text-muted tabular-nums" suppressHydrationWarning>
          {clock(at)}
        </time>
        <span className="min-w-0 break-words">
          <span className="font-medium">{actorName(entry.actor, names)}</span> {verb}
          {object === null ? null : (
            <>
              {' '}
              <span className="max-sm:inline-block">{object}</span>
            </>
          )}
          {entry.approver === null || entry.approver === entry.actor ? null : (
            <span className="text-muted">, approved by {actorName(entry.approver, names)}</span>
          )}
          {entry.reason === null ? null : <span className="block text-[12.5px] text-muted">{entry.reason}</span>}
        </span>
        <span className="col-start-2 flex flex-wrap items-center gap-2 md:col-start-3">
          {entry.phase === 'intent' ? <Badge>intent</Badge> : null}
          {entry.actorRole === null ? null : <span className="text-[12px] text-muted">{ROLE_NAMES[entry.actorRole]}</span>}
          <code className="font-mono text-[12px] text-muted">{entry.event}</code>
          <span className="min-w-10 text-right font-mono text-[12px] text-muted">#{entry.seq}</span>
        </span>
      </button>
    </li>
  )
}

interface FilterKeys {
  event: string
  actor: string
  subject: string
  since: string
  until: string
}

function Filters({
  keys,
  events,
  onChange,
  onClear,
}: {
  keys: FilterKeys
  events: readonly string[]
  onChange: (patch: Partial<FilterKeys>) => void
  onClear: (() => void) | null
}) {
  const id = useId()
  // An event's first part narrows to all of its kind.
  const kinds = [...new Set(events.map((event) => event.split('.')[0] ?? event))]
  const field = (name: keyof FilterKeys, label: string, more: React.ComponentProps<'input'>) => (
    <div className="grid min-w-0 gap-1">
      <Label htmlFor={`${id}-${name}`}>{label}</Label>
      <Input id={`${id}-${name}`} value={keys[name]} onChange={(event) => onChange({ [name]: event.target.value })} {...more} />
    </div>
  )
  return (
    <search className="grid grid-cols-2 items-end gap-3 md:grid-cols-[repeat(5,minmax(0,1fr))_auto]">
      {field('event', 'Event', { list: `${id}-events`, placeholder: 'user.change', autoComplete: 'off', spellCheck: false })}
      <datalist id={`${id}-events`}>
        {[...new Set([...kinds, ...events])].map((event) => (
          <option key={event} value={event} />
        ))}
      </datalist>
      {field('actor', 'Who', { placeholder: 'name or token:3', autoComplete: 'off', spellCheck: false })}
      {field('subject', 'What', { placeholder: 'exporter:4', autoComplete: 'off', spellCheck: false })}
      {field('since', 'From', { type: 'date', max: keys.until || undefined })}
      {field('until', 'To', { type: 'date', min: keys.since || undefined })}
      <Button variant="ghost" disabled={onClear === null} onClick={() => onClear?.()}>
        Clear
      </Button>
    </search>
  )
}
