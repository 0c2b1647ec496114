import { createHash, randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs'
import { type FileHandle, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Frame, type FrameId, isWhole } from '@weir/db/ingest'
import { claimFile } from '../instance.ts'
import { type AsideFacts, factsFile } from './aside.ts'
import {
  decodeFrameHeader,
  decodePayload,
  decodeSegmentHeader,
  encodeFrameHeader,
  encodeSegmentHeader,
  FRAME_HEADER,
  type FrameHeader,
  Packer,
} from './codec.ts'
import { crc32c } from './crc32c.ts'
import { survivesTrial } from './trial.ts'

/*
 * The spool, in words.
 *
 * Directory:  spool.json      the spool's uuid
 *             spool.lock      the process that works here
 *             00000042.seg    segments, numbers rise and never come back
 *             reading         the frame being unpacked: what a crash leaves here is suspected
 *             suspects.json   frames that were being unpacked when the process died, and how often; from the second death on they are tried
 *                             in a process of their own first, because whoever is killed often enough is killed there by chance
 *             quarantine/     frames and segments that were set aside, as they lay on the disk
 *
 * A frame's way:  append → packed → written → synced (= accepted, named, never changed) → taken by a writer → done
 * A segment's:    active → closed (full, old, or broken) → every frame done → removed, and only then forgotten by the ledger
 *
 * Every start begins a new segment, so that a name that a crash may have used is not used again. What follows the last good frame of the
 * newest segment was never synced: it is cut off and counted. After an error of the disk nothing more is written to that descriptor: the
 * segment ends at its last sync, frames in flight are refused, and a new segment is tried until its contents can be read back.
 */

export type SpoolRefusal = 'spool_full' | 'spool_io_error'

/** The spool did not take a frame; its flows are not accepted. */
export class SpoolRefusedError extends Error {
  readonly code = 'SPOOL_REFUSED'
  readonly reason: SpoolRefusal
  constructor(reason: SpoolRefusal, cause?: unknown) {
    super(reason === 'spool_full' ? 'the spool is full' : 'the spool cannot be written', cause === undefined ? undefined : { cause })
    this.name = 'SpoolRefusedError'
    this.reason = reason
  }
}

/** Why frames were set aside: a crash while reading them, damage on the disk, or a refusal that no retry helps against. */
export const ISOLATIONS = ['frame_isolated', 'frame_damaged', 'database_refused'] as const
export type Isolation = (typeof ISOLATIONS)[number]

/** A frame that is safe on the disk. */
export interface SpooledFrame extends Frame {
  /** Arrival of its first row, epoch milliseconds. */
  receivedMs: number
  /** Octets on the disk. */
  octets: number
}

/** The two calls that a disk can refuse; tests put their own here. */
export interface SpoolIo {
  write(file: FileHandle, octets: Buffer[], position: number): Promise<void>
  datasync(file: FileHandle): Promise<void>
}

export interface SpoolOptions {
  dir: string
  /** Columns of the rows that will be appended. */
  columns: readonly string[]
  /** Octets on the disk at most, quarantine included. */
  maxBytes: number
  /** A segment is closed at this size … */
  segmentBytes?: number
  /** … or with this many frames: names of a segment stay in the ledger until it is removed. */
  segmentFrames?: number
  /** How long to wait before a new segment is tried after an error. Default 1 s. */
  retryMs?: number
  /** For tests of the poison frame: the program in which a suspected frame is tried. */
  trial?: string
  io?: SpoolIo
  /** For tests of the poison frame: called between reading and unpacking. */
  onUnpack?: (id: FrameId) => void
  log?: (level: 'info' | 'warn' | 'error', facts: Record<string, unknown>, message: string) => void
  /** Rows were set aside. */
  onIsolated?: (reason: Isolation, rows: number, id: FrameId) => void
  /** Segments of a spool below this number are gone from the disk for good. */
  onLowWater?: (spool: string, segment: number) => void
}

interface Segment {
  number: number
  spool: string
  path: string
  seed: number
  columns: readonly string[]
  /** Where frames begin. */
  start: number
  /** Up to where they may be read. */
  end: number
  /** Octets of the file. */
  octets: number
  frames: number
  rows: number
  takenFrames: number
  takenRows: number
  done: number
  closed: boolean
  /** Part of it could not be read: it is kept in the quarantine instead of being removed. */
  damaged: boolean
  createdMs: number
  firstMs: number | null
  file: FileHandle | null
}

interface Waiting {
  rows: number
  receivedMs: number
  body: Buffer
  lengths: Uint16Array
  keep: boolean
  packed: { plainOctets: number; encoding: 0 | 1; stored: Buffer; sha256: Buffer; crc: (seed: number) => number } | null
  packing: Promise<void>
  failed: Error | null
  resolve(frame: SpooledFrame): void
  reject(error: Error): void
}

/** The rows of a frame that is packed and will be read from the disk. */
const NOTHING = Buffer.alloc(0)
const NO_LENGTHS = new Uint16Array(0)

const MIB = 1024 * 1024
const SEGMENT_LEAST = 64 * 1024
const SEGMENT_MOST = 64 * MIB
const SEGMENT_FRAMES = 1024
const GROUP_OCTETS = 8 * MIB
/** Deaths of the process while it read a frame: from so many on the frame is tried elsewhere first … */
const DEATHS = 2
/** … and from so many on it is set aside though it did no harm there: chance does not strike one frame that often. */
const DEATHS_MOST = 6

const REAL_IO: SpoolIo = {
  async write(file, octets, position) {
    const total = octets.reduce((sum, piece) => sum + piece.length, 0)
    const { bytesWritten } = await file.writev(octets, position)
    if (bytesWritten === total) return
    // A short write: finish it piece by piece, or learn why it was short.
    const rest = Buffer.concat(octets).subarray(bytesWritten)
    for (let at = 0; at < rest.length; ) {
      const more = await file.write(rest, at, rest.length - at, position + bytesWritten + at)
      if (more.bytesWritten === 0) throw new Error('the disk took nothing')
      at += more.bytesWritten
    }
  },
  datasync: (file) => file.datasync(),
}

export class Spool {
  readonly #options: SpoolOptions
  readonly #io: SpoolIo
  readonly #segmentBytes: number
  readonly #release: () => void
  /** By number, ascending; the last is the active one unless it is closed. */
  readonly #segments: Segment[] = []
  readonly #hot = new Map<string, SpooledFrame>()
  readonly #taken = new Map<string, SpooledFrame>()
  readonly #queue: Waiting[] = []
  readonly #packer = new Packer()
  #uuid = ''
  #active: Segment | null = null
  #lastNumber = 0
  #pumping: Promise<void> | null = null
  #reading: Promise<unknown> = Promise.resolve()
  #removing: Promise<void> = Promise.resolve()
  #cursor = { segment: 0, offset: 0 }
  #mark = -1
  #suspects: Record<string, number> = {}
  #cuts: Record<string, number> = {}
  #broken: { reason: SpoolRefusal; error: unknown } | null = null
  #full = false
  #healer: NodeJS.Timeout | null = null
  #healing: Promise<void> = Promise.resolve()
  #closed = false
  #quarantineBytes = 0
  #lastTakenMs: number | null = null
  #takenRows = 0

  /** Rows accepted and not done. */
  rowsHeld = 0
  framesHeld = 0
  /** Rows found at the start. */
  recoveredRows = 0
  /** Octets behind the last good frame that the start cut off. */
  discardedBytes = 0
  acceptedRows = 0
  acceptedBytes = 0
  /** Octets of frames that are packed and wait for the disk. */
  packedOctets = 0
  ioErrors = 0
  syncs = 0
  syncMs = 0
  /** Since when nothing is accepted, epoch milliseconds. */
  refusingSinceMs: number | null = null

  private constructor(options: SpoolOptions, release: () => void) {
    this.#options = options
    this.#io = options.io ?? REAL_IO
    this.#segmentBytes = options.segmentBytes ?? Math.min(SEGMENT_MOST, Math.max(SEGMENT_LEAST, Math.floor(options.maxBytes / 16)))
    this.#release = release
  }

  /**
   * Open the spool of a directory, making it when there is none: lock it, read what is there, begin a new segment.
   * Throws AlreadyRunningError when another process works there, and what the file system says.
   */
  static async open(options: SpoolOptions): Promise<Spool> {
    mkdirSync(join(options.dir, 'quarantine'), { recursive: true })
    const spool = new Spool(options, claimFile(join(options.dir, 'spool.lock'), 'WEIR_SPOOL_DIR', options.dir))
    try {
      await spool.#open()
      return spool
    } catch (error) {
      await spool.#closeFiles()
      throw error
    }
  }

  get uuid(): string {
    return this.#uuid
  }

  get maxBytes(): number {
    return this.#options.maxBytes
  }

  /** Octets on the disk. */
  get bytes(): number {
    let sum = this.#quarantineBytes
    for (const segment of this.#segments) sum += segment.octets
    return sum
  }

  get segments(): number {
    return this.#segments.length
  }

  /** Why frames are refused now; null while they are taken. */
  get refusal(): SpoolRefusal | null {
    return this.#broken?.reason ?? (this.#full ? 'spool_full' : null)
  }

  /** Arrival of the oldest rows that are not done, epoch milliseconds, to the precision of a frame; null when there are none. */
  get oldestMs(): number | null {
    if (this.framesHeld === 0) return null
    let oldest = Number.POSITIVE_INFINITY
    for (const frame of this.#taken.values()) oldest = Math.min(oldest, frame.receivedMs)
    if (oldest < Number.POSITIVE_INFINITY) return oldest
    const at = this.#segments.find((segment) => segment.number >= this.#cursor.segment && segment.frames > segment.takenFrames)
    return (at?.takenFrames === 0 ? at.firstMs : this.#lastTakenMs) ?? this.#lastTakenMs
  }

  /** Rows that no writer has taken. */
  get rowsWaiting(): number {
    return this.rowsHeld - this.#takenRows
  }

  // ——— Opening ———

  get #dir(): string {
    return this.#options.dir
  }

  async #open(): Promise<void> {
    this.#uuid = await this.#readUuid()
    this.#readMarks()
    this.#quarantineBytes = folderBytes(join(this.#dir, 'quarantine'))
    const numbers = readdirSync(this.#dir)
      .map((name) => /^(\d{8,10})\.seg$/.exec(name)?.[1])
      .filter((text) => text !== undefined)
      .map(Number)
      .sort((a, b) => a - b)
    this.#lastNumber = numbers.at(-1) ?? 0
    const heads = new Map<number, Segment>()
    for (const number of numbers) {
      const segment = await this.#readHead(number, number === this.#lastNumber)
      if (segment !== null) heads.set(number, segment)
    }
    for (const [number, segment] of heads) {
      await this.#walk(segment, number === this.#lastNumber)
      this.#segments.push(segment)
      this.rowsHeld += segment.rows
      this.framesHeld += segment.frames
    }
    this.recoveredRows = this.rowsHeld
    this.#forgetSuspects()
    this.#cursor = { segment: this.#segments[0]?.number ?? 0, offset: this.#segments[0]?.start ?? 0 }
    try {
      await this.#begin()
    } catch (error) {
      // A full disk must not keep what is there from being stored: that is what frees it.
      this.#fail(error)
    }
    this.#collect()
    await this.#removing
    if (this.discardedBytes > 0) {
      this.#log(
        'warn',
        { octets: this.discardedBytes },
        'the end of the spool was never synced: it was cut off, none of it had been accepted',
      )
    }
  }

  async #readUuid(): Promise<string> {
    const path = join(this.#dir, 'spool.json')
    try {
      const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
      if (typeof parsed === 'object' && parsed !== null && 'uuid' in parsed && /^[0-9a-f-]{36}$/.test(String(parsed.uuid)))
        return String(parsed.uuid)
      this.#log('warn', { path }, 'the name of the spool is damaged: it gets a new one; segments carry their own')
    } catch (error) {
      if (!isCode(error, 'ENOENT')) this.#log('warn', { err: error, path }, 'the name of the spool cannot be read: it gets a new one')
    }
    const uuid = randomUUID()
    await writeFile(`${path}.new`, `${JSON.stringify({ uuid })}\n`, { flush: true })
    await rename(`${path}.new`, path)
    await syncFolder(this.#dir)
    return uuid
  }

  /** What the last process was reading when it died counts against that frame. */
  #readMarks(): void {
    const path = join(this.#dir, 'suspects.json')
    this.#suspects = readNumbers(path)
    const marks = join(this.#dir, 'reading')
    const before = readText(marks).replaceAll('\0', '').trim()
    if (before !== '') {
      const deaths = (this.#suspects[before] ?? 0) + 1
      this.#suspects[before] = deaths
      this.#log('warn', { frame: before, deaths }, 'the process died while it read a frame of the spool')
      this.#writeSuspects()
    }
    this.#mark = openSync(marks, 'w+')
  }

  #forgetSuspects(): void {
    const there = new Set(this.#segments.map(({ spool, number }) => `${spool}/${number}/`))
    const kept = Object.entries(this.#suspects).filter(([key]) => there.has(key.slice(0, key.lastIndexOf('/') + 1)))
    if (kept.length === Object.keys(this.#suspects).length) return
    this.#suspects = Object.fromEntries(kept)
    this.#writeSuspects()
  }

  #writeSuspects(): void {
    const file = openSync(join(this.#dir, 'suspects.json'), 'w')
    writeSync(file, `${JSON.stringify(this.#suspects)}\n`)
    closeSync(file)
  }

  async #readHead(number: number, last: boolean): Promise<Segment | null> {
    const path = this.#path(number)
    const file = await open(path, 'r+')
    const { size, mtimeMs } = await file.stat()
    const octets = Buffer.alloc(Math.min(size, 65_536))
    await readFully(file, octets, 0)
    const head = decodeSegmentHeader(octets)
    if (head === null) {
      await file.close()
      this.discardedBytes += size
      // The newest may have been cut short while it was made: it held nothing yet. Any other was damaged later, and is kept to be looked at.
      if (last) await rm(path)
      else await this.#setSegmentAside(path, size)
      return null
    }
    Object.assign(this.#cuts, head.header.cuts)
    return {
      number,
      spool: head.header.spool,
      path,
      seed: head.seed,
      columns: head.header.columns,
      start: head.octets,
      end: head.octets,
      octets: size,
      frames: 0,
      rows: 0,
      takenFrames: 0,
      takenRows: 0,
      done: 0,
      closed: true,
      damaged: false,
      createdMs: mtimeMs,
      firstMs: null,
      file,
    }
  }

  /**
   * Find the frames of a segment. Of the newest every octet is checked, because what was never synced may be anything; of the others only
   * the headers, because their last sync came before the next segment: their payloads are checked when they are read.
   */
  async #walk(segment: Segment, last: boolean): Promise<void> {
    const { file } = segment
    if (file === null) return
    const limit = Math.min(segment.octets, this.#cuts[segment.number] ?? segment.octets)
    const head = Buffer.alloc(FRAME_HEADER)
    while (segment.end < limit) {
      if ((await readFully(file, head, segment.end)) < FRAME_HEADER) break
      const header = decodeFrameHeader(head, segment.seed)
      if (header === null || header.frame !== segment.frames) break
      const next = segment.end + FRAME_HEADER + header.storedOctets
      if (next > limit) break
      if (last) {
        const stored = Buffer.allocUnsafe(header.storedOctets)
        if ((await readFully(file, stored, segment.end + FRAME_HEADER)) < stored.length) break
        if (crc32c(stored, segment.seed) !== header.payloadCrc) break
      }
      segment.firstMs ??= header.receivedMs
      segment.frames++
      segment.rows += header.rows
      segment.end = next
    }
    const rest = segment.octets - segment.end
    if (rest === 0) return
    this.discardedBytes += rest
    if (last || this.#cuts[segment.number] !== undefined) {
      await file.truncate(segment.end)
      await file.datasync()
      segment.octets = segment.end
    } else {
      segment.damaged = true
      this.#log(
        'error',
        { segment: segment.number, octets: rest },
        'part of a spool segment is damaged; the segment is kept in the quarantine',
      )
    }
  }

  // ——— Writing ———

  /**
   * Take a frame. Resolves when it is synced: from then on it is accepted and survives anything but the loss of the disk. `body` must not
   * change until `onPacked`; with `keep`, not until it is done, and `next` hands it out without reading it again.
   *
   * Rejects with SpoolRefusedError.
   */
  append(source: {
    rows: number
    receivedMs: number
    body: Buffer
    lengths: Uint16Array
    keep?: boolean
    /** Not called for what cannot be packed. */
    onPacked?: () => void
  }): Promise<SpooledFrame> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new SpoolRefusedError('spool_io_error', new Error('the spool is closed')))
        return
      }
      const waiting: Waiting = {
        ...source,
        keep: source.keep ?? false,
        packed: null,
        packing: Promise.resolve(),
        failed: null,
        resolve,
        reject,
      }
      waiting.packing = this.#packer.pack(source.body, source.lengths).then((packed) => {
        const sha256 = createHash('sha256').update(packed.stored).digest()
        waiting.packed = { ...packed, sha256, crc: (seed) => crc32c(packed.stored, seed) }
        this.packedOctets += packed.stored.length
        if (!waiting.keep) {
          waiting.body = NOTHING
          waiting.lengths = NO_LENGTHS
        }
        source.onPacked?.()
      })
      waiting.packing = waiting.packing.catch((error: unknown) => {
        waiting.failed = error instanceof Error ? error : new Error(String(error))
      })
      this.#queue.push(waiting)
      this.#startPump()
    })
  }

  #startPump(): void {
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null
      if (this.#queue.length > 0) this.#startPump()
    })
  }

  /** Everything that is packed goes to the disk together: one write, one sync. */
  async #pump(): Promise<void> {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      await first.packing
      if (first.failed !== null) {
        this.#queue.shift()
        first.reject(first.failed)
        continue
      }
      const group: Waiting[] = []
      let octets = 0
      while (this.#queue[0]?.packed && octets < Math.min(GROUP_OCTETS, this.#segmentBytes)) {
        const waiting = this.#queue.shift()
        if (waiting === undefined) break
        group.push(waiting)
        octets += waiting.packed?.stored.length ?? 0
      }
      await this.#commit(group)
      this.packedOctets -= octets
    }
  }

  async #commit(group: Waiting[]): Promise<void> {
    if (this.#broken !== null) {
      const { reason, error } = this.#broken
      for (const waiting of group) waiting.reject(new SpoolRefusedError(reason, error))
      return
    }
    let room = this.#options.maxBytes - this.bytes
    const taken: Waiting[] = []
    for (const waiting of group) {
      const need = FRAME_HEADER + (waiting.packed?.stored.length ?? 0)
      if (this.#full || need > room) {
        this.#becomeFull()
        waiting.reject(new SpoolRefusedError('spool_full'))
      } else {
        room -= need
        taken.push(waiting)
      }
    }
    let written = taken
    try {
      const old = this.#active
      const most = this.#options.segmentFrames ?? SEGMENT_FRAMES
      const turn = old === null || old.octets >= this.#segmentBytes || old.frames >= most || (this.#full && old.frames > 0)
      if (turn) await this.#begin()
      const segment = this.#active
      if (taken.length === 0) return
      if (segment?.file == null) throw new Error('the spool has no segment to write to')
      const pieces: Buffer[] = []
      const frames: SpooledFrame[] = []
      let end = segment.end
      for (const [i, { rows, receivedMs, body, lengths, packed }] of taken.entries()) {
        if (packed === null) continue
        const frame = segment.frames + i
        const { plainOctets, encoding, stored, sha256 } = packed
        const header: FrameHeader = {
          frame,
          rows,
          plainOctets,
          storedOctets: stored.length,
          encoding,
          receivedMs,
          payloadCrc: packed.crc(segment.seed),
        }
        pieces.push(encodeFrameHeader(header, segment.seed), stored)
        const octets = FRAME_HEADER + stored.length
        end += octets
        frames.push({
          spool: segment.spool,
          segment: segment.number,
          frame,
          rows,
          sha256,
          columns: segment.columns,
          body,
          lengths,
          receivedMs,
          octets,
        })
      }
      await this.#io.write(segment.file, pieces, segment.end)
      segment.octets = end
      const began = performance.now()
      await this.#io.datasync(segment.file)
      this.syncMs += performance.now() - began
      this.syncs++
      this.acceptedBytes += end - segment.end
      segment.end = end
      written = []
      for (const [i, frame] of frames.entries()) {
        segment.firstMs ??= frame.receivedMs
        segment.frames++
        segment.rows += frame.rows
        this.rowsHeld += frame.rows
        this.framesHeld++
        this.acceptedRows += frame.rows
        if (taken[i]?.keep) this.#hot.set(key(frame), frame)
        taken[i]?.resolve(frame)
      }
    } catch (error) {
      this.#fail(error)
      for (const waiting of written) waiting.reject(new SpoolRefusedError(this.refusal ?? 'spool_io_error', error))
    }
  }

  #becomeFull(): void {
    if (this.#full) return
    this.#full = true
    this.refusingSinceMs ??= Date.now()
    this.#log(
      'error',
      { octets: this.bytes, limit: this.#options.maxBytes },
      'the spool is full: the newest flows are shed until the database takes some',
    )
  }

  /** An error of the disk: this descriptor is never written again, its segment ends at the last sync. */
  #fail(error: unknown): void {
    const reason: SpoolRefusal = isCode(error, 'ENOSPC') || isCode(error, 'EDQUOT') ? 'spool_full' : 'spool_io_error'
    if (reason === 'spool_io_error') this.ioErrors++
    this.refusingSinceMs ??= Date.now()
    this.#broken = { reason, error }
    const segment = this.#active
    this.#active = null
    if (segment !== null) {
      segment.closed = true
      // Written down in the next segment, in case the file cannot be shortened.
      this.#cuts[segment.number] = segment.end
      const { file, end } = segment
      this.#removing = this.#removing
        .then(() => file?.truncate(end))
        .then(() => {
          segment.octets = end
        })
        .catch((cause: unknown) => this.#log('warn', { err: cause, segment: segment.number }, 'the broken segment could not be shortened'))
    }
    this.#log(
      'error',
      { err: error, remedy: 'look at the disk that holds WEIR_SPOOL_DIR' },
      reason === 'spool_full' ? 'the disk of the spool is full: nothing is accepted' : 'the spool cannot be written: nothing is accepted',
    )
    this.#healSoon()
  }

  #healSoon(): void {
    if (this.#closed || this.#healer !== null) return
    this.#healer = setTimeout(() => {
      this.#healer = null
      this.#healing = this.#heal()
    }, this.#options.retryMs ?? 1_000)
  }

  async #heal(): Promise<void> {
    if (this.#closed) return
    try {
      this.#collect()
      await this.#removing
      await this.#emptyLast()
      await this.#begin()
      this.#broken = null
      if (!this.#full) this.refusingSinceMs = null
      this.#log('info', { segment: this.#lastNumber }, 'the spool can be written again')
    } catch (error) {
      this.#broken = { reason: this.#broken?.reason ?? 'spool_io_error', error }
      this.#healSoon()
    }
  }

  /** The last segment keeps its number alive and so its file; once everything in it is done, its room may be what a full disk lacks. */
  async #emptyLast(): Promise<void> {
    const last = this.#segments.at(-1)
    if (last?.file == null || !last.closed || last.damaged || last.frames === 0 || last.done < last.frames) return
    await last.file.truncate(last.start)
    Object.assign(last, { end: last.start, octets: last.start, frames: 0, rows: 0, takenFrames: 0, takenRows: 0, done: 0 })
  }

  #path(number: number): string {
    return join(this.#dir, `${String(number).padStart(8, '0')}.seg`)
  }

  /** Begin a new segment, and close the active one. The new one is read back before it is used. */
  async #begin(): Promise<void> {
    const number = this.#lastNumber + 1
    const path = this.#path(number)
    const cuts = Object.fromEntries(Object.entries(this.#cuts).filter(([n]) => this.#segments.some((s) => s.number === Number(n))))
    const { columns } = this.#options
    const createdMs = Date.now()
    const octets = encodeSegmentHeader({ spool: this.#uuid, segment: number, createdAt: new Date(createdMs).toISOString(), columns, cuts })
    // A number that failed is not tried again: part of the file may be there.
    this.#lastNumber = number
    const file = await open(path, 'wx+')
    let seed: number
    try {
      await this.#io.write(file, [octets], 0)
      await this.#io.datasync(file)
      await syncFolder(this.#dir)
      const back = Buffer.alloc(octets.length)
      await readFully(file, back, 0)
      const head = decodeSegmentHeader(back)
      if (head === null) throw new Error('a new segment does not read as it was written')
      seed = head.seed
    } catch (error) {
      await file.close().catch(() => undefined)
      await rm(path, { force: true }).catch(() => undefined)
      throw error
    }
    if (this.#active !== null) this.#active.closed = true
    const segment: Segment = {
      number,
      spool: this.#uuid,
      path,
      seed,
      columns,
      start: octets.length,
      end: octets.length,
      octets: octets.length,
      frames: 0,
      rows: 0,
      takenFrames: 0,
      takenRows: 0,
      done: 0,
      closed: false,
      damaged: false,
      createdMs,
      firstMs: null,
      file,
    }
    this.#segments.push(segment)
    this.#active = segment
    if (this.#cursor.segment === 0) this.#cursor = { segment: number, offset: segment.start }
    this.#collect()
  }

  // ——— Reading ———

  /** The next frames in order, up to about `maxRows` rows but one at least; none when everything is taken. One reader at a time. */
  next(maxRows: number): Promise<SpooledFrame[]> {
    const turn = this.#reading.then(() => this.#take(maxRows))
    // A failed read is the caller's to report; the next one starts anew.
    this.#reading = turn.catch(() => undefined)
    return turn
  }

  async #take(maxRows: number): Promise<SpooledFrame[]> {
    const frames: SpooledFrame[] = []
    let rows = 0
    while (rows < maxRows && !this.#closed) {
      const segment = this.#segments.find((one) => one.number >= this.#cursor.segment)
      if (segment === undefined) break
      if (segment.number !== this.#cursor.segment || this.#cursor.offset < segment.start)
        this.#cursor = { segment: segment.number, offset: segment.start }
      if (segment.takenFrames >= segment.frames) {
        if (!segment.closed || segment === this.#segments.at(-1)) break
        this.#cursor = { segment: segment.number + 1, offset: 0 }
        this.#collect()
        continue
      }
      const hot = this.#hot.get(key({ spool: segment.spool, segment: segment.number, frame: segment.takenFrames }))
      const frame = hot ?? (await this.#read(segment))
      if (frame === null) continue
      if (rows > 0 && rows + frame.rows > maxRows && hot === undefined) {
        // Read again next time: rare, and simpler than keeping it.
        break
      }
      this.#hot.delete(key(frame))
      this.#advance(segment, frame.octets, frame.rows)
      this.#lastTakenMs = frame.receivedMs
      this.#taken.set(key(frame), frame)
      this.#takenRows += frame.rows
      frames.push(frame)
      rows += frame.rows
    }
    return frames
  }

  #advance(segment: Segment, octets: number, rows: number): void {
    segment.takenFrames++
    segment.takenRows += rows
    this.#cursor.offset += octets
  }

  /** The frame at the cursor; null when it was set aside instead. */
  async #read(segment: Segment): Promise<SpooledFrame | null> {
    const { file } = segment
    if (file === null) throw new Error(`segment ${segment.number} is closed`)
    const at = this.#cursor.offset
    const head = Buffer.alloc(FRAME_HEADER)
    await readFully(file, head, at)
    const header = decodeFrameHeader(head, segment.seed)
    if (header === null || header.frame !== segment.takenFrames) {
      this.#giveUpRest(segment)
      return null
    }
    const id: FrameId = { spool: segment.spool, segment: segment.number, frame: header.frame }
    const octets = FRAME_HEADER + header.storedOctets
    const stored = Buffer.allocUnsafe(header.storedOctets)
    await readFully(file, stored, at + FRAME_HEADER)
    const aside = async (reason: Isolation): Promise<null> => {
      await this.#keepAside(id, [head, stored], { reason, rows: header.rows, columns: segment.columns, seed: segment.seed })
      this.#advance(segment, octets, header.rows)
      this.#finish(segment, header.rows)
      this.#options.onIsolated?.(reason, header.rows, id)
      return null
    }
    if (crc32c(stored, segment.seed) !== header.payloadCrc) return aside('frame_damaged')
    const deaths = this.#suspects[key(id)] ?? 0
    if (deaths >= DEATHS_MOST) return aside('frame_isolated')
    if (deaths >= DEATHS) {
      if (!(await survivesTrial(header, stored, segment.columns, this.#options.trial))) return aside('frame_isolated')
      this.#log('info', { frame: key(id), deaths }, 'a suspected frame did no harm in a process of its own: it is read')
    }
    const sha256 = createHash('sha256').update(stored).digest()
    this.#setMark(key(id))
    this.#options.onUnpack?.(id)
    let frame: SpooledFrame | null = null
    try {
      const { body, lengths } = await decodePayload(header, stored)
      frame = { ...id, rows: header.rows, sha256, columns: segment.columns, body, lengths, receivedMs: header.receivedMs, octets }
      if (!isWhole(frame)) frame = null
    } catch (error) {
      this.#log('error', { err: error, frame: key(id) }, 'a frame of the spool cannot be unpacked')
    } finally {
      this.#setMark('')
    }
    return frame ?? aside('frame_damaged')
  }

  /** Remember what is being unpacked, for whoever comes after a crash. The page cache outlives the process: no sync. */
  #setMark(text: string): void {
    writeSync(this.#mark, text.padEnd(80, '\0'), 0, 'latin1')
  }

  /** The rest of a segment cannot be told apart any more. */
  #giveUpRest(segment: Segment): void {
    const frames = segment.frames - segment.takenFrames
    const rows = segment.rows - segment.takenRows
    segment.damaged = true
    const id = { spool: segment.spool, segment: segment.number, frame: segment.takenFrames }
    segment.takenFrames = segment.frames
    segment.takenRows = segment.rows
    segment.done += frames
    this.framesHeld -= frames
    this.rowsHeld -= rows
    this.#log('error', { segment: segment.number, flows: rows }, 'the rest of a spool segment is damaged; it is kept in the quarantine')
    this.#options.onIsolated?.('frame_damaged', rows, id)
    this.#collect()
  }

  /** The frame's rows are stored, or set aside: its room may be used again. */
  done(frame: SpooledFrame): void {
    if (!this.#taken.delete(key(frame))) return
    this.#takenRows -= frame.rows
    const segment = this.#segments.find(({ number }) => number === frame.segment)
    if (segment !== undefined) this.#finish(segment, frame.rows)
  }

  #finish(segment: Segment, rows: number): void {
    segment.done++
    this.framesHeld--
    this.rowsHeld -= rows
    this.#collect()
  }

  /** Set a frame aside that the database does not take, with its octets as they lie on the disk. */
  async isolate(frame: SpooledFrame, reason: Isolation): Promise<void> {
    const { body, lengths, rows, receivedMs } = frame
    const packed = await this.#packer.pack(body, lengths)
    const crc = crc32c(packed.stored)
    const { plainOctets, encoding, stored } = packed
    const header = encodeFrameHeader(
      { frame: frame.frame, rows, plainOctets, storedOctets: stored.length, encoding, receivedMs, payloadCrc: crc },
      0,
    )
    await this.#keepAside(frame, [header, stored], { reason, rows, columns: frame.columns, seed: 0 })
    this.done(frame)
    this.#options.onIsolated?.(reason, rows, frame)
  }

  async #keepAside(id: FrameId, pieces: Buffer[], facts: Omit<AsideFacts, 'at'>): Promise<void> {
    const path = join(this.#dir, 'quarantine', `${id.spool}-${id.segment}-${id.frame}.frame`)
    const before = await stat(path).then(
      (found) => found.size,
      () => 0,
    )
    const octets = Buffer.concat(pieces)
    await writeFile(factsFile(path), `${JSON.stringify({ ...facts, at: new Date().toISOString() })}\n`, { flush: true })
    await writeFile(path, octets, { flush: true })
    await syncFolder(join(this.#dir, 'quarantine'))
    this.#quarantineBytes += octets.length - before
    this.#log('error', { file: path, octets: octets.length }, 'a frame of the spool was set aside')
  }

  async #setSegmentAside(path: string, octets: number): Promise<void> {
    await rename(path, join(this.#dir, 'quarantine', `${path.slice(this.#dir.length + 1)}-${randomUUID().slice(0, 8)}`))
    this.#quarantineBytes += octets
  }

  /** Remove closed segments whose frames are all done, oldest first; then tell how far the ledger may forget. */
  #collect(): void {
    const last = this.#segments.at(-1)
    const over = this.#segments.filter((s) => s !== last && s.closed && s.done >= s.frames && s.takenFrames >= s.frames)
    if (over.length === 0) return
    for (const segment of over) this.#segments.splice(this.#segments.indexOf(segment), 1)
    if (this.#full && this.bytes <= this.#options.maxBytes - this.#options.maxBytes / 16) {
      this.#full = false
      if (this.#broken === null) this.refusingSinceMs = null
      this.#log('info', { octets: this.bytes }, 'the spool has room again')
    }
    const low = new Map<string, number>()
    for (const { spool } of over) low.set(spool, this.#segments.find((s) => s.spool === spool)?.number ?? this.#lastNumber + 1)
    this.#removing = this.#removing.then(async () => {
      try {
        for (const segment of over) {
          await segment.file?.close()
          segment.file = null
          if (segment.damaged) await this.#setSegmentAside(segment.path, segment.octets)
          else await rm(segment.path, { force: true })
        }
        // Before the ledger forgets: a removal that a power cut undoes would bring stored frames back.
        await syncFolder(this.#dir)
        for (const [spool, number] of low) this.#options.onLowWater?.(spool, number)
      } catch (error) {
        // They are read again at the next start, and the ledger knows them.
        this.#log('warn', { err: error }, 'segments of the spool could not be removed')
      }
    })
  }

  // ——— Ending ———

  /** Wait for everything appended to be synced or refused. */
  async flush(): Promise<void> {
    while (this.#pumping !== null) await this.#pumping
  }

  /** Sync what was appended, and give the directory back. What is not done stays for the next start. */
  async close(): Promise<void> {
    await this.flush()
    await this.abandon()
  }

  /** Give the directory back at once: what is not synced is lost, as in a crash. */
  async abandon(): Promise<void> {
    this.#closed = true
    if (this.#healer !== null) clearTimeout(this.#healer)
    await this.#healing
    await this.#pumping
    await this.#reading
    await this.#removing
    await this.#closeFiles()
  }

  async #closeFiles(): Promise<void> {
    this.#closed = true
    for (const segment of this.#segments) {
      await segment.file?.close()
      segment.file = null
    }
    if (this.#mark >= 0) closeSync(this.#mark)
    this.#mark = -1
    this.#packer.close()
    this.#release()
  }

  #log(level: 'info' | 'warn' | 'error', facts: Record<string, unknown>, message: string): void {
    this.#options.log?.(level, facts, message)
  }
}

const key = ({ spool, segment, frame }: FrameId): string => `${spool}/${segment}/${frame}`

const isCode = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code

/** Fill `buffer` from `position`; returns how much there was. */
async function readFully(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let at = 0
  while (at < buffer.length) {
    const { bytesRead } = await file.read(buffer, at, buffer.length - at, position + at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return at
}

/** Make names in a directory as durable as the files they name. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function folderBytes(path: string): number {
  return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return ''
    throw error
  }
}

function readNumbers(path: string): Record<string, number> {
  const text = readText(path)
  if (text === '') return {}
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) return {}
    return Object.fromEntries(Object.entries(parsed).filter((entry): entry is [string, number] => typeof entry[1] === 'number'))
  } catch (error) {
    // Written without a sync: after a power cut it may be anything, and suspicion starts anew.
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
