'use client'
import { parseAsBoolean, parseAsInteger, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs'
import { useCallback, useMemo } from 'react'
import { timeRange, type ViewMetric } from '../components/format.ts'
import { useAnchor } from './clock.ts'
import {
  API_METRIC,
  andFilter,
  DEFAULT_REFRESH,
  PRESET_LABEL,
  type Preset,
  previousWindow,
  printInstant,
  VIEW_METRICS,
  windowOf,
} from './view-state.ts'

export type { ViewMetric } from '../components/format.ts'
export { refreshNow } from './clock.ts'
export type { Preset } from './view-state.ts'

const PARSERS = {
  range: parseAsString,
  from: parseAsString,
  to: parseAsString,
  metric: parseAsStringLiteral(VIEW_METRICS).withDefault('bits'),
  filter: parseAsString.withDefault(''),
  scaled: parseAsBoolean.withDefault(true),
  refresh: parseAsInteger.withDefault(DEFAULT_REFRESH),
}

/** What may be changed at once. `preset` and `from`/`to` replace each other. */
export type ViewPatch = {
  preset?: Preset
  from?: Date | number
  to?: Date | number
  metric?: ViewMetric
  filter?: string
  scaled?: boolean
  refresh?: number
}

export type View = {
  /** False while rendering on the server and for the first moment in the browser: there is no "now" yet, ask nothing. */
  ready: boolean
  /** Browser's clock when the window was last moved, epoch milliseconds. */
  anchor: number
  range: { from: Date; to: Date; label: string }
  preset: Preset | null
  metric: ViewMetric
  filter: string
  scaled: boolean
  /** Seconds, 0 off. An absolute window does not move, whatever this says. */
  refresh: number
  /** Change the URL; one entry in the browser's history per call. */
  set: (patch: ViewPatch) => void
  /** Narrow the filter by one more condition. */
  addFilter: (expression: string) => void
  /** from, to, metric, filter and scaled as the API takes them. */
  params: () => Record<string, string>
  /** The same question for the window of equal length just before. */
  previousParams: () => Record<string, string>
}

/** The view of the page: which window, metric and filter. It lives in the URL and nowhere else. */
export function useView(): View {
  const [keys, setKeys] = useQueryStates(PARSERS, { history: 'push', shallow: true, clearOnDefault: true })
  const anchor = useAnchor()
  const { range, from, to, metric, filter, scaled, refresh } = keys

  const set = useCallback(
    (patch: ViewPatch) => {
      const next: Partial<Record<keyof typeof PARSERS, string | number | boolean | null>> = {}
      if (patch.preset !== undefined) Object.assign(next, { range: patch.preset, from: null, to: null })
      if (patch.from !== undefined && patch.to !== undefined) {
        Object.assign(next, { range: null, from: printInstant(Number(patch.from)), to: printInstant(Number(patch.to)) })
      }
      if (patch.metric !== undefined) next.metric = patch.metric
      if (patch.filter !== undefined) next.filter = patch.filter.trim() === '' ? null : patch.filter.trim()
      if (patch.scaled !== undefined) next.scaled = patch.scaled
      if (patch.refresh !== undefined) next.refresh = patch.refresh
      void setKeys(next as Parameters<typeof setKeys>[0])
    },
    [setKeys],
  )

  return useMemo(() => {
    const window = windowOf({ range, from, to }, anchor)
    const ask = (start: number, end: number): Record<string, string> => ({
      from: printInstant(start),
      to: printInstant(end),
      metric: API_METRIC[metric],
      scaled: String(scaled),
      ...(filter === '' ? {} : { filter }),
    })
    const before = previousWindow(window.from, window.to)
    return {
      ready: anchor !== 0,
      anchor,
      range: {
        from: new Date(window.from),
        to: new Date(window.to),
        label: window.preset === null ? timeRange(window.from, window.to) : PRESET_LABEL[window.preset],
      },
      preset: window.preset,
      metric,
      filter,
      scaled,
      refresh: Math.max(0, refresh),
      set,
      addFilter: (expression) => set({ filter: andFilter(filter, expression) }),
      params: () => ask(window.from, window.to),
      previousParams: () => ask(before.from, before.to),
    }
  }, [anchor, range, from, to, metric, filter, scaled, refresh, set])
}
