import { assess, fresh, type GuardContext, mayApprove, type Person } from './guard.ts'
import type { BlockIntent } from './intent.ts'
import { conclude, type Judgement, type Reason, refuse } from './reason.ts'

/**
 * The second half of the guard rails, in words:
 *
 * requested → (needs a second person) → approved → enforced. At each arrow the whole list is judged again with the facts of that
 * moment; a refusal stops it whatever was agreed before. A second person's approval answers every `second_person` reason and no
 * `refuse`. It holds for one text: the hash of what was shown to both must be the hash of what is now to be sent.
 */
export interface BlockRequest {
  requestedAtMs: number
  /** Hash over the canonical intent and the device text that the requester saw; made by the caller. */
  hash: string
}

export interface Approval {
  /** With the role of now, not of the approval. */
  approver: Person
  approvedAtMs: number
  /** When the approver last proved who they are (epoch ms), or null. */
  stepUpAtMs: number | null
  hash: string
}

/** What is wrong with the approval itself, seen at `nowMs` with `hash` being what would now be sent. */
function approvalFaults(context: GuardContext, request: BlockRequest, approval: Approval, hash: string, nowMs: number): Reason[] {
  const out: Reason[] = []
  if (approval.approver.id === context.requester.id)
    out.push(refuse('self_approval', 'The approver is the person who asked.', 'Another person must approve it.'))
  if (!mayApprove(approval.approver.role))
    out.push(refuse('approver_role', `The role ${approval.approver.role} may not approve blocks.`, 'Ask the on-call engineer or an admin.'))
  if (!fresh(approval.stepUpAtMs, approval.approvedAtMs))
    out.push(
      refuse(
        'approver_step_up',
        'The approver had not confirmed who they are in the 5 minutes before.',
        'Enter your password or one-time code, then approve again.',
      ),
    )
  if (approval.hash !== request.hash || approval.hash !== hash || hash === '')
    out.push(
      refuse(
        'changed',
        'What would be sent is not what was requested and approved.',
        'Look at the new text, and request and approve it again.',
      ),
    )
  if (!(request.requestedAtMs <= approval.approvedAtMs && approval.approvedAtMs <= nowMs))
    out.push(
      refuse('clock', 'The times of request and approval do not follow each other.', "Check the servers' clocks, then request it again."),
    )
  return out
}

function requesterStepUp(context: GuardContext, request: BlockRequest): Reason[] {
  if (fresh(context.stepUpAtMs, request.requestedAtMs)) return []
  return [
    refuse(
      'step_up',
      'The requester had not confirmed who they are in the 5 minutes before the request.',
      'Request it again with a fresh confirmation.',
    ),
  ]
}

/**
 * May this approval be taken, at `nowMs` (its `approvedAtMs`)? `hash` is that of the text as it would be sent now. Never
 * `needs_second_person`: allowed or refused.
 */
export function judgeApproval(
  intent: BlockIntent,
  context: GuardContext,
  request: BlockRequest,
  approval: Approval,
  hash: string,
  nowMs: number,
): Judgement {
  const standing = assess(intent, context).filter((reason) => reason.effect === 'refuse')
  return conclude([...standing, ...requesterStepUp(context, request), ...approvalFaults(context, request, approval, hash, nowMs)])
}

/**
 * May this be sent to a device, at `nowMs`? Roles, lists and facts in `context` are those of now. Without an approval it must be
 * harmless enough for one person still; with one, nothing may be refused. Allowed or refused, nothing between.
 */
export function judgeEnforcement(
  intent: BlockIntent,
  context: GuardContext,
  request: BlockRequest,
  approval: Approval | null,
  hash: string,
  nowMs: number,
): Judgement {
  if (approval !== null) return judgeApproval(intent, context, request, approval, hash, nowMs)
  const reasons = [...assess(intent, context), ...requesterStepUp(context, request)]
  if (request.hash !== hash || hash === '')
    reasons.push(refuse('changed', 'What would be sent is not what was requested.', 'Look at the new text and request it again.'))
  if (!(request.requestedAtMs <= nowMs))
    reasons.push(refuse('clock', 'The request lies in the future.', "Check the servers' clocks, then request it again."))
  if (reasons.some((reason) => reason.effect === 'second_person'))
    reasons.push(refuse('not_approved', 'It now needs a second person, and nobody has approved it.', 'Ask a second person to approve it.'))
  return conclude(reasons)
}
