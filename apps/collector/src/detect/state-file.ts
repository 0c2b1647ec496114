import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { DetectionState } from '@weir/detection'

/*
 * The file: a line that names the version, SHA-256 of the rest, then parts: [path, kind] of u32 length (big endian) and v8 serialisation, and the
 * value that lies at this path of keys in the state, of u32 length too. An array of numbers lies there as it is in memory, anything else
 * serialised. In one piece the state would be in memory twice over while it is written, every minute.
 */
const MAGIC = 'weir detect-state 2\n'
const HEADER = MAGIC.length + 32
const MAX_OCTETS = 2 ** 30

/** Where the state of the detectors is kept. */
export const stateFile = (dataDir: string): string => join(dataDir, 'detect-state')

/** Write the state beside and rename: a crash leaves the old or the new one. Returns its size in octets. */
export function saveState(path: string, state: DetectionState): number {
  const temporary = `${path}.${process.pid}`
  const file = openSync(temporary, 'w', 0o600)
  const digest = createHash('sha256')
  let octets = 0
  const write = (part: Uint8Array) => {
    for (let done = 0; done < part.length; ) done += writeSync(file, part, done, part.length - done, HEADER + octets + done)
    digest.update(part)
    octets += part.length
  }
  try {
    for (const [at, value] of partsOf(state, [])) {
      const numbers = ARRAYS.find((array) => value instanceof array)
      const body =
        numbers !== undefined && ArrayBuffer.isView(value)
          ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
          : serialize(value)
      for (const piece of [serialize([at, numbers?.name ?? '']), body]) {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(piece.length)
        write(length)
        write(piece)
      }
    }
    writeSync(file, Buffer.concat([Buffer.from(MAGIC, 'latin1'), digest.digest()]), 0, HEADER, 0)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  return octets
}

/** The kinds of array that the tables are made of. */
const ARRAYS = [Float64Array, Int32Array, Uint32Array] as const

type Plain = Record<string, unknown>
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Everything that is no plain object: tables and single values, each with the keys that lead to it. */
function* partsOf(value: unknown, path: readonly string[]): Generator<[path: readonly string[], value: unknown]> {
  if (!isPlain(value)) yield [path, value]
  else for (const [key, inner] of Object.entries(value)) yield* partsOf(inner, [...path, key])
}

/** Put the parts together again. Throws on what is cut off. */
function assemble(body: Buffer): unknown {
  const root: Plain = {}
  let at = 0
  const next = () => {
    const length = body.readUInt32BE(at)
    const piece = body.subarray(at + 4, at + 4 + length)
    if (piece.length < length) throw new Error('it is cut off')
    at += 4 + length
    return piece
  }
  while (at < body.length) {
    const head: unknown = deserialize(next())
    if (!Array.isArray(head) || !Array.isArray(head[0]) || head[0].length === 0) throw new Error('a part of it has no place')
    const path: string[] = head[0].map(String)
    const value = next()
    const numbers = ARRAYS.find((array) => array.name === head[1])
    let inner = root
    for (const key of path.slice(0, -1)) {
      const deeper = inner[key] ?? {}
      if (!isPlain(deeper)) throw new Error('two parts of it have one place')
      inner[key] = deeper
      inner = deeper
    }
    inner[path.at(-1) ?? ''] = numbers === undefined ? deserialize(value) : new numbers(new Uint8Array(value).buffer)
  }
  return root
}

/** The saved state; null and a reason when there is none that can be used. Never throws: a bad file costs the state, not the start. */
export function loadState(path: string): { state: DetectionState | null; problem: string | null } {
  try {
    if (statSync(path).size > MAX_OCTETS) return { state: null, problem: 'it is larger than 1 GiB' }
    const content = readFileSync(path)
    if (content.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) return { state: null, problem: 'it is not of this version' }
    const body = content.subarray(HEADER)
    if (!createHash('sha256').update(body).digest().equals(content.subarray(MAGIC.length, HEADER)))
      return { state: null, problem: 'its checksum is wrong' }
    const state = assemble(body)
    if (!isState(state)) return { state: null, problem: 'it holds something else' }
    return { state, problem: null }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { state: null, problem: null }
    return { state: null, problem: error instanceof Error ? error.message : String(error) }
  }
}

/** The checksum vouches for the rest: what was written by this version is of this shape. */
function isState(value: unknown): value is DetectionState {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === 2 && 'engine' in value && 'clockMs' in value
}
