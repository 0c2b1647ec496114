import { createHash } from 'node:crypto'
import { canonicalJson, toJson } from '../audit/canonical.ts'
import type { ServiceRuleRow } from '../queries/settings.ts'

/** From here on a list is recorded by its number and hash alone: an entry of the audit log is for reading, and at most 256 KiB. */
const WHOLE_MOST = 200

/** What the audit log says of a list of rules: how many, the SHA-256 of their canonical JSON, and the rules themselves while they are few. */
export function rulesSummary(rules: readonly ServiceRuleRow[]): { count: number; sha256: string; rules?: readonly ServiceRuleRow[] } {
  const sha256 = createHash('sha256')
    .update(canonicalJson(toJson(rules)))
    .digest('hex')
  return { count: rules.length, sha256, ...(rules.length <= WHOLE_MOST ? { rules } : {}) }
}
