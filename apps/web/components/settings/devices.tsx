'use client'
import { type DeviceShape, DIALECTS } from '@weir/db/contracts'
import { Plus, ServerCog } from 'lucide-react'
import { type ReactNode, useId, useState } from 'react'
import { removeDevice, saveDevice, useDevices, useSettingsChange } from '../../data/use-blocks-settings.ts'
import { useExporters } from '../../data/use-exporters.ts'
import { DIALECT_NAMES, TRANSPORT_NAMES } from '../blocks/model.ts'
import { exact } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Ago } from '../time.tsx'
import { Badge, StateDot } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogClose, DialogContent } from '../ui/dialog.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Panel } from '../ui/panel.tsx'
import { Select } from '../ui/select.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Confirm } from './confirm.tsx'
import {
  type DeviceForm,
  deviceBody,
  deviceFormOf,
  EMPTY_DEVICE,
  idFrom,
  transportsOf,
  unfinished,
  usualPort,
  withPoint,
} from './device-form.ts'
import { EnforcementPoint } from './enforcement-points.tsx'
import { PageHead } from './page-head.tsx'
import { tellDecided } from './settings-data.ts'
import { WaitingNote } from './waiting-note.tsx'

/** Routers, firewalls and route servers that stop traffic for Weir. */
export function Devices({ canWrite }: { canWrite: boolean }) {
  const devices = useDevices()
  const exporters = useExporters()
  const [edited, setEdited] = useState<DeviceShape | 'new' | null>(null)
  const [removed, setRemoved] = useState<DeviceShape | null>(null)
  const change = useSettingsChange()
  const names = new Map(exporters.data?.exporters.map((one) => [one.id, one.name ?? one.address]))
  const add = canWrite ? (
    <Button variant="primary" onClick={() => setEdited('new')}>
      <Plus aria-hidden /> Add a device
    </Button>
  ) : null
  return (
    <>
      <PageHead title="Devices" actions={devices.data === undefined || devices.data.devices.length === 0 ? undefined : add}>
        What stops traffic on your word. Keys and passwords are no part of this: they are files on the machine that enforces.
      </PageHead>
      {canWrite ? <WaitingNote about="device:" /> : null}
      <Panel>
        {devices.data !== undefined ? (
          devices.data.devices.length === 0 ? (
            <EmptyState icon={ServerCog} className="py-14" title="No device yet" actions={add}>
              {canWrite
                ? 'Add the router, firewall or route server that shall stop traffic. Until then nobody can simulate a block.'
                : 'An admin can add one.'}
            </EmptyState>
          ) : (
            <ul className="divide-y divide-border">
              {devices.data.devices.map((device) => (
                <Row
                  key={device.id}
                  device={device}
                  seenBy={device.exporterIds.map((id) => {
                    const ports = device.config.points?.find((point) => point.exporterId === id)?.interfaces
                    const name = names.get(id) ?? `exporter ${id}`
                    return ports === undefined ? name : `${name} (${ports.length === 1 ? 'interface' : 'interfaces'} ${ports.join(', ')})`
                  })}
                  onEdit={canWrite ? () => setEdited(device) : null}
                  onRemove={canWrite ? () => setRemoved(device) : null}
                />
              ))}
            </ul>
          )
        ) : devices.error !== null ? (
          <ErrorState error={devices.error} onRetry={() => void devices.refetch()} />
        ) : (
          <SkeletonRows rows={4} className="p-4" />
        )}
      </Panel>
      <Confirm
        open={removed !== null}
        onOpenChange={() => setRemoved(null)}
        title={`Remove ${removed?.name ?? ''}?`}
        action="Remove"
        asksWhy
        onConfirm={async (reason) => {
          if (removed === null) return
          tellDecided(await change.mutateAsync(() => removeDevice(removed.id, reason)), `${removed.name} is removed`)
        }}
      >
        <p>Nothing new goes to it. Past blocks keep its name. While it holds a live block it cannot be removed.</p>
      </Confirm>
      <Dialog open={edited !== null} onOpenChange={(open) => !open && setEdited(null)}>
        {edited === null ? null : (
          <Edit key={edited === 'new' ? '' : edited.id} device={edited === 'new' ? null : edited} onDone={() => setEdited(null)} />
        )}
      </Dialog>
    </>
  )
}

function Row({
  device,
  seenBy,
  onEdit,
  onRemove,
}: {
  device: DeviceShape
  seenBy: readonly string[]
  onEdit: (() => void) | null
  onRemove: (() => void) | null
}) {
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 text-[13px]">
      <div className="min-w-0 flex-1 basis-64">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="font-medium">{device.name}</span>
          <code className="font-mono text-[12px] text-muted">{device.id}</code>
          {device.live === 0 ? null : (
            <Badge tone="accent">
              {exact(device.live)} live {device.live === 1 ? 'rule' : 'rules'}
            </Badge>
          )}
        </p>
        <p className="text-[12.5px] text-muted">
          {DIALECT_NAMES[device.dialect] ?? device.dialect}, {TRANSPORT_NAMES[device.transport] ?? device.transport}
          {device.address === null ? '' : `, ${device.address}`}
          {device.config.port === undefined ? '' : `, port ${device.config.port}`}
        </p>
        <p className="text-[12.5px] text-muted [overflow-wrap:anywhere]">
          {seenBy.length === 0 ? (
            <span className="text-warn">
              No exporter behind it is named:{' '}
              {device.transport === 'none' ? 'nothing can prove a block there.' : 'a block there is proven by its counters only.'}
            </span>
          ) : (
            <>Proven by {seenBy.join(', ')}</>
          )}
        </p>
        {device.lastError === null ? null : (
          <p className="mt-1 border-critical/60 border-l-2 pl-3 text-[12.5px] [overflow-wrap:anywhere]">{device.lastError}</p>
        )}
      </div>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <span className="text-[12.5px]">
          {device.transport === 'none' ? (
            <StateDot tone="neutral">by hand</StateDot>
          ) : device.reachable === null ? (
            <StateDot tone="neutral">not asked yet</StateDot>
          ) : (
            <StateDot tone={device.reachable ? 'ok' : 'critical'}>
              {device.reachable ? 'answers' : 'does not answer'}
              {device.checkedAt === null ? null : <Ago at={Date.parse(device.checkedAt)} className="text-muted" />}
            </StateDot>
          )}
        </span>
        {onEdit === null ? null : (
          <Button onClick={onEdit} aria-label={`Change ${device.name}`}>
            Change
          </Button>
        )}
        {onRemove === null ? null : (
          <Button variant="danger" onClick={onRemove} aria-label={`Remove ${device.name}`}>
            Remove
          </Button>
        )}
      </div>
    </li>
  )
}

function Edit({ device, onDone }: { device: DeviceShape | null; onDone: () => void }) {
  const id = useId()
  const change = useSettingsChange()
  const exporters = useExporters()
  const [form, setForm] = useState<DeviceForm>(() => (device === null ? EMPTY_DEVICE : deviceFormOf(device)))
  const [ownId, setOwnId] = useState(device !== null)
  const set = (patch: Partial<DeviceForm>): void => setForm({ ...form, ...patch })
  const text = (
    name: 'name' | 'id' | 'address' | 'netns' | 'user' | 'port' | 'keyName',
    label: string,
    more: React.ComponentProps<'input'> = {},
  ) => (
    <Field id={`${id}-${name}`} label={label}>
      <Input
        id={`${id}-${name}`}
        value={form[name]}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => set({ [name]: event.target.value })}
        {...more}
      />
    </Field>
  )
  const port = text('port', form.transport === 'gobgp' ? 'Port of its gRPC API' : 'Port', {
    inputMode: 'numeric',
    pattern: '[0-9]{1,5}',
    title: 'a number up to 65535',
    placeholder: String(usualPort(form.transport) ?? ''),
  })
  return (
    <DialogContent
      title={device === null ? 'Add a device' : `Change ${device.name}`}
      footer={
        <>
          <DialogClose asChild>
            <Button size="lg">Cancel</Button>
          </DialogClose>
          <Button type="submit" form={`${id}-form`} variant="primary" size="lg" disabled={change.isPending || unfinished(form)}>
            {change.isPending ? 'Saving…' : 'Save'}
          </Button>
        </>
      }
    >
      <form
        id={`${id}-form`}
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          change.mutate(() => saveDevice(deviceBody(form)), {
            onSuccess: (answer) => {
              tellDecided(answer, 'Saved')
              onDone()
            },
          })
        }}
      >
        <div className="grid gap-3 sm:grid-cols-2">
          {text('name', 'Name', {
            required: true,
            maxLength: 100,
            placeholder: 'Edge router 1',
            onChange: (event) => set({ name: event.target.value, ...(ownId ? {} : { id: idFrom(event.target.value) }) }),
          })}
          {text('id', 'Id', {
            required: true,
            disabled: device !== null,
            pattern: '[a-z0-9][a-z0-9._\\-]{0,62}',
            title: 'a-z, 0-9, dot, hyphen, underscore',
            className: 'font-mono text-[12.5px]',
            onChange: (event) => {
              setOwnId(true)
              set({ id: event.target.value })
            },
          })}
          <Field label="Speaks">
            <Select
              label="Speaks"
              className="w-full"
              value={form.dialect}
              onChange={(dialect) => set({ dialect, transport: transportsOf(dialect)[0] ?? 'none', port: '' })}
              options={DIALECTS.map((value) => ({ value, label: DIALECT_NAMES[value] ?? value }))}
            />
          </Field>
          <Field label="Reached">
            <Select
              label="Reached"
              className="w-full"
              value={form.transport}
              onChange={(transport) => set({ transport, port: '' })}
              options={transportsOf(form.dialect).map((value) => ({ value, label: TRANSPORT_NAMES[value] ?? value }))}
            />
          </Field>
          {form.transport === 'ssh' ? (
            <>
              {text('address', 'Address', { required: true, placeholder: '192.0.2.1', className: 'font-mono text-[12.5px]' })}
              {port}
              {text('user', 'User', { required: true, placeholder: 'weir' })}
              {text('keyName', 'Key file', { placeholder: 'name in the key folder' })}
            </>
          ) : null}
          {form.transport === 'gobgp' ? (
            <>
              {text('address', 'Address of GoBGP', { placeholder: '127.0.0.1', className: 'font-mono text-[12.5px]' })}
              {port}
            </>
          ) : null}
          {form.transport === 'local' ? text('netns', 'Network namespace', { placeholder: 'none' }) : null}
        </div>
        {form.transport === 'none' ? (
          <p className="text-[13px] text-muted leading-relaxed">
            Weir writes the exact text; a person pastes it, and pastes the undo text when the time is over.
          </p>
        ) : null}
        <fieldset className="grid gap-1">
          <legend className="mb-1 font-medium text-[12px] text-muted">Exporters that see traffic behind it (they prove a block)</legend>
          {exporters.data === undefined ? (
            <SkeletonRows rows={2} />
          ) : exporters.data.exporters.length === 0 ? (
            <p className="text-[13px] text-muted">No exporter has sent anything yet.</p>
          ) : (
            <div className="max-h-72 overflow-y-auto rounded-md border border-border p-1">
              {exporters.data.exporters.map((exporter) => {
                const chosen = form.exporterIds.includes(exporter.id)
                return (
                  <div key={exporter.id}>
                    <label className="flex cursor-pointer items-center gap-2.5 rounded px-2 py-1.5 text-[13px] hover:bg-raised max-sm:min-h-11">
                      <input
                        type="checkbox"
                        className="size-4 shrink-0 accent-(--accent)"
                        checked={chosen}
                        onChange={() =>
                          set({
                            exporterIds: chosen
                              ? form.exporterIds.filter((one) => one !== exporter.id)
                              : [...form.exporterIds, exporter.id],
                          })
                        }
                      />
                      <span className="min-w-0 truncate">{exporter.name ?? exporter.address}</span>
                      {exporter.name === null ? null : <span className="font-mono text-[12px] text-muted">{exporter.address}</span>}
                    </label>
                    {chosen ? (
                      <EnforcementPoint
                        exporter={exporter}
                        chosen={form.points.find((point) => point.exporterId === exporter.id)?.interfaces ?? null}
                        onChange={(interfaces) => setForm(withPoint(form, exporter.id, interfaces))}
                      />
                    ) : null}
                  </div>
                )
              })}
            </div>
          )}
        </fieldset>
        {change.error === null ? null : <ProblemNote error={change.error} />}
      </form>
    </DialogContent>
  )
}

function Field({ id, label, children }: { id?: string; label: string; children: ReactNode }) {
  return (
    <div className="grid min-w-0 content-start gap-1">
      {id === undefined ? <span className="font-medium text-[12px] text-muted">{label}</span> : <Label htmlFor={id}>{label}</Label>}
      {children}
    </div>
  )
}
