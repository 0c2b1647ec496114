import { judgeBlast, judgeLoad, judgeSides } from './guard-rules.ts'
import { type BlockIntent, MAX_TTL_SECONDS, MIN_TTL_SECONDS } from './intent.ts'
import type { ProtectedPrefix } from './never-block.ts'
import { conclude, type Judgement, type Reason, refuse } from './reason.ts'

export const ROLES = ['viewer', 'manager', 'operator', 'oncall', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** A person as they are now: roles are read again at every step, never remembered from the request. */
export interface Person {
  id: string
  role: Role
}

/** What is known about the rule's target: its destination, or its source when no destination is given. Null is unknown, and unknown is not harmless. */
export interface TargetFacts {
  /** Part of all bytes of the last 24 hours, 0 to 1. */
  shareOfBytes: number | null
  /** Distinct inside addresses that spoke with it in the last hour. */
  insidePeers: number | null
  knownService: boolean | null
}

/** How busy the red button is, without this request. */
export interface Load {
  /** Requests of this person in the last 60 s. */
  byRequester: number
  /** Requests of all in the last 60 s. */
  total: number
  /** Live rules per device; a device that is not here is unknown. */
  live: Readonly<Record<string, number>>
}

export interface GuardContext {
  requester: Person
  /** When the requester last proved who they are (epoch ms), or null. */
  stepUpAtMs: number | null
  /** Site list, exporters, BGP peers, gateways, name, time and login servers, Weir's own hosts, addresses of signed-in admins. */
  protected: readonly ProtectedPrefix[]
  target: TargetFacts
  /** Share of normal traffic that the simulation says would be hit, 0 to 1; null without a simulation. */
  collateralShare: number | null
  /** Above this share a second person must agree. */
  collateralCeiling: number
  load: Load
}

export const STEP_UP_MS = 5 * 60_000
/** The role matrix of the guarantees: who may ask, who may agree. Configuring and acting are separate duties. */
const MAY_REQUEST: ReadonlySet<Role> = new Set(['operator', 'oncall'])
const MAY_APPROVE: ReadonlySet<Role> = new Set(['oncall', 'admin'])

export const mayRequest = (role: Role): boolean => MAY_REQUEST.has(role)
export const mayApprove = (role: Role): boolean => MAY_APPROVE.has(role)

/** Emergency unblock: operators withdraw what they asked for, on-call and admins anything. */
export function mayWithdraw(person: Person, requesterId: string): boolean {
  return person.role === 'oncall' || person.role === 'admin' || (person.role === 'operator' && person.id === requesterId)
}

/** A proof counts for 5 minutes, both ends included; one from the future is a wrong clock, not a proof. */
export function fresh(stepUpAtMs: number | null, atMs: number): boolean {
  return stepUpAtMs !== null && atMs - stepUpAtMs >= 0 && atMs - stepUpAtMs <= STEP_UP_MS
}

/**
 * May this be asked for, at `nowMs`, by this person? The whole of the block path's guard rails (never-block list, size, blast radius,
 * circuit breaker, role, step-up, TTL). Says it again at approval and at enforcement with the facts of then: see `approval.ts`.
 */
export function judge(intent: BlockIntent, context: GuardContext, nowMs: number): Judgement {
  const reasons = assess(intent, context)
  if (!fresh(context.stepUpAtMs, nowMs))
    reasons.unshift(
      refuse(
        'step_up',
        'You have not confirmed who you are in the last 5 minutes.',
        'Enter your password or one-time code, then send the request again.',
      ),
    )
  return conclude(reasons)
}

/** Everything but step-up and approval, which have their own times. */
export function assess(intent: BlockIntent, context: GuardContext): Reason[] {
  const out: Reason[] = []
  if (!mayRequest(context.requester.role))
    out.push(refuse('role', `The role ${context.requester.role} may not request blocks.`, 'Ask an operator or the on-call engineer.'))
  const ttl = intent.ttlSeconds
  if (!Number.isInteger(ttl) || ttl < MIN_TTL_SECONDS || ttl > MAX_TTL_SECONDS)
    out.push(refuse('ttl', 'A block must end after 60 seconds to 7 days.', 'Choose a time in that range; a renewal is a new decision.'))
  out.push(...judgeSides(intent, context.protected), ...judgeBlast(context), ...judgeLoad(intent, context.load))
  return out
}
