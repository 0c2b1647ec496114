import { formatPrefix, parsePrefix } from '../address.ts'
import { type BlockMatch, joinRanges, type PortRange } from '../match.ts'
import { RenderError } from './dialect.ts'

/** One source and one destination range: devices that know no lists of ranges hold one entry per pair. Null is any. */
export interface Entry {
  src: PortRange | null
  dst: PortRange | null
}

const orAny = (ranges: readonly PortRange[]): (PortRange | null)[] => (ranges.length === 0 ? [null] : [...ranges])

/** All pairs, sources first: what a rule with lists of ports comes to on such a device. */
export function entriesOf(match: BlockMatch): Entry[] {
  return orAny(match.srcPorts).flatMap((src) => orAny(match.dstPorts).map((dst) => ({ src, dst })))
}

/**
 * The lists that give exactly these entries. Throws RenderError `unreadable` when they are no full set of pairs, as then some
 * entry is missing or too many: a rule that is only half on the device is not the rule.
 */
export function listsOf(entries: readonly Entry[], dialect: string): Pick<BlockMatch, 'srcPorts' | 'dstPorts'> {
  const pick = (side: 'src' | 'dst') => {
    const ranges = entries.map((entry) => entry[side])
    const some = ranges.filter((range) => range !== null)
    if (some.length > 0 && some.length < ranges.length)
      throw new RenderError('unreadable', dialect, 'some entries name ports and some do not')
    return [...new Map(some.map((range) => [`${range.low}-${range.high}`, range])).values()]
  }
  const [srcPorts, dstPorts] = [pick('src'), pick('dst')]
  const keyOf = (entry: Entry) => JSON.stringify([entry.src, entry.dst])
  const whole = entriesOf({ src: null, dst: null, proto: null, srcPorts, dstPorts, tcpFlags: null })
  const have = new Set(entries.map(keyOf))
  if (have.size !== entries.length || have.size !== whole.length || !whole.every((entry) => have.has(keyOf(entry))))
    throw new RenderError('unreadable', dialect, 'the entries are not one whole rule')
  return { srcPorts: joinRanges(srcPorts), dstPorts: joinRanges(dstPorts) }
}

/** A number of the closed form all dialects write. Throws RenderError `unreadable`. */
export function number(text: string | undefined, high: number, dialect: string): number {
  if (text === undefined || !/^(?:0|[1-9]\d{0,12})$/.test(text) || Number(text) > high)
    throw new RenderError('unreadable', dialect, 'a number is out of its form or range')
  return Number(text)
}

/** A prefix in any accepted spelling, in canonical text. Throws RenderError `unreadable`. */
export function prefixText(text: string | undefined, dialect: string): string {
  const result = parsePrefix(text ?? '')
  if (!result.ok) throw new RenderError('unreadable', dialect, 'an address is out of its form')
  return formatPrefix(result.prefix)
}
