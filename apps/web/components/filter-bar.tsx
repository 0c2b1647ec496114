'use client'
import { type CompletionHints, completions, explainFilter, type Filter, FilterError, parseFilter, printFilter } from '@weir/db/contracts'
import { CornerDownLeft, History, ListFilter, X } from 'lucide-react'
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import { rememberFilter, useFilterHistory } from '../data/filter-history.ts'
import { useExporters } from '../data/use-exporters.ts'
import { useView } from '../data/view.ts'
import { conjuncts, notFilter, replaceConjunct } from '../data/view-state.ts'
import { Button } from './ui/button.tsx'
import { cn } from './ui/cn.ts'
import { Kbd } from './ui/kbd.tsx'
import { Menu, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from './ui/menu.tsx'
import { floating } from './ui/popover.tsx'
import { copyWithToast } from './value-menu.tsx'

type Reading = { filter: Filter | null; error: null } | { filter: null; error: FilterError }

function readFilter(text: string): Reading {
  try {
    return { filter: parseFilter(text), error: null }
  } catch (error) {
    if (error instanceof FilterError) return { filter: null, error }
    throw error
  }
}

/** Names only this network has: exporters and their interfaces. */
function useHints(): CompletionHints {
  const exporters = useExporters()
  return useMemo(() => {
    const known = exporters.data?.exporters ?? []
    const quote = (text: string): string => (/^[\w.:-]+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`)
    const names = known.flatMap((one) => [
      { text: one.address, detail: one.name ?? 'exporter' },
      ...(one.name === null || one.name === one.address ? [] : [{ text: quote(one.name), detail: one.address }]),
    ])
    const interfaces = known.flatMap((one) =>
      one.interfaces.map((port) => ({
        text: `${one.address}#${port.ifIndex}`,
        detail: `${port.name ?? port.description ?? `index ${port.ifIndex}`} of ${one.name ?? one.address}`,
      })),
    )
    return { exporter: names, in_if: interfaces, out_if: interfaces }
  }, [exporters.data])
}

/**
 * The filter of the page: written with completion, checked while it is written, said back in plain English, and taken apart into
 * chips once it is applied. Nothing is asked until Enter, so a half-written filter disturbs no panel.
 */
export function FilterBar() {
  const view = useView()
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const mirror = useRef<HTMLDivElement>(null)
  const [text, setText] = useState(view.filter)
  const [cursor, setCursor] = useState(0)
  const [open, setOpen] = useState(false)
  const [active, setActive] = useState(-1)
  const [insisted, setInsisted] = useState(false)
  const history = useFilterHistory()
  const hints = useHints()

  // The URL is the truth: a click on a value, a chip or the back button replaces what stands here.
  useEffect(() => {
    setText(view.filter)
    setInsisted(view.filter !== '')
    setOpen(false)
  }, [view.filter])

  const reading = useMemo(() => readFilter(text), [text])
  const offered = useMemo(() => completions(text, cursor, hints), [text, cursor, hints])
  const items = open ? offered.items : []
  const dirty = text.trim() !== view.filter
  // At the very end of the text a fault only means that more is to come; it is shown when the person insists by pressing Enter.
  const fault =
    reading.error !== null && (insisted || reading.error.position + reading.error.length < text.trimEnd().length) ? reading.error : null

  const edit = (next: string, at: number): void => {
    setText(next)
    setCursor(at)
    setActive(-1)
    setInsisted(false)
  }

  const take = (index: number): void => {
    const item = offered.items[index]
    if (item === undefined) return
    const tail = text.slice(offered.to)
    const space = item.text.endsWith('(') || tail.startsWith(' ') ? '' : ' '
    const next = `${text.slice(0, offered.from)}${item.text}${space}${tail}`
    const at = offered.from + item.text.length + Math.max(space.length, tail.startsWith(' ') ? 1 : 0)
    edit(next, at)
    requestAnimationFrame(() => input.current?.setSelectionRange(at, at))
  }

  const apply = (): void => {
    setOpen(false)
    if (reading.error !== null) {
      setInsisted(true)
      const end = reading.error.position + reading.error.length
      input.current?.setSelectionRange(end, end)
      return
    }
    const canonical = reading.filter === null ? '' : printFilter(reading.filter)
    rememberFilter(canonical)
    setText(canonical)
    view.set({ filter: canonical })
  }

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      if (!open) {
        setOpen(true)
        return
      }
      const step = event.key === 'ArrowDown' ? 1 : -1
      if (items.length > 0) setActive((active + step + items.length + (active === -1 && step === -1 ? 1 : 0)) % items.length)
    } else if (event.key === 'Enter') {
      event.preventDefault()
      if (open && active >= 0) take(active)
      else apply()
    } else if (event.key === 'Tab' && !event.shiftKey && open && items.length > 0 && (active >= 0 || offered.to > offered.from)) {
      event.preventDefault()
      take(Math.max(active, 0))
    } else if (event.key === 'Escape') {
      if (open && items.length > 0) {
        event.stopPropagation()
        setOpen(false)
      } else if (dirty) setText(view.filter)
    }
  }

  // "/" goes to the filter from anywhere on the page, as in most tools of this kind.
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      const target = event.target
      const writing =
        target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))
      if (event.key === '/' && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault()
        input.current?.focus()
      }
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])

  const chips = conjuncts(view.filter)
  return (
    <search className="flex min-w-0 flex-col gap-1.5" aria-label="Filter">
      <div className="relative">
        <div
          className={cn(
            'flex h-10 items-center gap-1 rounded-lg border bg-surface pr-1 pl-3 focus-within:outline-2 focus-within:outline-accent/40',
            fault === null ? 'border-border focus-within:border-accent' : 'border-critical',
          )}
        >
          <ListFilter aria-hidden className="size-4 shrink-0 text-muted" />
          <div className="relative h-full min-w-0 flex-1">
            <div
              ref={mirror}
              aria-hidden
              className="pointer-events-none absolute inset-0 flex items-center overflow-hidden whitespace-pre px-1.5 font-mono text-[13px]"
            >
              {fault === null ? null : (
                <span className="text-transparent">
                  {text.slice(0, fault.position)}
                  <span className="underline decoration-2 decoration-critical decoration-wavy underline-offset-[5px]">
                    {text.slice(fault.position, fault.position + Math.max(fault.length, 1)).padEnd(1, ' ') || ' '}
                  </span>
                </span>
              )}
            </div>
            <input
              ref={input}
              role="combobox"
              aria-label="Filter"
              aria-expanded={items.length > 0}
              aria-controls={`${id}-list`}
              aria-autocomplete="list"
              aria-activedescendant={active >= 0 && items.length > 0 ? `${id}-${active}` : undefined}
              aria-invalid={fault !== null}
              aria-describedby={`${id}-said`}
              autoComplete="off"
              autoCapitalize="off"
              autoCorrect="off"
              spellCheck={false}
              enterKeyHint="search"
              placeholder="Filter, for example src_addr = 10.0.0.0/8 and dst_port in (53, 443)"
              className="relative h-full w-full min-w-0 bg-transparent px-1.5 font-mono text-[13px] text-text outline-none placeholder:font-sans placeholder:text-muted"
              value={text}
              onChange={(event) => {
                edit(event.target.value, event.target.selectionStart ?? event.target.value.length)
                setOpen(true)
              }}
              onSelect={(event) => setCursor(event.currentTarget.selectionStart ?? 0)}
              onScroll={(event) => {
                if (mirror.current !== null) mirror.current.scrollLeft = event.currentTarget.scrollLeft
              }}
              onFocus={() => setOpen(true)}
              onBlur={() => setOpen(false)}
              onKeyDown={onKeyDown}
            />
          </div>
          {dirty ? (
            <Button
              variant="primary"
              size="sm"
              onMouseDown={(event) => event.preventDefault()}
              onClick={apply}
              aria-label="Apply the filter"
            >
              <CornerDownLeft /> <span className="max-sm:sr-only">Apply</span>
            </Button>
          ) : text === '' ? (
            <Kbd className="mr-1 max-md:hidden">/</Kbd>
          ) : null}
          {text === '' ? null : (
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label="Clear the filter"
              title="Clear the filter"
              onClick={() => {
                edit('', 0)
                view.set({ filter: '' })
                input.current?.focus()
              }}
            >
              <X />
            </Button>
          )}
          <Menu>
            <MenuTrigger asChild>
              <Button variant="ghost" size="icon-sm" aria-label="Filters used before" title="Filters used before">
                <History />
              </Button>
            </MenuTrigger>
            <MenuContent align="end" className="max-w-[min(560px,calc(100vw-16px))]">
              <MenuLabel>{history.length === 0 ? 'Filters you apply are kept here, in this browser.' : 'Used before'}</MenuLabel>
              {history.map((entry) => (
                <MenuItem key={entry} onSelect={() => view.set({ filter: entry })} className="font-mono text-[12.5px]">
                  <span className="truncate">{entry}</span>
                </MenuItem>
              ))}
            </MenuContent>
          </Menu>
        </div>
        <div
          id={`${id}-list`}
          role="listbox"
          aria-label="Completions"
          className={cn(
            floating,
            'absolute top-full left-0 z-30 mt-1 max-h-80 w-full max-w-2xl overflow-y-auto p-1',
            items.length === 0 && 'hidden',
          )}
        >
          {items.map((item, index) => (
            <div
              key={`${item.kind}-${item.text}`}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === active}
              ref={(element) => {
                if (index === active) element?.scrollIntoView({ block: 'nearest' })
              }}
              className={cn('flex min-h-8 cursor-pointer items-baseline gap-3 rounded-md px-2 py-1.5', index === active && 'bg-accent/12')}
              onMouseDown={(event) => {
                event.preventDefault()
                take(index)
              }}
              onMouseEnter={() => setActive(index)}
            >
              <span className={cn('shrink-0 font-mono text-[12.5px]', item.kind === 'field' && 'text-accent')}>{item.text}</span>
              <span className="min-w-0 truncate text-[12px] text-muted">{item.detail}</span>
            </div>
          ))}
        </div>
      </div>
      <div id={`${id}-said`} aria-live="polite" className="min-w-0">
        {fault !== null ? (
          <p className="px-1 text-[12.5px]">
            <span className="font-medium text-critical">{fault.message}</span> <span className="text-text">{fault.remedy}</span>
          </p>
        ) : dirty && reading.error === null && text.trim() !== '' ? (
          <p className="px-1 text-[12.5px] text-muted">
            Flows whose {explainFilter(reading.filter)}. <span className="max-sm:hidden">Enter applies it.</span>
          </p>
        ) : null}
      </div>
      {chips.length === 0 || dirty || reading.error !== null ? null : (
        <div className="flex min-w-0 flex-wrap items-center gap-1.5">
          {chips.map((chip, index) => (
            <span key={chip} className="inline-flex h-7 min-w-0 max-w-full items-center rounded-md border border-accent/35 bg-accent-soft">
              <Menu modal={false}>
                <MenuTrigger className="min-w-0 truncate rounded-l-md px-2 font-mono text-[12px] text-text" title={chip}>
                  {chip}
                </MenuTrigger>
                <MenuContent>
                  <MenuItem onSelect={() => view.set({ filter: replaceConjunct(view.filter, index, notFilter(chip)) })}>
                    Turn into its opposite
                  </MenuItem>
                  <MenuItem onSelect={() => view.set({ filter: chip })} disabled={chips.length === 1}>
                    Keep only this
                  </MenuItem>
                  <MenuItem onSelect={() => copyWithToast(chip)}>Copy</MenuItem>
                  <MenuSeparator />
                  <MenuItem onSelect={() => view.set({ filter: replaceConjunct(view.filter, index, null) })}>Remove</MenuItem>
                </MenuContent>
              </Menu>
              <button
                type="button"
                aria-label={`Remove ${chip}`}
                className="grid h-full w-6 shrink-0 place-items-center rounded-r-md text-muted hover:text-text"
                onClick={() => view.set({ filter: replaceConjunct(view.filter, index, null) })}
              >
                <X className="size-3.5" aria-hidden />
              </button>
            </span>
          ))}
          <span className="min-w-0 px-1 text-[12.5px] text-muted">Flows whose {explainFilter(reading.filter)}.</span>
        </div>
      )}
    </search>
  )
}
