import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { COPY_COLUMNS, type Frame, isWhole } from '@weir/db/ingest'
import { decodeFrameHeader, decodePayload, FRAME_HEADER } from './codec.ts'
import { crc32c } from './crc32c.ts'

/** What the spool writes beside a frame that it sets aside: why, and what is needed to read it. */
export interface AsideFacts {
  reason: string
  rows: number
  columns: readonly string[]
  /** Of the checksums in the frame. */
  seed: number
  /** RFC 3339. */
  at: string
}

export interface AsideFrame {
  file: string
  octets: number
  at: Date
  /** null for a frame of a version that wrote no facts. */
  facts: AsideFacts | null
}

const FRAME = /^([0-9a-f-]{36})-(\d+)-(\d+)\.frame$/

export const factsFile = (frameFile: string): string => `${frameFile}.json`

/** The frames that lie in the quarantine of a spool, oldest first. Segments that were set aside as a whole are named in `segments`. */
export async function listAside(spoolDir: string): Promise<{ frames: AsideFrame[]; segments: string[] }> {
  const folder = join(spoolDir, 'quarantine')
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const frames: AsideFrame[] = []
  const segments: string[] = []
  for (const name of names) {
    const file = join(folder, name)
    if (name.endsWith('.json')) continue
    if (!FRAME.test(name)) {
      segments.push(file)
      continue
    }
    const found = await stat(file)
    frames.push({ file, octets: found.size, at: found.mtime, facts: await readFacts(file) })
  }
  return { frames: frames.sort((a, b) => a.at.getTime() - b.at.getTime()), segments: segments.sort() }
}

async function readFacts(file: string): Promise<AsideFacts | null> {
  try {
    const value: unknown = JSON.parse(await readFile(factsFile(file), 'utf8'))
    return isFacts(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ENOENT')) return null
    throw error
  }
}

function isFacts(value: unknown): value is AsideFacts {
  return (
    typeof value === 'object' &&
    value !== null &&
    'reason' in value &&
    typeof value.reason === 'string' &&
    'rows' in value &&
    typeof value.rows === 'number' &&
    'columns' in value &&
    Array.isArray(value.columns) &&
    value.columns.every((column) => typeof column === 'string') &&
    'seed' in value &&
    typeof value.seed === 'number' &&
    'at' in value &&
    typeof value.at === 'string'
  )
}

/**
 * The rows of a frame that was set aside, under a name that makes storing them again repeatable: it is made from the frame's own, and no
 * collector forgets it. Throws when its octets are damaged; nothing of it is believed then.
 */
export async function readAside({ file, facts }: AsideFrame): Promise<Frame> {
  const [, spool = '', segment = '', number = ''] = FRAME.exec(file.slice(file.lastIndexOf('/') + 1)) ?? []
  const octets = await readFile(file)
  const seed = facts?.seed ?? 0
  const header = decodeFrameHeader(octets, seed)
  const stored = octets.subarray(FRAME_HEADER)
  if (header === null || stored.length !== header.storedOctets) throw new Error('its header is damaged')
  if (crc32c(stored, seed) !== header.payloadCrc) throw new Error('its rows are damaged')
  const { body, lengths } = await decodePayload(header, stored)
  const frame: Frame = {
    spool: derived(spool),
    segment: Number(segment),
    frame: Number(number),
    rows: header.rows,
    sha256: createHash('sha256').update(stored).digest(),
    columns: facts?.columns ?? COPY_COLUMNS,
    body,
    lengths,
  }
  if (!isWhole(frame)) throw new Error('its rows do not fit its columns')
  return frame
}

/** A UUID (version 8, RFC 9562) that belongs to the spool's own. */
function derived(spool: string): string {
  const hash = createHash('sha256').update(`weir quarantine ${spool}`).digest().subarray(0, 16)
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Take a frame out of the quarantine once its rows are stored. */
export async function removeAside({ file }: AsideFrame): Promise<void> {
  await rm(file)
  await rm(factsFile(file), { force: true })
}
