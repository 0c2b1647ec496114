export {
  contains,
  formatAddress,
  formatPrefix,
  isHost,
  overlaps,
  type Prefix,
  type PrefixResult,
  parseAddress,
  parsePrefix,
} from './address.ts'
export {
  type Alternative,
  type AlternativeKind,
  alternatives,
  type Effect,
  ENOUGH,
  effectOf,
  hitRows,
  hits,
  stoppedByLimit,
  type TrafficRow,
  type TrafficSample,
} from './alternatives.ts'
export { type Approval, type BlockRequest, judgeApproval, judgeEnforcement } from './approval.ts'
export type { FieldProblem } from './fields.ts'
export {
  type GuardContext,
  judge,
  type Load,
  mayApprove,
  mayRequest,
  mayWithdraw,
  type Person,
  type Role,
  STEP_UP_MS,
  type TargetFacts,
} from './guard.ts'
export { LIMITS } from './guard-rules.ts'
export {
  type BlockIntent,
  canonicalIntent,
  DEFAULT_TTL_SECONDS,
  type IntentResult,
  MAX_BITS_PER_SECOND,
  MAX_TTL_SECONDS,
  MIN_BITS_PER_SECOND,
  MIN_TTL_SECONDS,
  parseIntent,
} from './intent.ts'
export {
  type BlockAction,
  type BlockMatch,
  familyOf,
  type PortRange,
  ruleKey,
  TCP_FLAGS,
  type TcpFlag,
  type TcpFlagsMatch,
} from './match.ts'
export { ALWAYS_PROTECTED, type ProtectedPrefix } from './never-block.ts'
export type { Decision, Judgement, Reason, ReasonCode } from './reason.ts'
export { commandsOf } from './render/argv.ts'
export {
  type Dialect,
  MAX_SLOT,
  type ParsedRule,
  RenderError,
  type RenderErrorCode,
  type Rendered,
  type Support,
  TAG,
} from './render/dialect.ts'
export { isRouteOf, parseGobgpRib } from './render/gobgp-list.ts'
export { dialects } from './render/index.ts'
export { nftables, reassert } from './render/nftables.ts'
export { BANKS, baseRuleset, LIST_ARGV } from './render/nftables-base.ts'
export { type LiveBlock, parseRuleset } from './render/nftables-list.ts'
export { exabgpRtbh, gobgpRtbh, RTBH_DEFAULTS, type RtbhOptions } from './render/rtbh.ts'
export { describeDuration, describeIntent, describeMatch, describeRate } from './sentence.ts'
export { conflicts, freeSlot, type Placed, sameMatch } from './slots.ts'
