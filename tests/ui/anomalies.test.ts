import { ANOMALY_STATES, type AnomalySummary } from '@weir/db/contracts'
import { describe, expect, it } from 'vitest'
import {
  anomalyAt,
  anomalyOf,
  byUrgency,
  explorerQuery,
  isOpen,
  kin,
  lastedSeconds,
  leadingEmpty,
  listParams,
  mergeAlike,
  onCallOrder,
  openCounts,
  openGroups,
  step,
  suppressionScopes,
  titled,
  withoutRadiation,
} from '../../apps/web/components/anomalies/model.ts'
import { DETECTOR_IDS, runbookOf } from '../../apps/web/components/anomalies/runbooks.ts'
import { amount, axisUnit, partText, timesExpected, unbroken, usual } from '../../apps/web/components/anomalies/words.ts'
import { DETECTORS } from '../../packages/detection/src/finding.ts'

const NOW = Date.parse('2026-11-21T00:00:00Z')
const anomaly = (id: string, over: Partial<AnomalySummary> = {}): AnomalySummary => ({
  id,
  detector: 'ddos',
  severity: 'warning',
  state: 'new',
  first_seen_ns: '0',
  first_seen: new Date(NOW - 600_000).toISOString(),
  last_seen: new Date(NOW - 10_000).toISOString(),
  ended: null,
  actor: null,
  target: '203.0.113.9',
  paged: false,
  sentence: 'Much to 203.0.113.9.',
  group: `ddos|warning|${id}`,
  members: 1,
  parent: null,
  children: 0,
  suppressed_by: null,
  trust: 'ok',
  changed_by: null,
  changed_at: null,
  reason: null,
  actions: ['acknowledge', 'confirm', 'dismiss'],
  ...over,
})

describe('what asks for somebody', () => {
  it('is a warning or worse that was told and goes on, or that nobody has looked at', () => {
    const ended = new Date(NOW).toISOString()
    expect(isOpen(anomaly('a'))).toBe(true)
    expect(isOpen(anomaly('a', { ended }))).toBe(true)
    expect(isOpen(anomaly('a', { ended, state: 'acknowledged' }))).toBe(false)
    expect(isOpen(anomaly('a', { state: 'confirmed' }))).toBe(true)
    for (const over of [{ severity: 'info' }, { parent: 'b' }, { suppressed_by: 3 }, { state: 'dismissed' }, { state: 'closed' }] as const)
      expect(isOpen(anomaly('a', over)), JSON.stringify(over)).toBe(false)
  })

  it('counts a group as one matter, by its worst member', () => {
    const many = Array.from({ length: 200 }, (_, n) => anomaly(`g${n}`, { group: 'brute_force|warning|203.0.113.22' }))
    const all = [...many, anomaly('x', { severity: 'critical', group: 'brute_force|warning|203.0.113.22' }), anomaly('y')]
    expect(openCounts(all)).toEqual({ critical: 1, warning: 1 })
    expect(openGroups(all).map((group) => [group.head.id, group.members.length])).toEqual([
      ['x', 201],
      ['y', 1],
    ])
  })

  it('is listed critical first, then what nobody has taken, then the newest', () => {
    const rows = [
      anomaly('old', { first_seen: new Date(NOW - 9e6).toISOString() }),
      anomaly('taken', { state: 'acknowledged', first_seen: new Date(NOW).toISOString() }),
      anomaly('new', { first_seen: new Date(NOW - 1e6).toISOString() }),
      anomaly('worst', { severity: 'critical', state: 'confirmed', first_seen: new Date(NOW - 9e7).toISOString() }),
      anomaly('info', { severity: 'info' }),
    ]
    expect(rows.toSorted(byUrgency).map((row) => row.id)).toEqual(['worst', 'new', 'old', 'taken', 'info'])
  })

  it('puts what goes on before what has just ended, and apart what was over long ago', () => {
    const ended = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString()
    const groups = openGroups([
      anomaly('warning, going on'),
      anomaly('critical, just over', { severity: 'critical', ended: ended(14) }),
      anomaly('critical, long over', { severity: 'critical', ended: ended(16) }),
      anomaly('longer over', { ended: ended(600) }),
      // One member that goes on keeps the matter open.
      anomaly('half over', { ended: ended(600), group: 'shared' }),
      anomaly('half on', { group: 'shared', severity: 'critical' }),
    ])
    const { present, past } = onCallOrder(groups, NOW)
    expect(present.map((group) => group.head.id)).toEqual(['half on', 'warning, going on', 'critical, just over'])
    expect(past.map((group) => group.head.id)).toEqual(['critical, long over', 'longer over'])
    expect(onCallOrder(groups, 0).past).toEqual([])
  })

  it('is one matter when it is many of one kind, whatever hosts they name, with everybody in it', () => {
    const storm = Array.from({ length: 60 }, (_, n) => anomaly(`s${n}`, { detector: 'lateral', group: `g${Math.floor(n / 2)}` }))
    const few = Array.from({ length: 4 }, (_, n) => anomaly(`f${n}`, { detector: 'beacon', group: `b${n}` }))
    const merged = mergeAlike(openGroups([...storm, ...few, anomaly('worst', { detector: 'lateral', severity: 'critical' })]))
    expect(merged.map((group) => [group.head.detector, group.head.severity, group.members.length])).toEqual([
      ['lateral', 'critical', 1],
      ['beacon', 'warning', 1],
      ['beacon', 'warning', 1],
      ['beacon', 'warning', 1],
      ['beacon', 'warning', 1],
      ['lateral', 'warning', 60],
    ])
  })

  it('is written once before the title of the tab', () => {
    expect(titled('Flows · Weir', 3)).toBe('(3) Flows · Weir')
    expect(titled('(3) Flows · Weir', 12)).toBe('(12) Flows · Weir')
    expect(titled('(99+) Flows · Weir', 0)).toBe('Flows · Weir')
    expect(titled('x', 100)).toBe('(99+) x')
  })
})

describe('the list', () => {
  it('asks for what its filter says', () => {
    expect(listParams({ state: 'open', severity: 'all', detector: '', within: '7d' }, NOW)).toEqual({
      from: String(NOW - 7 * 86_400_000),
      state: 'new,acknowledged,confirmed',
    })
    expect(listParams({ state: 'dismissed', severity: 'warning', detector: 'port_scan', within: 'all' }, NOW)).toEqual({
      state: 'dismissed',
      severity: 'warning,critical',
      detector: 'port_scan',
    })
    expect(listParams({ state: 'all', severity: 'critical', detector: '', within: 'all' }, NOW)).toEqual({ severity: 'critical' })
  })

  it('takes the noise of the internet apart, however the server writes its groups', () => {
    const rows = [
      anomaly('a'),
      anomaly('b', { group: 'radiation|host_scan|20778', members: 40 }),
      anomaly('c', { group: 'radiation port_scan 20778', members: 2 }),
    ]
    const { rows: kept, radiation, sources } = withoutRadiation(rows)
    expect([kept.map((row) => row.id), radiation.length, sources]).toEqual([['a'], 2, 42])
  })

  it('shows 200 hosts of one kind and severity as one line, and four as four', () => {
    const storm = Array.from({ length: 200 }, (_, n) => anomaly(`s${n}`, { detector: 'lateral', actor: `10.0.0.${n}` }))
    const few = Array.from({ length: 4 }, (_, n) => anomaly(`f${n}`, { detector: 'beacon' }))
    const taken = anomaly('taken', { detector: 'lateral', state: 'acknowledged' })
    const [first, ...rest] = storm
    const list = kin([anomaly('worst', { severity: 'critical' }), ...(first === undefined ? [] : [first]), ...few, ...rest, taken])
    expect(list.map((one) => (one.kind === 'one' ? one.row.id : `${one.rows.length} like ${one.rows[0]?.id}`))).toEqual([
      'worst',
      '200 like s0',
      'f0',
      'f1',
      'f2',
      'f3',
      'taken',
    ])
  })

  it('is walked with j and k, and stays at its ends', () => {
    const ids = ['a', 'b', 'c']
    expect([step(ids, null, 1), step(ids, null, -1), step(ids, 'a', 1), step(ids, 'c', 1), step(ids, 'a', -1)]).toEqual([
      'a',
      'c',
      'b',
      'c',
      'a',
    ])
    expect(step(ids, 'gone', 1)).toBe('a')
    expect(step([], null, 1)).toBeNull()
  })

  it('says how long something lasted: to now while it goes on, else to the last sight of it', () => {
    expect(lastedSeconds(anomaly('a'), NOW)).toBe(600)
    expect(lastedSeconds(anomaly('a', { ended: new Date(NOW).toISOString() }), NOW + 1e6)).toBe(590)
  })
})

describe('a flow', () => {
  const flow = (src: string, dst: string, at = NOW - 60_000) => ({ src_addr: src, dst_addr: dst, time_flow_end_ns: `${at}000000` })
  const flood = anomaly('flood', { severity: 'critical', target: '203.0.113.0/24' })
  const scan = anomaly('scan', { actor: '192.0.2.7', target: '203.0.113.9' })

  it('goes with the worst anomaly from whose actor, to whose target and at whose time it is', () => {
    expect(anomalyOf(flow('192.0.2.7', '203.0.113.9'), [scan])?.id).toBe('scan')
    expect(anomalyOf(flow('192.0.2.7', '203.0.113.9'), [scan, flood])?.id).toBe('flood')
    expect(anomalyOf(flow('198.51.100.1', '203.0.113.77'), [scan, flood])?.id).toBe('flood')
  })

  it('goes with none when it is the answer, another host, or another hour', () => {
    expect(anomalyOf(flow('203.0.113.9', '192.0.2.7'), [scan, flood])).toBeNull()
    expect(anomalyOf(flow('192.0.2.8', '203.0.113.9'), [scan])).toBeNull()
    expect(anomalyOf(flow('192.0.2.7', '203.0.113.9', NOW - 7_200_000), [scan])).toBeNull()
    expect(anomalyOf(flow('192.0.2.7', '203.0.113.9'), [anomaly('all', { actor: null, target: null })])).toBeNull()
    expect(anomalyOf(flow('::1', '2001:db8::1'), [flood])).toBeNull()
  })
})

describe('a host', () => {
  const flood = anomaly('flood', { severity: 'critical', target: '203.0.113.0/24' })
  const scan = anomaly('scan', { actor: '192.0.2.7', target: '203.0.113.9' })
  it('has the worst anomaly that it does or meets in the window shown, and none of another time', () => {
    const at = (address: string, from = NOW - 3_600_000, to = NOW) => anomalyAt(address, [scan, flood], from, to)?.id ?? null
    expect([at('192.0.2.7'), at('203.0.113.9'), at('198.51.100.1')]).toEqual(['scan', 'flood', null])
    expect(at('192.0.2.7', NOW - 9e6, NOW - 5e6)).toBeNull()
    expect(at('192.0.2.7', NOW + 120_000, NOW + 240_000)).toBeNull()
  })
})

describe('the card', () => {
  it('gives every value with its unit, and a dash for what is not known', () => {
    expect(amount('bit/s', 812e6)).toBe('812 Mbit/s')
    expect(amount('B', 2.41e9)).toBe('2.41 GB')
    expect(amount('packets/s', 48213)).toBe('48.2 kpkt/s')
    expect(amount('SYN/s', 1883)).toBe('1,883 SYN/s')
    expect(amount('share', 0.101)).toBe('10.1 %')
    expect(amount('ports', null)).toBe('–')
    expect([usual('packets/s', 0.02), usual('packets/s', 12), usual('share', 0), usual('B', null)]).toEqual([
      'none',
      '12 pkt/s',
      '0 %',
      '–',
    ])
    expect([axisUnit('packets/s'), axisUnit('bit/s')]).toEqual(['pkt/s', 'bit/s'])
    expect(timesExpected(812, 24)).toBe('33.8 × usual')
    expect(timesExpected(812, 0)).toBeNull()
    expect(timesExpected(10, 24)).toBeNull()
  })

  it('names ports and keeps unknown dimensions as they are', () => {
    expect(partText('src_port', '53')).toEqual({ text: '53 dns', filter: 'src_port = 53' })
    expect(partText('src_addr', '192.0.2.0/24')).toEqual({ text: '192.0.2.0/24', filter: 'src_addr = 192.0.2.0/24' })
    expect(partText('src_port', '17/53')).toEqual({ text: '53 dns · UDP', filter: 'proto = 17 and src_port = 53' })
    expect(partText('src_port', '6/44614')).toEqual({ text: '44614 · TCP', filter: 'proto = 6 and src_port = 44614' })
    expect(partText('src_net', '198.18.35.0/24')).toEqual({ text: '198.18.35.0/24', filter: 'src_addr = 198.18.35.0/24' })
    expect(partText('something', 'x')).toEqual({ text: 'x', filter: null })
  })

  it('opens the explorer with the same filter and a window that holds the finding', () => {
    const explorer = { filter: 'dst_addr = 203.0.113.9', from: '2026-11-20T23:50:00Z', to: '2026-11-20T23:51:00Z' }
    const query = new URLSearchParams(explorerQuery(explorer, 3))
    expect(query.get('filter')).toBe(explorer.filter)
    expect([query.get('from'), query.get('to')]).toEqual(['2026-11-20T23:47:00Z', '2026-11-20T23:54:00Z'])
    const exactly = new URLSearchParams(explorerQuery(explorer, 0))
    expect([exactly.get('from'), exactly.get('to')]).toEqual([explorer.from, explorer.to])
  })

  it('leaves out the empty hours before the first flow, but not all of them', () => {
    expect(leadingEmpty([...Array<null>(200).fill(null), ...Array<number>(40).fill(5)])).toBe(192)
    expect(leadingEmpty([0, 1, 0])).toBe(0)
    expect(leadingEmpty([0, null])).toBe(0)
  })

  it('has words for every detector there is', () => {
    for (const detector of DETECTORS) {
      expect(DETECTOR_IDS, detector).toContain(detector)
      const book = runbookOf(detector)
      expect(book.check.length, detector).toBeGreaterThan(0)
      expect(book.friends.length, detector).toBeGreaterThan(0)
    }
    expect(runbookOf('constructor').name).toBe('Constructor')
    expect(ANOMALY_STATES).toHaveLength(5)
  })
})

describe('what can be kept from being told', () => {
  it('is offered from the narrowest on, each once, and names no address that is none', () => {
    const scopes = (over: Partial<AnomalySummary>) =>
      suppressionScopes(anomaly('a', over)).map(({ detector, address }) => [detector, address])
    expect(scopes({ actor: '192.0.2.7', target: '10.0.0.1' })).toEqual([
      ['ddos', '192.0.2.7'],
      ['ddos', '10.0.0.1'],
      ['ddos', null],
      [null, '192.0.2.7'],
      [null, '10.0.0.1'],
    ])
    expect(scopes({ actor: '10.0.0.1', target: '10.0.0.1' })).toEqual([
      ['ddos', '10.0.0.1'],
      ['ddos', null],
      [null, '10.0.0.1'],
    ])
    expect(scopes({ actor: null, target: 'edge-1' })).toEqual([['ddos', null]])
  })
})

describe('a sentence', () => {
  it('keeps numbers with their units, and breaks everywhere else', () => {
    expect(unbroken('99 % of 12 packets/s in 60 s; 38 GB to 10.0.0.1 in 2 hours')).toBe(
      '99\u00a0% of 12\u00a0packets/s in 60\u00a0s; 38\u00a0GB to 10.0.0.1 in 2 hours',
    )
  })
})
