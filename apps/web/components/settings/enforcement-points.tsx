'use client'
import type { ExporterObject } from '@weir/db/contracts'
import { useId } from 'react'
import { useInterfaceTraffic } from '../../data/use-interface-traffic.ts'
import { Select } from '../ui/select.tsx'
import { Skeleton } from '../ui/skeleton.tsx'

const SCOPES = [
  { value: 'all', label: 'All its interfaces' },
  { value: 'some', label: 'Only some interfaces' },
] as const

/**
 * Which interfaces of a chosen exporter are behind the device: all (`chosen` null), or those with these indexes. Offered is what was described,
 * what flows of the last day name, and what is chosen already.
 */
export function EnforcementPoint({
  exporter,
  chosen,
  onChange,
}: {
  exporter: ExporterObject
  chosen: readonly number[] | null
  onChange: (chosen: number[] | null) => void
}) {
  const id = useId()
  const name = exporter.name ?? exporter.address
  return (
    <div className="flex flex-col gap-1.5 pb-2 pl-8.5">
      <Select
        label={`Interfaces of ${name} behind the device`}
        className="w-52"
        value={chosen === null ? 'all' : 'some'}
        onChange={(scope) => onChange(scope === 'all' ? null : [])}
        options={SCOPES}
      />
      {chosen === null ? null : (
        <fieldset aria-describedby={`${id}-hint`}>
          <legend className="sr-only">Interfaces of {name}</legend>
          <Ports exporter={exporter} chosen={chosen} onChange={onChange} />
          <p id={`${id}-hint`} className={chosen.length === 0 ? 'text-[12px] text-warn' : 'text-[12px] text-muted'}>
            {chosen.length === 0
              ? 'Choose at least one: the side towards those whom the block protects.'
              : 'What leaves or enters there counts as let through; other interfaces of it prove nothing.'}
          </p>
        </fieldset>
      )}
    </div>
  )
}

function Ports({
  exporter,
  chosen,
  onChange,
}: {
  exporter: ExporterObject
  chosen: readonly number[]
  onChange: (chosen: number[]) => void
}) {
  const traffic = useInterfaceTraffic(exporter.address)
  const names = new Map(exporter.interfaces.map((port) => [port.ifIndex, port.name]))
  const indexes = [...new Set([...names.keys(), ...traffic.byIndex.keys(), ...chosen])].sort((a, b) => a - b)
  if (indexes.length === 0)
    return traffic.pending ? (
      <Skeleton className="h-5 w-40" />
    ) : (
      <p className="text-[12.5px] text-muted">No interface of it is known: none was described, and no flow of the last day names one.</p>
    )
  return (
    <div className="grid gap-x-3 sm:grid-cols-2">
      {indexes.map((index) => (
        <label
          key={index}
          className="flex min-w-0 cursor-pointer items-center gap-2 rounded px-1 py-1 text-[13px] hover:bg-raised max-sm:min-h-11"
        >
          <input
            type="checkbox"
            className="size-4 shrink-0 accent-(--accent)"
            checked={chosen.includes(index)}
            onChange={() =>
              onChange(chosen.includes(index) ? chosen.filter((one) => one !== index) : [...chosen, index].sort((a, b) => a - b))
            }
          />
          <span className="min-w-0 truncate">
            {names.get(index) ?? `Interface ${index}`}
            {names.get(index) == null ? null : <span className="ml-1.5 font-mono text-[12px] text-muted">{index}</span>}
          </span>
        </label>
      ))}
    </div>
  )
}
