import { describe, expect, it } from 'vitest'
import { ACTIONS, type DetectorId, type Finding, Networks, STATES, Tracker, transition } from '../src/index.ts'
import { HOME, T0 } from './traffic.ts'

const finding = (detector: DetectorId, over: Partial<Finding> = {}): Finding => ({
  detector,
  severity: 'warning',
  actor: null,
  target: '203.0.113.10',
  entity: '203.0.113.10',
  firstMs: T0,
  window: [T0, T0 + 10_000],
  statistic: 'packets',
  unit: 'packets/s',
  value: 1,
  expected: 0,
  threshold: 1,
  why: '',
  parts: [],
  fresh: [],
  filter: '',
  trust: 'ok',
  windows: 1,
  ...over,
})
const tracker = () => new Tracker(new Networks(HOME))

describe('an anomaly', () => {
  it('repeated findings are one anomaly, told once', () => {
    const t = tracker()
    const changes = [0, 10, 20].map((s) => t.observe(finding('ddos', { severity: 'critical' }), T0 + s * 1_000))
    expect(changes.map((c) => [c.kind, c.notify])).toEqual([
      ['opened', true],
      ['updated', false],
      ['updated', false],
    ])
    expect(new Set(changes.map((c) => c.anomaly.id)).size).toBe(1)
  })
  it('ends after ten quiet minutes, restarts with its id within thirty, is a new one later', () => {
    const t = tracker()
    const { id } = t.observe(finding('ddos'), T0).anomaly
    expect(t.advance(T0 + 9 * 60_000)).toEqual([])
    expect(t.advance(T0 + 10 * 60_000)[0]?.kind).toBe('ended')
    expect(t.observe(finding('ddos', { firstMs: T0 + 3e6 }), T0 + 35 * 60_000)).toMatchObject({ kind: 'restarted', anomaly: { id } })
    t.advance(T0 + 46 * 60_000)
    const late = T0 + 120 * 60_000
    expect(t.observe(finding('ddos', { firstMs: late }), late)).toMatchObject({ kind: 'opened' })
  })
  it('what a flood explains is folded under it, whichever came first', () => {
    const t = tracker()
    const effect = t.observe(finding('syn_flood'), T0).anomaly
    const cause = t.observe(finding('ddos', { severity: 'critical' }), T0 + 5_000).anomaly
    expect(effect.parent).toBe(cause.id)
    expect(t.observe(finding('short_packets'), T0 + 6_000)).toMatchObject({ kind: 'folded', notify: false, anomaly: { parent: cause.id } })
  })
  it('a critical flood pages when it lasts two windows, and never on low trust', () => {
    const t = tracker()
    expect(t.observe(finding('ddos', { severity: 'critical' }), T0).anomaly.paged).toBe(false)
    expect(t.observe(finding('ddos', { severity: 'critical', windows: 2 }), T0 + 10_000)).toMatchObject({
      notify: true,
      anomaly: { paged: true },
    })
    expect(tracker().observe(finding('ddos', { severity: 'critical', windows: 9, trust: 'low' }), T0).anomaly.paged).toBe(false)
  })
  it('two different attacks by one inside host within the hour raise it to critical', () => {
    const t = tracker()
    t.observe(finding('brute_force', { actor: '10.0.0.7', entity: 'a' }), T0)
    expect(t.observe(finding('beacon', { actor: '10.0.0.7', entity: 'b' }), T0 + 60_000).anomaly.severity).toBe('critical')
  })
  it('a suppressed anomaly is kept and named, not told', () => {
    const t = tracker()
    t.suppressions = [{ id: 's1', detector: 'ddos', address: '203.0.113.10', untilMs: T0 + 3_600_000 }]
    expect(t.observe(finding('ddos', { severity: 'critical' }), T0)).toMatchObject({
      kind: 'opened',
      notify: false,
      anomaly: { suppressedBy: 's1' },
    })
  })
  it('information from outside is one group a day', () => {
    const t = tracker()
    const groups = ['198.51.100.1', '198.51.100.2'].map(
      (actor) => t.observe(finding('port_scan', { severity: 'info', actor, entity: actor }), T0).anomaly.group,
    )
    expect(groups[0]).toBe(groups[1])
  })
})

describe('what a person may do', () => {
  it.each([
    ['new', 'acknowledge', 'acknowledged'],
    ['new', 'confirm', 'confirmed'],
    ['new', 'dismiss', 'dismissed'],
    ['acknowledged', 'confirm', 'confirmed'],
    ['acknowledged', 'dismiss', 'dismissed'],
    ['confirmed', 'close', 'closed'],
    ['confirmed', 'dismiss', 'dismissed'],
    ['dismissed', 'reopen', 'new'],
    ['closed', 'reopen', 'new'],
  ] as const)('%s + %s → %s', (from, action, to) => expect(transition(from, action)).toBe(to))
  it('nothing else', () => {
    const all = STATES.flatMap((s) => ACTIONS.map((a) => transition(s, a)))
    expect(all.filter((s) => s !== null)).toHaveLength(9)
  })
})
