import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { DetectionState } from '@weir/detection'

const MAGIC = 'weir detect-state 1\n'
const HEADER = MAGIC.length + 32
const MAX_OCTETS = 2 ** 30

/** Where the state of the detectors is kept. */
export const stateFile = (dataDir: string): string => join(dataDir, 'detect-state')

/** Write the state beside and rename: a crash leaves the old or the new one. Returns its size in octets. */
export function saveState(path: string, state: DetectionState): number {
  const body = serialize(state)
  const temporary = `${path}.${process.pid}`
  const file = openSync(temporary, 'w', 0o600)
  try {
    // One after the other: put together they would be a second copy of what may be a hundred megabytes.
    for (const part of [Buffer.from(MAGIC, 'latin1'), createHash('sha256').update(body).digest(), body]) writeFileSync(file, part)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  return body.length
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
    const state: unknown = deserialize(body)
    if (!isState(state)) return { state: null, problem: 'it holds something else' }
    return { state, problem: null }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { state: null, problem: null }
    return { state: null, problem: error instanceof Error ? error.message : String(error) }
  }
}

/** The checksum vouches for the rest: what was written by this version is of this shape. */
function isState(value: unknown): value is DetectionState {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === 1 && 'engine' in value && 'clockMs' in value
}
