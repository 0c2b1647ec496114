import { z } from 'zod'
import { DeviceBody } from './blocks.ts'

// What two admins decide together: what no block may touch, what carries blocks, and which exporters count.

const prefix = z.string().max(60)
const why = z.string().trim().min(1).max(200)

/** Every kind with what it takes. Adding one here needs its way to be done in `commands/admin-changes.ts`. */
export const ADMIN_CHANGES = {
  'protected.add': z.strictObject({ prefix, reason: why }),
  'protected.remove': z.strictObject({ prefix, reason: why }),
  'device.save': DeviceBody,
  'device.remove': z.strictObject({ id: z.string().max(63), reason: why }),
  'exporter.retire': z.strictObject({ id: z.number().int(), reason: why }),
  'exporter.restore': z.strictObject({ id: z.number().int(), reason: why }),
  'two-persons.set': z.strictObject({ on: z.boolean() }),
} as const
export type AdminChangeKind = keyof typeof ADMIN_CHANGES
export type AdminChangeBody<K extends AdminChangeKind> = z.output<(typeof ADMIN_CHANGES)[K]>
const kinds = Object.keys(ADMIN_CHANGES) as [AdminChangeKind, ...AdminChangeKind[]]

export const ADMIN_CHANGE_STATES = ['open', 'applied', 'withdrawn', 'refused', 'expired'] as const

const person = z.object({ id: z.string(), name: z.string() })
/** A change that waits for a second admin, or what became of it. */
export const AdminChange = z
  .object({
    id: z.number(),
    kind: z.enum(kinds),
    /** One line for people. */
    sentence: z.string(),
    subject: z.string().meta({ examples: ['device:edge-1', 'prefix:192.0.2.0/24'] }),
    body: z.record(z.string(), z.unknown()),
    state: z.enum(ADMIN_CHANGE_STATES),
    proposer: person,
    createdAt: z.string(),
    expiresAt: z.string(),
    decidedBy: person.nullable(),
    decidedAt: z.string().nullable(),
    decisionReason: z.string().nullable(),
    /** What the asker may do now. */
    actions: z.array(z.enum(['approve', 'withdraw', 'refuse'])),
  })
  .meta({ id: 'AdminChange' })
export type AdminChange = z.infer<typeof AdminChange>

/** Whether two admins are needed now, and why. */
export const TwoPersons = z
  .object({
    /** As set. */
    on: z.boolean(),
    /** Enabled admins. With one, that one decides alone, and the audit log says so. */
    admins: z.number(),
    /** Whether a change waits for a second admin now. */
    inForce: z.boolean(),
  })
  .meta({ id: 'TwoPersons' })
export type TwoPersons = z.infer<typeof TwoPersons>

export const AdminChangesAnswer = z.object({ changes: z.array(AdminChange), twoPersons: TwoPersons }).meta({ id: 'AdminChangesAnswer' })
export type AdminChangesAnswer = z.infer<typeof AdminChangesAnswer>

/** The answer of a change that a second admin must agree to (HTTP 202). */
export const Waiting = z.object({ waiting: AdminChange }).meta({ id: 'Waiting' })
export type Waiting = z.infer<typeof Waiting>
