import { closeSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ABSENT, type Address, type FlowRecord } from '@weir/decoder'
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
 *
 * The table is larger than the processor's caches, and a flow that waits for its line of main memory costs more than decoding it does. Most
 * flows need no answer from the table: where all reports of a source network came from one side (an exporter, or one direction of it), none can
 * be a witness. Those are noted in a short log and applied later, many at a time, so that their ways through memory overlap:
 *
 *     report → its network is told by one side → noted; the answer is "counts"
 *            → by several                      → the notes are applied, then the table answers
 *
 * Whoever looks at the table, writes it down or counts it applies the notes first, in the order they came: what is found there is the same as if
 * every report had gone straight to it (sightings.test.ts proves it against that).
 */

const LEASE_SECONDS = 300
/** Beyond an hour between two reports they are two conversations with the same ports. */
const SPAN_MOST_SECONDS = 3_600
const BUCKET = 8
/** Words of an entry in memory, and of a line of the processor's cache. */
const ENTRY = 4
const LINE = 16
/** The longest span is less than 4,096 seconds. */
const SPAN_MASK = 0xfff
const CHECK_MASK = 0xfffff000
/** Reports that wait to be applied at most, and how many are brought near the processor at once. */
const NOTES = 512
const AT_ONCE = 32
/** Source networks told apart: the first 12 bits of IPv4 addresses; as many slots for the first 32 bits of IPv6 addresses. */
const NETWORK_BITS = 12
const NETWORKS = 2 << NETWORK_BITS
/** In the place of a side: several tell this network. No exporter has the number it would be. */
const SEVERAL = 0xffffffff
/** No lease runs longer. */
const LEASE_MOST_SECONDS = 2 * SPAN_MOST_SECONDS
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
  /** Rows marked as witnesses. */
  witnesses = 0
  #evicted = 0
  #takenOver = 0
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
  /** Why claims were lost between two flushes; null when none were. */
  #unwritten: unknown = null
  #journal: number | null = null
  #journalOctets = 0
  #a = 0
  #b = 0
  /** Reports that are not in the table yet: two words of the hash, side, second, longest time within it. */
  readonly #notes = new Uint32Array(NOTES * WORDS)
  #noted = 0
  /** Keeps the compiler from leaving out loads whose only use is that they happen. */
  readonly #near = new Uint32Array(1)
  /**
   * Which side tells a source network, in this stretch of time and in the one before; 0 nobody. A stretch lasts at least as long as any lease,
   * so that what the two do not know has no lease that runs.
   */
  #sides = new Uint32Array(NETWORKS)
  #sidesBefore = new Uint32Array(NETWORKS)
  #stretchEnd = 0

  /** `silent` tells whether nothing comes from an exporter any more. */
  constructor(capacity: number, silent: (exporterId: number, nowMs: number) => boolean = () => false) {
    this.capacity = capacity
    this.#mask = capacity - 1
    this.#table = new Uint32Array(capacity * ENTRY)
    this.#silent = silent
  }

  /** Leases that were given up because their bucket was full. */
  get evicted(): number {
    this.#apply()
    return this.#evicted
  }

  /** Conversations that changed hands because their owner's lease had run out or it had fallen silent. */
  get takenOver(): number {
    this.#apply()
    return this.#takenOver
  }

  /** Whether this record is a witness: its conversation is counted from another exporter, or from this one's other side. */
  witness(record: FlowRecord, exporterId: number, durationMs: number): boolean {
    // Events are no traffic, and what has no addresses is no conversation.
    if (record.eventKind !== 0 || record.srcAddr.length === 0 || record.dstAddr.length === 0) return false
    this.#hash(record)
    const second = Math.floor(record.receivedMs / 1000)
    const direction = record.direction === 0 ? 1 : record.direction === 1 ? 2 : 0
    const mine = exporterId * 4 + direction
    const span = Math.min(SPAN_MOST_SECONDS, Math.ceil(durationMs / 1000))
    if (this.#alone(network(record.srcAddr), mine, second)) {
      this.#note(mine, second, span)
      return false
    }
    this.#apply()
    return this.#tell(this.#a, this.#b, mine, second, span, record.receivedMs)
  }

  /** Whether nobody but `mine` has told this network for as long as a lease may last. Remembers that `mine` does. */
  #alone(slot: number, mine: number, second: number): boolean {
    if (second >= this.#stretchEnd) this.#beginStretch(second)
    const side = this.#sides[slot] ?? 0
    const before = this.#sidesBefore[slot] ?? 0
    if (side !== mine) this.#sides[slot] = side === 0 ? mine : SEVERAL
    return (side === mine || side === 0) && (before === mine || before === 0)
  }

  #beginStretch(second: number): void {
    const free = this.#sidesBefore
    this.#sidesBefore = this.#sides
    this.#sides = free.fill(0)
    this.#stretchEnd = second + LEASE_MOST_SECONDS + 1
  }

  #note(mine: number, second: number, span: number): void {
    const notes = this.#notes
    const at = this.#noted * WORDS
    notes[at] = this.#a
    notes[at + 1] = this.#b
    notes[at + 2] = mine
    notes[at + 3] = second
    notes[at + 4] = span
    if (++this.#noted === NOTES) this.#apply()
  }

  /** Bring all notes into the table: those of one handful are loaded together, then each is told. */
  #apply(): void {
    if (this.#noted === 0) return
    const notes = this.#notes
    const table = this.#table
    const end = this.#noted * WORDS
    this.#noted = 0
    let near = 0
    for (let first = 0; first < end; first += AT_ONCE * WORDS) {
      const last = Math.min(end, first + AT_ONCE * WORDS)
      for (let at = first; at < last; at += WORDS) {
        const from = ((notes[at] ?? 0) & this.#mask & ~(BUCKET - 1)) * ENTRY
        near ^= (table[from] ?? 0) ^ (table[from + LINE] ?? 0)
      }
      for (let at = first; at < last; at += WORDS)
        this.#tell(notes[at] ?? 0, notes[at + 1] ?? 0, notes[at + 2] ?? 0, notes[at + 3] ?? 0, notes[at + 4] ?? 0, 0)
    }
    this.#near[0] = near
  }

  /** A report of the conversation with the hash `a`, `b`: whether it is a witness. `nowMs` is not looked at where the network has one side. */
  #tell(a: number, b: number, mine: number, second: number, span: number, nowMs: number): boolean {
    const check = (b & CHECK_MASK) >>> 0
    const table = this.#table
    const from = (a & this.#mask & ~(BUCKET - 1)) * ENTRY
    const end = from + BUCKET * ENTRY
    let free = -1
    for (let i = from; i < end; i += ENTRY) {
      const found = table[i] ?? 0
      if (found === 0) {
        free = i
        // Entries are never emptied: behind the first free one there is nothing.
        break
      }
      if (found === a && ((table[i + 1] ?? 0) & CHECK_MASK) >>> 0 === check) return this.#met(i, a, b, mine, second, span, nowMs)
    }
    if (free < 0) {
      free = from
      for (let i = from + ENTRY; i < end; i += ENTRY) if ((table[i + 3] ?? 0) < (table[free + 3] ?? 0)) free = i
      if (second <= this.#leaseEnd(free)) this.#evicted++
    }
    this.#claim(free, a, b, mine, second, span)
    return false
  }

  /** The conversation of entry `i` is reported by `mine`. */
  #met(i: number, a: number, b: number, mine: number, second: number, span: number, nowMs: number): boolean {
    const table = this.#table
    const owner = table[i + 2] ?? 0
    const sameExporter = owner >>> 2 === mine >>> 2
    const otherSide = sameExporter && owner !== mine && (owner & 3) !== 0 && (mine & 3) !== 0
    const held = second <= this.#leaseEnd(i)
    if (sameExporter && !otherSide) {
      const gap = second - (table[i + 3] ?? second)
      const before = held ? Math.max((table[i + 1] ?? 0) & SPAN_MASK, gap) : 0
      table[i + 1] = ((table[i + 1] ?? 0) & CHECK_MASK) | Math.min(SPAN_MOST_SECONDS, Math.max(before, span))
      table[i + 3] = second
      return false
    }
    if (!held || (!sameExporter && this.#silent(owner >>> 2, nowMs))) {
      this.#takenOver++
      this.#claim(i, a, b, mine, second, span)
      return false
    }
    if (!this.enabled) return false
    this.witnesses++
    return true
  }

  #leaseEnd(i: number): number {
    return (this.#table[i + 3] ?? 0) + Math.max(LEASE_SECONDS, 2 * ((this.#table[i + 1] ?? 0) & SPAN_MASK))
  }

  #claim(i: number, a: number, b: number, mine: number, second: number, span: number): void {
    this.#put(i, a, b, mine, second, span)
    if (this.#journal === null) return
    if (this.#claimed * WORDS >= this.#claims.length) {
      try {
        this.#write()
      } catch (error) {
        // A report is judged whether the disk is full or not; whoever flushes next is told.
        this.#unwritten = error
      }
    }
    const claims = this.#claims
    const at = this.#claimed++ * WORDS
    claims[at] = a
    claims[at + 1] = b
    claims[at + 2] = mine
    claims[at + 3] = second
    claims[at + 4] = span
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
    this.#apply()
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
    this.#apply()
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
    // Nobody knows which networks these conversations are of. Until their leases have run out the table answers for all.
    if (state.entries > 0) this.#sidesBefore.fill(SEVERAL)
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
      this.#stretchEnd = Math.max(this.#stretchEnd, this.#leaseEnd(into) + 1)
    }
  }

  /** Open the journal anew, so that it holds what the snapshot about to be written may lack. */
  #openJournal(path: string): void {
    if (this.#journal !== null) closeSync(this.#journal)
    this.#journal = openSync(`${path}.log.new`, 'w', 0o600)
    writeSync(this.#journal, header())
    this.#journalOctets = 0
  }

  /** Write down the claims that were made since the last call. Throws what the file system says, also of writes since then. */
  flush(): void {
    this.#apply()
    const before = this.#unwritten
    this.#unwritten = null
    this.#write()
    if (before !== null) throw before
  }

  #write(): void {
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

/** The slot of a source network. Neighbours of the same /12 or of the same slot share it, which costs time and never exactness. */
function network({ bytes, length }: Address): number {
  const first = ((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)
  if (length === 4) return first >>> (32 - NETWORK_BITS)
  return (1 << NETWORK_BITS) + (Math.imul(first, 0x9e3779b1) >>> (32 - NETWORK_BITS))
}

/** Type and code of an ICMP record: its own fields, or as NetFlow says it, the destination port. */
function icmpWord(record: FlowRecord): number {
  if (record.icmpType !== ABSENT) return (record.icmpType << 8) | Math.max(0, record.icmpCode)
  return Math.max(0, record.dstPort)
}
