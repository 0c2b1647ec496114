import { Decoder } from '@weir/decoder'
import { describe, expect, it } from 'vitest'
import { datagrams } from '../test/harness.ts'
import { admittingAll } from './decoder-state.ts'

describe('the decoder of the collector', () => {
  it.each([1_024, 5_000])('keeps what %i exporters tell before any of them sends a flow', (exporters) => {
    const payloads = datagrams('v9', 40)
    const teaching = payloads.filter((datagram) => ![256, 257].includes(datagram.readUInt16BE(20)))
    const data = payloads.filter((datagram) => !teaching.includes(datagram))
    // Options prove an exporter; the templates alone do not.
    const templates = teaching.filter((datagram) => datagram.readUInt16BE(20) < 256)
    expect(templates.length).toBeGreaterThan(0)
    const decoder = new Decoder({ limits: admittingAll(exporters) })
    const source = (i: number) => ({ address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, port: 2055, receivedMs: 1e12 })
    let flows = 0
    const sink = { flow: () => void flows++ }
    for (let i = 0; i < exporters; i++) for (const datagram of templates) decoder.decode(datagram, source(i), sink)
    expect(flows).toBe(0)
    for (let i = 0; i < exporters; i++) for (const datagram of data) decoder.decode(datagram, source(i), sink)
    expect(flows).toBe(exporters * 40)
    expect(decoder.counters.evictedExporters).toBe(0)
    expect(decoder.parkingCounters.parked).toBe(0)
  })
})
