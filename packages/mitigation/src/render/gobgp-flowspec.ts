import { type BlockAction, familyOf } from '../match.ts'
import { commandsOf, commandText } from './argv.ts'
import { type Dialect, dialect, needsSide, type ParsedRule, RenderError } from './dialect.ts'
import { number } from './entries.ts'
import { type Component, componentsOf, matchOf, type Spelling } from './flowspec.ts'

/**
 * BGP FlowSpec through GoBGP's command line, run as an argument list (`commandsOf`), never through a shell.
 *
 *   gobgp global rib add -a ipv4-flowspec match source 192.0.2.7/32 protocol ==17 source-port ==53 ==123 then discard
 *
 * Where the daemon listens (`-u`, `-p`) is the caller's to add behind the program. The route carries no id.
 */
const ID = 'gobgp-flowspec'
const SPELLING: Spelling = {
  dialect: ID,
  equals: '==',
  flags: { fin: 'F', syn: 'S', rst: 'R', psh: 'P', ack: 'A', urg: 'U' },
  join: '',
  proto: { 4: 'protocol', 6: 'protocol' },
}
const NAMES = new Set(['source', 'destination', 'protocol', 'source-port', 'destination-port', 'tcp-flags'])
const unreadable = () => new RenderError('unreadable', ID, 'this is not a flow route of ours')

function parse(apply: string): ParsedRule {
  const [argv = [], more] = commandsOf(apply, ID)
  const family = argv[5] === 'ipv4-flowspec' ? 4 : 6
  const then = argv.indexOf('then')
  if (more !== undefined || argv.slice(0, 7).join(' ') !== `gobgp global rib add -a ipv${family}-flowspec match` || then < 0)
    throw unreadable()
  const components: Component[] = []
  for (const word of argv.slice(7, then)) {
    if (NAMES.has(word)) components.push({ name: word, terms: [] })
    else if (components.length === 0) throw unreadable()
    else components.at(-1)?.terms.push(word)
  }
  if (components.some(({ terms }) => terms.length === 0)) throw unreadable()
  const [kind, rate, rest] = argv.slice(then + 1)
  if (rest !== undefined || (kind === 'discard') !== (rate === undefined) || (kind !== 'discard' && kind !== 'rate-limit'))
    throw unreadable()
  const action: BlockAction = kind === 'discard' ? { kind: 'drop' } : { kind: 'rate_limit', bitsPerSecond: number(rate, 1e12, ID) * 8 }
  return { id: null, match: matchOf(components, family, SPELLING), action, ttlSeconds: null }
}

export const gobgpFlowspec: Dialect = dialect({
  id: ID,
  title: 'BGP FlowSpec (GoBGP)',
  base: null,
  expiresByItself: true,
  supports: needsSide,
  parse,
  write({ match, action }) {
    const family = familyOf(match) ?? 4
    const table = `ipv${family}-flowspec`
    const parts = componentsOf(match, family, SPELLING).flatMap(({ name, terms }) => [name, ...terms])
    const then = action.kind === 'drop' ? ['discard'] : ['rate-limit', String(action.bitsPerSecond / 8)]
    const command = (verb: string) => commandText(['gobgp', 'global', 'rib', verb, '-a', table, 'match', ...parts, 'then', ...then], ID)
    return {
      apply: command('add'),
      undo: command('del'),
      check: commandText(['gobgp', 'global', 'rib', '-j', '-a', table], ID),
      confirm: null,
    }
  },
})
