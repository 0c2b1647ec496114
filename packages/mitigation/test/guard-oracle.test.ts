import { expect, it } from 'vitest'
import { judge, ROLES } from '../src/guard.ts'
import { parseIntent } from '../src/intent.ts'
import { dice, type OracleFacts, oracle } from './oracle.ts'
import { context, NOW, request } from './requests.ts'

const d = dice(20_260_105)

/** Addresses that are often near each other, often special, in every spelling that exists and some that must not. */
function address(): string {
  const octets = d.chance(0.35)
    ? [d.pick([0, 10, 127, 169, 192, 224, 239, 255]), d.pick([0, 254, 1, 168]), d.below(3), d.below(256)]
    : [10, d.below(3), d.below(3), d.below(256)]
  const length = d.pick([32, 32, 32, 32, 31, 30, 28, 25, 24, 24, 23, 16, 8, 1, 0])
  if (d.chance(0.5)) {
    const cut = d.chance(0.85) ? octets.map((octet, i) => octet - (octet % 2 ** Math.max(0, Math.min(8, 8 * (i + 1) - length)))) : octets
    const text = cut.join('.')
    return d.pick([
      text,
      `${text}/${length}`,
      `${text}/${length}`,
      `${text}/${length}`,
      `::ffff:${text}/${96 + length}`,
      `::FFFF:${text}/${length + d.below(97)}`,
      `0${text}/${length}`,
      `${text}/0${length}`,
      `${text}%1`,
      `0x${text}`,
      ` ${text}`,
    ])
  }
  const words = d.pick([
    [0x2001, 0xdb8, d.below(3), 0, 0, 0, 0, d.below(300)],
    [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
    [0xfe80, 0, 0, 0, 0, 0, 0, 1],
    [0xff02, 0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, d.pick([0, 0xffff, 0xfffe]), d.below(3), d.below(3)],
    [0xfe00, d.below(65_536), 0, 0, 0, 0, 0, 0],
  ])
  const bits = d.pick([128, 128, 128, 127, 112, 96, 95, 81, 80, 64, 49, 48, 48, 47, 32, 10, 9, 1, 0])
  const cut = d.chance(0.85) ? words.map((word, i) => word - (word % 2 ** Math.max(0, Math.min(16, 16 * (i + 1) - bits)))) : words
  const groups = cut.map((word) => word.toString(16))
  const whole = groups.join(':')
  const short = whole.replace(/(?:^|:)0(?::0)+(?::|$)/, '::')
  const text = d.pick([whole, short, short, whole.toUpperCase(), groups.map((group) => group.padStart(4, '0')).join(':')])
  return d.pick([
    `${text}/${bits}`,
    `${text}/${bits}`,
    `${text}/${bits}`,
    text,
    `${text}%eth0/${bits}`,
    `[${text}]/${bits}`,
    `${text}/${bits + 1}`,
  ])
}

it('100,000 random requests: no disagreement with the oracle, no overlap let through (B29)', () => {
  const count = Number(process.env['WEIR_GUARD_REQUESTS'] ?? 100_000)
  const seen = { allowed: 0, needs_second_person: 0, refused: 0 }
  for (let i = 0; i < count; i++) {
    const src = d.chance(0.7) ? address() : null
    const dst = d.chance(0.6) ? address() : null
    const site = Array.from({ length: d.below(4) }, () =>
      d.pick([
        '10.0.0.0/24',
        '10.1.0.0/16',
        '10.2.2.2/32',
        '10.0.1.128/25',
        '2001:db8:1::/48',
        '2001:db8::1/128',
        '2001:db8:2::/64',
        '::ffff:10.0.2.0/120',
        '172.16.0.0/12',
      ]),
    )
    if (d.chance(0.002)) site.push('nonsense')
    const calm = d.chance(0.6)
    const odd = <T>(usual: T, others: readonly T[]): T => (calm || d.chance(0.7) ? usual : d.pick(others))
    const live = [odd<number | undefined>(0, [999, 1000, undefined]), odd<number | undefined>(10, [999, 1000, 5000, undefined])]
    const facts: OracleFacts = {
      role: odd('operator', ROLES),
      stepUpAge: odd<number | null>(1_000, [0, 299_999, 300_000, 300_001, -1, null]),
      ttl: odd(3_600, [59, 60, 604_800, 604_801, 0, -1]),
      share: odd<number | null>(0, [0.0099, 0.01, 0.0101, 1, null]),
      peers: odd<number | null>(0, [49, 50, 51, null]),
      service: odd<boolean | null>(false, [true, null]),
      collateral: odd<number | null>(0, [0.05, 0.0501, 0.2, null]),
      ceiling: odd(0.05, [0, 0.5]),
      byRequester: odd(0, [9, 10, 11]),
      total: odd(0, [29, 30, 31]),
      live,
    }
    const parsed = parseIntent(request({ src, dst }, { ttlSeconds: facts.ttl, devices: ['edge-1', 'edge-2'] }))
    const names = Object.fromEntries(
      ['edge-1', 'edge-2']
        .map((name, n) => [name, live[n]] as const)
        .filter((pair): pair is readonly [string, number] => pair[1] !== undefined),
    )
    const got = parsed.ok
      ? judge(
          parsed.intent,
          context({
            requester: { id: 'ann', role: facts.role as (typeof ROLES)[number] },
            stepUpAtMs: facts.stepUpAge === null ? null : NOW - facts.stepUpAge,
            protected: site.map((prefix) => ({ prefix, reason: 'the test says so' })),
            target: { shareOfBytes: facts.share, insidePeers: facts.peers, knownService: facts.service },
            collateralShare: facts.collateral,
            collateralCeiling: facts.ceiling,
            load: { byRequester: facts.byRequester, total: facts.total, live: names },
          }),
          NOW,
        ).decision
      : 'refused'
    const expected = oracle(src, dst, site, facts)
    seen[expected]++
    if (got !== expected) expect.fail(`request ${i}: ${JSON.stringify({ src, dst, site, facts, got, expected })}`)
  }
  // A generator that only makes refusals would prove nothing.
  for (const decision of ['allowed', 'needs_second_person', 'refused'] as const) expect(seen[decision]).toBeGreaterThan(count / 50)
}, 120_000)
