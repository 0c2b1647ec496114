import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'

/** Set by server.ts on every request, over whatever the client sent under this name. */
export const CLIENT_HEADER = 'x-weir-client'

const bare = (address: string) => (address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address)

/**
 * The address that really connected; behind a trusted proxy, the last address in X-Forwarded-For that is no trusted proxy itself.
 * X-Forwarded-For of anyone else is ignored: it is text the client chose.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: readonly string[]): string {
  const peer = bare(request.socket.remoteAddress ?? '')
  if (!trustedProxies.includes(peer)) return peer
  const forwarded = request.headers['x-forwarded-for']
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',').map((hop) => bare(hop.trim()))
  return hops.reverse().find((hop) => hop !== '' && !trustedProxies.includes(hop)) ?? peer
}

/** What one household or attacker has: the /32 of IPv4, the /64 of IPv6. */
export function addressBlock(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = tail === undefined ? left : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
