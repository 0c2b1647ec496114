import type { RuleForm } from './rule.ts'

/** What a person has chosen so far in the block flow. Pure. */
export interface Draft {
  form: RuleForm
  /** Seconds, as a choice. */
  ttl: string
  devices: readonly string[]
  window: WindowChoice
  /** Days of history to hold the rule against, as a choice. */
  days: string
}

export const WINDOW_CHOICES = ['anomaly', 'view', '15m', '1h', '6h', 'none'] as const
export type WindowChoice = (typeof WINDOW_CHOICES)[number]
export const WINDOW_NAMES: Readonly<Record<WindowChoice, string>> = {
  anomaly: 'that of the anomaly',
  view: 'the window you came from',
  '15m': 'the last 15 minutes',
  '1h': 'the last hour',
  '6h': 'the last 6 hours',
  none: 'none, all of it was normal',
}
const SPAN_MS = { '15m': 15 * 60_000, '1h': 3_600_000, '6h': 6 * 3_600_000 } as const

/** Two drafts with the same key ask the same question. The order of devices does not matter. */
export const draftKey = (draft: Draft): string =>
  JSON.stringify([draft.form, draft.ttl, [...draft.devices].sort(), draft.window, draft.days])

/** The anomalous time as the server takes it; null leaves it to the anomaly, or says that there was none. */
export function windowOfDraft(
  choice: WindowChoice,
  view: { from: number; to: number } | null,
  now: number,
): { from: string; to: string } | null {
  const text = (from: number, to: number) => ({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })
  if (choice === 'view' && view !== null) return text(view.from, view.to)
  if (choice === '15m' || choice === '1h' || choice === '6h') return text(now - SPAN_MS[choice], now)
  return null
}

/**
 * 168 sums of the hours of the week from UTC to the browser's zone, Monday 00:00 first in both. `offsetMinutes` is east of UTC; a zone that
 * is not whole hours away stays in UTC, for an hour cannot be cut in two.
 */
export function weekIn(strip: readonly number[], offsetMinutes: number): { hours: number[]; local: boolean } {
  if (offsetMinutes % 60 !== 0) return { hours: [...strip], local: false }
  const shift = offsetMinutes / 60
  return { hours: strip.map((_, hour) => strip[(((hour - shift) % 168) + 168) % 168] ?? 0), local: true }
}
