import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFlowRecord, type FlowRecord, parseAddress } from '@weir/decoder'
import { afterAll, describe, expect, it } from 'vitest'
import { Sightings } from './sightings.ts'

const START = 1_790_000_000_000
const dir = mkdtempSync(join(tmpdir(), 'weir-sightings-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** A record of conversation `n`, received `seconds` after the start. */
function flow(n: number, seconds: number, more: Partial<FlowRecord> = {}): FlowRecord {
  const record = createFlowRecord()
  parseAddress(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, record.srcAddr)
  parseAddress('198.51.100.1', record.dstAddr)
  Object.assign(record, { proto: 6, srcPort: 40_000, dstPort: 443, receivedMs: START + seconds * 1000, ...more })
  return record
}

describe('one truth from many exporters', () => {
  it('counts each record of the first exporter, and those of the others never, however they are mixed', () => {
    const table = new Sightings(1 << 14)
    let state = 7
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return state % below
    }
    const counted = new Map<string, number>()
    for (let minute = 0; minute < 20; minute++) {
      const reports = Array.from({ length: 3_000 }, (_, i) => ({ n: i % 1_000, exporter: 1 + Math.floor(i / 1_000) }))
      for (let i = reports.length - 1; i > 0; i--) {
        const j = random(i + 1)
        ;[reports[i], reports[j]] = [reports[j] ?? { n: 0, exporter: 0 }, reports[i] ?? { n: 0, exporter: 0 }]
      }
      for (const { n, exporter } of reports) {
        if (table.witness(flow(n, minute * 60 + random(20)), exporter, 60_000)) continue
        counted.set(`${n}/${minute}`, (counted.get(`${n}/${minute}`) ?? 0) + 1)
      }
    }
    expect(counted.size).toBe(20_000)
    expect([...counted.values()].every((times) => times === 1)).toBe(true)
    expect(table.witnesses).toBe(40_000)
    expect(table.evicted).toBe(0)
  })

  it('keeps apart directions, ports, protocols, ICMP types, VRFs and what is no traffic', () => {
    const table = new Sightings(1 << 10)
    const first = flow(1, 0)
    expect(table.witness(first, 1, 0)).toBe(false)
    const others: Partial<FlowRecord>[] = [
      { srcPort: 40_001 },
      { dstPort: 444 },
      { proto: 17 },
      { srcPort: 443, dstPort: 40_000 },
      { extra: { ingressVRFID: 7 } },
      { proto: 1, srcPort: 0, dstPort: 8 << 8 },
      { proto: 1, srcPort: 0, dstPort: 0 },
    ]
    for (const more of others) expect(table.witness(flow(1, 1, more), 2, 0)).toBe(false)
    expect(table.witness(flow(1, 2), 2, 0)).toBe(true)
    expect(table.witness(flow(1, 2, { eventKind: 1 }), 2, 0)).toBe(false)
    // One exporter writes the type into the port, another says it in its own field.
    expect(table.witness(flow(1, 2, { proto: 1, srcPort: 0, dstPort: 0, icmpType: 8, icmpCode: 0 }), 3, 0)).toBe(true)
    const turned = flow(1, 2)
    parseAddress('198.51.100.1', turned.srcAddr)
    parseAddress('10.0.0.1', turned.dstAddr)
    expect(table.witness(turned, 2, 0)).toBe(false)
    const nowhere = flow(1, 3)
    nowhere.srcAddr.length = 0
    expect(table.witness(nowhere, 2, 0)).toBe(false)
  })

  it('goes to the next exporter when the lease has run out, which is longer for one that reports seldom', () => {
    const table = new Sightings(1 << 10)
    table.witness(flow(1, 0), 1, 0)
    expect(table.witness(flow(1, 299), 2, 0)).toBe(true)
    expect(table.witness(flow(1, 301), 2, 0)).toBe(false)
    expect(table.witness(flow(1, 302), 1, 0)).toBe(true)
    expect(table.takenOver).toBe(1)
    // An active timeout of half an hour: the other exporter's halves in between are witnesses.
    table.witness(flow(2, 0), 1, 1_800_000)
    expect(table.witness(flow(2, 900), 2, 1_800_000)).toBe(true)
    expect(table.witness(flow(2, 1_800), 1, 1_800_000)).toBe(false)
    expect(table.witness(flow(2, 2_700), 2, 1_800_000)).toBe(true)
  })

  it('goes to the next at once when the owner has fallen silent altogether', () => {
    let silent = 0
    const table = new Sightings(1 << 10, (id) => id === silent)
    table.witness(flow(1, 0), 1, 0)
    expect(table.witness(flow(1, 10), 2, 0)).toBe(true)
    silent = 1
    expect(table.witness(flow(1, 20), 2, 0)).toBe(false)
    expect(table.witness(flow(1, 21), 3, 0)).toBe(true)
  })

  it('counts one side of an exporter that meters where traffic comes in and where it leaves', () => {
    const table = new Sightings(1 << 10)
    expect(table.witness(flow(1, 0, { direction: 0, inIf: 1, outIf: 2 }), 1, 0)).toBe(false)
    expect(table.witness(flow(1, 0, { direction: 1, inIf: 1, outIf: 2 }), 1, 0)).toBe(true)
    expect(table.witness(flow(1, 60, { direction: 0 }), 1, 0)).toBe(false)
    // One that does not say its direction has one side only, whatever its interfaces.
    expect(table.witness(flow(2, 0, { inIf: 1, outIf: 2 }), 1, 0)).toBe(false)
    expect(table.witness(flow(2, 1, { inIf: 3, outIf: 4 }), 1, 0)).toBe(false)
  })

  it('calls nothing a witness when it is switched off, and needs no time when it is switched on again', () => {
    const table = new Sightings(1 << 10)
    table.enabled = false
    expect(table.witness(flow(1, 0), 1, 0)).toBe(false)
    expect(table.witness(flow(1, 1), 2, 0)).toBe(false)
    table.enabled = true
    expect(table.witness(flow(1, 2), 2, 0)).toBe(true)
    expect(table.witness(flow(1, 2), 1, 0)).toBe(false)
  })

  it('holds what fits, gives up the oldest beyond that, and says how many', () => {
    const table = new Sightings(1 << 12)
    for (let n = 0; n < 3_000; n++) table.witness(flow(n, 0), 1, 0)
    const crowded = table.evicted
    expect(crowded).toBeLessThan(300)
    for (let n = 3_000; n < 23_000; n++) table.witness(flow(n, 10), 1, 0)
    expect(table.live(START + 10_000)).toBeLessThanOrEqual(1 << 12)
    expect(table.evicted).toBeGreaterThan(15_000)
    // What has run out is no loss.
    const before = table.evicted
    for (let n = 0; n < 1_000; n++) table.witness(flow(n, 1_000), 1, 0)
    expect(table.evicted).toBe(before)
  })

  it('survives a stop, a kill at any moment, and a file that cannot be used', async () => {
    const path = join(dir, 'owners')
    const first = new Sightings(1 << 14)
    expect(first.restore(path, START)).toEqual({ entries: 0, problem: null })
    await first.save(path, START)
    for (let n = 0; n < 500; n++) first.witness(flow(n, 1), 1, 0)
    await first.save(path, START + 1_000)
    for (let n = 500; n < 1_000; n++) first.witness(flow(n, 2), 1, 0)
    first.flush()
    // No close: the process is gone. Half an entry more is what a kill in the middle of a write leaves.
    writeFileSync(`${path}.log`, Buffer.of(1, 2, 3, 4, 5, 6), { flag: 'a' })
    const second = new Sightings(1 << 14)
    expect(second.restore(path, START + 3_000)).toEqual({ entries: 1_000, problem: null })
    for (let n = 0; n < 1_000; n++) expect(second.witness(flow(n, 4), 2, 0)).toBe(true)
    first.close()
    // Leases that ran out meanwhile, and those of a clock ahead of ours, are not taken up.
    expect(new Sightings(1 << 14).restore(path, START + 3_600_000).entries).toBe(0)
    expect(new Sightings(1 << 14).restore(path, START - 3_600_000).entries).toBe(0)
    for (const [i, octets] of [Buffer.alloc(0), Buffer.from('damaged, and longer than a header'), Buffer.alloc(64, 0xff)].entries()) {
      const bad = join(dir, `bad-${i}`)
      writeFileSync(bad, octets)
      const { entries, problem } = new Sightings(1 << 10).restore(bad, START)
      expect(entries).toBe(0)
      expect(problem).toContain('no table of owners')
    }
    const huge = join(dir, 'huge')
    writeFileSync(huge, '')
    truncateSync(huge, 1 << 30)
    expect(new Sightings(1 << 10).restore(huge, START).problem).toContain('larger')
  })
})
