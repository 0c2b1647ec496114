import { describe, expect, test } from 'vitest'
import {
  andFilter,
  conjuncts,
  notFilter,
  PRESET_MS,
  PRESETS,
  parseInstant,
  previousWindow,
  printInstant,
  replaceConjunct,
  windowOf,
} from '../../apps/web/data/view-state.ts'

const now = Date.UTC(2026, 10, 20, 22, 49, 15)
const none = { range: null, from: null, to: null }

describe('the window in the URL', () => {
  test('nothing said is the last hour, ending now', () => {
    expect(windowOf(none, now)).toEqual({ preset: '1h', from: now - 3_600_000, to: now })
  })

  test('every preset is as wide as it says', () => {
    for (const preset of PRESETS) {
      const window = windowOf({ ...none, range: preset }, now)
      expect(window.to - window.from).toBe(PRESET_MS[preset])
      expect(window.preset).toBe(preset)
    }
  })

  test('both ends win over a preset; they may be RFC 3339 or epoch milliseconds', () => {
    expect(windowOf({ range: '24h', from: '2026-11-20T10:00:00Z', to: '2026-11-20T11:00:00Z' }, now)).toEqual({
      preset: null,
      from: Date.UTC(2026, 10, 20, 10),
      to: Date.UTC(2026, 10, 20, 11),
    })
    expect(windowOf({ range: null, from: String(now - 1000), to: String(now) }, now).from).toBe(now - 1000)
  })

  test('a link that was cut or turned round still opens, with the default', () => {
    for (const broken of [
      { from: '2026-11-20T10:00:00Z', to: null },
      { from: 'yesterday', to: '2026-11-20T11:00:00Z' },
      { from: '2026-11-20T11:00:00Z', to: '2026-11-20T10:00:00Z' },
      { from: '2026-11-20T11:00:00Z', to: '2026-11-20T11:00:00Z' },
    ]) {
      expect(windowOf({ range: 'fortnight', ...broken }, now).preset).toBe('1h')
    }
  })

  test('an instant survives the way through the URL', () => {
    expect(parseInstant(printInstant(now))).toBe(now)
    expect(parseInstant(printInstant(now + 42))).toBe(now + 42)
    expect(printInstant(now)).toBe('2026-11-20T22:49:15Z')
    expect(parseInstant('2026')).not.toBe(2026)
  })

  test('the window before touches this one and is as wide', () => {
    expect(previousWindow(100, 160)).toEqual({ from: 40, to: 100 })
  })
})

describe('narrowing a filter by a click', () => {
  test('a condition is added once', () => {
    expect(andFilter('', 'proto = tcp')).toBe('proto = tcp')
    expect(andFilter('proto = tcp', 'dst_port = 443')).toBe('proto = tcp and dst_port = 443')
    expect(andFilter('proto = tcp and dst_port = 443', 'proto = tcp')).toBe('proto = tcp and dst_port = 443')
    expect(andFilter('proto = tcp', '')).toBe('proto = tcp')
  })

  test('an or keeps its meaning on either side', () => {
    expect(andFilter('dst_port = 53 or dst_port = 443', 'proto = udp')).toBe('(dst_port = 53 or dst_port = 443) and proto = udp')
    expect(andFilter('proto = udp', 'dst_port = 53 or dst_port = 443')).toBe('proto = udp and (dst_port = 53 or dst_port = 443)')
  })

  test('a filter that cannot be read is kept, so that nothing typed is lost', () => {
    expect(andFilter('dst_port = ', 'proto = udp')).toBe('dst_port = and proto = udp')
  })

  test('excluding twice comes back', () => {
    for (const expression of ['proto = tcp', 'src_country is unknown', 'dst_port in (53, 443)', 'proto = tcp and service_port = 443']) {
      const opposite = notFilter(expression)
      expect(opposite).not.toBe(expression)
      expect(notFilter(opposite)).toBe(expression)
    }
    expect(notFilter('proto = tcp and service_port = 443')).toBe('not (proto = tcp and service_port = 443)')
  })

  test('chips are the conditions that all must hold; one can be taken out or replaced', () => {
    expect(conjuncts('')).toEqual([])
    expect(conjuncts('proto = tcp and (src_port = 1 or src_port = 2)')).toHaveLength(2)
    expect(conjuncts('proto = tcp or dst_port = 1')).toHaveLength(1)
    expect(replaceConjunct('proto = tcp and dst_port = 443', 0, null)).toBe('dst_port = 443')
    expect(replaceConjunct('proto = tcp and dst_port = 443', 1, 'dst_port != 443')).toBe('proto = tcp and dst_port != 443')
    expect(replaceConjunct('proto = tcp', 0, null)).toBe('')
  })
})
