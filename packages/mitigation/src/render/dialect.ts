import { type BlockIntent, parseIntent } from '../intent.ts'
import { type BlockAction, type BlockMatch, familyOf, ruleKey } from '../match.ts'

/** What goes to a device, what takes it away again, and how to look. All text, whole before anything is sent: this is what is hashed and approved. */
export interface Rendered {
  apply: string
  undo: string
  /** Read-only: shows whether the rule is in place. */
  check: string
  /** Sent after the probe succeeded, where the device rolls back by itself otherwise; null where there is no such thing. */
  confirm: string | null
}

/** A rule read back from device text. `id` and `ttlSeconds` are null where the dialect cannot carry them. */
export interface ParsedRule {
  id: string | null
  match: BlockMatch
  action: BlockAction
  ttlSeconds: number | null
}

export type Support = { ok: true } | { ok: false; reason: string }

/** How one kind of device says a block. Adding one is one file here and one folder of golden files. */
export interface Dialect {
  id: string
  title: string
  /** What must be on the device before the first rule, or null. Applying it again changes nothing. */
  base: string | null
  /** True when the device (or the loss of its session) ends the rule without Weir. */
  expiresByItself: boolean
  /** Whether this rule can be said exactly; nothing is approximated. */
  supports(intent: BlockIntent): Support
  /**
   * Device text for `intent` in `slot` (0 to MAX_SLOT, one per live rule and device, chosen by the caller). The text has been
   * parsed back to the same rule. Throws RenderError.
   */
  render(intent: BlockIntent, slot: number): Rendered
  /** Read `apply` text back. Throws RenderError `unreadable`. */
  parse(apply: string): ParsedRule
}

export const MAX_SLOT = 9_999
/** Marks everything of ours on a device; what lacks it is never touched. */
export const TAG = 'weir-'

export type RenderErrorCode = 'invalid_intent' | 'unsupported' | 'bad_slot' | 'not_the_same_rule' | 'unreadable'

/** Never retryable: the same input fails the same way. The message carries no text of the request. */
export class RenderError extends Error {
  override readonly name = 'RenderError'
  readonly code: RenderErrorCode
  readonly dialect: string
  readonly retryable = false

  constructor(code: RenderErrorCode, dialect: string, message: string, options?: ErrorOptions) {
    super(`${dialect}: ${message}`, options)
    this.code = code
    this.dialect = dialect
  }
}

/** No dialect can say a rule for everybody: it would not even know the IP version. */
export function needsSide(intent: BlockIntent): Support {
  return familyOf(intent.match) === null ? { ok: false, reason: 'The rule has neither a source nor a destination.' } : { ok: true }
}

type Draft = Pick<Dialect, 'id' | 'title' | 'base' | 'expiresByItself' | 'supports' | 'parse'> & {
  /** Only ever called with a valid intent that is supported, and a valid slot. */
  write(intent: BlockIntent, slot: number): Rendered
}

/**
 * Make a dialect whose `render` cannot be talked around: the intent is parsed again (whoever built it), support is asked, and the
 * finished text must parse back to the same rule, with the same id and time where the dialect carries them.
 */
export function dialect(draft: Draft): Dialect {
  const { write, ...rest } = draft
  return {
    ...rest,
    render(intent, slot) {
      const fail = (code: RenderErrorCode, message: string, cause?: unknown) => new RenderError(code, draft.id, message, { cause })
      const read = parseIntent(intent)
      if (!read.ok) throw fail('invalid_intent', `the intent is not valid (${read.problems.map((problem) => problem.field).join(', ')})`)
      if (!Number.isInteger(slot) || slot < 0 || slot > MAX_SLOT) throw fail('bad_slot', `a slot is a whole number from 0 to ${MAX_SLOT}`)
      const support = draft.supports(read.intent)
      if (!support.ok) throw fail('unsupported', support.reason)
      const rendered = write(read.intent, slot)
      const back = draft.parse(rendered.apply)
      const same =
        ruleKey(back.match, back.action) === ruleKey(read.intent.match, read.intent.action) &&
        (back.id === null || back.id === read.intent.id) &&
        (back.ttlSeconds === null || back.ttlSeconds === read.intent.ttlSeconds)
      if (!same) throw fail('not_the_same_rule', 'the text does not say the rule that was asked for')
      return rendered
    },
  }
}

/** Lines without the empty last one. */
export function linesOf(text: string): string[] {
  return text.replace(/\n$/, '').split('\n')
}
