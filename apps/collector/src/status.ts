import { hostname } from 'node:os'
import type { Pool } from '@weir/db/connection'
import type { RateEvent } from '@weir/db/contracts'
import { recordStatus } from '@weir/db/ingest'
import { publish } from '@weir/db/notify'
import { type Account, GAPS, QUARANTINES, REFUSALS, SHEDS, type UnderWay } from './account.ts'
import type { Alert } from './alerts/book.ts'
import { Book, COUNTS } from './book.ts'
import type { Component } from './component.ts'
import type { GeoSource } from './enrich/geo-build.ts'
import type { Exporter, Exporters } from './exporters.ts'
import type { Ingest } from './ingest.ts'
import type { LatencyWindow } from './latency.ts'
import { KernelDrops } from './listeners/kernel-drops.ts'
import type { Check, Reporter } from './reporter.ts'
import type { Store } from './store.ts'

/** One open port as the health page shows it. */
export interface ListenerStatus {
  name: string
  transport: 'udp' | 'tcp' | 'tls'
  key: string
  port: number
  open: boolean
  datagrams: number
  octets: number
  grantedBufferBytes: number | null
  sessions: number | null
}

/** A listener and its books. */
export interface Listening extends ListenerStatus {
  book: Book
}

/** One book as the health page shows it. */
export interface BookStatus {
  name: string
  gap: number
  counts: Record<string, number>
}

/** What the row of `collector_status` holds: the collector's own view of itself, written every five seconds. */
export interface StatusReport {
  version: string
  pid: number
  startedAt: string
  at: string
  engine: string | null
  status: 'ok' | 'degraded' | 'down'
  checks: Check[]
  alerts: Alert[]
  sli: {
    flowsPerSecond: number
    datagramsPerSecond: number
    ingestLatencyP95Seconds: number | null
    parseErrorShare: number | null
    queueShare: number
    kernelDrops: number
    completeness: number | null
    newestFlow: string | null
    exportersLive: number
    exportersKnown: number
  }
  listeners: ListenerStatus[]
  counters: Record<string, number>
  accountingGap: number
  books: { listeners: BookStatus[]; exporters: BookStatus[] }
  spool: SpoolStatus | null
  geo: GeoSource
}

/** The spool as the health page shows it. */
export interface SpoolStatus {
  /** Octets on the disk, and how many there may be. */
  octets: number
  limitOctets: number
  flows: number
  /** Age of the oldest flow that is not stored, seconds; null when all are. */
  ageSeconds: number | null
  /** How long the rest of the room lasts at the rate of the last minute; null without traffic. */
  holdsMinutes: number | null
  refusing: string | null
  refusingSince: string | null
}

interface Snapshot {
  atMs: number
  received: number
  kernel: number
  refused: number
  unreadable: number
  flows: number
  shed: number
  lost: number
  announced: number
  spooledOctets: number
}

const STATUS_MS = 5_000
const WINDOW_MS = 60_000
/** How often the books are checked (GUARANTEES, "Words and sums first"). */
const BOOKS_MS = 10_000
/** What waits longer than this for the database is late. */
const LATE_SECONDS = 5
const VERY_LATE_SECONDS = 60

/** Measures rates and shares over the last minute, and tells them: once a second to browsers, every five seconds to the database. */
export class Status implements Component {
  readonly name = 'status'
  readonly #pool: Pool
  readonly #account: Account
  readonly #exporters: Exporters
  readonly #store: Store
  readonly #ingest: Ingest
  readonly #latency: LatencyWindow
  readonly #reporter: Reporter
  readonly #listeners: () => Listening[]
  readonly #geo: GeoSource
  readonly #version: string
  /** The alerts that are on. */
  alerts: () => Alert[] = () => []
  readonly #startedAt = new Date()
  readonly #drops = new KernelDrops()
  readonly #window: Snapshot[] = []
  #last = { atMs: Date.now(), flows: 0, received: 0, scaledBytes: 0, scaledPackets: 0 }
  #rate: RateEvent = { at: 0, flowsPerSecond: 0, bitsPerSecond: 0, packetsPerSecond: 0, datagramsPerSecond: 0, exportersLive: 0 }
  #dropsSeen = { total: 0, atMs: 0 }
  #secondTimer: NodeJS.Timeout | null = null
  #statusTimer: NodeJS.Timeout | null = null
  #publishing = false
  #recording = false
  /** Once the database knows us; before, it is tried every second. */
  #recorded = false
  #booksTimer: NodeJS.Timeout | null = null
  /** The gap of the last check, and how many checks found one. */
  #lastGap = 0
  #gapsSeen = 0

  constructor(parts: {
    pool: Pool
    account: Account
    exporters: Exporters
    store: Store
    ingest: Ingest
    latency: LatencyWindow
    reporter: Reporter
    listeners: () => Listening[]
    geo: GeoSource
    version: string
  }) {
    this.#pool = parts.pool
    this.#account = parts.account
    this.#exporters = parts.exporters
    this.#store = parts.store
    this.#ingest = parts.ingest
    this.#latency = parts.latency
    this.#reporter = parts.reporter
    this.#listeners = parts.listeners
    this.#geo = parts.geo
    this.#version = parts.version
    this.#reporter.check(() => this.#checks())
    this.#metrics()
  }

  async start(): Promise<void> {
    this.#remember(Date.now())
    this.#secondTimer = setInterval(() => void this.#everySecond(), 1_000)
    this.#statusTimer = setInterval(() => void this.#record(), STATUS_MS)
    this.#booksTimer = setInterval(() => this.#checkBooks(), BOOKS_MS)
    void this.#record()
  }

  async stop(): Promise<void> {
    if (this.#booksTimer !== null) clearInterval(this.#booksTimer)
    this.#checkBooks()
    if (this.#secondTimer !== null) clearInterval(this.#secondTimer)
    if (this.#statusTimer !== null) clearInterval(this.#statusTimer)
    await this.#record()
  }

  get kernelDrops(): number {
    return this.#drops.total
  }

  dropsByPort(): Map<number, number> {
    return this.#drops.byPort()
  }

  /** The spool as it is; null before it is open. */
  spoolNow(): SpoolStatus | null {
    return this.#spool(this.#minute())
  }

  /** The sums of the books that do not close now, with what is missing. */
  openSums(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.gaps()).filter(([, gap]) => gap !== 0))
  }

  async #everySecond(): Promise<void> {
    if (!this.#recorded) void this.#record()
    const now = Date.now()
    const account = this.#account
    this.#drops.read(
      new Set(
        this.#listeners()
          .filter((l) => l.transport === 'udp')
          .map((l) => l.port),
      ),
    )
    const seconds = Math.max(0.1, (now - this.#last.atMs) / 1000)
    this.#rate = {
      at: now,
      flowsPerSecond: (account.flows - this.#last.flows) / seconds,
      bitsPerSecond: ((account.scaledBytes - this.#last.scaledBytes) * 8) / seconds,
      packetsPerSecond: (account.scaledPackets - this.#last.scaledPackets) / seconds,
      datagramsPerSecond: (account.received - this.#last.received) / seconds,
      exportersLive: this.#exporters.live(now),
    }
    this.#last = {
      atMs: now,
      flows: account.flows,
      received: account.received,
      scaledBytes: account.scaledBytes,
      scaledPackets: account.scaledPackets,
    }
    this.#remember(now)
    // A live number that could not be told is replaced by the next one: nothing queues up behind a slow database.
    if (this.#publishing || this.#store.downSinceMs !== null) return
    this.#publishing = true
    try {
      await publish(this.#pool, 'weir_rate', this.#rate)
    } catch (error) {
      this.#reporter.limited('warn', 'publish', { err: error }, 'the live rate could not be published')
    } finally {
      this.#publishing = false
    }
  }

  #remember(now: number): void {
    const account = this.#account
    let lost = 0
    let announced = 0
    for (const exporter of this.#exporters.all()) {
      lost += exporter.lost
      announced += exporter.announced
    }
    const drops = this.#drops.total
    if (drops > this.#dropsSeen.total) {
      this.#dropsSeen = { total: drops, atMs: now }
      this.#reporter.limited(
        'warn',
        'kernel-drops',
        { drops, remedy: 'sysctl -w net.core.rmem_max=33554432, then restart; see weir doctor' },
        'the kernel drops datagrams: its receive buffer is full before Weir reads it',
      )
    }
    this.#window.push({
      atMs: now,
      received: account.received,
      kernel: drops,
      refused: account.refusedTotal,
      unreadable: account.unreadableTotal,
      flows: account.flows,
      shed: account.shedTotal,
      lost,
      announced,
      spooledOctets: this.#store.spool?.acceptedBytes ?? 0,
    })
    while ((this.#window[0]?.atMs ?? now) < now - WINDOW_MS) this.#window.shift()
  }

  /** What the last minute came to, as differences of counters. */
  #minute(): Omit<Snapshot, 'atMs'> {
    const first = this.#window[0]
    const last = this.#window.at(-1)
    const since = (key: keyof Snapshot) => (last?.[key] ?? 0) - (first?.[key] ?? 0)
    return {
      received: since('received'),
      kernel: since('kernel'),
      refused: since('refused'),
      unreadable: since('unreadable'),
      flows: since('flows'),
      shed: since('shed'),
      lost: since('lost'),
      announced: since('announced'),
      spooledOctets: since('spooledOctets'),
    }
  }

  /**
   * The share of what was announced in the last minute that is stored or on its way. Loss by sequence numbers includes what the kernel
   * dropped and what was refused here, so the larger of the two counts, not their sum. null without traffic.
   */
  #completeness(minute: Omit<Snapshot, 'atMs'>): number | null {
    const arrived = minute.received + minute.kernel
    if (arrived === 0) return null
    const lostShare = minute.announced > 0 ? minute.lost / minute.announced : 0
    const dropShare = (minute.kernel + minute.refused) / arrived
    const shedShare = minute.flows > 0 ? minute.shed / minute.flows : 0
    return Math.max(0, Math.min(1, (1 - Math.max(lostShare, dropShare)) * (1 - shedShare)))
  }

  /** What is under way at this moment: nothing runs between these readings, so they belong together. */
  #underWay(): UnderWay {
    let exporterDatagrams = 0
    let exporterFlows = 0
    for (const exporter of this.#exporters.all()) {
      exporterDatagrams += exporter.datagrams
      exporterFlows += exporter.flows
    }
    return {
      datagrams: this.#ingest.waiting,
      staged: this.#store.staged,
      spooled: this.#store.spooled,
      listened: this.#listeners().reduce((sum, listener) => sum + listener.datagrams, 0),
      exporterDatagrams,
      exporterFlows,
      books: this.#bookGap(),
    }
  }

  /** What single books do not explain, and what they do not have in common with the whole. */
  #bookGap(): number {
    const listeners = new Book()
    let gap = 0
    for (const { book, datagrams } of this.#listeners()) {
      gap += book.gap + Math.abs(datagrams - book.received)
      listeners.add(book)
    }
    const exporters = new Book()
    for (const { book } of this.#exporters.all()) {
      gap += book.gap
      exporters.add(book)
    }
    return (
      gap +
      Math.abs(listeners.processed - this.#account.processed) +
      Math.abs(listeners.waiting - this.#ingest.waiting) +
      Math.abs(exporters.processed - this.#account.processed) +
      Math.abs(exporters.accepted - this.#account.accepted)
    )
  }

  /** Each listener: what arrived at its port, the kernel's drops among it, and what became of it. */
  #listenerBooks(): BookStatus[] {
    const drops = this.#drops.byPort()
    return this.#listeners().map(({ name, transport, port, datagrams, book }) => {
      const kernelDropped = transport === 'udp' ? (drops.get(port) ?? 0) : 0
      const { received, refused, duplicates, unreadable, processed, waiting } = book
      return {
        name: `${name}/${transport}`,
        gap: book.gap + Math.abs(datagrams - received),
        counts: { arrived: datagrams + kernelDropped, kernelDropped, received, refused, duplicates, unreadable, processed, waiting },
      }
    })
  }

  /** The first `most` exporters, those that do not close before the others, then the busiest; the rest together as `other`. */
  #exporterBooks(most: number): BookStatus[] {
    const all = [...this.#exporters.all()].sort((a, b) => b.book.gap - a.book.gap || b.book.received - a.book.received)
    const shown = all.slice(0, most).map(({ address, book }) => bookStatus(address, book, book.gap))
    if (all.length <= most) return shown
    const other = new Book()
    let gap = 0
    for (const { book } of all.slice(most)) {
      other.add(book)
      gap += book.gap
    }
    return [...shown, bookStatus('other', other, gap)]
  }

  gaps(): Record<(typeof GAPS)[number], number> {
    return this.#account.gaps(this.#underWay())
  }

  gap(): number {
    return this.#account.gap(this.#underWay())
  }

  #checkBooks(): void {
    this.#lastGap = this.gap()
    if (this.#lastGap === 0) return
    this.#gapsSeen++
    this.#reporter.log.error(
      { alarm: 'accounting_gap', gap: this.#lastGap, sums: this.gaps() },
      'the books do not close: flows were lost or counted twice',
    )
  }

  #spool(minute: Omit<Snapshot, 'atMs'>): SpoolStatus | null {
    const spool = this.#store.spool
    if (spool === null) return null
    const now = Date.now()
    const { oldestMs, bytes, maxBytes, refusingSinceMs } = spool
    const seconds = Math.max(1, (now - (this.#window[0]?.atMs ?? now)) / 1000)
    const perMinute = (minute.spooledOctets / seconds) * 60
    return {
      octets: bytes,
      limitOctets: maxBytes,
      flows: this.#store.spooled,
      ageSeconds: oldestMs === null ? null : Math.max(0, (now - oldestMs) / 1000),
      holdsMinutes: perMinute > 0 ? Math.max(0, maxBytes - bytes) / perMinute : null,
      refusing: this.#store.refusal,
      refusingSince: refusingSinceMs === null ? null : new Date(refusingSinceMs).toISOString(),
    }
  }

  current(): StatusReport {
    const now = Date.now()
    const minute = this.#minute()
    const checks = this.#reporter.checks()
    const newest = this.#store.newestFlowMs
    return {
      version: this.#version,
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      at: new Date(now).toISOString(),
      engine: this.#store.engine,
      status: checks.some((c) => c.state === 'fail') ? 'down' : checks.some((c) => c.state === 'warn') ? 'degraded' : 'ok',
      checks,
      alerts: this.alerts(),
      sli: {
        flowsPerSecond: this.#rate.flowsPerSecond,
        datagramsPerSecond: this.#rate.datagramsPerSecond,
        ingestLatencyP95Seconds: this.#latency.quantileSeconds(0.95, now),
        parseErrorShare: minute.received > 0 ? minute.unreadable / minute.received : null,
        queueShare: this.#store.share,
        kernelDrops: this.#drops.total,
        completeness: this.#completeness(minute),
        newestFlow: newest === null ? null : new Date(newest).toISOString(),
        exportersLive: this.#exporters.live(now),
        exportersKnown: this.#exporters.known,
      },
      listeners: this.#listeners().map(({ book: _, ...listener }) => listener),
      counters: this.#counters(),
      accountingGap: this.gap(),
      books: { listeners: this.#listenerBooks(), exporters: this.#exporterBooks(SHOWN_BOOKS) },
      spool: this.#spool(minute),
      geo: this.#geo,
    }
  }

  #counters(): Record<string, number> {
    const account = this.#account
    const counters: Record<string, number> = {
      received: account.received,
      refused: account.refusedTotal,
      unreadable: account.unreadableTotal,
      processed: account.processed,
      waiting: this.#ingest.waiting,
      templates: account.templates,
      decodedSets: account.decodedSets,
      malformedSets: account.malformedSets,
      parkedSets: account.parkedSets,
      replayedSets: account.replayedSets,
      lost: account.lost,
      flows: account.flows,
      slices: account.slices,
      shed: account.shedTotal,
      accepted: account.accepted,
      recovered: account.recovered,
      stored: account.stored,
      quarantined: account.quarantinedTotal,
      staged: this.#store.staged,
      spooled: this.#store.spooled,
      queued: this.#store.waiting,
    }
    return counters
  }

  async #record(): Promise<void> {
    if (this.#recording || this.#store.engine === null || this.#store.downSinceMs !== null) return
    this.#recording = true
    try {
      await recordStatus(this.#pool, hostname(), this.current())
      this.#recorded = true
    } catch (error) {
      this.#reporter.limited('warn', 'status', { err: error }, 'the collector status could not be written')
    } finally {
      this.#recording = false
    }
  }

  #checks(): Check[] {
    const now = Date.now()
    const checks: Check[] = []
    const closed = this.#listeners().filter((l) => !l.open)
    checks.push(
      closed.length === 0
        ? {
            name: 'listeners',
            state: 'ok',
            message: this.#listeners()
              .map((l) => `${l.name} on ${l.transport.toUpperCase()} ${l.port}`)
              .join(', '),
          }
        : { name: 'listeners', state: 'fail', message: `Closed: ${closed.map((l) => l.name).join(', ')}. Restart the collector.` },
    )
    const down = this.#store.downSinceMs
    if (down !== null) {
      const seconds = Math.round((now - down) / 1000)
      checks.push({
        name: 'storing',
        state: 'fail',
        message: `The database has not taken flows for ${seconds} s (${this.#store.downReason}). Check that it runs and that DATABASE_URL is right; flows wait in the spool.`,
      })
    } else if (this.#store.engine === null) {
      checks.push({ name: 'storing', state: 'warn', message: 'Connecting to the database.' })
    } else {
      checks.push({ name: 'storing', state: 'ok', message: `Storing into ${this.#store.engine}.` })
    }
    checks.push(this.#spoolCheck(), this.#quarantineCheck())
    const minute = this.#minute()
    const recentDrops = this.#dropsSeen.atMs > now - WINDOW_MS
    checks.push(
      recentDrops
        ? {
            name: 'kernel',
            state: 'warn',
            message: `The kernel dropped datagrams in the last minute (${this.#drops.total} since the start). Raise net.core.rmem_max; "weir doctor" gives the line.`,
          }
        : { name: 'kernel', state: 'ok', message: `${this.#drops.total} datagrams dropped by the kernel since the start.` },
    )
    const errors = minute.received > 0 ? minute.unreadable / minute.received : 0
    checks.push(
      errors > 0.05
        ? {
            name: 'unreadable',
            state: 'warn',
            message: `${Math.round(errors * 100)} % of the datagrams of the last minute are no flow export. Something else sends to a Weir port; the log names it.`,
          }
        : { name: 'unreadable', state: 'ok', message: `${this.#account.unreadableTotal} unreadable datagrams since the start.` },
    )
    const gap = Math.max(this.gap(), this.#lastGap)
    checks.push(
      gap === 0
        ? { name: 'accounting', state: 'ok', message: 'Every datagram and flow is accounted for.' }
        : {
            name: 'accounting',
            state: 'fail',
            message: `The books are off by ${gap}. This is a defect in Weir: please report it with the /metrics page.`,
          },
    )
    return checks
  }

  #spoolCheck(): Check {
    const name = 'spool'
    const spool = this.#spool(this.#minute())
    if (spool === null) return { name, state: 'warn', message: 'The spool is being opened.' }
    if (spool.refusing === 'spool_full') {
      return {
        name,
        state: 'fail',
        message: `The spool is full: nothing is accepted since ${spool.refusingSince}. Bring the database back, free disk space, or raise WEIR_SPOOL_MIB.`,
      }
    }
    if (spool.refusing !== null) {
      return {
        name,
        state: 'fail',
        message: `The disk of the spool fails: nothing is accepted since ${spool.refusingSince}. Check the disk that holds WEIR_SPOOL_DIR.`,
      }
    }
    const share = this.#store.share
    const age = spool.ageSeconds ?? 0
    const held = `${spool.flows} flows, the oldest ${Math.round(age)} s old, wait for the database`
    const room = spool.holdsMinutes === null ? '' : `; the spool holds ${Math.floor(spool.holdsMinutes)} min more at this rate`
    if (share > 0.1 || age > LATE_SECONDS) {
      const state = share > 0.7 || age > VERY_LATE_SECONDS ? 'fail' : 'warn'
      return { name, state, message: `${held} (${Math.round(share * 100)} % of the spool)${room}. Shown data is late, not lost.` }
    }
    return { name, state: 'ok', message: `${held}${room}.` }
  }

  #quarantineCheck(): Check {
    const name = 'quarantine'
    const aside = this.#account.quarantinedTotal
    if (aside === 0) return { name, state: 'ok', message: 'No flow was set aside since the start.' }
    const reasons = QUARANTINES.filter((reason) => this.#account.quarantined[reason] > 0).map(
      (reason) => `${reason} ${this.#account.quarantined[reason]}`,
    )
    return {
      name,
      state: 'warn',
      message: `${aside} flows were set aside since the start (${reasons.join(', ')}). Look into the table quarantine and the folder quarantine of the spool.`,
    }
  }

  #metrics(): void {
    const r = this.#reporter
    const a = this.#account
    r.counter('datagrams_received_total', 'Datagrams received, all listeners, and messages of streams.', [], () => [[{}, a.received]])
    r.counter('datagram_octets_received_total', 'Octets of received datagrams.', [], () => [[{}, a.receivedOctets]])
    r.counter('datagrams_refused_total', 'Datagrams turned away before decoding.', ['reason'], () =>
      REFUSALS.map((reason) => [{ reason }, a.refused[reason]]),
    )
    r.counter('datagrams_unreadable_total', 'Datagrams that are no flow export.', ['reason'], () =>
      [...a.unreadable].map(([reason, n]) => [{ reason }, n]),
    )
    r.counter('datagrams_processed_total', 'Datagrams decoded.', [], () => [[{}, a.processed]])
    r.gauge('datagrams_waiting', 'Datagrams received and not yet decoded.', [], () => [[{}, this.#ingest.waiting]])
    r.counter('kernel_dropped_datagrams_total', 'Datagrams the kernel dropped because a receive buffer was full.', ['port'], () =>
      [...this.#drops.byPort()].map(([port, n]) => [{ port: String(port) }, n]),
    )
    r.counter('listener_datagrams_total', 'Datagrams per listener.', ['listener', 'transport'], () =>
      this.#listeners().map((l) => [{ listener: l.name, transport: l.transport }, l.datagrams]),
    )
    r.counter('sets_total', 'Sets by what became of them.', ['kind'], () => [
      [{ kind: 'templates' }, a.templates],
      [{ kind: 'options_templates' }, a.optionsTemplates],
      [{ kind: 'decoded' }, a.decodedSets],
      [{ kind: 'malformed' }, a.malformedSets],
      [{ kind: 'parked' }, a.parkedSets],
      [{ kind: 'replayed' }, a.replayedSets],
    ])
    r.counter('options_records_total', 'Options data records read.', [], () => [[{}, a.optionsRecords]])
    r.counter('problems_total', 'Problems met while decoding.', ['code'], () => [...a.problems].map(([code, n]) => [{ code }, n]))
    r.counter('lost_units_total', 'Estimated loss by sequence numbers, in units of each protocol.', [], () => [[{}, a.lost]])
    r.counter('flows_decoded_total', 'Flow records decoded.', [], () => [[{}, a.flows]])
    r.counter('flows_shed_total', 'Flow records given up.', ['reason'], () => SHEDS.map((reason) => [{ reason }, a.shed[reason]]))
    r.counter('flows_stored_total', 'Flow records stored, with their slices.', [], () => [[{}, a.stored]])
    r.counter('slices_total', 'Rows beside the flows: parts of long flows in the minutes before their end.', [], () => [[{}, a.slices]])
    r.counter('flows_accepted_total', 'Flow records synced to the spool, with their slices.', [], () => [[{}, a.accepted]])
    r.counter('flows_recovered_total', 'Flow records that the spool held at the start, with their slices.', [], () => [[{}, a.recovered]])
    r.counter('flows_quarantined_total', 'Accepted flow records that were set aside.', ['reason'], () =>
      QUARANTINES.map((reason) => [{ reason }, a.quarantined[reason]]),
    )
    r.counter('batch_replayed_total', 'Frames that the ledger knew already.', [], () => [[{}, a.batchesReplayed]])
    r.gauge('spool_octets', 'Octets of the spool on the disk.', [], () => [[{}, this.#store.spool?.bytes ?? 0]])
    r.gauge('spool_limit_octets', 'Octets that the spool may take.', [], () => [[{}, this.#store.spool?.maxBytes ?? 0]])
    r.gauge('spool_flows', 'Flow records in the spool.', [], () => [[{}, this.#store.spooled]])
    r.gauge('spool_age_seconds', 'Age of the oldest flow that is accepted and not stored.', [], () => [
      [{}, this.#spool(this.#minute())?.ageSeconds ?? 0],
    ])
    r.gauge('spool_segments', 'Segments of the spool.', [], () => [[{}, this.#store.spool?.segments ?? 0]])
    r.gauge('spool_refusing', 'Whether the spool refuses flows, by reason.', ['reason'], () =>
      (['spool_full', 'spool_io_error'] as const).map((reason) => [{ reason }, this.#store.refusal === reason ? 1 : 0]),
    )
    r.counter('spool_io_errors_total', 'Errors of the disk of the spool.', [], () => [[{}, this.#store.spool?.ioErrors ?? 0]])
    r.counter('spool_tail_discarded_octets_total', 'Octets cut off at the start because they were never synced.', [], () => [
      [{}, this.#store.spool?.discardedBytes ?? 0],
    ])
    r.counter('spool_syncs_total', 'Syncs of the spool.', [], () => [[{}, this.#store.spool?.syncs ?? 0]])
    r.counter('spool_sync_seconds_total', 'Time spent in syncs of the spool.', [], () => [[{}, (this.#store.spool?.syncMs ?? 0) / 1000]])
    r.counter('spool_written_octets_total', 'Octets of accepted frames.', [], () => [[{}, this.#store.spool?.acceptedBytes ?? 0]])
    r.gauge('database_unreachable', 'Whether the database takes no flows.', [], () => [[{}, this.#store.downSinceMs === null ? 0 : 1]])
    r.gauge('write_seconds', 'Duration of the last transaction that stored flows.', [], () => [[{}, this.#store.lastWriteMs / 1000]])
    r.counter('accounting_gaps_total', 'Checks of the books, every ten seconds, that found a gap.', [], () => [[{}, this.#gapsSeen]])
    r.gauge('accounting_gap_sum', 'The gap of each sum of the books.', ['sum'], () => {
      const gaps = this.gaps()
      return GAPS.map((sum) => [{ sum }, gaps[sum]])
    })
    r.gauge('flows_waiting', 'Flow records before the database, staged or in the spool.', [], () => [[{}, this.#store.waiting]])
    r.counter('batches_stored_total', 'Transactions that stored flows.', [], () => [[{}, a.batches]])
    r.counter('write_retries_total', 'Writes that were tried again.', [], () => [[{}, a.writeRetries]])
    r.gauge('queue_share', 'Share of the spool that is taken, 0 to 1.', [], () => [[{}, this.#store.share]])
    r.gauge('accounting_gap', 'What the counters do not explain; anything but 0 is a defect.', [], () => [[{}, this.gap()]])
    r.gauge('ingest_latency_seconds', 'Received to committed over the last minute.', ['quantile'], () =>
      [0.5, 0.95, 0.99].flatMap((q): [Record<string, string>, number][] => {
        const seconds = this.#latency.quantileSeconds(q, Date.now())
        return seconds === null ? [] : [[{ quantile: String(q) }, seconds]]
      }),
    )
    r.gauge('exporters_known', 'Exporters heard since the start.', [], () => [[{}, this.#exporters.known]])
    r.gauge('exporters_live', 'Exporters heard in the last five minutes.', [], () => [[{}, this.#exporters.live(Date.now())]])
    const samples = (label: string, books: BookStatus[]) =>
      books.flatMap(({ name, counts }) =>
        Object.entries(counts).map(([count, n]): [Record<string, string>, number] => [{ [label]: name, count }, n]),
      )
    const gaps = (label: string, books: BookStatus[]) =>
      books.map(({ name, gap }): [Record<string, string>, number] => [{ [label]: name }, gap])
    r.gauge('listener_book', 'What became of the datagrams of each listener.', ['listener', 'count'], () =>
      samples('listener', this.#listenerBooks()),
    )
    r.gauge('listener_gap', 'What the books of a listener do not explain.', ['listener'], () => gaps('listener', this.#listenerBooks()))
    r.gauge('exporter_book', 'What became of the datagrams, sets and flows of each exporter.', ['exporter', 'count'], () =>
      samples('exporter', this.#exporterBooks(MAX_SERIES)),
    )
    r.gauge('exporter_gap', 'What the books of an exporter do not explain.', ['exporter'], () =>
      gaps('exporter', this.#exporterBooks(MAX_SERIES)),
    )
    r.counter('exporter_datagrams_total', 'Datagrams per exporter.', ['exporter'], () => this.#perExporter((e) => e.datagrams))
    r.counter('exporter_flows_total', 'Flow records per exporter.', ['exporter'], () => this.#perExporter((e) => e.flows))
    r.counter('exporter_duplicates_total', 'Datagrams per exporter left out because they had come before.', ['exporter'], () =>
      this.#perExporter((e) => e.duplicates),
    )
    r.counter('duplicates_forgotten_total', 'Datagrams whose copies could not be recognised: too many at once.', [], () => [
      [{}, this.#ingest.forgottenDatagrams],
    ])
    r.counter('exporter_lost_units_total', 'Estimated loss per exporter.', ['exporter'], () => this.#perExporter((e) => e.lost))
    r.gauge('exporter_skew_seconds', "Exporter's clock minus ours.", ['exporter'], () =>
      this.#perExporter((e) => (e.skew.skewMs === null ? null : e.skew.skewMs / 1000)),
    )
    r.gauge('geo_edition_info', 'Edition of the geo data.', ['edition'], () => [[{ edition: this.#geo.edition }, 1]])
  }

  /** One series per exporter for the first 256; the rest share the label `other`, so that senders cannot grow the page without end. */
  #perExporter(read: (exporter: Exporter) => number | null): [Record<string, string>, number][] {
    const samples: [Record<string, string>, number][] = []
    let other = 0
    let any = false
    for (const exporter of this.#exporters.all()) {
      const value = read(exporter)
      if (value === null) continue
      if (samples.length < MAX_SERIES) samples.push([{ exporter: exporter.address }, value])
      else {
        any = true
        other += value
      }
    }
    if (any) samples.push([{ exporter: 'other' }, other])
    return samples
  }
}

function bookStatus(name: string, book: Book, gap: number): BookStatus {
  return { name, gap, counts: Object.fromEntries(COUNTS.map((count) => [count, book[count]])) }
}

/** Of the books of exporters, as many are in the report; all 256 are in the metrics. */
const SHOWN_BOOKS = 64
const MAX_SERIES = 256
