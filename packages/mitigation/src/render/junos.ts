import type { BlockIntent } from '../intent.ts'
import { type BlockAction, familyOf, joinRanges, type PortRange, TCP_FLAGS, type TcpFlagsMatch } from '../match.ts'
import { type Dialect, dialect, linesOf, needsSide, type ParsedRule, RenderError, TAG } from './dialect.ts'
import { number, prefixText } from './entries.ts'

/**
 * Junos: one term in the firewall filters weir-v4 and weir-v6, which the site binds to its interfaces.
 *
 *   set firewall family inet filter weir-v4 term weir-<id> from source-address 192.0.2.7/32
 *   set firewall family inet filter weir-v4 term weir-<id> then discard
 *   insert firewall family inet filter weir-v4 term weir-<id> before term allow-rest
 *
 * `commit confirmed 2` rolls back by itself after 2 min unless `confirm` is sent. The term allow-rest is part of every apply: a
 * filter without it discards everything. Values of one kind are alternatives, kinds are all required (Junos firewall filters).
 */
const ID = 'junos'
const unreadable = (message: string) => new RenderError('unreadable', ID, message)
const FAMILIES = {
  4: { at: 'firewall family inet filter weir-v4', proto: 'protocol' },
  6: { at: 'firewall family inet6 filter weir-v6', proto: 'next-header' },
} as const
const REST = 'allow-rest'
const COMMIT = 'commit confirmed 2'

const port = (range: PortRange) => (range.low === range.high ? String(range.low) : `${range.low}-${range.high}`)
const burst = (bitsPerSecond: number) => Math.max(15_000, Math.ceil(bitsPerSecond / 80))

function flagText(match: TcpFlagsMatch): string {
  return `"(${[...match.set, ...match.unset.map((flag) => `!${flag}`)].join(' & ')})"`
}

function flagsOf(text: string): TcpFlagsMatch {
  const inner = /^"\((.+)\)"$/.exec(text)?.[1]?.split(' & ')
  if (inner === undefined) throw unreadable('TCP flags are out of their form')
  const set = TCP_FLAGS.filter((flag) => inner.includes(flag))
  const unset = TCP_FLAGS.filter((flag) => inner.includes(`!${flag}`))
  if (set.length + unset.length !== inner.length) throw unreadable('a TCP flag is not known')
  return { set, unset }
}

function portOf(text: string): PortRange {
  const [low, high, more] = text.split('-')
  if (more !== undefined) throw unreadable('a port range is out of its form')
  return { low: number(low, 65_535, ID), high: number(high ?? low, 65_535, ID) }
}

function write(intent: BlockIntent) {
  const { match, action } = intent
  const family = FAMILIES[familyOf(match) ?? 4]
  const name = `${TAG}${intent.id}`
  const term = `${family.at} term ${name}`
  const from: string[] = []
  if (match.src !== null) from.push(`source-address ${match.src}`)
  if (match.dst !== null) from.push(`destination-address ${match.dst}`)
  if (match.proto !== null) from.push(`${family.proto} ${match.proto}`)
  for (const range of match.srcPorts) from.push(`source-port ${port(range)}`)
  for (const range of match.dstPorts) from.push(`destination-port ${port(range)}`)
  if (match.tcpFlags !== null) from.push(`tcp-flags ${flagText(match.tcpFlags)}`)
  const lines = [`set ${family.at} term ${REST} then accept`]
  if (action.kind === 'rate_limit')
    lines.push(
      `set firewall policer ${name} if-exceeding bandwidth-limit ${action.bitsPerSecond}`,
      `set firewall policer ${name} if-exceeding burst-size-limit ${burst(action.bitsPerSecond)}`,
      `set firewall policer ${name} then discard`,
    )
  lines.push(...from.map((condition) => `set ${term} from ${condition}`), `set ${term} then count ${name}`)
  // A limited packet within its rate still has to pass the other terms.
  if (action.kind === 'rate_limit') lines.push(`set ${term} then policer ${name}`, `set ${term} then next term`)
  else lines.push(`set ${term} then discard`)
  lines.push(`insert ${term} before term ${REST}`, COMMIT)
  const undo = [`delete ${term}`]
  if (action.kind === 'rate_limit') undo.push(`delete firewall policer ${name}`)
  return {
    apply: `${lines.join('\n')}\n`,
    undo: `${[...undo, 'commit'].join('\n')}\n`,
    check: `show configuration ${term}\n`,
    confirm: 'commit\n',
  }
}

function parse(apply: string): ParsedRule {
  const lines = linesOf(apply)
  const family = Object.values(FAMILIES).find((candidate) => lines[0] === `set ${candidate.at} term ${REST} then accept`)
  const insert =
    family === undefined ? null : new RegExp(`^insert ${family.at} term weir-([a-z0-9-]+) before term ${REST}$`).exec(lines.at(-2) ?? '')
  const id = insert?.[1]
  if (family === undefined || id === undefined || lines.at(-1) !== COMMIT) throw unreadable('this is not a term of ours')
  const term = `set ${family.at} term ${TAG}${id} `
  const policer = `set firewall policer ${TAG}${id} `
  const then: string[] = []
  const limits: string[] = []
  const values = new Map<string, string[]>()
  for (const line of lines.slice(1, -2)) {
    if (line.startsWith(policer)) limits.push(line.slice(policer.length))
    else if (line.startsWith(`${term}then `)) then.push(line.slice(term.length + 5))
    else {
      const [, kind = '', value = ''] = /^from ([a-z-]+) (.+)$/.exec(line.startsWith(term) ? line.slice(term.length) : '') ?? []
      if (kind === '') throw unreadable('a line is not of the term')
      values.set(kind, [...(values.get(kind) ?? []), value])
    }
  }
  const take = (kind: string) => {
    const list = values.get(kind) ?? []
    values.delete(kind)
    return list
  }
  const single = <T>(kind: string, read: (value: string) => T): T | null => {
    const list = take(kind)
    if (list.length > 1) throw unreadable('a condition is given twice')
    return list[0] === undefined ? null : read(list[0])
  }
  const match = {
    src: single('source-address', (value) => prefixText(value, ID)),
    dst: single('destination-address', (value) => prefixText(value, ID)),
    proto: single(family.proto, (value) => number(value, 255, ID)),
    srcPorts: joinRanges(take('source-port').map(portOf)),
    dstPorts: joinRanges(take('destination-port').map(portOf)),
    tcpFlags: single('tcp-flags', flagsOf),
  }
  if (values.size > 0) throw unreadable('a condition is not known')
  return { id, match, action: actionOf(then, limits, `${TAG}${id}`), ttlSeconds: null }
}

function actionOf(then: readonly string[], limits: readonly string[], name: string): BlockAction {
  if (limits.length === 0 && then.join(';') === `count ${name};discard`) return { kind: 'drop' }
  const bitsPerSecond = number(/^if-exceeding bandwidth-limit (\d+)$/.exec(limits[0] ?? '')?.[1], 1e12, ID)
  const whole = `if-exceeding bandwidth-limit ${bitsPerSecond};if-exceeding burst-size-limit ${burst(bitsPerSecond)};then discard`
  if (limits.join(';') !== whole || then.join(';') !== `count ${name};policer ${name};next term`)
    throw unreadable('the action is not known')
  return { kind: 'rate_limit', bitsPerSecond }
}

export const junos: Dialect = dialect({
  id: ID,
  title: 'Junos firewall filter',
  base: `${Object.values(FAMILIES)
    .map(({ at }) => `set ${at} term ${REST} then accept\n`)
    .join('')}commit\n`,
  expiresByItself: false,
  supports: needsSide,
  parse,
  write,
})
