import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BlockAction, type BlockMatch, type PortRange, ruleKey, TCP_FLAGS } from '../src/match.ts'
import { commandsOf } from '../src/render/argv.ts'
import { isRouteOf, parseGobgpRib } from '../src/render/gobgp-list.ts'
import { dialects } from '../src/render/index.ts'
import { GOLDENS } from './goldens.ts'
import { run, start, works } from './machine.ts'

const all = dialects()
const of = (id: string) => {
  const one = all.get(id)
  if (one === undefined) throw new Error(`no dialect ${id}`)
  return one
}
const sayable = (id: string) => Object.entries(GOLDENS).filter(([, rule]) => of(id).supports(rule).ok)

const PORT = 22_251
const gobgp = works(['gobgp', '--version']) && works(['gobgpd', '--version'])

/** One numeric or bitmask term as it is on the wire (RFC 8955, section 4.2.1): and 0x40, then lt 4, gt 2, eq 1; not 2, match 1. */
interface Term {
  op: number
  value: number
}
interface FlowNlri {
  type: number
  value: Term[] & { prefix?: string }
}
interface FlowRoute {
  nlri: { value: FlowNlri[] }
  attrs: { type: number; value: { type: number; subtype: number; rate?: number }[] }[]
}

function ranges(terms: readonly Term[]): PortRange[] {
  const out: PortRange[] = []
  for (const { op, value } of terms) {
    if ((op & 7) === 1) out.push({ low: value, high: value })
    else if ((op & 7) === 3) out.push({ low: value, high: -1 })
    else if ((op & 0x47) === 0x45) (out.at(-1) as PortRange).high = value
    else throw new Error(`operator ${op}`)
  }
  return out
}

/** The rule that GoBGP holds, from the octets it holds and not from the words it was told. */
function ruleOf(route: FlowRoute): string {
  const match: BlockMatch = { src: null, dst: null, proto: null, srcPorts: [], dstPorts: [], tcpFlags: null }
  for (const { type, value } of route.nlri.value) {
    const prefix = (value.prefix ?? '').replace(/^(.+:.*\/\d+)\/0$/, '$1')
    if (type === 1) match.dst = prefix
    else if (type === 2) match.src = prefix
    else if (type === 3) match.proto = ranges(value)[0]?.low ?? null
    else if (type === 5) match.dstPorts = ranges(value)
    else if (type === 6) match.srcPorts = ranges(value)
    else if (type === 9) {
      const bits = (mask: number) => TCP_FLAGS.filter((_, bit) => (mask & (1 << bit)) !== 0)
      // All terms but the first are joined by "and", or they would be alternatives.
      expect(value.slice(1).every(({ op }) => (op & 0x40) !== 0)).toBe(true)
      const part = (wanted: number) => bits(value.filter(({ op }) => (op & 3) === wanted).reduce((mask, term) => mask | term.value, 0))
      match.tcpFlags = { set: part(1), unset: part(2) }
    } else throw new Error(`component ${type}`)
  }
  const rate = route.attrs.find(({ type }) => type === 16)?.value.find(({ type, subtype }) => type === 128 && subtype === 6)?.rate
  if (rate === undefined) throw new Error('no traffic rate')
  const action: BlockAction = rate === 0 ? { kind: 'drop' } : { kind: 'rate_limit', bitsPerSecond: rate * 8 }
  return ruleKey(match, action)
}

describe.skipIf(!gobgp)('GoBGP, the real one (needs gobgpd)', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-gobgp-'))
  let daemon: ReturnType<typeof start>
  const speak = (text: string, id: string) =>
    commandsOf(text, id)
      .map(([program = '', ...rest]) => run([program, '-u', '127.0.0.1', '-p', String(PORT), ...rest]))
      .join('')
  const table = (id: string, check: string) => {
    // An empty table is said in words, not in JSON.
    const text = speak(check, id)
    return text.startsWith('{') ? (Object.values(JSON.parse(text) as Record<string, FlowRoute[]>).flat() as FlowRoute[]) : []
  }
  beforeAll(async () => {
    writeFileSync(path.join(folder, 'gobgpd.toml'), '[global.config]\n  as = 65010\n  router-id = "127.0.0.1"\n  port = -1\n')
    daemon = start(['gobgpd', '-f', path.join(folder, 'gobgpd.toml'), '--api-hosts', `127.0.0.1:${PORT}`, '--pprof-disable'])
    for (let tries = 0; !works(['gobgp', '-u', '127.0.0.1', '-p', String(PORT), 'global']); tries++) {
      if (tries === 50) throw new Error('gobgpd does not answer')
      await sleep(200)
    }
  }, 30_000)
  afterAll(async () => {
    await daemon.stop()
    rmSync(folder, { recursive: true })
  })
  it.each(sayable('gobgp-flowspec'))('takes %s as FlowSpec and holds the same rule in its octets, until it is undone', (_, rule) => {
    const text = of('gobgp-flowspec').render(rule, 0)
    speak(text.apply, 'gobgp-flowspec')
    speak(text.apply, 'gobgp-flowspec')
    const held = table('gobgp-flowspec', text.check)
    expect(held.map(ruleOf)).toEqual([ruleKey(rule.match, rule.action)])
    const [live, more] = parseGobgpRib(speak(text.check, 'gobgp-flowspec'))
    expect(more).toBeUndefined()
    expect(live !== undefined && isRouteOf(live, rule.match, rule.action)).toBe(true)
    const other: BlockMatch = { ...rule.match, proto: rule.match.proto === 17 ? 6 : 17 }
    expect(live !== undefined && isRouteOf(live, other, rule.action)).toBe(false)
    speak(text.undo, 'gobgp-flowspec')
    expect(table('gobgp-flowspec', text.check)).toEqual([])
  })
  it.each(sayable('gobgp-rtbh'))('takes %s as a black hole with community and next hop, until it is undone', (_, rule) => {
    const text = of('gobgp-rtbh').render(rule, 0)
    speak(text.apply, 'gobgp-rtbh')
    expect(parseGobgpRib(speak(text.check, 'gobgp-rtbh')).map((live) => isRouteOf(live, rule.match, rule.action))).toEqual([true])
    const shown = speak(text.check.replace(' -j', ''), 'gobgp-rtbh')
    expect(shown).toContain(rule.match.dst)
    expect(shown).toMatch(/Communities: blackhole, no-export/)
    expect(shown).toContain(rule.match.dst?.includes(':') === true ? '100::1' : '192.0.2.1')
    speak(text.undo, 'gobgp-rtbh')
    expect(table('gobgp-rtbh', text.check)).toEqual([])
  })
})

const PYTHON = '/usr/bin/python3'
const exabgp = works([PYTHON, '-c', 'import exabgp'])

describe.skipIf(!exabgp)("ExaBGP's own parser (needs the exabgp package)", () => {
  const PROTO: Record<number, string> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 47: 'gre', 58: 'unknown protocol type 58' }
  /** A list is shown for more than one comparison, and a range is two. */
  const list = (terms: string[]) => (terms.length === 1 && !terms[0]?.includes('&') ? terms[0] : `[ ${terms.join(' ')} ]`)
  /** The words ExaBGP uses for a rule when it shows it. */
  function shown(match: BlockMatch, action: BlockAction): string {
    const six = (match.src ?? match.dst)?.includes(':') === true
    const side = (name: string, prefix: string | null) =>
      prefix === null ? [] : [`${name}-${six ? 'ipv6' : 'ipv4'} ${prefix}${six ? '/0' : ''}`]
    const ports = (name: string, of_: readonly PortRange[]) =>
      of_.length === 0 ? [] : [`${name} ${list(of_.map(({ low, high }) => (low === high ? `=${low}` : `>=${low}&<=${high}`)))}`]
    const proto = match.proto === null ? [] : [`${six ? 'next-header' : 'protocol'} =${PROTO[match.proto]}`]
    const word: Record<string, string> = { psh: 'push' }
    const flags = match.tcpFlags
    const said =
      flags === null
        ? []
        : [
            [
              flags.set.length === 0 ? '' : `=${flags.set.map((flag) => word[flag] ?? flag).join('+')}`,
              ...flags.unset.map((flag) => `!${flag}`),
            ]
              .filter(Boolean)
              .join('&'),
          ]
    return [
      'flow',
      ...side('destination', match.dst),
      ...side('source', match.src),
      ...proto,
      ...ports('destination-port', match.dstPorts),
      ...ports('source-port', match.srcPorts),
      ...said.map((text) => `tcp-flags ${text.includes('&') ? `[ ${text} ]` : text}`),
      `extended-community rate-limit:${action.kind === 'drop' ? 0 : action.bitsPerSecond / 8}`,
    ].join(' ')
  }
  const understood = (lines: string) =>
    JSON.parse(run([PYTHON, path.join(import.meta.dirname, 'exabgp-read.py')], lines)) as (string[] | null)[]
  it('understands every FlowSpec line as the rule it is, announced and withdrawn', () => {
    const rules = sayable('exabgp-flowspec')
    const texts = rules.map(([, rule]) => of('exabgp-flowspec').render(rule, 0))
    const expected = rules.map(([, rule]) => [shown(rule.match, rule.action)])
    expect(understood(texts.map((text) => text.apply).join(''))).toEqual(expected)
    expect(understood(texts.map((text) => text.undo).join(''))).toEqual(expected)
  })
  it('understands every black hole', () => {
    const rules = sayable('exabgp-rtbh')
    const lines = rules.map(([, rule]) => of('exabgp-rtbh').render(rule, 0).apply).join('')
    expect(understood(lines)).toEqual(
      rules.map(([, { match }]) => [
        `${match.dst} next-hop ${match.dst?.includes(':') === true ? '100::1' : '192.0.2.1'} community [ blackhole no-export ]`,
      ]),
    )
  })
  it('and the golden files, which are what a person reads', () => {
    const folder = path.join(import.meta.dirname, 'golden', 'exabgp-flowspec')
    const lines = readdirSync(folder).map((file) => readFileSync(path.join(folder, file), 'utf8'))
    expect(understood(lines.join(''))).not.toContain(null)
    expect(understood('announce flow route { match { bogus 10.0.0.1/32; } then { discard; } }\n')).toEqual([null])
  })
})
