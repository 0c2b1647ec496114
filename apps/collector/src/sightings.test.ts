import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFlowRecord, type FlowRecord, parseAddress } from '@weir/decoder'
import fc from 'fast-check'
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

/**
 * The rules of sightings.ts said plainly: a map without bounds, every report told at once. `evicted` has no place here, so the tables it is compared
 * with must have room.
 */
class Plain {
  witnesses = 0
  takenOver = 0
  readonly #owners = new Map<string, { exporter: number; side: number; second: number; span: number }>()
  readonly #silent: (exporterId: number) => boolean

  constructor(silent: (exporterId: number) => boolean) {
    this.#silent = silent
  }

  /** What a file does not keep. */
  dropEnded(second: number): void {
    for (const [key, { second: last, span }] of this.#owners) if (second > last + Math.max(300, 2 * span)) this.#owners.delete(key)
  }

  witness(record: FlowRecord, exporter: number, durationMs: number): boolean {
    const { srcAddr, dstAddr, proto, srcPort, dstPort } = record
    const key = [srcAddr, dstAddr].map((a) => a.bytes.subarray(0, a.length).join('.')).join(`/${proto}/${srcPort}/${dstPort}/`)
    const side = record.direction === 0 ? 1 : record.direction === 1 ? 2 : 0
    const second = Math.floor(record.receivedMs / 1000)
    const span = Math.min(3_600, Math.ceil(durationMs / 1000))
    const found = this.#owners.get(key)
    const held = found !== undefined && second <= found.second + Math.max(300, 2 * found.span)
    const otherSide = found?.exporter === exporter && found.side !== side && found.side !== 0 && side !== 0
    if (found?.exporter === exporter && !otherSide) {
      found.span = Math.min(3_600, Math.max(held ? Math.max(found.span, second - found.second) : 0, span))
      found.second = second
      return false
    }
    if (found !== undefined && held && (found.exporter === exporter || !this.#silent(found.exporter))) {
      this.witnesses++
      return true
    }
    if (found !== undefined) this.takenOver++
    this.#owners.set(key, { exporter, side, second, span })
    return false
  }
}

describe('reports that are noted first and told later', () => {
  const report = fc.record({
    // Some networks have one teller for long and then another, others two from the start.
    net: fc.nat(5),
    host: fc.nat(11),
    six: fc.boolean(),
    exporter: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 4 }) }),
    direction: fc.oneof({ weight: 6, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.constantFrom(0, 1) }),
    pause: fc.oneof({ weight: 30, arbitrary: fc.nat(3) }, { weight: 2, arbitrary: fc.nat(400) }, { weight: 1, arbitrary: fc.nat(9_000) }),
    duration: fc.oneof({ weight: 5, arbitrary: fc.nat(60_000) }, { weight: 1, arbitrary: fc.nat(5_000_000) }),
    // What happens before it: nothing, a look, a flush, a stop, a kill after the last flush.
    before: fc.oneof({ weight: 60, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom('look', 'stop', 'kill') }),
  })

  const told = (r: { net: number; host: number; six: boolean; direction: number }, second: number) => {
    const record = flow(r.host, second, { direction: r.direction })
    parseAddress(r.six ? `2001:db${r.net}::${r.host + 1}` : `${20 + r.net * 16}.0.0.${r.host + 1}`, record.srcAddr)
    if (r.six) parseAddress('2001:db8:ffff::1', record.dstAddr)
    return record
  }

  it('say the same as reports that are told at once, whoever comes late, through looks, stops and kills', async () => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(report, { minLength: 1, maxLength: 600, size: 'max' }), fc.nat(4), async (reports, quiet) => {
        const path = join(dir, `property-${runs++}`)
        const silent = (id: number) => id === quiet
        const plain = new Plain(silent)
        let table = new Sightings(1 << 12, silent)
        await table.save(path, START)
        let counted = { witnesses: 0, takenOver: 0 }
        let second = 0
        for (const [i, r] of reports.entries()) {
          second += r.pause
          if (r.before === 'look') expect(table.takenOver + counted.takenOver).toBe(plain.takenOver)
          if (r.before === 'stop' || r.before === 'kill') {
            // A kill loses renewals since the last save, by design: they are in no journal.
            await table.save(path, START + second * 1000)
            plain.dropEnded(START / 1000 + second)
            counted = { witnesses: counted.witnesses + table.witnesses, takenOver: counted.takenOver + table.takenOver }
            if (r.before === 'stop') table.close()
            table = new Sightings(1 << 12, silent)
            expect(table.restore(path, START + second * 1000).problem).toBeNull()
            await table.save(path, START + second * 1000)
          }
          const record = told(r, second)
          if (table.witness(record, r.exporter, r.duration) !== plain.witness(record, r.exporter, r.duration))
            throw new Error(`report ${i}`)
        }
        expect(table.witnesses + counted.witnesses).toBe(plain.witnesses)
        expect(table.evicted).toBe(0)
        table.close()
      }),
      { numRuns: 100 },
    )
  })

  it('are known to the second exporter of a network at once, however many there are', () => {
    const table = new Sightings(1 << 16)
    for (let n = 0; n < 10_000; n++) expect(table.witness(flow(n, 0), 1, 0)).toBe(false)
    for (let n = 0; n < 10_000; n++) expect(table.witness(flow(n, 1), 2, 0)).toBe(true)
    expect(table.live(START + 1_000)).toBe(10_000)
  })

  it('are in the journal with the next flush, so that a kill loses none of those before it', async () => {
    const path = join(dir, 'noted')
    const first = new Sightings(1 << 14)
    await first.save(path, START)
    for (let n = 0; n < 100; n++) first.witness(flow(n, 1), 1, 0)
    first.flush()
    const second = new Sightings(1 << 14)
    expect(second.restore(path, START + 2_000)).toEqual({ entries: 100, problem: null })
    for (let n = 0; n < 100; n++) expect(second.witness(flow(n, 2), 2, 0)).toBe(true)
    first.close()
  })

  it('do not make a restart forget whose conversations the networks are', async () => {
    const path = join(dir, 'restarted')
    const first = new Sightings(1 << 14)
    await first.save(path, START)
    first.witness(flow(1, 0), 1, 0)
    await first.save(path, START)
    first.close()
    const second = new Sightings(1 << 14)
    second.restore(path, START)
    // Conversations of the same network that only the new one tells, before the one that is owned.
    for (let n = 2; n < 50; n++) expect(second.witness(flow(n, 200), 2, 0)).toBe(false)
    expect(second.witness(flow(1, 299), 2, 0)).toBe(true)
    expect(second.witness(flow(1, 301), 2, 0)).toBe(false)
    expect(second.takenOver).toBe(1)
  })

  it('are judged when the disk of the journal fails, which the next flush says', async () => {
    const path = join(dir, 'full')
    symlinkSync('/dev/full', `${path}.log.new`)
    const table = new Sightings(1 << 17)
    await expect(table.save(path, START)).rejects.toThrow('ENOSPC')
    for (let n = 0; n < 5_000; n++) table.witness(flow(n, 1), 1, 0)
    expect(() => table.flush()).toThrow('ENOSPC')
    for (let n = 0; n < 5_000; n++) expect(table.witness(flow(n, 2), 2, 0)).toBe(true)
    table.close()
  })
})
