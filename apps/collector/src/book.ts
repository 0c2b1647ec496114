/** What became of a datagram. */
export type Fate = 'refused' | 'duplicates' | 'unreadable' | 'processed'

/**
 * The books of one listener or one exporter: the sums of account.ts for it alone. Every counter is written where the thing happens, and what is
 * under way is counted on its own, so that something which is lost on the way leaves a gap.
 *
 *     received = refused + duplicates + unreadable + processed + waiting
 *     sets     = templateSets + optionsSets + decodedSets + malformedSets + parkedSets        (exporters)
 *     flows + slices = shed + accepted + staged                                               (exporters)
 */
export class Book {
  received = 0
  refused = 0
  duplicates = 0
  unreadable = 0
  processed = 0
  waiting = 0

  sets = 0
  templateSets = 0
  optionsSets = 0
  decodedSets = 0
  malformedSets = 0
  parkedSets = 0

  flows = 0
  slices = 0
  shed = 0
  accepted = 0
  staged = 0

  /** A datagram came in. */
  arrive(): void {
    this.received++
    this.waiting++
  }

  /** A datagram that came in has met its fate. */
  settle(fate: Fate): void {
    this.waiting--
    this[fate]++
  }

  /** What does not close, all three sums together. */
  get gap(): number {
    return (
      Math.abs(this.received - this.refused - this.duplicates - this.unreadable - this.processed - this.waiting) +
      Math.abs(this.sets - this.templateSets - this.optionsSets - this.decodedSets - this.malformedSets - this.parkedSets) +
      Math.abs(this.flows + this.slices - this.shed - this.accepted - this.staged)
    )
  }

  /** Add another one's counts to these: for the rest that is not told one by one. */
  add(other: Book): void {
    for (const count of COUNTS) this[count] += other[count]
  }
}

/** The counters of a book, in the order of its sums. */
export const COUNTS = [
  'received',
  'refused',
  'duplicates',
  'unreadable',
  'processed',
  'waiting',
  'sets',
  'templateSets',
  'optionsSets',
  'decodedSets',
  'malformedSets',
  'parkedSets',
  'flows',
  'slices',
  'shed',
  'accepted',
  'staged',
] as const satisfies readonly (keyof Book)[]
