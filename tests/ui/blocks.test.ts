import { describe, expect, it } from 'vitest'
import { draftKey, weekIn, windowOfDraft } from '../../apps/web/components/blocks/draft.ts'
import {
  allByHand,
  byUrgency,
  deviceWords,
  ENDED_STATES,
  inLocalTime,
  LIVE_STATES,
  onDay,
  PENDING_STATES,
  stages,
  timeLeft,
  withDeviceNames,
  withoutStepUp,
} from '../../apps/web/components/blocks/model.ts'
import { proofSentence } from '../../apps/web/components/blocks/proof-sentence.ts'
import { EMPTY_RULE, filterOf, formOf, readPorts, readRule, ruleFromFilter } from '../../apps/web/components/blocks/rule.ts'
import { clock, dateMinute } from '../../apps/web/components/format.ts'
import { deviceBody, EMPTY_DEVICE, idFrom, transportsOf, unfinished, withPoint } from '../../apps/web/components/settings/device-form.ts'
import { BLOCK_STATES, DIALECTS, parseFilter } from '../../packages/db/src/contracts/index.ts'

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 20, 12, minute)).toISOString()

describe('the rule of a block', () => {
  it('becomes what the server takes, and comes back as the same form', () => {
    const form = { ...EMPTY_RULE, src: '192.0.2.7', dst: '198.51.100.0/24', proto: '6', dstPorts: '443, 80-81, 82', synOnly: true }
    const read = readRule(form)
    expect(read).toEqual({
      ok: true,
      match: {
        src: '192.0.2.7/32',
        dst: '198.51.100.0/24',
        proto: 6,
        srcPorts: [],
        dstPorts: [
          { low: 80, high: 82 },
          { low: 443, high: 443 },
        ],
        tcpFlags: { set: ['syn'], unset: ['ack'] },
      },
      action: { kind: 'drop' },
    })
    if (!read.ok) throw new Error('was read above')
    expect(readRule(formOf(read.match, read.action))).toEqual(read)
    const limited = readRule({ ...EMPTY_RULE, dst: '2001:db8::1', action: 'rate_limit', limit: '1.5' })
    expect(limited).toMatchObject({ ok: true, match: { dst: '2001:db8::1/128' }, action: { kind: 'rate_limit', bitsPerSecond: 1_500_000 } })
  })

  it('is refused before it is sent when it is plainly wrong, at the field that is wrong', () => {
    const problem = (patch: object) => {
      const read = readRule({ ...EMPTY_RULE, ...patch })
      return read.ok ? [] : Object.keys(read.problems)
    }
    expect(problem({})).toEqual(['rule'])
    expect(problem({ src: '192.0.2.1/24' })).toEqual(['src'])
    expect(problem({ src: '192.0.2.1', dst: '2001:db8::1' })).toEqual(['rule'])
    expect(problem({ src: '192.0.2.1', proto: '17', srcPorts: '70000' })).toEqual(['srcPorts'])
    expect(problem({ src: '192.0.2.1', action: 'rate_limit', limit: 'much' })).toEqual(['limit'])
    // Ports that are hidden because the protocol has none do not hold anything up.
    expect(problem({ src: '192.0.2.1', proto: '1', srcPorts: 'x' })).toEqual([])
    expect(readPorts('9-3')).toContain('backwards')
    expect(readPorts(Array.from({ length: 9 }, (_, index) => index * 2).join(','))).toContain('At most 8')
  })

  it('is taken from a filter as far as it goes, and what it cannot say is said', () => {
    const { form, left } = ruleFromFilter(
      'src_addr = 203.0.113.9 and proto = udp and src_port in (53, 123) and src_country = NL and bytes > 5',
    )
    expect(form).toMatchObject({ src: '203.0.113.9', dst: '', proto: '17', srcPorts: '53, 123' })
    expect(left).toHaveLength(2)
    expect(ruleFromFilter('dst_addr = 192.0.2.7 and dst_port = 80').left).toEqual(['dst_port = 80'])
    expect(ruleFromFilter('service = tcp/443 and dst_addr = 192.0.2.7').form).toMatchObject({ proto: '6', dstPorts: '443' })
    expect(ruleFromFilter('src_addr = 192.0.2.1 or src_addr = 192.0.2.2')).toMatchObject({ form: EMPTY_RULE, left: [expect.any(String)] })
    expect(ruleFromFilter('src_addr = ')).toEqual({ form: EMPTY_RULE, left: ['src_addr ='] })
  })

  it('can be looked at in the explorer: its filter parses, narrowed to where it is seen', () => {
    const read = readRule({ ...EMPTY_RULE, src: '192.0.2.7', proto: '17', srcPorts: '53, 1000-2000' })
    if (!read.ok) throw new Error('is a rule')
    const text = filterOf(read.match, ['edge "1"', 'r2'])
    expect(() => parseFilter(text)).not.toThrow()
    expect(text).toContain('src_port in (53, 1000..2000)')
  })
})

describe('the life of a block', () => {
  const base = {
    state: 'pending_approval' as const,
    requester: { id: 'a', name: 'Ann', role: 'operator' as const, at: at(0) },
    approver: null,
    endedAt: null,
    expiresAt: null,
    verdict: { decision: 'needs_second_person' as const, reasons: [] },
    proof: { since: null, exporters: [], verifiedAt: null, by: null, leakedBytes: 0, leaks: [], before: null, note: null },
    timeline: [],
  }
  const shape = (list: ReturnType<typeof stages>) => list.map((stage) => stage.state)

  it('shows where it is: waiting, proven, leaking, over', () => {
    expect(shape(stages(base))).toEqual(['done', 'now', 'todo', 'todo', 'todo'])
    const approver = { id: 'b', name: 'Bob', role: 'oncall' as const, at: at(1) }
    const live = { ...base, approver, expiresAt: at(60), proof: { ...base.proof, since: at(2) } }
    expect(shape(stages({ ...live, state: 'enforced' }))).toEqual(['done', 'done', 'done', 'now', 'todo'])
    expect(shape(stages({ ...live, state: 'verified', proof: { ...live.proof, verifiedAt: at(3), by: 'flows' } }))).toEqual([
      'done',
      'done',
      'done',
      'done',
      'todo',
    ])
    expect(shape(stages({ ...live, state: 'leaking', proof: { ...live.proof, verifiedAt: at(3) } }))).toEqual([
      'done',
      'done',
      'done',
      'bad',
      'todo',
    ])
  })

  it('never says that a block which was rendered but never applied was in force or proven', () => {
    const gone = stages({ ...base, state: 'withdrawn', endedAt: at(5) })
    expect(shape(gone)).toEqual(['done', 'skipped', 'skipped', 'skipped', 'done'])
    expect(shape(stages({ ...base, state: 'refused', endedAt: at(5) }))).toEqual(['done', 'bad', 'skipped', 'skipped', 'done'])
    expect(shape(stages({ ...base, state: 'failed', endedAt: at(5) }))).toEqual(['done', 'done', 'bad', 'skipped', 'done'])
  })

  it('that is being removed is not called withdrawn, and promises no end that has passed', () => {
    const over = stages({ ...base, state: 'withdrawing', expiresAt: at(1), proof: { ...base.proof, since: at(0) } }).at(-1)
    expect(over).toMatchObject({ label: 'Being removed', state: 'now', at: null })
    expect(timeLeft({ state: 'withdrawing', expiresAt: at(0), ttlSeconds: 3600 }, Date.parse(at(9)))).toBe(
      'until the devices have dropped it',
    )
  })

  it('names the day of what is not today', () => {
    const noon = Date.parse(at(0))
    expect(onDay(noon, noon + 60_000)).toBe(clock(noon))
    expect(onDay(noon, noon + 3 * 86_400_000)).toBe(dateMinute(noon))
    expect(onDay(noon, null), 'before the browser says what today is').toBe(dateMinute(noon))
  })

  it('every state belongs to exactly one list', () => {
    expect([...PENDING_STATES, ...LIVE_STATES, ...ENDED_STATES].toSorted()).toEqual([...BLOCK_STATES].toSorted())
  })

  it('leaking comes first, then devices that do not answer, then what ends soonest', () => {
    const one = (id: string, state: 'verified' | 'leaking', minute: number, device: 'applied' | 'unreachable' = 'applied') => ({
      ...({} as Parameters<typeof byUrgency>[0]),
      id,
      state,
      expiresAt: at(minute),
      devices: [{ deviceId: 'd', name: 'd', state: device, lastError: null }],
    })
    const list = [
      one('late', 'verified', 50),
      one('soon', 'verified', 5),
      one('lost', 'verified', 40, 'unreachable'),
      one('leak', 'leaking', 55),
    ]
    expect(list.toSorted(byUrgency).map(({ id }) => id)).toEqual(['leak', 'lost', 'soon', 'late'])
  })

  it('counts down to the end, and says what a waiting one would get', () => {
    expect(timeLeft({ state: 'verified', expiresAt: at(42), ttlSeconds: 3600 }, Date.parse(at(0)))).toBe('42 min left')
    expect(timeLeft({ state: 'verified', expiresAt: at(0), ttlSeconds: 3600 }, Date.parse(at(1)))).toBe('ending now')
    expect(timeLeft({ state: 'pending_approval', expiresAt: null, ttlSeconds: 3600 }, Date.parse(at(0)))).toBe('1 h once in force')
  })

  it('nobody is told to paste before the approval', () => {
    expect(deviceWords('manual', 'pending_approval').word).toContain('once approved')
    expect(deviceWords('manual', 'enforced').word).toBe('to be pasted by hand')
    expect(deviceWords('waiting', 'refused').word).toBe('never got it')
    expect(deviceWords('manual', 'expired').word).toBe('to be undone by hand')
    expect(inLocalTime('It ends at 2026-11-21T01:38:14.879Z.')).toMatch(/^It ends at 2026-11-2\d \d\d:\d\d:14\.$/)
  })

  it('a missing step-up is asked for, not shown as a refusal', () => {
    const reason = { message: '', remedy: '' }
    expect(withoutStepUp({ decision: 'refused', reasons: [{ code: 'step_up', effect: 'refuse', ...reason }] }).decision).toBe('allowed')
    expect(
      withoutStepUp({
        decision: 'refused',
        reasons: [
          { code: 'step_up', effect: 'refuse', ...reason },
          { code: 'protected', effect: 'refuse', ...reason },
        ],
      }).decision,
    ).toBe('refused')
  })
})

describe('simulation and proof', () => {
  it('asks again when anything but the order of devices has changed', () => {
    const draft = { form: { ...EMPTY_RULE, src: '192.0.2.1' }, ttl: '3600', devices: ['b', 'a'], window: 'none' as const, days: '7' }
    expect(draftKey({ ...draft, devices: ['a', 'b'] })).toBe(draftKey(draft))
    for (const patch of [{ ttl: '900' }, { devices: ['a'] }, { days: '1' }, { form: { ...draft.form, dst: '192.0.2.2' } }])
      expect(draftKey({ ...draft, ...patch })).not.toBe(draftKey(draft))
    expect(windowOfDraft('none', null, 0)).toBeNull()
    expect(windowOfDraft('1h', null, Date.parse(at(60)))).toEqual({ from: at(0), to: at(60) })
  })

  it('moves the hours of the week to the zone of the reader, around the week’s ends', () => {
    const strip = Array.from({ length: 168 }, (_, hour) => hour)
    expect(weekIn(strip, 60).hours[0]).toBe(167)
    expect(weekIn(strip, -300).hours[0]).toBe(5)
    expect(weekIn(strip, 330)).toEqual({ hours: strip, local: false })
  })

  it('says the means before and since, and nothing that was not measured', () => {
    const points = [0, 60, 120, 180].map((seconds, index) => ({ time: seconds * 1000, behind: index < 2 ? 8_000_000 : 0 }))
    expect(proofSentence(points, 60, 120_000, null)).toBe('Matching traffic behind the block: 8 Mbit/s before, 0 bit/s since.')
    expect(proofSentence([{ time: 0, behind: null }], 60, 0, null)).toBe(
      'Matching traffic behind the block: not known before, nothing was received since.',
    )
  })
})

describe('a device', () => {
  it('sends only what its transport uses', () => {
    const form = { ...EMPTY_DEVICE, id: 'edge', name: ' Edge ', address: '192.0.2.1', user: 'weir', netns: 'r1', port: '2222' }
    expect(deviceBody(form)).toMatchObject({ name: 'Edge', address: '192.0.2.1', config: { user: 'weir', port: 2222 } })
    expect(deviceBody({ ...form, transport: 'local' })).toMatchObject({ address: null, config: { netns: 'r1' } })
    expect(deviceBody({ ...form, transport: 'none' })).toMatchObject({ address: null, config: {} })
  })

  it('is asked at the port that was typed, and at the usual one of its transport without', () => {
    const form = { ...EMPTY_DEVICE, id: 'rr', name: 'rr', dialect: 'gobgp-flowspec' as const, transport: 'gobgp' as const }
    expect(deviceBody({ ...form, port: '50052' }).config).toEqual({ port: 50_052 })
    expect(deviceBody({ ...form, port: '50051' }).config).toEqual({})
    expect(deviceBody(form).config).toEqual({})
    expect(deviceBody({ ...form, transport: 'ssh', port: '22' }).config).toEqual({})
  })

  it('has the interfaces behind it, of the exporters that are chosen, and is not done while one of them has none', () => {
    const form = { ...EMPTY_DEVICE, id: 'edge', name: 'edge', exporterIds: [1, 2] }
    const some = withPoint(withPoint(form, 1, [2, 17]), 2, [])
    expect([unfinished(form), unfinished(some), unfinished(withPoint(some, 2, [4]))]).toEqual([false, true, false])
    expect(deviceBody(withPoint(some, 2, null)).config.points).toEqual([{ exporterId: 1, interfaces: [2, 17] }])
    expect(deviceBody({ ...withPoint(some, 2, null), exporterIds: [2] }).config.points).toBeUndefined()
    expect(unfinished({ ...some, exporterIds: [1] }), 'of an exporter that is not chosen').toBe(false)
  })

  it('has an id that the server takes, and a way to be reached for each dialect', () => {
    expect(idFrom('  Zürich Edge #1! ')).toBe('zurich-edge-1')
    expect(idFrom('東京')).toBe('')
    for (const dialect of DIALECTS) expect(transportsOf(dialect).length).toBeGreaterThan(0)
  })
})

describe('the words of a block', () => {
  const devices = [
    { deviceId: 'edge', name: 'Edge router' },
    { deviceId: 'fw-lab', name: 'Lab firewall' },
  ]
  it('name its devices as people do, and touch nothing else of the sentence', () => {
    expect(withDeviceNames('Drop packets from 192.0.2.66 to anywhere; on edge, for 1 day.', devices)).toBe(
      'Drop packets from 192.0.2.66 to anywhere; on Edge router, for 1 day.',
    )
    expect(withDeviceNames('Drop packets; on edge, fw-lab and gone, for 4 hours.', devices)).toBe(
      'Drop packets; on Edge router, Lab firewall and gone, for 4 hours.',
    )
    expect(withDeviceNames('The device has the rule.', devices)).toBe('The device has the rule.')
  })

  it('say when nothing happens before somebody pastes', () => {
    expect([allByHand([{ transport: 'none' }]), allByHand([{ transport: 'none' }, { transport: 'ssh' }]), allByHand([])]).toEqual([
      true,
      false,
      false,
    ])
  })
})
