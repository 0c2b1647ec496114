/**
 * Numbers by key, where a key is only ever asked for again and never read back: 64 bits of hash stand for its text. Two keys of half a million
 * are taken for one another once in 10^13 questions, and an entry takes 16 octets outside the heap instead of some 150 on it.
 *
 * Two generations: what is set goes to the young one; when that is full or `ageMs` old it becomes the old one, and what was old is forgotten.
 * An entry is so known for at least `limit` others or `ageMs`, whichever ends first. Plain data, so that a state snapshot needs no code.
 */
export interface Fingerprints {
  /** Its own, so that nobody can send keys that all belong to one place. */
  seed: number
  young: Generation
  old: Generation
  turnedMs: number
  /** Entries forgotten because there was no room, not because they were old. */
  evicted: number
}

/** Open addressing with linear probing; a place whose two halves are 0 is free. */
interface Generation {
  size: number
  low: Uint32Array
  high: Uint32Array
  values: Float64Array
}

const PLACES = 1_024

const generation = (places = PLACES): Generation => ({
  size: 0,
  low: new Uint32Array(places),
  high: new Uint32Array(places),
  values: new Float64Array(places),
})

export function fingerprints(): Fingerprints {
  return { seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0, young: generation(), old: generation(), turnedMs: 0, evicted: 0 }
}

/** Hash of a key in two halves that know nothing of each other; one object serves all keys, one after the other. */
export class Key {
  low = 0
  high = 0

  /** Begin a key of the table `of`. */
  begin(of: Pick<Fingerprints, 'seed'>): this {
    this.low = 0xdeadbeef ^ of.seed
    this.high = 0x41c6ce57 ^ Math.imul(of.seed, 0x2545f491)
    return this
  }

  /** One part of the key; its end counts, so that "1" and "23" are not "12" and "3". */
  text(part: string): this {
    let low = this.low
    let high = this.high
    for (let i = 0; i <= part.length; i++) {
      const code = i < part.length ? part.charCodeAt(i) : 0x1_00_00
      low = Math.imul(low ^ code, 0x9e3779b1)
      low ^= low >>> 15
      high = Math.imul(high ^ code, 0x5f356495)
      high = (high << 13) | (high >>> 19)
    }
    this.low = low
    this.high = high
    return this
  }

  /** An integer of up to 53 bits. */
  number(part: number): this {
    return this.#word(part | 0).#word(Math.floor(part / 0x1_0000_0000) | 0)
  }

  #word(word: number): this {
    let low = Math.imul(this.low ^ word, 0x9e3779b1)
    low ^= low >>> 15
    this.low = low
    const high = Math.imul(this.high ^ word, 0x5f356495)
    this.high = (high << 13) | (high >>> 19)
    return this
  }

  /** The last step: every bit of the key reaches every bit of both halves. */
  end(): this {
    const low = Math.imul(this.low ^ (this.low >>> 16), 0x85ebca6b) ^ Math.imul(this.high ^ (this.high >>> 13), 0xc2b2ae35)
    const high = Math.imul(this.high ^ (this.high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
    this.low = (low | (low === 0 && high === 0 ? 1 : 0)) >>> 0
    this.high = high >>> 0
    return this
  }
}

/** The place of `key`, or the free one where it belongs. */
function placeOf(g: Generation, low: number, high: number): number {
  const mask = g.low.length - 1
  let place = low & mask
  for (;;) {
    const l = g.low[place] ?? 0
    const h = g.high[place] ?? 0
    if ((l === low && h === high) || (l === 0 && h === 0)) return place
    place = (place + 1) & mask
  }
}

const taken = (g: Generation, place: number) => g.low[place] !== 0 || g.high[place] !== 0

function put(g: Generation, low: number, high: number, value: number): void {
  if ((g.size + 1) * 4 > g.low.length * 3) {
    const { low: lows, high: highs, values } = g
    Object.assign(g, generation(lows.length * 2))
    for (let i = 0; i < lows.length; i++) if (lows[i] !== 0 || highs[i] !== 0) put(g, lows[i] ?? 0, highs[i] ?? 0, values[i] ?? 0)
  }
  const place = placeOf(g, low, high)
  if (!taken(g, place)) g.size++
  g.low[place] = low
  g.high[place] = high
  g.values[place] = value
}

/** What was last set for `key` and is not forgotten. */
export function recall(known: Fingerprints, key: Key): number | undefined {
  for (const g of [known.young, known.old]) {
    const place = placeOf(g, key.low, key.high)
    if (taken(g, place)) return g.values[place]
  }
  return undefined
}

/** Begin another generation when the young one is full or has lasted. */
export function turn(known: Fingerprints, now: number, limit: number, ageMs: number): void {
  const { young, old } = known
  const full = young.size >= limit
  if (!full && now - known.turnedMs <= ageMs) return
  if (full) known.evicted += old.size
  // The arrays change places: new ones for each generation would be garbage of several megabytes.
  old.low.fill(0)
  old.high.fill(0)
  old.size = 0
  known.old = young
  known.young = old
  known.turnedMs = now
}

/** Set `key` to `value` at engine time `now`. */
export function remember(known: Fingerprints, key: Key, value: number, now: number, limit: number, ageMs: number): void {
  turn(known, now, limit, ageMs)
  put(known.young, key.low, key.high, value)
}

/** How many entries are known; one that was set again lately may count twice. */
export const entries = (known: Fingerprints): number => known.young.size + known.old.size
