import { describe, expect, it } from 'vitest'
import { type Approval, type BlockRequest, judgeApproval, judgeEnforcement } from '../src/approval.ts'
import { type GuardContext, judge, mayApprove, mayRequest, mayWithdraw, ROLES } from '../src/guard.ts'
import { parseIntent } from '../src/intent.ts'
import { ALWAYS_PROTECTED } from '../src/never-block.ts'
import type { Judgement } from '../src/reason.ts'
import { context, intent, NOW, request } from './requests.ts'

const MINUTE = 60_000
const codes = (judgement: Judgement) => judgement.reasons.map((reason) => reason.code)

const SIZES = [
  { match: { src: '198.51.100.7' }, size: 'one' },
  { match: { src: '198.51.100.0/31' }, size: 'two' },
  { match: { src: '198.51.100.0/24' }, size: 'two' },
  { match: { src: '198.51.100.0/23' }, size: 'no' },
  { match: { src: '2001:db8::7' }, size: 'one' },
  { match: { src: '2001:db8::/48' }, size: 'two' },
  { match: { src: '2001:db8::/47' }, size: 'no' },
  { match: { src: '198.51.0.0/16', dst: '203.0.113.5' }, size: 'one' },
  { match: { src: '198.51.0.0/16', dst: '203.0.113.0/24' }, size: 'two' },
  { match: { src: '198.51.0.0/16', dst: '203.0.0.0/16' }, size: 'no' },
] as const
const SHARES = [
  { v: 0.01, ok: true },
  { v: 0.010_000_1, ok: false },
  { v: null, ok: false },
] as const
const PEERS = [
  { v: 50, ok: true },
  { v: 51, ok: false },
  { v: null, ok: false },
] as const
const SERVICES = [
  { v: false, ok: true },
  { v: true, ok: false },
  { v: null, ok: false },
] as const

describe('the decision table (B30): size × role × share × peers × service', () => {
  const rows = SIZES.flatMap((size) =>
    ROLES.flatMap((role) =>
      SHARES.flatMap((share) => PEERS.flatMap((peers) => SERVICES.map((service) => ({ size, role, share, peers, service })))),
    ),
  )
  it(`all ${rows.length} rows`, () => {
    expect(rows.length).toBe(1_350)
    for (const { size, role, share, peers, service } of rows) {
      const refused = size.size === 'no' || !['operator', 'oncall'].includes(role)
      const alone = size.size === 'one' && share.ok && peers.ok && service.ok
      const got = judge(
        intent(size.match),
        context({ requester: { id: 'ann', role }, target: { shareOfBytes: share.v, insidePeers: peers.v, knownService: service.v } }),
        NOW,
      )
      expect(got.decision, JSON.stringify({ size, role, share, peers, service })).toBe(
        refused ? 'refused' : alone ? 'allowed' : 'needs_second_person',
      )
      for (const reason of got.reasons) expect(reason.remedy).not.toBe('')
    }
  })
  it.each([
    [{ byRequester: 9 }, 'allowed', []],
    [{ byRequester: 10 }, 'needs_second_person', ['rate_person']],
    [{ total: 29 }, 'allowed', []],
    [{ total: 30 }, 'needs_second_person', ['rate_total']],
    [{ live: { 'edge-1': 999 } }, 'allowed', []],
    [{ live: { 'edge-1': 1000 } }, 'needs_second_person', ['device_full']],
    [{ live: {} }, 'needs_second_person', ['device_full']],
    [{ live: { 'edge-1': Number.NaN } }, 'needs_second_person', ['device_full']],
    [{ byRequester: Number.NaN }, 'needs_second_person', ['rate_person']],
  ])('the breaker at %j: %s', (load, decision, expected) => {
    const usual = context()
    const got = judge(intent(), { ...usual, load: { ...usual.load, ...load } }, NOW)
    expect([got.decision, codes(got)]).toEqual([decision, expected])
  })
  it('a device named like a property of every object is still unknown', () => {
    const built = { ...intent(), devices: ['constructor'] }
    expect(codes(judge(built, context(), NOW))).toEqual(['device_full'])
  })
  it.each([
    [0.05, 'allowed'],
    [0.0501, 'needs_second_person'],
    [null, 'needs_second_person'],
    [Number.NaN, 'needs_second_person'],
  ] as const)('collateral %s under a ceiling of 5 %%: %s', (collateralShare, decision) => {
    expect(judge(intent(), context({ collateralShare }), NOW).decision).toBe(decision)
  })
  it('a ceiling that is no number lets nothing through alone', () => {
    expect(judge(intent(), context({ collateralCeiling: Number.NaN }), NOW).decision).toBe('needs_second_person')
  })
  it.each([
    [0, 'allowed'],
    [5 * MINUTE, 'allowed'],
    [5 * MINUTE + 1, 'refused'],
    [-1, 'refused'],
    [null, 'refused'],
  ] as const)('a step-up %s ms ago: %s', (age, decision) => {
    expect(judge(intent(), context({ stepUpAtMs: age === null ? null : NOW - age }), NOW).decision).toBe(decision)
  })
  it.each([59, 604_801, 0, -1, 60.5, Number.NaN, Number.POSITIVE_INFINITY])(
    '%s seconds is no time to live, even past the parser',
    (ttlSeconds) => {
      expect(codes(judge({ ...intent(), ttlSeconds }, context(), NOW))).toEqual(['ttl'])
      expect(parseIntent(request({}, { ttlSeconds })).ok).toBe(false)
    },
  )
  it('roles by the matrix', () => {
    expect(ROLES.filter(mayRequest)).toEqual(['operator', 'oncall'])
    expect(ROLES.filter(mayApprove)).toEqual(['oncall', 'admin'])
    expect(ROLES.filter((role) => mayWithdraw({ id: 'ann', role }, 'ann'))).toEqual(['operator', 'oncall', 'admin'])
    expect(ROLES.filter((role) => mayWithdraw({ id: 'ann', role }, 'bob'))).toEqual(['oncall', 'admin'])
  })
})

describe('the never-block list', () => {
  const site = [{ prefix: '198.51.100.64/26', reason: 'management network' }]
  it.each([
    ['198.51.100.70/32', 'inside'],
    ['198.51.100.0/24', 'around'],
    ['198.51.100.64/26', 'equal'],
  ])('%s (%s) is refused as source and as destination, with the reason', (prefix) => {
    for (const match of [{ src: prefix }, { src: null, dst: prefix }, { src: '203.0.113.9', dst: prefix }]) {
      const got = judge(intent(match), context({ protected: site }), NOW)
      expect(got.decision).toBe('refused')
      expect(got.reasons[0]?.message).toContain('management network')
    }
    expect(judge(intent({ src: '198.51.100.1' }), context({ protected: site }), NOW).decision).toBe('allowed')
  })
  it.each(ALWAYS_PROTECTED.map((entry) => entry.prefix))('%s is protected without being listed', (prefix) => {
    expect(codes(judge(intent({ src: prefix }), context(), NOW))).toContain('protected')
  })
  it('an entry written with host bits protects the network it names', () => {
    expect(codes(judge(intent(), context({ protected: [{ prefix: '198.51.100.1/24', reason: 'interface' }] }), NOW))).toContain('protected')
  })
  it('an IPv4 rule in IPv6 clothes meets the IPv4 list, a protected address in IPv6 clothes too', () => {
    expect(codes(judge(intent({ src: '::ffff:198.51.100.70' }), context({ protected: site }), NOW))).toContain('protected')
    expect(codes(judge(intent(), context({ protected: [{ prefix: '::ffff:198.51.100.7', reason: 'x' }] }), NOW))).toContain('protected')
  })
  it('a list that cannot be read refuses everything', () => {
    expect(codes(judge(intent(), context({ protected: [{ prefix: 'edge-router', reason: 'x' }] }), NOW))).toEqual(['list_unreadable'])
  })
})

describe('the two outages (B32)', () => {
  const own = [
    { prefix: '203.0.113.1/32', reason: 'BGP peer' },
    { prefix: '192.0.2.53/32', reason: 'name server' },
    { prefix: '10.255.0.0/24', reason: 'router loopbacks' },
  ]
  it('a wildcard host is refused: neither side, or a default route on either', () => {
    expect(codes(judge(intent({ src: null, proto: 6, dstPorts: [{ low: 179, high: 179 }] }), context(), NOW))).toContain('no_side')
    for (const match of [
      { src: '0.0.0.0/0' },
      { src: '::/0' },
      { src: null, dst: '0.0.0.0/0' },
      { src: '198.51.100.7', dst: '0.0.0.0/0' },
      { src: '::ffff:0:0/96' },
    ])
      expect(codes(judge(intent(match), context(), NOW))).toContain('default_route')
  })
  it.each(['*', 'any', '', 'host *', '0', '0.0.0.0/00'])('%j is not an address', (src) => {
    const result = parseIntent(request({ src }))
    expect(result.ok ? [] : result.problems.map((problem) => problem.field)).toEqual(['match.src'])
  })
  it('a packet length of 99,971 to 99,985 is refused and says why', () => {
    for (const field of ['packetLength', 'lengths', 'packet_length', 'size']) {
      const result = parseIntent(request({ [field]: [{ low: 99_971, high: 99_985 }] }))
      expect(result.ok ? '' : result.problems[0]?.message).toContain('65,535')
    }
  })
  it("the routers' own traffic is refused: peers, loopbacks and name servers, alone or inside something wider", () => {
    for (const match of [
      { src: '203.0.113.1' },
      { src: null, dst: '203.0.113.1', proto: 6, dstPorts: [{ low: 179, high: 179 }] },
      { src: null, dst: '203.0.113.0/24' },
      { src: '10.255.0.9' },
      { src: '198.51.100.7', dst: '192.0.2.53' },
    ]) {
      const got = judge(intent(match), context({ protected: own }), NOW)
      expect([got.decision, codes(got)[0]]).toEqual(['refused', 'protected'])
    }
  })
})

describe('approval', () => {
  const HASH = 'a1'
  const asked: BlockRequest = { requestedAtMs: NOW, hash: HASH }
  const later = NOW + 20 * MINUTE
  const agreed: Approval = { approver: { id: 'bob', role: 'oncall' }, approvedAtMs: later, stepUpAtMs: later - MINUTE, hash: HASH }
  const wide = intent({ src: '198.51.100.0/24' })
  const now = (over: Partial<GuardContext> = {}) => context(over)

  it('a second person can agree, long after the requester proved who they are', () => {
    expect(judge(wide, now(), NOW).decision).toBe('needs_second_person')
    expect(judgeApproval(wide, now(), asked, agreed, HASH, later)).toEqual({ decision: 'allowed', reasons: [] })
    expect(judgeEnforcement(wide, now(), asked, agreed, HASH, later + MINUTE).decision).toBe('allowed')
  })
  const cases: [string, string, Partial<GuardContext>, Partial<Approval>, Partial<BlockRequest>, string][] = [
    ['the approver asked for it', 'self_approval', {}, { approver: { id: 'ann', role: 'oncall' } }, {}, HASH],
    ['the approver is an operator', 'approver_role', {}, { approver: { id: 'bob', role: 'operator' } }, {}, HASH],
    ['the approver lost the role', 'approver_role', {}, { approver: { id: 'bob', role: 'viewer' } }, {}, HASH],
    ['the approver proved it 5 min 1 ms ago', 'approver_step_up', {}, { stepUpAtMs: later - 5 * MINUTE - 1 }, {}, HASH],
    ['the approver never proved it', 'approver_step_up', {}, { stepUpAtMs: null }, {}, HASH],
    ['the approver will prove it', 'approver_step_up', {}, { stepUpAtMs: later + 1 }, {}, HASH],
    ['the requester had not proved it when asking', 'step_up', { stepUpAtMs: NOW - 5 * MINUTE - 1 }, {}, {}, HASH],
    ['the requester proved it only after asking', 'step_up', { stepUpAtMs: NOW + 1 }, {}, {}, HASH],
    ['the requester lost the role since', 'role', { requester: { id: 'ann', role: 'viewer' } }, {}, {}, HASH],
    ['the target was protected since', 'protected', { protected: [{ prefix: '198.51.100.9', reason: 'new' }] }, {}, {}, HASH],
    ['the text changed since', 'changed', {}, {}, {}, 'b2'],
    ['another text was approved', 'changed', {}, { hash: 'b2' }, {}, HASH],
    ['another text was requested', 'changed', {}, {}, { hash: 'b2' }, HASH],
    ['it was approved before it was asked', 'clock', {}, { approvedAtMs: NOW - 1, stepUpAtMs: NOW - 2 }, {}, HASH],
  ]
  it.each(cases)('%s: refused as %s, at approval and at enforcement', (_, code, over, approval, asking, hash) => {
    for (const at of [judgeApproval, judgeEnforcement]) {
      const got = at(wide, now(over), { ...asked, ...asking }, { ...agreed, ...approval }, hash, later)
      expect([got.decision, codes(got)]).toEqual(['refused', [code]])
    }
  })
  it('no hash is not the same hash', () => {
    const empty = { ...asked, hash: '' }
    expect(codes(judgeApproval(wide, now(), empty, { ...agreed, hash: '' }, '', later))).toEqual(['changed'])
    expect(codes(judgeEnforcement(intent(), now(), empty, null, '', later))).toEqual(['changed'])
  })
  it('what was refused cannot be approved', () => {
    for (const match of [{ src: '198.51.0.0/16' }, { src: null }, { src: '127.0.0.1' }, { src: '0.0.0.0/0' }])
      expect(judgeApproval(intent(match), now(), asked, agreed, HASH, later).decision).toBe('refused')
  })
  it('the list is asked again at enforcement: protected since the approval is refused', () => {
    const listed = now({ protected: [{ prefix: '198.51.100.128/25', reason: 'new customer' }] })
    expect(judgeEnforcement(wide, listed, asked, agreed, HASH, later).decision).toBe('refused')
    expect(judgeEnforcement(intent({ src: '198.51.100.200' }), listed, asked, null, HASH, NOW).decision).toBe('refused')
  })
  it('without an approval only what one person may do is enforced, by the facts of then', () => {
    expect(judgeEnforcement(intent(), now(), asked, null, HASH, NOW + MINUTE).decision).toBe('allowed')
    const grown = now({ target: { shareOfBytes: 0.2, insidePeers: 3, knownService: false } })
    expect(codes(judgeEnforcement(intent(), grown, asked, null, HASH, NOW + MINUTE))).toEqual(['share_of_traffic', 'not_approved'])
    expect(judgeEnforcement(wide, now(), asked, null, HASH, NOW + MINUTE).decision).toBe('refused')
    expect(codes(judgeEnforcement(intent(), now(), asked, null, HASH, NOW - 1))).toEqual(['clock'])
    expect(codes(judgeEnforcement(intent(), now(), asked, null, 'b2', NOW))).toEqual(['changed'])
  })
})
