import { describe, expect, it } from 'vitest'
import { type BlockIntent, parseIntent } from '../src/intent.ts'
import { ruleKey } from '../src/match.ts'
import { type Dialect, RenderError } from '../src/render/dialect.ts'
import { dialects } from '../src/render/index.ts'
import { dice } from './oracle.ts'
import { intent, request } from './requests.ts'

const DIALECTS = [...dialects().values()]
const PARTS = [
  '\n',
  '\r\n',
  '\r',
  '\u0000',
  '\u0003',
  '\u001a',
  '\u001b[2J',
  '\u0008',
  '\u007f',
  '\t',
  ' ',
  ';',
  '|',
  '||',
  '&&',
  '&',
  '>',
  '<',
  '`reboot`',
  '$(reboot)',
  `$${'{IFS}'}`,
  '#',
  '!',
  '?',
  '"',
  "'",
  '\\',
  '\\n',
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  ']]>',
  ']]>]]>',
  '<![CDATA[',
  '&lt;',
  '&#10;',
  '&amp;',
  '%0a',
  '%00',
  '\u2028',
  '\u2029',
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  '\ud800',
  'ｅxit',
  '／',
  '．',
  'exit',
  'end',
  'abort',
  'quit',
  'rollback 0',
  'commit',
  'reload',
  'no ip access-list',
  'flush ruleset',
  'delete table inet weir',
  'permit ip any any',
  'neighbor 1.2.3.4',
  'withdraw',
  '"; flush ruleset; #',
  "' ; reboot",
  '} ; add rule inet x',
  '-j ACCEPT',
  '--help',
  '-u evil',
  '../../etc/passwd',
  '=HYPERLINK()',
  '<script>',
  'null',
  'true',
  '-1',
  '1e3',
  '0x7f',
  '١٢٧',
  '∞',
  '💥',
]
const VALID = ['b-1', '198.51.100.7', '198.51.100.7/32', '17', 'tcp', 'syn', 'drop', 'edge-1', 'attack', '443']

function* hostile(count: number): Generator<string> {
  const d = dice(99)
  for (let i = 0; i < count; i++) {
    let text = d.chance(0.6) ? d.pick(VALID) : ''
    for (let n = 1 + d.below(4); n > 0; n--) text = d.chance(0.5) ? text + d.pick(PARTS) : d.pick(PARTS) + text
    if (d.chance(0.5)) text += d.pick(VALID)
    if (i % 250 === 0) text += d.pick(['A', '1', 'a-', '\u202e', ';']).repeat(5_120)
    yield text
  }
}

/** A rule that every dialect can say, and with ports, flags and a rate one that shows every part of their text. */
const REFERENCES = [
  request({ src: null, dst: '203.0.113.5' }),
  request(
    { proto: 6, dstPorts: [{ low: 80, high: 90 }], tcpFlags: { set: ['syn'], unset: ['ack'] } },
    { action: { kind: 'rate_limit', bitsPerSecond: 1e6 } },
  ),
]

const FIELDS: Record<string, (base: Record<string, unknown>, text: string) => unknown> = {
  id: (base, text) => ({ ...base, id: text }),
  'match.src': (base, text) => ({ ...base, match: { ...(base['match'] as object), src: text } }),
  'match.dst': (base, text) => ({ ...base, match: { ...(base['match'] as object), dst: text } }),
  'match.proto': (base, text) => ({ ...base, match: { ...(base['match'] as object), proto: text } }),
  'match.srcPorts': (base, text) => ({ ...base, match: { ...(base['match'] as object), proto: 6, srcPorts: [{ low: text, high: text }] } }),
  'match.dstPorts': (base, text) => ({ ...base, match: { ...(base['match'] as object), proto: 6, dstPorts: text } }),
  'match.tcpFlags': (base, text) => ({ ...base, match: { ...(base['match'] as object), proto: 6, tcpFlags: { set: [text], unset: [] } } }),
  'action.kind': (base, text) => ({ ...base, action: { kind: text } }),
  'action.bitsPerSecond': (base, text) => ({ ...base, action: { kind: 'rate_limit', bitsPerSecond: text } }),
  ttlSeconds: (base, text) => ({ ...base, ttlSeconds: text }),
  devices: (base, text) => ({ ...base, devices: [text] }),
  anomalyId: (base, text) => ({ ...base, anomalyId: text }),
  reason: (base, text) => ({ ...base, reason: text }),
  'a key': (base, text) => ({ ...base, [text]: 1 }),
  'a key of the match': (base, text) => ({ ...base, match: { ...(base['match'] as object), [text]: 1 } }),
}

const tokens = (text: string) => text.split(/\s+/).length
const every = (one: Dialect, built: BlockIntent) => {
  const { apply, undo, check, confirm } = one.render(built, 1)
  return [apply, undo, check, confirm ?? '']
}

describe('10,000 hostile strings (B31)', () => {
  it.each(Object.keys(FIELDS))('in %s: refused, or the text says the same rule in as many words', (field) => {
    const put = FIELDS[field] as (base: Record<string, unknown>, text: string) => unknown
    let [refused, said] = [0, 0]
    let i = 0
    for (const text of hostile(10_000)) {
      const base = REFERENCES[i % REFERENCES.length] as Record<string, unknown>
      const given = put(base, text)
      const result = parseIntent(given)
      // Whoever skips the parser meets it again in every dialect.
      const one = DIALECTS[i++ % DIALECTS.length] as Dialect
      if (!result.ok) {
        refused++
        expect(() => one.render(given as BlockIntent, 1)).toThrow(RenderError)
        continue
      }
      const plain = intent(base['match'] as Record<string, unknown>, { ...base, id: result.intent.id })
      for (const dialect of DIALECTS) {
        if (!dialect.supports(result.intent).ok) continue
        said++
        const back = dialect.parse(dialect.render(result.intent, 1).apply)
        expect(ruleKey(back.match, back.action)).toBe(ruleKey(result.intent.match, result.intent.action))
        for (const part of every(dialect, result.intent)) expect(part).toMatch(/^[\x20-\x7e\n]*$/)
        // Ids, devices, anomalies and reasons are none of the rule: the text is the plain one, octet for octet.
        if (!field.startsWith('match') && !field.startsWith('action')) expect(every(dialect, result.intent)).toEqual(every(dialect, plain))
        if (field === 'id') expect(every(dialect, result.intent).map(tokens)).toEqual(every(dialect, { ...plain, id: 'b-1' }).map(tokens))
      }
    }
    expect(refused + said).toBeGreaterThan(0)
    // Free text is what a reason is; everything else is a closed alphabet.
    if (field !== 'reason') expect(refused).toBeGreaterThan(9_000)
  })
  it('reasons are accepted in number, so that the proof above is about something', () => {
    const accepted = [...hostile(10_000)].filter((text) => parseIntent(request({}, { reason: text })).ok)
    expect(accepted.length).toBeGreaterThan(1_000)
    expect(accepted.some((text) => text.includes('$(reboot)'))).toBe(true)
  })
})
