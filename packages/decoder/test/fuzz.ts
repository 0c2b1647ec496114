import { join } from 'node:path'
import { type DatagramResult, Decoder, type FlowRecord, PROBLEM } from '../src/index.ts'
import { allCaptures, captureFiles, datagramsOf, TESTDATA } from './captures.ts'

/** xorshift128+ in 32-bit halves would be overkill: a 32-bit xorshift with a fixed seed is repeatable and fast. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
  }

  next(): number {
    let x = this.#state
    x ^= x << 13
    x >>>= 0
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state
  }

  below(n: number): number {
    return this.next() % n
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T
  }
}

const WORDS = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 20, 48, 127, 128, 255, 256, 257, 1024, 0x7fff, 0x8000, 0xfffe, 0xffff]

/** Every datagram of the test data, the malformed ones too. */
export function corpus(): Uint8Array[] {
  return [...allCaptures(), ...captureFiles('malformed')]
    .flatMap((path) => datagramsOf(join(TESTDATA, path)).map((d) => d.octets))
    .filter((d) => d.length > 0)
}

function template(random: Random, version: number): Uint8Array {
  const fields = random.pick([1, 2, 3, 8, 30, 200, 512, 513])
  const id = 256 + random.below(4)
  const options = random.below(4) === 0
  const specs: number[] = []
  for (let i = 0; i < fields; i++) {
    const enterprise = version === 10 && random.below(8) === 0
    const element =
      random.below(3) === 0
        ? random.below(600)
        : random.pick([
            1, 2, 4, 7, 8, 10, 11, 12, 14, 21, 22, 27, 28, 34, 48, 85, 95, 96, 150, 152, 154, 156, 160, 291, 292, 293, 302, 313, 315,
          ])
    const length = random.pick([0, 1, 2, 3, 4, 4, 4, 8, 16, 16, 64, 0xffff, 0xffff])
    specs.push((element >> 8) | (enterprise ? 0x80 : 0), element & 255, length >> 8, length & 255)
    if (enterprise)
      specs.push(
        0,
        0,
        ...random.pick([
          [0x72, 0x79],
          [0, 9],
          [0x1a, 0xd7],
        ]),
      )
  }
  const head = options
    ? version === 9
      ? [id >> 8, id & 255, 0, 4, 0, (fields - 1) * 4]
      : [id >> 8, id & 255, fields >> 8, fields & 255, 0, 1]
    : [id >> 8, id & 255, fields >> 8, fields & 255]
  if (options && version === 9) head.splice(4, 2, (((fields - 1) * 4) >> 8) & 255, ((fields - 1) * 4) & 255)
  const body = [...head, ...specs]
  const set = (options ? 1 : 0) + (version === 10 ? 2 : 0)
  const out = Uint8Array.from([0, set, ((body.length + 4) >> 8) & 255, (body.length + 4) & 255, ...body])
  return out
}

function generated(random: Random): Uint8Array {
  const version = random.pick([9, 10])
  const parts: Uint8Array[] = [new Uint8Array(version === 9 ? 20 : 16)]
  const sets = 1 + random.below(6)
  for (let i = 0; i < sets; i++) {
    if (random.below(3) === 0) parts.push(template(random, version))
    else {
      const octets = new Uint8Array(4 + random.pick([0, 1, 4, 40, 400, 1400, 20000]))
      for (let k = 4; k < octets.length; k++) octets[k] = random.below(4) === 0 ? random.next() & 255 : random.below(3)
      octets[0] = 1
      octets[1] = random.below(4)
      octets[2] = octets.length >> 8
      octets[3] = octets.length & 255
      parts.push(octets)
    }
  }
  const out = new Uint8Array(
    Math.min(
      65535,
      parts.reduce((n, p) => n + p.length, 0),
    ),
  )
  let at = 0
  for (const part of parts) {
    out.set(part.subarray(0, Math.max(0, out.length - at)), Math.min(at, out.length))
    at += part.length
  }
  out[1] = version
  if (version === 10) {
    out[2] = out.length >> 8
    out[3] = out.length & 255
  }
  return out
}

/** One mutated datagram: of a real one, of two spliced, or made up of templates and data. */
export function mutate(random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  if (random.below(8) === 0) return generated(random)
  let d = Uint8Array.from(random.pick(seeds))
  const times = 1 + random.below(4)
  for (let i = 0; i < times && d.length > 4; i++) {
    const at = random.below(d.length)
    switch (random.below(9)) {
      case 0:
        d[at] = (d[at] as number) ^ (1 << random.below(8))
        break
      case 1:
        d[at] = random.next() & 255
        break
      case 2:
      case 3: {
        const word = random.pick(WORDS)
        const even = at & ~1
        d[even] = word >> 8
        if (even + 1 < d.length) d[even + 1] = word & 255
        break
      }
      case 4:
        d = d.slice(0, at)
        break
      case 5: {
        const from = random.pick(seeds)
        const cut = random.below(from.length)
        const joined = new Uint8Array(Math.min(65535, at + from.length - cut))
        joined.set(d.subarray(0, at))
        joined.set(from.subarray(cut, cut + joined.length - at), at)
        d = joined
        break
      }
      case 6: {
        const end = Math.min(d.length, at + random.below(64))
        d.fill(random.pick([0, 255]), at, end)
        break
      }
      case 7: {
        const end = Math.min(d.length, at + 1 + random.below(128))
        const doubled = new Uint8Array(Math.min(65535, d.length + (end - at)))
        doubled.set(d.subarray(0, end))
        doubled.set(d.subarray(at, end).subarray(0, doubled.length - end), end)
        doubled.set(d.subarray(end, end + Math.max(0, doubled.length - 2 * end + at)), Math.min(doubled.length, 2 * end - at))
        d = doubled
        break
      }
      default:
        // Keep an IPFIX length right, so that the damage inside is reached.
        if (d[1] === 10 && d.length >= 16) {
          d[2] = d.length >> 8
          d[3] = d.length & 255
        }
    }
  }
  return d
}

const CODES = new Set<string>(Object.values(PROBLEM))

export interface FuzzReport {
  runs: number
  flows: number
  slowestMs: number
  mostRecords: number
  /** First broken promise, or null. */
  failure: string | null
}

function broken(r: DatagramResult, record: FlowRecord | null): string | null {
  if (r.templateSets + r.optionsSets + r.decodedSets + r.malformedSets + r.parkedSets !== r.sets) return 'the sets do not add up'
  for (const problem of r.problems)
    if (!CODES.has(problem.code) || !(problem.offset >= 0)) return `problem ${problem.code} at ${problem.offset}`
  if (record === null) return null
  for (const [name, value] of Object.entries(record))
    if (typeof value === 'number' && (Number.isNaN(value) || value < -1e15)) return `${name} is ${value}`
  return null
}

/** Decode `runs` mutations with one decoder, state kept, from 64 addresses. Stops at the first broken promise. */
export function fuzz(runs: number, seed: number, tolerated: { slowMs: number }): FuzzReport {
  const random = new Random(seed)
  const seeds = corpus()
  const decoder = new Decoder()
  const report: FuzzReport = { runs: 0, flows: 0, slowestMs: 0, mostRecords: 0, failure: null }
  let last: FlowRecord | null = null
  const sink = {
    flow: (record: FlowRecord) => {
      last = record
    },
  }
  let now = 1_700_000_000_000
  const cap = decoder.limits.recordsPerDatagram * 2 + decoder.limits.replayedRecordsPerDatagram * 2
  for (; report.runs < runs && report.failure === null; report.runs++) {
    const datagram = mutate(random, seeds)
    now += random.below(20)
    const source = { address: `192.0.2.${random.below(64)}`, port: 2000 + random.below(3), receivedMs: now }
    const start = performance.now()
    try {
      const result = decoder.decode(datagram, source, sink)
      const ms = performance.now() - start
      // A pause of the machine is no slow decode: only what is slow again counts.
      if (ms > tolerated.slowMs && slowAgain(decoder, datagram, source, sink, tolerated.slowMs))
        report.failure = `run ${report.runs}: ${ms.toFixed(1)} ms`
      report.slowestMs = Math.max(report.slowestMs, ms)
      report.flows += result.flows
      report.mostRecords = Math.max(report.mostRecords, result.flows)
      if (result.flows > cap) report.failure = `run ${report.runs}: ${result.flows} records`
      report.failure ??= broken(result, last)
      last = null
    } catch (error) {
      report.failure = `run ${report.runs}: ${error instanceof Error ? error.stack : String(error)}`
    }
  }
  return report
}

function slowAgain(
  decoder: Decoder,
  datagram: Uint8Array,
  source: { address: string; port: number; receivedMs: number },
  sink: { flow(record: FlowRecord): void },
  limit: number,
): boolean {
  for (let i = 0; i < 8; i++) {
    const start = performance.now()
    decoder.decode(datagram, source, sink)
    if (performance.now() - start <= limit) return false
  }
  return true
}
