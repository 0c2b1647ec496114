import { type BlockAction, familyOf } from '../match.ts'
import { type Dialect, dialect, linesOf, needsSide, type ParsedRule, RenderError } from './dialect.ts'
import { number } from './entries.ts'
import { componentsOf, matchOf, type Spelling } from './flowspec.ts'

/**
 * BGP FlowSpec as ExaBGP's text API reads it from its process: one line, no shell.
 *
 *   announce flow route { match { source 192.0.2.7/32; protocol =17; source-port [ =53 =123 ]; } then { discard; } }
 *
 * The route carries no id; a rule is known by what it matches. When the session ends, so does the rule.
 */
const ID = 'exabgp-flowspec'
const SPELLING: Spelling = {
  dialect: ID,
  equals: '=',
  flags: { fin: 'fin', syn: 'syn', rst: 'rst', psh: 'push', ack: 'ack', urg: 'urgent' },
  join: '+',
  proto: { 4: 'protocol', 6: 'next-header' },
}
const LINE = /^announce flow route \{ match \{ ((?:[a-z-]+ [^;{}]+; )+)\} then \{ (discard|rate-limit (\d+)); \} \}$/

function parse(apply: string): ParsedRule {
  const [line = '', more] = linesOf(apply)
  const [, body = '', then = '', rate] = LINE.exec(line) ?? []
  if (then === '' || more !== undefined) throw new RenderError('unreadable', ID, 'this is not a flow route of ours')
  const components = body
    .split('; ')
    .slice(0, -1)
    .map((text) => {
      const space = text.indexOf(' ')
      const value = text.slice(space + 1)
      return { name: text.slice(0, space), terms: value.startsWith('[ ') && value.endsWith(' ]') ? value.slice(2, -2).split(' ') : [value] }
    })
  const family = /(?:source|destination) [^;]*:/.test(body) ? 6 : 4
  const action: BlockAction = rate === undefined ? { kind: 'drop' } : { kind: 'rate_limit', bitsPerSecond: number(rate, 1e12, ID) * 8 }
  return { id: null, match: matchOf(components, family, SPELLING), action, ttlSeconds: null }
}

export const exabgpFlowspec: Dialect = dialect({
  id: ID,
  title: 'BGP FlowSpec (ExaBGP)',
  base: null,
  expiresByItself: true,
  supports: needsSide,
  parse,
  write({ match, action }) {
    const parts = componentsOf(match, familyOf(match) ?? 4, SPELLING)
    const body = parts.map(({ name, terms }) => `${name} ${terms.length === 1 ? terms[0] : `[ ${terms.join(' ')} ]`}; `).join('')
    const then = action.kind === 'drop' ? 'discard' : `rate-limit ${action.bitsPerSecond / 8}`
    const route = `flow route { match { ${body}} then { ${then}; } }`
    return { apply: `announce ${route}\n`, undo: `withdraw ${route}\n`, check: 'show adj-rib out extensive\n', confirm: null }
  },
})
