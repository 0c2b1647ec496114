'use client'

import { type AdminChange, DeviceConfig, type TwoPersons } from '@weir/db/contracts'
import { UsersRound } from 'lucide-react'
import { useId, useState } from 'react'
import { toast } from 'sonner'
import { useExporters } from '../../data/use-exporters.ts'
import { DIALECT_NAMES, TRANSPORT_NAMES } from '../blocks/model.ts'
import { StepUpCancelled, useWithStepUp } from '../blocks/step-up.tsx'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Ago, Time } from '../time.tsx'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Panel, PanelHeader } from '../ui/panel.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Switch } from '../ui/switch.tsx'
import { Confirm } from './confirm.tsx'
import { PageHead } from './page-head.tsx'
import { type Decided, tellDecided, useAdminChanges, useChange } from './settings-data.ts'

const STATES: Record<AdminChange['state'], { label: string; tone: 'ok' | 'neutral' | 'warn' | 'critical' }> = {
  open: { label: 'waits', tone: 'warn' },
  applied: { label: 'approved', tone: 'ok' },
  withdrawn: { label: 'taken back', tone: 'neutral' },
  refused: { label: 'refused', tone: 'critical' },
  expired: { label: 'expired', tone: 'neutral' },
}

/** Changes of what blocks may touch and of what carries them: proposed by one admin, approved by another. */
export function AdminChanges() {
  const answer = useAdminChanges()
  const open = answer.data?.changes.filter(({ state }) => state === 'open') ?? []
  const decided = answer.data?.changes.filter(({ state }) => state !== 'open') ?? []
  return (
    <>
      <PageHead title="Admin changes">
        Protected prefixes, devices, and which exporters count decide what a block can hit. Two admins change them: one proposes, another
        approves within a day.
      </PageHead>
      {answer.data === undefined ? (
        <Panel>
          {answer.error !== null ? (
            <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
          ) : (
            <SkeletonRows rows={3} className="p-4" />
          )}
        </Panel>
      ) : (
        <div className="grid gap-4">
          <Rule rule={answer.data.twoPersons} />
          <Panel>
            <PanelHeader title="Waiting" />
            {open.length === 0 ? (
              <EmptyState icon={UsersRound} title="Nothing waits">
                What an admin changes under Devices, Protected prefixes or on an exporter’s page appears here when a second admin is needed.
              </EmptyState>
            ) : (
              <ul className="divide-y divide-border border-border border-t">
                {open.map((change) => (
                  <Open key={change.id} change={change} />
                ))}
              </ul>
            )}
          </Panel>
          {decided.length === 0 ? null : (
            <Panel>
              <PanelHeader title="Decided lately" />
              <ul className="divide-y divide-border border-border border-t">
                {decided.map((change) => (
                  <Past key={change.id} change={change} />
                ))}
              </ul>
            </Panel>
          )}
        </div>
      )}
    </>
  )
}

function Rule({ rule }: { rule: TwoPersons }) {
  const change = useChange<Decided>()
  const id = useId()
  const text = rule.inForce
    ? `There are ${rule.admins} admins: a change waits until another one approves it.`
    : rule.on
      ? 'There is one admin, who decides alone until there is a second one. The audit log says so with each change.'
      : 'One admin decides alone. The audit log says so with each change.'
  return (
    <Panel>
      <div className="flex flex-wrap items-center gap-x-6 gap-y-3 p-4">
        <div className="min-w-0 flex-1 basis-64 text-[13px]">
          <p id={id} className="font-medium">
            Ask two admins
          </p>
          <p className="text-muted leading-relaxed">{text}</p>
        </div>
        <Switch
          aria-labelledby={id}
          checked={rule.on}
          disabled={change.isPending}
          onCheckedChange={(on) =>
            change.mutate(
              { method: 'PUT', path: '/api/v1/admin-changes/two-persons', body: { on } },
              { onSuccess: (done) => tellDecided(done, on ? 'Two admins are asked from now on' : 'One admin decides from now on') },
            )
          }
        />
      </div>
      {change.isError ? (
        <div className="px-4 pb-4">
          <ProblemNote error={change.error} />
        </div>
      ) : null}
    </Panel>
  )
}

function Open({ change }: { change: AdminChange }) {
  const act = useChange<AdminChange>()
  const stepUp = useWithStepUp()
  const [asking, setAsking] = useState(false)
  const own = change.actions.includes('withdraw')
  return (
    <li className="grid gap-2 px-4 py-3 text-[13px]">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-64">
          <p className="font-medium [overflow-wrap:anywhere]">{change.sentence}</p>
          <p className="text-[12.5px] text-muted">
            Proposed by {own ? 'you' : change.proposer.name}, <Ago at={Date.parse(change.createdAt)} />. Ends{' '}
            <Time at={Date.parse(change.expiresAt)} />.
          </p>
        </div>
        <div className="flex flex-wrap gap-2">
          {change.actions.includes('approve') ? (
            <Button
              variant="primary"
              disabled={act.isPending}
              onClick={() =>
                void stepUp
                  .run(() => act.mutateAsync({ method: 'POST', path: `/api/v1/admin-changes/${change.id}/approve`, body: {} }))
                  .then(
                    () => toast.success('Approved and done'),
                    (error: unknown) => (error instanceof StepUpCancelled ? act.reset() : undefined),
                  )
              }
            >
              Approve
            </Button>
          ) : null}
          <Button variant={own ? 'secondary' : 'danger'} disabled={act.isPending} onClick={() => setAsking(true)}>
            {own ? 'Take back' : 'Refuse'}
          </Button>
        </div>
      </div>
      <Body body={change.body} />
      {act.isError ? <ProblemNote error={act.error} /> : null}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={own ? 'Take this change back?' : 'Refuse this change?'}
        action={own ? 'Take back' : 'Refuse'}
        asksWhy
        onConfirm={(reason) => act.mutateAsync({ method: 'POST', path: `/api/v1/admin-changes/${change.id}/withdraw`, body: { reason } })}
      >
        <p>{change.sentence}. Nothing has been done, and nothing will be.</p>
      </Confirm>
      {stepUp.dialog}
    </li>
  )
}

const LABELS: Record<string, string> = {
  id: 'Id',
  name: 'Name',
  prefix: 'Prefix',
  reason: 'Why',
  dialect: 'Speaks',
  transport: 'Reached',
  address: 'Address',
  netns: 'Network namespace',
  user: 'User',
  port: 'Port',
  keyName: 'Key file',
  exporterIds: 'Proven by',
}
/** Exactly what is approved, and in the words of the forms: devices by how they are reached, exporters by their names. */
function Body({ body }: { body: Readonly<Record<string, unknown>> }) {
  const exporters = useExporters()
  const nameOf = (id: unknown): string => {
    const found = exporters.data?.exporters.find((one) => one.id === id)
    return found === undefined ? `exporter ${String(id)}` : (found.name ?? found.address)
  }
  const config = DeviceConfig.safeParse(body.config).data ?? {}
  const shown = (key: string, value: unknown): string => {
    if (key === 'dialect') return DIALECT_NAMES[String(value)] ?? String(value)
    if (key === 'transport') return TRANSPORT_NAMES[String(value)] ?? String(value)
    if (key === 'exporterIds' && Array.isArray(value))
      return (
        value
          .map((id) => {
            const ports = config.points?.find((point) => point.exporterId === id)?.interfaces
            return ports === undefined
              ? nameOf(id)
              : `${nameOf(id)} (only ${ports.length === 1 ? 'interface' : 'interfaces'} ${ports.join(', ')})`
          })
          .join(', ') || 'no exporter'
      )
    return value === null ? 'none' : String(value)
  }
  const all: Readonly<Record<string, unknown>> = { ...body, ...config }
  const members = Object.keys(LABELS).flatMap((key) => (all[key] === undefined ? [] : [[key, all[key]] as const]))
  if (members.length === 0) return null
  return (
    <dl className="grid grid-cols-[minmax(90px,auto)_minmax(0,1fr)] gap-x-4 gap-y-0.5 rounded-md border border-border bg-bg px-3 py-2 text-[12.5px]">
      {members.map(([key, value]) => (
        <div key={key} className="col-span-2 grid grid-cols-subgrid">
          <dt className="text-muted">{LABELS[key]}</dt>
          <dd className="[overflow-wrap:anywhere]">{shown(key, value)}</dd>
        </div>
      ))}
    </dl>
  )
}

function Past({ change }: { change: AdminChange }) {
  const state = STATES[change.state]
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5 text-[13px]">
      <div className="min-w-0 flex-1 basis-64">
        <p className="[overflow-wrap:anywhere]">{change.sentence}</p>
        <p className="text-[12.5px] text-muted [overflow-wrap:anywhere]">
          Proposed by {change.proposer.name}
          {change.decidedBy === null ? '' : `, ${state.label} by ${change.decidedBy.name}`}
          {change.decisionReason === null ? '' : `: ${change.decisionReason}`}
          {change.decidedAt === null ? null : (
            <>
              , <Ago at={Date.parse(change.decidedAt)} />
            </>
          )}
        </p>
      </div>
      <Badge tone={state.tone}>{state.label}</Badge>
    </li>
  )
}
