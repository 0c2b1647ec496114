import { z } from 'zod'

/** What `value` counts. `metric` values are sampling-scaled unless `scaled=false`. */
export const METRICS = ['bytes', 'packets', 'flows'] as const
export type Metric = (typeof METRICS)[number]

/**
 * What a `top` or `timeseries` question can rank by. Names are the interchange record's; the rest are derived:
 * `conversation` is the address pair, `service` is protocol and server port, `exporter` is `sampler_address`.
 */
export const DIMENSIONS = [
  'src_addr',
  'dst_addr',
  'conversation',
  'service',
  'proto',
  'src_port',
  'dst_port',
  'src_as',
  'dst_as',
  'as_pair',
  'src_country',
  'dst_country',
  'country_pair',
  'exporter',
  'in_if',
  'out_if',
  'type',
  'etype',
  'ip_tos',
  'tcp_flags',
  'src_vlan',
  'dst_vlan',
] as const
export type Dimension = (typeof DIMENSIONS)[number]

/** Sums over the flows of one row. All numbers; `bytes` and `packets` are scaled when the answer says `scaled: true`. */
const sums = { bytes: z.number(), packets: z.number(), flows: z.number() }

const windowShape = {
  /** RFC 3339, UTC. */
  from: z.string(),
  to: z.string(),
  metric: z.enum(METRICS),
  scaled: z.boolean(),
  /** The filter as understood, canonical text; '' when none. */
  filter: z.string(),
  /** The relation that answered: a rollup's name such as `rollup_src_1h`, several joined by '+', or `flow` for raw records. */
  rollup: z.string(),
  /** Width in seconds of the coarsest bucket used; 0 when raw records answered. The window is widened to whole buckets. */
  resolutionSeconds: z.number(),
}

/**
 * Only where days were read in which hosts or conversations below a floor are left out: each row may lack up to `bytesPerDay` (scaled) for
 * each of these days. Rest and total are exact when `exactTotal`; else they lack the same.
 */
const floor = z.object({ bytesPerDay: z.number(), exactTotal: z.boolean() }).optional()

export const TopRow = z.object({
  /** The value as the filter language writes it; null where the flow had none. */
  key: z.string().nullable(),
  /** For people: interface or AS name, country name, service name; equals key when nothing better is known. */
  label: z.string(),
  /** The chosen metric. */
  value: z.number(),
  /** value ÷ total.value, 0–1. */
  share: z.number(),
  ...sums,
  /** A filter expression that selects exactly this row. */
  filter: z.string(),
  /** Octets (scaled) in this row's greatest minute of the window, when asked with `peak`; null where it is not known any more. */
  peakBytes: z.number().nullable().optional(),
})
export type TopRow = z.infer<typeof TopRow>

export const TopAnswer = z.object({
  dimension: z.enum(DIMENSIONS),
  ...windowShape,
  rows: z.array(TopRow),
  /** Everything that is not in `rows`: total minus rows, so that rows + rest = total exactly. */
  rest: z.object({ value: z.number(), share: z.number(), ...sums }),
  total: z.object({ value: z.number(), ...sums }),
  floor,
  /**
   * Only where the question names exporters or interfaces: then each shows all that it saw, and this part of `total` was counted from another
   * exporter. Everywhere else a conversation counts once.
   */
  witnesses: z.object(sums).optional(),
})
export type TopAnswer = z.infer<typeof TopAnswer>

export const Series = z.object({
  key: z.string().nullable(),
  label: z.string(),
  filter: z.string(),
  /** One per `times`; the sum over that bucket (divide by bucketSeconds for a rate). null: no data was being received. */
  values: z.array(z.number().nullable()),
  total: z.number(),
})
export type Series = z.infer<typeof Series>

export const TimeseriesAnswer = z.object({
  /** null: one series, the total. */
  dimension: z.enum(DIMENSIONS).nullable(),
  ...windowShape,
  bucketSeconds: z.number(),
  /** Start of each bucket, epoch milliseconds, evenly spaced by bucketSeconds. */
  times: z.array(z.number()),
  /** The largest first. When a dimension is asked, the last series has key '' and label 'other' and holds the exact rest. */
  series: z.array(Series),
  floor,
  /** Only where the question names exporters or interfaces: a conversation counts once for each exporter that saw it. */
  sightings: z.literal(true).optional(),
})
export type TimeseriesAnswer = z.infer<typeof TimeseriesAnswer>

/** One flow in the vocabulary of the interchange record; absent fields are omitted. 64-bit times are decimal strings. */
export const FlowObject = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
export type FlowObject = z.infer<typeof FlowObject>

export const FlowsAnswer = z.object({
  from: z.string(),
  to: z.string(),
  filter: z.string(),
  flows: z.array(FlowObject),
  /** Pass as `cursor` for the next, older page; null at the end. */
  nextCursor: z.string().nullable(),
})
export type FlowsAnswer = z.infer<typeof FlowsAnswer>

export const CountryTotal = z.object({
  /** ISO 3166-1 alpha-2; 'ZZ' unknown; 'internal' for private and own addresses. */
  country: z.string(),
  name: z.string(),
  /** Chosen metric sent from there (as source) and to there (as destination). */
  sent: z.number(),
  received: z.number(),
})
export const GeoArc = z.object({ src: z.string(), dst: z.string(), value: z.number(), ...sums })
export const GeoAnswer = z.object({
  ...windowShape,
  countries: z.array(CountryTotal),
  arcs: z.array(GeoArc),
  total: z.object({ value: z.number(), ...sums }),
  /** Edition of the geo data in use, e.g. '2026-06', and the attribution its licence asks for. */
  source: z.object({ edition: z.string(), attribution: z.string(), url: z.string() }),
})
export type GeoAnswer = z.infer<typeof GeoAnswer>

export const GraphNode = z.object({
  id: z.string(),
  label: z.string(),
  /** 'service': named by a rule; 'host': an address; 'group': folded rest or an outside network. */
  kind: z.enum(['service', 'host', 'group']),
  /** True when inside the home networks. */
  inside: z.boolean(),
  /** Sums of the chosen metric to (as server) and from (as client). */
  received: z.number(),
  sent: z.number(),
  filter: z.string(),
})
export const GraphEdge = z.object({
  /** Client and server node ids. */
  source: z.string(),
  target: z.string(),
  /** 'tcp/443 https' */
  service: z.string(),
  proto: z.number(),
  port: z.number().nullable(),
  value: z.number(),
  ...sums,
  filter: z.string(),
})
export const GraphAnswer = z.object({
  ...windowShape,
  nodes: z.array(GraphNode),
  edges: z.array(GraphEdge),
  /** What the shown edges leave out, in the chosen metric. */
  rest: z.object({ value: z.number(), edges: z.number() }),
  total: z.object({ value: z.number(), ...sums }),
  floor,
})
export type GraphAnswer = z.infer<typeof GraphAnswer>

export const InterfaceObject = z.object({
  ifIndex: z.number(),
  name: z.string().nullable(),
  description: z.string().nullable(),
  boundary: z.enum(['external', 'internal']).nullable(),
  speedBitsPerSecond: z.number().nullable(),
})
export const ExporterObject = z.object({
  id: z.number(),
  /** sampler_address: canonical text. */
  address: z.string(),
  name: z.string().nullable(),
  demo: z.boolean(),
  formats: z.array(z.string()),
  /** live: a datagram in the last 5 min; silent: none; retired by a person. */
  state: z.enum(['live', 'silent', 'retired']),
  firstSeen: z.string(),
  lastSeen: z.string(),
  /** N of 1 in N as last learned; null unknown (counted ×1 and flagged). */
  samplingRate: z.number().nullable(),
  /** Exporter clock minus ours, seconds; null not measurable. */
  skewSeconds: z.number().nullable(),
  datagrams: z.number(),
  flows: z.number(),
  /** Share of its flows that are witnesses: their conversations are counted from another exporter. null without flows. */
  witnessShare: z.number().nullable(),
  /** Datagrams that came twice (a mirror, ECMP, a second interface) and were stored once. */
  duplicates: z.number(),
  /** Estimated by sequence numbers, in the protocol's own unit, and the share of all announced. */
  lost: z.number(),
  lossShare: z.number().nullable(),
  problems: z.number(),
  templates: z.number(),
  flowsPerSecond: z.number(),
  bitsPerSecond: z.number(),
  interfaces: z.array(InterfaceObject),
})
export type ExporterObject = z.infer<typeof ExporterObject>
export const ExportersAnswer = z.object({ exporters: z.array(ExporterObject) })
export type ExportersAnswer = z.infer<typeof ExportersAnswer>

export const HealthCheck = z.object({
  name: z.string(),
  state: z.enum(['ok', 'warn', 'fail']),
  /** One sentence: what is seen, and the remedy when not ok. */
  message: z.string(),
})
/** A named alert of a collector that is on: what the failure matrix calls it, since when, and what to do. */
export const HealthAlert = z.object({
  name: z.string(),
  /** What it is about: an exporter's address, a port; '' when there is only one. */
  subject: z.string(),
  /** page: somebody is woken; ticket: somebody looks today; warn: it is shown. */
  severity: z.enum(['page', 'ticket', 'warn']),
  since: z.string(),
  /** The figure that raised it, and the metric that shows it. */
  value: z.number(),
  counter: z.string(),
  /** What is seen and why, and what to do about it. */
  sentence: z.string(),
  /** The line of the runbook. */
  runbook: z.string(),
})
export type HealthAlert = z.infer<typeof HealthAlert>

/** One sum of the books: everything that came in is somewhere, or `gap` is not 0. */
export const HealthBook = z.object({ name: z.string(), gap: z.number(), counts: z.record(z.string(), z.number()) })
export type HealthBook = z.infer<typeof HealthBook>

export const HealthAnswer = z.object({
  status: z.enum(['ok', 'degraded', 'down']),
  version: z.string(),
  /** 'timescale' or 'postgres', with version. */
  engine: z.string(),
  checks: z.array(HealthCheck),
  /** The worst first, then the oldest. */
  alerts: z.array(HealthAlert),
  /** The books of each listener and exporter of all running collectors, those that do not close first. */
  books: z.object({ listeners: z.array(HealthBook), exporters: z.array(HealthBook) }),
  sli: z.object({
    flowsPerSecond: z.number(),
    datagramsPerSecond: z.number(),
    /** Received to queryable, seconds, 95th percentile of the last minute; null without traffic. */
    ingestLatencyP95Seconds: z.number().nullable(),
    parseErrorShare: z.number().nullable(),
    queueShare: z.number(),
    kernelDrops: z.number(),
    /** What the collector itself gave up since it started: datagrams when its inbox was full, flow records when its spool was. */
    datagramsRefused: z.number(),
    flowsShed: z.number(),
    /** `flowsShed` of all flow records since then; null before the first. */
    shedShare: z.number().nullable(),
    completeness: z.number().nullable(),
    newestFlow: z.string().nullable(),
    exportersLive: z.number(),
    exportersKnown: z.number(),
  }),
})
export type HealthAnswer = z.infer<typeof HealthAnswer>

/** RFC 9457 problem details; `remedy` says what to do. */
export const ProblemDetails = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  remedy: z.string().optional(),
  requestId: z.string().optional(),
})
export type ProblemDetails = z.infer<typeof ProblemDetails>

/** Socket event `rate`, once a second, from the collector. Scaled by sampling. */
export const RateEvent = z.object({
  /** Epoch milliseconds of the second that ended. */
  at: z.number(),
  flowsPerSecond: z.number(),
  bitsPerSecond: z.number(),
  packetsPerSecond: z.number(),
  datagramsPerSecond: z.number(),
  exportersLive: z.number(),
})
export type RateEvent = z.infer<typeof RateEvent>

/** What others are told has changed. A hint: the truth is in the database. */
export const ChangedEvent = z.object({ what: z.enum(['flows', 'exporters', 'settings']) })
export type ChangedEvent = z.infer<typeof ChangedEvent>

export const ROLES = ['viewer', 'manager', 'operator', 'oncall', 'admin'] as const
export type Role = (typeof ROLES)[number]
