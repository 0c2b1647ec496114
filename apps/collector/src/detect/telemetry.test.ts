import { describe, expect, it } from 'vitest'
import { Exporter } from '../exporters.ts'
import { type Intake, TelemetryWatch } from './telemetry.ts'

const T0 = Date.UTC(2026, 2, 3, 12)

describe('the watch over the telemetry', () => {
  const minute = (each: (exporter: Exporter, intake: Intake, i: number) => void) => {
    const watch = new TelemetryWatch()
    const exporter = new Exporter('192.0.2.1', false)
    const other = new Exporter('192.0.2.2', false)
    const intake: Intake = { arrived: 0, dropped: 0 }
    let said = watch.look(T0, intake, [exporter, other])
    for (let i = 1; i <= 6; i++) {
      for (const e of [exporter, other]) {
        e.datagrams += 100
        e.announced += 1_000
        intake.arrived += 100
      }
      each(exporter, intake, i)
      said = watch.look(T0 + i * 10_000, intake, [exporter, other])
    }
    return said
  }

  it('finds nothing to say while all is in order', () => expect(minute(() => undefined)).toEqual({ all: 'ok', exporters: new Map() }))
  it.each([
    ['2 % lost', (e: Exporter) => (e.lost += 20), undefined],
    ['2.1 % lost', (e: Exporter) => (e.lost += 21), 'low'],
    ['a quarter lost', (e: Exporter) => (e.lost += 250), 'hold'],
    ['one datagram in ten unreadable', (e: Exporter) => (e.problems += 10), 'hold'],
    ['a clock two minutes ahead', (e: Exporter) => e.clock(1, T0 + 120_000, T0), 'low'],
    ['a clock ten seconds ahead', (e: Exporter) => e.clock(1, T0 + 10_000, T0), undefined],
  ])('%s', (_name, spoil, trust) => {
    const said = minute(spoil)
    expect(said?.exporters.get('192.0.2.1')).toBe(trust)
    expect(said?.exporters.has('192.0.2.2')).toBe(false)
    expect(said?.all).toBe('ok')
  })
  it('what this collector drops puts everything on hold', () => expect(minute((_e, intake) => (intake.dropped += 3))?.all).toBe('hold'))
  it('forgets a disturbance a minute after its end', () => {
    const watch = new TelemetryWatch()
    const exporter = new Exporter('192.0.2.1', false)
    let said = null
    for (let i = 0; i <= 9; i++) {
      exporter.announced += 1_000
      if (i === 1) exporter.lost += 900
      said = watch.look(T0 + i * 10_000, { arrived: 0, dropped: 0 }, [exporter])
      if (i === 2) expect(said?.exporters.get('192.0.2.1')).toBe('hold')
    }
    expect(said?.exporters.size).toBe(0)
  })
})
