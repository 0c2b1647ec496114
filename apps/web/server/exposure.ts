import { formatAddress, maskAddress, parseAddress } from '@weir/db/contracts'

/** What roles without single hosts see of an address: its /24 or /48. */
const LENGTH = { 4: 24, 6: 48 } as const

// An address, or a network, wherever it stands in a text; what only looks like one is left alone by `cut`.
const SIX =
  /(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3}|\.\d{1,3}\.\d{1,3}\.\d{1,3})?(?:%[\w.]+)?(?:\/\d{1,3})?(?![\w:])/g
const FOUR = /(?<![\w.:])\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?(?!\w|\.\d)/g
/** Names of no host: unspecified, loopback, broadcast. */
const NOBODY = /^(0\.0\.0\.0|127\.\d+\.\d+\.\d+|255\.255\.255\.255|::|::1)$/

function cut(found: string): string {
  const [text = '', length] = found.split('/')
  const address = parseAddress(text.replace(/%.*$/, ''))
  if (address === null) return found
  const bits = LENGTH[address.family]
  if ((length !== undefined && Number(length) <= bits) || NOBODY.test(formatAddress(address))) return found
  return `${formatAddress(maskAddress(address, bits))}/${bits}`
}

/** A text with every single address in it cut to its network. The same address always becomes the same network. */
export const networksOnly = (text: string): string => text.replace(SIX, cut).replace(FOUR, cut)

/**
 * The last line before an answer leaves for someone who may not see single hosts: whatever a query, a name somebody gave, or a sentence holds, no
 * address finer than /24 or /48 gets through. Queries group by network themselves, so this changes little; it is what makes the promise hold for
 * routes that nobody thought of. Takes plain JSON; keys are cut as well.
 */
export function withoutHosts(value: unknown): unknown {
  if (typeof value === 'string') return networksOnly(value)
  if (Array.isArray(value)) return value.map(withoutHosts)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [networksOnly(key), withoutHosts(member)]))
}
