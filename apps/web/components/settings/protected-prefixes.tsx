'use client'
import { canonicalNetwork, type ProtectedPrefixesAnswer } from '@weir/db/contracts'
import { useId, useState } from 'react'
import { protectPrefix, unprotectPrefix, useProtectedPrefixes, useSettingsChange } from '../../data/use-blocks-settings.ts'
import { exact } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Ago } from '../time.tsx'
import { Button } from '../ui/button.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Panel, PanelHeader } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { ErrorState } from '../ui/state.tsx'
import { Confirm } from './confirm.tsx'
import { PageHead } from './page-head.tsx'
import { tellDecided } from './settings-data.ts'
import { WaitingNote } from './waiting-note.tsx'

type Entry = ProtectedPrefixesAnswer['prefixes'][number]
const GROUPS = [
  { source: 'site', title: 'Written here', empty: 'None yet. Add your management networks, name servers, gateways and BGP peers.' },
  { source: 'gathered', title: 'Known to Weir', empty: 'None yet: exporters and devices appear here by themselves.' },
  { source: 'always', title: 'Always', empty: '' },
] as const

/** What no block may ever touch, in either direction of overlap. */
export function ProtectedPrefixes({ canWrite }: { canWrite: boolean }) {
  const answer = useProtectedPrefixes()
  const change = useSettingsChange()
  const [removed, setRemoved] = useState<string | null>(null)
  return (
    <>
      <PageHead title="Protected prefixes">
        A block that overlaps with one of these is refused, whoever asks: at the request, at the approval and again before it is sent.
      </PageHead>
      {answer.data !== undefined ? (
        <div className="grid gap-4">
          {canWrite ? <WaitingNote about="prefix:" className="mb-0" /> : null}
          {canWrite ? <Add known={answer.data.prefixes} /> : null}
          {GROUPS.map((group) => (
            <Group
              key={group.source}
              title={group.title}
              empty={group.empty}
              onRemove={canWrite && group.source === 'site' ? setRemoved : null}
              entries={answer.data.prefixes.filter((one) => one.source === group.source)}
            />
          ))}
        </div>
      ) : (
        <Panel>
          {answer.error !== null ? (
            <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
          ) : (
            <SkeletonRows rows={6} className="p-4" />
          )}
        </Panel>
      )}
      <Confirm
        open={removed !== null}
        onOpenChange={() => setRemoved(null)}
        title={`Stop protecting ${removed ?? ''}?`}
        action="Remove"
        asksWhy
        onConfirm={async (reason) => {
          if (removed === null) return
          tellDecided(await change.mutateAsync(() => unprotectPrefix(removed, reason)), `${removed} is not protected any more`)
        }}
      >
        <p>Blocks may touch it from then on, as far as nothing else protects it.</p>
      </Confirm>
    </>
  )
}

function Group({
  title,
  empty,
  entries,
  onRemove,
}: {
  title: string
  empty: string
  entries: readonly Entry[]
  onRemove: ((prefix: string) => void) | null
}) {
  const id = useId()
  return (
    <Panel aria-labelledby={id}>
      <PanelHeader id={id} title={title} hint={exact(entries.length)} />
      {entries.length === 0 ? (
        <p className="px-4 pb-4 text-[13px] text-muted">{empty}</p>
      ) : (
        <ul className="divide-y divide-border border-border border-t">
          {entries.map((entry) => (
            <li key={`${entry.prefix} ${entry.reason}`} className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2 text-[13px]">
              <code className="w-44 shrink-0 break-all font-mono text-[12.5px]">{entry.prefix}</code>
              <span className="min-w-0 flex-1 basis-48 [overflow-wrap:anywhere]">{entry.reason}</span>
              {entry.by === null ? null : (
                <span className="text-[12.5px] text-muted">
                  {entry.by}
                  {entry.createdAt === null ? null : (
                    <>
                      , <Ago at={Date.parse(entry.createdAt)} />
                    </>
                  )}
                </span>
              )}
              {onRemove === null ? null : (
                <Button
                  size="sm"
                  variant="danger"
                  className="self-center"
                  aria-label={`Remove ${entry.prefix}`}
                  onClick={() => onRemove(entry.prefix)}
                >
                  Remove
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function Add({ known }: { known: readonly Entry[] }) {
  const id = useId()
  const change = useSettingsChange()
  const [prefix, setPrefix] = useState('')
  const [reason, setReason] = useState('')
  const canonical = canonicalNetwork(prefix.trim())
  const wrong = prefix.trim() !== '' && canonical === null
  const again = canonical !== null && known.some((one) => one.source === 'site' && one.prefix === canonical)
  return (
    <Panel>
      <form
        className="grid gap-3 p-4 sm:grid-cols-[200px_minmax(0,1fr)_auto] sm:items-end"
        onSubmit={(event) => {
          event.preventDefault()
          if (canonical === null || reason.trim() === '') return
          change.mutate(() => protectPrefix({ prefix: canonical, reason: reason.trim() }), {
            onSuccess: (answer) => {
              tellDecided(answer, `${canonical} is protected`)
              setPrefix('')
              setReason('')
            },
          })
        }}
      >
        <div className="grid gap-1">
          <Label htmlFor={`${id}-prefix`}>Network or address</Label>
          <Input
            id={`${id}-prefix`}
            value={prefix}
            required
            autoComplete="off"
            spellCheck={false}
            placeholder="192.0.2.0/24"
            aria-invalid={wrong || undefined}
            aria-describedby={`${id}-note`}
            className="font-mono text-[12.5px]"
            onChange={(event) => setPrefix(event.target.value)}
          />
        </div>
        <div className="grid gap-1">
          <Label htmlFor={`${id}-reason`}>Why</Label>
          <Input
            id={`${id}-reason`}
            value={reason}
            required
            maxLength={200}
            placeholder="Name servers"
            onChange={(event) => setReason(event.target.value)}
          />
        </div>
        <Button type="submit" variant="primary" disabled={change.isPending || canonical === null || reason.trim() === ''}>
          Protect
        </Button>
        <p id={`${id}-note`} className={`text-[12.5px] sm:col-span-3 ${wrong ? 'text-critical' : 'text-muted'}`}>
          {wrong
            ? 'This is not a network, or it has host bits set: write 192.0.2.0/24.'
            : again
              ? 'It is protected already; the reason is replaced.'
              : 'A block is refused when it hits any of it, or when it would be inside of it.'}
        </p>
        {change.error === null ? null : (
          <div className="sm:col-span-3">
            <ProblemNote error={change.error} />
          </div>
        )}
      </form>
    </Panel>
  )
}
