'use client'

import type { NotificationAnswer, TestMessage } from '@weir/db/contracts'
import { BellRing, Plus } from 'lucide-react'
import { type ReactNode, useId, useState } from 'react'
import { toast } from 'sonner'
import { fetchJson } from '../../data/fetch-json.ts'
import { exact } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Ago } from '../time.tsx'
import { StateDot } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { fieldStyle, Input, Label } from '../ui/input.tsx'
import { Panel, PanelBody, PanelHeader } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { ErrorState } from '../ui/state.tsx'
import { Switch } from '../ui/switch.tsx'
import { allows, bodyOf, formOf, hostOf, lines, type NotificationForm, newSecret, type WebhookForm } from './notification-form.ts'
import { PageHead } from './page-head.tsx'
import { useChange, useNotifications } from './settings-data.ts'

/** Who is told of anomalies, of blocks that go wrong and of Weir's own faults, and how. */
export function Notifications() {
  const answer = useNotifications()
  return (
    <>
      <PageHead title="Notifications">
        A page is for now, a ticket for working hours; detectors say which. Every message carries its number, so that a receiver can tell a
        repeated one.
      </PageHead>
      {answer.data === undefined ? (
        <Panel>
          {answer.error !== null ? (
            <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
          ) : (
            <SkeletonRows rows={6} className="p-4" />
          )}
        </Panel>
      ) : (
        <Form key={JSON.stringify({ ...answer.data, messages: null })} stored={answer.data} />
      )}
    </>
  )
}

function Form({ stored }: { stored: NotificationAnswer }) {
  const id = useId()
  const change = useChange<NotificationAnswer>()
  const [form, setForm] = useState<NotificationForm>(() => formOf(stored))
  const set = (patch: Partial<NotificationForm>) => setForm({ ...form, ...patch })
  const mail = (patch: Partial<NotificationForm['email']>) => set({ email: { ...form.email, ...patch } })
  const dirty = JSON.stringify(form) !== JSON.stringify(formOf(stored))
  const rules = lines(form.allowedHosts)
  const nobody = stored.webhooks.length === 0 && stored.email === null
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        change.mutate({ method: 'PUT', path: '/api/v1/notifications', body: bodyOf(form) }, { onSuccess: () => toast.success('Saved') })
      }}
    >
      <Health stored={stored} nobody={nobody} />
      <Panel>
        <PanelHeader title="Webhooks">
          <Button
            size="sm"
            onClick={() =>
              set({
                webhooks: [
                  ...form.webhooks,
                  {
                    key: -1 - form.webhooks.length - Date.now(),
                    name: '',
                    url: '',
                    origin: null,
                    secret: newSecret(),
                    page: true,
                    ticket: true,
                  },
                ],
              })
            }
          >
            <Plus aria-hidden /> Add
          </Button>
        </PanelHeader>
        {form.webhooks.length === 0 ? (
          <p className="px-4 pb-4 text-[13px] text-muted">None. A webhook hands each message to a chat, a pager or a program of yours.</p>
        ) : (
          <ul className="divide-y divide-border border-border border-t">
            {form.webhooks.map((hook) => (
              <Webhook
                key={hook.key}
                hook={hook}
                allowed={allows(rules, hostOf(hook.url) ?? hostOf(hook.origin ?? '') ?? '')}
                saved={!dirty}
                onChange={(patch) => set({ webhooks: form.webhooks.map((one) => (one.key === hook.key ? { ...one, ...patch } : one)) })}
                onAllow={(host) => set({ allowedHosts: [...rules, host].join('\n') })}
                onRemove={() => set({ webhooks: form.webhooks.filter((one) => one.key !== hook.key) })}
              />
            ))}
          </ul>
        )}
        <div className="grid gap-3 border-border border-t p-4">
          <Area
            id={`${id}-hosts`}
            label="Hosts that webhooks may reach, one per line"
            value={form.allowedHosts}
            placeholder={'hooks.example.org\n*.example.net'}
            onChange={(allowedHosts) => set({ allowedHosts })}
          />
          <Toggle
            label="Private addresses"
            hint="Only for receivers inside your own network. Link-local ones stay closed."
            checked={form.allowPrivate}
            onChange={(allowPrivate) => set({ allowPrivate })}
          />
          <Toggle
            label="Without TLS"
            hint="Whoever is on the way reads such messages."
            checked={form.allowHttp}
            onChange={(allowHttp) => set({ allowHttp })}
          />
        </div>
      </Panel>
      <Panel>
        <PanelHeader title="E-mail">
          <Switch aria-label="Send e-mail" checked={form.email.on} onCheckedChange={(on) => mail({ on })} />
        </PanelHeader>
        {form.email.on ? (
          <PanelBody className="grid gap-3">
            <div className="grid gap-3 sm:grid-cols-2">
              <Field label="Mail server" id={`${id}-host`}>
                <Input
                  id={`${id}-host`}
                  required
                  value={form.email.host}
                  placeholder="mail.example.org"
                  spellCheck={false}
                  onChange={(event) => mail({ host: event.target.value })}
                />
              </Field>
              <Field label="Port" id={`${id}-port`}>
                <Input
                  id={`${id}-port`}
                  required
                  inputMode="numeric"
                  pattern="[0-9]{1,5}"
                  value={form.email.port}
                  onChange={(event) => mail({ port: event.target.value, secure: event.target.value === '465' })}
                />
              </Field>
              <Field label="User, if it asks for one" id={`${id}-user`}>
                <Input
                  id={`${id}-user`}
                  autoComplete="off"
                  spellCheck={false}
                  value={form.email.user}
                  onChange={(event) => mail({ user: event.target.value })}
                />
              </Field>
              <Field label={form.email.passwordSet ? 'Password (stored; type to replace)' : 'Password'} id={`${id}-password`}>
                <Input
                  id={`${id}-password`}
                  type="password"
                  autoComplete="new-password"
                  value={form.email.password}
                  placeholder={form.email.passwordSet ? '••••••••' : ''}
                  onChange={(event) => mail({ password: event.target.value })}
                />
              </Field>
              <Field label="Sender" id={`${id}-from`}>
                <Input
                  id={`${id}-from`}
                  type="email"
                  required
                  placeholder="weir@example.org"
                  value={form.email.from}
                  onChange={(event) => mail({ from: event.target.value })}
                />
              </Field>
            </div>
            <Toggle
              label="TLS from the first octet"
              hint="Usually port 465. Without it TLS begins by STARTTLS where the server offers it."
              checked={form.email.secure}
              onChange={(secure) => mail({ secure })}
            />
            <div className="grid gap-3 sm:grid-cols-2">
              <Area
                id={`${id}-page`}
                label="Pages go to, one per line"
                rows={3}
                value={form.email.page}
                placeholder="oncall@example.org"
                onChange={(page) => mail({ page })}
              />
              <Area
                id={`${id}-ticket`}
                label="Tickets go to, one per line"
                rows={3}
                value={form.email.ticket}
                placeholder="network@example.org"
                onChange={(ticket) => mail({ ticket })}
              />
            </div>
            {stored.email === null ? null : (
              <div className="flex flex-wrap gap-2">
                {stored.email.page.length > 0 ? <SendTest channel="email" klass="page" label="Test a page" disabled={dirty} /> : null}
                {stored.email.ticket.length > 0 ? <SendTest channel="email" klass="ticket" label="Test a ticket" disabled={dirty} /> : null}
              </div>
            )}
          </PanelBody>
        ) : (
          <p className="px-4 pb-4 text-[13px] text-muted">Off. Nobody gets mail.</p>
        )}
      </Panel>
      <Panel>
        <PanelBody className="pt-3">
          <Field label="Where people open Weir, for links in messages" id={`${id}-url`}>
            <Input
              id={`${id}-url`}
              type="url"
              value={form.publicUrl}
              placeholder="https://weir.example.org"
              className="max-w-md"
              onChange={(event) => set({ publicUrl: event.target.value })}
            />
          </Field>
        </PanelBody>
      </Panel>
      {change.isError ? <ProblemNote error={change.error} /> : null}
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" variant="primary" size="lg" disabled={change.isPending || !dirty}>
          {change.isPending ? 'Saving…' : 'Save'}
        </Button>
        <Button size="lg" disabled={!dirty || change.isPending} onClick={() => setForm(formOf(stored))}>
          Discard
        </Button>
        <span className="text-[12.5px] text-muted">{dirty ? 'Not saved yet. Tests go to what is saved.' : 'Everything is saved.'}</span>
      </div>
    </form>
  )
}

function Health({ stored, nobody }: { stored: NotificationAnswer; nobody: boolean }) {
  const { sent, waiting, failed, lastError } = stored.messages
  return (
    <Panel>
      <div className="flex flex-wrap items-center gap-x-6 gap-y-2 px-4 py-3 text-[13px]">
        {nobody ? (
          <p className="flex items-center gap-2">
            <BellRing size={16} aria-hidden className="text-warn" />
            Nobody is told anything but by the screens.
          </p>
        ) : (
          <>
            <StateDot tone={failed > 0 ? 'critical' : waiting > 0 ? 'warn' : 'ok'}>
              {exact(sent)} sent, {exact(waiting)} waiting, {exact(failed)} given up in seven days
            </StateDot>
            {lastError === null ? null : (
              <span className="min-w-0 text-muted [overflow-wrap:anywhere]">
                Last trouble <Ago at={Date.parse(lastError.at)} /> with {lastError.channel}: {lastError.error}
              </span>
            )}
          </>
        )}
      </div>
    </Panel>
  )
}

function Webhook({
  hook,
  allowed,
  saved,
  onChange,
  onAllow,
  onRemove,
}: {
  hook: WebhookForm
  allowed: boolean
  saved: boolean
  onChange: (patch: Partial<WebhookForm>) => void
  onAllow: (host: string) => void
  onRemove: () => void
}) {
  const id = useId()
  const host = hostOf(hook.url) ?? hostOf(hook.origin ?? '')
  const known = hook.origin !== null
  const title = hook.name === '' ? 'new webhook' : hook.name
  return (
    <li className="grid gap-3 px-4 py-3" aria-label={title}>
      <div className="grid gap-3 sm:grid-cols-[160px_minmax(0,1fr)]">
        <Field label="Name" id={`${id}-name`}>
          <Input
            id={`${id}-name`}
            required
            disabled={known}
            pattern="[A-Za-z0-9_.\-]{1,40}"
            title="1 to 40 letters, digits, dots, hyphens or underscores"
            placeholder="soc"
            spellCheck={false}
            value={hook.name}
            onChange={(event) => onChange({ name: event.target.value })}
          />
        </Field>
        <Field label={known ? 'Address (stored; type to replace)' : 'Address'} id={`${id}-url`}>
          <Input
            id={`${id}-url`}
            type="url"
            required={!known}
            autoComplete="off"
            spellCheck={false}
            placeholder={known ? `${hook.origin}/…` : 'https://hooks.example.org/weir'}
            value={hook.url}
            onChange={(event) => onChange({ url: event.target.value })}
          />
        </Field>
      </div>
      <Field label={known ? 'Secret (stored; type to replace)' : 'Secret: the receiver checks the signature with it'} id={`${id}-secret`}>
        <span className="flex gap-1.5">
          <Input
            id={`${id}-secret`}
            type={known && hook.secret === '' ? 'password' : 'text'}
            required={!known}
            minLength={16}
            maxLength={200}
            autoComplete="off"
            spellCheck={false}
            placeholder={known ? '••••••••' : ''}
            className="font-mono text-[12.5px]"
            value={hook.secret}
            onChange={(event) => onChange({ secret: event.target.value })}
          />
          {hook.secret === '' ? null : <CopyButton text={hook.secret} label={`Copy the secret of ${title}`} />}
        </span>
      </Field>
      {host !== null && !allowed ? (
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-[12.5px] text-warn">
          {host} is not among the hosts that webhooks may reach.
          <Button size="sm" onClick={() => onAllow(host)}>
            Allow {host}
          </Button>
        </p>
      ) : null}
      <div className="flex flex-wrap items-center gap-x-5 gap-y-2 text-[13px]">
        <Check label="Pages" checked={hook.page} onChange={(page) => onChange({ page })} />
        <Check label="Tickets" checked={hook.ticket} onChange={(ticket) => onChange({ ticket })} />
        <span className="flex flex-1 flex-wrap justify-end gap-2 max-sm:basis-full">
          {known ? (
            <SendTest
              channel={`webhook:${hook.name}`}
              klass={hook.page ? 'page' : 'ticket'}
              label={`Test ${hook.name}`}
              disabled={!saved}
            />
          ) : null}
          <Button variant="danger" onClick={onRemove} aria-label={`Remove ${title}`}>
            Remove
          </Button>
        </span>
      </div>
    </li>
  )
}

const PATIENCE_MS = 40_000
const LOOK_MS = 1_000

/** Sends a real message and waits for what the receiver says to it. */
function SendTest({ channel, klass, label, disabled }: { channel: string; klass: 'page' | 'ticket'; label: string; disabled: boolean }) {
  const [state, setState] = useState<
    { kind: 'idle' | 'busy' } | { kind: 'done'; good: boolean; text: string } | { kind: 'error'; error: unknown }
  >({
    kind: 'idle',
  })
  async function send() {
    setState({ kind: 'busy' })
    try {
      let message = await fetchJson<TestMessage>('/api/v1/notifications/test', { method: 'POST', body: { channel, class: klass } })
      for (const end = Date.now() + PATIENCE_MS; message.state === 'waiting' && Date.now() < end; ) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
        message = await fetchJson<TestMessage>(`/api/v1/notifications/test/${message.id}`)
      }
      setState(
        message.state === 'sent'
          ? { kind: 'done', good: true, text: `Sent. The receiver said: ${message.answer ?? 'nothing'}.` }
          : message.state === 'failed'
            ? { kind: 'done', good: false, text: `Not sent: ${message.error ?? 'the cause is not known'}.` }
            : {
                kind: 'done',
                good: false,
                text: 'Nobody has sent it yet: the collector with the role detect sends messages. See that it runs.',
              },
      )
    } catch (error) {
      setState({ kind: 'error', error })
    }
  }
  return (
    <span className="flex flex-wrap items-center justify-end gap-2">
      {state.kind === 'done' ? (
        <span role="status" className={`text-[12.5px] [overflow-wrap:anywhere] ${state.good ? 'text-ok' : 'text-critical'}`}>
          {state.text}
        </span>
      ) : null}
      {state.kind === 'error' ? <ProblemNote error={state.error} /> : null}
      <Button disabled={disabled || state.kind === 'busy'} onClick={() => void send()}>
        {state.kind === 'busy' ? 'Sending…' : label}
      </Button>
    </span>
  )
}

function Field({ id, label, children }: { id: string; label: string; children: ReactNode }) {
  return (
    <div className="grid min-w-0 content-start gap-1">
      <Label htmlFor={id}>{label}</Label>
      {children}
    </div>
  )
}

function Area({
  id,
  label,
  value,
  placeholder,
  rows = 2,
  onChange,
}: {
  id: string
  label: string
  value: string
  placeholder: string
  rows?: number
  onChange: (value: string) => void
}) {
  return (
    <Field id={id} label={label}>
      <textarea
        id={id}
        rows={rows}
        spellCheck={false}
        value={value}
        placeholder={placeholder}
        onChange={(event) => onChange(event.target.value)}
        className={`${fieldStyle} h-auto max-w-xl resize-y py-1.5 font-mono text-[12.5px] leading-5`}
      />
    </Field>
  )
}

function Toggle({ label, hint, checked, onChange }: { label: string; hint: string; checked: boolean; onChange: (on: boolean) => void }) {
  const id = useId()
  return (
    <div className="flex items-start gap-3 text-[13px]">
      <Switch id={id} checked={checked} onCheckedChange={onChange} className="mt-0.5" />
      <label htmlFor={id} className="min-w-0 cursor-pointer">
        {label}
        <span className="block text-[12.5px] text-muted">{hint}</span>
      </label>
    </div>
  )
}

function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange: (on: boolean) => void }) {
  return (
    <label className="flex cursor-pointer items-center gap-2">
      <input type="checkbox" className="size-4 accent-(--accent)" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      {label}
    </label>
  )
}
