'use client'
import { CalendarClock, ChevronDown, ChevronLeft, ChevronRight, RotateCw, SlidersHorizontal, Undo2, ZoomOut } from 'lucide-react'
import { usePathname } from 'next/navigation'
import { useId, useState } from 'react'
import { useAutoRefresh } from '../data/clock.ts'
import { refreshNow, useView, type View, type ViewMetric } from '../data/view.ts'
import { PRESET_LABEL, PRESETS, REFRESH_CHOICES } from '../data/view-state.ts'
import { forgetTrail, useTrail, zoomBack } from '../data/zoom.ts'
import { dateTime, duration, timeRange } from './format.ts'
import { Button } from './ui/button.tsx'
import { cn } from './ui/cn.ts'
import { Dialog, DialogTrigger, SheetContent } from './ui/dialog.tsx'
import { Input, Label } from './ui/input.tsx'
import { Menu, MenuContent, MenuLabel, MenuRadioGroup, MenuRadioItem, MenuTrigger } from './ui/menu.tsx'
import { Popover, PopoverContent, PopoverTrigger } from './ui/popover.tsx'
import { Switch } from './ui/switch.tsx'
import { Segmented } from './ui/tabs.tsx'

const METRICS = [
  { value: 'bits', label: 'Bits' },
  { value: 'packets', label: 'Packets' },
  { value: 'flows', label: 'Flows' },
] as const satisfies readonly { value: ViewMetric; label: string }[]

const refreshLabel = (seconds: number): string => (seconds === 0 ? 'Off' : duration(seconds))

/**
 * Time range, auto refresh and metric of the page: one row from 768 px on, one button with a sheet below. Lives in the top bar.
 * Runs the refresh timer of the page.
 */
export function ViewControls() {
  const view = useView()
  const moves = view.preset !== null
  useAutoRefresh(moves ? view.refresh : 0)
  // Single records are listed, not summed: there is no metric to choose.
  const counts = usePathname() !== '/flows'
  return (
    <>
      <div className="hidden items-center gap-2 md:flex">
        <ZoomBack view={view} />
        <RangePicker view={view} />
        <RefreshControl view={view} />
        {counts ? <Segmented label="Metric" value={view.metric} options={METRICS} onChange={(metric) => view.set({ metric })} /> : null}
      </div>
      <PhoneControls view={view} counts={counts} />
    </>
  )
}

function ZoomBack({ view }: { view: View }) {
  const trail = useTrail()
  if (trail.length === 0) return null
  return (
    <Button
      size="icon"
      aria-label="Back to the range before the zoom"
      title="Back to the range before the zoom"
      onClick={() => zoomBack(view)}
    >
      <Undo2 />
    </Button>
  )
}

function RangePicker({ view }: { view: View }) {
  const [open, setOpen] = useState(false)
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button aria-label={`Time range: ${view.range.label}`}>
          <CalendarClock className="text-muted" />
          <span suppressHydrationWarning>{view.range.label}</span>
          <ChevronDown className="!size-3.5 text-muted" />
        </Button>
      </PopoverTrigger>
      <PopoverContent align="end" className="w-[460px] p-0">
        <RangeForm view={view} onDone={() => setOpen(false)} />
      </PopoverContent>
    </Popover>
  )
}

/** Presets, a window of one's own, and steps through time. */
function RangeForm({ view, onDone, stacked = false }: { view: View; onDone: () => void; stacked?: boolean }) {
  const from = view.range.from.getTime()
  const to = view.range.to.getTime()
  const span = to - from
  const move = (start: number, end: number): void => {
    forgetTrail()
    view.set({ from: start, to: Math.min(end, Date.now()) })
  }
  return (
    <div className={cn('flex', stacked ? 'flex-col gap-4' : 'divide-x divide-border')}>
      <fieldset aria-label="Relative ranges" className={cn(stacked ? 'grid grid-cols-2 gap-2' : 'flex w-44 flex-col p-1.5')}>
        {PRESETS.map((preset) => (
          <button
            key={preset}
            type="button"
            aria-pressed={view.preset === preset}
            className={cn(
              'flex h-8 items-center justify-between rounded-md px-2.5 text-left text-[13px] hover:bg-raised aria-pressed:bg-accent-soft aria-pressed:font-medium aria-pressed:text-accent',
              stacked && 'h-10 border border-border',
            )}
            onClick={() => {
              forgetTrail()
              view.set({ preset })
              refreshNow()
              onDone()
            }}
          >
            {PRESET_LABEL[preset]}
          </button>
        ))}
      </fieldset>
      <div className={cn('flex min-w-0 flex-1 flex-col gap-3', stacked ? '' : 'p-3')}>
        <CustomRange key={view.preset ?? `${from}-${to}`} view={view} onDone={onDone} quiet={stacked} />
        <div className="flex flex-wrap items-center gap-1.5 border-border border-t pt-3">
          <Button size="sm" onClick={() => move(from - span, to - span)} title={`The ${duration(span / 1000)} before`}>
            <ChevronLeft /> Earlier
          </Button>
          <Button
            size="sm"
            onClick={() => move(from + span, to + span)}
            disabled={to + span / 2 > view.anchor}
            title={`The ${duration(span / 1000)} after`}
          >
            Later <ChevronRight />
          </Button>
          <Button size="sm" onClick={() => move(from - span / 2, to + span / 2)} title="Twice as wide">
            <ZoomOut /> Wider
          </Button>
        </div>
      </div>
    </div>
  )
}

/** `datetime-local` speaks local time without a zone; seconds are kept. */
const toField = (at: number): string => dateTime(at).replace(' ', 'T')

function zoneName(): string {
  const minutes = -new Date().getTimezoneOffset()
  const size = Math.abs(minutes)
  const offset =
    minutes === 0
      ? 'UTC'
      : `UTC${minutes < 0 ? '−' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone
  return name === undefined || name === 'UTC' ? offset : `${name}, ${offset}`
}

function CustomRange({ view, onDone, quiet }: { view: View; onDone: () => void; quiet: boolean }) {
  const id = useId()
  const [from, setFrom] = useState(() => toField(view.range.from.getTime()))
  const [to, setTo] = useState(() => toField(view.range.to.getTime()))
  const start = Date.parse(from)
  const end = Date.parse(to)
  const wrong = Number.isNaN(start) || Number.isNaN(end) ? 'Fill in both ends.' : end <= start ? 'The end must be after the start.' : null
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (wrong !== null) return
        forgetTrail()
        view.set({ from: start, to: end })
        onDone()
      }}
    >
      <div className="flex flex-col gap-1">
        <Label htmlFor={`${id}-from`}>From</Label>
        <Input id={`${id}-from`} type="datetime-local" step={1} value={from} onChange={(event) => setFrom(event.target.value)} />
      </div>
      <div className="flex flex-col gap-1">
        <Label htmlFor={`${id}-to`}>To</Label>
        <Input
          id={`${id}-to`}
          type="datetime-local"
          step={1}
          value={to}
          aria-invalid={wrong !== null}
          aria-describedby={`${id}-note`}
          onChange={(event) => setTo(event.target.value)}
        />
      </div>
      <p id={`${id}-note`} className={cn('text-[12px]', wrong === null ? 'text-muted' : 'text-critical')}>
        {wrong ?? `Times in ${zoneName()}`}
      </p>
      <Button type="submit" variant={quiet ? 'secondary' : 'primary'} disabled={wrong !== null}>
        Show this range
      </Button>
    </form>
  )
}

function RefreshControl({ view }: { view: View }) {
  return (
    <div className="flex">
      <Button size="icon" className="rounded-r-none" aria-label="Refresh now" title="Refresh now" onClick={refreshNow}>
        <RotateCw />
      </Button>
      <Menu>
        <MenuTrigger asChild>
          <Button
            className="-ml-px min-w-16 justify-between rounded-l-none px-2"
            aria-label={`Refresh automatically: ${view.preset === null ? 'Fixed range' : refreshLabel(view.refresh)}`}
          >
            {view.preset === null ? <span className="text-muted">Fixed</span> : refreshLabel(view.refresh)}
            <ChevronDown className="!size-3.5 text-muted" />
          </Button>
        </MenuTrigger>
        <MenuContent align="end">
          <MenuLabel>{view.preset === null ? 'A fixed range does not move. Choose a “Last …” range.' : 'Refresh every'}</MenuLabel>
          <MenuRadioGroup value={String(view.refresh)} onValueChange={(value) => view.set({ refresh: Number(value) })}>
            {REFRESH_CHOICES.map((seconds) => (
              <MenuRadioItem key={seconds} value={String(seconds)} disabled={view.preset === null}>
                {refreshLabel(seconds)}
              </MenuRadioItem>
            ))}
          </MenuRadioGroup>
        </MenuContent>
      </Menu>
    </div>
  )
}

/** Everything above in one sheet, for a screen that has no room for a row of controls. */
function PhoneControls({ view, counts }: { view: View; counts: boolean }) {
  const [open, setOpen] = useState(false)
  const metric = METRICS.find((one) => one.value === view.metric)?.label ?? ''
  return (
    <div className="flex w-full min-w-0 items-center gap-2 md:hidden">
      <Dialog open={open} onOpenChange={setOpen}>
        <DialogTrigger asChild>
          <Button className="h-10 min-w-0 flex-1 justify-start">
            <SlidersHorizontal className="text-muted" />
            <span className="truncate" suppressHydrationWarning>
              {view.preset === null ? view.range.label : view.preset.replace(/(\d+)(\D)/, '$1 $2')}
              {counts ? <span className="text-muted"> · {metric}</span> : null}
            </span>
          </Button>
        </DialogTrigger>
        <SheetContent
          title="What to show"
          footer={
            <Button variant="primary" size="lg" className="w-full" onClick={() => setOpen(false)}>
              Done
            </Button>
          }
        >
          <div className="flex flex-col gap-5">
            {counts ? (
              <Segmented
                label="Metric"
                value={view.metric}
                options={METRICS}
                onChange={(next) => view.set({ metric: next })}
                className="flex w-full [&>button]:h-9 [&>button]:flex-1"
              />
            ) : null}
            <RangeForm view={view} onDone={() => setOpen(false)} stacked />
            <div className="flex flex-col gap-1.5 border-border border-t pt-4">
              <span className="font-medium text-[12px] text-muted">Refresh every</span>
              <Segmented
                label="Refresh every"
                value={String(view.refresh)}
                options={REFRESH_CHOICES.map((seconds) => ({ value: String(seconds), label: refreshLabel(seconds) }))}
                onChange={(value) => view.set({ refresh: Number(value) })}
                className="flex w-full [&>button]:h-9 [&>button]:flex-1"
              />
            </div>
            {counts ? <ScaledSwitch view={view} /> : null}
          </div>
        </SheetContent>
      </Dialog>
      <ZoomBack view={view} />
      <Button size="icon" className="size-10" aria-label="Refresh now" onClick={refreshNow}>
        <RotateCw />
      </Button>
    </div>
  )
}

/** Whether bytes and packets are multiplied by the sampling rate their exporter announced. */
export function ScaledSwitch({ view }: { view: View }) {
  const id = useId()
  return (
    <div className="flex items-center justify-between gap-4 text-[13px]">
      <label htmlFor={id}>
        Scale by sampling
        <span className="block text-[12px] text-muted">Off shows the counters as exported.</span>
      </label>
      <Switch id={id} checked={view.scaled} onCheckedChange={(scaled) => view.set({ scaled })} />
    </div>
  )
}

/** The window in words, both ends, for a heading under the controls. */
export const windowText = (view: View): string => timeRange(view.range.from.getTime(), view.range.to.getTime())
