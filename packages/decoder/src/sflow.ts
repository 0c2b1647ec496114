import { createAddress, formatAddress, setAddress4, setAddress16 } from './address.ts'
import { u32 } from './bytes.ts'
import type { DecoderLimits } from './limits.ts'
import { PROBLEM, type ProblemList } from './problems.ts'
import { ABSENT, type DatagramResult, type DatagramSource, type FlowRecord, type FlowSink } from './record.ts'
import { readCounterRecord } from './sflow-counters.ts'
import { SampleRecords } from './sflow-records.ts'

/**
 * sFlow version 5 (sflow.org, "sFlow Version 5", July 2004, and the discarded-packet structures of 2020).
 *
 *     datagram: version 4 · agent address (type 4, octets 4 or 16) · sub-agent 4 · sequence 4 · uptime 4 · samples 4
 *     sample:   enterprise 20 bits and format 12 bits · length 4 · body
 *
 * All samples of one packet are one flow: its header, what the router, the switch and BGP know of it.
 */
export interface SflowHeader {
  readonly agent: ReturnType<typeof createAddress>
  subAgent: number
  sequence: number
  upTime: number
  samples: number
  /** Where the samples begin, or -1 when the datagram is shorter than its header. */
  at: number
}

export function createSflowHeader(): SflowHeader {
  return { agent: createAddress(), subAgent: 0, sequence: 0, upTime: 0, samples: 0, at: -1 }
}

export function readSflowHeader(h: SflowHeader, b: Uint8Array): boolean {
  h.at = -1
  if (b.length < 28) return false
  const family = u32(b, 4)
  const octets = family === 1 ? 4 : family === 2 ? 16 : -1
  if (octets < 0 || b.length < 8 + octets + 16) return false
  if (octets === 4) setAddress4(h.agent, b, 8)
  else setAddress16(h.agent, b, 8)
  const at = 8 + octets
  h.subAgent = u32(b, at)
  h.sequence = u32(b, at + 4)
  h.upTime = u32(b, at + 8)
  h.samples = u32(b, at + 12)
  h.at = at + 16
  return true
}

/** Turns samples into flows, interface counters and names. One instance serves a decoder. */
export class SflowDecoder {
  readonly #limits: DecoderLimits
  readonly #record: FlowRecord
  readonly #records: SampleRecords
  readonly #problems: ProblemList
  readonly #result: DatagramResult

  constructor(record: FlowRecord, limits: DecoderLimits, result: DatagramResult, problems: ProblemList) {
    this.#record = record
    this.#limits = limits
    this.#records = new SampleRecords(record, limits)
    this.#result = result
    this.#problems = problems
  }

  /** Read the samples behind the header. Returns the number of flows. Each turn moves on by at least 8 octets. */
  read(h: SflowHeader, b: Uint8Array, source: DatagramSource, sink: FlowSink): number {
    const result = this.#result
    const to = b.length
    let at = h.at
    let flows = 0
    const samples = Math.min(h.samples, this.#limits.samplesPerDatagram)
    if (h.samples > samples) this.#problems.add(PROBLEM.LIMIT, h.at - 4, `${h.samples} samples announced`)
    for (let n = 0; n < samples; n++) {
      if (to - at < 8) {
        this.#problems.add(PROBLEM.COUNT, at, `${h.samples} samples announced, ${n} found`)
        break
      }
      const format = u32(b, at)
      const length = u32(b, at + 4)
      const from = at + 8
      result.sets++
      if (length > to - from) {
        result.malformedSets++
        this.#problems.add(PROBLEM.SAMPLE, at, `a sample of format ${format} says ${length} octets, ${to - from} remain`)
        break
      }
      const end = from + length
      if (format === 1 || format === 3 || format === 5) {
        const outcome = this.#packetSample(h, format, b, from, end, source, sink)
        if (outcome < 0) {
          result.malformedSets++
          this.#problems.add(PROBLEM.SAMPLE, at, `a sample of format ${format} is shorter than its fields`)
        } else {
          result.decodedSets++
          flows += outcome
        }
      } else if (format === 2 || format === 4) {
        if (this.#counterSample(h, format, b, from, end, source, sink)) result.optionsSets++
        else {
          result.malformedSets++
          this.#problems.add(PROBLEM.SAMPLE, at, `a counter sample is shorter than its fields`)
        }
      } else result.optionsSets++
      at = end
    }
    return flows
  }

  /**
   *     flow:     sequence 4 · source id 4 ·         rate 4 · pool 4 · drops 4 · input 4 · output 4 · records 4
   *     expanded: sequence 4 · source 8 ·            rate 4 · pool 4 · drops 4 · input 8 · output 8 · records 4
   *     discard:  sequence 4 · source 8 · drops 4 ·  input 4 · output 4 · reason 4 · records 4
   *
   * The compact interfaces carry a format in their top two bits: 0 an index, 1 discarded (with the reason), 2 several.
   */
  #packetSample(h: SflowHeader, format: number, b: Uint8Array, from: number, to: number, _source: DatagramSource, sink: FlowSink): number {
    const r = this.#record
    const records = this.#records
    const fixed = format === 1 ? 32 : format === 3 ? 44 : 32
    if (to - from < fixed) return -1
    records.begin()
    r.observationDomainId = h.subAgent
    let at = from + fixed - 4
    if (format === 1) {
      this.#rate(u32(b, from + 8))
      this.#interfaces(u32(b, from + 20) >>> 30, u32(b, from + 20) % 0x40000000, u32(b, from + 24) >>> 30, u32(b, from + 24) % 0x40000000)
    } else if (format === 3) {
      this.#rate(u32(b, from + 12))
      this.#interfaces(u32(b, from + 24), u32(b, from + 28), u32(b, from + 32), u32(b, from + 36))
    } else {
      r.inIf = u32(b, from + 16)
      r.outIf = u32(b, from + 20)
      r.eventKind = 2
      r.event = 3
      r.forwardingStatus = 128
      r.extra = { dropReason: u32(b, from + 24) }
    }
    const count = Math.min(u32(b, at), this.#limits.recordsPerSample)
    at += 4
    for (let n = 0; n < count && to - at >= 8; n++) {
      const kind = u32(b, at)
      const length = u32(b, at + 4)
      if (length > to - at - 8) {
        this.#problems.add(PROBLEM.SAMPLE, at, `a flow record of format ${kind} says ${length} octets, ${to - at - 8} remain`)
        // A header cut by the exporter still says who talked to whom.
        if (kind === 1) records.read(kind, b, at + 8, to)
        break
      }
      records.read(kind, b, at + 8, at + 8 + length)
      // Records are padded to four octets (XDR), and some exporters leave the padding out of the length.
      at += 8 + ((length + 3) & ~3)
    }
    if (!records.hasPacket) return 0
    records.finish()
    sink.flow(r)
    return 1
  }

  #rate(rate: number): void {
    this.#record.samplingRate = rate === 0 ? ABSENT : rate
  }

  #interfaces(inFormat: number, input: number, outFormat: number, output: number): void {
    const r = this.#record
    if (inFormat === 0) r.inIf = input
    if (outFormat === 0) r.outIf = output
    else if (outFormat === 1) {
      // Discarded: IE 89 keeps "dropped" in its top two bits; the sFlow reason is another table and stays apart.
      r.forwardingStatus = 128
      r.extra = { dropReason: output }
    } else if (outFormat === 2) r.extra = { outputInterfaces: output }
  }

  /**     sequence 4 · source id 4 (expanded 8) · records 4     */
  #counterSample(h: SflowHeader, format: number, b: Uint8Array, from: number, to: number, source: DatagramSource, sink: FlowSink): boolean {
    const fixed = format === 2 ? 12 : 16
    if (to - from < fixed) return false
    const sourceIndex = format === 2 ? u32(b, from + 4) & 0xffffff : u32(b, from + 8)
    const count = Math.min(u32(b, from + fixed - 4), this.#limits.recordsPerSample)
    const agent = formatAddress(h.agent)
    let at = from + fixed
    for (let n = 0; n < count && to - at >= 8; n++) {
      const kind = u32(b, at)
      const length = u32(b, at + 4)
      if (length > to - at - 8) {
        this.#problems.add(PROBLEM.SAMPLE, at, `a counter record of format ${kind} says ${length} octets, ${to - at - 8} remain`)
        return false
      }
      readCounterRecord(kind, sourceIndex, h.subAgent, agent, b, at + 8, at + 8 + length, source, sink, this.#limits)
      this.#result.optionsRecords++
      at += 8 + ((length + 3) & ~3)
    }
    return true
  }
}
