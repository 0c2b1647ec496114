import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { checkModel, drain, failingIo, numbersOf, openSpool, randomOf, rowsOf } from '../../test/spool-model.ts'
import { listAside, readAside, removeAside } from './aside.ts'
import type { SpooledFrame, SpoolRefusedError } from './spool.ts'

const base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'weir-spool-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))
let folders = 0
const newDir = () => join(base, String(folders++))
const segmentsOf = (dir: string) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.seg'))
    .sort()

describe('the spool', () => {
  it('gives back what was appended, in order, from memory and from the disk, and removes what is done', async () => {
    const dir = newDir()
    const spool = await openSpool(dir, { segmentFrames: 3 })
    for (let i = 0; i < 20; i++) await spool.append({ ...rowsOf([i * 2, i * 2 + 1]), keep: i % 2 === 0 })
    expect(spool.rowsHeld).toBe(40)
    expect(spool.oldestMs).toBe(1000)
    expect(await drain(spool, 5)).toEqual(Array.from({ length: 40 }, (_, i) => i))
    expect(spool.rowsHeld).toBe(0)
    expect(spool.oldestMs).toBeNull()
    await spool.close()
    expect(segmentsOf(dir)).toHaveLength(1)
  })

  it('is for one process at a time', async () => {
    const dir = newDir()
    const spool = await openSpool(dir)
    await expect(openSpool(dir)).rejects.toThrow(/WEIR_SPOOL_DIR: a collector .* already uses/)
    await spool.close()
    await (await openSpool(dir)).close()
  })

  it('names a frame once: the same after a restart, and never again for another', async () => {
    const dir = newDir()
    const seen = new Map<string, string>()
    for (let life = 0; life < 6; life++) {
      const spool = await openSpool(dir, { segmentFrames: 2 })
      for (let i = 0; i < 5; i++) await spool.append(rowsOf([life * 10 + i]))
      for (const frame of await spool.next(life === 3 ? 1000 : 2)) {
        const name = `${frame.spool}/${frame.segment}/${frame.frame}`
        const what = `${numbersOf(frame)} ${frame.sha256.toString('hex')}`
        expect(seen.get(name) ?? what).toBe(what)
        seen.set(name, what)
        if (life === 3) spool.done(frame)
      }
      await spool.abandon()
    }
    expect(new Set(seen.values()).size).toBe(seen.size)
  })

  it('recovers the synced prefix after truncation or bit flips anywhere behind the last sync: 2,000 cases', async () => {
    const random = randomOf(4)
    for (let round = 0; round < 40; round++) {
      const dir = newDir()
      const spool = await openSpool(dir)
      const accepted: number[] = []
      let n = 0
      const some = () => Array.from({ length: 1 + random(30) }, () => n++)
      for (let i = random(6); i > 0; i--) {
        const numbers = some()
        await spool.append(rowsOf(numbers))
        accepted.push(...numbers)
      }
      const name = segmentsOf(dir).at(-1) ?? ''
      const synced = statSync(join(dir, name)).size
      // From here on the disk may have anything: as if these had been written and the power had gone before the sync.
      for (let i = 1 + random(4); i > 0; i--) await spool.append(rowsOf(some()))
      await spool.abandon()
      const whole = readFileSync(join(dir, name))
      for (let k = 0; k < 50; k++) {
        const copy = newDir()
        let octets = Buffer.from(whole)
        if (random(2) === 0) octets = octets.subarray(0, synced + random(whole.length - synced + 1))
        else
          for (let flips = 1 + random(4); flips > 0; flips--) {
            const at = synced + random(whole.length - synced)
            octets[at] = (octets[at] ?? 0) ^ (1 << random(8))
          }
        mkdirSync(copy)
        writeFileSync(join(copy, name), octets)
        const again = await openSpool(copy)
        const found = await drain(again)
        // The synced prefix, then whole frames that made it to the disk in full, nothing else.
        expect(found.slice(0, accepted.length)).toEqual(accepted)
        expect(found).toEqual(Array.from({ length: found.length }, (_, i) => i))
        expect(again.recoveredRows).toBe(found.length)
        expect(again.discardedBytes).toBeLessThanOrEqual(octets.length - synced)
        if (found.length < n && octets.length === whole.length) expect(again.discardedBytes).toBeGreaterThan(0)
        await again.close()
        rmSync(copy, { recursive: true })
      }
      rmSync(dir, { recursive: true })
    }
  }, 240_000)

  it('without the sync a power cut loses what was called accepted: the test above can fail', async () => {
    const dir = newDir()
    // A sync that does nothing; the disk then holds what it held at the last real one: the segment's header.
    const spool = await openSpool(dir, { io: { ...failingIo().io, datasync: async () => undefined } })
    const name = segmentsOf(dir).at(-1) ?? ''
    const synced = statSync(join(dir, name)).size
    await spool.append(rowsOf([1, 2, 3]))
    expect(spool.acceptedRows).toBe(3)
    await spool.abandon()
    writeFileSync(join(dir, name), readFileSync(join(dir, name)).subarray(0, synced))
    const again = await openSpool(dir)
    expect(await drain(again)).toEqual([])
    await again.close()
  })

  it('does what a list in memory does: 5,000 random sequences of append, sync, crash, read, ack, rotate, full', async () => {
    await checkModel(base, 5000, 1)
  }, 400_000)

  it('and that comparison finds a planted off-by-one', async () => {
    await expect(checkModel(base, 300, 1, (numbers) => (numbers[0] === 7 ? numbers.map((n) => n + 1) : numbers))).rejects.toThrow()
  }, 60_000)

  it.each([
    ['sync', 'EIO', 'spool_io_error'],
    ['write', 'EIO', 'spool_io_error'],
    ['write', 'ENOSPC', 'spool_full'],
  ] as const)('stops accepting at once when a %s fails with %s, and goes on with a new segment', async (how, code, reason) => {
    const dir = newDir()
    const { io, failing } = failingIo()
    const spool = await openSpool(dir, { io })
    await spool.append(rowsOf([1, 2]))
    failing[how] = code
    await expect(spool.append(rowsOf([3]))).rejects.toMatchObject({ reason })
    expect(spool.refusal).toBe(reason)
    await expect(spool.append(rowsOf([4]))).rejects.toMatchObject({ reason })
    await sleep(20)
    expect(spool.refusal).toBe(reason)
    failing[how] = ''
    for (let i = 0; i < 500 && spool.refusal !== null; i++) await sleep(5)
    expect(spool.refusal).toBeNull()
    expect((await spool.append(rowsOf([5]))).segment).toBeGreaterThan(1)
    await spool.abandon()
    // What was refused is not there, whatever of it had reached the disk.
    const again = await openSpool(dir)
    expect(await drain(again)).toEqual([1, 2, 5])
    await again.close()
  })

  it('refuses the newest when it is full, keeps what it has, and takes again when there is room', async () => {
    const dir = newDir()
    const spool = await openSpool(dir, { maxBytes: 300_000, segmentBytes: 20_000 })
    const random = randomOf(9)
    const accepted: number[] = []
    for (let n = 0; spool.refusal === null; n++) {
      const rows = rowsOf([n, n])
      const noise = Buffer.from(Array.from({ length: 4000 }, () => random(256)))
      const body = Buffer.concat([rows.body, noise])
      const lengths = Uint16Array.from([rows.lengths[0] ?? 0, (rows.lengths[1] ?? 0) + noise.length])
      await spool.append({ ...rows, body, lengths }).then(
        () => accepted.push(n),
        (error: SpoolRefusedError) => expect(error.reason).toBe('spool_full'),
      )
    }
    expect(spool.bytes).toBeLessThanOrEqual(300_000)
    expect(accepted.length).toBeGreaterThan(60)
    await spool.close()
    // A lower limit than what is there: it opens, drains, and takes again.
    const again = await openSpool(dir, { maxBytes: 150_000, segmentBytes: 20_000 })
    await expect(again.append(rowsOf([1]))).rejects.toMatchObject({ reason: 'spool_full' })
    const found: number[] = []
    for (let frames = await again.next(10); frames.length > 0; frames = await again.next(10)) {
      for (const frame of frames) {
        found.push(numbersOf(frame)[0] ?? -1)
        again.done(frame)
      }
    }
    expect(found).toEqual(accepted)
    for (let i = 0; i < 200 && again.refusal !== null; i++) await sleep(5)
    await again.append(rowsOf([77]))
    expect(await drain(again)).toEqual([77])
    await again.close()
  })

  it('opens on a full disk, gives back what it holds, and frees that room before it needs more', async () => {
    const dir = newDir()
    const spool = await openSpool(dir)
    for (let i = 0; i < 3; i++) await spool.append(rowsOf([i]))
    await spool.close()
    const { io, failing } = failingIo()
    failing.write = 'ENOSPC'
    const full = await openSpool(dir, { io })
    expect(full.refusal).toBe('spool_full')
    await expect(full.append(rowsOf([3]))).rejects.toMatchObject({ reason: 'spool_full' })
    const path = join(dir, segmentsOf(dir)[0] ?? '')
    const before = statSync(path).size
    expect(await drain(full)).toEqual([0, 1, 2])
    for (let i = 0; i < 500 && statSync(path).size === before; i++) await sleep(5)
    expect(statSync(path).size).toBeLessThan(before)
    failing.write = ''
    for (let i = 0; i < 500 && full.refusal !== null; i++) await sleep(5)
    expect((await full.append(rowsOf([4]))).segment).toBeGreaterThan(1)
    await full.close()
    const again = await openSpool(dir)
    expect(await drain(again)).toEqual([4])
    await again.close()
  })

  it('sets a damaged frame aside, with its octets, and goes on', async () => {
    const dir = newDir()
    const spool = await openSpool(dir)
    const frames: SpooledFrame[] = []
    for (let i = 0; i < 5; i++) frames.push(await spool.append(rowsOf([i])))
    await spool.close()
    const path = join(dir, segmentsOf(dir)[0] ?? '')
    const octets = readFileSync(path)
    const start = octets.length - frames.reduce((sum, frame) => sum + frame.octets, 0)
    const at = start + (frames[0]?.octets ?? 0) + (frames[1]?.octets ?? 0) + 45
    octets[at] = (octets[at] ?? 0) ^ 4
    writeFileSync(path, octets)
    // A later segment makes the damaged one old: its payloads are checked when they are read.
    writeFileSync(join(dir, '00000002.seg'), '')
    const aside: [string, number][] = []
    const again = await openSpool(dir, { onIsolated: (reason, rows) => aside.push([reason, rows]) })
    expect(await drain(again)).toEqual([0, 1, 3, 4])
    expect(aside).toEqual([['frame_damaged', 1]])
    expect(readdirSync(join(dir, 'quarantine'))).toEqual([`${again.uuid}-1-2.frame`, `${again.uuid}-1-2.frame.json`])
    await again.close()
    // What it says of itself can be read, what it holds is not believed.
    const { frames: kept } = await listAside(dir)
    expect(kept).toMatchObject([{ facts: { reason: 'frame_damaged', rows: 1 } }])
    for (const one of kept) await expect(readAside(one)).rejects.toThrow('damaged')
  })

  /** A spool of three frames; the process died `deaths` times while it read the second. */
  async function suspected(deaths: number): Promise<string> {
    const dir = newDir()
    const spool = await openSpool(dir)
    for (let i = 0; i < 3; i++) await spool.append(rowsOf([i]))
    await spool.close()
    for (let death = 0; death < deaths; death++) {
      const dying = await openSpool(dir, {
        onUnpack: ({ frame }) => {
          if (frame === 1) throw new Error('died')
        },
      })
      await expect(dying.next(1000)).rejects.toThrow('died')
      await dying.abandon()
    }
    return dir
  }

  it('sets a frame aside that the process died on twice, when another process dies of it as well', async () => {
    const dir = await suspected(2)
    const deadly = `${dir}.mjs`
    writeFileSync(deadly, "process.kill(process.pid, 'SIGSEGV')\n")
    const aside: string[] = []
    const again = await openSpool(dir, { trial: deadly, onIsolated: (reason) => aside.push(reason) })
    expect(await drain(again)).toEqual([0, 2])
    expect(aside).toEqual(['frame_isolated'])
    await again.close()
    const [kept] = (await listAside(dir)).frames
    if (kept === undefined) throw new Error('a frame was expected')
    const frame = await readAside(kept)
    expect(frame.rows).toBe(1)
    expect(frame.spool).not.toBe(again.uuid)
    expect((await readAside(kept)).spool).toBe(frame.spool)
    await removeAside(kept)
    expect(readdirSync(join(dir, 'quarantine'))).toEqual([])
  })

  it('reads a frame that was hit by chance: the process was killed there twice, and another one does not die of it', async () => {
    const dir = await suspected(2)
    const aside: string[] = []
    const again = await openSpool(dir, { onIsolated: (reason) => aside.push(reason) })
    expect(await drain(again)).toEqual([0, 1, 2])
    expect(aside).toEqual([])
    await again.close()
  })

  it('does not believe in chance for ever', async () => {
    const dir = await suspected(6)
    const again = await openSpool(dir)
    expect(await drain(again)).toEqual([0, 2])
    await again.close()
  })

  it('tells when a segment is gone for good, and not before', async () => {
    const dir = newDir()
    const told: number[] = []
    const spool = await openSpool(dir, { segmentFrames: 1, onLowWater: (_uuid, segment) => told.push(segment) })
    for (let i = 0; i < 4; i++) await spool.append(rowsOf([i]))
    const [a, b, c] = await spool.next(100)
    if (a === undefined || b === undefined || c === undefined) throw new Error('three frames were expected')
    spool.done(b)
    await sleep(30)
    expect(told.filter((n) => n > a.segment)).toEqual([])
    spool.done(a)
    for (let i = 0; i < 200 && !told.includes(c.segment); i++) await sleep(5)
    expect(told.at(-1)).toBe(c.segment)
    expect(segmentsOf(dir).map((name) => Number.parseInt(name, 10))).not.toContain(a.segment)
    await spool.close()
  })
})
