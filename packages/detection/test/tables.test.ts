import { describe, expect, it } from 'vitest'
import { asAttempt, conversationState, settle, track } from '../src/conversations.ts'
import { entries, fingerprints, Key, recall, remember } from '../src/fingerprints.ts'
import { hold, letGo, nameOf, names, numberOf } from '../src/names.ts'
import { add, type Distinct, type Few, howMany, include, NONE, size } from '../src/sketch.ts'
import { address, connection, flow, T0 } from './traffic.ts'

describe('fingerprints', () => {
  const of = (i: number) => new Key().begin({ seed: 3 }).text(address(i)).number(i).end()
  it('a hundred thousand near-equal keys are told apart, and none is known that was not set', () => {
    const known = fingerprints()
    for (let i = 0; i < 100_000; i++) remember(known, of(i), i, T0, 200_000, 60_000)
    const wrong = Array.from({ length: 200_000 }, (_, i) => i).filter((i) => recall(known, of(i)) !== (i < 100_000 ? i : undefined))
    expect(wrong).toEqual([])
    expect(entries(known)).toBe(100_000)
  })
  it('parts of a key do not run into one another, and large numbers differ by their upper half', () => {
    const prints = [
      new Key().begin({ seed: 3 }).text('1').text('23').end(),
      new Key().begin({ seed: 3 }).text('12').text('3').end(),
      new Key().begin({ seed: 3 }).number(7).end(),
      new Key()
        .begin({ seed: 3 })
        .number(7 + 2 ** 32)
        .end(),
      new Key().begin({ seed: 3 }).number(-1).end(),
    ].map((key) => `${key.low}.${key.high}`)
    expect(new Set(prints).size).toBe(5)
  })
  it('each table has a seed of its own, under which other keys share a place', () => {
    expect(fingerprints().seed).not.toBe(fingerprints().seed)
    const together = (seed: number) =>
      Array.from({ length: 4_096 }, (_, i) => i).filter((i) => (new Key().begin({ seed }).text(address(i)).end().low & 255) === 7)
    const [one, other] = [together(1), together(2)]
    expect(one.length).toBeGreaterThan(4)
    expect(one.filter((i) => other.includes(i)).length).toBeLessThan(one.length / 2)
  })
  it('an entry is known for the age or the limit, and what gave way for want of room is counted', () => {
    const known = fingerprints()
    remember(known, of(0), 5, T0, 100, 60_000)
    remember(known, of(1), 6, T0 + 61_000, 100, 60_000)
    expect(recall(known, of(0))).toBe(5)
    remember(known, of(2), 7, T0 + 130_000, 100, 60_000)
    expect([recall(known, of(0)), recall(known, of(1)), known.evicted]).toEqual([undefined, 6, 0])
    for (let i = 10; i < 310; i++) remember(known, of(i), i, T0 + 130_001, 100, 60_000)
    expect(entries(known)).toBeLessThanOrEqual(200)
    expect(known.evicted).toBeGreaterThan(0)
    for (let i = 210; i < 310; i++) expect(recall(known, of(i))).toBe(i)
  })
})

describe('names', () => {
  it('a text has one number for as long as somebody holds it, then the number is another text', () => {
    const all = names()
    const a = hold(all, 'a')
    expect(hold(all, 'a')).toBe(a)
    const b = hold(all, 'b')
    letGo(all, a)
    expect(numberOf(all, 'a')).toBe(a)
    letGo(all, a)
    expect(numberOf(all, 'a')).toBe(-1)
    expect(hold(all, 'c')).toBe(a)
    expect([nameOf(all, a), nameOf(all, b)]).toEqual(['c', 'b'])
  })
})

describe('the table of conversations', () => {
  it('a flood that pushes conversations out is judged at the next look, and holds no place for longer', () => {
    const state = conversationState()
    for (let i = 0; i < 450_000; i++) track(state, flow(T0, { proto: 17, src: address(i), srcPort: 4_000, dstPort: 53 }), T0)
    expect(state.evicted).toBe(50_000)
    let settled = 0
    settle(
      state,
      T0 + 10_000,
      () => settled++,
      () => undefined,
    )
    expect([settled, state.waiting.length, state.size]).toEqual([50_000, 400_000, 400_000])
    const { used } = state
    for (let i = 450_000; i < 500_000; i++) track(state, flow(T0, { proto: 17, src: address(i), srcPort: 4_000, dstPort: 53 }), T0 + 10_000)
    expect(state.used).toBe(used)
  }, 60_000)
  it('finds each of many thousands from either side, closes all of them, and then holds no address', () => {
    const state = conversationState()
    const clients = Array.from({ length: 20_000 }, (_, i) => address(i))
    clients.forEach((client, i) => {
      for (const record of connection(T0 + i, client, '203.0.113.10', 443)) track(state, record, T0 + i)
    })
    expect([state.size, state.names.numbers.size]).toEqual([20_000, 20_003])
    const closed: string[] = []
    const made: string[] = []
    for (let now = T0; now < T0 + 400_000; now += 10_000)
      settle(
        state,
        now,
        (attempt) => made.push(`${attempt.client} ${attempt.outcome} ${attempt.up.records}${attempt.down.records}`),
        (attempt) => closed.push(attempt.client),
      )
    expect(made).toEqual(clients.map((client) => `${client} made 11`))
    expect(closed).toEqual(clients)
    expect([state.size, state.first, state.last, state.names.numbers.size, state.unsolicited.size]).toEqual([0, -1, -1, 0, 0])
    // Places are used again.
    const { used } = state
    for (const client of clients) track(state, flow(T0 + 500_000, { src: client }), T0 + 500_000)
    expect(state.used).toBe(used)
  })
  it('a record long after the last one of its 5-tuple begins another; the first still settles', () => {
    const state = conversationState()
    track(state, flow(T0, {}), T0)
    const second = track(state, flow(T0 + 200_000, { dst: '198.51.100.1', src: '203.0.113.10', srcPort: 443, dstPort: 40_000 }), T0 + 1)
    expect([second.mine.records, second.other.records, state.size, state.waiting.length]).toEqual([1, 0, 1, 2])
    const settled: string[] = []
    settle(
      state,
      T0 + 11_000,
      (attempt) => settled.push(`${attempt.client} ${asAttempt(attempt.conversation).outcome}`),
      () => undefined,
    )
    expect(settled).toEqual(['198.51.100.1 failed', '203.0.113.10 failed'])
    expect(state.names.numbers.size).toBe(4)
  })
})

describe('small sets', () => {
  it('are arrays up to eight, then Sets, and nobody shares what is added', () => {
    let few: Few<number> = NONE
    for (let i = 0; i < 20; i++) few = include(include(few, i), i)
    expect(howMany(few)).toBe(20)
    expect(NONE).toEqual([])
    let count: Distinct = NONE
    for (let i = 0; i < 10_000; i++) count = add(count, address(i))
    expect(Math.abs(size(count) / 10_000 - 1)).toBeLessThan(0.2)
  })
})
