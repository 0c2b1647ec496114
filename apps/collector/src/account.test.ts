import { describe, expect, it } from 'vitest'
import { Account, GAPS, QUARANTINES, REFUSALS, SHEDS, type UnderWay } from './account.ts'

const quiet: UnderWay = { datagrams: 0, staged: 0, spooled: 0, listened: 0, exporterDatagrams: 0, exporterFlows: 0, books: 0 }

/** Books of a busy minute that close. */
function busy(): { account: Account; now: UnderWay } {
  const account = new Account()
  account.received = 22
  for (const reason of REFUSALS) account.refused[reason] = 2
  account.countUnreadable('version')
  account.processed = 10
  account.sets = 30
  account.templateSets = 4
  account.optionsSets = 2
  account.decodedSets = 20
  account.malformedSets = 1
  account.parkedSets = 3
  account.flows = 100
  account.slices = 7
  for (const reason of SHEDS) account.shed[reason] = 3
  account.accepted = 87
  account.recovered = 40
  account.stored = 97
  for (const reason of QUARANTINES) account.quarantined[reason] = 4
  return { account, now: { datagrams: 1, staged: 5, spooled: 10, listened: 22, exporterDatagrams: 10, exporterFlows: 100, books: 0 } }
}

describe('the books of the collector', () => {
  it('close when every datagram, set and flow has a place', () => {
    const { account, now } = busy()
    expect(account.gap(now)).toBe(0)
    expect(new Account().gap(quiet)).toBe(0)
  })

  it('show a gap whichever counter is missing', () => {
    const hide: ((account: Account, now: UnderWay) => void)[] = [
      (a) => void a.received++,
      (a) => void a.processed--,
      (a) => a.countUnreadable('again'),
      ...REFUSALS.map((reason) => (a: Account) => void a.refused[reason]--),
      (a) => void a.sets++,
      (a) => void a.malformedSets--,
      (a) => void a.flows++,
      (a) => void a.slices--,
      ...SHEDS.map((reason) => (a: Account) => void a.shed[reason]--),
      (a) => void a.accepted--,
      (a) => void a.stored--,
      ...QUARANTINES.map((reason) => (a: Account) => void a.quarantined[reason]--),
      (_, now) => void now.spooled--,
      (_, now) => void now.staged--,
      (_, now) => void now.datagrams--,
      (_, now) => void now.listened++,
      (_, now) => void now.exporterDatagrams--,
      (_, now) => void now.exporterFlows--,
      (_, now) => void now.books++,
    ]
    for (const spoil of hide) {
      const { account, now } = busy()
      spoil(account, now)
      expect(account.gap(now)).toBeGreaterThan(0)
    }
  })

  it('name the sum that does not close', () => {
    const { account, now } = busy()
    account.stored--
    expect(GAPS.filter((leg) => account.gaps(now)[leg] !== 0)).toEqual(['accepted'])
  })

  it('do not grow with ever new problem codes', () => {
    const account = new Account()
    for (let i = 0; i < 1000; i++) account.countProblem(`code-${i}`)
    expect(account.problems.size).toBeLessThanOrEqual(65)
    expect([...account.problems.values()].reduce((a, b) => a + b, 0)).toBe(1000)
  })
})
