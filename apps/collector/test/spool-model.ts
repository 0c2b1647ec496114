import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Spool, type SpooledFrame, type SpoolIo, type SpoolOptions, SpoolRefusedError } from '../src/spool/spool.ts'

const COLUMNS = ['batch', 'time', 'n'] as const
const ROW = 2 + 8 + 12 + 8

/** Rows that carry the given numbers, in COPY's form. */
export function rowsOf(numbers: readonly number[]): { rows: number; receivedMs: number; body: Buffer; lengths: Uint16Array } {
  const body = Buffer.alloc(numbers.length * ROW)
  for (const [i, n] of numbers.entries()) {
    const at = i * ROW
    body.writeInt16BE(3, at)
    body.writeInt32BE(4, at + 2)
    body.writeInt32BE(8, at + 10)
    body.writeInt32BE(4, at + 22)
    body.writeInt32BE(n, at + 26)
  }
  return { rows: numbers.length, receivedMs: 1000 + (numbers[0] ?? 0), body, lengths: new Uint16Array(numbers.length).fill(ROW) }
}

export function numbersOf(frame: SpooledFrame): number[] {
  const numbers: number[] = []
  let at = 0
  for (const length of frame.lengths) {
    numbers.push(frame.body.readInt32BE(at + 26))
    at += length
  }
  return numbers
}

/** Whole numbers below a bound, the same for the same seed (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

export const openSpool = (dir: string, more: Partial<SpoolOptions> = {}): Promise<Spool> =>
  Spool.open({ dir, columns: COLUMNS, maxBytes: 1 << 24, retryMs: 1, ...more })

/** Everything that can be read, acknowledged as it comes. */
export async function drain(spool: Spool, maxRows = 1000): Promise<number[]> {
  const numbers: number[] = []
  for (let frames = await spool.next(maxRows); frames.length > 0; frames = await spool.next(maxRows)) {
    for (const frame of frames) {
      numbers.push(...numbersOf(frame))
      spool.done(frame)
    }
  }
  return numbers
}

/** A disk that fails with the given code when told to. A failing write leaves half of its octets behind. */
export function failingIo(): { io: SpoolIo; failing: { write: string; sync: string } } {
  const failing = { write: '', sync: '' }
  const fail = (code: string) => {
    throw Object.assign(new Error(`${code}: planted`), { code })
  }
  return {
    failing,
    io: {
      async write(file, octets, position) {
        const all = Buffer.concat(octets)
        const much = failing.write === '' ? all.length : all.length >> 1
        await file.write(all, 0, much, position)
        if (failing.write !== '') fail(failing.write)
      },
      // No real sync: what a power cut would take is cut by the tests themselves.
      async datasync() {
        if (failing.sync !== '') fail(failing.sync)
      },
    },
  }
}

function same(found: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`)
}

/**
 * Random operations against a list in memory. After a crash the spool must hold everything accepted and not done, in order, nothing twice.
 * Frames that were done may come back with their segment: the ledger knows them. Throws when the two differ.
 */
export async function checkModel(base: string, sequences: number, seed: number, tamper = (numbers: number[]) => numbers): Promise<void> {
  const random = randomOf(seed)
  for (let sequence = 0; sequence < sequences; sequence++) {
    const dir = join(base, `model-${seed}-${sequence}`)
    const { io, failing } = failingIo()
    const small = random(4) === 0
    const options = { io, segmentFrames: 1 + random(4), maxBytes: small ? 4_000 : 1 << 20, segmentBytes: 1 + random(2_000) }
    let spool = await openSpool(dir, options)
    let n = 0
    /** Frames accepted and not done. */
    let held: number[][] = []
    const done = new Set<number>()
    let taken: SpooledFrame[] = []
    try {
      for (let step = 3 + random(12); step > 0; step--) {
        const what = random(12)
        if (what < 5) {
          const waiting: Promise<void>[] = []
          for (let i = 1 + random(3); i > 0; i--) {
            const numbers = Array.from({ length: 1 + random(4) }, () => n++)
            waiting.push(
              spool.append({ ...rowsOf(tamper(numbers)), keep: random(2) === 0 }).then(
                () => void held.push(numbers),
                (error: unknown) => {
                  if (!(error instanceof SpoolRefusedError)) throw error
                  if (!small) throw new Error('a spool with room refused', { cause: error })
                },
              ),
            )
          }
          await Promise.all(waiting)
        } else if (what < 8) {
          const frames = await spool.next(1 + random(8))
          const waiting = held.slice(taken.length)
          for (const [i, frame] of frames.entries()) same(numbersOf(frame), waiting[i], `sequence ${sequence}, read`)
          if (frames.length === 0) same(waiting, [], `sequence ${sequence}, read to the end`)
          taken.push(...frames)
        } else if (what < 9) {
          // Writers end in any order; here the oldest come first in `held` and `taken` alike.
          for (let i = random(taken.length + 1); i > 0; i--) {
            const at = random(taken.length)
            const [frame] = taken.splice(at, 1)
            const [numbers] = held.splice(at, 1)
            if (frame === undefined || numbers === undefined) break
            done.add(numbers[0] ?? -1)
            spool.done(frame)
          }
          same(spool.rowsHeld, held.flat().length, `sequence ${sequence}, rows held`)
        } else if (what < 10) {
          const which = random(2) === 0 ? 'write' : 'sync'
          failing[which] = random(2) === 0 ? 'EIO' : 'ENOSPC'
          await spool.append(rowsOf([n++])).then(
            () => {
              throw new Error('accepted by a disk that fails')
            },
            (error: unknown) => {
              if (!(error instanceof SpoolRefusedError)) throw error
            },
          )
          failing[which] = ''
          for (let i = 0; i < 1000 && spool.refusal !== null && !small; i++) await sleep(1)
        } else {
          await spool.abandon()
          const newest = readdirSync(dir)
            .filter((name) => name.endsWith('.seg'))
            .sort()
            .at(-1)
          // Junk behind the last sync, as a lost write leaves it.
          if (newest !== undefined && random(2) === 0) {
            writeFileSync(join(dir, newest), Buffer.concat([readFileSync(join(dir, newest)), Buffer.alloc(random(100), random(256))]))
          }
          taken = []
          spool = await openSpool(dir, options)
          const there: number[][] = []
          for (let frames = await spool.next(1000); frames.length > 0; frames = await spool.next(1000)) there.push(...frames.map(numbersOf))
          same(
            there.filter((numbers) => !done.has(numbers[0] ?? -1)),
            held,
            `sequence ${sequence}, after a crash`,
          )
          same(new Set(there.flat()).size, there.flat().length, `sequence ${sequence}, twice after a crash`)
          await spool.abandon()
          spool = await openSpool(dir, options)
          held = there
          for (const numbers of there) done.delete(numbers[0] ?? -1)
        }
      }
    } finally {
      await spool.close()
      rmSync(dir, { recursive: true })
    }
  }
}
