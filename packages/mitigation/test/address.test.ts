import { describe, expect, it } from 'vitest'
import { contains, formatAddress, formatPrefix, overlaps, type Prefix, parseAddress, parsePrefix } from '../src/address.ts'
import { dice, meet, readNet } from './oracle.ts'

const prefix = (text: string): Prefix => {
  const result = parsePrefix(text)
  if (!result.ok) throw new Error(`${text}: ${result.message}`)
  return result.prefix
}
const canonical = (text: string) => formatPrefix(prefix(text))

describe('an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7/32'],
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['::/0', '::/0'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1/128'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1/128'],
    ['2001:0db8::0001', '2001:db8::1/128'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3/128'],
    ['1::', '1::/128'],
    ['::', '::/128'],
    ['::ffff:192.0.2.7', '192.0.2.7/32'],
    ['::ffff:c000:207', '192.0.2.7/32'],
    ['0:0:0:0:0:ffff:192.0.2.0/120', '192.0.2.0/24'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201/128'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201/128'],
  ])('%s is %s', (text, expected) => {
    expect(canonical(text)).toBe(expected)
    expect(canonical(expected)).toBe(expected)
  })
  it.each([
    '',
    ' ',
    '0x7f.1',
    '127.1',
    '1',
    '2130706433',
    '0177.0.0.1',
    '01.2.3.4',
    '1.2.3.04',
    '1.2.3.256',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.4.',
    '.1.2.3.4',
    '1.2.3.-4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4\n',
    '1.2.3.4/',
    '1.2.3.4/33',
    '1.2.3.4/032',
    '1.2.3.4/-1',
    '1.2.3.4/24/24',
    '1.2.3.4/255.255.255.0',
    '1.2.3.4/3 2',
    '１.2.3.4',
    'fe80::1%eth0',
    'fe80::1%25eth0',
    '[::1]',
    ':',
    ':::',
    '1:::2',
    '::1::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8:',
    '::1:2:3:4:5:6:7:8',
    '12345::',
    'g::',
    '::1.2.3',
    '::01.2.3.4',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '::/129',
    '::/0128',
    '0x1::',
    'localhost',
    'any',
    '*',
    `${'0'.repeat(10_000)}`,
  ])('%j is refused', (text) => {
    const result = parsePrefix(text)
    expect(result.ok).toBe(false)
    if (!result.ok) expect(result.remedy).not.toBe('')
    expect(parseAddress(text)).toBeNull()
  })
  it.each([
    ['192.0.2.7/24', '192.0.2.0/24'],
    ['2001:db8::7/48', '2001:db8::/48'],
    ['::ffff:192.0.2.7/120', '192.0.2.0/24'],
    ['::ffff:192.0.2.7/64', '::/64'],
    ['1.2.3.4/0', '0.0.0.0/0'],
  ])('%s has host bits: %s is offered, not assumed', (text, offered) => {
    const result = parsePrefix(text)
    expect(result).toMatchObject({ ok: false })
    if (!result.ok) {
      expect(result.canonical === null ? null : formatPrefix(result.canonical)).toBe(offered)
      expect(result.remedy).toContain(offered)
    }
  })
})

describe('networks, against bits compared one by one', () => {
  const d = dice(11)
  const random = () => {
    const four = d.chance(0.5)
    const octets = Array.from({ length: four ? 4 : 16 }, () => (d.chance(0.6) ? d.below(2) : d.below(256)))
    const bits = d.below(octets.length * 8 + 1)
    const cut = octets.map(
      (octet, i) => (octet >> Math.max(0, Math.min(8, 8 - (bits - i * 8)))) << Math.max(0, Math.min(8, 8 - (bits - i * 8))),
    )
    return `${formatAddress(Uint8Array.from(cut))}/${bits}`
  }
  it('reading, overlap and containment agree on 20,000 pairs', () => {
    let met = 0
    for (let i = 0; i < 20_000; i++) {
      const [a, b] = [random(), random()]
      const [x, y] = [readNet(a), readNet(b)]
      if (x === 'refused' || y === 'refused') throw new Error(`oracle refuses ${a} or ${b}`)
      const [p, q] = [prefix(a), prefix(b)]
      const expected = meet(x, y)
      met += Number(expected)
      if (overlaps(p, q) !== expected || contains(p, q) !== (expected && x.bits.length <= y.bits.length)) expect.fail(`${a} and ${b}`)
    }
    expect(met).toBeGreaterThan(1_000)
  })
  it('canonical text reads back as the same network, and is the same for every spelling', () => {
    for (let i = 0; i < 5_000; i++) {
      const text = random()
      expect(canonical(canonical(text))).toBe(canonical(text))
      const long = text.includes(':')
        ? Array.from({ length: 8 }, (_, g) => prefix(text).octets.subarray(g * 2, g * 2 + 2))
            .map((g) => Buffer.from(g).toString('hex').toUpperCase())
            .join(':')
        : null
      if (long !== null && prefix(text).octets.length === 16) expect(canonical(`${long}/${prefix(text).bits}`)).toBe(canonical(text))
    }
  })
})
