'use client'
import type { DeviceShape } from '@weir/db/contracts'
import { FlaskConical } from 'lucide-react'
import { type ReactNode, useId } from 'react'
import { exact } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Badge } from '../ui/badge.tsx'
import { Box } from '../ui/box.tsx'
import { Button } from '../ui/button.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Select } from '../ui/select.tsx'
import { Segmented } from '../ui/tabs.tsx'
import { type Draft, WINDOW_CHOICES, WINDOW_NAMES, type WindowChoice } from './draft.ts'
import { DIALECT_NAMES, TRANSPORT_NAMES, TTL_CHOICES } from './model.ts'
import { PROTOCOLS, type RuleForm, type RuleProblems } from './rule.ts'

const DAYS = [
  { value: '1', label: '1 day' },
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
] as const

/** Which packets, what is done with them, where, for how long, and what it is held against. */
export function RuleEditor({
  draft,
  devices,
  problems,
  fromView,
  fromAnomaly,
  busy,
  error,
  stale,
  simulated,
  queue,
  onType,
  onChoose,
  onSimulate,
  onClear,
}: {
  draft: Draft
  devices: readonly DeviceShape[]
  problems: RuleProblems
  fromView: boolean
  fromAnomaly: boolean
  busy: boolean
  error: unknown
  stale: boolean
  simulated: boolean
  queue: { rest: readonly RuleForm[]; total: number }
  onType: (form: RuleForm) => void
  onChoose: (patch: Partial<Draft>) => void
  onSimulate: () => void
  onClear: () => void
}) {
  const id = useId()
  const { form } = draft
  const ports = form.proto === '6' || form.proto === '17'
  const type = (patch: Partial<RuleForm>): void => onType({ ...form, ...patch })
  const windows = WINDOW_CHOICES.filter((choice) =>
    choice === 'anomaly' ? fromAnomaly : choice === 'view' ? fromView : choice === 'none' ? !fromAnomaly : true,
  )
  const text = (
    name: 'src' | 'dst' | 'srcPorts' | 'dstPorts' | 'limit',
    label: string,
    placeholder: string,
    more: { mono?: boolean } = {},
  ) => (
    <Field id={`${id}-${name}`} label={label} problem={problems[name]}>
      <Input
        id={`${id}-${name}`}
        value={form[name]}
        placeholder={placeholder}
        autoComplete="off"
        spellCheck={false}
        aria-invalid={problems[name] === undefined ? undefined : true}
        aria-describedby={problems[name] === undefined ? undefined : `${id}-${name}-problem`}
        className={more.mono === true ? 'font-mono text-[12.5px]' : undefined}
        onChange={(event) => type({ [name]: event.target.value })}
      />
    </Field>
  )
  return (
    <Box
      title="The rule"
      hint={queue.total > 1 ? `rule ${queue.total - queue.rest.length} of ${queue.total}, each is a block of its own` : undefined}
    >
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          onSimulate()
        }}
      >
        <div className="grid gap-3 sm:grid-cols-2">
          {text('src', 'Source', 'any address', { mono: true })}
          {text('dst', 'Destination', 'any address', { mono: true })}
        </div>
        <div className="grid gap-3 sm:grid-cols-3">
          <Field label="Protocol">
            <Select
              label="Protocol"
              className="w-full"
              value={form.proto}
              onChange={(proto) => type({ proto })}
              options={
                PROTOCOLS.some((one) => one.value === form.proto)
                  ? PROTOCOLS
                  : [...PROTOCOLS, { value: form.proto, label: `Protocol ${form.proto}` }]
              }
            />
          </Field>
          {ports ? (
            <>
              {text('srcPorts', 'Source ports', 'any, or 53, 1000-2000', { mono: true })}
              {text('dstPorts', 'Destination ports', 'any, or 443', { mono: true })}
            </>
          ) : (
            <p className="self-end pb-1.5 text-[12.5px] text-muted sm:col-span-2">Ports can be given for TCP and UDP.</p>
          )}
        </div>
        {form.proto === '6' ? (
          <label className="flex w-fit cursor-pointer items-center gap-2 text-[13px]">
            <input
              type="checkbox"
              className="size-4 accent-(--accent)"
              checked={form.synOnly}
              onChange={(event) => type({ synOnly: event.target.checked, flags: null })}
            />
            Only new connections (SYN without ACK)
          </label>
        ) : null}
        {problems.rule === undefined ? null : (
          <p role="alert" className="text-[13px] text-critical">
            {problems.rule}
          </p>
        )}
        <div className="flex flex-wrap items-end gap-x-4 gap-y-3">
          <Field label="What happens to it">
            <Segmented
              label="What happens to it"
              value={form.action}
              onChange={(action) => type({ action })}
              options={[
                { value: 'drop', label: 'Drop all' },
                { value: 'rate_limit', label: 'Limit' },
              ]}
              className="w-fit"
            />
          </Field>
          {form.action === 'rate_limit' ? <div className="w-32">{text('limit', 'Limit, Mbit/s', '10')}</div> : null}
          <Field label="Ends by itself after">
            <Select
              label="Ends by itself after"
              className="w-36"
              value={draft.ttl}
              onChange={(ttl) => onChoose({ ttl })}
              options={TTL_CHOICES}
            />
          </Field>
        </div>
        <fieldset className="grid gap-1.5">
          <legend className="mb-1 font-medium text-[12px] text-muted">On these devices</legend>
          {devices.map((device) => {
            const chosen = draft.devices.includes(device.id)
            return (
              <label
                key={device.id}
                className={`flex cursor-pointer items-start gap-2.5 rounded-md border px-3 py-2 text-[13px] ${chosen ? 'border-accent bg-accent-soft' : 'hover:bg-raised'}`}
              >
                <input
                  type="checkbox"
                  className="mt-0.5 size-4 accent-(--accent)"
                  checked={chosen}
                  onChange={() =>
                    onChoose({ devices: chosen ? draft.devices.filter((one) => one !== device.id) : [...draft.devices, device.id] })
                  }
                />
                <span className="flex min-w-0 flex-1 flex-wrap items-center gap-x-2 gap-y-0.5">
                  <span className="font-medium">{device.name}</span>
                  <span className="text-[12.5px] text-muted">
                    {DIALECT_NAMES[device.dialect] ?? device.dialect}, {TRANSPORT_NAMES[device.transport] ?? device.transport},{' '}
                    {exact(device.live)} live
                  </span>
                  {device.reachable === false ? <Badge tone="warn">does not answer</Badge> : null}
                </span>
              </label>
            )
          })}
          {draft.devices.length === 0 ? (
            <p role="alert" className="text-[13px] text-critical">
              Choose at least one device.
            </p>
          ) : null}
        </fieldset>
        <div className="flex flex-wrap items-end gap-3 border-border border-t pt-3">
          <Field label="The attack was in">
            <Select<WindowChoice>
              label="The attack was in"
              value={draft.window}
              onChange={(window) => onChoose({ window })}
              options={windows.map((value) => ({ value, label: WINDOW_NAMES[value] }))}
            />
          </Field>
          <Field label="Held against the last">
            <Select label="Held against the last" value={draft.days} onChange={(days) => onChoose({ days })} options={DAYS} />
          </Field>
          <div className="flex gap-2 sm:ml-auto">
            <Button variant="ghost" size="lg" onClick={onClear}>
              Clear
            </Button>
            <Button type="submit" size="lg" variant={simulated ? 'secondary' : 'primary'} disabled={busy}>
              <FlaskConical /> {busy ? 'Simulating…' : stale || simulated ? 'Simulate again' : 'Simulate'}
            </Button>
          </div>
        </div>
        {error === null || error === undefined || busy ? null : <ProblemNote error={error} />}
      </form>
    </Box>
  )
}

function Field({ id, label, problem, children }: { id?: string; label: string; problem?: string | undefined; children: ReactNode }) {
  return (
    <div className="grid min-w-0 content-start gap-1">
      {id === undefined ? <span className="font-medium text-[12px] text-muted">{label}</span> : <Label htmlFor={id}>{label}</Label>}
      {children}
      {problem === undefined ? null : (
        <p id={id === undefined ? undefined : `${id}-problem`} className="text-[12.5px] text-critical">
          {problem}
        </p>
      )}
    </div>
  )
}
