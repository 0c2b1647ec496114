import type { Problem } from './record.ts'

/** Why something could not be decoded. The code is stable; the detail is for people. */
export const PROBLEM = {
  /** The version word is none of 1, 5, 7, 8, 9, 10 or sFlow's 5. */
  UNKNOWN_VERSION: 'unknown-version',
  TOO_SHORT: 'too-short',
  TOO_LONG: 'too-long',
  /** The header announces more records than the datagram holds. */
  COUNT: 'count-beyond-datagram',
  /** An IPFIX message length below 16 or beyond the datagram. */
  MESSAGE_LENGTH: 'message-length',
  /** A set length below 4 or beyond the message. */
  SET_LENGTH: 'set-length',
  /** Set ids 4–255 are reserved. */
  RESERVED_SET: 'reserved-set',
  TEMPLATE: 'template-malformed',
  TEMPLATE_REFUSED: 'template-refused',
  /** A template that live data used now means something else. */
  TEMPLATE_CHANGED: 'template-changed',
  /** A record runs past its set. */
  RECORD: 'record-malformed',
  PARKING_FULL: 'parking-full',
  LIMIT: 'limit',
  AGGREGATION: 'unknown-aggregation',
  SAMPLE: 'sample-malformed',
  TRAILING: 'trailing-octets',
  NO_STATE: 'no-state',
} as const

/** Collects the problems of one datagram, at most `limit`; `dropped` counts the rest. */
export class ProblemList {
  readonly list: Problem[] = []
  dropped = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  clear(): void {
    this.list.length = 0
    this.dropped = 0
  }

  add(code: string, offset: number, detail: string): void {
    if (this.list.length >= this.#limit) this.dropped++
    else this.list.push({ code, offset, detail })
  }
}
