import { type BlockMatch, TCP_FLAGS } from '@weir/mitigation'
import type { Parameters } from '../queries/parameters.ts'

/**
 * A match as a SQL condition over the columns of `flow`, every value a parameter; never null.
 *
 * A flow keeps all flags of its packets together. So a match on flags hits what carries all the flags it wants, or does not tell: never less
 * than the rule would hit.
 */
export function matchSql(match: BlockMatch, parameters: Parameters): string {
  const parts: string[] = []
  if (match.src !== null) parts.push(`src_addr <<= ${parameters.add(match.src, 'inet')}`)
  if (match.dst !== null) parts.push(`dst_addr <<= ${parameters.add(match.dst, 'inet')}`)
  if (match.proto !== null) parts.push(`proto = ${parameters.add(match.proto, 'int')}`)
  for (const [column, ranges] of [
    ['src_port', match.srcPorts],
    ['dst_port', match.dstPorts],
  ] as const) {
    if (ranges.length === 0) continue
    const either = ranges.map(({ low, high }) => `${column} between ${parameters.add(low, 'int')} and ${parameters.add(high, 'int')}`)
    parts.push(`(${either.join(' or ')})`)
  }
  if (match.tcpFlags !== null && match.tcpFlags.set.length > 0) {
    const wanted = parameters.add(
      match.tcpFlags.set.reduce((bits, flag) => bits | (1 << TCP_FLAGS.indexOf(flag)), 0),
      'int',
    )
    parts.push(`(tcp_flags is null or (tcp_flags::int & ${wanted}) = ${wanted})`)
  }
  return parts.length === 0 ? 'true' : `coalesce(${parts.join(' and ')}, false)`
}

/**
 * The condition on a row of `rollup_conversation`: addresses and protocol exactly; of the two ports a row knows only the server's, so that a rule
 * with ports hits what it could. One side's ports say nothing of a row whose other side they may be; with both sides given, one of them must be
 * the server's.
 */
export function matchConversationSql(match: BlockMatch, parameters: Parameters): string {
  const { srcPorts, dstPorts } = match
  const sides = matchSql({ ...match, srcPorts: [], dstPorts: [], tcpFlags: null }, parameters)
  if (srcPorts.length === 0 || dstPorts.length === 0) return sides
  const either = [...srcPorts, ...dstPorts].map(
    ({ low, high }) => `service_port between ${parameters.add(low, 'int')} and ${parameters.add(high, 'int')}`,
  )
  return `(${sides} and coalesce(${either.join(' or ')}, false))`
}
