import { type FieldProblem, FieldReader, isRecord } from './fields.ts'
import { type BlockAction, type BlockMatch, ruleKey } from './match.ts'

/** What a person asks for, in no device's words. Every text in it is of a closed alphabet, but for `reason`, which never reaches a device. */
export interface BlockIntent {
  /** Made by the caller: 1 to 48 of a-z, 0-9 and inner hyphens. It is the only mark a device sees. */
  id: string
  match: BlockMatch
  action: BlockAction
  /** From the moment it is in force. */
  ttlSeconds: number
  /** Where it applies: names of devices, sorted, at least one. */
  devices: readonly string[]
  anomalyId: string | null
  /** One line of plain text, for people and for the audit. */
  reason: string
}

export type IntentResult = { ok: true; intent: BlockIntent } | { ok: false; problems: FieldProblem[] }

export const MIN_TTL_SECONDS = 60
export const DEFAULT_TTL_SECONDS = 3_600
export const MAX_TTL_SECONDS = 7 * 86_400
/** ExaBGP warns below 9,600 octets/s; what is slower is a drop in disguise. */
export const MIN_BITS_PER_SECOND = 100_000
/** nftables and Junos take no more: the Linux kernel counts a second of it in nanoseconds times octets, in 64 bits. */
export const MAX_BITS_PER_SECOND = 100_000_000_000

const ID = /^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/
const DEVICE = /^[a-z0-9](?:[a-z0-9._-]{0,62})$/
const ANOMALY = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/
/** Control characters, and the marks that turn the direction of text (they make a reason read as something else). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\p{Cs}/u

/**
 * Read a request of unknown shape. Gives the intent in canonical form, or every field that is wrong with what to do about it.
 * Unknown fields are refused: a part of a rule that is silently dropped makes the rule hit more than was asked for.
 */
export function parseIntent(input: unknown): IntentResult {
  const read = new FieldReader()
  if (!isRecord(input)) {
    read.problem('', 'A block request must be an object.', 'Send id, match, action, devices and reason.')
    return { ok: false, problems: read.problems }
  }
  read.only(input, '', ['id', 'match', 'action', 'ttlSeconds', 'devices', 'anomalyId', 'reason'])
  const id = read.text(input['id'], 'id', ID, 'Use 1 to 48 of a-z, 0-9 and hyphens inside.')
  const match = read.match(input['match'])
  const action = read.action(input['action'], MIN_BITS_PER_SECOND, MAX_BITS_PER_SECOND)
  const ttlSeconds =
    input['ttlSeconds'] === undefined
      ? DEFAULT_TTL_SECONDS
      : read.integer(input['ttlSeconds'], 'ttlSeconds', MIN_TTL_SECONDS, MAX_TTL_SECONDS, 'Every block ends: choose 60 seconds to 7 days.')
  const devices = read.names(input['devices'], 'devices', DEVICE)
  const anomalyId =
    input['anomalyId'] === undefined || input['anomalyId'] === null
      ? null
      : read.text(input['anomalyId'], 'anomalyId', ANOMALY, 'Send the id of the anomaly, or leave it out.')
  const reason = readReason(read, input['reason'])
  if (read.problems.length > 0) return { ok: false, problems: read.problems }
  return { ok: true, intent: { id, match, action, ttlSeconds, devices, anomalyId, reason } }
}

function readReason(read: FieldReader, value: unknown): string {
  const text = typeof value === 'string' ? value.trim() : ''
  if (text === '' || text.length > 500 || UNPRINTABLE.test(text))
    read.problem(
      'reason',
      'A reason of 1 to 500 characters on one line is needed.',
      'Say in a few plain words why this traffic is to be stopped.',
    )
  return text
}

/**
 * The one text of an intent: fixed order of keys, canonical match, sorted devices. What is hashed, approved and compared;
 * hashing it is left to the caller. Equal text means the same decision, a different text a different one.
 */
export function canonicalIntent(intent: BlockIntent): string {
  const { action, ...match } = JSON.parse(ruleKey(intent.match, intent.action)) as BlockMatch & { action: BlockAction }
  return JSON.stringify({
    id: intent.id,
    match,
    action,
    ttlSeconds: intent.ttlSeconds,
    devices: [...intent.devices].sort(),
    anomalyId: intent.anomalyId,
    reason: intent.reason,
  })
}
