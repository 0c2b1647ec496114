import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type BlockIntent, MAX_BITS_PER_SECOND } from '../src/intent.ts'
import { ruleKey } from '../src/match.ts'
import { nftables, reassert } from '../src/render/nftables.ts'
import { BANKS, baseRuleset, LIST_ARGV } from '../src/render/nftables-base.ts'
import { parseRuleset } from '../src/render/nftables-list.ts'
import { conflicts, freeSlot, type Placed, sameMatch } from '../src/slots.ts'
import { anyIntent, GOLDENS } from './goldens.ts'
import { run, works } from './machine.ts'
import { dice } from './oracle.ts'
import { intent } from './requests.ts'

/** A network namespace of our own: the machine's rules are never touched. */
const NAMESPACE = `weir-mitigation-${process.pid}`
const able = works(['unshare', '-n', 'nft', 'list', 'ruleset']) && works(['ip', 'netns', 'list'])
const inside = (argv: readonly string[], input = '') => run(['ip', 'netns', 'exec', NAMESPACE, ...argv], input)
const nft = (text: string) => inside(['nft', '-f', '-'], text)
const live = () => parseRuleset(JSON.parse(inside(LIST_ARGV)))
const key = (block: { match: BlockIntent['match'] | null; action: BlockIntent['action'] }) =>
  block.match === null ? 'not whole' : ruleKey(block.match, block.action)
const sayable = Object.entries(GOLDENS).filter(([, rule]) => nftables.supports(rule).ok)

describe.skipIf(!able)('nftables, the real one (needs nft and network namespaces)', () => {
  beforeAll(() => {
    run(['ip', 'netns', 'add', NAMESPACE])
    inside(['ip', 'link', 'set', 'lo', 'up'])
  })
  afterAll(() => {
    run(['ip', 'netns', 'del', NAMESPACE])
  })
  beforeEach(() => {
    nft(`add table inet weir\ndelete table inet weir\n${baseRuleset()}`)
  })

  it('the base is taken twice, and keeps what it holds', () => {
    nft(nftables.render(intent(), 0).apply)
    nft(baseRuleset())
    const rules = inside(['nft', '-n', 'list', 'table', 'inet', 'weir'])
    expect(rules.match(/ drop$/gm)).toHaveLength(2 * 2 * 3 * BANKS)
    expect(live().map((block) => block.id)).toEqual(['b-1'])
  })
  it.each(sayable)('nft -c takes %s, and the kernel gives it back', (name, rule) => {
    const text = nftables.render(rule, 4)
    for (const part of [text.apply, text.undo, text.check]) inside(['nft', '-c', '-f', '-'], part)
    expect(live()).toEqual([])
    nft(text.apply)
    nft(text.apply)
    const [block, more] = live()
    expect(more).toBeUndefined()
    expect(block).toMatchObject({ id: name, bank: 0 })
    expect(block === undefined ? '' : key(block)).toBe(ruleKey(rule.match, rule.action))
    expect(block?.remainingSeconds).toBeGreaterThan(rule.ttlSeconds - 30)
    expect(block?.remainingSeconds).toBeLessThanOrEqual(rule.ttlSeconds)
    nft(text.undo)
    nft(text.undo)
    expect(live()).toEqual([])
  })
  it('300 random rules in the slots they are given: the kernel takes every one, in any order, and undoes one by one', () => {
    const d = dice(7)
    const placed: Placed[] = []
    let full = 0
    for (let i = 0; i < 300; i++) {
      const rule = anyIntent(d, `r-${i}`)
      if (!nftables.supports(rule).ok || placed.some((other) => sameMatch(other.intent, rule))) continue
      const slot = freeSlot(rule, placed)
      if (slot === null) full++
      else placed.push({ intent: rule, slot })
    }
    expect(placed.length).toBeGreaterThan(80)
    expect(full).toBeGreaterThan(0)
    for (const order of [placed, placed.toReversed()]) {
      const texts = order.map(({ intent: rule, slot }) => nftables.render(rule, slot).apply)
      // One transaction per rule as they come in life, then all in one as after a restart.
      for (const text of order === placed ? texts : [texts.join('')]) nft(text)
      const blocks = new Map(live().map((block) => [block.id, block]))
      expect(blocks.size).toBe(placed.length)
      for (const { intent: rule } of placed) {
        const block = blocks.get(rule.id)
        expect(block === undefined ? 'gone' : key(block), rule.id).toBe(ruleKey(rule.match, rule.action))
      }
      nft(order.map(({ intent: rule, slot }) => nftables.render(rule, slot).undo).join(''))
      expect(live()).toEqual([])
    }
  }, 120_000)
  it('two rules that `conflicts` names are really refused beside each other, in one order at least', () => {
    const d = dice(8)
    let refused = 0
    for (let i = 0; i < 2_000 && refused < 20; i++) {
      const [a, b] = [anyIntent(d, 'a'), anyIntent(d, 'b')]
      if (!nftables.supports(a).ok || !nftables.supports(b).ok || sameMatch(a, b) || !conflicts(a, b)) continue
      refused++
      const tries = [
        [a, b],
        [b, a],
      ].map(([first, then]) => {
        nft(`delete table inet weir\n${baseRuleset()}`)
        nft(nftables.render(first as BlockIntent, 0).apply)
        try {
          nft(nftables.render(then as BlockIntent, 0).apply)
          return live().length === 2 && live().every((block) => block.match !== null)
        } catch {
          return false
        }
      })
      expect(tries).toContain(false)
    }
    expect(refused).toBe(20)
  }, 60_000)
  it.each([100_000, 1_024_000, 8_388_608_000, 999_999_000, MAX_BITS_PER_SECOND])(
    'a limit of %s bit/s is read back exact, in whatever unit nft shows it',
    (bitsPerSecond) => {
      const rule = intent({}, { action: { kind: 'rate_limit', bitsPerSecond } })
      nft(nftables.render(rule, 0).apply)
      expect(live().map(key)).toEqual([ruleKey(rule.match, rule.action)])
    },
  )
  it('the kernel ends a rule by itself, and what is put back lasts for the rest only', async () => {
    nft(reassert(intent(), 0, 1))
    expect(live()).toHaveLength(1)
    await sleep(2_100)
    expect(live()).toEqual([])
  })
  it('a rule of which an element was removed by hand is seen as not whole', () => {
    const rule = GOLDENS['both-port-lists'] as BlockIntent
    const text = nftables.render(rule, 0)
    nft(text.apply)
    nft(`${text.undo.trimEnd().split('\n').at(-1)}\n`)
    expect(live()).toMatchObject([{ id: 'both-port-lists', match: null, elements: 3 }])
    nft(text.apply)
    expect(live().map(key)).toEqual([ruleKey(rule.match, rule.action)])
  })
  it('what is not ours is told apart: an element without our mark, another table', () => {
    nft('add element inet weir drop_l3_v4_0 { 192.0.2.1 . 192.0.2.2 . 17 timeout 60s comment "by hand" }\n')
    nft('add table inet other\nadd set inet other drop_l3_v4_0 { type ipv4_addr; }\nadd element inet other drop_l3_v4_0 { 192.0.2.1 }\n')
    nft(nftables.render(intent(), 0).apply)
    expect(new Set(live().map((block) => block.id))).toEqual(new Set(['b-1', null]))
    expect(parseRuleset(JSON.parse(inside(['nft', '-n', '-j', 'list', 'ruleset'])))).toHaveLength(2)
  })
  it('packets are dropped and counted, by address, port and SYN; others pass', () => {
    for (const last of [1, 7, 8]) inside(['ip', 'address', 'replace', `198.51.100.${last}/32`, 'dev', 'lo'])
    nft(nftables.render(intent({ dst: '198.51.100.1' }, { id: 'l3' }), 0).apply)
    nft(
      nftables.render(intent({ src: null, dst: '198.51.100.1', proto: 17, dstPorts: [{ low: 9000, high: 9009 }] }, { id: 'l4' }), 1).apply,
    )
    nft(
      nftables.render(
        intent(
          { src: null, dst: '198.51.100.1', proto: 6, dstPorts: [{ low: 9010, high: 9010 }], tcpFlags: { set: ['syn'], unset: ['ack'] } },
          { id: 'syn' },
        ),
        2,
      ).apply,
    )
    const limited = intent(
      { src: null, dst: '198.51.100.7', proto: 17 },
      { id: 'limited', action: { kind: 'rate_limit', bitsPerSecond: 100_000 } },
    )
    nft(nftables.render(limited, 3).apply)
    const got = JSON.parse(inside([process.execPath, '-e', SENDER])) as Record<string, number | boolean>
    expect(got).toMatchObject({ fromBlocked: 0, blockedPort: 0, otherPort: 5, synPort: false, openPort: true })
    // 1 MB offered at 12,500 octets/s with a burst of 15,000: a few dozen of 1,000 packets pass.
    expect(got['limited']).toBeGreaterThan(5)
    expect(got['limited']).toBeLessThan(200)
    const packets = Object.fromEntries(live().map((block) => [block.id, block.packets]))
    expect(packets).toMatchObject({ l3: 5, l4: 5 })
    expect(packets['syn']).toBeGreaterThan(0)
  }, 30_000)
})

/** Runs inside the namespace: sends over loopback and says what arrived. */
const SENDER = `
const dgram = require('node:dgram'), net = require('node:net')
const wait = (ms) => new Promise((r) => setTimeout(r, ms))
const listen = (host, port) => new Promise((r) => { const s = dgram.createSocket('udp4'); const c = { n: 0, s }; s.on('message', () => c.n++); s.bind(port, host, () => r(c)) })
const send = (from, to, port, count, size) => new Promise((r) => { const s = dgram.createSocket('udp4'); let left = count; s.bind(0, from, () => { for (let i = 0; i < count; i++) s.send(Buffer.alloc(size), port, to, () => { if (--left === 0) { s.close(); r() } }) }) })
const connect = (port) => new Promise((r) => { const c = net.connect({ host: '198.51.100.1', port, localAddress: '198.51.100.8' }); const t = setTimeout(() => { c.destroy(); r(false) }, 700); c.on('connect', () => { clearTimeout(t); c.destroy(); r(true) }); c.on('error', () => { clearTimeout(t); r(false) }) })
;(async () => {
  const a = await listen('198.51.100.1', 9100), b = await listen('198.51.100.1', 9005), c = await listen('198.51.100.7', 9200)
  const t1 = net.createServer().listen(9010, '198.51.100.1'), t2 = net.createServer().listen(9011, '198.51.100.1')
  await wait(100)
  await send('198.51.100.7', '198.51.100.1', 9100, 5, 10); await wait(100); const fromBlocked = a.n
  await send('198.51.100.8', '198.51.100.1', 9005, 5, 10)
  await send('198.51.100.8', '198.51.100.1', 9100, 5, 10)
  await send('198.51.100.8', '198.51.100.7', 9200, 1000, 972)
  const synPort = await connect(9010), openPort = await connect(9011)
  await wait(200)
  process.stdout.write(JSON.stringify({ fromBlocked, blockedPort: b.n, otherPort: a.n, limited: c.n, synPort, openPort }))
  process.exit(0)
})()
`
