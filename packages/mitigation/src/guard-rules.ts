import { formatPrefix, type Prefix, parsePrefix } from './address.ts'
import type { GuardContext, Load } from './guard.ts'
import type { BlockIntent } from './intent.ts'
import { neverBlock, type ProtectedPrefix } from './never-block.ts'
import { type Reason, refuse, second } from './reason.ts'

/** Above (shares, peers) or at (rates, rules) these a second person must agree. */
export const LIMITS = { perPersonPerMinute: 10, totalPerMinute: 30, livePerDevice: 1_000, shareOfBytes: 0.01, insidePeers: 50 } as const
/** The never-block list against both sides, in either direction of overlap; then the size. */
export function judgeSides(intent: BlockIntent, site: readonly ProtectedPrefix[]): Reason[] {
  const out: Reason[] = []
  const list = neverBlock(site)
  if (list.unreadable.length > 0)
    out.push(
      refuse(
        'list_unreadable',
        `The never-block list has entries that cannot be read: ${list.unreadable.join(', ')}.`,
        'An admin must correct the list before anything can be blocked.',
      ),
    )
  const given: Prefix[] = []
  for (const [name, text] of [
    ['source', intent.match.src],
    ['destination', intent.match.dst],
  ] as const) {
    if (text === null) continue
    const result = parsePrefix(text)
    if (!result.ok) {
      out.push(refuse('bad_prefix', `The ${name} is not a prefix. ${result.message}`, result.remedy))
      continue
    }
    given.push(result.prefix)
    if (result.prefix.bits === 0) {
      out.push(
        refuse(
          'default_route',
          `The ${name} is a default route: the rule would hit everything.`,
          'Name the hosts that misbehave, or leave this side out and give the other.',
        ),
      )
      continue
    }
    for (const hit of list.hits(result.prefix))
      out.push(
        refuse(
          'protected',
          `The ${name} ${formatPrefix(result.prefix)} overlaps with ${hit.prefix}, which is protected: ${hit.reason}.`,
          hit.always
            ? 'This can never be blocked; choose a narrower or another target.'
            : 'Choose a narrower or another target. Only two admins can change the never-block list.',
        ),
      )
  }
  const [a, b] = given
  if (a !== undefined && b !== undefined && a.octets.length !== b.octets.length)
    out.push(refuse('families', 'Source and destination are of different IP versions.', 'Give both as IPv4 or both as IPv6.'))
  if (intent.match.src === null && intent.match.dst === null)
    out.push(
      refuse(
        'no_side',
        'The rule has neither a source nor a destination: it would hit every host.',
        'Give the address of the attacker, the victim, or both.',
      ),
    )
  else if (given.length > 0) out.push(...judgeSize(given))
  return out
}

/** The narrower side counts: a rule hits no more hosts than its narrower side has. */
function judgeSize(given: readonly Prefix[]): Reason[] {
  // Host bits left of a /24 in IPv4 (8) and of a /48 in IPv6 (80): free bits compare within one family only.
  const free = given.map((prefix) => ({ bits: prefix.octets.length * 8 - prefix.bits, most: prefix.octets.length === 4 ? 8 : 80 }))
  if (free.some(({ bits }) => bits === 0)) return []
  const narrow = free.some(({ bits, most }) => bits <= most)
  if (narrow) return [second('wide', 'The rule hits more than one host.', 'Ask a second person to approve it, or name single hosts.')]
  return [
    refuse(
      'too_wide',
      'The rule is wider than /24 (IPv4) or /48 (IPv6) on both sides.',
      'Name a narrower source or destination; wider rules are never taken.',
    ),
  ]
}

/** What else hangs on the target. Unknown asks for a second person: a missing answer is not a small one. */
export function judgeBlast({ target, collateralShare, collateralCeiling }: GuardContext): Reason[] {
  const out: Reason[] = []
  const unknown: string[] = []
  // NaN compares false with everything; `known` keeps it from passing as harmless.
  const known = (value: number | null, name: string): value is number => {
    if (value !== null && Number.isFinite(value) && value >= 0) return true
    unknown.push(name)
    return false
  }
  if (known(target.shareOfBytes, 'its share of traffic') && target.shareOfBytes > LIMITS.shareOfBytes)
    out.push(second('share_of_traffic', `The target carried ${percent(target.shareOfBytes)} of all traffic in the last 24 hours.`))
  if (known(target.insidePeers, 'its inside peers') && target.insidePeers > LIMITS.insidePeers)
    out.push(second('many_peers', `${target.insidePeers} inside hosts spoke with the target in the last hour.`))
  if (target.knownService === null) unknown.push('whether it is a known service')
  else if (target.knownService) out.push(second('known_service', 'The target is a known service.'))
  if (known(collateralShare, 'the collateral') && !(collateralShare <= collateralCeiling))
    out.push(
      second(
        'collateral',
        `The rule would also hit ${percent(collateralShare)} of normal traffic; the ceiling is ${percent(collateralCeiling)}.`,
        'Choose a narrower alternative, or ask a second person to approve it.',
      ),
    )
  if (unknown.length > 0)
    out.push(
      second(
        'facts_unknown',
        `Not known about the target: ${unknown.join(', ')}.`,
        'Ask a second person to approve it, or simulate it when normal traffic is stored.',
      ),
    )
  return out
}

/** The circuit breaker: a person or a script in a hurry gets a second pair of eyes, not a bigger hammer. */
export function judgeLoad(intent: BlockIntent, load: Load): Reason[] {
  const out: Reason[] = []
  if (!(load.byRequester < LIMITS.perPersonPerMinute))
    out.push(
      second(
        'rate_person',
        `You have requested ${LIMITS.perPersonPerMinute} blocks or more in the last minute.`,
        'Wait a minute, or ask a second person to approve it.',
      ),
    )
  if (!(load.total < LIMITS.totalPerMinute))
    out.push(
      second(
        'rate_total',
        `${LIMITS.totalPerMinute} blocks or more were requested in the last minute.`,
        'Wait a minute, or ask a second person to approve it.',
      ),
    )
  const live = (device: string) => (Object.hasOwn(load.live, device) ? (load.live[device] ?? Number.NaN) : Number.NaN)
  const full = intent.devices.filter((device) => !(live(device) < LIMITS.livePerDevice))
  if (full.length > 0)
    out.push(
      second(
        'device_full',
        `These devices carry ${LIMITS.livePerDevice} live rules or an unknown number: ${full.join(', ')}.`,
        'Withdraw rules that are no longer needed, or ask a second person to approve it.',
      ),
    )
  return out
}

const percent = (share: number) => `${Number((share * 100).toPrecision(3))} %`
