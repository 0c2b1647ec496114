'use client'
import type { ExporterObject } from '@weir/db/contracts'
import { Archive, ArchiveRestore, Check, List, Pencil, TriangleAlert, X } from 'lucide-react'
import Link from 'next/link'
import { type ReactNode, useId, useState } from 'react'
import { toast } from 'sonner'
import { ProblemError } from '../../data/fetch-json.ts'
import { type Boundary, useEditInterface, useRenameExporter, useRetireExporter } from '../../data/use-exporters.ts'
import { useInterfaceTraffic } from '../../data/use-interface-traffic.ts'
import { useMay } from '../../data/use-profile.ts'
import { bitsPerSecond, dateTime, exact, flowsPerSecond, sampling, share, utc } from '../format.ts'
import { Confirm } from '../settings/confirm.tsx'
import { tellDecided } from '../settings/settings-data.ts'
import { Ago } from '../time.tsx'
import { Badge, StateDot } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog, DrawerContent } from '../ui/dialog.tsx'
import { Input } from '../ui/input.tsx'
import { Select } from '../ui/select.tsx'
import { ErrorState } from '../ui/state.tsx'
import { clockDoubt, FORMATS, samplingDoubt, stateTone, stateWord } from './exporter-facts.ts'

const refused = (what: string) => (error: unknown) =>
  toast.error(what, {
    description: error instanceof ProblemError ? `${error.detail} ${error.remedy ?? ''}` : 'The cause is not known. Try again.',
  })

/** One exporter in full, with its interfaces. Names and boundaries can be edited by those who may. */
export function ExporterDrawer({ exporter, onClose }: { exporter: ExporterObject | null; onClose: () => void }) {
  return (
    <Dialog open={exporter !== null} onOpenChange={(open) => !open && onClose()}>
      {exporter === null ? null : <Detail key={exporter.id} one={exporter} />}
    </Dialog>
  )
}

function Detail({ one }: { one: ExporterObject }) {
  const mayEdit = useMay('inventory:write')
  const rename = useRenameExporter()
  const doubts = [
    one.state === 'silent'
      ? 'No datagram in the last five minutes. Is the device up, and does its export still point here? A firewall in between is the usual cause.'
      : null,
    samplingDoubt(one),
    clockDoubt(one),
    (one.lossShare ?? 0) >= 0.001
      ? `${share(one.lossShare)} of what it announced did not arrive (${exact(one.lost)}). Check the path, and the socket buffer of this host with “bin/weir doctor”.`
      : null,
    one.problems > 0 ? `${exact(one.problems)} datagrams or records could not be decoded. The collector’s log names them.` : null,
  ].filter((text) => text !== null)
  return (
    <DrawerContent
      title={
        <span className="flex items-center gap-2">
          {one.name ?? one.address}
          {one.demo ? <Badge tone="accent">demo</Badge> : null}
        </span>
      }
      description={one.name === null ? FORMATS[one.formats[0] ?? ''] : one.address}
      className="sm:w-[620px]"
    >
      <div className="flex flex-col gap-5">
        {doubts.length === 0 ? null : (
          <ul className="flex flex-col gap-2 rounded-md border border-warn/40 bg-warn-soft p-3 text-[13px] leading-relaxed">
            {doubts.map((doubt) => (
              <li key={doubt} className="flex gap-2">
                <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
                {doubt}
              </li>
            ))}
          </ul>
        )}
        <dl className="grid grid-cols-[132px_minmax(0,1fr)] gap-y-1.5 text-[13px]">
          <Fact name="Name">
            <EditableText
              value={one.name}
              label="Name of the exporter"
              placeholder={one.address}
              editable={mayEdit}
              pending={rename.isPending}
              onSave={async (name) => {
                await rename.mutateAsync({ id: one.id, name }, { onError: refused('The name was not changed') })
              }}
            />
          </Fact>
          <Fact name="Address">
            <span className="font-mono text-[12.5px]">{one.address}</span>
          </Fact>
          <Fact name="State">
            <StateDot tone={stateTone(one)}>
              {stateWord(one)}, last datagram <Ago at={Date.parse(one.lastSeen)} />
            </StateDot>
          </Fact>
          <Fact name="Known since">
            <span title={utc(Date.parse(one.firstSeen))}>{dateTime(Date.parse(one.firstSeen))}</span>
          </Fact>
          <Fact name="Formats">{one.formats.map((format) => FORMATS[format] ?? format).join(', ') || '–'}</Fact>
          <Fact name="Sampling">{sampling(one.samplingRate)}</Fact>
          <Fact name="Now">
            {bitsPerSecond(one.bitsPerSecond)}, {flowsPerSecond(one.flowsPerSecond)}
          </Fact>
          <Fact name="Received">
            {exact(one.flows)} flows in {exact(one.datagrams)} datagrams
          </Fact>
          <Fact name="Witness">
            {one.witnessShare === null
              ? 'not known before its first flow'
              : one.witnessShare === 0
                ? 'none of its flows: each is counted from here'
                : `${share(one.witnessShare)} of its flows, which are counted from another exporter`}
          </Fact>
          {one.duplicates === 0 ? null : (
            <Fact name="Came twice">
              {exact(one.duplicates)} {one.duplicates === 1 ? 'datagram' : 'datagrams'}, stored once
            </Fact>
          )}
          <Fact name="Lost on the way">
            {one.lossShare === null ? 'not measurable: no usable sequence numbers' : `${share(one.lossShare)} (${exact(one.lost)})`}
          </Fact>
          <Fact name="Clock">
            {one.skewSeconds === null
              ? 'not measurable'
              : Math.abs(one.skewSeconds) < 0.5
                ? 'in step with this host'
                : `${exact(Math.abs(Math.round(one.skewSeconds * 10) / 10))} s ${one.skewSeconds > 0 ? 'ahead' : 'behind'}`}
          </Fact>
          <Fact name="Templates">{exact(one.templates)}</Fact>
        </dl>
        <div className="flex flex-wrap gap-2">
          <Button asChild>
            <Link href={`/flows?filter=${encodeURIComponent(`exporter = ${one.address}`)}`}>
              <List /> Open its flows
            </Link>
          </Button>
          {mayEdit ? <Retire one={one} /> : null}
        </div>
        <Interfaces one={one} mayEdit={mayEdit} />
      </div>
    </DrawerContent>
  )
}

/** Count it as gone, or as in service again. */
function Retire({ one }: { one: ExporterObject }) {
  const retire = useRetireExporter()
  const [asking, setAsking] = useState(false)
  const retired = one.state === 'retired'
  const name = one.name ?? one.address
  return (
    <>
      <Button variant={retired ? 'secondary' : 'danger'} onClick={() => setAsking(true)}>
        {retired ? <ArchiveRestore aria-hidden /> : <Archive aria-hidden />} {retired ? 'Put back in service' : 'Retire'}
      </Button>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={retired ? `Put ${name} back in service?` : `Retire ${name}?`}
        action={retired ? 'Put back' : 'Retire'}
        asksWhy
        onConfirm={async (reason) =>
          tellDecided(
            await retire.mutateAsync({ id: one.id, retired: !retired, reason }),
            retired ? `${name} is in service again` : `${name} is retired`,
          )
        }
      >
        <p>
          {retired
            ? 'Its silence is a fault again, and no block may touch its address.'
            : 'Its silence is no fault any more, and its address is no longer protected from blocks. What it has sent stays, and what it still sends is stored.'}
        </p>
      </Confirm>
    </>
  )
}

const BOUNDARIES = [
  { value: 'unset', label: 'Not set' },
  { value: 'external', label: 'External' },
  { value: 'internal', label: 'Internal' },
] as const

type Port = ExporterObject['interfaces'][number]

/** What was described or edited, and what flows of the last day name: an exporter without interface options has interfaces all the same. */
function Interfaces({ one, mayEdit }: { one: ExporterObject; mayEdit: boolean }) {
  const traffic = useInterfaceTraffic(one.address)
  const described = new Set(one.interfaces.map((port) => port.ifIndex))
  const seen = [...traffic.byIndex.keys()].filter((index) => !described.has(index))
  const ports: Port[] = [
    ...one.interfaces,
    ...seen.map((ifIndex): Port => ({ ifIndex, name: null, description: null, boundary: null, speedBitsPerSecond: null })),
  ].sort((a, b) => a.ifIndex - b.ifIndex)
  return (
    <section aria-label="Interfaces">
      <h3 className="font-semibold text-[13px]">Interfaces</h3>
      <p className="mb-2 text-[12px] text-muted">
        External interfaces face other networks; what crosses them is ingress and egress. Rates are means of the last hour.
        {mayEdit ? '' : ' Changing interfaces needs an admin.'}
      </p>
      {ports.length > 0 ? (
        <ul className="border-border border-t">
          {ports.map((port) => (
            <InterfaceRow
              key={port.ifIndex}
              exporterId={one.id}
              port={port}
              mayEdit={mayEdit}
              traffic={traffic.byIndex.get(port.ifIndex)}
            />
          ))}
        </ul>
      ) : traffic.error !== null ? (
        <ErrorState error={traffic.error} className="px-0" />
      ) : (
        <p className="text-[13px] text-muted">
          {traffic.pending ? 'Looking for interfaces …' : 'No flow of the last day names an interface of this exporter.'}
        </p>
      )}
    </section>
  )
}

function InterfaceRow({
  exporterId,
  port,
  mayEdit,
  traffic,
}: {
  exporterId: number
  port: Port
  mayEdit: boolean
  traffic: { inBitsPerSecond: number; outBitsPerSecond: number } | undefined
}) {
  const edit = useEditInterface()
  // Shown at once; the list that comes back afterwards is the truth.
  const boundary: Boundary = edit.isPending && edit.variables.boundary !== undefined ? edit.variables.boundary : port.boundary
  const facts = [
    port.description,
    port.speedBitsPerSecond === null ? null : bitsPerSecond(port.speedBitsPerSecond),
    traffic === undefined ? null : `in ${bitsPerSecond(traffic.inBitsPerSecond)}, out ${bitsPerSecond(traffic.outBitsPerSecond)}`,
  ].filter((part) => part !== null)
  return (
    <li className="grid min-h-11 grid-cols-[44px_minmax(0,1fr)_auto] items-center gap-3 border-border border-b py-1.5 text-[13px]">
      <span className="text-right font-mono text-[12.5px] text-muted" title="Interface index">
        {port.ifIndex}
      </span>
      <div className="min-w-0">
        <EditableText
          value={port.name}
          label={`Name of interface ${port.ifIndex}`}
          placeholder={`if ${port.ifIndex}`}
          editable={mayEdit}
          pending={edit.isPending}
          onSave={async (name) => {
            await edit.mutateAsync({ exporterId, ifIndex: port.ifIndex, name }, { onError: refused('The name was not changed') })
          }}
        />
        {facts.length === 0 ? null : <p className="truncate text-[12px] text-muted">{facts.join(' · ')}</p>}
      </div>
      <Select
        label={`Boundary of interface ${port.name ?? port.ifIndex}`}
        value={boundary ?? 'unset'}
        options={BOUNDARIES}
        disabled={!mayEdit || edit.isPending}
        className="w-28"
        onChange={(next) =>
          edit.mutate(
            { exporterId, ifIndex: port.ifIndex, boundary: next === 'unset' ? null : next },
            { onError: refused('The boundary was not changed') },
          )
        }
      />
    </li>
  )
}

/** A text that can be edited in place: Enter saves, Escape gives up, nothing takes the name away. */
function EditableText({
  value,
  label,
  placeholder,
  editable,
  pending,
  onSave,
}: {
  value: string | null
  label: string
  placeholder: string
  editable: boolean
  pending: boolean
  onSave: (value: string | null) => Promise<void>
}) {
  const id = useId()
  const [draft, setDraft] = useState<string | null>(null)
  const shown = value === null ? <span className="text-muted">{placeholder}</span> : <span className="truncate">{value}</span>
  if (draft === null) {
    return (
      <span className="flex min-w-0 items-center gap-1">
        {shown}
        {editable ? (
          <Button variant="ghost" size="icon-sm" aria-label={`Edit: ${label}`} title="Edit" onClick={() => setDraft(value ?? '')}>
            <Pencil className="!size-3.5" />
          </Button>
        ) : null}
      </span>
    )
  }
  const save = (): void => {
    const next = draft.trim() === '' ? null : draft.trim()
    if (next === value) setDraft(null)
    else
      void onSave(next).then(
        () => setDraft(null),
        () => undefined,
      )
  }
  return (
    <form
      className="flex items-center gap-1"
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <Input
        id={id}
        aria-label={label}
        autoFocus
        value={draft}
        maxLength={100}
        placeholder={placeholder}
        disabled={pending}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            event.stopPropagation()
            setDraft(null)
          }
        }}
        className="h-7"
      />
      <Button type="submit" variant="ghost" size="icon-sm" aria-label="Save" disabled={pending}>
        <Check />
      </Button>
      <Button variant="ghost" size="icon-sm" aria-label="Cancel" disabled={pending} onClick={() => setDraft(null)}>
        <X />
      </Button>
    </form>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="flex min-h-7 items-center text-muted">{name}</dt>
      <dd className="flex min-h-7 min-w-0 items-center">{children}</dd>
    </>
  )
}
