import { parsePrefix } from '../config.ts'
import type { Range } from './range-table.ts'

// Addresses that lie in no country and belong to no autonomous system: the special-purpose registries of IANA (RFC 6890 and its updates)
// and multicast. Data packages sometimes place them; Weir does not.
const RESERVED_4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]

const RESERVED_6 = [
  '::/16',
  '64:ff9b:1::/48',
  '100::/64',
  '2001:2::/48',
  '2001:db8::/32',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
]

export const reserved4: Range[] = RESERVED_4.map(toRange)
export const reserved6: Range[] = RESERVED_6.map(toRange)

/** The prefix as a range of the first 64 bits of its family's space. Prefixes longer than /64 count as their /64. */
export function toRange(text: string): Range {
  const prefix = parsePrefix(text)
  if (prefix === null) throw new RangeError(`"${text}" is not a prefix`)
  const view = new DataView(prefix.octets.buffer)
  const fromHigh = view.getUint32(0)
  const fromLow = prefix.family === 6 ? view.getUint32(4) : 0
  const bits = Math.min(prefix.bits, 64)
  if (bits <= 32) return { fromHigh, fromLow, toHigh: fromHigh + 2 ** (32 - bits), toLow: 0 }
  const toLow = fromLow + 2 ** (64 - bits)
  return toLow < 2 ** 32 ? { fromHigh, fromLow, toHigh: fromHigh, toLow } : { fromHigh, fromLow, toHigh: fromHigh + 1, toLow: 0 }
}
