import { formatAddress, type IpAddress } from '@weir/db/contracts'
import { describe, expect, it } from 'vitest'
import { networksOnly, withoutHosts } from '../../apps/web/server/exposure.ts'

describe('what roles without single hosts get', () => {
  it.each([
    ['192.0.2.7', '192.0.2.0/24'],
    ['192.0.2.7/32', '192.0.2.0/24'],
    ['192.0.2.128/25', '192.0.2.0/24'],
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['2001:db8:1:2::3', '2001:db8:1::/48'],
    ['2001:DB8:1:2::3/128', '2001:db8:1::/48'],
    ['2001:db8::/32', '2001:db8::/32'],
    ['[2001:db8::7]:443', '[2001:db8::/48]:443'],
    ['::ffff:192.0.2.7', '::/48'],
    ['fe80::1%eth0', 'fe80::/48'],
    ['Drop everything from 192.0.2.7.', 'Drop everything from 192.0.2.0/24.'],
    ['192.0.2.7:53 → 198.51.100.9:1024', '192.0.2.0/24:53 → 198.51.100.0/24:1024'],
    ['(src_addr = 192.0.2.7, dst_addr=2001:db8::1)', '(src_addr = 192.0.2.0/24, dst_addr=2001:db8::/48)'],
    ['the exporter edge-192.0.2.7-a', 'the exporter edge-192.0.2.0/24-a'],
  ])('%s → %s', (text, cut) => expect(networksOnly(text)).toBe(cut))

  it.each([
    '12:34:56',
    '2026-11-21T02:00:00.000Z',
    '00:1b:21:3c:9d:f8',
    'Weir 1.2.3',
    '300.1.2.3',
    '127.0.0.1',
    '0.0.0.0/0',
    '::/0',
    'a::b::c',
  ])('%s is left alone', (text) => expect(networksOnly(text)).toBe(text))

  it('reaches every corner of an answer, keys too', () => {
    expect(withoutHosts({ '192.0.2.7': [{ text: 'x 198.51.100.9' }, null, 3, true], n: 0 })).toEqual({
      '192.0.2.0/24': [{ text: 'x 198.51.100.0/24' }, null, 3, true],
      n: 0,
    })
  })

  it('keeps networks apart and hosts of one together, the same each time, on 100,000 pairs of both families', () => {
    let seed = 20_261_121
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return seed
    }
    const wide = (words: number) =>
      Array.from({ length: words }, () => BigInt(random() >>> 16)).reduce((sum, word) => (sum << 16n) | word, 0n)
    const text = (family: 4 | 6, value: bigint) => formatAddress({ family, value } satisfies IpAddress)
    for (let pair = 0; pair < 100_000; pair++) {
      const family = pair % 2 === 0 ? 4 : 6
      const [bits, kept] = family === 4 ? [32n, 24n] : [128n, 48n]
      // Public unicast, so that none is one of nobody's.
      const one = family === 4 ? (wide(2) & 0x1fff_ffffn) | 0x4000_0000n : (wide(8) & ((1n << 125n) - 1n)) | (1n << 125n)
      const flipped = BigInt(random() >>> 8) % bits
      const other = one ^ (1n << flipped)
      const same = flipped < bits - kept
      const [a, b] = [networksOnly(text(family, one)), networksOnly(`to ${text(family, other)} and`).slice(3, -4)]
      if ((a === b) !== same || networksOnly(text(family, one)) !== a)
        expect.fail(`${text(family, one)} and ${text(family, other)}: ${a}, ${b}`)
    }
  })
})
