export type ReasonCode =
  | 'role'
  | 'step_up'
  | 'ttl'
  | 'no_side'
  | 'bad_prefix'
  | 'families'
  | 'default_route'
  | 'protected'
  | 'list_unreadable'
  | 'too_wide'
  | 'wide'
  | 'share_of_traffic'
  | 'many_peers'
  | 'known_service'
  | 'collateral'
  | 'facts_unknown'
  | 'rate_person'
  | 'rate_total'
  | 'device_full'
  | 'self_approval'
  | 'approver_role'
  | 'approver_step_up'
  | 'changed'
  | 'not_approved'
  | 'clock'

export interface Reason {
  code: ReasonCode
  /** `refuse` outweighs everything; `second_person` asks for an approval. */
  effect: 'refuse' | 'second_person'
  message: string
  remedy: string
}

export type Decision = 'allowed' | 'needs_second_person' | 'refused'
export interface Judgement {
  decision: Decision
  /** Everything that was found, in a fixed order, so that nobody mends one thing to meet the next. Empty when allowed. */
  reasons: Reason[]
}

/** The heaviest effect decides. */
export function conclude(reasons: Reason[]): Judgement {
  const refused = reasons.some((reason) => reason.effect === 'refuse')
  return { decision: refused ? 'refused' : reasons.length > 0 ? 'needs_second_person' : 'allowed', reasons }
}

export const refuse = (code: ReasonCode, message: string, remedy: string): Reason => ({ code, effect: 'refuse', message, remedy })
export const second = (code: ReasonCode, message: string, remedy = 'Ask a second person to approve it.'): Reason => ({
  code,
  effect: 'second_person',
  message,
  remedy,
})
