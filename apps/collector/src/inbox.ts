import type { DatagramSource } from '@weir/decoder'
import type { Book } from './book.ts'

/** A datagram as received, waiting to be decoded. */
export interface Received {
  data: Buffer
  source: DatagramSource
  /** The books of the listener that received it, and of its exporter once that is known. */
  listener?: Book
  exporter?: Book
}

/** Memory an entry takes beside its octets, measured with 40,000 of 60 to 1,464 octets (Node.js 24): what the socket hands out, and our objects. */
export const DATAGRAM_OVERHEAD = 1_100

/** Octets of memory that a waiting datagram takes. */
export const memoryOf = (data: Buffer): number => data.length + DATAGRAM_OVERHEAD

/**
 * Datagrams between the sockets and the decoder, in order. Receiving only appends here, so that a burst lands in memory instead of the
 * kernel's small buffer. Bounded in octets: when it is full the newest datagram is refused, because the older ones may hold the templates
 * that the newer ones need.
 */
export class Inbox {
  /** Octets at most. */
  readonly limit: number
  #entries: (Received | undefined)[] = []
  #head = 0
  #octets = 0

  constructor(limitOctets: number) {
    this.limit = limitOctets
  }

  get length(): number {
    return this.#entries.length - this.#head
  }

  get octets(): number {
    return this.#octets
  }

  /** False when full; the datagram was not taken. */
  push(data: Buffer, source: DatagramSource, listener?: Book): boolean {
    const size = memoryOf(data)
    if (this.#octets + size > this.limit) return false
    this.#octets += size
    this.#entries.push(listener === undefined ? { data, source } : { data, source, listener })
    return true
  }

  shift(): Received | undefined {
    const entry = this.#entries[this.#head]
    if (entry === undefined) return undefined
    this.#entries[this.#head] = undefined
    this.#head++
    this.#octets -= memoryOf(entry.data)
    if (this.#head === this.#entries.length) {
      this.#entries = []
      this.#head = 0
    } else if (this.#head >= 4096 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry
  }
}
