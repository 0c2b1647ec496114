import { createAddress, parseAddress } from './address.ts'
import type { DecoderLimits } from './limits.ts'
import type { RecordSurroundings } from './reader.ts'
import { ABSENT } from './record.ts'
import { Stream } from './stream.ts'
import { createTemplate, type FieldSpec, sameDefinition, type Template, templateOctets } from './template.ts'

/** What happened to templates; the decoder adds these up. */
export interface TemplateCounters {
  defined: number
  refreshed: number
  redefined: number
  withdrawn: number
  expired: number
  evicted: number
  /** Refused for a limit or because the definition makes no sense. */
  refused: number
}

/** Rates told through options, for one observation domain or one session of it. */
export class SamplerTable {
  rate = ABSENT
  readonly byId = new Map<number, number>()
  readonly byInterface = new Map<number, number>()

  set(samplerId: number, interfaceIndex: number, rate: number, limit: number): void {
    const table = samplerId > 0 ? this.byId : interfaceIndex > 0 ? this.byInterface : null
    if (table === null) this.rate = rate
    else if (table.has(samplerId > 0 ? samplerId : interfaceIndex) || table.size < limit)
      table.set(samplerId > 0 ? samplerId : interfaceIndex, rate)
  }

  /** The rate for records that name no sampler: what was said without one, or the only one there is. */
  get common(): number {
    if (this.rate !== ABSENT) return this.rate
    let only = ABSENT
    for (const rate of this.byId.values()) {
      if (only !== ABSENT && only !== rate) return ABSENT
      only = rate
    }
    return only
  }
}

/**
 * One observation domain of one exporter and protocol. Templates are kept by session and id; a set whose session defined none
 * uses the latest definition of the same exporter and domain (an IOS-XR line card sends data from another port).
 * Connections (`port` above 65,535) never borrow: their templates live and die with them (RFC 7011, section 8).
 */
export class Domain implements RecordSurroundings {
  readonly id: number
  readonly ipfix: boolean
  readonly templates = new Map<number, Template>()
  readonly latest = new Map<number, Template>()
  /** By session, and for the domain as a whole under -1. */
  readonly samplers = new Map<number, SamplerTable>()
  readonly applications = new Map<number, string>()
  bootMs = ABSENT
  #port = 0
  #table: SamplerTable | null = null
  #common: SamplerTable | null = null

  constructor(id: number, ipfix: boolean) {
    this.id = id
    this.ipfix = ipfix
  }

  /** Say which session the next records belong to. */
  enter(port: number): void {
    this.#port = port
    this.#table = this.samplers.get(port) ?? null
    this.#common = this.samplers.get(-1) ?? null
  }

  get rate(): number {
    const own = this.#table?.common ?? ABSENT
    return own !== ABSENT ? own : (this.#common?.common ?? ABSENT)
  }

  get ratesByInterface(): boolean {
    return this.#common !== null && this.#common.byInterface.size > 0
  }

  rateOfSampler(id: number): number {
    return this.#table?.byId.get(id) ?? this.#common?.byId.get(id) ?? ABSENT
  }

  rateOfInterface(index: number): number {
    return this.#table?.byInterface.get(index) ?? this.#common?.byInterface.get(index) ?? ABSENT
  }

  applicationName(id: number): string {
    return this.applications.get(id) ?? ''
  }

  template(id: number): Template | undefined {
    return this.find(this.#port, id)
  }

  find(port: number, id: number): Template | undefined {
    return this.templates.get(port * 65536 + id) ?? (port < 65536 ? this.latest.get(id) : undefined)
  }

  learnRate(port: number, samplerId: number, interfaceIndex: number, rate: number, limits: DecoderLimits): void {
    for (const key of [port, -1]) {
      let table = this.samplers.get(key)
      if (table === undefined) {
        if (key !== -1 && this.samplers.size >= limits.sessionsPerDomain) continue
        table = new SamplerTable()
        this.samplers.set(key, table)
      }
      table.set(samplerId, interfaceIndex, rate, limits.samplersPerDomain)
    }
    this.enter(this.#port)
  }
}

/** Everything kept about one exporting address. Nothing in it grows past the limits, and nothing of it can cost another exporter. */
export class Exporter {
  readonly address: string
  /** The address as octets, for the record. */
  readonly sampler = createAddress()
  /** Numbers of live connections, above every UDP port. */
  readonly sessions = new Map<string, number>()
  #nextSession = 65536
  readonly domains = new Map<number, Domain>()
  readonly streams = new Map<string, Stream>()
  /** Templates in no order, for the clock hand. */
  readonly #ring: Template[] = []
  readonly #homes: Domain[] = []
  #hand = 0
  #octets = 0
  datagrams = 0
  flows = 0
  problems = 0
  parkedOctets = 0
  lastMs = 0
  /** Has delivered something decodable. */
  proven = false
  /** Octets it was last charged for while on probation. */
  accounted = 0

  constructor(address: string) {
    this.address = address
    parseAddress(address, this.sampler)
  }

  /** The number that stands for a connection where UDP has a source port. */
  sessionNumber(session: string): number {
    let number = this.sessions.get(session)
    if (number === undefined) {
      number = this.#nextSession++
      this.sessions.set(session, number)
    }
    return number
  }

  get templateCount(): number {
    return this.#ring.length
  }

  /** Estimated octets of memory. */
  get octets(): number {
    return 700 + this.#octets + this.domains.size * 500 + this.streams.size * 300
  }

  domain(id: number, ipfix: boolean, limits: DecoderLimits): Domain {
    const key = id * 2 + (ipfix ? 1 : 0)
    let domain = this.domains.get(key)
    if (domain !== undefined) return domain
    if (this.domains.size >= limits.domainsPerExporter) this.#makeRoomForDomain()
    domain = new Domain(id, ipfix)
    this.domains.set(key, domain)
    return domain
  }

  /** Forget the oldest domain that holds nothing; or the oldest of all. */
  #makeRoomForDomain(): void {
    let victim: number | undefined
    for (const [key, domain] of this.domains) {
      victim ??= key
      if (domain.templates.size === 0) {
        victim = key
        break
      }
    }
    if (victim === undefined) return
    const domain = this.domains.get(victim)
    if (domain !== undefined) for (const template of [...domain.templates.values()]) this.#remove(domain, template)
    this.domains.delete(victim)
  }

  stream(key: string, limits: DecoderLimits): Stream {
    let stream = this.streams.get(key)
    if (stream === undefined) {
      if (this.streams.size >= limits.streamsPerExporter) {
        const oldest = this.streams.keys().next().value
        if (oldest !== undefined) this.streams.delete(oldest)
      }
      stream = new Stream()
      this.streams.set(key, stream)
    }
    return stream
  }

  /** Define or refresh a template. Returns it, or null when a limit refuses it. */
  define(
    domain: Domain,
    port: number,
    id: number,
    options: boolean,
    scopes: number,
    fields: readonly FieldSpec[],
    now: number,
    limits: DecoderLimits,
    counters: TemplateCounters,
  ): Template | null {
    const key = port * 65536 + id
    const old = domain.templates.get(key)
    if (old !== undefined && sameDefinition(old, options, scopes, fields)) {
      old.refreshedMs = now
      old.recent = true
      domain.latest.set(id, old)
      counters.refreshed++
      return old
    }
    const template = createTemplate(id, port, scopes, options, fields, now)
    const octets = templateOctets(fields.length)
    if (octets > limits.templateOctetsPerExporter) {
      counters.refused++
      return null
    }
    if (old !== undefined) {
      template.changes = old.changes + 1
      template.changedMs = [old.changedMs[1], old.changedMs[2], now]
      this.#remove(domain, old)
      counters.redefined++
    } else counters.defined++
    while (
      this.#ring.length > 0 &&
      (this.#ring.length >= limits.templatesPerExporter || this.#octets + octets > limits.templateOctetsPerExporter)
    ) {
      this.#evict()
      counters.evicted++
    }
    domain.templates.set(key, template)
    domain.latest.set(id, template)
    this.#ring.push(template)
    this.#homes.push(domain)
    this.#octets += octets
    return template
  }

  /** The clock hand: pass over what was used since the last round, take the first that was not. At most two rounds. */
  #evict(): void {
    for (let i = 0; i < 2 * this.#ring.length + 1; i++) {
      if (this.#hand >= this.#ring.length) this.#hand = 0
      const template = this.#ring[this.#hand]
      const home = this.#homes[this.#hand]
      if (template === undefined || home === undefined) return
      if (template.recent) {
        template.recent = false
        this.#hand++
        continue
      }
      this.#removeAt(this.#hand, home, template)
      return
    }
  }

  #remove(domain: Domain, template: Template): void {
    const at = this.#ring.indexOf(template)
    if (at >= 0) this.#removeAt(at, domain, template)
  }

  #removeAt(at: number, domain: Domain, template: Template): void {
    template.live = false
    template.plan = null
    domain.templates.delete(template.port * 65536 + template.id)
    if (domain.latest.get(template.id) === template) domain.latest.delete(template.id)
    const last = this.#ring.length - 1
    const moved = this.#ring[last]
    const movedHome = this.#homes[last]
    if (at < last && moved !== undefined && movedHome !== undefined) {
      this.#ring[at] = moved
      this.#homes[at] = movedHome
    }
    this.#ring.pop()
    this.#homes.pop()
    this.#octets -= templateOctets(template.fields.length)
  }

  /** Withdraw one template, or with id 2 or 3 all data or all options templates of the session (RFC 7011, section 8.1). */
  withdraw(domain: Domain, port: number, id: number, counters: TemplateCounters): number {
    let count = 0
    if (id === 2 || id === 3) {
      for (const template of [...domain.templates.values()]) {
        if (template.port !== port || template.options !== (id === 3)) continue
        this.#remove(domain, template)
        count++
      }
    } else {
      const template = domain.templates.get(port * 65536 + id)
      if (template !== undefined) {
        this.#remove(domain, template)
        count = 1
      }
    }
    counters.withdrawn += count
    return count
  }

  expire(domain: Domain, template: Template, counters: TemplateCounters): void {
    this.#remove(domain, template)
    counters.expired++
  }

  /** Forget what a closed connection defined. */
  endSession(port: number): void {
    for (const domain of this.domains.values()) {
      for (const template of [...domain.templates.values()]) if (template.port === port) this.#remove(domain, template)
      domain.samplers.delete(port)
    }
    for (const stream of this.streams.values()) stream.endSession(port)
  }
}
