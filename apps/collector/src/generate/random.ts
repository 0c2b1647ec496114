/** A small, fast generator (sfc32) with the distributions traffic is made of. The same seed gives the same numbers on every machine. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9 | 0
    for (let i = 0; i < 12; i++) this.uint32()
  }

  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return t >>> 0
  }

  /** 0 ≤ x < 1 */
  unit(): number {
    return this.uint32() / 2 ** 32
  }

  /** 0 ≤ n < limit */
  below(limit: number): number {
    return Math.floor(this.unit() * limit)
  }

  between(low: number, high: number): number {
    return low + this.unit() * (high - low)
  }

  chance(share: number): boolean {
    return this.unit() < share
  }

  /** 0 ≤ n < limit, small numbers far more often: a few hosts make most of the traffic. */
  skewed(limit: number, power = 2.2): number {
    return Math.floor(limit * this.unit() ** power)
  }

  /** Pareto from `least`, heavier-tailed the closer `alpha` is to 1; cut at `most`. */
  pareto(least: number, alpha: number, most: number): number {
    return Math.min(most, least / (1 - this.unit()) ** (1 / alpha))
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit())
  }

  poisson(mean: number): number {
    if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()))
    const limit = Math.exp(-mean)
    let n = 0
    for (let product = this.unit(); product > limit; product *= this.unit()) n++
    return n
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit())
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[this.below(from.length)]
    if (chosen === undefined) throw new RangeError('nothing to pick from')
    return chosen
  }
}

/** Picks items by weight, by binary search in their running sums. */
export class Weighted<T> {
  readonly #items: T[] = []
  readonly #sums: number[] = []
  #total = 0

  constructor(entries: readonly (readonly [item: T, weight: number])[]) {
    for (const [item, weight] of entries) {
      if (weight <= 0) continue
      this.#total += weight
      this.#items.push(item)
      this.#sums.push(this.#total)
    }
  }

  pick(random: Random): T {
    const at = random.unit() * this.#total
    let low = 0
    let high = this.#sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#sums[middle] ?? 0) <= at) low = middle + 1
      else high = middle
    }
    const item = this.#items[low]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }
}
