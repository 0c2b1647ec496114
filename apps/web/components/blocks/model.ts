import {
  BLOCK_STATES,
  type Block,
  type BlockEvent,
  type BlockState,
  type BlockSummary,
  type DeviceState,
  type GuardVerdict,
  LIVE_BLOCK_STATES,
} from '@weir/db/contracts'
import { clock, dateMinute, dateTime, duration } from '../format.ts'

/** What the screens of blocks are made of. Pure. */

export type Tone = 'ok' | 'warn' | 'critical' | 'neutral' | 'accent'

/** States as people read them, and whether that is good. `hint` is the sentence under it. */
export const STATE_WORDS: Readonly<Record<BlockState, { word: string; tone: Tone; hint: string }>> = {
  pending_approval: { word: 'Waits for approval', tone: 'accent', hint: 'A second person must agree. Nothing has been sent.' },
  approved: { word: 'Approved', tone: 'accent', hint: 'The devices get it within seconds.' },
  applying: { word: 'Being applied', tone: 'accent', hint: 'The devices are being told.' },
  enforced: { word: 'In force, proof pending', tone: 'warn', hint: 'The devices carry it. Whether the traffic stopped is being watched.' },
  verified: { word: 'Works, proven', tone: 'ok', hint: 'The traffic behind the devices stopped, or they count what they drop.' },
  leaking: { word: 'Leaking', tone: 'critical', hint: 'The traffic it should stop is still seen behind the devices.' },
  withdrawing: { word: 'Being removed', tone: 'accent', hint: 'The devices are being told to drop the rule.' },
  expired: { word: 'Expired', tone: 'neutral', hint: 'Its time is over and it was removed.' },
  withdrawn: { word: 'Withdrawn', tone: 'neutral', hint: 'A person ended it early.' },
  failed: { word: 'Failed', tone: 'critical', hint: 'No device took it.' },
  refused: { word: 'Refused', tone: 'critical', hint: 'The guard rails stopped it.' },
}

export const DEVICE_WORDS: Readonly<Record<DeviceState, { word: string; tone: 'ok' | 'warn' | 'critical' | 'neutral' }>> = {
  waiting: { word: 'waiting', tone: 'neutral' },
  applying: { word: 'being applied', tone: 'warn' },
  applied: { word: 'carries it', tone: 'ok' },
  removing: { word: 'being removed', tone: 'warn' },
  removed: { word: 'removed', tone: 'neutral' },
  unreachable: { word: 'unreachable', tone: 'critical' },
  failed: { word: 'failed', tone: 'critical' },
  manual: { word: 'to be pasted by hand', tone: 'warn' },
}

/** What a device does with the rule. One that is served by hand is not to be served before the block may be: nobody should paste early. */
export const deviceWords = (state: DeviceState, block: BlockState): (typeof DEVICE_WORDS)[DeviceState] =>
  state !== 'manual'
    ? state === 'waiting' && isEnded(block)
      ? { word: 'never got it', tone: 'neutral' }
      : DEVICE_WORDS[state]
    : PENDING_STATES.includes(block)
      ? { word: 'by hand, once approved', tone: 'neutral' }
      : isEnded(block)
        ? { word: 'to be undone by hand', tone: 'warn' }
        : DEVICE_WORDS.manual

export const DIALECT_NAMES: Readonly<Record<string, string>> = {
  nftables: 'nftables',
  'ios-xe': 'Cisco IOS-XE ACL',
  junos: 'Junos filter',
  'exabgp-flowspec': 'BGP FlowSpec by ExaBGP',
  'gobgp-flowspec': 'BGP FlowSpec by GoBGP',
  'exabgp-rtbh': 'BGP black hole by ExaBGP',
  'gobgp-rtbh': 'BGP black hole by GoBGP',
}
export const TRANSPORT_NAMES: Readonly<Record<string, string>> = {
  local: 'on this machine',
  ssh: 'over SSH',
  gobgp: 'through GoBGP',
  none: 'pasted by hand',
}

export const PENDING_STATES: readonly BlockState[] = ['pending_approval']
export const LIVE_STATES: readonly BlockState[] = LIVE_BLOCK_STATES
export const ENDED_STATES: readonly BlockState[] = BLOCK_STATES.filter(
  (state) => !PENDING_STATES.includes(state) && !LIVE_STATES.includes(state),
)
export const isEnded = (state: BlockState): boolean => ENDED_STATES.includes(state)

/** What needs a person first: leaking, then devices that do not answer, then what ends soonest. */
export function byUrgency(a: BlockSummary, b: BlockSummary): number {
  const weight = (block: BlockSummary): number =>
    block.state === 'leaking' ? 2 : block.devices.some((device) => device.state === 'unreachable' || device.state === 'failed') ? 1 : 0
  const end = (block: BlockSummary): number => (block.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(block.expiresAt))
  return weight(b) - weight(a) || (end(a) === end(b) ? 0 : end(a) - end(b)) || a.id.localeCompare(b.id)
}

/** How long it still holds at `now`: '42 min left', or what it waits for. */
export function timeLeft(block: Pick<BlockSummary, 'state' | 'expiresAt' | 'ttlSeconds'>, now: number): string {
  if (block.expiresAt === null || block.state === 'pending_approval') return `${duration(block.ttlSeconds)} once in force`
  if (block.state === 'withdrawing') return 'until the devices have dropped it'
  const seconds = (Date.parse(block.expiresAt) - now) / 1000
  return seconds <= 0 ? 'ending now' : `${duration(seconds < 60 ? Math.ceil(seconds) : seconds)} left`
}

/** An instant as short as it is clear: the time alone on the day of `now`, else with its date. `now` null: not known yet. */
export const onDay = (at: number, now: number | null): string =>
  now !== null && dateTime(at).slice(0, 10) === dateTime(now).slice(0, 10) ? clock(at) : dateMinute(at)

/** Share of its time that is over, 0 to 1; null before it is in force. */
export function shareOver(block: Pick<BlockSummary, 'expiresAt' | 'ttlSeconds'>, now: number): number | null {
  if (block.expiresAt === null || block.ttlSeconds <= 0) return null
  return Math.min(1, Math.max(0, 1 - (Date.parse(block.expiresAt) - now) / 1000 / block.ttlSeconds))
}

export interface Stage {
  key: 'requested' | 'approved' | 'enforced' | 'proven' | 'ended'
  label: string
  state: 'done' | 'now' | 'todo' | 'bad' | 'skipped'
  at: number | null
  note: string | null
}

/** The life of a block as five stages; what it never reached is skipped, where it went wrong is bad. */
export function stages(
  block: Pick<Block, 'state' | 'requester' | 'approver' | 'proof' | 'endedAt' | 'verdict' | 'timeline' | 'expiresAt'>,
): Stage[] {
  const { state, proof } = block
  const ended = isEnded(state)
  const at = (text: string | null | undefined): number | null => (text == null ? null : Date.parse(text))
  const first = (kind: string): BlockEvent | undefined =>
    block.timeline.filter((event) => event.kind === kind).toSorted((a, b) => a.id - b.id)[0]
  const applied = first('applied')
  const alone = block.approver === null && state !== 'pending_approval' && state !== 'refused'
  const approved: Stage = {
    key: 'approved',
    label: state === 'pending_approval' ? 'Waits for approval' : alone ? 'No second person needed' : 'Approved',
    state:
      state === 'refused'
        ? 'bad'
        : state === 'pending_approval'
          ? 'now'
          : block.approver !== null || alone
            ? ended && !applied && block.approver === null && state !== 'failed'
              ? 'skipped'
              : 'done'
            : 'skipped',
    at: at(block.approver?.at),
    note: block.approver === null ? null : `by ${block.approver.name}`,
  }
  if (state === 'refused') approved.label = 'Refused'
  const inForce = proof.since !== null || applied !== undefined
  const enforced: Stage = {
    key: 'enforced',
    label: state === 'failed' && !inForce ? 'Failed' : state === 'approved' || state === 'applying' ? 'Being applied' : 'In force',
    state: inForce
      ? 'done'
      : state === 'failed'
        ? 'bad'
        : state === 'approved' || state === 'applying'
          ? 'now'
          : ended
            ? 'skipped'
            : 'todo',
    at: at(applied?.at ?? proof.since),
    note: null,
  }
  const leaked = state === 'leaking' || (proof.leaks.length > 0 && proof.verifiedAt === null)
  const proven: Stage = {
    key: 'proven',
    label: leaked ? 'Leaking' : proof.verifiedAt !== null ? 'Proven' : state === 'enforced' ? 'Proof pending' : 'Proven',
    state: leaked
      ? 'bad'
      : proof.verifiedAt !== null
        ? 'done'
        : state === 'enforced'
          ? 'now'
          : ended || state === 'withdrawing'
            ? 'skipped'
            : 'todo',
    at: leaked ? at(proof.leaks[0]?.lastSeen) : at(proof.verifiedAt),
    note:
      !leaked && proof.verifiedAt !== null && proof.by !== null
        ? proof.by === 'flows'
          ? 'by the flows'
          : 'by the device’s counters'
        : null,
  }
  const over: Stage = {
    key: 'ended',
    label:
      state === 'withdrawing'
        ? 'Being removed'
        : state === 'withdrawn'
          ? 'Withdrawn'
          : state === 'failed' || state === 'refused'
            ? 'Over'
            : 'Expires',
    state: ended ? 'done' : state === 'withdrawing' ? 'now' : 'todo',
    // While it is being removed nobody knows when that is done; an expiry that is still ahead would be the wrong time.
    at: ended ? at(block.endedAt) : state === 'withdrawing' ? null : at(block.expiresAt),
    note: null,
  }
  if (state === 'expired') over.label = 'Expired'
  return [
    { key: 'requested', label: 'Requested', state: 'done', at: at(block.requester.at), note: `by ${block.requester.name}` },
    approved,
    enforced,
    proven,
    over,
  ]
}

/** The verdict without the step-up, which the dialog sees to when the request is sent. */
export function withoutStepUp(verdict: GuardVerdict): GuardVerdict {
  const reasons = verdict.reasons.filter((reason) => reason.code !== 'step_up')
  const decision = reasons.some((reason) => reason.effect === 'refuse') ? 'refused' : reasons.length > 0 ? 'needs_second_person' : 'allowed'
  return { decision, reasons }
}

/** A text of the server with its UTC instants in the browser's zone. */
export const inLocalTime = (text: string): string =>
  text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (at) => dateTime(Date.parse(at)))

export const TTL_CHOICES = [
  { value: '900', label: '15 minutes' },
  { value: '3600', label: '1 hour' },
  { value: '14400', label: '4 hours' },
  { value: '86400', label: '1 day' },
  { value: '604800', label: '7 days' },
] as const

/** The sentence of a rule with its devices by their names: the rule itself knows their ids. */
export function withDeviceNames(sentence: string, devices: readonly { deviceId: string; name: string }[]): string {
  const names = new Map(devices.map((device) => [device.deviceId, device.name]))
  return sentence.replace(/(; on )(.+)(, for )/, (_, on: string, ids: string, rest: string) => {
    const named = ids.split(/(, | and )/).map((part) => names.get(part) ?? part)
    return `${on}${named.join('')}${rest}`
  })
}

/** True when Weir reaches none of the devices: then nothing happens before somebody pastes the text. */
export const allByHand = (devices: readonly { transport: string }[]): boolean =>
  devices.length > 0 && devices.every((device) => device.transport === 'none')
