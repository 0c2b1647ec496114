import { type BlockMatch, joinRanges, type PortRange, TCP_FLAGS, type TcpFlag, type TcpFlagsMatch } from '../match.ts'
import { RenderError } from './dialect.ts'
import { number, prefixText } from './entries.ts'

/**
 * BGP FlowSpec components (RFC 8955 section 4.2.2, RFC 8956 for IPv6), as two speakers write them. Parts of one component are
 * alternatives, components are all required: a BlockMatch says the same, so nothing is multiplied out.
 */
export interface Spelling {
  dialect: string
  /** Equality of a number: `=` or `==`. */
  equals: string
  /** The match bit of a bitmask ("all of these are set") and the join of flag names. */
  flags: Record<TcpFlag, string>
  join: string
  proto: Record<4 | 6, string>
}

export interface Component {
  name: string
  terms: string[]
}

/** In the order of RFC 8955: destination, source, protocol, ports, flags. */
export function componentsOf(match: BlockMatch, family: 4 | 6, s: Spelling): Component[] {
  const out: Component[] = []
  const add = (name: string, terms: string[]) => {
    if (terms.length > 0) out.push({ name, terms })
  }
  const range = ({ low, high }: PortRange) => (low === high ? `${s.equals}${low}` : `>=${low}&<=${high}`)
  add('destination', match.dst === null ? [] : [match.dst])
  add('source', match.src === null ? [] : [match.src])
  add(s.proto[family], match.proto === null ? [] : [`${s.equals}${match.proto}`])
  add('destination-port', match.dstPorts.map(range))
  add('source-port', match.srcPorts.map(range))
  add('tcp-flags', match.tcpFlags === null ? [] : [flagTerm(match.tcpFlags, s)])
  return out
}

/** `=syn+psh&!ack`: all of the first, and none of the others, each refused by itself. */
function flagTerm(flags: TcpFlagsMatch, s: Spelling): string {
  const set = flags.set.length === 0 ? [] : [`=${flags.set.map((flag) => s.flags[flag]).join(s.join)}`]
  return [...set, ...flags.unset.map((flag) => `!${s.flags[flag]}`)].join('&')
}

function flagsOf(text: string, s: Spelling): TcpFlagsMatch {
  const named = (name: string) => TCP_FLAGS.find((flag) => s.flags[flag] === name)
  const set: TcpFlag[] = []
  const unset: TcpFlag[] = []
  for (const [i, part] of text.split('&').entries()) {
    if (part.startsWith('=') && i === 0)
      for (const name of s.join === '' ? [...part.slice(1)] : part.slice(1).split(s.join)) {
        const flag = named(name)
        if (flag !== undefined) set.push(flag)
        else throw new RenderError('unreadable', s.dialect, 'a TCP flag is not known')
      }
    else {
      const flag = part.startsWith('!') ? named(part.slice(1)) : undefined
      if (flag === undefined) throw new RenderError('unreadable', s.dialect, 'a TCP flag is not known')
      unset.push(flag)
    }
  }
  return { set, unset }
}

/** The match that these components say. Throws RenderError `unreadable` for a component that is unknown, twice, or out of form. */
export function matchOf(components: readonly Component[], family: 4 | 6, s: Spelling): BlockMatch {
  const left = new Map(components.map(({ name, terms }) => [name, terms]))
  if (left.size !== components.length) throw new RenderError('unreadable', s.dialect, 'a component is given twice')
  const take = (name: string) => {
    const terms = left.get(name) ?? []
    left.delete(name)
    return terms
  }
  const single = <T>(name: string, read: (term: string) => T): T | null => {
    const [term, more] = take(name)
    if (more !== undefined) throw new RenderError('unreadable', s.dialect, 'a component has more than one term')
    return term === undefined ? null : read(term)
  }
  const equal = (term: string, high: number) => number(term.startsWith(s.equals) ? term.slice(s.equals.length) : undefined, high, s.dialect)
  const ranges = (name: string) =>
    joinRanges(
      take(name).map((term) => {
        const [, low, high] = /^>=(\d+)&<=(\d+)$/.exec(term) ?? []
        if (low === undefined) return { low: equal(term, 65_535), high: equal(term, 65_535) }
        return { low: number(low, 65_535, s.dialect), high: number(high, 65_535, s.dialect) }
      }),
    )
  const match = {
    src: single('source', (term) => prefixText(term, s.dialect)),
    dst: single('destination', (term) => prefixText(term, s.dialect)),
    proto: single(s.proto[family], (term) => equal(term, 255)),
    srcPorts: ranges('source-port'),
    dstPorts: ranges('destination-port'),
    tcpFlags: single('tcp-flags', (term) => flagsOf(term, s)),
  }
  if (left.size > 0) throw new RenderError('unreadable', s.dialect, 'a component is not known')
  return match
}
