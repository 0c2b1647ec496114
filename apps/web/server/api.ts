import {
  AdminChange,
  AdminChangesAnswer,
  ANOMALY_ACTIONS,
  ANOMALY_STATES,
  AnomaliesAnswer,
  AnomalyCard,
  AnomalyEventsAnswer,
  ApproveBlockBody,
  AuditAnswer,
  AuditState,
  BLOCK_STATES,
  Block,
  BlocksAnswer,
  DeviceBody,
  DeviceShape,
  DevicesAnswer,
  DIMENSIONS,
  ExportersAnswer,
  FlowObject,
  FlowsAnswer,
  GeoAnswer,
  GraphAnswer,
  HealthAnswer,
  METRICS,
  NotificationAnswer,
  NotificationBody,
  ProtectedPrefixBody,
  ProtectedPrefixesAnswer,
  RequestBlockBody,
  ROLES,
  type RouteKey,
  SEVERITIES,
  SimulateBody,
  Simulation,
  StorageAnswer,
  SuppressionShape,
  SuppressionsAnswer,
  TestMessage,
  TestMessageBody,
  TimeseriesAnswer,
  TopAnswer,
  Waiting,
  WithdrawBlockBody,
} from '@weir/db/contracts'
import { z } from 'zod'
import { PASSWORD_MAX, PASSWORD_MIN } from './password.ts'

/**
 * Every route of the HTTP interface: what it takes and gives. The routes parse with these shapes and the OpenAPI document is
 * generated from them, so neither can drift from the other.
 */
export interface Operation {
  tag: 'traffic' | 'anomalies' | 'blocks' | 'inventory' | 'accounts' | 'audit' | 'system'
  summary: string
  description?: string
  path?: z.ZodObject
  query?: z.ZodObject
  body?: z.ZodType
  /** A body that the handler reads itself, for the document: JSON or NDJSON of these. */
  bulk?: z.ZodType
  /** null: 204, nothing to say. */
  answer: z.ZodType | null
  /** Status of success when it is not 200 (or 204 without an answer). */
  status?: 201
}

const HOUR_MS = 3_600_000

/** RFC 3339 or epoch milliseconds → Date. */
const instant = z.string().transform((text, context) => {
  const at = /^-?\d{1,16}$/.test(text)
    ? Number(text)
    : /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/.test(text)
      ? Date.parse(text)
      : Number.NaN
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) {
    context.addIssue({
      code: 'custom',
      message: `"${text.slice(0, 60)}" is neither RFC 3339 (2026-11-20T22:00:00Z) nor epoch milliseconds`,
    })
    return z.NEVER
  }
  return date
})

const whole = (low: number, high: number) =>
  z
    .string()
    .regex(/^-?\d{1,10}$/, `must be a whole number from ${low} to ${high}`)
    .transform(Number)
    .pipe(z.number().int().min(low, `must be at least ${low}`).max(high, `must be at most ${high}`))
const wholeMeta = (low: number, high: number, standard: number | string, what: string) => ({
  description: `${what} ${low}–${high}, default ${standard}.`,
  override: { type: 'integer' as const, minimum: low, maximum: high },
})

const windowParameters = {
  from: instant.optional().meta({
    description: 'Start of the window, RFC 3339 or epoch milliseconds. Default: one hour before `to`.',
    examples: ['2026-11-20T21:00:00Z'],
  }),
  to: instant.optional().meta({ description: 'End of the window, itself outside. Default: now.', examples: ['2026-11-20T22:00:00Z'] }),
  filter: z
    .string()
    .max(4_096, 'must be at most 4,096 characters')
    .optional()
    .meta({
      description: 'Which flows count, in the filter language.',
      examples: ['src_addr = 10.0.0.0/8 and dst_port in (53, 443) and not proto = udp'],
    }),
}
const measureParameters = {
  ...windowParameters,
  metric: z.enum(METRICS).optional().meta({ description: 'What to count. Default bytes.' }),
  scaled: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .meta({ description: 'Multiply by the sampling rate (default true), or count as exported.', override: { type: 'boolean' } }),
}
const dimension = z.enum(DIMENSIONS)

/** The window as dates, with the defaults filled in. */
export function windowOf(query: { from?: Date | undefined; to?: Date | undefined }): { from: Date; to: Date } {
  const to = query.to ?? new Date()
  return { from: query.from ?? new Date(to.getTime() - HOUR_MS), to }
}

const id = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a number')
  .transform(Number)
  .meta({ override: { type: 'integer', minimum: 1 } })
const anomalyId = z.string().regex(/^[a-z_]{1,40}-[0-9a-z]{1,20}-[0-9a-z]{1,20}$/, 'is no anomaly')
const blockId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,46}[a-z0-9]$/, 'is no id')
const BlockMoved = z.object({ id: z.string(), state: z.enum(BLOCK_STATES) }).meta({ id: 'BlockMoved' })
/** A list with commas between. */
const listOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(values)).max(values.length))
const listMeta = (values: readonly string[], what: string) => ({
  description: `${what}, with commas between: ${values.join(', ')}.`,
  override: { type: 'string' as const },
})
const flag = z.enum(['true', 'false']).transform((text) => text === 'true')
/** RFC 3339 in a body. */
const ahead = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .meta({ override: { type: 'string', format: 'date-time' } })
const role = z.enum(ROLES)
const TWO_PERSONS = 'Where two admins are asked for, the answer is 202 with the change that waits.'
const reason = z.string().trim().min(1, 'must say why').max(200, 'must be at most 200 characters')
const Decided = z
  .object({ waiting: AdminChange.nullable().meta({ description: 'The change that waits for a second admin; null: it is done.' }) })
  .meta({ id: 'Decided' })
const name = z.string().trim().min(1, 'must not be empty').max(100, 'must be at most 100 characters')
const optionalName = z.string().trim().max(200, 'must be at most 200 characters').nullable()
const email = z
  .email('is not an e-mail address')
  .max(200)
  .transform((text) => text.toLowerCase())
const password = z
  .string()
  .min(PASSWORD_MIN, `must have at least ${PASSWORD_MIN} characters`)
  .max(PASSWORD_MAX, `must have at most ${PASSWORD_MAX} characters`)
const time = z.iso.datetime()
/** What a person types of the second factor; blanks and hyphens do not matter. */
const code = z
  .string()
  .max(60)
  .meta({ description: 'Six digits of the app, or a recovery code.', examples: ['123 456'] })

export const ServiceRuleInput = z
  .strictObject({
    name: name.meta({ description: 'What the graph and tables show.', examples: ['DNS resolvers'] }),
    prefix: z.string().trim().max(60).nullable().default(null).meta({ description: 'Server addresses, e.g. 10.0.0.0/24; null any.' }),
    proto: z.number().int().min(0).max(255).nullable().default(null).meta({ description: 'IP protocol number; null any.' }),
    portLow: z.number().int().min(0).max(65_535).nullable().default(null).meta({ description: 'First server port; null any.' }),
    portHigh: z.number().int().min(0).max(65_535).nullable().default(null).meta({ description: 'Last server port; null: only the first.' }),
  })
  .meta({ id: 'ServiceRuleInput' })
export type ServiceRuleInput = z.output<typeof ServiceRuleInput>
const ServiceRule = z
  .object({
    id: z.number(),
    name: z.string(),
    prefix: z.string().nullable(),
    proto: z.number().nullable(),
    portLow: z.number().nullable(),
    portHigh: z.number().nullable(),
    source: z.string().meta({ description: "Where the rule came from: 'ui', 'file' or 'builtin'." }),
    position: z.number().meta({ description: 'Rules are tried in this order; the first that fits names the service.' }),
  })
  .meta({ id: 'ServiceRule' })
export const ServiceRules = z.object({ rules: z.array(ServiceRule) }).meta({ id: 'ServiceRules' })

export const HomeNetworks = z.object({ networks: z.array(z.string()) }).meta({ id: 'HomeNetworks' })
export const DemoState = z
  .object({ present: z.boolean(), exporters: z.number(), flows: z.number().meta({ description: 'As counted by the exporters.' }) })
  .meta({ id: 'DemoState' })

export const User = z
  .object({
    id: z.string(),
    name: z.string(),
    email: z.string(),
    role,
    disabled: z.boolean(),
    secondFactor: z.boolean().meta({ description: 'Signing in asks for a code beside the password.' }),
    createdAt: time,
    lastSeenAt: time.nullable(),
  })
  .meta({ id: 'User' })
export const InvitationShape = z
  .object({ id: z.number(), role, email: z.string().nullable(), createdBy: z.string().nullable(), expiresAt: time })
  .meta({ id: 'Invitation' })
export const Users = z.object({ users: z.array(User), invitations: z.array(InvitationShape) }).meta({ id: 'Users' })
export const TokenShape = z
  .object({
    id: z.number(),
    name: z.string(),
    role,
    hint: z.string().meta({ description: 'The first characters, to recognise the token by.' }),
    createdBy: z.string().nullable(),
    createdAt: time,
    expiresAt: time,
    lastUsedAt: time.nullable(),
  })
  .meta({ id: 'Token' })
export const Tokens = z.object({ tokens: z.array(TokenShape) }).meta({ id: 'Tokens' })
export const NewToken = z
  .object({
    id: z.number(),
    token: z.string().meta({ description: 'Shown this once; only its hash is kept.' }),
    name: z.string(),
    role,
    expiresAt: time,
  })
  .meta({ id: 'NewToken' })
export const NewInvitation = z.object({ id: z.number(), url: z.string(), expiresAt: time }).meta({ id: 'NewInvitation' })
export const SecondFactorState = z
  .object({ on: z.boolean(), since: time.nullable(), recoveryCodesLeft: z.number() })
  .meta({ id: 'SecondFactorState' })
export const RecoveryCodes = z
  .object({ recoveryCodes: z.array(z.string()).meta({ description: 'Each works once, in place of a code. Shown this once.' }) })
  .meta({ id: 'RecoveryCodes' })
export const Profile = z
  .object({
    kind: z.enum(['session', 'token']),
    name: z.string(),
    email: z.string().nullable(),
    role,
    precision: z.enum(['host', 'network']).meta({ description: "'network': addresses are shown as their /24 or /48." }),
    actions: z.array(z.string()).meta({ description: 'What the asker may do.' }),
  })
  .meta({ id: 'Profile' })

const SHARED = {
  AnomaliesAnswer,
  AnomalyCard,
  AnomalyEventsAnswer,
  SuppressionsAnswer,
  TopAnswer,
  TimeseriesAnswer,
  FlowsAnswer,
  GeoAnswer,
  GraphAnswer,
  ExportersAnswer,
  HealthAnswer,
  StorageAnswer,
}
/** Components of the OpenAPI document by name. */
export const COMPONENTS: Readonly<Record<string, z.ZodType>> = SHARED

export const HealthWord = z.object({ status: z.enum(['ok', 'degraded', 'down']) }).meta({ id: 'HealthWord' })

export const API = {
  'GET /api/v1/health': {
    tag: 'system',
    summary: 'Readiness and the state of the pipeline',
    description:
      'Answers 200 when Weir works (also when degraded) and 503 when it does not. Without a session or token only `status` is told.',
    answer: z.union([HealthAnswer, HealthWord]),
  },
  'GET /api/v1/openapi.json': { tag: 'system', summary: 'This document', answer: z.record(z.string(), z.unknown()) },
  'GET /api/v1/top': {
    tag: 'traffic',
    summary: 'Ranked rows of one dimension, the rest, and the total',
    query: z.strictObject({
      dimension: dimension.meta({ description: 'What to rank.' }),
      ...measureParameters,
      limit: whole(1, 1_000)
        .optional()
        .meta(wholeMeta(1, 1_000, 10, 'How many rows.')),
      peak: z
        .enum(['true', 'false'])
        .transform((text) => text === 'true')
        .optional()
        .meta({
          description: 'Tell each row’s greatest minute (`peakBytes`, scaled) where it is known. Default false.',
          override: { type: 'boolean' },
        }),
    }),
    answer: TopAnswer,
  },
  'GET /api/v1/timeseries': {
    tag: 'traffic',
    summary: 'Aligned buckets, one series per value or one in all',
    query: z.strictObject({
      dimension: dimension.optional().meta({ description: 'One series per value of this; absent: the total.' }),
      ...measureParameters,
      points: whole(1, 300)
        .optional()
        .meta(wholeMeta(1, 300, 300, 'Buckets at most.')),
      limit: whole(1, 20)
        .optional()
        .meta(wholeMeta(1, 20, 8, 'Series besides “other”.')),
    }),
    answer: TimeseriesAnswer,
  },
  'GET /api/v1/geo': {
    tag: 'traffic',
    summary: 'Totals of countries and of country pairs',
    query: z.strictObject({
      ...measureParameters,
      limit: whole(0, 500)
        .optional()
        .meta(wholeMeta(0, 500, 100, 'How many arcs.')),
    }),
    answer: GeoAnswer,
  },
  'GET /api/v1/graph': {
    tag: 'traffic',
    summary: 'Services and hosts with the traffic between them, client → server',
    query: z.strictObject({
      ...measureParameters,
      nodes: whole(2, 300)
        .optional()
        .meta(wholeMeta(2, 300, 60, 'Nodes at most; the rest is folded into groups.')),
    }),
    answer: GraphAnswer,
  },
  'GET /api/v1/flows': {
    tag: 'traffic',
    summary: 'Flow records, newest first',
    description: 'Field names, units and spellings are those of the interchange record. Needs a role that may see single hosts.',
    query: z.strictObject({
      ...windowParameters,
      cursor: z.string().max(500).optional().meta({ description: '`nextCursor` of the page before.' }),
      limit: whole(1, 1_000)
        .optional()
        .meta(wholeMeta(1, 1_000, 100, 'Records per page.')),
    }),
    answer: FlowsAnswer,
  },
  'POST /api/v1/flows/_json': {
    tag: 'traffic',
    summary: 'Store interchange records',
    description:
      'The body is a JSON array, one object, or NDJSON, gzip accepted (Content-Encoding), at most 16 MiB unpacked and 20,000 records. Records keep their own times and need at least one. Empty texts are unknown, and a sampling rate of 0 is unknown and counted once. Records that cannot be read are answered by their place; the others are stored.',
    bulk: z.union([FlowObject, z.array(FlowObject)]),
    answer: z.object({
      stored: z.number(),
      errors: z.array(z.object({ index: z.number(), detail: z.string() })),
    }),
  },
  'GET /api/v1/anomalies': {
    tag: 'anomalies',
    summary: 'What the detectors found, newest first',
    description: 'Without single hosts for roles that may not see them: addresses are then networks, in the sentence too.',
    query: z.strictObject({
      from: instant.optional().meta({ description: 'First seen at or after this time.' }),
      to: instant.optional().meta({ description: 'First seen before this time.' }),
      state: listOf(ANOMALY_STATES).optional().meta(listMeta(ANOMALY_STATES, 'States')),
      severity: listOf(SEVERITIES).optional().meta(listMeta(SEVERITIES, 'Severities')),
      detector: z
        .string()
        .regex(/^[a-z_]{1,40}(,[a-z_]{1,40}){0,30}$/, 'must be names of detectors with commas between')
        .transform((text) => text.split(','))
        .optional()
        .meta({ description: 'Detectors, with commas between.', examples: ['ddos,syn_flood'], override: { type: 'string' } }),
      address: z.string().max(60).optional().meta({ description: 'Actor or target, exactly as given in the answers.' }),
      active: flag
        .optional()
        .meta({ description: 'Only those that go on (true), or that have ended (false).', override: { type: 'boolean' } }),
      folded: flag.optional().meta({
        description: 'With those that another anomaly explains (default false).',
        override: { type: 'boolean' },
      }),
      grouped: flag
        .optional()
        .meta({ description: 'One row per group: its newest anomaly (default false).', override: { type: 'boolean' } }),
      cursor: z.string().max(500).optional().meta({ description: '`nextCursor` of the page before.' }),
      limit: whole(1, 1_000)
        .optional()
        .meta(wholeMeta(1, 1_000, 100, 'Anomalies per page.')),
    }),
    answer: AnomaliesAnswer,
  },
  'GET /api/v1/anomalies/events': {
    tag: 'anomalies',
    summary: 'What happened to anomalies after an event, oldest first',
    description: 'For catching up after a gap: whoever has seen event n and asks after n misses nothing.',
    query: z.strictObject({
      after: z
        .string()
        .regex(/^\d{1,15}$/, 'must be the number of an event')
        .transform(Number)
        .optional()
        .meta({ description: 'Number of the last event seen; default 0, the beginning.', override: { type: 'integer', minimum: 0 } }),
      limit: whole(1, 500)
        .optional()
        .meta(wholeMeta(1, 500, 500, 'Events per answer.')),
    }),
    answer: AnomalyEventsAnswer,
  },
  'GET /api/v1/anomalies/{id}': {
    tag: 'anomalies',
    summary: 'One anomaly: the sentence, its numbers, evidence and history',
    path: z.object({ id: anomalyId }),
    answer: AnomalyCard,
  },
  'POST /api/v1/anomalies/{id}/{action}': {
    tag: 'anomalies',
    summary: 'Acknowledge, confirm, dismiss, close or reopen an anomaly',
    description: 'Refused with 409 when its state does not allow it any more; the answer names the state and who changed it.',
    path: z.object({ id: anomalyId, action: z.enum(ANOMALY_ACTIONS) }),
    body: z.strictObject({
      reason: z.string().max(500, 'must be at most 500 characters').optional().meta({ description: 'Why; needed to dismiss.' }),
      suppress: z
        .strictObject({ until: ahead })
        .optional()
        .meta({ description: 'With dismiss: do not tell of the same detector and address until then.' }),
    }),
    answer: z.object({ id: z.string(), state: z.enum(ANOMALY_STATES), event: z.number() }).meta({ id: 'AnomalyDecision' }),
  },
  'GET /api/v1/suppressions': { tag: 'anomalies', summary: 'What is kept and counted but not told', answer: SuppressionsAnswer },
  'POST /api/v1/suppressions': {
    tag: 'anomalies',
    summary: 'Do not tell of a detector, an address, or both together, until a time',
    body: z.strictObject({
      detector: z.string().max(40).nullable().default(null),
      address: z.string().trim().max(60).nullable().default(null).meta({ description: 'Actor or target, exactly.' }),
      until: ahead,
      reason: z.string().max(500, 'must be at most 500 characters'),
    }),
    answer: SuppressionShape,
    status: 201,
  },
  'PATCH /api/v1/suppressions/{id}': {
    tag: 'anomalies',
    summary: 'Change the end or the reason of a suppression in force',
    path: z.object({ id }),
    body: z
      .strictObject({ until: ahead.optional(), reason: z.string().max(500, 'must be at most 500 characters').optional() })
      .refine((change) => change.until !== undefined || change.reason !== undefined, 'must name at least one of until, reason'),
    answer: SuppressionShape,
  },
  'DELETE /api/v1/suppressions/{id}': {
    tag: 'anomalies',
    summary: 'End a suppression before its time',
    path: z.object({ id }),
    answer: null,
  },
  'POST /api/v1/blocks/simulate': {
    tag: 'blocks',
    summary: 'What a rule would have hit of the stored flows, and narrower ways',
    description: 'Stored and recorded; a request for a block names it.',
    body: SimulateBody,
    answer: Simulation,
    status: 201,
  },
  'GET /api/v1/blocks/simulations/{id}': {
    tag: 'blocks',
    summary: 'A simulation as it was stored',
    path: z.object({ id: blockId }),
    answer: Simulation,
  },
  'GET /api/v1/blocks': {
    tag: 'blocks',
    summary: 'Blocks, newest request first',
    query: z.strictObject({
      state: listOf(BLOCK_STATES).optional().meta(listMeta(BLOCK_STATES, 'Only these states')),
      anomaly: anomalyId.optional().meta({ description: 'Only those for this anomaly.' }),
      cursor: z.string().max(100).optional().meta({ description: '`nextCursor` of the page before.' }),
      limit: whole(1, 200)
        .optional()
        .meta(wholeMeta(1, 200, 50, 'Blocks per page.')),
    }),
    answer: BlocksAnswer,
  },
  'POST /api/v1/blocks': {
    tag: 'blocks',
    summary: 'Ask for a block',
    description: 'Needs your password within five minutes. Goes ahead at once when one person may decide it, else waits for a second one.',
    body: RequestBlockBody,
    answer: z.object({ id: z.string(), state: z.enum(BLOCK_STATES), hash: z.string() }).meta({ id: 'BlockRequested' }),
    status: 201,
  },
  'GET /api/v1/blocks/{id}': {
    tag: 'blocks',
    summary: 'One block: its exact text per device, its proof and its history',
    path: z.object({ id: blockId }),
    answer: Block,
  },
  'POST /api/v1/blocks/{id}/approve': {
    tag: 'blocks',
    summary: 'Agree to the block of someone else',
    description: 'Needs your password within five minutes, and the hash of the text you looked at.',
    path: z.object({ id: blockId }),
    body: ApproveBlockBody,
    answer: BlockMoved,
  },
  'POST /api/v1/blocks/{id}/withdraw': {
    tag: 'blocks',
    summary: 'End a block before its time',
    path: z.object({ id: blockId }),
    body: WithdrawBlockBody,
    answer: BlockMoved,
  },
  'GET /api/v1/devices': { tag: 'inventory', summary: 'Devices that can carry blocks', answer: DevicesAnswer },
  'POST /api/v1/devices': {
    tag: 'inventory',
    summary: 'Add a device, or change all of one',
    description: `Holds no secrets: keys are files of the machine that enforces. ${TWO_PERSONS}`,
    body: DeviceBody,
    answer: z.union([DeviceShape, Waiting]),
  },
  'DELETE /api/v1/devices/{id}': {
    tag: 'inventory',
    summary: 'Take a device out',
    description: `Refused while it holds a live block or one waits to go there. Its past blocks keep its name. ${TWO_PERSONS}`,
    path: z.object({ id: z.string().max(63) }),
    query: z.strictObject({ reason }),
    answer: Decided,
  },
  'GET /api/v1/protected-prefixes': { tag: 'inventory', summary: 'What no block may touch', answer: ProtectedPrefixesAnswer },
  'POST /api/v1/protected-prefixes': {
    tag: 'inventory',
    summary: 'Protect a network from blocks',
    description: TWO_PERSONS,
    body: ProtectedPrefixBody,
    answer: z.union([z.object({ prefix: z.string() }).meta({ id: 'ProtectedPrefix' }), Waiting]),
    status: 201,
  },
  'DELETE /api/v1/protected-prefixes': {
    tag: 'inventory',
    summary: "Take a network off the site's list",
    description: `What is built in or known to Weir cannot be removed. ${TWO_PERSONS}`,
    query: z.strictObject({
      prefix: z
        .string()
        .max(60)
        .meta({ examples: ['192.0.2.0/24'] }),
      reason,
    }),
    answer: Decided,
  },
  'GET /api/v1/admin-changes': {
    tag: 'inventory',
    summary: 'Changes that wait for a second admin, and those decided lately',
    answer: AdminChangesAnswer,
  },
  'POST /api/v1/admin-changes/{id}/approve': {
    tag: 'inventory',
    summary: "Agree to another admin's change, which does it",
    description: 'Needs your password or a code within five minutes.',
    path: z.object({ id }),
    body: z.strictObject({}),
    answer: AdminChange,
  },
  'POST /api/v1/admin-changes/{id}/withdraw': {
    tag: 'inventory',
    summary: "Take your own change back, or refuse another admin's",
    path: z.object({ id }),
    body: z.strictObject({ reason }),
    answer: AdminChange,
  },
  'PUT /api/v1/admin-changes/two-persons': {
    tag: 'inventory',
    summary: 'Ask two admins for such changes, or let one decide',
    description: `It only matters while there are two admins or more. ${TWO_PERSONS}`,
    body: z.strictObject({ on: z.boolean() }),
    answer: Decided,
  },
  'GET /api/v1/notifications': {
    tag: 'system',
    summary: 'Where messages go, and how sending went lately',
    description: 'Without secrets: of a webhook only its origin is told.',
    answer: NotificationAnswer,
  },
  'PUT /api/v1/notifications': {
    tag: 'system',
    summary: 'Set where messages go',
    description: 'All of it; a secret that is left out stays as it is.',
    body: NotificationBody,
    answer: NotificationAnswer,
  },
  'POST /api/v1/notifications/test': {
    tag: 'system',
    summary: 'Send a test message, as a real one goes',
    description: 'By the process that sends all messages, tried once; ask for the outcome with its number.',
    body: TestMessageBody,
    answer: TestMessage,
    status: 201,
  },
  'GET /api/v1/notifications/test/{id}': {
    tag: 'system',
    summary: 'What became of a test message',
    path: z.object({ id }),
    answer: TestMessage,
  },
  'GET /api/v1/storage': {
    tag: 'system',
    summary: 'What each table takes, how fast it grows, and what it comes to',
    answer: StorageAnswer,
  },
  'GET /api/v1/exporters': {
    tag: 'inventory',
    summary: 'Exporters with health, sampling, templates, loss and interfaces',
    answer: ExportersAnswer,
  },
  'PATCH /api/v1/exporters/{id}': {
    tag: 'inventory',
    summary: 'Name an exporter',
    path: z.object({ id }),
    body: z.strictObject({ name: optionalName.meta({ description: 'null or empty takes the name away.' }) }),
    answer: null,
  },
  'POST /api/v1/exporters/{id}/retire': {
    tag: 'inventory',
    summary: 'Count an exporter as gone, or as in service again',
    description: `A retired one is no fault when it is silent, and blocks may touch its address. What it sends is stored all the same. ${TWO_PERSONS}`,
    path: z.object({ id }),
    body: z.strictObject({ retired: z.boolean(), reason }),
    answer: Decided,
  },
  'PATCH /api/v1/exporters/{id}/interfaces/{ifIndex}': {
    tag: 'inventory',
    summary: 'Name an interface, or say on which side of the network edge it is',
    path: z.object({
      id,
      ifIndex: z
        .string()
        .regex(/^\d{1,10}$/, 'must be a number')
        .transform(Number)
        .meta({ override: { type: 'integer', minimum: 0 } }),
    }),
    body: z
      .strictObject({ name: optionalName.optional(), boundary: z.enum(['external', 'internal']).nullable().optional() })
      .refine((change) => change.name !== undefined || change.boundary !== undefined, 'must name at least one of name, boundary'),
    answer: null,
  },
  'GET /api/v1/service-rules': { tag: 'inventory', summary: 'Rules that name services, in the order they are tried', answer: ServiceRules },
  'POST /api/v1/service-rules': {
    tag: 'inventory',
    summary: 'Add a rule at the end',
    body: ServiceRuleInput,
    answer: ServiceRule,
    status: 201,
  },
  'PUT /api/v1/service-rules': {
    tag: 'inventory',
    summary: 'Import rules',
    description: '`replace: true` puts them in place of all present ones, otherwise they are added at the end. All or none.',
    body: z.strictObject({
      rules: z.array(ServiceRuleInput).max(5_000, 'must be at most 5,000 rules'),
      replace: z.boolean().default(false),
      source: name.default('file').meta({ description: 'Where the rules are from, such as a file name.' }),
    }),
    answer: ServiceRules,
  },
  'PUT /api/v1/service-rules/order': {
    tag: 'inventory',
    summary: 'Change the order in which rules are tried',
    body: z.strictObject({
      ids: z.array(z.number().int()).max(5_000).meta({ description: 'Every present rule once, the first tried first.' }),
    }),
    answer: ServiceRules,
  },
  'PUT /api/v1/service-rules/{id}': {
    tag: 'inventory',
    summary: 'Change a rule',
    path: z.object({ id }),
    body: ServiceRuleInput,
    answer: ServiceRule,
  },
  'DELETE /api/v1/service-rules/{id}': { tag: 'inventory', summary: 'Remove a rule', path: z.object({ id }), answer: null },
  'GET /api/v1/home-networks': { tag: 'inventory', summary: 'Networks that count as inside', answer: HomeNetworks },
  'PUT /api/v1/home-networks': {
    tag: 'inventory',
    summary: 'Set the networks that count as inside',
    body: z.strictObject({ networks: z.array(z.string().trim().min(1).max(60)).max(1_000, 'must be at most 1,000 networks') }),
    answer: HomeNetworks,
  },
  'GET /api/v1/demo': { tag: 'inventory', summary: 'Whether demo exporters and their flows are stored', answer: DemoState },
  'DELETE /api/v1/demo': { tag: 'inventory', summary: 'Remove demo exporters with everything they sent, rollups included', answer: null },
  'POST /api/v1/welcome': {
    tag: 'accounts',
    summary: 'Use a one-time link: make the account and sign in',
    body: z.strictObject({ token: z.string().min(1).max(200), name, email, password }),
    answer: null,
  },
  'POST /api/v1/session': {
    tag: 'accounts',
    summary: 'Sign in; the session is a cookie',
    description:
      'Who has a second factor needs `code` too: six digits of the app, or a recovery code. Without it the answer is 401 `second-factor-required`, ' +
      'and nothing is begun: send all three together.',
    body: z.strictObject({ email: z.string().max(200), password: z.string().max(1_000), code: code.optional() }),
    answer: null,
  },
  'DELETE /api/v1/session': { tag: 'accounts', summary: 'Sign out', answer: null },
  'POST /api/v1/step-up': {
    tag: 'accounts',
    summary: 'Show your password or a code of your second factor again, before a decision',
    description: 'Holds for five minutes, for this session and this browser. Wrong ones count as wrong sign-ins do.',
    body: z.union([z.strictObject({ password: z.string().max(1_000) }), z.strictObject({ code })]),
    answer: z.object({ until: time }).meta({ id: 'SteppedUp' }),
  },
  'GET /api/v1/audit': {
    tag: 'audit',
    summary: 'Entries of the audit log, newest first, with their hashes',
    description: 'Operators see what they did themselves or agreed to.',
    query: z.strictObject({
      event: z
        .string()
        .max(100)
        .optional()
        .meta({ description: 'An event, or the things before its dot.', examples: ['user.change', 'user'] }),
      actor: z
        .string()
        .max(200)
        .optional()
        .meta({ description: 'Who, as in the entries; without a colon: part of a name or e-mail address.', examples: ['token:3', 'ada'] }),
      subject: z
        .string()
        .max(200)
        .optional()
        .meta({ description: 'What, as in the entries, or the kind before its colon.', examples: ['exporter:4', 'exporter'] }),
      from: instant.optional().meta({ description: 'Not before this time.' }),
      to: instant.optional().meta({ description: 'Before this time.' }),
      cursor: z
        .string()
        .regex(/^\d{1,15}$/, 'is not a cursor')
        .optional()
        .meta({ description: '`nextCursor` of the page before.' }),
      limit: whole(1, 500)
        .optional()
        .meta(wholeMeta(1, 500, 100, 'Entries per page.')),
    }),
    answer: AuditAnswer,
  },
  'GET /api/v1/audit/state': {
    tag: 'audit',
    summary: 'Whether the chain holds, up to where, and the last signed checkpoint',
    answer: AuditState,
  },
  'POST /api/v1/audit/export': {
    tag: 'audit',
    summary: 'The whole log with its checkpoints as JSON lines',
    description: '`bin/weir audit verify FILE` checks it anywhere, without a database. The export is recorded itself.',
    body: z.strictObject({}),
    answer: z.string(),
  },
  'GET /api/v1/profile': { tag: 'accounts', summary: 'Who is asking, and what they may do', answer: Profile },
  'PATCH /api/v1/profile': { tag: 'accounts', summary: 'Change your own name', body: z.strictObject({ name }), answer: null },
  'PUT /api/v1/profile/password': {
    tag: 'accounts',
    summary: 'Change your own password',
    description: 'Ends every other session of yours.',
    body: z.strictObject({ current: z.string().max(1_000), password }),
    answer: null,
  },
  'GET /api/v1/profile/second-factor': { tag: 'accounts', summary: 'Whether you have a second factor', answer: SecondFactorState },
  'POST /api/v1/profile/second-factor': {
    tag: 'accounts',
    summary: 'Begin a second factor: a secret for your app',
    description: 'Needs your password within five minutes. It asks for nothing until you confirm it with a code.',
    body: z.strictObject({}),
    answer: z
      .object({
        secret: z.string().meta({ description: 'Base32, for typing.' }),
        uri: z.string().meta({ description: 'otpauth: address, for a QR code.' }),
      })
      .meta({ id: 'SecondFactorBegun' }),
    status: 201,
  },
  'POST /api/v1/profile/second-factor/confirm': {
    tag: 'accounts',
    summary: 'Turn your second factor on with a code of your app',
    description: 'Ends every other session of yours. The recovery codes are shown this once.',
    body: z.strictObject({ code }),
    answer: RecoveryCodes,
  },
  'POST /api/v1/profile/second-factor/recovery-codes': {
    tag: 'accounts',
    summary: 'Make new recovery codes; the old ones end',
    description: 'Needs your password or a code within five minutes.',
    body: z.strictObject({}),
    answer: RecoveryCodes,
    status: 201,
  },
  'DELETE /api/v1/profile/second-factor': {
    tag: 'accounts',
    summary: 'Turn your second factor off',
    description: 'Needs your password or a code within five minutes.',
    answer: null,
  },
  'GET /api/v1/users': { tag: 'accounts', summary: 'Accounts and open invitations', answer: Users },
  'PATCH /api/v1/users/{id}': {
    tag: 'accounts',
    summary: 'Change a role, disable or enable an account',
    description: 'Never your own, and never the last admin. Holds from the next request; open pages notice within five seconds.',
    path: z.object({ id: z.string().max(100) }),
    body: z
      .strictObject({ role: role.optional(), disabled: z.boolean().optional() })
      .refine((change) => change.role !== undefined || change.disabled !== undefined, 'must name at least one of role, disabled'),
    answer: null,
  },
  'DELETE /api/v1/users/{id}/second-factor': {
    tag: 'accounts',
    summary: "Take away someone's second factor, for whoever lost the app and the recovery codes",
    description: 'Needs your password or a code within five minutes. Their sessions end. Never your own: turn that off in your profile.',
    path: z.object({ id: z.string().max(100) }),
    answer: null,
  },
  'POST /api/v1/users/invitations': {
    tag: 'accounts',
    summary: 'Make a one-time link for a new person',
    description: 'The link is shown this once and works for 24 hours.',
    body: z.strictObject({ role, email: email.optional() }),
    answer: NewInvitation,
    status: 201,
  },
  'DELETE /api/v1/users/invitations/{id}': { tag: 'accounts', summary: 'Withdraw an invitation', path: z.object({ id }), answer: null },
  'GET /api/v1/tokens': { tag: 'accounts', summary: 'API tokens that work', answer: Tokens },
  'POST /api/v1/tokens': {
    tag: 'accounts',
    summary: 'Make an API token',
    body: z.strictObject({
      name,
      role,
      days: z.number().int().min(1).max(90).optional().meta({ description: 'Days until it ends, default 90.' }),
    }),
    answer: NewToken,
    status: 201,
  },
  'DELETE /api/v1/tokens/{id}': { tag: 'accounts', summary: 'Revoke an API token', path: z.object({ id }), answer: null },
} as const satisfies Record<RouteKey, Operation>
