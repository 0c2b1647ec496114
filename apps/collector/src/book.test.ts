import { describe, expect, it } from 'vitest'
import { Book, COUNTS } from './book.ts'

/** A book of a busy minute that closes. */
function busy(): Book {
  const book = new Book()
  for (let i = 0; i < 20; i++) book.arrive()
  for (const fate of ['refused', 'duplicates', 'unreadable'] as const) book.settle(fate)
  for (let i = 0; i < 12; i++) book.settle('processed')
  Object.assign(book, { sets: 30, templateSets: 4, optionsSets: 2, decodedSets: 20, malformedSets: 1, parkedSets: 3 })
  Object.assign(book, { flows: 100, slices: 7, shed: 3, accepted: 99, staged: 5 })
  return book
}

describe('the books of one listener or exporter', () => {
  it('close when every datagram, set and flow has a place', () => {
    expect(busy().gap).toBe(0)
    expect(busy().waiting).toBe(5)
    expect(new Book().gap).toBe(0)
  })

  it.each(COUNTS)('show a gap when %s is missing one, or has one too many', (count) => {
    for (const by of [1, -1]) {
      const book = busy()
      book[count] += by
      expect(book.gap).toBe(1)
    }
  })

  it('of the rest together are the sums of single ones', () => {
    const sum = busy()
    sum.add(busy())
    expect(sum.gap).toBe(0)
    expect(sum.received).toBe(40)
  })
})
