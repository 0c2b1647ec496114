import { formatAddress, isHost, parseAddress } from '../address.ts'
import type { BlockIntent } from '../intent.ts'
import { prefixOf } from '../match.ts'
import { commandsOf, commandText } from './argv.ts'
import { type Dialect, dialect, linesOf, needsSide, type ParsedRule, RenderError, type Support } from './dialect.ts'
import { prefixText } from './entries.ts'

/**
 * Remotely triggered black hole (RFC 7999): a host route with the blackhole community. It gives the victim up to save the rest, so
 * it is only said for a rule that means exactly that: drop everything to one host.
 */
export interface RtbhOptions {
  /** Next hop that the routers discard to, per IP version. */
  nextHop4: string
  nextHop6: string
  /** `65535:666` is BLACKHOLE (RFC 7999); some providers want their own. */
  community: string
}

export const RTBH_DEFAULTS: RtbhOptions = { nextHop4: '192.0.2.1', nextHop6: '100::1', community: '65535:666' }
/** A black hole must not leave the network (RFC 7999, section 3.2). */
const NO_EXPORT = '65535:65281'

function supports(intent: BlockIntent): Support {
  const side = needsSide(intent)
  if (!side.ok) return side
  const { match, action } = intent
  const reason = 'A black hole drops everything to one host: give that host as destination and nothing else.'
  const only = match.src === null && match.proto === null && match.srcPorts.length + match.dstPorts.length === 0 && match.tcpFlags === null
  if (match.dst === null || !isHost(prefixOf(match.dst)) || !only) return { ok: false, reason }
  if (action.kind !== 'drop') return { ok: false, reason: 'A black hole drops; it cannot limit.' }
  return { ok: true }
}

/** Settings as they are written to a device. Throws RangeError that names the setting: it fails at start, not at the first block. */
function checked(options: Partial<RtbhOptions>): RtbhOptions {
  const all = { ...RTBH_DEFAULTS, ...options }
  const hop = (name: 'nextHop4' | 'nextHop6', octets: number) => {
    const address = parseAddress(all[name])
    if (address === null || address.length !== octets) throw new RangeError(`${name}: give an IPv${octets === 4 ? 4 : 6} address`)
    return formatAddress(address)
  }
  const parts = /^(\d{1,5}):(\d{1,5})$/.exec(all.community)?.slice(1).map(Number)
  if (parts === undefined || parts.some((part) => part > 65_535))
    throw new RangeError('community: give two numbers to 65535 like 65535:666')
  return { nextHop4: hop('nextHop4', 4), nextHop6: hop('nextHop6', 16), community: parts.join(':') }
}

function ruleOf(prefix: string | undefined, id: string): ParsedRule {
  const dst = prefixText(prefix, id)
  if (!isHost(prefixOf(dst))) throw new RenderError('unreadable', id, 'a black hole is for one host')
  return {
    id: null,
    match: { src: null, dst, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null },
    action: { kind: 'drop' },
    ttlSeconds: null,
  }
}

/** `announce route 192.0.2.7/32 next-hop 192.0.2.1 community [ 65535:666 65535:65281 ]` for ExaBGP's text API. */
export function exabgpRtbh(options: Partial<RtbhOptions> = {}): Dialect {
  const id = 'exabgp-rtbh'
  const { nextHop4, nextHop6, community } = checked(options)
  const route = (dst: string) => `route ${dst} next-hop ${dst.includes(':') ? nextHop6 : nextHop4} community [ ${community} ${NO_EXPORT} ]`
  return dialect({
    id,
    title: 'Black hole route (ExaBGP)',
    base: null,
    expiresByItself: true,
    supports,
    write: ({ match }) => ({
      apply: `announce ${route(match.dst ?? '')}\n`,
      undo: `withdraw ${route(match.dst ?? '')}\n`,
      check: 'show adj-rib out extensive\n',
      confirm: null,
    }),
    parse(apply) {
      const rule = ruleOf(linesOf(apply)[0]?.split(' ')[2], id)
      if (apply !== `announce ${route(rule.match.dst ?? '')}\n`) throw new RenderError('unreadable', id, 'this is not a black hole of ours')
      return rule
    },
  })
}

/** `gobgp global rib add -a ipv4 192.0.2.7/32 nexthop 192.0.2.1 community 65535:666,65535:65281`, as an argument list. */
export function gobgpRtbh(options: Partial<RtbhOptions> = {}): Dialect {
  const id = 'gobgp-rtbh'
  const { nextHop4, nextHop6, community } = checked(options)
  const command = (verb: string, dst: string) => {
    const [table, hop] = dst.includes(':') ? ['ipv6', nextHop6] : ['ipv4', nextHop4]
    return commandText(['gobgp', 'global', 'rib', verb, '-a', table, dst, 'nexthop', hop, 'community', `${community},${NO_EXPORT}`], id)
  }
  return dialect({
    id,
    title: 'Black hole route (GoBGP)',
    base: null,
    expiresByItself: true,
    supports,
    write: ({ match }) => ({
      apply: command('add', match.dst ?? ''),
      undo: command('del', match.dst ?? ''),
      check: commandText(['gobgp', 'global', 'rib', '-j', '-a', match.dst?.includes(':') === true ? 'ipv6' : 'ipv4'], id),
      confirm: null,
    }),
    parse(apply) {
      const rule = ruleOf(commandsOf(apply, id)[0]?.[6], id)
      if (apply !== command('add', rule.match.dst ?? '')) throw new RenderError('unreadable', id, 'this is not a black hole of ours')
      return rule
    },
  })
}
