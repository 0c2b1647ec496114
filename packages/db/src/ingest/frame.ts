import { DAY_MS } from '../partitions.ts'

/** The name of a frame: given once by the spool that holds it, before the first attempt to store it, and never given again. */
export interface FrameId {
  /** UUID of the spool. */
  spool: string
  segment: number
  frame: number
}

/** Encoded rows under a name that makes storing them repeatable. */
export interface Frame extends FrameId {
  rows: number
  /** SHA-256 of the frame's payload as it lies in the spool. */
  sha256: Buffer
  /** Columns that the rows hold, in order; `batch` first and `time` second. Another version of the collector may have written the frame. */
  columns: readonly string[]
  /** The rows in binary COPY format, without header and trailer. Its batch numbers are filled in by the writer. */
  body: Buffer
  /** Octets of each row. */
  lengths: Uint16Array
}

/** What the writer needs to know of a frame's rows before it stores them. */
export interface FrameTimes {
  /** Epoch milliseconds. */
  minTimeMs: number
  maxTimeMs: number
  /** Days since 1970 (UTC). */
  days: Set<number>
}

const TWO32 = 4_294_967_296
const EPOCH_2000_MS = 946_684_800_000
/** Field count, then the batch number with its length word. */
const BATCH_AT = 6
const TIME_AT = 14
const ROW_LEAST = 22

/** `time` of the row that begins at `at`, epoch milliseconds. */
export function rowTimeMs(body: Buffer, at: number): number {
  return (body.readInt32BE(at + TIME_AT) * TWO32 + body.readUInt32BE(at + TIME_AT + 4)) / 1000 + EPOCH_2000_MS
}

/** Whether lengths and body fit each other and every row begins like one. A frame that fails here would confuse COPY. */
export function isWhole(frame: Pick<Frame, 'rows' | 'columns' | 'body' | 'lengths'>): boolean {
  if (frame.lengths.length !== frame.rows || frame.columns[0] !== 'batch' || frame.columns[1] !== 'time') return false
  let at = 0
  for (const length of frame.lengths) {
    if (length < ROW_LEAST || at + length > frame.body.length) return false
    if (frame.body.readInt16BE(at) !== frame.columns.length || frame.body.readInt32BE(at + 2) !== 4) return false
    at += length
  }
  return at === frame.body.length
}

/** Bounds and days of the rows' times. */
export function frameTimes(frames: readonly Frame[]): FrameTimes {
  const times: FrameTimes = { minTimeMs: Number.POSITIVE_INFINITY, maxTimeMs: Number.NEGATIVE_INFINITY, days: new Set() }
  let lastDay = -1
  for (const { body, lengths } of frames) {
    let at = 0
    for (const length of lengths) {
      const ms = rowTimeMs(body, at)
      if (ms < times.minTimeMs) times.minTimeMs = ms
      if (ms > times.maxTimeMs) times.maxTimeMs = ms
      const day = Math.floor(ms / DAY_MS)
      if (day !== lastDay) {
        times.days.add(day)
        lastDay = day
      }
      at += length
    }
  }
  return times
}

/** Put the batch's number into every row. */
export function stampFrame(frame: Frame, batch: number): void {
  let at = 0
  for (const length of frame.lengths) {
    frame.body.writeInt32BE(batch, at + BATCH_AT)
    at += length
  }
}

export const frameName = ({ segment, frame }: FrameId): string => `${segment}/${frame}`
