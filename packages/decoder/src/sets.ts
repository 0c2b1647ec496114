import { copyAddress } from './address.ts'
import type { ElementRegistry } from './elements.ts'
import type { DecoderLimits } from './limits.ts'
import { readOptionsRecord } from './options.ts'
import { ParkingLot } from './parking.ts'
import { compile } from './plan.ts'
import { PROBLEM, type ProblemList } from './problems.ts'
import type { RecordReader } from './reader.ts'
import type { DatagramResult, DatagramSource, FlowSink, FlowType } from './record.ts'
import type { Domain, Exporter, TemplateCounters } from './store.ts'
import { type FieldSpec, isContested, type Template } from './template.ts'

/** What the sets of one message have in common. Filled by the format's reader before its sets. */
export interface MessageContext {
  exporter: Exporter
  domain: Domain
  /** Source port, or the number of the connection. */
  port: number
  source: DatagramSource
  sink: FlowSink
  type: FlowType
  exportMs: number
  upTime: number
  sequence: number
  receivedMs: number
  receivedNs: number
}

/** Templates and data sets of NetFlow v9 and IPFIX, which differ only in how they are framed. */
export class SetDecoder {
  readonly templates: TemplateCounters = { defined: 0, refreshed: 0, redefined: 0, withdrawn: 0, expired: 0, evicted: 0, refused: 0 }
  readonly parking: ParkingLot
  readonly #limits: DecoderLimits
  readonly #registry: ElementRegistry
  readonly #reader: RecordReader
  readonly #result: DatagramResult
  readonly #problems: ProblemList
  /** Records still allowed and template records still read for the current datagram. */
  #budget = 0
  #templateBudget = 0
  /** Data records of the current message, for IPFIX's sequence; -1 once a parked set hides some. */
  messageRecords = 0

  constructor(limits: DecoderLimits, registry: ElementRegistry, reader: RecordReader, result: DatagramResult, problems: ProblemList) {
    this.#limits = limits
    this.#registry = registry
    this.#reader = reader
    this.#result = result
    this.#problems = problems
    this.parking = new ParkingLot(limits)
  }

  beginDatagram(): void {
    this.#budget = this.#limits.recordsPerDatagram
    this.#templateBudget = this.#limits.templatesPerDatagram
  }

  beginMessage(m: MessageContext): void {
    this.messageRecords = 0
    m.domain.enter(m.port)
    this.#enter(m)
  }

  #enter(m: MessageContext): void {
    const r = this.#reader.record
    r.type = m.type
    r.receivedMs = m.receivedMs
    r.receivedNs = m.receivedNs
    r.sequenceNum = m.sequence
    r.observationDomainId = m.domain.id
    copyAddress(r.samplerAddress, m.exporter.sampler)
    this.#reader.begin(m.domain, m.exportMs, m.upTime)
  }

  /** Take one more template record; false once the datagram has had its share. */
  takeTemplate(offset: number): boolean {
    if (this.#templateBudget <= 0) {
      this.#problems.add(PROBLEM.LIMIT, offset, `more than ${this.#limits.templatesPerDatagram} templates in one datagram`)
      return false
    }
    this.#templateBudget--
    return true
  }

  /** Define a template; what waited for it becomes ready to replay. */
  define(m: MessageContext, id: number, options: boolean, scopes: number, fields: readonly FieldSpec[], offset: number): void {
    const counters = this.templates
    if (options) this.#result.optionsTemplates++
    else this.#result.templates++
    let minimum = 0
    for (const field of fields) minimum += field.length === 0xffff ? 1 : field.length
    if (minimum === 0 || fields.length > this.#limits.fieldsPerTemplate) {
      counters.refused++
      this.#problems.add(
        PROBLEM.TEMPLATE_REFUSED,
        offset,
        minimum === 0 ? `template ${id} has records of no octets` : `template ${id} has ${fields.length} fields`,
      )
      // The old meaning of the id no longer holds, whatever the new one is.
      m.exporter.withdraw(m.domain, m.port, id, { ...counters })
      return
    }
    const changed = counters.redefined
    const template = m.exporter.define(m.domain, m.port, id, options, scopes, fields, m.receivedMs, this.#limits, counters)
    if (template === null) {
      this.#problems.add(PROBLEM.TEMPLATE_REFUSED, offset, `template ${id} is larger than an exporter may store`)
      return
    }
    if (counters.redefined !== changed) {
      const contested = isContested(template, m.receivedMs) ? ', for the third time in ten minutes: contested' : ''
      this.#problems.add(
        PROBLEM.TEMPLATE_CHANGED,
        offset,
        `template ${id} of domain ${m.domain.id} has other fields than before${contested}`,
      )
    }
    this.parking.arrived(m.exporter, m.domain, template)
  }

  withdraw(m: MessageContext, id: number): void {
    m.exporter.withdraw(m.domain, m.port, id, this.templates)
  }

  /** One data set: its records become flows or options; without a template it is parked. `from` is behind the set header. */
  dataSet(m: MessageContext, id: number, b: Uint8Array, from: number, to: number): void {
    let template = m.domain.find(m.port, id)
    if (template !== undefined && m.receivedMs - Math.max(template.refreshedMs, template.usedMs) > this.#limits.templateIdleMs) {
      m.exporter.expire(m.domain, template, this.templates)
      template = undefined
    }
    if (template === undefined) {
      this.#result.parkedSets++
      this.messageRecords = -1
      this.#park(m, id, b, from, to)
      return
    }
    const before = this.#budget
    const end = this.#records(m, template, b, from, to, false)
    if (this.messageRecords >= 0) this.messageRecords += before - this.#budget
    if (end < 0) this.#result.malformedSets++
    else if (template.options) this.#result.optionsSets++
    else this.#result.decodedSets++
  }

  /** The whole records of a set that runs past its message. It counts as malformed whatever they say, and is never parked. */
  cutDataSet(m: MessageContext, id: number, b: Uint8Array, from: number, to: number): void {
    const template = m.domain.find(m.port, id)
    if (template === undefined) return
    this.messageRecords = -1
    this.#records(m, template, b, from, to, true)
  }

  #park(m: MessageContext, id: number, b: Uint8Array, from: number, to: number): void {
    const parked = this.parking.park({
      exporter: m.exporter,
      domain: m.domain,
      port: m.port,
      id,
      octets: b.slice(from, to),
      source: { ...m.source },
      exportMs: m.exportMs,
      upTime: m.upTime,
      sequence: m.sequence,
      receivedMs: m.receivedMs,
      receivedNs: m.receivedNs,
      template: null,
      at: 0,
    })
    if (!parked) this.#problems.add(PROBLEM.PARKING_FULL, from, `no room to keep a set of ${to - from} octets until template ${id} arrives`)
  }

  /** Decode records until the set ends or a budget does. Returns where it stopped, or -1 for a malformed record. */
  #records(m: MessageContext, template: Template, b: Uint8Array, from: number, to: number, replay: boolean): number {
    template.usedMs = m.receivedMs
    template.recent = true
    let at = from
    while (to - at >= template.minimum) {
      if (this.#budget <= 0) {
        if (!replay) this.#problems.add(PROBLEM.LIMIT, at, `more than ${this.#limits.recordsPerDatagram} records in one datagram`)
        return replay ? at : -1
      }
      const next = template.options ? this.#option(m, template, b, at, to) : this.#flow(m, template, b, at, to)
      if (next <= at) {
        this.#problems.add(PROBLEM.RECORD, replay ? 0 : at, `a record of template ${template.id} does not fit into its set`)
        return -1
      }
      this.#budget--
      template.records++
      at = next
    }
    return to
  }

  #option(m: MessageContext, template: Template, b: Uint8Array, at: number, to: number): number {
    const next = readOptionsRecord(template, m.domain, m.port, m.source, m.sink, this.#limits, b, at, to)
    if (next > at) {
      this.#result.optionsRecords++
      // What it told may concern the records that follow in this message.
      this.#reader.begin(m.domain, m.exportMs, m.upTime)
    }
    return next
  }

  #flow(m: MessageContext, template: Template, b: Uint8Array, at: number, to: number): number {
    const reader = this.#reader
    template.plan ??= compile(template.fields, this.#registry, this.#limits)
    const plan = template.plan
    const next = reader.read(plan, b, at, to)
    if (next <= at) return next
    this.#emit(m)
    if (plan.biflow && reader.hasReverse) {
      reader.reverse()
      this.#emit(m)
    }
    return next
  }

  #emit(m: MessageContext): void {
    this.#result.flows++
    m.exporter.flows++
    m.sink.flow(this.#reader.record)
  }

  /** Decode parked sets whose template has come, as far as the budget reaches; the rest waits for the next datagram. */
  replay(sink: FlowSink): void {
    if (!this.parking.isReady) return
    this.#budget = this.#limits.replayedRecordsPerDatagram
    for (;;) {
      const set = this.parking.next
      if (set === undefined || set.template === null || this.#budget <= 0) return
      const m: MessageContext = { ...set, sink, type: set.domain.ipfix ? 'IPFIX' : 'NETFLOW_V9' }
      set.domain.enter(set.port)
      this.#enter(m)
      set.exporter.proven = true
      const end = this.#records(m, set.template, set.octets, set.at, set.octets.length, true)
      if (end >= 0 && end < set.octets.length && this.#budget <= 0) {
        set.at = end
        return
      }
      this.parking.done()
      this.#result.replayedSets++
    }
  }
}
