import { closeSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ABSENT, type FlowRecord } from '@weir/decoder'
import { mixed } from './mixed.ts'

/*
 * One truth from many exporters (ACCEPTANCE, N8): which of the exporters that report a conversation is counted.
 *
 * A conversation is one direction of addresses, protocol and ports (for ICMP type and code), apart by VRF. The exporter that reports it first
 * owns it; while its lease lasts, rows of all others are witnesses: stored, shown, and in no total. Each report of the owner renews the
 * lease to five minutes, or to twice the longest time that lay between its reports or within one of them, whichever is longer. When the
 * lease has run out, or when nothing at all comes from the owner's exporter any more, the next that reports it takes over.
 *
 * An exporter that meters a conversation twice, where it comes in and where it leaves, says so by its direction (IE 61): the first of the
 * two that is seen counts.
 */

const LEASE_SECONDS = 300
/** Beyond an hour between two reports they are two conversations with the same ports. */
const SPAN_MOST_SECONDS = 3_600
const BUCKET = 8
/** Words of an entry in memory. */
const ENTRY = 4
/** The longest span is less than 4,096 seconds. */
const SPAN_MASK = 0xfff
const CHECK_MASK = 0xfffff000
const ICMP = 1
const ICMPV6 = 58

const MAGIC = 0x57534731
/** Words of an entry in a file: two of the hash, owner, last report, span. */
const WORDS = 5
const HEADER_WORDS = 4

export interface SightingsState {
  entries: number
  problem: string | null
}

/**
 * The table of owners: buckets of eight entries, 16 octets each, so that a bucket is two lines of the processor's cache: the walk through
 * memory is what a look-up costs. A full bucket gives up the entry whose report is oldest; when its lease had not run out, that conversation may be counted from two exporters, and `evicted` says how often.
 */
export class Sightings {
  /** Entries at most; a power of two. */
  readonly capacity: number
  /** Switched off, nothing is a witness; the table keeps learning, so that switching on needs no time. */
  enabled = true
  /** Leases that were given up because their bucket was full. */
  evicted = 0
  /** Conversations that changed hands because their owner's lease had run out or it had fallen silent. */
  takenOver = 0
  /** Rows marked as witnesses. */
  witnesses = 0
  readonly #mask: number
  /**
   * Four words an entry: the first of the hash, 0 for an empty one · 20 bits of its second, and the longest time between two reports of the
   * owner or within one, seconds · exporter id × 4 + direction (0 not said, 1 in, 2 out) · epoch seconds of the owner's latest report.
   */
  readonly #table: Uint32Array
  readonly #silent: (exporterId: number, nowMs: number) => boolean
  /** Claims since the last snapshot that are not in the journal yet. */
  #claims: Uint32Array = new Uint32Array(256 * WORDS)
  #claimed = 0
  #journal: number | null = null
  #journalOctets = 0
  #a = 0
  #b = 0

  /** `silent` tells whether nothing comes from an exporter any more. */
  constructor(capacity: number, silent: (exporterId: number, nowMs: number) => boolean = () => false) {
    this.capacity = capacity
    this.#mask = capacity - 1
    this.#table = new Uint32Array(capacity * ENTRY)
    this.#silent = silent
  }

  /** Whether this record is a witness: its conversation is counted from another exporter, or from this one's other side. */
  witness(record: FlowRecord, exporterId: number, durationMs: number): boolean {
    // Events are no traffic, and what has no addresses is no conversation.
    if (record.eventKind !== 0 || record.srcAddr.length === 0 || record.dstAddr.length === 0) return false
    this.#hash(record)
    const second = Math.floor(record.receivedMs / 1000)
    const direction = record.direction === 0 ? 1 : record.direction === 1 ? 2 : 0
    const mine = exporterId * 4 + direction
    const tag = this.#a
    const check = (this.#b & CHECK_MASK) >>> 0
    const table = this.#table
    const from = (tag & this.#mask & ~(BUCKET - 1)) * ENTRY
    const end = from + BUCKET * ENTRY
    let free = -1
    for (let i = from; i < end; i += ENTRY) {
      const found = table[i] ?? 0
      if (found === 0) {
        free = i
        // Entries are never emptied: behind the first free one there is nothing.
        break
      }
      if (found === tag && ((table[i + 1] ?? 0) & CHECK_MASK) >>> 0 === check)
        return this.#met(i, mine, second, durationMs, record.receivedMs)
    }
    if (free < 0) {
      free = from
      for (let i = from + ENTRY; i < end; i += ENTRY) if ((table[i + 3] ?? 0) < (table[free + 3] ?? 0)) free = i
      if (second <= this.#leaseEnd(free)) this.evicted++
    }
    this.#claim(free, mine, second, durationMs)
    return false
  }

  /** The conversation of entry `i` is reported by `mine`. */
  #met(i: number, mine: number, second: number, durationMs: number, nowMs: number): boolean {
    const table = this.#table
    const owner = table[i + 2] ?? 0
    const sameExporter = owner >>> 2 === mine >>> 2
    const otherSide = sameExporter && owner !== mine && (owner & 3) !== 0 && (mine & 3) !== 0
    const held = second <= this.#leaseEnd(i)
    if (sameExporter && !otherSide) {
      const gap = second - (table[i + 3] ?? second)
      const before = held ? Math.max((table[i + 1] ?? 0) & SPAN_MASK, gap) : 0
      const span = Math.min(SPAN_MOST_SECONDS, Math.max(before, Math.ceil(durationMs / 1000)))
      table[i + 1] = ((table[i + 1] ?? 0) & CHECK_MASK) | span
      table[i + 3] = second
      return false
    }
    if (!held || (!sameExporter && this.#silent(owner >>> 2, nowMs))) {
      this.takenOver++
      this.#claim(i, mine, second, durationMs)
      return false
    }
    if (!this.enabled) return false
    this.witnesses++
    return true
  }

  #leaseEnd(i: number): number {
    return (this.#table[i + 3] ?? 0) + Math.max(LEASE_SECONDS, 2 * ((this.#table[i + 1] ?? 0) & SPAN_MASK))
  }

  #claim(i: number, mine: number, second: number, durationMs: number): void {
    const span = Math.min(SPAN_MOST_SECONDS, Math.ceil(durationMs / 1000))
    this.#put(i, this.#a, this.#b, mine, second, span)
    if (this.#journal === null) return
    const at = this.#claimed * WORDS
    if (at >= this.#claims.length) this.flush()
    this.#claims.set([this.#a, this.#b, mine, second, span], this.#claimed * WORDS)
    this.#claimed++
  }

  #put(i: number, a: number, b: number, owner: number, second: number, span: number): void {
    const table = this.#table
    table[i] = a
    table[i + 1] = (b & CHECK_MASK) | span
    table[i + 2] = owner
    table[i + 3] = second
  }

  /** Conversations whose owner's lease runs at `nowMs`. Looks at the whole table: for the metrics page, not for the hot path. */
  live(nowMs: number): number {
    const second = Math.floor(nowMs / 1000)
    let live = 0
    for (let i = 0; i < this.#table.length; i += ENTRY) if (this.#table[i] !== 0 && second <= this.#leaseEnd(i)) live++
    return live
  }

  /** 64 bits over what makes a conversation. */
  #hash(record: FlowRecord): void {
    const { srcAddr, dstAddr, proto, extra } = record
    let a = 0x9e3779b1 ^ proto
    let b = 0x85ebca77 ^ (srcAddr.length * 32 + dstAddr.length)
    const s = srcAddr.bytes
    for (let i = 0; i < srcAddr.length; i += 4) {
      const k = ((s[i] ?? 0) << 24) | ((s[i + 1] ?? 0) << 16) | ((s[i + 2] ?? 0) << 8) | (s[i + 3] ?? 0)
      a = Math.imul(a ^ k, 0x9e3779b1)
      a = (a << 15) | (a >>> 17)
      b = Math.imul(b + k, 0xc2b2ae3d)
      b = (b << 13) | (b >>> 19)
    }
    const d = dstAddr.bytes
    for (let i = 0; i < dstAddr.length; i += 4) {
      const k = ((d[i] ?? 0) << 24) | ((d[i + 1] ?? 0) << 16) | ((d[i + 2] ?? 0) << 8) | (d[i + 3] ?? 0)
      a = Math.imul(a ^ k, 0x85ebca77)
      a = (a << 15) | (a >>> 17)
      b = Math.imul(b + k, 0x27d4eb2f)
      b = (b << 13) | (b >>> 19)
    }
    const k = proto === ICMP || proto === ICMPV6 ? icmpWord(record) : ((record.srcPort & 0xffff) << 16) | (record.dstPort & 0xffff)
    a = Math.imul(a ^ k, 0x165667b1)
    b = Math.imul(b + k, 0x9e3779b1)
    if (extra !== null) {
      const vrf = extra.ingressVRFID
      if (typeof vrf === 'number') {
        a = Math.imul(a ^ vrf, 0x85ebca6b)
        b = Math.imul(b + vrf + 1, 0xc2b2ae35)
      }
    }
    a = mixed(a ^ (b >>> 9))
    this.#a = a === 0 ? 1 : a
    this.#b = mixed(b ^ a)
  }

  /**
   * Take up the owners that `path` and its journal hold, and journal new claims from now on: a process that is killed loses none that was
   * written down, and one that restarts counts no conversation a second time. A file that cannot be used costs the table, not the start.
   */
  restore(path: string, nowMs: number): SightingsState {
    const state: SightingsState = { entries: 0, problem: null }
    for (const file of [path, `${path}.log`, `${path}.log.new`]) {
      try {
        if (statSync(file).size > (HEADER_WORDS + WORDS * this.capacity * 2) * 4) throw new Error('it is larger than it can be')
        this.#load(readFileSync(file), Math.floor(nowMs / 1000), state)
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue
        state.problem = `${file}: ${error instanceof Error ? error.message : String(error)}`
      }
    }
    return state
  }

  #load(octets: Buffer, second: number, state: SightingsState): void {
    // A journal that was cut in the middle of an entry ends before it.
    const words = new Uint32Array(octets.length >> 2)
    for (let i = 0; i < words.length; i++) words[i] = octets.readUInt32LE(i * 4)
    if (words[0] !== MAGIC) throw new Error('it is no table of owners')
    for (let at = HEADER_WORDS; at + WORDS <= words.length; at += WORDS) {
      const [a = 0, b = 0, owner = 0, last = 0, span = 0] = words.subarray(at, at + WORDS)
      // Entries of another clock would hold their leases for ever.
      if (a === 0 || span > SPAN_MOST_SECONDS || last > second || last + Math.max(LEASE_SECONDS, 2 * span) < second) continue
      const table = this.#table
      const from = (a & this.#mask & ~(BUCKET - 1)) * ENTRY
      let into = from
      for (let i = from; i < from + BUCKET * ENTRY; i += ENTRY) {
        // The first free entry has no report at all, which is the oldest there is.
        if ((table[i] === a && ((table[i + 1] ?? 0) & CHECK_MASK) >>> 0 === (b & CHECK_MASK) >>> 0) || table[i] === 0) {
          into = i
          break
        }
        if ((table[i + 3] ?? 0) < (table[into + 3] ?? 0)) into = i
      }
      if (table[into] !== a) state.entries++
      this.#put(into, a, b, owner, last, span)
    }
  }

  /** Open the journal anew, so that it holds what the snapshot about to be written may lack. */
  #openJournal(path: string): void {
    if (this.#journal !== null) closeSync(this.#journal)
    this.#journal = openSync(`${path}.log.new`, 'w', 0o600)
    writeSync(this.#journal, header())
    this.#journalOctets = 0
  }

  /** Write down the claims that were made since the last call. */
  flush(): void {
    if (this.#journal === null || this.#claimed === 0) return
    const octets = new Uint8Array(this.#claims.buffer, 0, this.#claimed * WORDS * 4)
    this.#claimed = 0
    this.#journalOctets += octets.length
    writeSync(this.#journal, octets)
  }

  /** Whether the journal has grown so long that a snapshot is due. */
  get journalLong(): boolean {
    return this.#journalOctets > WORDS * 4 * this.capacity
  }

  /** Write all leases that run, beside the old file and renamed, and begin a new journal. */
  async save(path: string, nowMs: number): Promise<void> {
    await mkdir(dirname(path), { recursive: true })
    this.flush()
    this.#openJournal(path)
    const octets = this.#leases(nowMs)
    await writeFile(`${path}.new`, octets, { mode: 0o600 })
    await rename(`${path}.new`, path)
    // A crash before this finds the old table and both journals, and one in between more than it needs.
    renameSync(`${path}.log.new`, `${path}.log`)
  }

  #leases(nowMs: number): Buffer {
    const second = Math.floor(nowMs / 1000)
    const words = new Uint32Array(HEADER_WORDS + WORDS * this.live(nowMs))
    words[0] = MAGIC
    let at = HEADER_WORDS
    const table = this.#table
    for (let i = 0; i < table.length; i += ENTRY) {
      if (table[i] === 0 || second > this.#leaseEnd(i)) continue
      const packed = table[i + 1] ?? 0
      words.set([table[i] ?? 0, packed & CHECK_MASK, table[i + 2] ?? 0, table[i + 3] ?? 0, packed & SPAN_MASK], at)
      at += WORDS
    }
    return Buffer.from(words.buffer)
  }

  close(): void {
    this.flush()
    if (this.#journal !== null) closeSync(this.#journal)
    this.#journal = null
  }
}

function header(): Buffer {
  const octets = Buffer.alloc(HEADER_WORDS * 4)
  octets.writeUInt32LE(MAGIC, 0)
  return octets
}

/** Type and code of an ICMP record: its own fields, or as NetFlow says it, the destination port. */
function icmpWord(record: FlowRecord): number {
  if (record.icmpType !== ABSENT) return (record.icmpType << 8) | Math.max(0, record.icmpCode)
  return Math.max(0, record.dstPort)
}
