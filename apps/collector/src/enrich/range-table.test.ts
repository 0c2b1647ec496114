import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RangeBuilder } from './range-table.ts'
import { toRange } from './reserved.ts'

const SPACE = 2 ** 32

/** Random ascending, possibly adjoining ranges of IPv4 space, with values that often repeat. */
const ranges = fc
  .uniqueArray(fc.integer({ min: 0, max: SPACE }), { minLength: 2, maxLength: 40 })
  .chain((cuts) =>
    fc.tuple(fc.constant(cuts.sort((a, b) => a - b)), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 40, maxLength: 40 })),
  )

describe('a table of ranges', () => {
  it('answers every address as a plain search through the ranges does', () => {
    fc.assert(
      fc.property(ranges, fc.array(fc.nat(SPACE - 1), { maxLength: 50 }), ([cuts, values], probes) => {
        const builder = new RangeBuilder()
        for (let i = 0; i + 1 < cuts.length; i += 1) builder.add(cuts[i] ?? 0, 0, cuts[i + 1] ?? 0, 0, values[i] ?? 0)
        const table = builder.table4()
        const edges = cuts.flatMap((cut) => [cut - 1, cut]).filter((a) => a >= 0 && a < SPACE)
        for (const address of [...probes, ...edges]) {
          const at = cuts.findIndex((cut, i) => address >= cut && address < (cuts[i + 1] ?? 0))
          expect(table.lookup(address)).toBe(at < 0 ? 0 : (values[at] ?? 0))
        }
      }),
    )
  })

  it('answers the same when asked again, also after addresses that took the slot in between', () => {
    const builder = new RangeBuilder()
    for (let i = 0; i < 4096; i++) builder.add(i * 1_048_576, 0, (i + 1) * 1_048_576, 0, i % 251)
    const table = builder.table4()
    const expected = (address: number) => Math.floor(address / 1_048_576) % 251
    // Ten times as many addresses as slots, each asked twice in a row and once more after all others.
    const addresses = Array.from({ length: 160_000 }, (_, i) => (i * 2_654_435_761) % SPACE)
    const wrong = (address: number) => table.lookup(address) !== expected(address)
    expect(addresses.filter((address) => wrong(address) || wrong(address))).toEqual([])
    expect(addresses.filter(wrong)).toEqual([])
  })

  it('knows a first octet that is all one value, and one that only its last address tells apart', () => {
    const builder = new RangeBuilder([toRange('10.0.0.0/8')])
    builder.add(0x0b000000, 0, 0x0bffffff, 0, 3)
    builder.add(0x0c000000, 0, 0x0e000000, 0, 4_200_000_000)
    const table = builder.table4()
    const probes = [0x0a000000, 0x0affffff, 0x0b000000, 0x0bfffffe, 0x0bffffff, 0x0c000000, 0x0dffffff, 0x0e000000]
    expect(probes.map((a) => table.lookup(a))).toEqual([0, 0, 3, 3, 0, 4_200_000_000, 4_200_000_000, 0])
  })

  it('leaves gaps unknown and holds both ends of the space', () => {
    const builder = new RangeBuilder()
    builder.add(0, 0, 256, 0, 7)
    builder.add(SPACE - 1, 0, SPACE, 0, 9)
    const table = builder.table4()
    expect([0, 255, 256, SPACE - 2, SPACE - 1].map((a) => table.lookup(a))).toEqual([7, 7, 0, 0, 9])
  })

  it('keeps reserved space unknown, whatever is added over it', () => {
    const builder = new RangeBuilder([toRange('10.0.0.0/8'), toRange('224.0.0.0/3')])
    builder.add(0, 0, SPACE, 0, 5)
    const table = builder.table4()
    expect([0x09ffffff, 0x0a000000, 0x0affffff, 0x0b000000, 0xdfffffff, 0xe0000000, 0xffffffff].map((a) => table.lookup(a))).toEqual([
      5, 0, 0, 5, 5, 0, 0,
    ])
  })

  it('keeps the first of two ranges that overlap', () => {
    const builder = new RangeBuilder()
    builder.add(100, 0, 200, 0, 1)
    builder.add(150, 0, 250, 0, 2)
    const table = builder.table4()
    expect([99, 100, 199, 200, 249, 250].map((a) => table.lookup(a))).toEqual([0, 1, 1, 2, 2, 0])
  })

  it('tells IPv6 networks apart down to /64', () => {
    const builder = new RangeBuilder([toRange('2001:db8::/32')])
    builder.add(0x20010000, 0, 0x20020000, 0, 1)
    builder.add(0x2a000000, 5, 0x2a000000, 6, 2)
    const table = builder.table6()
    expect(table.lookup(0x20010db7, 0xffffffff)).toBe(1)
    expect(table.lookup(0x20010db8, 0)).toBe(0)
    expect(table.lookup(0x20010db9, 0)).toBe(1)
    expect([4, 5, 6].map((low) => table.lookup(0x2a000000, low))).toEqual([0, 2, 0])
  })
})
