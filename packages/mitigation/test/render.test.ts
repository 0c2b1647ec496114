import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BlockIntent } from '../src/intent.ts'
import { ruleKey } from '../src/match.ts'
import { commandsOf, commandText } from '../src/render/argv.ts'
import { type Dialect, dialect, linesOf, MAX_SLOT, RenderError } from '../src/render/dialect.ts'
import { dialects } from '../src/render/index.ts'
import { nftables, reassert } from '../src/render/nftables.ts'
import { exabgpRtbh, gobgpRtbh } from '../src/render/rtbh.ts'
import { anyIntent, GOLDENS } from './goldens.ts'
import { dice } from './oracle.ts'
import { intent } from './requests.ts'

const DIALECTS = [...dialects().values()]
const GOLDEN = path.join(import.meta.dirname, 'golden')
const names = Object.keys(GOLDENS)
const writing = process.env['WEIR_GOLDEN'] === 'write'

describe.each(DIALECTS.map((one) => [one.id, one] as const))('%s', (id, one) => {
  const folder = path.join(GOLDEN, id)
  if (writing) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
  }
  const golden = (file: string, text: string) => {
    if (writing) writeFileSync(path.join(folder, file), text)
    expect(text).toBe(existsSync(path.join(folder, file)) ? readFileSync(path.join(folder, file), 'utf8') : `no golden file ${file}`)
  }
  it('says every rule as the golden files do, and refuses with a reason what it cannot say', () => {
    const refused: string[] = []
    const files: string[] = one.base === null ? [] : ['base.txt']
    for (const [slot, name] of names.entries()) {
      const rule = GOLDENS[name] as BlockIntent
      const support = one.supports(rule)
      if (support.ok) {
        const text = one.render(rule, slot)
        golden(`${name}.apply.txt`, text.apply)
        golden(`${name}.undo.txt`, text.undo)
        files.push(`${name}.apply.txt`, `${name}.undo.txt`)
        expect(text.check).toMatch(/\n$/)
      } else {
        refused.push(`${name}: ${support.reason}`)
        expect(() => one.render(rule, slot)).toThrow(expect.objectContaining({ name: 'RenderError', code: 'unsupported' }))
      }
    }
    if (one.base !== null) golden('base.txt', one.base)
    if (refused.length > 0) {
      files.push('unsupported.txt')
      golden('unsupported.txt', `${refused.join('\n')}\n`)
    }
    expect(readdirSync(folder).sort()).toEqual(files.sort())
  })
  it('reads back 2,000 random rules as the same rule, with the id where there is one', () => {
    const d = dice(3)
    let said = 0
    for (let i = 0; i < 2_000; i++) {
      const rule = anyIntent(d, `r-${i}`)
      if (!one.supports(rule).ok) continue
      said++
      const back = one.parse(one.render(rule, d.below(MAX_SLOT + 1)).apply)
      expect(ruleKey(back.match, back.action)).toBe(ruleKey(rule.match, rule.action))
      expect([null, rule.id]).toContain(back.id)
      expect([null, rule.ttlSeconds]).toContain(back.ttlSeconds)
    }
    expect(said).toBeGreaterThan(20)
  })
  it('an edit of any one character is another rule or no rule', () => {
    for (const [slot, name] of names.entries()) {
      const rule = GOLDENS[name] as BlockIntent
      if (!one.supports(rule).ok) continue
      const { apply } = one.render(rule, slot)
      for (let at = 0; at < apply.length - 1; at++) {
        const edited = `${apply.slice(0, at)}${apply[at] === '7' ? '8' : '7'}${apply.slice(at + 1)}`
        const read = attempt(() => one.parse(edited))
        if (read === null) continue
        // A slot is a place, not a part of the rule: sequence numbers and banks may differ.
        const same =
          ruleKey(read.match, read.action) === ruleKey(rule.match, rule.action) &&
          read.id === rule.id &&
          (read.ttlSeconds ?? rule.ttlSeconds) === rule.ttlSeconds
        if (same) expect(edited.replace(/^ (?:sequence )?\d+/gm, '')).toBe(apply.replace(/^ (?:sequence )?\d+/gm, ''))
      }
    }
  })
  it('a line more, a line less, or none is not read as the rule', () => {
    const rule = names.map((name) => GOLDENS[name] as BlockIntent).find((candidate) => one.supports(candidate).ok) as BlockIntent
    const { apply } = one.render(rule, 0)
    const lines = linesOf(apply)
    const broken = [
      '',
      '\n',
      `${apply}${apply}`,
      `${apply}reload\n`,
      `${lines.slice(1).join('\n')}\n`,
      `${lines.slice(0, -1).join('\n')}\n`,
    ]
    for (const text of broken) expect(() => one.parse(text)).toThrow(RenderError)
  })
  it.each([-1, 0.5, MAX_SLOT + 1, Number.NaN])('slot %s is refused', (slot) => {
    expect(() => one.render(intent({ src: null, dst: '203.0.113.5' }), slot)).toThrow(expect.objectContaining({ code: 'bad_slot' }))
  })
  it('a rule without sides is refused', () => {
    expect(one.supports(intent({ src: null, proto: 6 })).ok).toBe(false)
  })
})

function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof RenderError) return null
    throw error
  }
}

it('a dialect that says another rule than asked is caught before its text leaves', () => {
  const wrong = dialect({
    ...nftables,
    write: (rule, slot) => ({ ...nftables.render({ ...rule, match: { ...rule.match, dst: '203.0.113.9/32' } }, slot) }),
  })
  expect(() => wrong.render(intent(), 0)).toThrow(expect.objectContaining({ code: 'not_the_same_rule', retryable: false }))
  const unnamed = dialect({ ...nftables, write: (rule, slot) => nftables.render({ ...rule, id: 'other' }, slot) })
  expect(() => unnamed.render(intent(), 0)).toThrow(expect.objectContaining({ code: 'not_the_same_rule' }))
})

it('the rest of a rule is put back with the rest of its time, never more', () => {
  expect(nftables.parse(reassert(intent(), 1, 17))).toMatchObject({ id: 'b-1', ttlSeconds: 17 })
  for (const seconds of [0, 3601, 1.5, Number.NaN]) expect(() => reassert(intent(), 1, seconds)).toThrow(RenderError)
})

it('commands are lists of words; their text gives exactly these words back', () => {
  const argv = ['gobgp', 'match', '>=1&<=2', '=S&!A', '2001:db8::1/128', '65535:666,65535:65281']
  expect(commandsOf(commandText(argv, 'x') + commandText(['a'], 'x'), 'x')).toEqual([argv, ['a']])
  for (const word of ['', 'a b', "a'b", 'a\nb', 'a;b', '$(a)', '`a`', 'a|b', 'a"b', 'ü'])
    expect(() => commandText([word], 'x')).toThrow(RenderError)
})

it('the black hole goes where the site says, and nonsense fails at start with the name of the setting', () => {
  const rule = intent({ src: null, dst: '203.0.113.5' })
  expect(exabgpRtbh({ nextHop4: '10.9.9.9', community: '64500:1' }).render(rule, 0).apply).toBe(
    'announce route 203.0.113.5/32 next-hop 10.9.9.9 community [ 64500:1 65535:65281 ]\n',
  )
  expect(gobgpRtbh({ nextHop6: '100::2' }).render(intent({ src: null, dst: '2001:db8::5' }), 0).apply).toContain(' nexthop 100::2 ')
  for (const options of [
    { nextHop4: '100::1' },
    { nextHop6: '192.0.2.1' },
    { nextHop4: 'x; reload' },
    { community: '65536:1' },
    { community: 'blackhole' },
  ])
    for (const make of [exabgpRtbh, gobgpRtbh]) expect(() => make(options)).toThrow(new RegExp(`^${Object.keys(options)[0]}`))
})

/** The least of each device: what its text does to what it holds. Order of Junos terms included, as order decides there. */
const DEVICES: Record<string, (state: string[], text: string) => string[]> = {
  nftables: (state, text) =>
    linesOf(text).reduce<string[]>((now, line) => {
      const [, verb, key = ''] = /^(add|delete) element inet weir (\S+ \{ \S+(?: \. \S+)*)/.exec(line) ?? []
      return verb === 'add' ? (now.includes(key) ? now : now.concat(key)) : now.filter((other) => other !== key)
    }, state),
  'ios-xe': (state, text) => {
    let acl = ''
    return linesOf(text).reduce<string[]>((now, line) => {
      if (!line.startsWith(' ')) acl = line
      const words = line.trim()
      if (!line.startsWith(' ')) return now
      const name = (entry: string) => `${acl}|${entry.replace(/^sequence /, '')}`
      if (!words.startsWith('no ')) return now.includes(name(words)) ? now : now.concat(name(words))
      const gone = name(words.slice(3))
      return now.filter((other) => other !== gone && !other.startsWith(`${gone} `))
    }, state)
  },
  junos: (state, text) =>
    linesOf(text).reduce<string[]>((now, line) => {
      const [verb, ...words] = line.split(' ')
      const rest = words.join(' ')
      if (verb === 'set') return now.includes(rest) ? now : now.concat(rest)
      if (verb === 'delete') return now.filter((other) => other !== rest && !other.startsWith(`${rest} `))
      if (verb !== 'insert') return now
      const [moved = '', before = ''] = rest.split(' before ')
      const at = `${moved.slice(0, moved.lastIndexOf(' term '))} ${before} `
      const term = now.filter((other) => other.startsWith(`${moved} `))
      const others = now.filter((other) => !other.startsWith(`${moved} `))
      const index = others.findIndex((other) => other.startsWith(at))
      return [...others.slice(0, index), ...term, ...others.slice(index)]
    }, state),
}
const routes = (state: string[], text: string) => {
  const line = text.replace(/^(announce|withdraw) /, '').replace(/^(gobgp global rib) (add|del)/, '$1')
  return /^announce|rib add/.test(text) ? [...new Set([...state, line])] : state.filter((other) => other !== line)
}

describe('undo after apply', () => {
  it.each(DIALECTS.map((one) => [one.id, one] as const))(
    '%s: leaves what was there before, however often each is sent',
    (id, one: Dialect) => {
      const device = DEVICES[id] ?? routes
      const d = dice(5)
      for (let i = 0; i < 300; i++) {
        const [a, b] = [anyIntent(d, 'a'), anyIntent(d, 'b')]
        if (!one.supports(a).ok || !one.supports(b).ok || ruleKey(a.match, a.action) === ruleKey(b.match, b.action)) continue
        const [textA, textB] = [one.render(a, 2), one.render(b, 3)]
        const before = device(device([], one.base ?? ''), textB.apply)
        // The closing permit of the other family comes with the base; of this family it is there already.
        const during = device(before, textA.apply)
        expect(during.length).toBeGreaterThan(before.length)
        expect(device(during, textA.apply)).toEqual(during)
        expect(device(during, textA.undo)).toEqual(before)
        expect(device(device(during, textA.undo), textA.undo)).toEqual(before)
      }
    },
  )
  it('a Junos term stands before the one that accepts the rest, an IOS entry before the closing permit', () => {
    const rule = intent()
    const terms = DEVICES['junos']?.([], `${dialects().get('junos')?.base}${dialects().get('junos')?.render(rule, 0).apply}`) ?? []
    expect(terms.findIndex((line) => line.includes('term weir-b-1'))).toBeLessThan(
      terms.findIndex((line) => line.includes('inet filter weir-v4 term allow-rest')),
    )
    const sequence = /^ (\d+) deny/m.exec(dialects().get('ios-xe')?.render(rule, MAX_SLOT).apply ?? '')
    expect(Number(sequence?.[1])).toBeLessThan(2_000_000_000)
  })
})
