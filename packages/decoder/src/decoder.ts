import { copyAddress } from './address.ts'
import { hex, u8, u16, u32 } from './bytes.ts'
import { type CustomElement, ElementRegistry } from './elements.ts'
import { createFlowRecord, resetFlowRecord } from './flow.ts'
import { describeExporter, describeTemplates, type ExporterInfo, type TemplateInfo } from './inventory.ts'
import { IPFIX_HEADER, readIpfixSets } from './ipfix.ts'
import { DEFAULT_LIMITS, type DecoderLimits } from './limits.ts'
import {
  readV1Record,
  readV5Record,
  readV7Record,
  V1_HEADER,
  V1_RECORD,
  V5_HEADER,
  V5_RECORD,
  V7_RECORD,
  v5SamplingRate,
} from './netflow5.ts'
import { readV8Record, V8_HEADER, v8RecordOctets } from './netflow8.ts'
import { readV9Sets, V9_HEADER } from './netflow9.ts'
import type { ParkingCounters } from './parking.ts'
import { PROBLEM, ProblemList } from './problems.ts'
import { RecordReader } from './reader.ts'
import { ABSENT, type DatagramResult, type DatagramSource, type FlowRecord, type FlowSink, type FlowType } from './record.ts'
import { type MessageContext, SetDecoder } from './sets.ts'
import { createSflowHeader, readSflowHeader, SflowDecoder } from './sflow.ts'
import { type RestoreOutcome, readSnapshot, writeSnapshot } from './snapshot.ts'
import { Exporter, type TemplateCounters } from './store.ts'

export interface DecoderOptions {
  limits?: Partial<DecoderLimits>
  /** The site's own elements, before the built-in tables. */
  elements?: readonly CustomElement[]
}

/** Totals since the decoder was made. Datagrams = processed + unreadable. */
export interface DecoderCounters {
  datagrams: number
  unreadable: number
  octets: number
  sets: number
  templateSets: number
  optionsSets: number
  decodedSets: number
  malformedSets: number
  parkedSets: number
  replayedSets: number
  flows: number
  optionsRecords: number
  problems: number
  lost: number
  /** Senders forgotten to keep the tables bounded. */
  evictedExporters: number
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/**
 * Bytes in, flow records out: NetFlow 1, 5, 7, 8, 9, IPFIX and sFlow 5, told apart by their version word.
 *
 * State (templates, sampling, names, sequences) is kept by exporter address, domain and session, inside `limits`. The result and
 * the record are reused by the next call. `decode` never throws for any input; an exception of the sink passes through, with the
 * state still sound. There is no clock and no I/O: time is `source.receivedMs`.
 */
export class Decoder {
  readonly limits: Readonly<DecoderLimits>
  readonly registry: ElementRegistry
  readonly counters: DecoderCounters = {
    datagrams: 0,
    unreadable: 0,
    octets: 0,
    sets: 0,
    templateSets: 0,
    optionsSets: 0,
    decodedSets: 0,
    malformedSets: 0,
    parkedSets: 0,
    replayedSets: 0,
    flows: 0,
    optionsRecords: 0,
    problems: 0,
    lost: 0,
    evictedExporters: 0,
  }
  readonly #exporters = new Map<string, Exporter>()
  readonly #probation = new Map<string, Exporter>()
  #probationOctets = 0
  readonly #record: FlowRecord = createFlowRecord()
  readonly #problems: ProblemList
  readonly #result: DatagramResult
  readonly #reader: RecordReader
  readonly #sets: SetDecoder
  readonly #sflow: SflowDecoder
  readonly #sflowHeader = createSflowHeader()
  readonly #clock = { bootMs: 0, ns: 0, upTime: 0 }
  #lastAddress = ''
  #lastExporter: Exporter | null = null
  #now = 0

  constructor(options: DecoderOptions = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.registry = new ElementRegistry(options.elements)
    this.#problems = new ProblemList(this.limits.problemsPerDatagram)
    this.#result = {
      type: null,
      observationDomainId: 0,
      exportTimeMs: ABSENT,
      flows: 0,
      sets: 0,
      templateSets: 0,
      optionsSets: 0,
      templates: 0,
      optionsTemplates: 0,
      optionsRecords: 0,
      decodedSets: 0,
      malformedSets: 0,
      parkedSets: 0,
      replayedSets: 0,
      lost: 0,
      problems: this.#problems.list,
    }
    this.#reader = new RecordReader(this.#record, this.limits, this.registry)
    this.#sets = new SetDecoder(this.limits, this.registry, this.#reader, this.#result, this.#problems)
    this.#sflow = new SflowDecoder(this.#record, this.limits, this.#result, this.#problems)
  }

  /** What happened to templates and to data that waited for them. */
  get templateCounters(): Readonly<TemplateCounters> {
    return this.#sets.templates
  }

  get parkingCounters(): Readonly<ParkingCounters> & { readonly waiting: number; readonly octets: number } {
    const parking = this.#sets.parking
    return { ...parking.counters, waiting: parking.waiting, octets: parking.octets }
  }

  /** Decode one datagram, or one IPFIX message of a connection when `source.session` is set. Flows go to `sink` in order. */
  decode(datagram: Uint8Array, source: DatagramSource, sink: FlowSink): DatagramResult {
    const result = this.#result
    this.#clear()
    this.#now = source.receivedMs
    this.counters.datagrams++
    this.counters.octets += datagram.length
    this.#sets.parking.expire(source.receivedMs)
    if (datagram.length > this.limits.datagramOctets) this.#problems.add(PROBLEM.TOO_LONG, 0, `${datagram.length} octets`)
    else if (datagram.length < 4) this.#problems.add(PROBLEM.TOO_SHORT, 0, `${datagram.length} octets`)
    else {
      this.#sets.beginDatagram()
      this.#version(datagram, source, sink)
      this.#sets.replay(sink)
    }
    this.#count(source)
    return result
  }

  #version(b: Uint8Array, source: DatagramSource, sink: FlowSink): void {
    const version = u16(b, 0)
    switch (version) {
      case 0:
        if (u16(b, 2) === 5) this.#sflowDatagram(b, source, sink)
        else this.#problems.add(PROBLEM.UNKNOWN_VERSION, 0, `sFlow version ${u16(b, 2)}`)
        break
      case 1:
      case 5:
      case 7:
      case 8:
        this.#fixed(version, b, source, sink)
        break
      case 9:
        this.#netflow9(b, source, sink)
        break
      case 10:
        this.#ipfix(b, source, sink)
        break
      default:
        this.#problems.add(PROBLEM.UNKNOWN_VERSION, 0, `version word ${version}`)
    }
  }

  #clear(): void {
    const r = this.#result
    r.type = null
    r.observationDomainId = 0
    r.exportTimeMs = ABSENT
    r.flows = 0
    r.sets = 0
    r.templateSets = 0
    r.optionsSets = 0
    r.templates = 0
    r.optionsTemplates = 0
    r.optionsRecords = 0
    r.decodedSets = 0
    r.malformedSets = 0
    r.parkedSets = 0
    r.replayedSets = 0
    r.lost = 0
    this.#problems.clear()
  }

  #count(source: DatagramSource): void {
    const r = this.#result
    const c = this.counters
    if (r.type === null) c.unreadable++
    c.sets += r.sets
    c.templateSets += r.templateSets
    c.optionsSets += r.optionsSets
    c.decodedSets += r.decodedSets
    c.malformedSets += r.malformedSets
    c.parkedSets += r.parkedSets
    c.replayedSets += r.replayedSets
    c.flows += r.flows
    c.optionsRecords += r.optionsRecords
    c.lost += r.lost
    const problems = r.problems.length + this.#problems.dropped
    c.problems += problems
    const exporter = this.#lastExporter
    if (exporter === null || r.type === null || this.#lastAddress !== source.address) return
    exporter.datagrams++
    exporter.problems += problems
    exporter.lastMs = source.receivedMs
    if (!exporter.proven) this.#judge(exporter, r.flows > 0 || r.optionsRecords > 0)
  }

  /** A sender that has delivered something decodable leaves probation; the others share a small budget. */
  #judge(exporter: Exporter, delivered: boolean): void {
    if (delivered) {
      exporter.proven = true
      this.#probation.delete(exporter.address)
      this.#probationOctets = Math.max(0, this.#probationOctets - exporter.accounted)
      this.#admit(exporter)
      return
    }
    this.#probationOctets += exporter.octets - exporter.accounted
    exporter.accounted = exporter.octets
    while (
      this.#probation.size > 1 &&
      (this.#probation.size > this.limits.probationExporters || this.#probationOctets > this.limits.probationOctets)
    ) {
      const [address, oldest] = this.#probation.entries().next().value ?? ['', null]
      if (oldest === null || oldest === exporter) break
      this.#probation.delete(address)
      this.#probationOctets -= oldest.accounted
      oldest.accounted = 0
      this.counters.evictedExporters++
    }
  }

  #admit(exporter: Exporter): void {
    if (this.#exporters.size >= this.limits.exporters) {
      // Map order is order of admission; look among the first few for the one longest silent.
      let victim: Exporter | null = null
      let looked = 0
      for (const candidate of this.#exporters.values()) {
        if (victim === null || candidate.lastMs < victim.lastMs) victim = candidate
        if (++looked >= 64) break
      }
      if (victim !== null) this.#exporters.delete(victim.address)
      if (victim === this.#lastExporter) this.#lastExporter = null
      this.counters.evictedExporters++
    }
    this.#exporters.set(exporter.address, exporter)
  }

  #exporter(source: DatagramSource): Exporter {
    if (this.#lastExporter !== null && this.#lastAddress === source.address) return this.#lastExporter
    const address = MAPPED.exec(source.address)?.[1] ?? source.address
    let exporter = this.#exporters.get(address) ?? this.#probation.get(address)
    if (exporter === undefined) {
      exporter = new Exporter(address)
      this.#probation.set(address, exporter)
    }
    this.#lastAddress = source.address
    this.#lastExporter = exporter
    return exporter
  }

  #port(exporter: Exporter, source: DatagramSource): number {
    return source.session === undefined ? source.port : exporter.sessionNumber(source.session)
  }

  /** Put what the datagram says of all its flows into the record. */
  #stamp(type: FlowType, exporter: Exporter, source: DatagramSource, sequence: number, domain: number): void {
    const r = this.#record
    this.#reader.forget()
    resetFlowRecord(r)
    r.type = type
    r.receivedMs = source.receivedMs
    r.receivedNs = source.receivedNs ?? 0
    r.sequenceNum = sequence
    r.observationDomainId = domain
    copyAddress(r.samplerAddress, exporter.sampler)
    this.#result.type = type
  }

  /** NetFlow 1, 5, 7 and 8: a header and `count` records of one length. */
  #fixed(version: number, b: Uint8Array, source: DatagramSource, sink: FlowSink): void {
    const header = version === 1 ? V1_HEADER : version === 8 ? V8_HEADER : V5_HEADER
    if (b.length < header) {
      this.#problems.add(PROBLEM.TOO_SHORT, 0, `${b.length} octets, the header of version ${version} has ${header}`)
      return
    }
    const result = this.#result
    const count = u16(b, 2)
    const upTime = u32(b, 4)
    const nanoseconds = u32(b, 12) < 1e9 ? u32(b, 12) : 0
    const exportMs = u32(b, 8) * 1000 + Math.floor(nanoseconds / 1e6)
    const aggregation = version === 8 ? u8(b, 22) : 0
    const octets = version === 5 ? V5_RECORD : version === 8 ? v8RecordOctets(aggregation) : version === 1 ? V1_RECORD : V7_RECORD
    const exporter = this.#exporter(source)
    const sequence = version === 1 ? ABSENT : u32(b, 16)
    const engine = version === 5 || version === 8 ? u16(b, 20) : 0
    this.#stamp(
      version === 1 ? 'NETFLOW_V1' : version === 5 ? 'NETFLOW_V5' : version === 7 ? 'NETFLOW_V7' : 'NETFLOW_V8',
      exporter,
      source,
      sequence,
      version === 5 || version === 8 ? engine : ABSENT,
    )
    result.observationDomainId = engine
    result.exportTimeMs = exportMs
    result.sets = 1
    if (octets === 0) {
      result.malformedSets = 1
      this.#problems.add(PROBLEM.AGGREGATION, 22, `aggregation ${aggregation} of version 8`)
      return
    }
    if (sequence !== ABSENT)
      result.lost += exporter
        .stream(`${version}/${engine}/${aggregation}`, this.limits)
        .observe(this.#port(exporter, source), sequence, count, count, upTime)
    const room = Math.floor((b.length - header) / octets)
    if (count > room) {
      result.malformedSets = 1
      this.#problems.add(PROBLEM.COUNT, 2, `${count} records announced, ${room} found`)
    } else {
      result.decodedSets = 1
      if (count === 0 && room > 0) this.#problems.add(PROBLEM.TRAILING, header, `no records announced, ${b.length - header} octets follow`)
    }
    const clock = this.#clock
    clock.upTime = upTime
    clock.bootMs = exportMs - upTime
    clock.ns = nanoseconds % 1e6
    this.#fixedRecords(version, Math.min(count, room, this.limits.recordsPerDatagram), b, header, octets, aggregation, exporter, sink)
  }

  #fixedRecords(
    version: number,
    count: number,
    b: Uint8Array,
    header: number,
    octets: number,
    aggregation: number,
    exporter: Exporter,
    sink: FlowSink,
  ): void {
    const r = this.#record
    const clock = this.#clock
    if (version === 5) r.samplingRate = v5SamplingRate(u16(b, 22))
    if (version !== 8) r.etype = 0x0800
    let at = header
    for (let i = 0; i < count; i++, at += octets) {
      if (version === 5) readV5Record(r, b, at, clock)
      else if (version === 1) readV1Record(r, b, at, clock)
      else if (version === 7) readV7Record(r, b, at, clock)
      else readV8Record(r, aggregation, b, at, clock)
      this.#result.flows++
      exporter.flows++
      sink.flow(r)
    }
  }

  #netflow9(b: Uint8Array, source: DatagramSource, sink: FlowSink): void {
    if (b.length < V9_HEADER) {
      this.#problems.add(PROBLEM.TOO_SHORT, 0, `${b.length} octets, the header of version 9 has ${V9_HEADER}`)
      return
    }
    const result = this.#result
    const exporter = this.#exporter(source)
    const sequence = u32(b, 12)
    const domainId = u32(b, 16)
    const upTime = u32(b, 4)
    result.type = 'NETFLOW_V9'
    result.observationDomainId = domainId
    result.exportTimeMs = u32(b, 8) * 1000
    const domain = exporter.domain(domainId, false, this.limits)
    const port = this.#port(exporter, source)
    const message: MessageContext = {
      exporter,
      domain,
      port,
      source,
      sink,
      type: 'NETFLOW_V9',
      exportMs: result.exportTimeMs,
      upTime,
      sequence,
      receivedMs: source.receivedMs,
      receivedNs: source.receivedNs ?? 0,
    }
    this.#sets.beginMessage(message)
    readV9Sets(this.#sets, message, b, V9_HEADER, this.limits, result, this.#problems)
    result.lost += exporter.stream(`9/${domainId}`, this.limits).observe(port, sequence, 1, this.#sets.messageRecords, upTime)
  }

  #ipfix(b: Uint8Array, source: DatagramSource, sink: FlowSink): void {
    const result = this.#result
    let at = 0
    for (let n = 0; n < this.limits.messagesPerDatagram; n++) {
      if (b.length - at < IPFIX_HEADER) {
        if (n === 0) this.#problems.add(PROBLEM.TOO_SHORT, at, `${b.length - at} octets, the header of IPFIX has ${IPFIX_HEADER}`)
        else if (b.length > at) this.#problems.add(PROBLEM.TRAILING, at, `${b.length - at} octets behind the message`)
        return
      }
      if (n > 0 && u16(b, at) !== 10) {
        this.#problems.add(PROBLEM.TRAILING, at, `${b.length - at} octets behind the message`)
        return
      }
      const length = u16(b, at + 2)
      const sound = length >= IPFIX_HEADER && at + length <= b.length
      if (!sound) this.#problems.add(PROBLEM.MESSAGE_LENGTH, at + 2, `message of ${length} octets, ${b.length - at} remain`)
      if (length < IPFIX_HEADER) return
      const end = sound ? at + length : b.length
      const exporter = this.#exporter(source)
      const sequence = u32(b, at + 8)
      const domainId = u32(b, at + 12)
      const exportMs = u32(b, at + 4) * 1000
      if (n === 0) {
        result.type = 'IPFIX'
        result.observationDomainId = domainId
        result.exportTimeMs = exportMs
      }
      const port = this.#port(exporter, source)
      const message: MessageContext = {
        exporter,
        domain: exporter.domain(domainId, true, this.limits),
        port,
        source,
        sink,
        type: 'IPFIX',
        exportMs,
        upTime: ABSENT,
        sequence,
        receivedMs: source.receivedMs,
        receivedNs: source.receivedNs ?? 0,
      }
      this.#sets.beginMessage(message)
      readIpfixSets(this.#sets, message, b, at + IPFIX_HEADER, end, this.limits, result, this.#problems)
      const records = this.#sets.messageRecords
      result.lost += exporter.stream(`10/${domainId}`, this.limits).observe(port, sequence, records, records, -1)
      at = end
      if (at >= b.length) return
    }
  }

  #sflowDatagram(b: Uint8Array, source: DatagramSource, sink: FlowSink): void {
    const h = this.#sflowHeader
    if (!readSflowHeader(h, b)) {
      this.#problems.add(PROBLEM.TOO_SHORT, 0, `${b.length} octets do not hold an sFlow header`)
      return
    }
    const result = this.#result
    const exporter = this.#exporter(source)
    this.#stamp('SFLOW_5', exporter, source, h.sequence, h.subAgent)
    copyAddress(this.#record.samplerAddress, h.agent)
    result.observationDomainId = h.subAgent
    const key = h.agent.length === 4 ? `s/${u32(h.agent.bytes, 0)}/${h.subAgent}` : `s/${hex(h.agent.bytes, 0, 16)}/${h.subAgent}`
    result.lost += exporter.stream(key, this.limits).observe(0, h.sequence, 1, 1, h.upTime)
    const flows = this.#sflow.read(h, b, source, sink)
    result.flows += flows
    exporter.flows += flows
  }

  /** Forget the templates of a closed connection (RFC 7011, section 8.4: they live and die with the session). */
  endSession(source: DatagramSource): void {
    if (source.session === undefined) return
    const exporter = this.#exporter(source)
    const port = exporter.sessions.get(source.session)
    if (port === undefined) return
    exporter.endSession(port)
    exporter.sessions.delete(source.session)
  }

  /** Every template known now, for people to look at. */
  *templates(): Generator<TemplateInfo> {
    for (const exporter of this.#all()) yield* describeTemplates(exporter, this.registry, this.#now)
  }

  /** Every exporter known now: traffic, loss by stream, sampling. */
  *exporters(): Generator<ExporterInfo> {
    for (const exporter of this.#all()) yield describeExporter(exporter)
  }

  *#all(): Generator<Exporter> {
    yield* this.#exporters.values()
    yield* this.#probation.values()
  }

  /** Templates, sampling rates and names as text, so that a restart costs none of them. Connections and parked data are left out. */
  snapshot(): string {
    return writeSnapshot(this.#all())
  }

  /**
   * Take up what `snapshot` wrote, on top of what is there. A damaged or foreign snapshot changes nothing and is reported;
   * it never throws. `now` is the collector's clock in epoch milliseconds, from which template ages count on.
   */
  restore(snapshot: string | Uint8Array, now: number): RestoreOutcome {
    const outcome = readSnapshot(snapshot, now, this.limits)
    for (const exporter of outcome.exporters) {
      exporter.proven = true
      this.#probation.delete(exporter.address)
      this.#admit(exporter)
    }
    this.#lastExporter = null
    return outcome.outcome
  }
}
