'use client'
import type { AnomalyAction, AnomalySummary } from '@weir/db/contracts'
import { BellOff, Check, CircleSlash, LockKeyhole, RotateCcw, ShieldAlert } from 'lucide-react'
import { type ReactNode, useId, useState } from 'react'
import { toast } from 'sonner'
import { useAddSuppression, useDecide, useWouldHide } from '../../data/use-anomalies.ts'
import { refused, useAcknowledge, usePending } from '../../data/use-anomalies-undo.ts'
import { useProfile } from '../../data/use-profile.ts'
import { ago, dateTime, exact } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogContent } from '../ui/dialog.tsx'
import { fieldStyle, Label } from '../ui/input.tsx'
import { Select } from '../ui/select.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { SeverityMark } from './marks.tsx'
import { suppressionScopes } from './model.ts'
import { detectorName } from './runbooks.ts'
import { useNow } from './use-now.ts'

const ROLES_THAT_ACT = 'Operators and on-call engineers decide about anomalies.'

type Asked = 'confirm' | 'dismiss' | 'suppress' | null

/** What can be done with an anomaly now, by whoever looks. `refusal` says it where the role does not allow it. */
export function Actions({ anomaly, className }: { anomaly: AnomalySummary; className?: string }) {
  const profile = useProfile()
  const acknowledge = useAcknowledge()
  const pending = usePending().has(anomaly.id)
  const decide = useDecide()
  const [asked, setAsked] = useState<Asked>(null)
  if (profile.data === undefined) return null
  if (!profile.data.actions.includes('risk:decide')) {
    return (
      <p className="flex items-start gap-2 text-[12.5px] text-muted">
        <LockKeyhole aria-hidden className="mt-0.5 size-4 shrink-0" />
        <span>
          {ROLES_THAT_ACT} You are signed in as {profile.data.role}: you can read this, an admin can change your role.
        </span>
      </p>
    )
  }
  const can = (action: AnomalyAction): boolean => anomaly.actions.includes(action)
  const name = detectorName(anomaly.detector)
  const simple = (action: AnomalyAction, done: string) =>
    decide.mutate({ id: anomaly.id, action }, { onSuccess: () => toast(done), onError: (error) => refused('Nothing was changed', error) })
  return (
    <div
      className={
        className ??
        'flex flex-wrap gap-2 max-sm:grid max-sm:w-full max-sm:grid-cols-2 max-sm:[&>:first-child]:col-span-2 max-sm:[&>:last-child:nth-child(even)]:col-span-2'
      }
    >
      {can('acknowledge') ? (
        <Button variant="primary" size="lg" disabled={pending} onClick={() => acknowledge([anomaly.id], name)}>
          <Check /> {pending ? 'Acknowledged' : 'Acknowledge'}
        </Button>
      ) : null}
      {can('confirm') ? (
        <Button variant={can('acknowledge') ? 'secondary' : 'primary'} size="lg" onClick={() => setAsked('confirm')}>
          <ShieldAlert /> Confirm risk
        </Button>
      ) : null}
      {can('close') ? (
        <Button variant="primary" size="lg" disabled={decide.isPending} onClick={() => simple('close', 'Closed')}>
          <Check /> Close
        </Button>
      ) : null}
      {can('dismiss') ? (
        <Button size="lg" onClick={() => setAsked('dismiss')}>
          <CircleSlash /> Dismiss
        </Button>
      ) : null}
      {anomaly.suppressed_by === null ? (
        <Button size="lg" title="Keep the same from being told, without deciding about this one" onClick={() => setAsked('suppress')}>
          <BellOff /> Suppress
        </Button>
      ) : null}
      {can('reopen') ? (
        <Button size="lg" disabled={decide.isPending} onClick={() => simple('reopen', 'Opened again')}>
          <RotateCcw /> Open again
        </Button>
      ) : null}
      <Dialog open={asked !== null} onOpenChange={(open) => !open && setAsked(null)}>
        {asked === 'confirm' ? (
          <Confirm anomaly={anomaly} onDone={() => setAsked(null)} />
        ) : asked === 'dismiss' ? (
          <Dismiss anomaly={anomaly} onDone={() => setAsked(null)} />
        ) : asked === 'suppress' ? (
          <SuppressForm anomaly={anomaly} onDone={() => setAsked(null)} />
        ) : null}
      </Dialog>
    </div>
  )
}

function Reason({
  id,
  label,
  value,
  onChange,
  placeholder,
}: {
  id: string
  label: string
  value: string
  onChange: (text: string) => void
  placeholder: string
}) {
  return (
    <div className="flex flex-col gap-1">
      <Label htmlFor={id}>{label}</Label>
      <textarea
        id={id}
        value={value}
        maxLength={500}
        rows={3}
        placeholder={placeholder}
        onChange={(event) => onChange(event.target.value)}
        className={`${fieldStyle} h-auto resize-y py-2 leading-5`}
      />
    </div>
  )
}

/** What the three questions share: the way out, the one that does it, and what went wrong. */
function Question({
  title,
  description,
  does,
  disabled,
  error,
  onDo,
  onCancel,
  children,
}: {
  title: string
  description: string
  does: string
  disabled: boolean
  error: Error | null
  onDo: () => void
  onCancel: () => void
  children: ReactNode
}) {
  return (
    <DialogContent
      title={title}
      description={description}
      footer={
        <>
          <Button onClick={onCancel}>Cancel</Button>
          <Button variant="primary" disabled={disabled} onClick={onDo}>
            {does}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {children}
        {error === null ? null : <ProblemNote error={error} />}
      </div>
    </DialogContent>
  )
}

function Confirm({ anomaly, onDone }: { anomaly: AnomalySummary; onDone: () => void }) {
  const id = useId()
  const decide = useDecide()
  const [reason, setReason] = useState('')
  return (
    <Question
      title="Confirm as a risk"
      description="It stays open until somebody closes it, and a block can be requested for it."
      does="Confirm risk"
      disabled={decide.isPending}
      error={decide.error}
      onCancel={onDone}
      onDo={() =>
        decide.mutate(
          { id: anomaly.id, action: 'confirm', ...(reason.trim() === '' ? {} : { reason: reason.trim() }) },
          {
            onSuccess: () => {
              toast('Confirmed as a risk')
              onDone()
            },
          },
        )
      }
    >
      <p className="text-[13px] leading-relaxed">{anomaly.sentence}</p>
      <Reason
        id={`${id}-reason`}
        label="What do you know about it? (optional)"
        value={reason}
        onChange={setReason}
        placeholder="Seen in the firewall’s log too; the host belongs to accounting."
      />
    </Question>
  )
}

const SUPPRESS = [
  { value: 'no', label: 'Do not suppress', hours: 0 },
  { value: '4h', label: '4 hours', hours: 4 },
  { value: '1d', label: '1 day', hours: 24 },
  { value: '7d', label: '7 days', hours: 168 },
  { value: '30d', label: '30 days', hours: 720 },
  { value: '90d', label: '90 days', hours: 2160 },
] as const
type Suppress = (typeof SUPPRESS)[number]['value']

function Dismiss({ anomaly, onDone }: { anomaly: AnomalySummary; onDone: () => void }) {
  const id = useId()
  const decide = useDecide()
  const now = useNow()
  const [reason, setReason] = useState('')
  const [suppress, setSuppress] = useState<Suppress>('no')
  const hours = SUPPRESS.find((choice) => choice.value === suppress)?.hours ?? 0
  const address = anomaly.actor ?? anomaly.target
  const until = hours === 0 ? null : now + hours * 3_600_000
  return (
    <Question
      title="Dismiss"
      description="It is harmless, expected or wrong. The reason stays with it."
      does={hours === 0 ? 'Dismiss' : 'Dismiss and suppress'}
      disabled={decide.isPending || reason.trim() === ''}
      error={decide.error}
      onCancel={onDone}
      onDo={() =>
        decide.mutate(
          {
            id: anomaly.id,
            action: 'dismiss',
            reason: reason.trim(),
            ...(hours === 0 ? {} : { until: new Date(Date.now() + hours * 3_600_000).toISOString() }),
          },
          {
            onSuccess: () => {
              toast(hours === 0 ? 'Dismissed' : 'Dismissed and suppressed')
              onDone()
            },
          },
        )
      }
    >
      <p className="text-[13px] leading-relaxed">{anomaly.sentence}</p>
      <Reason
        id={`${id}-reason`}
        label="Why? For whoever looks next"
        value={reason}
        onChange={setReason}
        placeholder="Our own vulnerability scanner, every Monday night."
      />
      <fieldset className="flex flex-col gap-2 rounded-md border border-border p-3">
        <legend className="flex items-center gap-1.5 px-1 font-medium text-[12px] text-muted">
          <BellOff aria-hidden className="size-3.5" /> Keep the same from being told
        </legend>
        <div className="flex flex-wrap items-center gap-2 text-[13px]">
          <Select<Suppress> label="Suppress for" value={suppress} onChange={setSuppress} options={SUPPRESS} />
          {until === null ? (
            <span className="text-muted">The next one is told as usual.</span>
          ) : (
            <span className="text-muted">
              until <span suppressHydrationWarning>{dateTime(until)}</span>
            </span>
          )}
        </div>
        {hours === 0 ? null : <WouldHide detector={anomaly.detector} address={address} self={anomaly.id} />}
      </fieldset>
    </Question>
  )
}

const FOR_HOURS = SUPPRESS.filter((choice) => choice.hours > 0)

/** Keep what is like this one from being told for a while; what was found stays open and is decided about apart. */
function SuppressForm({ anomaly, onDone }: { anomaly: AnomalySummary; onDone: () => void }) {
  const id = useId()
  const add = useAddSuppression()
  const now = useNow()
  const scopes = suppressionScopes(anomaly)
  const [scope, setScope] = useState(scopes[0]?.value ?? '')
  const [reason, setReason] = useState('')
  const [length, setLength] = useState<Suppress>('4h')
  const hours = SUPPRESS.find((choice) => choice.value === length)?.hours ?? 4
  const what = scopes.find((choice) => choice.value === scope) ?? scopes[0]
  if (what === undefined) return null
  return (
    <Question
      title="Suppress"
      description="What fits is kept and counted, and told to nobody. This one stays as it is: nothing is decided about it."
      does="Suppress"
      disabled={add.isPending || reason.trim() === ''}
      error={add.error}
      onCancel={onDone}
      onDo={() =>
        add.mutate(
          {
            detector: what.detector,
            address: what.address,
            until: new Date(Date.now() + hours * 3_600_000).toISOString(),
            reason: reason.trim(),
          },
          {
            onSuccess: () => {
              toast('Suppressed', { description: 'It is listed under “Suppressions”, where it can be ended early.' })
              onDone()
            },
          },
        )
      }
    >
      <div className="grid gap-3 sm:grid-cols-[minmax(0,1fr)_auto]">
        <div className="grid min-w-0 content-start gap-1">
          <span className="font-medium text-[12px] text-muted">What is not told</span>
          <Select label="What is not told" className="w-full" value={what.value} onChange={setScope} options={scopes} />
        </div>
        <div className="grid content-start gap-1">
          <span className="font-medium text-[12px] text-muted">For</span>
          <Select<Suppress> label="Suppress for" className="max-sm:w-full" value={length} onChange={setLength} options={FOR_HOURS} />
        </div>
      </div>
      <p className="-mt-2 text-[12.5px] text-muted" suppressHydrationWarning>
        {now === 0 ? '' : `Until ${dateTime(now + hours * 3_600_000)}, then the next one is told as usual.`}
      </p>
      <Reason
        id={`${id}-reason`}
        label="Why? It stands in the list of suppressions"
        value={reason}
        onChange={setReason}
        placeholder="Load test of the shop, announced by its team."
      />
      <WouldHide detector={what.detector} address={what.address} self={anomaly.id} />
    </Question>
  )
}

/** What such a suppression would have hidden lately: seen before it is made. */
function WouldHide({ detector, address, self }: { detector: string | null; address: string | null; self: string }) {
  const answer = useWouldHide({ detector, address }, true)
  const now = useNow()
  const others = (answer.data?.anomalies ?? []).filter((one) => one.id !== self)
  const severe = others.filter((one) => one.severity === 'critical').length
  return (
    <div className="flex flex-col gap-2 border-border border-t pt-2 text-[13px]">
      <p>
        Hides <span className="font-medium">{detector === null ? 'every kind' : detectorName(detector).toLowerCase()}</span>
        {address === null ? ' of every address' : ' by or at '}
        {address === null ? null : <span className="font-mono text-[12.5px]">{address}</span>}. It is still kept and counted.
      </p>
      {answer.error !== null ? (
        <p className="text-warn">What it would have hidden is not known: {answer.error.message}</p>
      ) : answer.data === undefined ? (
        <Skeleton className="h-4 w-3/5" />
      ) : others.length === 0 ? (
        <p className="text-muted">In the last 14 days it would have hidden nothing else.</p>
      ) : (
        <>
          <p className={severe > 0 ? 'text-critical' : 'text-muted'}>
            In the last 14 days it would have hidden {exact(others.length)}
            {answer.data.nextCursor === null ? '' : ' or more'} other{others.length === 1 ? '' : 's'}
            {severe > 0 ? `, ${exact(severe)} of them critical` : ''}:
          </p>
          <ul className="flex max-h-40 flex-col gap-1 overflow-y-auto">
            {others.slice(0, 20).map((one) => (
              <li key={one.id} className="flex gap-2 text-[12.5px]">
                <SeverityMark severity={one.severity} word={false} />
                <span className="min-w-0 flex-1 truncate" title={one.sentence}>
                  {one.sentence}
                </span>
                <span className="shrink-0 text-muted">{now === 0 ? '' : ago(Date.parse(one.first_seen), now)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  )
}
