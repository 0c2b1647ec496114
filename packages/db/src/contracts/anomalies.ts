import { z } from 'zod'
import { FlowObject } from './api.ts'

// Shapes of the anomaly answers. The lifecycle's own copy is packages/detection/src/lifecycle.ts; a test compares the two.

export const ANOMALY_STATES = ['new', 'acknowledged', 'confirmed', 'dismissed', 'closed'] as const
export type AnomalyState = (typeof ANOMALY_STATES)[number]
export const ANOMALY_ACTIONS = ['acknowledge', 'confirm', 'dismiss', 'close', 'reopen'] as const
export type AnomalyAction = (typeof ANOMALY_ACTIONS)[number]
export const SEVERITIES = ['info', 'warning', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]

/** What an action makes of a state; what is not here is refused. */
export const ANOMALY_TRANSITIONS: Readonly<Record<AnomalyState, Readonly<Partial<Record<AnomalyAction, AnomalyState>>>>> = {
  new: { acknowledge: 'acknowledged', confirm: 'confirmed', dismiss: 'dismissed' },
  acknowledged: { confirm: 'confirmed', dismiss: 'dismissed' },
  confirmed: { close: 'closed', dismiss: 'dismissed' },
  dismissed: { reopen: 'new' },
  closed: { reopen: 'new' },
}

/** The actions that a state allows. */
export const anomalyActions = (state: AnomalyState): AnomalyAction[] =>
  ANOMALY_ACTIONS.filter((action) => ANOMALY_TRANSITIONS[state][action] !== undefined)

const instant = z.string()

/** One anomaly as lists show it. With network precision, addresses are their /24 or /48. */
export const AnomalySummary = z.object({
  id: z.string(),
  detector: z.string(),
  severity: z.enum(SEVERITIES),
  state: z.enum(ANOMALY_STATES),
  /** Nanoseconds since 1970 as decimal text; the same moment as `first_seen`. */
  first_seen_ns: z.string(),
  first_seen: instant,
  last_seen: instant,
  /** null while findings keep coming. */
  ended: instant.nullable(),
  actor: z.string().nullable(),
  target: z.string().nullable(),
  paged: z.boolean(),
  /** What was seen, in one sentence. */
  sentence: z.string(),
  /** What is seen together. `members`: how many anomalies of the answer's window share it, this one included. */
  group: z.string(),
  members: z.number(),
  /** The anomaly that explains this one. */
  parent: z.string().nullable(),
  /** How many it explains. */
  children: z.number(),
  /** The suppression that keeps it from being told. */
  suppressed_by: z.number().nullable(),
  /** 'low': few sampled packets or lossy telemetry; never paged. */
  trust: z.enum(['ok', 'low', 'hold']),
  /** The last decision. */
  changed_by: z.string().nullable(),
  changed_at: instant.nullable(),
  reason: z.string().nullable(),
  /** What the state allows; whether the asker may is the permission `risk:decide`. */
  actions: z.array(z.enum(ANOMALY_ACTIONS)),
})
export type AnomalySummary = z.infer<typeof AnomalySummary>

export const AnomaliesAnswer = z.object({
  anomalies: z.array(AnomalySummary),
  nextCursor: z.string().nullable(),
  /** How many anomalies there are per state, whatever is filtered; folded ones do not count. */
  states: z.record(z.enum(ANOMALY_STATES), z.number()),
  /** The newest event: catch up from here. */
  lastEvent: z.number(),
})
export type AnomaliesAnswer = z.infer<typeof AnomaliesAnswer>

export const AnomalyEvent = z.object({
  id: z.number(),
  anomaly_id: z.string(),
  /** 'opened', 'escalated', 'restarted', 'folded', 'ended' by the detectors; the past of an action by people. */
  kind: z.string(),
  at: instant,
  /** Who did it; null for the detectors. */
  actor: z.string().nullable(),
  reason: z.string().nullable(),
  /** The anomaly's state and severity after it. */
  state: z.enum(ANOMALY_STATES),
  severity: z.enum(SEVERITIES),
})
export type AnomalyEvent = z.infer<typeof AnomalyEvent>

export const AnomalyEventsAnswer = z.object({
  events: z.array(AnomalyEvent),
  /** True when there are more: ask again after the last id. */
  more: z.boolean(),
  /** The newest event there is. */
  lastEvent: z.number(),
})
export type AnomalyEventsAnswer = z.infer<typeof AnomalyEventsAnswer>

export const AnomalyCard = AnomalySummary.extend({
  statistic: z.string(),
  /** Of value, expected and threshold. */
  unit: z.string(),
  value: z.number(),
  expected: z.number().nullable(),
  threshold: z.number(),
  /** When the value was measured. */
  window: z.object({ from: instant, to: instant }),
  /** Shares of what was seen, by field. */
  parts: z.array(z.object({ dimension: z.string(), value: z.string(), share: z.number() })),
  /** What is new about it. */
  fresh: z.array(z.string()),
  findings: z.number(),
  /** The telemetry when it was found: what the numbers rest on. */
  quality: z.object({
    trust: z.enum(['ok', 'low', 'hold']),
    exporters: z.array(z.string()),
    /** N of "1 in N", the coarsest among the exporters; null unknown. */
    samplingRate: z.number().nullable(),
    /** Share of what the exporters announced that was lost on the way since they are known. */
    lostShare: z.number().nullable(),
    skewMs: z.number().nullable(),
  }),
  /** Exact flow records, copied when it was found; null where the asker may not see single hosts. */
  evidence: z.array(FlowObject).nullable(),
  childAnomalies: z.array(AnomalySummary),
  timeline: z.array(AnomalyEvent),
  /** The traffic around it, per second and in `unit`; null with the cause where stored sums cannot answer. */
  baseline: z
    .object({
      unit: z.string(),
      filter: z.string(),
      bucketSeconds: z.number(),
      times: z.array(z.number()),
      /** null: no data was being received. */
      values: z.array(z.number().nullable()),
      expected: z.number().nullable(),
      threshold: z.number().nullable(),
    })
    .nullable(),
  /** The flows behind it in the explorer; null where the asker may not see single hosts. */
  explorer: z.object({ filter: z.string(), from: instant, to: instant }).nullable(),
})
export type AnomalyCard = z.infer<typeof AnomalyCard>

export const SuppressionShape = z.object({
  id: z.number(),
  detector: z.string().nullable(),
  address: z.string().nullable(),
  until: instant,
  reason: z.string(),
  owner: z.string(),
  created_at: instant,
  /** When it was taken back before its time. */
  ended_at: instant.nullable(),
  active: z.boolean(),
  /** Anomalies it kept from being told. */
  hidden: z.number(),
})
export type SuppressionShape = z.infer<typeof SuppressionShape>
export const SuppressionsAnswer = z.object({ suppressions: z.array(SuppressionShape) })
export type SuppressionsAnswer = z.infer<typeof SuppressionsAnswer>

/** What listeners are told at commit: channel `weir_anomaly`. A hint: the truth is in the database. */
export const AnomalyNotice = z.object({
  id: z.number(),
  anomalyId: z.string(),
  kind: z.string(),
  state: z.enum(ANOMALY_STATES),
  severity: z.enum(SEVERITIES),
  paged: z.boolean(),
  folded: z.boolean(),
})
export type AnomalyNotice = z.infer<typeof AnomalyNotice>
