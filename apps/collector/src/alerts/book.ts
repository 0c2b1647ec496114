/** How much an alert matters: somebody is woken, somebody looks today, it is shown. */
export type Severity = 'page' | 'ticket' | 'warn'

/** One thing that a rule sees now. */
export interface Sighting {
  /** What it is about (an exporter's address, a port), '' when there is only one. */
  subject: string
  severity: Severity
  /** The figure that raised it, in the unit that the sentence names. */
  value: number
  /** What is seen and why, then what to do: one or two sentences. */
  sentence: string
}

/** One named alert (GUARANTEES, failure matrix): looked at every second. */
export interface Rule<Facts> {
  name: string
  /** The metric that shows it. */
  counter: string
  /** How long it must be seen before it is an alert, and not be seen before it is none any more, milliseconds. */
  afterMs: number
  clearMs: number
  look(facts: Facts): Sighting[]
}

/** An alert that is on. */
export interface Alert extends Sighting {
  name: string
  /** RFC 3339, UTC. */
  since: string
  counter: string
  /** Where the cause and the remedy are written down. */
  runbook: string
}

interface Entry {
  alert: Alert
  seenSinceMs: number
  lastSeenMs: number
  on: boolean
}

/** Subjects of one rule that are told one by one; the rest is a number. */
const MOST_SUBJECTS = 16
const ORDER: Readonly<Record<Severity, number>> = { page: 0, ticket: 1, warn: 2 }

/**
 * The alerts that are on. An entry is *seen* → *on* once it was seen for its rule's `afterMs` → gone once it was not seen for `clearMs`. What
 * was seen and goes before it is on was never an alert.
 */
export class AlertBook<Facts> {
  readonly #rules: readonly Rule<Facts>[]
  readonly #entries = new Map<string, Entry>()
  raised = 0

  constructor(rules: readonly Rule<Facts>[]) {
    this.#rules = rules
  }

  /** Look at everything at the moment `nowMs` (epoch milliseconds). Returns what has come on and what has gone. */
  evaluate(facts: Facts, nowMs: number): { raised: Alert[]; cleared: Alert[] } {
    const raised: Alert[] = []
    const cleared: Alert[] = []
    for (const rule of this.#rules) {
      for (const sighting of few(rule.look(facts))) {
        const key = `${rule.name} ${sighting.subject}`
        const entry = this.#entries.get(key)
        const since = entry?.on === true ? entry.alert.since : new Date(nowMs).toISOString()
        const alert: Alert = { name: rule.name, since, counter: rule.counter, runbook: runbook(rule.name), ...sighting }
        if (entry === undefined) this.#entries.set(key, { alert, seenSinceMs: nowMs, lastSeenMs: nowMs, on: false })
        else {
          entry.alert = alert
          entry.lastSeenMs = nowMs
        }
      }
      for (const [key, entry] of this.#entries) {
        if (entry.alert.name !== rule.name) continue
        if (entry.lastSeenMs === nowMs) {
          if (entry.on || nowMs - entry.seenSinceMs < rule.afterMs) continue
          entry.on = true
          this.raised++
          raised.push(entry.alert)
        } else if (!entry.on || nowMs - entry.lastSeenMs >= rule.clearMs) {
          this.#entries.delete(key)
          if (entry.on) cleared.push(entry.alert)
        }
      }
    }
    return { raised, cleared }
  }

  /** What is on, the worst first, then the oldest. */
  get active(): Alert[] {
    return [...this.#entries.values()]
      .filter(({ on }) => on)
      .map(({ alert }) => alert)
      .sort((a, b) => ORDER[a.severity] - ORDER[b.severity] || a.since.localeCompare(b.since) || a.name.localeCompare(b.name))
  }
}

function runbook(name: string): string {
  return `docs/troubleshooting.md#${name}`
}

/** The first sixteen; the last of them tells how many more there are. */
function few(sightings: Sighting[]): Sighting[] {
  const kept = sightings.slice(0, MOST_SUBJECTS)
  const last = kept.at(-1)
  if (last === undefined || sightings.length <= MOST_SUBJECTS) return kept
  kept[kept.length - 1] = { ...last, sentence: `${last.sentence} The same holds for ${sightings.length - MOST_SUBJECTS} more.` }
  return kept
}
