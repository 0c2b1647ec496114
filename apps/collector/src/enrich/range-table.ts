// Sorted break points instead of (start, end) pairs: each start holds until the next one, and 0 means "nothing known". Neighbours with
// the same value merge, which takes the 3.9 million IPv4 networks of the city data to some hundred thousand ranges of countries.
// An index by the first 16 bits leaves a binary search of a few steps; between two datagrams other work has put all of that out of the processor's
// caches, and each step waits for memory. So the way there is kept short. Where all of a first octet has one value (the sites behind 10.0.0.0/8),
// that is known without an address. Few hosts make most of the other flows: the last address of each of 32,768 slots is remembered beside its
// value, in the same line of the cache. A slot is found and overwritten in place (nothing to bound or to age), and a scanner's random targets cost
// the others at most what they cost without it.

const BUCKETS = 65536
const SLOTS = 32_768
const SLOT_SHIFT = 17
/** Fibonacci hashing: neighbours, who are many in a site, land far apart. */
const SPREAD = 0x9e3779b1
/** In the place of a value: the octet has several, or one that 31 bits do not hold. */
const SEVERAL = -1

/** Ranges of IPv4 space to small numbers; 0 is "unknown". */
export class Table4 {
  readonly starts: Uint32Array
  readonly values: Uint32Array
  readonly #index: Uint32Array
  /** The value of everything below a first octet, or SEVERAL. */
  readonly #octets: Int32Array
  /** An address and its value, by turns. */
  readonly #recent = new Uint32Array(SLOTS * 2)

  constructor(starts: Uint32Array, values: Uint32Array) {
    this.starts = starts
    this.values = values
    this.#index = indexBy16(starts)
    this.#octets = Int32Array.from({ length: 256 }, (_, octet) => this.#whole(octet))
    // An empty slot says 0.0.0.0, which must be true.
    const nothing = this.#search(0)
    for (let i = 1; i < this.#recent.length; i += 2) this.#recent[i] = nothing
  }

  /** `address`: 32 bits, unsigned. */
  lookup(address: number): number {
    const whole = this.#octets[address >>> 24] ?? SEVERAL
    if (whole !== SEVERAL) return whole
    const recent = this.#recent
    const slot = (Math.imul(address, SPREAD) >>> SLOT_SHIFT) << 1
    if (recent[slot] === address) return recent[slot + 1] ?? 0
    const value = this.#search(address)
    recent[slot] = address
    recent[slot + 1] = value
    return value
  }

  #whole(octet: number): number {
    const first = octet * 16_777_216
    const next = first + 16_777_216
    const value = this.#search(first)
    for (let i = this.#index[octet << 8] ?? 0; i < this.starts.length && (this.starts[i] ?? 0) < next; i++)
      if (this.values[i] !== value) return SEVERAL
    return value > 0x7fffffff ? SEVERAL : value
  }

  #search(address: number): number {
    const bucket = address >>> 16
    const starts = this.starts
    let low = this.#index[bucket] ?? 0
    let high = this.#index[bucket + 1] ?? 0
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((starts[middle] ?? 0) <= address) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : (this.values[low - 1] ?? 0)
  }
}

/** Ranges of IPv6 space to small numbers at a resolution of /64; 0 is "unknown". Finer ranges count as the /64 they begin. */
export class Table6 {
  readonly high: Uint32Array
  readonly low: Uint32Array
  readonly values: Uint32Array
  readonly #index: Uint32Array

  constructor(high: Uint32Array, low: Uint32Array, values: Uint32Array) {
    this.high = high
    this.low = low
    this.values = values
    this.#index = indexBy16(high)
  }

  /** `high`, `low`: the first and the second 32 bits of the address, unsigned. */
  lookup(high: number, low: number): number {
    const bucket = high >>> 16
    let from = this.#index[bucket] ?? 0
    let to = this.#index[bucket + 1] ?? 0
    while (from < to) {
      const middle = (from + to) >>> 1
      const h = this.high[middle] ?? 0
      if (h < high || (h === high && (this.low[middle] ?? 0) <= low)) from = middle + 1
      else to = middle
    }
    return from === 0 ? 0 : (this.values[from - 1] ?? 0)
  }
}

/** Entry b: the number of starts whose first 16 bits are below b. */
function indexBy16(starts: Uint32Array): Uint32Array {
  const index = new Uint32Array(BUCKETS + 1)
  let at = 0
  for (let bucket = 0; bucket <= BUCKETS; bucket++) {
    const limit = bucket * 65536
    while (at < starts.length && (starts[at] ?? 0) < limit) at++
    index[bucket] = at
  }
  return index
}

/** A range of the first 64 bits of address space: each end as two 32-bit halves, `to` exclusive (its high half may be 2^32). */
export interface Range {
  fromHigh: number
  fromLow: number
  toHigh: number
  toLow: number
}

const SPACE_END = 2 ** 32

/**
 * Collects ranges in ascending order and yields break points. IPv4 uses the high halves only (low halves 0).
 * Ranges of `reserved` (ascending, disjoint) stay unknown whatever is added over them.
 */
export class RangeBuilder {
  readonly #high: number[] = []
  readonly #low: number[] = []
  readonly #values: number[] = []
  readonly #reserved: Range[]
  #nextReserved = 0
  #endHigh = 0
  #endLow = 0

  constructor(reserved: Range[] = []) {
    this.#reserved = reserved
  }

  /** Where ranges overlap, the one added first keeps the part. Throws when ranges do not ascend. */
  add(fromHigh: number, fromLow: number, toHigh: number, toLow: number, value: number): void {
    let high = fromHigh
    let low = fromLow
    for (;;) {
      const hole = this.#reserved[this.#nextReserved]
      if (hole === undefined || !before(hole.fromHigh, hole.fromLow, toHigh, toLow)) break
      this.#claim(high, low, hole.fromHigh, hole.fromLow, value)
      this.#claim(hole.fromHigh, hole.fromLow, hole.toHigh, hole.toLow, 0)
      if (before(high, low, hole.toHigh, hole.toLow)) {
        high = hole.toHigh
        low = hole.toLow
      }
      this.#nextReserved++
    }
    this.#claim(high, low, toHigh, toLow, value)
  }

  #claim(fromHigh: number, fromLow: number, toHigh: number, toLow: number, value: number): void {
    let high = fromHigh
    let low = fromLow
    if (before(high, low, this.#endHigh, this.#endLow)) {
      high = this.#endHigh
      low = this.#endLow
    }
    if (!before(high, low, toHigh, toLow)) return
    if (before(this.#endHigh, this.#endLow, high, low)) this.#push(this.#endHigh, this.#endLow, 0)
    this.#push(high, low, value)
    this.#endHigh = toHigh
    this.#endLow = toLow
  }

  #push(high: number, low: number, value: number): void {
    const last = this.#values.length - 1
    if (last < 0 ? value === 0 : this.#values[last] === value) return
    this.#high.push(high)
    this.#low.push(low)
    this.#values.push(value)
  }

  #close(): void {
    if (this.#endHigh < SPACE_END) this.#push(this.#endHigh, this.#endLow, 0)
    this.#endHigh = SPACE_END
    this.#endLow = 0
  }

  table4(): Table4 {
    this.#close()
    return new Table4(Uint32Array.from(this.#high), Uint32Array.from(this.#values))
  }

  table6(): Table6 {
    this.#close()
    return new Table6(Uint32Array.from(this.#high), Uint32Array.from(this.#low), Uint32Array.from(this.#values))
  }
}

function before(aHigh: number, aLow: number, bHigh: number, bLow: number): boolean {
  return aHigh < bHigh || (aHigh === bHigh && aLow < bLow)
}
