/**
 * Loss, estimated from the sequence numbers of one stream (a v5 engine, a v9 or IPFIX domain, an sFlow sub-agent).
 *
 * In words: the next number is expected. A higher one opens a *gap*; a gap that is not filled by late datagrams within
 * `WINDOW` datagrams is *lost*, so reordering costs nothing and the total never has to be taken back. A lower number that
 * fills no gap is a restart when it is far away, when the exporter's uptime went back, or when the next one continues it;
 * otherwise it is a duplicate. A restart loses nothing. Some exporters count by another rule than their protocol's: after
 * `LEARN` steps that fit one other rule and not the protocol's, the stream follows that rule.
 */
const WINDOW = 64
/** A forward jump of more units than this is a restart with another first number; no outage loses so much unseen. */
const MAXIMUM_GAP = 1 << 24
const LEARN = 8
/** How far back a late datagram may lie, in datagrams of the stream's usual size. */
const LATE = 64

/** What one unit of the sequence number counts. */
export type SequenceRule = 'protocol' | 'datagrams' | 'records' | 'constant'

export class SequenceTracker {
  /** Units lost for good, and units that did arrive. */
  lost = 0
  received = 0
  restarts = 0
  duplicates = 0
  rule: SequenceRule = 'protocol'
  #expected = -1
  #last = -1
  #lastUnits = 0
  #lastRecords = 0
  #lastUpTime = -1
  #largest = 1
  #count = 0
  #suspect = -1
  #votesDatagrams = 0
  #votesRecords = 0
  #votesConstant = 0
  /** Open gaps: first missing number, units missing, datagram count when seen. Allocated by the first gap. */
  #gaps: { from: number; units: number; seen: number }[] | null = null

  /**
   * One datagram with its number, the units it carries by the protocol's rule (-1 when parked sets hide them), its records and
   * its uptime (-1 when it has none). Returns the units that have just become certainly lost.
   */
  observe(sequence: number, units: number, records: number, upTime: number): number {
    this.#count++
    let mine = this.#units(units, records)
    this.received += Math.max(0, mine)
    if (mine > this.#largest) this.#largest = mine
    const backwards = upTime >= 0 && this.#lastUpTime >= 0 && this.#lastUpTime - upTime > 60_000 && this.#lastUpTime - upTime < 0xf0000000
    if (upTime >= 0) this.#lastUpTime = upTime
    if (this.#last < 0 || this.rule === 'constant') {
      if (this.rule === 'constant' && sequence !== this.#last) this.rule = 'protocol'
      this.#restart(sequence, mine, records)
      return 0
    }
    this.#learn(sequence, units, records)
    mine = this.#units(units, records)
    if (backwards) {
      this.restarts++
      this.#gaps = null
      this.#restart(sequence, mine, records)
      return 0
    }
    if (this.#expected < 0) {
      // The size of the last datagram is unknown (parked sets): start counting again from here.
      this.#restart(sequence, mine, records)
      return this.#expire()
    }
    const ahead = (sequence - this.#expected) | 0
    if (ahead === 0) {
      this.#suspect = -1
      this.#advance(sequence, mine, records)
    } else if (ahead > 0 && ahead <= MAXIMUM_GAP) {
      this.#gaps ??= []
      if (this.#gaps.length < WINDOW) this.#gaps.push({ from: this.#expected, units: ahead, seen: this.#count })
      else this.lost += ahead
      this.#suspect = -1
      this.#advance(sequence, mine, records)
    } else if (ahead < 0 && -ahead <= this.#largest * LATE && this.#fill(sequence, mine)) {
      this.#suspect = -1
    } else if (ahead < 0 && -ahead <= this.#largest * LATE && sequence !== this.#suspect) {
      this.duplicates++
      this.#suspect = mine < 0 ? -1 : (sequence + mine) >>> 0
    } else {
      this.restarts++
      this.#gaps = null
      this.#suspect = -1
      this.#restart(sequence, mine, records)
      return 0
    }
    return this.#expire()
  }

  /** What one datagram adds to the number, by the rule that this stream follows. */
  #units(units: number, records: number): number {
    if (this.rule === 'datagrams') return 1
    if (this.rule === 'records') return records
    return this.rule === 'constant' ? 0 : units
  }

  #restart(sequence: number, units: number, records: number): void {
    this.#advance(sequence, units, records)
  }

  #advance(sequence: number, units: number, records: number): void {
    this.#last = sequence
    this.#lastUnits = units
    this.#lastRecords = records
    this.#expected = units < 0 ? -1 : (sequence + units) >>> 0
  }

  /** A late datagram closes its part of a gap. */
  #fill(sequence: number, units: number): boolean {
    const gaps = this.#gaps
    if (gaps === null) return false
    for (let i = 0; i < gaps.length; i++) {
      const gap = gaps[i]
      if (gap === undefined) break
      const into = (sequence - gap.from) | 0
      if (into < 0 || into >= gap.units) continue
      const size = Math.max(0, Math.min(units, gap.units - into))
      const rest = gap.units - into - size
      if (into === 0) {
        gap.from = (gap.from + size) >>> 0
        gap.units = rest
      } else {
        gap.units = into
        if (rest > 0 && gaps.length < WINDOW) gaps.splice(i + 1, 0, { from: (sequence + size) >>> 0, units: rest, seen: gap.seen })
        else this.lost += rest
      }
      if (gap.units <= 0) gaps.splice(i, 1)
      return true
    }
    return false
  }

  #expire(): number {
    const gaps = this.#gaps
    if (gaps === null) return 0
    let lost = 0
    while (gaps.length > 0) {
      const oldest = gaps[0]
      if (oldest === undefined || this.#count - oldest.seen < WINDOW) break
      lost += oldest.units
      gaps.shift()
    }
    if (gaps.length === 0) this.#gaps = null
    this.lost += lost
    return lost
  }

  /** Vote on what the exporter counts, where the rules differ. */
  #learn(sequence: number, units: number, _records: number): void {
    const step = (sequence - this.#last) | 0
    if (units < 0 || this.#lastUnits < 0 || this.#lastRecords < 0) return
    const byProtocol = this.rule === 'protocol' ? this.#lastUnits : units === 1 ? 1 : this.#lastRecords
    if (step === this.#lastUnits && this.rule === 'protocol') {
      this.#votesDatagrams = 0
      this.#votesRecords = 0
      this.#votesConstant = 0
      return
    }
    if (step === 1 && byProtocol !== 1) this.#votesDatagrams++
    else this.#votesDatagrams = 0
    if (step === this.#lastRecords && this.#lastRecords > 1) this.#votesRecords++
    else this.#votesRecords = 0
    if (step === 0) this.#votesConstant++
    else this.#votesConstant = 0
    if (this.rule !== 'protocol') return
    let rule: SequenceRule | null = null
    if (this.#votesDatagrams >= LEARN) rule = 'datagrams'
    else if (this.#votesRecords >= LEARN) rule = 'records'
    else if (this.#votesConstant >= LEARN) rule = 'constant'
    if (rule === null) return
    // What looked like gaps was another way of counting.
    this.rule = rule
    this.#gaps = null
    this.#expected = -1
  }
}
