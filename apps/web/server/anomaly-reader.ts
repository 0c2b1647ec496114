import type { AnomalyNotice } from '@weir/db/contracts'
import type { MissedNotices } from '@weir/db/queries'

/** Who missed more than this is told to ask for everything instead. */
const MOST = 2_000
const PAGE = 200

/** Where a reader stands: `last` is the newest event there was; `reload` when what was missed is not told again. */
export interface Standing {
  last: number
  reload: boolean
}

export interface Sink {
  notice(notice: AnomalyNotice): void
  standing(standing: Standing): void
  /** Resolves when what was given so far has left, so that catching up does not fill the memory. */
  drained(): Promise<void>
  /** The events could not be read: the reader must come again with its last id. */
  failed(error: unknown): void
  open(): boolean
}

/**
 * One reader of anomaly events (G13): each event once, in the order of the ids, or the word that it must reload.
 *
 * In words: the reader stands after an id. A notice with the next id is given at once. Any other newer one says that something is missing
 * here (an interrupted LISTEN, a number that was rolled back), so the database is read from where the reader stands; while that goes on,
 * notices only mark that there is more to read. Numbers are given out in the order of commits, so nothing can appear below one that was read.
 */
export class AnomalyReader {
  #at: number | null
  #reading = false
  #more = false
  readonly #sink: Sink
  readonly #read: (after: number | null, limit: number) => Promise<MissedNotices>

  /** `after`: the last event that this reader has seen; null for one that starts now. Call `catchUp` next. */
  constructor(after: number | null, sink: Sink, read: (after: number | null, limit: number) => Promise<MissedNotices>) {
    this.#at = after
    this.#sink = sink
    this.#read = read
  }

  /** What was just told to everyone. */
  take(notice: AnomalyNotice): void {
    if (this.#reading) this.#more = true
    else if (this.#at === null || notice.id > this.#at + 1) void this.catchUp()
    else if (notice.id > this.#at) this.#give(notice)
  }

  /** Read what is missing; at first, after an interruption, after a gap. */
  async catchUp(): Promise<void> {
    this.#more = true
    if (this.#reading) return
    this.#reading = true
    let standing: Standing | null = null
    try {
      while (this.#more && this.#sink.open()) {
        this.#more = false
        const missed = await this.#read(this.#at, PAGE)
        if (this.#at === null || missed.last < this.#at || missed.last - this.#at > MOST) {
          // A number beyond the newest one is from another database; one far behind it would take longer than asking again.
          standing = { last: missed.last, reload: this.#at !== null }
          this.#at = missed.last
          continue
        }
        for (const notice of missed.notices) this.#give(notice)
        if (missed.more) this.#more = true
        await this.#sink.drained()
      }
    } catch (error) {
      this.#sink.failed(error)
    } finally {
      this.#reading = false
    }
    if (standing !== null && this.#sink.open()) this.#sink.standing(standing)
  }

  #give(notice: AnomalyNotice): void {
    if (this.#at !== null && notice.id <= this.#at) return
    this.#at = notice.id
    this.#sink.notice(notice)
  }
}
