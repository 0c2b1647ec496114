import { z } from 'zod'
import { ROLES } from './api.ts'

// Shapes of the block path: simulate → request → approve → enforce → prove → expire.

export const BLOCK_STATES = [
  'pending_approval',
  'approved',
  'applying',
  'enforced',
  'verified',
  'leaking',
  'withdrawing',
  'expired',
  'withdrawn',
  'failed',
  'refused',
] as const
export type BlockState = (typeof BLOCK_STATES)[number]
/** States in which a device may carry the rule. */
export const LIVE_BLOCK_STATES = ['approved', 'applying', 'enforced', 'verified', 'leaking', 'withdrawing'] as const

export const DEVICE_STATES = ['waiting', 'applying', 'applied', 'removing', 'removed', 'unreachable', 'failed', 'manual'] as const
export type DeviceState = (typeof DEVICE_STATES)[number]
export const DIALECTS = ['nftables', 'ios-xe', 'junos', 'exabgp-flowspec', 'gobgp-flowspec', 'exabgp-rtbh', 'gobgp-rtbh'] as const
export const TRANSPORTS = ['local', 'ssh', 'gobgp', 'none'] as const

const instant = z.string()
const bytesPerSecond = z.number()

export const BlockPorts = z.strictObject({ low: z.number().int().min(0).max(65_535), high: z.number().int().min(0).max(65_535) })
const flag = z.enum(['fin', 'syn', 'rst', 'psh', 'ack', 'urg'])

/** Which packets: all parts must agree; null and an empty list mean any. `proto` is the IANA number. */
export const BlockMatchShape = z.strictObject({
  src: z.string().max(60).nullable(),
  dst: z.string().max(60).nullable(),
  proto: z.number().int().min(0).max(255).nullable(),
  srcPorts: z.array(BlockPorts).max(8),
  dstPorts: z.array(BlockPorts).max(8),
  tcpFlags: z.strictObject({ set: z.array(flag), unset: z.array(flag) }).nullable(),
})
export type BlockMatchShape = z.infer<typeof BlockMatchShape>
export const BlockActionShape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('drop') }),
  z.strictObject({ kind: z.literal('rate_limit'), bitsPerSecond: z.number().int() }),
])
export type BlockActionShape = z.infer<typeof BlockActionShape>

/** Device ids: a-z, 0-9, dot, hyphen, underscore. */
const deviceId = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/)
const anomalyId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/)

/** Body of POST /blocks/simulate. */
export const SimulateBody = z.strictObject({
  match: BlockMatchShape,
  action: BlockActionShape.default({ kind: 'drop' }),
  ttlSeconds: z.number().int().default(3_600),
  devices: z.array(deviceId).min(1).max(64),
  anomalyId: anomalyId.nullable().default(null),
  /** The anomalous time; left out: that of the anomaly. */
  window: z.strictObject({ from: z.iso.datetime({ offset: true }), to: z.iso.datetime({ offset: true }) }).optional(),
  /** Days of history before now to hold it against. */
  days: z.number().int().min(1).max(30).default(7),
})
export type SimulateBody = z.infer<typeof SimulateBody>

/** Body of POST /blocks. What is asked for is that of the simulation; without one, an emergency reason and the whole rule. */
export const RequestBlockBody = z.strictObject({
  simulationId: z.string().max(48).nullable().default(null),
  /** Why this cannot wait for a simulation; recorded, and always needs a second person. */
  emergencyReason: z.string().trim().min(1).max(500).nullable().default(null),
  match: BlockMatchShape.optional(),
  action: BlockActionShape.optional(),
  ttlSeconds: z.number().int().optional(),
  devices: z.array(deviceId).min(1).max(64).optional(),
  anomalyId: anomalyId.nullable().optional(),
  /** One line for people and the audit; never reaches a device. */
  reason: z.string().trim().min(1).max(500),
})
export type RequestBlockBody = z.infer<typeof RequestBlockBody>
/** Body of POST /blocks/{id}/approve: the hash of the text that was looked at. */
export const ApproveBlockBody = z.strictObject({ hash: z.string().regex(/^[0-9a-f]{64}$/), reason: z.string().trim().max(500).optional() })
/** Body of POST /blocks/{id}/withdraw. */
export const WithdrawBlockBody = z.strictObject({ reason: z.string().trim().min(1).max(500) })

/** Octets and packets corrected for sampling; flows as recorded. */
export const TrafficSums = z.object({ bytes: z.number(), packets: z.number(), flows: z.number() })
export type TrafficSums = z.infer<typeof TrafficSums>

export const GuardReason = z.object({
  code: z.string(),
  effect: z.enum(['refuse', 'second_person']),
  message: z.string(),
  remedy: z.string(),
})
export const GuardVerdict = z.object({
  decision: z.enum(['allowed', 'needs_second_person', 'refused']),
  reasons: z.array(GuardReason),
})
export type GuardVerdict = z.infer<typeof GuardVerdict>

export const CollateralRow = z.object({
  kind: z.enum(['service', 'tenant', 'address', 'country']),
  label: z.string(),
  bytes: z.number(),
  packets: z.number(),
  flows: z.number(),
})
export type CollateralRow = z.infer<typeof CollateralRow>

export const SimulationAlternative = z.object({
  kind: z.enum([
    'asked',
    'narrowest',
    'sources',
    'source_port',
    'source_networks',
    'source_as',
    'service',
    'reflection_port',
    'rate_limit',
    'victim_rtbh',
  ]),
  title: z.string(),
  /** More than one: each is a block of its own. */
  matches: z.array(BlockMatchShape),
  action: BlockActionShape,
  /** Shares of all bad and of all normal bytes of the history, 0 to 1. */
  badShare: z.number(),
  normalShare: z.number(),
  /** True when it stops at least 95 % of the bad bytes. */
  sufficient: z.boolean(),
})
export type SimulationAlternative = z.infer<typeof SimulationAlternative>

/** The exact text for one device, or why it cannot say the rule. */
export const DevicePreview = z.object({
  deviceId: z.string(),
  name: z.string(),
  dialect: z.enum(DIALECTS),
  transport: z.enum(TRANSPORTS),
  supported: z.boolean(),
  /** Why not; null when supported. */
  problem: z.string().nullable(),
  apply: z.string().nullable(),
  undo: z.string().nullable(),
})
export type DevicePreview = z.infer<typeof DevicePreview>

export const Simulation = z.object({
  id: z.string(),
  createdAt: instant,
  by: z.string().nullable().meta({ description: 'Name of who asked.' }),
  sentence: z.string(),
  match: BlockMatchShape,
  action: BlockActionShape,
  ttlSeconds: z.number(),
  devices: z.array(z.string()),
  anomalyId: z.string().nullable(),
  /** The stored flows it was held against. */
  history: z.object({ from: instant, to: instant }),
  /** The anomalous part of it; null: none was named, so all is normal. */
  window: z.object({ from: instant, to: instant }).nullable(),
  /** 'rollup': a part of normal time was read from sums by the hour, see `rollup`; 'raw': all of it from single flows. */
  precision: z.enum(['raw', 'rollup']),
  /**
   * The part of normal time that was read from a rollup: what is older than single flows are kept, or more than can be read one by one. Its
   * sums know both addresses, protocol and the server's port, by whole hours: a rule with other ports or with flags is taken to hit all it could,
   * never less. Null: none.
   */
  rollup: z.object({ name: z.string(), from: instant, to: instant }).nullable().default(null),
  /** The oldest stored flow inside the history; null: there is none. */
  rawFrom: instant.nullable(),
  /** All traffic of the anomalous window and what the rule would have hit of it. `share`: of the bytes, 0 to 1. */
  bad: z.object({ total: TrafficSums, hit: TrafficSums, share: z.number() }),
  normal: z.object({ total: TrafficSums, hit: TrafficSums, share: z.number(), pairs: z.number() }),
  /** Who is behind the normal part, most bytes first, at most 200 per kind. */
  collateral: z.array(CollateralRow),
  /** Normal bytes hit per hour of the week, UTC, Monday 00:00 first: 168 numbers. */
  strip: z.array(z.number()).length(168),
  alternatives: z.array(SimulationAlternative),
  verdict: GuardVerdict,
  previews: z.array(DevicePreview),
})
export type Simulation = z.infer<typeof Simulation>

/** A person as the screens name them. */
export const BlockPerson = z.object({ id: z.string(), name: z.string(), role: z.enum(ROLES).nullable(), at: instant })

export const BlockDevice = z.object({
  deviceId: z.string(),
  name: z.string(),
  dialect: z.enum(DIALECTS),
  transport: z.enum(TRANSPORTS),
  state: z.enum(DEVICE_STATES),
  slot: z.number(),
  /** What is sent, what takes it away, and SHA-256 over both (hex). */
  apply: z.string(),
  undo: z.string(),
  hash: z.string(),
  attempts: z.number(),
  lastError: z.string().nullable(),
  appliedAt: instant.nullable(),
  /** When the device was last seen to carry it. */
  seenAt: instant.nullable(),
  /** The device's own counters; null where it has none. */
  packets: z.number().nullable(),
  bytes: z.number().nullable(),
  reasserted: z.number().meta({ description: 'How often it was put back after it had gone missing.' }),
})
export type BlockDevice = z.infer<typeof BlockDevice>

export const BlockProof = z.object({
  /** From when on matched traffic counts as a leak; null: not yet enforced. */
  since: instant.nullable(),
  /** Exporters behind the devices that are alive and watched, by name. */
  exporters: z.array(z.string()),
  verifiedAt: instant.nullable(),
  /** How it was verified: matched traffic stopped, or the device counts what it drops. */
  by: z.enum(['flows', 'counters']).nullable(),
  /** Matched octets seen behind the devices since it was first in force. */
  leakedBytes: z.number(),
  leaks: z.array(z.object({ exporter: z.string(), interface: z.string(), bytes: z.number(), lastSeen: instant })),
  /** Matched rate before it was enforced, octets per second; null unknown. */
  before: bytesPerSecond.nullable(),
  note: z.string().nullable(),
})
export type BlockProof = z.infer<typeof BlockProof>

export const BlockEvent = z.object({
  id: z.number(),
  at: instant,
  /** requested, approved, applying, applied, verified, leaking, reasserted, unreachable, withdrawn, removed, expired, failed, refused, alert, alert_cleared. */
  kind: z.string(),
  /** Name of the person; null: Weir itself. */
  actor: z.string().nullable(),
  device: z.string().nullable(),
  text: z.string(),
})
export type BlockEvent = z.infer<typeof BlockEvent>

export const BLOCK_ALERTS = ['block_leaking', 'block_in_doubt', 'block_expiry_unconfirmed', 'block_device_unreachable'] as const
/** What is wrong with a block, or with a device and all blocks on it; people with notifications were told once. */
export const BlockAlert = z.object({
  id: z.number(),
  kind: z.enum(BLOCK_ALERTS),
  /** One of the two is null. */
  blockId: z.string().nullable(),
  deviceId: z.string().nullable(),
  /** Name of the device; null for a block. */
  device: z.string().nullable(),
  text: z.string(),
  raisedAt: instant,
})
export type BlockAlert = z.infer<typeof BlockAlert>

export const BlockSummary = z.object({
  id: z.string(),
  state: z.enum(BLOCK_STATES),
  sentence: z.string(),
  match: BlockMatchShape,
  action: BlockActionShape,
  ttlSeconds: z.number(),
  anomalyId: z.string().nullable(),
  reason: z.string(),
  emergencyReason: z.string().nullable(),
  simulationId: z.string().nullable(),
  requester: BlockPerson,
  approver: BlockPerson.nullable(),
  devices: z.array(z.object({ deviceId: z.string(), name: z.string(), state: z.enum(DEVICE_STATES), lastError: z.string().nullable() })),
  /** When it ends; null before it is in force. */
  expiresAt: instant.nullable(),
  endedAt: instant.nullable(),
  /** What is wrong with it now. */
  alerts: z.array(BlockAlert),
  /** What the asker may do now. */
  actions: z.array(z.enum(['approve', 'withdraw'])),
})
export type BlockSummary = z.infer<typeof BlockSummary>

export const Block = BlockSummary.extend({
  /** What was found when it was asked for. */
  verdict: GuardVerdict,
  /** SHA-256 over the intent and every device's text: what an approval must name. */
  hash: z.string(),
  deviceDetails: z.array(BlockDevice),
  proof: BlockProof,
  timeline: z.array(BlockEvent),
})
export type Block = z.infer<typeof Block>

export const BlocksAnswer = z.object({
  blocks: z.array(BlockSummary),
  nextCursor: z.string().nullable(),
  states: z.record(z.enum(BLOCK_STATES), z.number()),
  /** What is wrong with blocks now, newest first, whatever was asked for. */
  alerts: z.array(BlockAlert),
})
export type BlocksAnswer = z.infer<typeof BlocksAnswer>

/** Not a word of it is secret: keys and passwords stay in files of the machine that enforces. */
export const DeviceConfig = z.strictObject({
  /** transport local: run in this network namespace (`ip netns exec`). */
  netns: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/)
    .optional(),
  /** transport ssh. */
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/)
    .optional(),
  port: z.number().int().min(1).max(65_535).optional(),
  /** Name (no path) of the private key in the enforcer's key folder. */
  keyName: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/)
    .optional(),
  /** Of these exporters only these interfaces (ifIndex) are behind the device; an exporter that is not here is behind it as a whole. */
  points: z
    .array(
      z.strictObject({
        exporterId: z.number().int(),
        interfaces: z.array(z.number().int().min(0).max(4_294_967_295)).min(1).max(256),
      }),
    )
    .max(1_000)
    .optional(),
})
export type DeviceConfig = z.infer<typeof DeviceConfig>

export const DeviceBody = z.strictObject({
  id: deviceId,
  name: z.string().trim().min(1).max(100),
  dialect: z.enum(DIALECTS),
  transport: z.enum(TRANSPORTS),
  /** Host name or address; null where the transport needs none. */
  address: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/)
    .nullable()
    .default(null),
  config: DeviceConfig.default({}),
  /** Exporters that see traffic behind it: what proves the block. */
  exporterIds: z.array(z.number().int()).max(1_000).default([]),
})
export type DeviceBody = z.infer<typeof DeviceBody>
export const DeviceShape = DeviceBody.extend({
  exporterIds: z.array(z.number()),
  /** Rules of ours it carries now. */
  live: z.number(),
  reachable: z.boolean().nullable().meta({ description: 'As the enforcer last found it; null: not asked yet.' }),
  checkedAt: instant.nullable(),
  lastError: z.string().nullable(),
})
export type DeviceShape = z.infer<typeof DeviceShape>
export const DevicesAnswer = z.object({ devices: z.array(DeviceShape) })
export type DevicesAnswer = z.infer<typeof DevicesAnswer>

export const ProtectedPrefixBody = z.strictObject({ prefix: z.string().max(60), reason: z.string().trim().min(1).max(200) })
export const ProtectedPrefixShape = z.object({
  prefix: z.string(),
  reason: z.string(),
  /** 'always': built in; 'gathered': exporters and devices; 'site': written by an admin. */
  source: z.enum(['always', 'gathered', 'site']),
  by: z.string().nullable(),
  createdAt: instant.nullable(),
})
export const ProtectedPrefixesAnswer = z.object({ prefixes: z.array(ProtectedPrefixShape) })
export type ProtectedPrefixesAnswer = z.infer<typeof ProtectedPrefixesAnswer>

/** What listeners are told at commit: channel `weir_block`. A hint: the truth is in the database. */
export const BlockNotice = z.object({ id: z.string(), state: z.enum(BLOCK_STATES) })
export type BlockNotice = z.infer<typeof BlockNotice>
