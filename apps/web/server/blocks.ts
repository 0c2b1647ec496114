import type { SteppedUp } from '@weir/db/commands'
import { type AuditActor, actorText, type Role } from '@weir/db/contracts'
import { actorOf } from './actor.ts'
import type { Principal } from './principal.ts'
import { requireStepUp, STEP_UP_SECONDS } from './step-up.ts'

/** Who asks, as the guard rails compare people; null for tokens, which decide nothing about blocks. */
export function askerOf(principal: Principal): { id: string; role: Role } | null {
  const actor: AuditActor = actorOf(principal)
  return principal.kind === 'session' ? { id: actorText(actor), role: principal.role } : null
}

/** A person who showed the password within five minutes, and when. Throws Problem 403. */
export function steppedUp(principal: Principal): SteppedUp {
  const person = requireStepUp(principal)
  return { actor: actorOf(person), stepUpAt: new Date((person.steppedUpUntil ?? 0) - STEP_UP_SECONDS * 1000) }
}
