import {
  type AnomalyAction,
  type AnomalyState,
  type AnomalySummary,
  type FlowObject,
  formatAddress,
  maskAddress,
  parseAddress,
  type Severity,
} from '@weir/db/contracts'
import { nanosToMillis } from '../format.ts'
import { detectorName } from './runbooks.ts'

/** What lists of anomalies are made of. Pure. */

export const WITHIN = ['24h', '7d', '30d', 'all'] as const
export type Within = (typeof WITHIN)[number]
export const WITHIN_MS: Readonly<Record<Within, number | null>> = {
  '24h': 86_400_000,
  '7d': 7 * 86_400_000,
  '30d': 30 * 86_400_000,
  all: null,
}

export const STATE_CHOICES = ['open', 'new', 'acknowledged', 'confirmed', 'dismissed', 'closed', 'all'] as const
export type StateChoice = (typeof STATE_CHOICES)[number]
export const OPEN_STATES: readonly AnomalyState[] = ['new', 'acknowledged', 'confirmed']
export const SEVERITY_CHOICES = ['all', 'warning', 'critical'] as const
export type SeverityChoice = (typeof SEVERITY_CHOICES)[number]

export interface ListFilter {
  state: StateChoice
  severity: SeverityChoice
  /** '' for every detector. */
  detector: string
  within: Within
}

/** Start of the window of a list, on a full minute so that the same question is not asked anew each second. */
export function windowStart(within: Within, now: number): number | null {
  const span = WITHIN_MS[within]
  return span === null ? null : Math.floor((now - span) / 60_000) * 60_000
}

/** A list's filter as the API's parameters. */
export function listParams(filter: ListFilter, now: number): Record<string, string> {
  const from = windowStart(filter.within, now)
  const states = filter.state === 'open' ? OPEN_STATES : filter.state === 'all' ? [] : [filter.state]
  const severities = filter.severity === 'all' ? [] : filter.severity === 'warning' ? ['warning', 'critical'] : ['critical']
  return {
    ...(from === null ? {} : { from: String(from) }),
    ...(states.length === 0 ? {} : { state: states.join(',') }),
    ...(severities.length === 0 ? {} : { severity: severities.join(',') }),
    ...(filter.detector === '' ? {} : { detector: filter.detector }),
  }
}

/** What can be kept from being told, from an anomaly on: the narrowest first. A network, as some roles see it, names no host. */
export function suppressionScopes(anomaly: Pick<AnomalySummary, 'detector' | 'actor' | 'target'>): {
  value: string
  label: string
  detector: string | null
  address: string | null
}[] {
  const kind = detectorName(anomaly.detector)
  const hosts = [...new Set([anomaly.actor, anomaly.target])].filter(
    (one) => one !== null && parseAddress(one.split('/')[0] ?? '') !== null,
  )
  return [
    ...hosts.map((address) => ({ value: `kind ${address}`, label: `${kind} by or at ${address}`, detector: anomaly.detector, address })),
    { value: 'kind', label: `${kind} of every address`, detector: anomaly.detector, address: null },
    ...hosts.map((address) => ({ value: `all ${address}`, label: `Every kind by or at ${address}`, detector: null, address })),
  ]
}

const WEIGHT: Record<Severity, number> = { critical: 2, warning: 1, info: 0 }

/** Critical before warning before info; within one severity what nobody has looked at first, then the newest. */
export function byUrgency(a: AnomalySummary, b: AnomalySummary): number {
  return (
    WEIGHT[b.severity] - WEIGHT[a.severity] ||
    Number(b.state === 'new') - Number(a.state === 'new') ||
    Date.parse(b.first_seen) - Date.parse(a.first_seen) ||
    a.id.localeCompare(b.id)
  )
}

/** Background noise of the internet: one line, whatever its size. The server names these groups; the separator depends on the precision. */
export const isRadiation = (anomaly: AnomalySummary): boolean => /^radiation[| ]/.test(anomaly.group)

/** Groups apart from the internet's noise, and how many sources that noise has. `rows` are one per group. */
export function withoutRadiation(rows: readonly AnomalySummary[]): {
  rows: AnomalySummary[]
  radiation: AnomalySummary[]
  sources: number
} {
  const radiation = rows.filter(isRadiation)
  return { rows: rows.filter((row) => !isRadiation(row)), radiation, sources: radiation.reduce((sum, row) => sum + row.members, 0) }
}

/** What asks for somebody: told to people, and either still going on or not looked at yet. */
export const isOpen = (anomaly: AnomalySummary): boolean =>
  OPEN_STATES.includes(anomaly.state) &&
  anomaly.severity !== 'info' &&
  anomaly.parent === null &&
  anomaly.suppressed_by === null &&
  (anomaly.ended === null || anomaly.state === 'new')

/** Open anomalies that belong together: one matter for one person. */
export interface OpenGroup {
  /** The most urgent member. */
  head: AnomalySummary
  members: AnomalySummary[]
}

/** What is open, by group, the most urgent first. */
export function openGroups(anomalies: readonly AnomalySummary[]): OpenGroup[] {
  const groups = new Map<string, OpenGroup>()
  for (const one of anomalies.filter(isOpen).toSorted(byUrgency)) {
    const group = groups.get(one.group)
    if (group === undefined) groups.set(one.group, { head: one, members: [one] })
    else group.members.push(one)
  }
  return [...groups.values()]
}

/** Over for less than this is still news for whoever is on call. */
const JUST_OVER_MS = 15 * 60_000

/**
 * The order of the on-call page: what goes on or has just ended, the worst first, what goes on before what does not; apart from it what was
 * over before `now` by more than a quarter of an hour, the newest first.
 */
export function onCallOrder(groups: readonly OpenGroup[], now: number): { present: OpenGroup[]; past: OpenGroup[] } {
  const endOf = (group: OpenGroup): number =>
    Math.max(...group.members.map((one) => (one.ended === null ? Number.POSITIVE_INFINITY : Date.parse(one.ended))))
  const isPast = (group: OpenGroup): boolean => now > 0 && now - endOf(group) > JUST_OVER_MS
  const goesOn = (group: OpenGroup): number => Number(endOf(group) === Number.POSITIVE_INFINITY)
  return {
    present: groups.filter((group) => !isPast(group)).toSorted((a, b) => goesOn(b) - goesOn(a) || byUrgency(a.head, b.head)),
    past: groups.filter(isPast).toSorted((a, b) => endOf(b) - endOf(a)),
  }
}

/** So many groups of one kind are one matter for whoever reads the list: 200 hosts of one service are one line. */
const ALIKE = 5

/** Groups of which many of one kind and severity are one matter, with everything that is in them; in the order of `groups`. */
export function mergeAlike(groups: readonly OpenGroup[]): OpenGroup[] {
  const keyOf = ({ head }: OpenGroup): string => `${head.detector}|${head.severity}`
  const count = new Map<string, number>()
  for (const group of groups) count.set(keyOf(group), (count.get(keyOf(group)) ?? 0) + 1)
  const merged = new Map<string, OpenGroup>()
  for (const group of groups) {
    const key = (count.get(keyOf(group)) ?? 0) < ALIKE ? group.head.id : keyOf(group)
    const known = merged.get(key)
    if (known === undefined) merged.set(key, { head: group.head, members: [...group.members] })
    else known.members.push(...group.members)
  }
  return [...merged.values()]
}

/** Rows of a list in which many of one kind and severity stand as one: its rows, in the order of `rows`, at the place of the first. */
export type Kin = { kind: 'one'; row: AnomalySummary } | { kind: 'many'; key: string; rows: AnomalySummary[] }
export function kin(rows: readonly AnomalySummary[]): Kin[] {
  const keyOf = (row: AnomalySummary): string => `${row.detector}|${row.severity}|${row.state}`
  const count = new Map<string, AnomalySummary[]>()
  for (const row of rows) {
    const known = count.get(keyOf(row))
    if (known === undefined) count.set(keyOf(row), [row])
    else known.push(row)
  }
  const list: Kin[] = []
  const done = new Set<string>()
  for (const row of rows) {
    const key = keyOf(row)
    const alike = count.get(key) ?? []
    if (alike.length < ALIKE) list.push({ kind: 'one', row })
    else if (!done.has(key)) {
      done.add(key)
      list.push({ kind: 'many', key, rows: alike })
    }
  }
  return list
}

export function openCounts(anomalies: readonly AnomalySummary[]): { critical: number; warning: number } {
  const groups = openGroups(anomalies)
  const critical = groups.filter((group) => group.head.severity === 'critical').length
  return { critical, warning: groups.length - critical }
}

/** The browser tab's title with the number of open anomalies before it: '(3) Overview · Weir'. */
export function titled(title: string, open: number): string {
  const bare = title.replace(/^\(\d+\+?\) /, '')
  return open === 0 ? bare : `(${open > 99 ? '99+' : open}) ${bare}`
}

/** Seconds it lasted, up to `now` while it goes on. */
export const lastedSeconds = (anomaly: AnomalySummary, now: number): number =>
  Math.max(
    0,
    (anomaly.ended === null ? Math.max(now, Date.parse(anomaly.last_seen)) : Date.parse(anomaly.last_seen)) -
      Date.parse(anomaly.first_seen),
  ) / 1000

/** What an action makes of an anomaly before the server has answered. */
export function afterAction<T extends AnomalySummary>(anomaly: T, action: AnomalyAction): T {
  const state: Partial<Record<AnomalyAction, AnomalyState>> = {
    acknowledge: 'acknowledged',
    confirm: 'confirmed',
    dismiss: 'dismissed',
    close: 'closed',
    reopen: 'new',
  }
  return { ...anomaly, state: state[action] ?? anomaly.state, actions: [] }
}

/**
 * The explorer on an anomaly's filter: with `margin` 0 in exactly its window, so that the totals are its own; else with that many windows, at
 * least a minute, before and behind it, so that the change can be seen.
 */
export function explorerQuery(explorer: { filter: string; from: string; to: string }, margin: number): string {
  const from = Date.parse(explorer.from)
  const to = Date.parse(explorer.to)
  const around = margin === 0 ? 0 : Math.max(60_000, (to - from) * margin)
  const iso = (at: number) => new Date(at).toISOString().replace('.000Z', 'Z')
  return new URLSearchParams({ from: iso(from - around), to: iso(to + around), filter: explorer.filter }).toString()
}

/** Rows between which j and k move: the next id, or the same one at an end. */
export function step(ids: readonly string[], current: string | null, by: 1 | -1): string | null {
  if (ids.length === 0) return null
  const at = current === null ? -1 : ids.indexOf(current)
  if (at < 0) return (by === 1 ? ids[0] : ids.at(-1)) ?? null
  return ids[Math.min(ids.length - 1, Math.max(0, at + by))] ?? null
}

/**
 * How many buckets at the start can be left out of a picture because nothing is in them yet: hours before the first flow would press what
 * matters into a corner. Some emptiness is kept, a fifth of the rest, so that the beginning is seen as one.
 */
export function leadingEmpty(values: readonly (number | null)[]): number {
  const first = values.findIndex((value) => value !== null && value > 0)
  return first < 0 ? 0 : Math.max(0, first - Math.max(3, Math.ceil((values.length - first) / 5)))
}

/** A finding is made at the end of what it saw. */
const BEFORE_MS = 5 * 60_000
const AFTER_MS = 60_000

/** Whether an address is the one named, or lies in the prefix named. */
function lies(address: FlowObject[string] | undefined, named: string): boolean {
  if (typeof address !== 'string') return false
  if (address === named) return true
  const [network = '', length] = named.split('/')
  const host = parseAddress(address)
  const prefix = length === undefined ? null : parseAddress(network)
  return host !== null && prefix !== null && host.family === prefix.family && formatAddress(maskAddress(host, Number(length))) === network
}

/**
 * The anomaly that a flow goes with: from its actor, to its target, at its time. Judged by addresses and time, for a stored flow carries no
 * mark; the worst one where several fit.
 */
export function anomalyOf(flow: FlowObject, anomalies: readonly AnomalySummary[]): AnomalySummary | null {
  const at = nanosToMillis(flow.time_flow_end_ns) ?? nanosToMillis(flow.time_received_ns)
  if (at === null) return null
  let worst: AnomalySummary | null = null
  for (const one of anomalies) {
    if (one.actor === null && one.target === null) continue
    if (at < Date.parse(one.first_seen) - BEFORE_MS || at > Date.parse(one.last_seen) + AFTER_MS) continue
    if (one.actor !== null && !lies(flow.src_addr, one.actor)) continue
    if (one.target !== null && !lies(flow.dst_addr, one.target)) continue
    if (worst === null || byUrgency(one, worst) < 0) worst = one
  }
  return worst
}

/** The worst open anomaly that a host does or meets within [from, to]; null where there is none. Epoch milliseconds. */
export function anomalyAt(address: string, anomalies: readonly AnomalySummary[], from: number, to: number): AnomalySummary | null {
  const here = anomalies.filter(
    (one) =>
      Date.parse(one.first_seen) - BEFORE_MS <= to &&
      Date.parse(one.last_seen) + AFTER_MS >= from &&
      ((one.actor !== null && lies(address, one.actor)) || (one.target !== null && lies(address, one.target))),
  )
  return here.toSorted(byUrgency)[0] ?? null
}
