import type { Pool } from '@weir/db/connection'
import { type ExporterReport, type InterfaceReport, resolveExporters, upsertExporters, upsertInterfaces } from '@weir/db/ingest'
import { ABSENT, type DatagramResult, type FlowType, type InterfaceCounters, type LearnedName, PROBLEM, type Problem } from '@weir/decoder'
import { Book } from './book.ts'
import { cleanName } from './clean-text.ts'
import type { Component } from './component.ts'
import { addressOctets, contains, type Prefix } from './config.ts'
import type { Recent } from './duplicates.ts'
import { SkewMeter } from './enrich/clock.ts'
import { ExporterIds } from './exporter-ids.ts'
import { memoryOf, type Received } from './inbox.ts'
import type { Reporter } from './reporter.ts'

/** A device that sends flows, known by its address. Counters count from the start of this process. */
export class Exporter {
  /** Canonical text. */
  readonly address: string
  readonly demo: boolean
  /** Row id in the database; 0 while it is not known yet. */
  id = 0
  /** One clock per source port: several exporting processes may share an address, behind a NAT or on one host. */
  readonly #clocks = new Map<number, SkewMeter>()
  /** The clock of the latest datagram. */
  skew = new SkewMeter()
  readonly book = new Book()
  readonly formats = new Set<FlowType>()
  samplingRate: number | null = null
  lastSeenMs = 0
  /** The longest pause between two datagrams that was no absence, milliseconds. */
  pauseMs = 0
  datagrams = 0
  flows = 0
  lost = 0
  /** What the exporter announced by sequence numbers, received and lost, in the protocol's own unit. */
  announced = 0
  problems = 0
  /** Of the flows, those of conversations that are counted from another exporter. */
  witnesses = 0
  /** Datagrams left out because they had come before. */
  duplicates = 0
  /** Datagrams that could not be read, and sets that could not. */
  unreadable = 0
  malformedSets = 0
  /** Datagrams whose records or sets were cut off at a limit of the decoder. */
  limited = 0
  /** Templates given up or refused for want of room. */
  templatesLost = 0
  /** When a template last changed its meaning for the third time in ten minutes, epoch milliseconds. */
  contestedAtMs = 0
  /** What came in the last seconds; null before the first datagram. */
  recent: Recent | null = null
  templates = 0
  scaledBytes = 0
  readonly interfaces = new Map<number, { name: string; description: string; speed: number; changed: boolean }>()
  /** Datagrams that came before the id was known, in order. */
  parked: Received[] = []
  /** What the database already knows, and whether the last report said "nothing came". */
  reported = {
    datagrams: 0,
    flows: 0,
    witnesses: 0,
    duplicates: 0,
    lost: 0,
    announced: 0,
    problems: 0,
    scaledBytes: 0,
    atMs: Date.now(),
    quiet: false,
  }

  constructor(address: string, demo: boolean) {
    this.address = address
    this.demo = demo
  }

  /** Note a header's export time (ABSENT when there is none) and return the clock of the process that sent it. */
  clock(port: number, exportTimeMs: number, receivedMs: number): SkewMeter {
    let meter = this.#clocks.get(port)
    if (meter === undefined) {
      if (this.#clocks.size >= MAX_CLOCKS) this.#clocks.delete(this.#clocks.keys().next().value ?? port)
      meter = new SkewMeter()
      this.#clocks.set(port, meter)
    }
    meter.add(exportTimeMs, receivedMs)
    if (exportTimeMs !== ABSENT) this.skew = meter
    return meter
  }

  /** Take the counters of one decoded datagram over. Flow counters are kept by the caller, flow by flow. */
  count(result: DatagramResult, receivedMs: number): void {
    this.datagrams++
    const pause = receivedMs - this.lastSeenMs
    if (pause > this.pauseMs && pause < LIVE_MS) this.pauseMs = pause
    this.lastSeenMs = receivedMs
    if (result.type !== null) this.formats.add(result.type)
    this.lost += result.lost
    this.announced += result.lost + unitsOf(result)
    this.problems += result.problems.length
    this.malformedSets += result.malformedSets
    const { book } = this
    book.sets += result.sets
    book.templateSets += result.templateSets
    book.optionsSets += result.optionsSets
    book.decodedSets += result.decodedSets
    book.malformedSets += result.malformedSets
    book.parkedSets += result.parkedSets
  }

  /** Note what the alerts look at. */
  notice(problems: readonly Problem[], receivedMs: number): void {
    let limited = false
    for (const { code, detail } of problems) {
      if (code === PROBLEM.LIMIT) limited = true
      else if (code === PROBLEM.TEMPLATE_REFUSED) this.templatesLost++
      else if (code === PROBLEM.TEMPLATE_CHANGED && detail.endsWith('contested')) this.contestedAtMs = receivedMs
    }
    if (limited) this.limited++
  }
}

/** Units that a datagram adds to its own protocol's sequence: flows (v1–v8), packets (v9), data records (IPFIX), datagrams (sFlow). */
function unitsOf(result: DatagramResult): number {
  switch (result.type) {
    case 'NETFLOW_V9':
    case 'SFLOW_5':
      return 1
    case 'IPFIX':
      return result.flows + result.optionsRecords
    default:
      return result.flows
  }
}

const FLUSH_MS = 3_000
const RESOLVE_MS = 20
/** Memory for all datagrams parked for want of an id, together. */
const PARKED_OCTETS = 32 * 1024 * 1024
const MAX_INTERFACES = 4_096
const MAX_CLOCKS = 64
/** An exporter counts as live when it sent in the last five minutes (the health page's word). */
const LIVE_MS = 300_000
const SILENT_LEAST_MS = 60_000

/**
 * The exporters this collector hears, and their rows in the database.
 *
 * A new address is *admitted*: its datagrams are parked until the database has given it an id (some milliseconds), then handed back in
 * order. While the database is away, exporters that it knew before keep the id that it gave them, also over a restart, and it is asked to
 * confirm when it is back; those of strangers are parked until the room for that is used, then refused and counted.
 */
export class Exporters implements Component {
  readonly name = 'exporters'
  readonly #pool: Pool
  readonly #reporter: Reporter
  readonly #demoNetwork: Prefix | null
  readonly #limit: number
  readonly #byAddress = new Map<string, Exporter>()
  readonly #byId = new Map<number, Exporter>()
  readonly #unresolved = new Set<Exporter>()
  readonly #remembered: ExporterIds
  #parkedOctets = 0
  #parkedCount = 0
  #resolving = false
  #timer: NodeJS.Timeout | null = null
  #flushing: Promise<void> | null = null
  #stopped = false
  /** Called with the parked datagrams of an exporter that got its id. */
  onResolved: (exporter: Exporter, parked: Received[]) => void = () => undefined
  /** Asked for the number of templates held per exporter when reports are made. */
  templates: () => Map<string, number> = () => new Map()

  constructor(
    pool: Pool,
    settings: { demoNetwork: Prefix | null; maxExporters: number; dataDir: string; databaseUrl: string },
    reporter: Reporter,
  ) {
    this.#pool = pool
    this.#reporter = reporter
    this.#remembered = new ExporterIds(settings.dataDir, settings.databaseUrl, reporter)
    this.#demoNetwork = settings.demoNetwork
    this.#limit = settings.maxExporters
  }

  get known(): number {
    return this.#byAddress.size
  }

  get parkedDatagrams(): number {
    return this.#parkedCount
  }

  live(nowMs: number): number {
    let live = 0
    for (const exporter of this.#byAddress.values()) if (nowMs - exporter.lastSeenMs < LIVE_MS) live++
    return live
  }

  all(): IterableIterator<Exporter> {
    return this.#byAddress.values()
  }

  /**
   * Whether nothing comes any more from the exporter with this row: twice as long as its longest pause so far, and for a minute at least.
   * One that is not known, or hardly, is not called silent.
   */
  silent(id: number, nowMs: number): boolean {
    const exporter = this.#byId.get(id)
    if (exporter === undefined || exporter.datagrams < 8) return false
    return nowMs - exporter.lastSeenMs > Math.max(SILENT_LEAST_MS, 2 * exporter.pauseMs)
  }

  get(address: string): Exporter | undefined {
    return this.#byAddress.get(address)
  }

  /** Start to know an exporter; null when there are too many already. */
  admit(address: string): Exporter | null {
    if (this.#byAddress.size >= this.#limit) {
      this.#reporter.limited(
        'warn',
        'exporter-limit',
        { address, limit: this.#limit, remedy: 'raise WEIR_MAX_EXPORTERS' },
        'too many exporters: the datagrams of a new one are refused',
      )
      return null
    }
    const octets = addressOctets(address)
    const demo = this.#demoNetwork !== null && octets !== null && contains(this.#demoNetwork, octets)
    const exporter = new Exporter(address, demo)
    this.#byAddress.set(address, exporter)
    this.#unresolved.add(exporter)
    this.#resolveSoon()
    return exporter
  }

  /** Forget the id of an exporter and ask the database for it anew; its row may have been removed. */
  askAgain(exporter: Exporter): void {
    this.#byId.delete(exporter.id)
    exporter.id = 0
    this.#unresolved.add(exporter)
    this.#resolveSoon()
  }

  /** Keep a datagram until its exporter has an id; false when there is no room. */
  park(exporter: Exporter, received: Received): boolean {
    if (this.#parkedOctets + memoryOf(received.data) > PARKED_OCTETS) return false
    exporter.parked.push(received)
    this.#parkedOctets += memoryOf(received.data)
    this.#parkedCount++
    exporter.lastSeenMs = received.source.receivedMs
    return true
  }

  #resolveSoon(): void {
    if (this.#resolving || this.#stopped) return
    this.#resolving = true
    // Exporters tend to appear together when the collector starts: one question serves all.
    setTimeout(() => void this.#resolve(), RESOLVE_MS)
  }

  async #resolve(): Promise<void> {
    for (let attempt = 1; this.#unresolved.size > 0 && !this.#stopped; attempt++) {
      const wanted = [...this.#unresolved]
      try {
        const ids = await resolveExporters(
          this.#pool,
          wanted.map(({ address, demo, lastSeenMs }) => ({ address, demo, ...(lastSeenMs > 0 ? { seenMs: lastSeenMs } : {}) })),
        )
        for (const exporter of wanted) {
          const id = ids.get(exporter.address)
          if (id === undefined) continue
          if (exporter.id !== 0 && exporter.id !== id)
            this.#reporter.log.error(
              { exporter: exporter.address, id, before: exporter.id },
              'the database gives an exporter another id than before: flows that came while it was away stand under the old one',
            )
          this.#identify(exporter, id)
          this.#remembered.note(exporter.address, id)
          this.#unresolved.delete(exporter)
          if (exporter.datagrams === 0)
            this.#reporter.log.info({ exporter: exporter.address, id, demo: exporter.demo }, 'an exporter was registered')
          this.#unpark(exporter)
        }
        attempt = 0
      } catch (error) {
        for (const exporter of wanted) {
          const id = exporter.id === 0 ? this.#remembered.get(exporter.address) : undefined
          if (id === undefined) continue
          this.#identify(exporter, id)
          this.#unpark(exporter)
        }
        const strangers = wanted.filter(({ id }) => id === 0).length
        if (strangers > 0)
          this.#reporter.limited('warn', 'resolve', { err: error, exporters: strangers }, 'new exporters wait for the database')
        await new Promise((resolve) => setTimeout(resolve, Math.min(2_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2)))
      }
    }
    this.#resolving = false
  }

  #identify(exporter: Exporter, id: number): void {
    exporter.id = id
    this.#byId.set(id, exporter)
  }

  #unpark(exporter: Exporter): void {
    const { parked } = exporter
    exporter.parked = []
    for (const { data } of parked) this.#parkedOctets -= memoryOf(data)
    this.#parkedCount -= parked.length
    this.onResolved(exporter, parked)
  }

  /** Forget what is parked; returns it. */
  discardParked(): Received[] {
    const discarded: Received[] = []
    for (const exporter of this.#unresolved) discarded.push(...exporter.parked.splice(0))
    this.#parkedCount = 0
    this.#parkedOctets = 0
    return discarded
  }

  /** Note an interface's name as options data told it. */
  learnName(exporter: Exporter, name: LearnedName): void {
    if (name.kind !== 'interface') return
    const index = Number(name.key)
    if (!Number.isSafeInteger(index) || index < 0) return
    const entry = this.#interface(exporter, index)
    if (entry === null) return
    const title = cleanName(name.name)
    const description = cleanName(name.description)
    if ((title !== '' && title !== entry.name) || (description !== '' && description !== entry.description)) {
      if (title !== '') entry.name = title
      if (description !== '') entry.description = description
      entry.changed = true
    }
  }

  /** Note an interface's speed as sFlow counters told it. */
  learnCounters(exporter: Exporter, { ifIndex, ifSpeed }: InterfaceCounters): void {
    if (!Number.isSafeInteger(ifSpeed) || ifSpeed <= 0) return
    const entry = this.#interface(exporter, ifIndex)
    if (entry === null || entry.speed === ifSpeed) return
    entry.speed = ifSpeed
    entry.changed = true
  }

  #interface(exporter: Exporter, index: number): { name: string; description: string; speed: number; changed: boolean } | null {
    let entry = exporter.interfaces.get(index)
    if (entry === undefined) {
      if (exporter.interfaces.size >= MAX_INTERFACES) return null
      entry = { name: '', description: '', speed: 0, changed: false }
      exporter.interfaces.set(index, entry)
    }
    return entry
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#flushing
    await this.flush()
  }

  /** Bring counters and interfaces into the database. What fails is reported again next time: increments are taken off only when stored. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null
    })
    return this.#flushing
  }

  async #flush(): Promise<void> {
    const now = Date.now()
    const templates = this.templates()
    const reports: { exporter: Exporter; report: Required<ExporterReport>; scaledBytes: number }[] = []
    for (const exporter of this.#byAddress.values()) {
      if (exporter.id === 0) continue
      const { reported } = exporter
      const seconds = Math.max(0.5, (now - reported.atMs) / 1000)
      const report: Required<ExporterReport> = {
        address: exporter.address,
        demo: exporter.demo,
        lastSeenMs: exporter.lastSeenMs,
        formats: [...exporter.formats],
        samplingRate: exporter.samplingRate,
        skewMs: exporter.skew.skewMs,
        datagrams: exporter.datagrams - reported.datagrams,
        flows: exporter.flows - reported.flows,
        witnesses: exporter.witnesses - reported.witnesses,
        duplicates: exporter.duplicates - reported.duplicates,
        lost: exporter.lost - reported.lost,
        announced: exporter.announced - reported.announced,
        problems: exporter.problems - reported.problems,
        templates: templates.get(exporter.address) ?? 0,
        flowsPerSecond: (exporter.flows - reported.flows) / seconds,
        bitsPerSecond: ((exporter.scaledBytes - reported.scaledBytes) * 8) / seconds,
      }
      // A silent exporter is reported once more, so that its rates come down to 0, and then left alone.
      if (report.datagrams > 0 || !reported.quiet) reports.push({ exporter, report, scaledBytes: exporter.scaledBytes })
      else reported.atMs = now
    }
    try {
      const ids = await upsertExporters(
        this.#pool,
        reports.map(({ report }) => report),
      )
      for (const { exporter, report, scaledBytes } of reports) {
        const { reported } = exporter
        reported.datagrams += report.datagrams
        reported.flows += report.flows
        reported.witnesses += report.witnesses
        reported.duplicates += report.duplicates
        reported.lost += report.lost
        reported.announced += report.announced
        reported.problems += report.problems
        reported.scaledBytes = scaledBytes
        reported.atMs = now
        reported.quiet = report.datagrams === 0
        // An exporter that was removed meanwhile (the demo) is there again under another id.
        this.#identify(exporter, ids.get(exporter.address) ?? exporter.id)
        this.#remembered.note(exporter.address, exporter.id)
      }
      this.#remembered.save()
      await this.#flushInterfaces()
    } catch (error) {
      this.#reporter.limited('warn', 'exporters-flush', { err: error }, 'the exporters could not be updated in the database; tried again')
    }
  }

  async #flushInterfaces(): Promise<void> {
    const changed: { entry: { changed: boolean }; report: InterfaceReport }[] = []
    for (const exporter of this.#byAddress.values()) {
      if (exporter.id === 0) continue
      for (const [ifIndex, entry] of exporter.interfaces) {
        if (!entry.changed) continue
        const { name, description, speed } = entry
        changed.push({
          entry,
          report: {
            exporterId: exporter.id,
            ifIndex,
            name: name === '' ? null : name,
            description: description === '' ? null : description,
            speedBitsPerSecond: speed === 0 ? null : speed,
          },
        })
      }
    }
    if (changed.length === 0) return
    await upsertInterfaces(
      this.#pool,
      changed.map(({ report }) => report),
    )
    for (const { entry } of changed) entry.changed = false
  }
}
