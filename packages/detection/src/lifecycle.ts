import { atLeast, type DetectorId, type Finding, type Severity, worse } from './finding.ts'
import type { Networks } from './networks.ts'
import { hash } from './sketch.ts'

/**
 * From findings to anomalies: what a person sees, acknowledges and decides on.
 *
 * A finding opens an anomaly, or updates the one of the same detector and entity while that is active. Without a finding for
 * 10 min an anomaly ends; within 30 min after that the same one (same id) starts again, later it is a new one. A finding
 * explained by an active anomaly of the same cause is folded under it and never notified. The id is made from detector, entity
 * and start alone, so that live and back-test name the same anomaly alike.
 */
export interface Anomaly {
  id: string
  detector: DetectorId
  entity: string
  severity: Severity
  actor: string | null
  target: string | null
  firstMs: number
  lastMs: number
  /** 0 while findings keep coming. */
  endedMs: number
  findings: number
  parent: string | null
  group: string
  paged: boolean
  /** The rule that hides it from notification, with its reason; it is kept and counted all the same. */
  suppressedBy: string | null
  finding: Finding
}

export interface Suppression {
  id: string
  detector: DetectorId | null
  /** An address that is actor or target, or null for all. */
  address: string | null
  untilMs: number
}

export type ChangeKind = 'opened' | 'updated' | 'escalated' | 'restarted' | 'folded' | 'ended'
export interface Change {
  kind: ChangeKind
  anomaly: Anomaly
  /** True when people should now be told: newly opened, escalated or restarted, not folded, suppressed or info. */
  notify: boolean
  /** Anomalies seen before that this one explains: they have just gone under it. */
  adopted: readonly Anomaly[]
}

export interface TrackerState {
  active: Map<string, Anomaly>
  ended: Map<string, Anomaly>
}

const END_MS = 10 * 60_000
const RESTART_MS = 30 * 60_000
const FOLD_MS = 10 * 60_000
const ESCALATE_MS = 60 * 60_000
const PAGE_HOSTS = 3
const PAGE_GROUP_MS = 15 * 60_000
const FLOODS: ReadonlySet<DetectorId> = new Set(['ddos', 'syn_flood', 'outbound_flood'])
const SECURITY: ReadonlySet<DetectorId> = new Set(['outbound_flood', 'port_scan', 'host_scan', 'exfil', 'beacon', 'lateral', 'brute_force'])

/** What each cause explains, by the end that both share. */
const EXPLAINS: Partial<Record<DetectorId, { end: 'actor' | 'target'; effects: readonly DetectorId[] }>> = {
  ddos: { end: 'target', effects: ['syn_flood', 'short_packets', 'surge'] },
  syn_flood: { end: 'target', effects: ['short_packets', 'surge'] },
  port_scan: { end: 'actor', effects: ['host_scan', 'new_edge', 'lateral'] },
  host_scan: { end: 'actor', effects: ['new_edge'] },
  retry_storm: { end: 'target', effects: ['short_packets', 'surge', 'syn_flood'] },
}

/** A tracker's state from anomalies that are kept elsewhere. */
export function trackerStateOf(anomalies: Iterable<Anomaly>): TrackerState {
  const state = trackerState()
  for (const anomaly of anomalies) (anomaly.endedMs === 0 ? state.active : state.ended).set(keyOf(anomaly), anomaly)
  return state
}

export function trackerState(): TrackerState {
  return { active: new Map(), ended: new Map() }
}

const keyOf = (f: { detector: DetectorId; entity: string }) => `${f.detector}|${f.entity}`

export class Tracker {
  readonly #state: TrackerState
  readonly #networks: Networks
  suppressions: readonly Suppression[] = []

  constructor(networks: Networks, restored?: TrackerState) {
    this.#networks = networks
    this.#state = restored ?? trackerState()
  }

  /** Take one finding at engine time `now`. */
  observe(finding: Finding, now: number): Change {
    const key = keyOf(finding)
    let anomaly = this.#state.active.get(key)
    let kind: ChangeKind = 'updated'
    if (anomaly === undefined) {
      const before = this.#state.ended.get(key)
      if (before !== undefined && now - before.endedMs <= RESTART_MS) {
        this.#state.ended.delete(key)
        before.endedMs = 0
        anomaly = before
        kind = 'restarted'
      } else {
        anomaly = {
          id: `${finding.detector}-${Math.floor(finding.firstMs / 1000).toString(36)}-${hash(finding.entity).toString(36)}`,
          detector: finding.detector,
          entity: finding.entity,
          severity: finding.severity,
          actor: finding.actor,
          target: finding.target,
          firstMs: now,
          lastMs: now,
          endedMs: 0,
          findings: 0,
          parent: null,
          group: this.#group(finding, now),
          paged: false,
          suppressedBy: null,
          finding,
        }
        kind = 'opened'
      }
      this.#state.active.set(key, anomaly)
    }
    anomaly.lastMs = now
    anomaly.findings++
    const severity = worse(anomaly.severity, this.#raised(anomaly, finding, now))
    if (kind === 'updated' && severity !== anomaly.severity) kind = 'escalated'
    if (finding.severity !== 'info' || anomaly.severity === 'info') anomaly.finding = finding
    anomaly.severity = severity
    anomaly.suppressedBy = this.#suppressed(anomaly, now)
    const parent = this.#parent(anomaly, now)
    if (parent !== null && anomaly.parent === null) {
      anomaly.parent = parent.id
      if (kind === 'opened') kind = 'folded'
    }
    const adopted = this.#adopt(anomaly, now)
    const quiet = anomaly.parent !== null || anomaly.suppressedBy !== null || anomaly.severity === 'info'
    const paged = !quiet && this.#pages(anomaly, now)
    const newlyPaged = paged && !anomaly.paged
    anomaly.paged ||= paged
    return { kind, anomaly, notify: !quiet && (kind === 'opened' || kind === 'escalated' || kind === 'restarted' || newlyPaged), adopted }
  }

  /** End what has been quiet, forget what ended long ago. */
  advance(now: number): Change[] {
    const changes: Change[] = []
    for (const [key, anomaly] of this.#state.active) {
      if (now - anomaly.lastMs < END_MS) continue
      this.#state.active.delete(key)
      anomaly.endedMs = now
      this.#state.ended.set(key, anomaly)
      changes.push({ kind: 'ended', anomaly, notify: false, adopted: [] })
    }
    for (const [key, anomaly] of this.#state.ended) if (now - anomaly.endedMs > ESCALATE_MS) this.#state.ended.delete(key)
    return changes
  }

  snapshot(): TrackerState {
    return this.#state
  }

  /** What is seen together: outside noise by detector and day, the rest by detector, severity and target. */
  #group(finding: Finding, now: number): string {
    const outside = finding.actor !== null && this.#networks.outside(finding.actor)
    if (finding.severity === 'info' && outside) return `radiation|${finding.detector}|${Math.floor(now / 86_400_000)}`
    return `${finding.detector}|${finding.severity}|${outside ? (finding.target ?? '') : (finding.actor ?? finding.target ?? '')}`
  }

  #suppressed(anomaly: Anomaly, now: number): string | null {
    for (const rule of this.suppressions) {
      if (rule.untilMs <= now || (rule.detector !== null && rule.detector !== anomaly.detector)) continue
      if (rule.address === null || rule.address === anomaly.actor || rule.address === anomaly.target) return rule.id
    }
    return null
  }

  #shares(cause: Anomaly, effect: Anomaly): boolean {
    const rule = EXPLAINS[cause.detector]
    if (rule === undefined || !rule.effects.includes(effect.detector)) return false
    const end = cause[rule.end]
    return end !== null && (effect.actor === end || effect.target === end)
  }

  #parent(anomaly: Anomaly, now: number): Anomaly | null {
    for (const cause of this.#state.active.values())
      if (
        cause !== anomaly &&
        cause.parent === null &&
        now - cause.lastMs <= FOLD_MS &&
        this.#shares(cause, anomaly) &&
        atLeast(cause.severity, anomaly.severity)
      )
        return cause
    return null
  }

  /** An effect that was seen before its cause moves under it. */
  #adopt(cause: Anomaly, now: number): Anomaly[] {
    const adopted: Anomaly[] = []
    if (cause.parent !== null) return adopted
    for (const effect of this.#state.active.values())
      if (
        effect !== cause &&
        effect.parent === null &&
        now - effect.lastMs <= FOLD_MS &&
        this.#shares(cause, effect) &&
        atLeast(cause.severity, effect.severity)
      ) {
        effect.parent = cause.id
        adopted.push(effect)
      }
    return adopted
  }

  /** Two different security detectors on one inside host within the hour raise it one step. */
  #raised(anomaly: Anomaly, finding: Finding, now: number): Severity {
    if (
      finding.severity !== 'warning' ||
      !SECURITY.has(anomaly.detector) ||
      anomaly.actor === null ||
      !this.#networks.inside(anomaly.actor)
    )
      return finding.severity
    for (const other of [...this.#state.active.values(), ...this.#state.ended.values()])
      if (
        other.detector !== anomaly.detector &&
        SECURITY.has(other.detector) &&
        other.actor === anomaly.actor &&
        other.severity !== 'info' &&
        now - other.lastMs <= ESCALATE_MS
      )
        return 'critical'
    return finding.severity
  }

  /**
   * Who is woken (DETECTION 4): a critical flood that lasts two windows, or three own hosts in critical anomalies of one detector
   * within 15 min. Never on low trust, never for the rest: that is a ticket.
   */
  #pages(anomaly: Anomaly, now: number): boolean {
    if (anomaly.severity !== 'critical' || anomaly.finding.trust !== 'ok') return false
    if (FLOODS.has(anomaly.detector)) return anomaly.finding.windows >= 2
    const hosts = new Set<string>()
    for (const other of this.#state.active.values()) {
      if (
        other.detector !== anomaly.detector ||
        other.severity !== 'critical' ||
        other.parent !== null ||
        now - other.lastMs > PAGE_GROUP_MS
      )
        continue
      for (const end of [other.actor, other.target]) if (end !== null && this.#networks.inside(end)) hosts.add(end)
    }
    return hosts.size >= PAGE_HOSTS
  }
}

/** What a person may do with an anomaly, and what it becomes. A disposition ends the matter; new findings may re-open it. */
export const STATES = ['new', 'acknowledged', 'confirmed', 'dismissed', 'closed'] as const
export type AnomalyState = (typeof STATES)[number]
export const ACTIONS = ['acknowledge', 'confirm', 'dismiss', 'close', 'reopen'] as const
export type AnomalyAction = (typeof ACTIONS)[number]

const TRANSITIONS: Record<AnomalyState, Partial<Record<AnomalyAction, AnomalyState>>> = {
  new: { acknowledge: 'acknowledged', confirm: 'confirmed', dismiss: 'dismissed' },
  acknowledged: { confirm: 'confirmed', dismiss: 'dismissed' },
  confirmed: { close: 'closed', dismiss: 'dismissed' },
  dismissed: { reopen: 'new' },
  closed: { reopen: 'new' },
}

/** The state after `action`, or null when it is not allowed from `state`. */
export function transition(state: AnomalyState, action: AnomalyAction): AnomalyState | null {
  return TRANSITIONS[state][action] ?? null
}

export function allowedActions(state: AnomalyState): AnomalyAction[] {
  return ACTIONS.filter((action) => TRANSITIONS[state][action] !== undefined)
}
