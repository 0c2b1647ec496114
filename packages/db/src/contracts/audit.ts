import { z } from 'zod'
import { ROLES, type Role } from './api.ts'

/** Who did something, as the chain knows them: an id, never a name. Names are looked up when an entry is read. */
export interface AuditActor {
  /** `console`: someone at the terminal of the machine; `system`: a part of Weir on its own; `nobody`: before anyone was known. */
  kind: 'person' | 'token' | 'console' | 'system' | 'nobody'
  /** Account id, token id, user of the operating system, or the part's name. */
  id?: string | undefined
  /** The role at that time. */
  role?: Role | undefined
  /** Id of the session (never its secret). */
  session?: string | undefined
}

/** The program itself, e.g. `systemActor('enforcer')`. */
export const systemActor = (part: string): AuditActor => ({ kind: 'system', id: part })

/** What the column `actor` holds: 'person:<id>', 'token:<id>', 'console:<user>', 'system:<part>', 'nobody'. */
export const actorText = (actor: AuditActor): string => (actor.id === undefined ? actor.kind : `${actor.kind}:${actor.id}`)

/** `intent` before something outside is touched; `outcome` when it is done (also of changes that are one transaction). */
export const AUDIT_PHASES = ['intent', 'outcome'] as const

const hash = z.string().regex(/^[0-9a-f]{64}$/)

/** One entry as it is exported and hashed: `hash` = SHA-256(`prevHash` octets ‖ canonical JSON of all the other fields but the two). */
export const AuditEntry = z
  .strictObject({
    seq: z.number().int().positive(),
    at: z.iso.datetime({ precision: 3 }).meta({ description: 'UTC, never before the entry above.' }),
    event: z.string().meta({ examples: ['user.change'] }),
    phase: z.enum(AUDIT_PHASES),
    actor: z.string().meta({ description: "'person:<id>', 'token:<id>', 'console:<user>', 'system:<part>' or 'nobody'." }),
    actorRole: z.enum(ROLES).nullable(),
    session: z.string().nullable(),
    subject: z.string().meta({ description: 'What it was done to.', examples: ['user:k3J…', 'exporter:4'] }),
    approver: z.string().nullable(),
    reason: z.string().nullable(),
    before: z.json(),
    after: z.json(),
    prevHash: hash,
    hash,
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntry = z.infer<typeof AuditEntry>

/** Entries, newest first. `names` says what ids in `actor`, `approver` and `subject` are called today; what is not there has no name. */
export const AuditAnswer = z
  .object({
    entries: z.array(AuditEntry),
    names: z.record(z.string(), z.string()),
    nextCursor: z.string().nullable().meta({ description: 'Where the next page begins; null: there is none.' }),
  })
  .meta({ id: 'AuditAnswer' })
export type AuditAnswer = z.infer<typeof AuditAnswer>

/** Whether the chain holds, as this process found it. */
export const AuditState = z
  .object({
    head: z.object({ seq: z.number(), hash, at: z.iso.datetime() }).nullable().meta({ description: 'The newest entry; null: none yet.' }),
    verified: z
      .object({ seq: z.number(), at: z.iso.datetime(), wholeAt: z.iso.datetime() })
      .nullable()
      .meta({ description: 'Up to which entry the chain was found whole and when, and when it was last read from its beginning.' }),
    problem: z
      .object({ code: z.string(), seq: z.number(), message: z.string() })
      .nullable()
      .meta({ description: 'The first bad position; null: none was found.' }),
    checkpoint: z
      .object({ number: z.number(), seq: z.number(), at: z.iso.datetime() })
      .nullable()
      .meta({ description: 'The last signed head.' }),
    key: z.string().nullable().meta({ description: 'Public key (Ed25519, base64url) that signs here; null: none can be used.' }),
    events: z.array(z.string()).meta({ description: 'Every event that occurs.' }),
    warnings: z.array(z.string()).meta({ description: 'What weakens the log here, and what to do about it.' }),
  })
  .meta({ id: 'AuditState' })
export type AuditState = z.infer<typeof AuditState>
