import { promisify } from 'node:util'
import { constants, createZstdCompress, zstdDecompress } from 'node:zlib'
import { crc32c } from './crc32c.ts'

/*
 * A segment file:
 *
 *   'WEIRSEG1'   length uint32   CRC-32C uint32   header: JSON in UTF-8   (SegmentHeader)
 *   frames, one after the other
 *
 * A frame (integers little-endian):
 *
 *    0 'WFRM'               16 octets of the payload as stored     32 CRC-32C of the payload, seeded with the segment's
 *    4 number in segment    20 encoding: 0 plain, 1 zstd           36 CRC-32C of octets 0–35, seeded with the segment's
 *    8 rows                 24 arrival of the first row, float64,
 *   12 octets of the            epoch milliseconds
 *      payload when plain
 *   40 payload: per row its length uint16, then the rows in binary COPY format
 *
 * "Seeded with the segment's": the CRC of the segment's header. A block that the file system recycled from another segment is no frame here.
 */

export const FRAME_HEADER = 40
/** A frame that claims more is none: nothing that Weir writes comes near. */
const MOST_OCTETS = 256 * 1024 * 1024
const SEGMENT_MAGIC = Buffer.from('WEIRSEG1', 'latin1')
const FRAME_MAGIC = 0x4d524657
const PREFIX = SEGMENT_MAGIC.length + 8

const decompress = promisify(zstdDecompress)

/** What a segment says of itself. */
export interface SegmentHeader {
  /** UUID of the spool that wrote it. */
  spool: string
  segment: number
  createdAt: string
  /** Columns of the rows, in order. */
  columns: readonly string[]
  /** Ends of other segments: after an error, what follows there was never accepted and must not be read. Octets by segment number. */
  cuts: Readonly<Record<string, number>>
}

export interface FrameHeader {
  frame: number
  rows: number
  plainOctets: number
  storedOctets: number
  encoding: 0 | 1
  receivedMs: number
  payloadCrc: number
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const out = Buffer.alloc(PREFIX + json.length)
  SEGMENT_MAGIC.copy(out)
  out.writeUInt32LE(json.length, 8)
  out.writeUInt32LE(crc32c(json), 12)
  json.copy(out, PREFIX)
  return out
}

/** The header at the start of a segment's octets, where its frames begin, and the seed of its frames; null when it is damaged. */
export function decodeSegmentHeader(octets: Buffer): { header: SegmentHeader; octets: number; seed: number } | null {
  if (octets.length < PREFIX || !octets.subarray(0, 8).equals(SEGMENT_MAGIC)) return null
  const length = octets.readUInt32LE(8)
  const end = PREFIX + length
  if (end > octets.length) return null
  const json = octets.subarray(PREFIX, end)
  const seed = crc32c(json)
  if (seed !== octets.readUInt32LE(12)) return null
  const parsed: unknown = JSON.parse(json.toString())
  return isSegmentHeader(parsed) ? { header: parsed, octets: end, seed } : null
}

function isSegmentHeader(value: unknown): value is SegmentHeader {
  return (
    typeof value === 'object' &&
    value !== null &&
    'spool' in value &&
    typeof value.spool === 'string' &&
    'segment' in value &&
    Number.isSafeInteger(value.segment) &&
    'columns' in value &&
    Array.isArray(value.columns) &&
    'cuts' in value &&
    typeof value.cuts === 'object' &&
    value.cuts !== null
  )
}

const PACKING = {
  chunkSize: 64 * 1024,
  params: { [constants.ZSTD_c_compressionLevel]: -3 },
  readableHighWaterMark: MOST_OCTETS,
  writableHighWaterMark: MOST_OCTETS,
}

/**
 * Packs the payloads of frames: the rows' lengths and the rows, compressed when that makes them smaller.
 *
 * One compressor for all of them, one payload at a time: a new one for each would be a megabyte of memory outside of the heap per frame, and
 * the garbage collector spent more time on those than the compression took.
 */
export class Packer {
  // The fastest level: on rows it gives a sixth at 0.3 µs per row; higher levels take three times as long for a tenth less.
  // The marks are out of the way, so that a payload is never stopped halfway for want of a reader: it is read when it is complete.
  readonly #stream = createZstdCompress(PACKING)
  #last: Promise<unknown> = Promise.resolve()

  /** `body` must not change until the answer is there. */
  pack(body: Buffer, lengths: Uint16Array): Promise<Packed> {
    const turn = this.#last.then(() => this.#pack(body, lengths))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  #pack(body: Buffer, lengths: Uint16Array): Promise<Packed> {
    const head = Buffer.allocUnsafe(lengths.length * 2)
    for (let i = 0; i < lengths.length; i++) head.writeUInt16LE(lengths[i] ?? 0, i * 2)
    const plainOctets = head.length + body.length
    if (plainOctets === 0) return Promise.resolve({ plainOctets, encoding: 0, stored: head })
    return new Promise((resolve, reject) => {
      const stream = this.#stream
      stream.once('error', reject)
      if (head.length > 0) stream.write(head)
      if (body.length > 0) stream.write(body)
      // Ends the zstd frame; the next payload begins one of its own.
      stream.flush(constants.ZSTD_e_end, () => {
        stream.off('error', reject)
        const packed: unknown = stream.read()
        if (!Buffer.isBuffer(packed)) reject(new Error('the compressor gave nothing'))
        else if (packed.length < plainOctets) resolve({ plainOctets, encoding: 1, stored: packed })
        else resolve({ plainOctets, encoding: 0, stored: Buffer.concat([head, body]) })
      })
    })
  }

  close(): void {
    this.#stream.destroy()
  }
}

export interface Packed {
  plainOctets: number
  encoding: 0 | 1
  stored: Buffer
}

export function encodeFrameHeader(header: FrameHeader, seed: number): Buffer {
  const out = Buffer.alloc(FRAME_HEADER)
  out.writeUInt32LE(FRAME_MAGIC, 0)
  out.writeUInt32LE(header.frame, 4)
  out.writeUInt32LE(header.rows, 8)
  out.writeUInt32LE(header.plainOctets, 12)
  out.writeUInt32LE(header.storedOctets, 16)
  out.writeUInt8(header.encoding, 20)
  out.writeDoubleLE(header.receivedMs, 24)
  out.writeUInt32LE(header.payloadCrc, 32)
  out.writeUInt32LE(crc32c(out.subarray(0, 36), seed), 36)
  return out
}

/** The header of a frame at the start of `octets`; null when there is none, or it is damaged or of another segment. */
export function decodeFrameHeader(octets: Buffer, seed: number): FrameHeader | null {
  if (octets.length < FRAME_HEADER || octets.readUInt32LE(0) !== FRAME_MAGIC) return null
  if (octets.readUInt32LE(36) !== crc32c(octets.subarray(0, 36), seed)) return null
  const encoding = octets.readUInt8(20)
  const header: FrameHeader = {
    frame: octets.readUInt32LE(4),
    rows: octets.readUInt32LE(8),
    plainOctets: octets.readUInt32LE(12),
    storedOctets: octets.readUInt32LE(16),
    encoding: encoding === 1 ? 1 : 0,
    receivedMs: octets.readDoubleLE(24),
    payloadCrc: octets.readUInt32LE(32),
  }
  const sane =
    encoding <= 1 && header.plainOctets <= MOST_OCTETS && header.storedOctets <= MOST_OCTETS && header.rows * 2 <= header.plainOctets
  return sane ? header : null
}

/** Lengths and rows out of a payload as stored. Throws when it cannot be unpacked or is not as long as announced. */
export async function decodePayload(header: FrameHeader, stored: Buffer): Promise<{ body: Buffer; lengths: Uint16Array }> {
  const plain =
    header.encoding === 1
      ? await decompress(stored, { maxOutputLength: header.plainOctets + 1, chunkSize: Math.max(4096, header.plainOctets + 1) })
      : stored
  if (plain.length !== header.plainOctets) throw new Error(`a frame has ${plain.length} octets instead of ${header.plainOctets}`)
  const lengths = new Uint16Array(header.rows)
  for (let i = 0; i < header.rows; i++) lengths[i] = plain.readUInt16LE(i * 2)
  return { body: plain.subarray(header.rows * 2), lengths }
}
