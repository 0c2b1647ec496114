import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decoder, type InterchangeFlow } from '../src/index.ts'
import { collector } from './captures.ts'
import { ipfix, ipfixTemplate, Octets, type Spec, set, v9, v9Template } from './encode.ts'

const SOURCE = { address: '192.0.2.1', port: 2055, receivedMs: 1_700_000_000_000 }

/** Elements that stand for one field each, with the octets that may carry them. */
const NUMBERS: readonly { id: number; field: string; octets: readonly number[] }[] = [
  { id: 1, field: 'bytes', octets: [1, 2, 3, 4, 5, 6, 7, 8] },
  { id: 2, field: 'packets', octets: [1, 2, 3, 4, 5, 6, 7, 8] },
  { id: 4, field: 'proto', octets: [1] },
  { id: 5, field: 'ip_tos', octets: [1] },
  { id: 6, field: 'tcp_flags', octets: [1] },
  { id: 7, field: 'src_port', octets: [2] },
  { id: 11, field: 'dst_port', octets: [2] },
  { id: 10, field: 'in_if', octets: [1, 2, 4] },
  { id: 14, field: 'out_if', octets: [1, 2, 4] },
  { id: 16, field: 'src_as', octets: [2, 4] },
  { id: 17, field: 'dst_as', octets: [2, 4] },
  { id: 9, field: 'src_mask', octets: [1] },
  { id: 13, field: 'dst_mask', octets: [1] },
  { id: 34, field: 'sampling_rate', octets: [1, 2] },
  { id: 54, field: 'fragment_id', octets: [2, 4] },
  { id: 58, field: 'src_vlan', octets: [2] },
  { id: 59, field: 'dst_vlan', octets: [2] },
  { id: 61, field: 'direction', octets: [1] },
  { id: 89, field: 'forwarding_status', octets: [1, 4] },
  { id: 128, field: 'next_hop_as', octets: [4] },
  { id: 136, field: 'flow_end_reason', octets: [1] },
  { id: 192, field: 'ip_ttl', octets: [1] },
  { id: 256, field: 'etype', octets: [2] },
]

interface Encoded {
  specs: Spec[]
  records: { octets: Uint8Array; expected: Record<string, bigint> }[]
}

/** A random template of distinct elements in random order and sizes, some variable, and records for it. */
const encoded: fc.Arbitrary<Encoded> = fc
  .record({
    chosen: fc.shuffledSubarray(NUMBERS as { id: number; field: string; octets: readonly number[] }[], { minLength: 1 }),
    sizes: fc.array(fc.nat(7), { minLength: NUMBERS.length, maxLength: NUMBERS.length }),
    variable: fc.array(fc.nat(3), { minLength: NUMBERS.length, maxLength: NUMBERS.length }),
    values: fc.array(fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: NUMBERS.length, maxLength: NUMBERS.length }), {
      minLength: 1,
      maxLength: 12,
    }),
  })
  .map(({ chosen, sizes, variable, values }) => {
    const octets = chosen.map((element, i) => element.octets[(sizes[i] ?? 0) % element.octets.length] ?? 1)
    const isVariable = chosen.map((_, i) => variable[i] === 0)
    return {
      specs: chosen.map((element, i): Spec => [element.id, isVariable[i] ? 65_535 : (octets[i] ?? 1)]),
      records: values.map((row) => {
        const o = new Octets()
        const expected: Record<string, bigint> = {}
        for (const [i, element] of chosen.entries()) {
          const size = octets[i] ?? 1
          const value = BigInt.asUintN(size * 8, row[i] ?? 0n)
          expected[element.field] = value
          const bytes = new Octets().uint(value, size).done()
          if (isVariable[i]) o.variable(bytes)
          else o.bytes(bytes)
        }
        return { octets: o.done(), expected }
      }),
    }
  })

function check(flow: InterchangeFlow | undefined, expected: Record<string, bigint>): void {
  for (const [field, value] of Object.entries(expected)) {
    // A sampling interval of 0 says nothing.
    const got = flow?.[field]
    if (field === 'sampling_rate' && value === 0n) expect(got).toBeUndefined()
    else if (typeof got !== 'number' && typeof got !== 'bigint') expect.fail(`${field} is absent, ${value} was sent`)
    else expect(BigInt(got)).toBe(value)
  }
}

describe('what is encoded is decoded', () => {
  test('any template of any sizes and any values, in v9 and IPFIX, in either order of template and data', () => {
    fc.assert(
      fc.property(encoded, fc.boolean(), fc.boolean(), ({ specs, records }, ipfixes, dataFirst) => {
        const body = new Octets()
        for (const record of records) body.bytes(record.octets)
        const template = ipfixes ? set(2, ipfixTemplate(256, specs)) : set(0, v9Template(256, specs))
        const sets = dataFirst ? [set(256, body.done()), template] : [template, set(256, body.done())]
        const sink = collector()
        const decoder = new Decoder()
        for (const one of sets) decoder.decode(ipfixes ? ipfix([one]) : v9([one]), SOURCE, sink)
        expect(sink.flows).toHaveLength(records.length)
        for (const [i, record] of records.entries()) check(sink.flows[i], record.expected)
      }),
      { numRuns: 2000, seed: 20_261_120 },
    )
  }, 60_000)

  test('records of several templates in turn never leak a field into each other', () => {
    fc.assert(
      fc.property(encoded, encoded, (a, b) => {
        const sink = collector()
        const decoder = new Decoder()
        decoder.decode(ipfix([set(2, ipfixTemplate(256, a.specs)), set(2, ipfixTemplate(257, b.specs))]), SOURCE, sink)
        for (let i = 0; i < Math.max(a.records.length, b.records.length); i++) {
          for (const [id, of] of [
            [256, a],
            [257, b],
          ] as const) {
            const record = of.records[i]
            if (record === undefined) continue
            sink.flows.length = 0
            decoder.decode(ipfix([set(id, record.octets)]), SOURCE, sink)
            check(sink.flows[0], record.expected)
            for (const { field } of NUMBERS) {
              const derived = field === 'etype' || field === 'sampling_rate' || (field === 'src_vlan' && 'vlan_id' in record.expected)
              if (!(field in record.expected) && !derived && sink.flows[0]?.[field] !== undefined) expect.fail(`${field} leaked`)
            }
          }
        }
      }),
      { numRuns: 500, seed: 7 },
    )
  }, 60_000)
})
