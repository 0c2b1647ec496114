import type { AuditActor } from '@weir/db/contracts'
import type { Principal } from './principal.ts'

/** Who asks, as the audit log knows them: by id, with the role they have now. */
export function actorOf(principal: Principal): AuditActor {
  return principal.kind === 'session'
    ? { kind: 'person', id: principal.userId, role: principal.role, session: principal.sessionId }
    : { kind: 'token', id: String(principal.tokenId), role: principal.role }
}
