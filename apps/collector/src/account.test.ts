import { describe, expect, it } from 'vitest'
import { Account } from './account.ts'

describe('the books of the collector', () => {
  it('close when every datagram and flow has a place', () => {
    const account = new Account()
    account.received = 10
    account.refused.inbox_full = 2
    account.countUnreadable('version')
    account.processed = 6
    account.flows = 30
    account.shed.queue_full = 5
    account.stored = 20
    expect(account.gap(1, 5)).toBe(0)
  })

  it('show a gap when a counter is missing', () => {
    const account = new Account()
    account.received = 3
    account.processed = 2
    expect(account.gap(0, 0)).toBe(1)
    account.flows = 7
    expect(account.gap(0, 0)).toBe(8)
  })

  it('do not grow with ever new problem codes', () => {
    const account = new Account()
    for (let i = 0; i < 1000; i++) account.countProblem(`code-${i}`)
    expect(account.problems.size).toBeLessThanOrEqual(65)
    expect([...account.problems.values()].reduce((a, b) => a + b, 0)).toBe(1000)
  })
})
