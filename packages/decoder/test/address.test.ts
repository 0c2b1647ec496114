import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAddress, formatAddress, formatMac, formatPrefix, parseAddress } from '../src/index.ts'

function format(octets: readonly number[]): string {
  const address = createAddress()
  address.bytes.set(octets)
  address.length = octets.length === 4 ? 4 : 16
  return formatAddress(address)
}

describe('canonical text of addresses (RFC 5952)', () => {
  test.each([
    ['2001:db8::1', [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]],
    ['2001:db8:0:1:1:1:1:1', [0x2001, 0xdb8, 0, 1, 1, 1, 1, 1]],
    ['2001:0:0:1::1', [0x2001, 0, 0, 1, 0, 0, 0, 1]],
    ['2001:db8::1:0:0:1', [0x2001, 0xdb8, 0, 0, 1, 0, 0, 1]],
    ['::', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['::1', [0, 0, 0, 0, 0, 0, 0, 1]],
    ['fe80::', [0xfe80, 0, 0, 0, 0, 0, 0, 0]],
    ['::ffff:192.0.2.1', [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201]],
    ['::6568:c711:0:0:6568:c711', [0, 0, 0x6568, 0xc711, 0, 0, 0x6568, 0xc711]],
  ])('%s', (text, groups) => {
    expect(format(groups.flatMap((g) => [g >> 8, g & 255]))).toBe(text)
  })

  test('text and octets convert into each other for any address', () => {
    const octets = fc.oneof(
      fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 }),
      fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })), { minLength: 16, maxLength: 16 }),
    )
    fc.assert(
      fc.property(octets, (wanted) => {
        const back = createAddress()
        expect(parseAddress(format(wanted), back)).toBe(true)
        expect([...back.bytes.subarray(0, back.length)]).toEqual(wanted)
      }),
      { numRuns: 5000 },
    )
  })

  test('what is no address is refused, and never throws', () => {
    for (const text of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', ':::', '1::2::3', '12345::', 'g::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9'])
      expect(parseAddress(text, createAddress())).toBe(false)
    fc.assert(
      fc.property(fc.string(), (text) => typeof parseAddress(text, createAddress()) === 'boolean'),
      { numRuns: 2000 },
    )
  })

  test('prefixes clear their host bits; MACs have twelve digits', () => {
    const address = createAddress()
    parseAddress('10.1.255.7', address)
    expect(formatPrefix(address, 20)).toBe('10.1.240.0/20')
    expect(formatPrefix(address, 33)).toBe('')
    parseAddress('2001:db8:ffff::1', address)
    expect(formatPrefix(address, 33)).toBe('2001:db8:8000::/33')
    expect(formatMac(0x0203)).toBe('00:00:00:00:02:03')
  })
})
