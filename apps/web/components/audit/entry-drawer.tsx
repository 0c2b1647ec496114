'use client'
import type { AuditEntry } from '@weir/db/contracts'
import type { ReactNode } from 'react'
import { ROLE_NAMES } from '../shell/roles.ts'
import { Time } from '../time.tsx'
import { Badge } from '../ui/badge.tsx'
import { cn } from '../ui/cn.ts'
import { CopyButton } from '../ui/copy-button.tsx'
import { Dialog, DrawerContent } from '../ui/dialog.tsx'
import { type Difference, differences } from './diff.ts'
import { actorName, sentence } from './words.ts'

/** One entry in full: who, what, what was and what is, and its place in the chain. */
export function EntryDrawer({
  entry,
  names,
  onClose,
}: {
  entry: AuditEntry | null
  names: Readonly<Record<string, string>>
  onClose: () => void
}) {
  return (
    <Dialog open={entry !== null} onOpenChange={(open) => !open && onClose()}>
      {entry === null ? null : <Detail key={entry.seq} entry={entry} names={names} />}
    </Dialog>
  )
}

function Detail({ entry, names }: { entry: AuditEntry; names: Readonly<Record<string, string>> }) {
  const { verb, object } = sentence(entry, names)
  const rows = differences(entry.before, entry.after)
  return (
    <DrawerContent title={`Entry ${entry.seq}`} description={entry.event} className="sm:w-[620px]">
      <div className="flex flex-col gap-5 text-[13px]">
        <p className="text-[14px] leading-relaxed">
          <strong className="font-semibold">{actorName(entry.actor, names)}</strong> {verb}
          {object === null ? null : <> {object}</>}
          {entry.phase === 'intent' ? <Badge className="ml-2 align-middle">intent</Badge> : null}
        </p>
        <dl className="grid grid-cols-[104px_minmax(0,1fr)] gap-y-1.5">
          <Fact name="When">
            <Time at={Date.parse(entry.at)} />
          </Fact>
          <Fact name="Who">
            <Id id={entry.actor} name={names[entry.actor]} />
          </Fact>
          {entry.actorRole === null ? null : <Fact name="Role then">{ROLE_NAMES[entry.actorRole]}</Fact>}
          {entry.session === null ? null : (
            <Fact name="Session">
              <Mono>{entry.session}</Mono>
            </Fact>
          )}
          <Fact name="What">
            <Id id={entry.subject} name={names[entry.subject]} />
          </Fact>
          {entry.approver === null ? null : (
            <Fact name="Approved by">
              <Id id={entry.approver} name={names[entry.approver]} />
            </Fact>
          )}
          {entry.reason === null ? null : <Fact name="Reason">{entry.reason}</Fact>}
        </dl>
        <section aria-labelledby="audit-diff">
          <h3 id="audit-diff" className="mb-2 font-semibold">
            {entry.before === null ? 'Recorded with it' : entry.after === null ? 'What it was' : 'Before and after'}
          </h3>
          {rows.length === 0 ? (
            <p className="text-muted">Nothing besides that it happened.</p>
          ) : (
            <ul className="overflow-hidden rounded-md border border-border font-mono text-[12px]">
              {rows.map((row) => (
                <Row key={[row.path, row.was, row.now].join(' ')} row={row} single={entry.before === null || entry.after === null} />
              ))}
            </ul>
          )}
        </section>
        <section aria-labelledby="audit-chain">
          <h3 id="audit-chain" className="mb-2 font-semibold">
            Place in the chain
          </h3>
          <dl className="grid grid-cols-[104px_minmax(0,1fr)] gap-y-1.5">
            <Fact name="Hash">
              <Hash value={entry.hash} label="Copy the hash" />
            </Fact>
            <Fact name="Before it">
              <Hash value={entry.prevHash} label="Copy the hash of the entry before" />
            </Fact>
          </dl>
          <p className="mt-2 text-[12.5px] text-muted leading-relaxed">
            The hash is SHA-256 over the hash before it and the canonical JSON of this entry.
          </p>
        </section>
      </div>
    </DrawerContent>
  )
}

const Mono = ({ children }: { children: ReactNode }) => <span className="min-w-0 break-all font-mono text-[12px]">{children}</span>

function Id({ id, name }: { id: string; name: string | undefined }) {
  return (
    <span className="min-w-0 break-words">
      {name === undefined ? null : <>{name} </>}
      <span className="break-all font-mono text-[12px] text-muted">{id}</span>
    </span>
  )
}

function Hash({ value, label }: { value: string; label: string }) {
  return (
    <span className="flex min-w-0 items-center gap-1">
      <code className="break-all font-mono text-[12px]">{value}</code>
      <CopyButton text={value} label={label} />
    </span>
  )
}

const SIGN = { added: '+', removed: '−', changed: '', same: '' } as const

/** One field. A change is two lines, old above new, each with its sign, so that it does not depend on colour. */
function Row({ row, single }: { row: Difference; single: boolean }) {
  const kind = single ? 'same' : row.kind
  return (
    <li className="grid grid-cols-[minmax(84px,32%)_minmax(0,1fr)] border-border border-b last:border-b-0">
      <span className="break-words bg-bg px-2.5 py-1.5 text-muted">{row.path === '' ? 'value' : row.path}</span>
      {kind === 'changed' ? (
        <span className="min-w-0">
          <Value sign="−" tone="removed" text={row.was} />
          <Value sign="+" tone="added" text={row.now} />
        </span>
      ) : (
        <Value sign={SIGN[kind]} tone={kind} text={row.now ?? row.was} />
      )}
    </li>
  )
}

function Value({ sign, tone, text }: { sign: string; tone: Difference['kind']; text: string | undefined }) {
  return (
    <span
      className={cn(
        'block whitespace-pre-wrap break-all px-2.5 py-1.5',
        tone === 'added' && 'bg-ok-soft',
        tone === 'removed' && 'bg-critical-soft line-through decoration-critical/50',
      )}
    >
      {sign === '' ? null : (
        <span aria-hidden className="mr-1.5 inline-block w-2 select-none no-underline">
          {sign}
        </span>
      )}
      <span className="sr-only">{tone === 'added' ? 'now ' : tone === 'removed' ? 'was ' : ''}</span>
      {text === '' ? <span className="text-muted">empty</span> : text}
    </span>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="py-0.5 text-muted">{name}</dt>
      <dd className="flex min-w-0 items-center py-0.5">{children}</dd>
    </>
  )
}
