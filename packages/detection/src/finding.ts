export const DETECTORS = [
  'ddos',
  'syn_flood',
  'outbound_flood',
  'port_scan',
  'host_scan',
  'exfil',
  'beacon',
  'icmp_share',
  'arp_share',
  'short_packets',
  'foreign_source',
  'new_edge',
  'lateral',
  'retry_storm',
  'brute_force',
  'surge',
  'drop',
] as const
export type DetectorId = (typeof DETECTORS)[number]

export type Severity = 'info' | 'warning' | 'critical'
const ORDER: Record<Severity, number> = { info: 0, warning: 1, critical: 2 }
export const worse = (a: Severity, b: Severity): Severity => (ORDER[a] >= ORDER[b] ? a : b)
export const atLeast = (a: Severity, b: Severity): boolean => ORDER[a] >= ORDER[b]

/** How far the numbers behind a finding can be believed: `hold` while the telemetry itself is in breach. */
export type Trust = 'ok' | 'low' | 'hold'
const TRUST: Record<Trust, number> = { ok: 0, low: 1, hold: 2 }
export const lessTrusted = (a: Trust, b: Trust): Trust => (TRUST[a] >= TRUST[b] ? a : b)

/** One share of what was seen: `dimension` is a field name of the interchange record. */
export interface Part {
  dimension: string
  value: string
  share: number
}

/**
 * What a detector saw in one window. `value`, `expected` and `threshold` are in `unit`; times are epoch milliseconds.
 * `filter` selects the flows behind it in the filter language: `value` recomputed from them over `window` must agree.
 */
export interface Finding {
  detector: DetectorId
  severity: Severity
  /** Who does it and whom it meets: an address, a prefix, a scope, or null where there are many or none. */
  actor: string | null
  target: string | null
  /** What keeps repeated findings one anomaly, beside the detector. */
  entity: string
  firstMs: number
  window: readonly [number, number]
  statistic: string
  unit: string
  value: number
  expected: number | null
  threshold: number
  /** The same in one sentence for a person. */
  why: string
  parts: Part[]
  fresh: string[]
  filter: string
  trust: Trust
  /** Windows in a row that met the rule; floods page only when they last. */
  windows: number
}
