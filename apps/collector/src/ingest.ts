import { StorageError } from '@weir/db/ingest'
import {
  ABSENT,
  type DatagramResult,
  type DatagramSource,
  type FlowRecord,
  type FlowSink,
  type InterfaceCounters,
  type LearnedName,
} from '@weir/decoder'
import type { Account, Shed } from './account.ts'
import type { Book, Fate } from './book.ts'
import type { Component } from './component.ts'
import type { Detect } from './detect/detect.ts'
import { DuplicateFilter } from './duplicates.ts'
import type { Enricher } from './enrich/enrich.ts'
import type { Exporter, Exporters } from './exporters.ts'
import { Inbox, type Received } from './inbox.ts'
import type { Reporter } from './reporter.ts'
import type { Sightings } from './sightings.ts'
import type { Store } from './store.ts'

/** What ingest needs of a decoder. */
export interface FlowDecoder {
  decode(datagram: Uint8Array, source: DatagramSource, sink: FlowSink): DatagramResult
  endSession(source: DatagramSource): void
  /** Templates given up for want of room, in all. */
  readonly templateCounters?: { readonly evicted: number }
}

/** Longest stretch of decoding before the event loop gets a turn; the sockets are read in between. */
const SLICE_MS = 4
/**
 * While a burst arrives (the loop brought at least this many datagrams: what one look at a socket gives), reading goes first: the kernel's
 * buffer is small and what it drops is gone, while the inbox has room. Decoding gets more time the fuller the inbox is.
 */
const BURST = 32
const BURST_SLICE_MS = 0.1
const BURST_SLICE_MOST_MS = 6
/** How soon to look again when every batch is in use. */
const CONGESTED_MS = 2
/** An exporter that was silent for this long may have been removed meanwhile (the demo, a retired router): its row is looked up again. */
const ASK_AGAIN_MS = 20_000
/** How often copies that wait for a judgement are looked after. */
const HELD_LOOK_MS = 500
const MOST_BLAMED = 256
/** A scratch decoder for strangers is thrown away after this many datagrams, and with it whatever they taught it. */
const SCRATCH_DATAGRAMS = 10_000

/**
 * A datagram's way into the database, in one go:
 *
 *   socket → `accept` → inbox → once → decode → flow → enrich → batch → store
 *
 * `accept` is all that runs while the kernel waits: count and append. Decoding takes slices of a few milliseconds between reads. What the
 * network delivered twice is left out (duplicates.ts). A datagram from a stranger is first shown to a scratch decoder: only what some decoder can read makes an exporter, so noise leaves no trace but
 * its counter.
 */
export class Ingest implements Component {
  readonly name = 'ingest'
  readonly #decoder: FlowDecoder
  readonly #newDecoder: () => FlowDecoder
  #scratch: FlowDecoder
  #scratchUses = 0
  readonly #enricher: Enricher
  readonly #exporters: Exporters
  readonly #store: Store
  readonly #account: Account
  readonly #reporter: Reporter
  readonly #detect: Detect | null
  readonly #sightings: Sightings
  readonly #inbox: Inbox
  readonly #duplicates: DuplicateFilter<Exporter>
  #heldTimer: NodeJS.Timeout | null = null
  #blamed = new Map<string, number>()
  /** Datagrams of exporters that just got their id; they come before the inbox. */
  #returned: Received[] = []
  #returnedAt = 0
  #scheduled = false
  #arrived = 0
  #stopping = false
  /** The exporter and its clock's correction for the datagram being decoded. */
  #current: Exporter | null = null
  #correctionMs = 0
  readonly #sink: FlowSink

  constructor(parts: {
    newDecoder: () => FlowDecoder
    decoder: FlowDecoder
    enricher: Enricher
    exporters: Exporters
    store: Store
    account: Account
    reporter: Reporter
    inboxBytes: number
    /** Says which exporter's report of a conversation counts. */
    sightings: Sightings
    /** Sees every accepted flow; null where detection runs elsewhere. */
    detect?: Detect | null
  }) {
    this.#newDecoder = parts.newDecoder
    this.#decoder = parts.decoder
    this.#scratch = parts.newDecoder()
    this.#enricher = parts.enricher
    this.#exporters = parts.exporters
    this.#store = parts.store
    this.#account = parts.account
    this.#reporter = parts.reporter
    this.#detect = parts.detect ?? null
    this.#sightings = parts.sightings
    this.#inbox = new Inbox(parts.inboxBytes)
    this.#duplicates = new DuplicateFilter<Exporter>(
      (exporter, received) => this.#decode(exporter, received),
      (exporter, received) => this.#duplicate(exporter, received),
    )
    this.#sink = {
      flow: (record) => this.#flow(record),
      name: (_source, _domain, name: LearnedName) => {
        if (this.#current !== null) this.#exporters.learnName(this.#current, name)
      },
      counters: (_source, _agent, counters: InterfaceCounters) => {
        if (this.#current !== null) this.#exporters.learnCounters(this.#current, counters)
      },
    }
    this.#exporters.onResolved = (_exporter, parked) => {
      this.#returned = [...this.#returned.slice(this.#returnedAt), ...parked]
      this.#returnedAt = 0
      this.#schedule()
    }
  }

  /** Datagrams received and not yet decoded or refused. */
  get waiting(): number {
    return this.#inbox.length + this.#returned.length - this.#returnedAt + this.#exporters.parkedDatagrams + this.#duplicates.held
  }

  /** Datagrams whose memory was given up early because too many came: a copy of theirs would be decoded. */
  get forgottenDatagrams(): number {
    return this.#duplicates.forgotten
  }

  get inboxOctets(): number {
    return this.#inbox.octets
  }

  /** 0–1: how much of the inbox is taken. */
  get inboxShare(): number {
    return this.#inbox.octets / this.#inbox.limit
  }

  /** Take a datagram from a listener. Never blocks, never throws. */
  accept(data: Buffer, address: string, port: number, listener?: Book, session?: string): void {
    const account = this.#account
    account.received++
    account.receivedOctets += data.length
    listener?.arrive()
    if (this.#stopping) {
      account.refused.stopping++
      listener?.settle('refused')
      return
    }
    const source: DatagramSource = { address, port, receivedMs: Date.now() }
    if (session !== undefined) source.session = session
    if (!this.#inbox.push(data, source, listener)) {
      account.refused.inbox_full++
      listener?.settle('refused')
      return
    }
    this.#arrived++
    this.#schedule()
  }

  /** Whether streams may go on: half of the inbox stays free for what cannot wait, and what is read can be accepted. */
  get ready(): boolean {
    return this.#inbox.octets * 2 < this.#inbox.limit && this.#store.refusal === null
  }

  /** A connection has ended; its templates go once the messages before it are decoded. */
  endSession(address: string, port: number, session: string): void {
    const source = { address, port, receivedMs: Date.now(), session }
    const whenEmpty = () => {
      if (this.#inbox.length > 0 && !this.#stopping) setTimeout(whenEmpty, 100)
      else this.#decoder.endSession(source)
    }
    whenEmpty()
  }

  #schedule(inMs = 0): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (inMs > 0) setTimeout(() => this.#drain(), inMs)
    else setImmediate(() => this.#drain())
  }

  #drain(): void {
    this.#scheduled = false
    const fill = this.#inbox.octets / this.#inbox.limit
    const slice = this.#arrived >= BURST ? BURST_SLICE_MS + BURST_SLICE_MOST_MS * fill : SLICE_MS
    this.#arrived = 0
    const until = performance.now() + slice
    do {
      // Datagrams take a quarter of the memory of the rows they become: they wait in the inbox while the packer is behind.
      if (this.#store.congested && this.#store.refusal === null) {
        this.#schedule(CONGESTED_MS)
        return
      }
      const received = this.#next()
      if (received === undefined) return
      this.#process(received)
    } while (performance.now() < until)
    this.#schedule()
  }

  #next(): Received | undefined {
    if (this.#returnedAt < this.#returned.length) return this.#returned[this.#returnedAt++]
    if (this.#returnedAt > 0) {
      this.#returned = []
      this.#returnedAt = 0
    }
    return this.#inbox.shift()
  }

  #process(received: Received): void {
    const { data, source } = received
    const account = this.#account
    const address = exporterAddress(data, source.address)
    let exporter = this.#exporters.get(address)
    if (exporter === undefined) {
      const seen = this.#inspect(data, source)
      if (seen === null || seen.type === null) {
        const problem = seen?.problems[0]
        this.#unreadable(problem?.code ?? 'decoder', source.address)
        settle(received, 'unreadable')
        this.#reporter.limited(
          'warn',
          'unreadable',
          { from: source.address, port: source.port, octets: data.length, problem: problem ?? null },
          'a datagram from an unknown sender is no flow export',
        )
        return
      }
      if (!tellsSomething(seen)) {
        // A header that reads like an export with nothing readable in it: counted, but no reason to know the sender.
        this.#unreadable(seen.problems[0]?.code ?? 'empty', source.address)
        settle(received, 'unreadable')
        return
      }
      const admitted = this.#exporters.admit(address)
      if (admitted === null) {
        account.refused.exporter_limit++
        settle(received, 'refused')
        return
      }
      exporter = admitted
    }
    // Once for each datagram: one that was parked comes by again.
    if (received.exporter === undefined) {
      received.exporter = exporter.book
      exporter.book.arrive()
    }
    if (exporter.id !== 0 && source.receivedMs - exporter.lastSeenMs > ASK_AGAIN_MS && this.#store.downSinceMs === null) {
      this.#exporters.askAgain(exporter)
    }
    if (exporter.id === 0) {
      if (!this.#exporters.park(exporter, received)) {
        account.refused.registering++
        settle(received, 'refused')
      }
      return
    }
    exporter.recent ??= this.#duplicates.newRecent()
    const verdict = this.#duplicates.judge(exporter, exporter.recent, received)
    if (verdict === 'new') this.#decode(exporter, received)
    else if (verdict === 'duplicate') this.#duplicate(exporter, received)
  }

  #duplicate(exporter: Exporter, received: Received): void {
    this.#account.refused.duplicate++
    exporter.duplicates++
    settle(received, 'duplicates')
  }

  #decode(exporter: Exporter, received: Received): void {
    const { data, source } = received
    const account = this.#account
    this.#current = exporter
    // Before decoding, so that the very first flows of a wrong clock are corrected too.
    this.#correctionMs = exporter.clock(source.port, headerTimeMs(data), source.receivedMs).correctionMs
    const evicted = this.#decoder.templateCounters?.evicted ?? 0
    let result: DatagramResult
    try {
      result = this.#decoder.decode(data, source, this.#sink)
    } catch (error) {
      // The decoder promises not to throw. If it does, one datagram is lost and counted, and the collector goes on.
      this.#unreadable('decoder', exporter.address)
      exporter.unreadable++
      settle(received, 'unreadable')
      this.#reporter.limited(
        'error',
        'decoder',
        { err: error, from: source.address, octets: data.length },
        'the decoder failed on a datagram',
      )
      return
    } finally {
      this.#current = null
    }
    for (const { code } of result.problems) account.countProblem(code)
    if (result.type === null) {
      this.#unreadable(result.problems[0]?.code ?? 'empty', exporter.address)
      exporter.unreadable++
      settle(received, 'unreadable')
      exporter.problems += result.problems.length
      this.#reporter.limited(
        'warn',
        'unreadable',
        { from: source.address, port: source.port, octets: data.length, problem: result.problems[0] ?? null },
        'a datagram could not be read',
      )
      return
    }
    account.processed++
    settle(received, 'processed')
    account.sets += result.sets
    account.templateSets += result.templateSets
    account.optionsSets += result.optionsSets
    account.templates += result.templates
    account.optionsTemplates += result.optionsTemplates
    account.optionsRecords += result.optionsRecords
    account.decodedSets += result.decodedSets
    account.malformedSets += result.malformedSets
    account.parkedSets += result.parkedSets
    account.replayedSets += result.replayedSets
    account.lost += result.lost
    exporter.count(result, source.receivedMs)
    exporter.templatesLost += (this.#decoder.templateCounters?.evicted ?? 0) - evicted
    if (result.malformedSets > 0) this.#blame(exporter.address, result.malformedSets)
    if (result.problems.length > 0) {
      exporter.notice(result.problems, source.receivedMs)
      this.#reporter.limited(
        'warn',
        'problem',
        { from: source.address, type: result.type, problems: result.problems.slice(0, 3) },
        'part of a datagram could not be read',
      )
    }
  }

  #unreadable(reason: string, sender: string): void {
    this.#account.countUnreadable(reason)
    this.#blame(sender, 1)
  }

  /** Bad datagrams and sets by sender since somebody last looked; bounded, so that inventing senders fills nothing. */
  #blame(sender: string, count: number): void {
    const known = this.#blamed.get(sender)
    if (known !== undefined) this.#blamed.set(sender, known + count)
    else if (this.#blamed.size < MOST_BLAMED) this.#blamed.set(sender, count)
  }

  /** Senders of what could not be read since the last call, with how much. */
  takeBlamed(): Map<string, number> {
    const blamed = this.#blamed
    this.#blamed = new Map()
    return blamed
  }

  #inspect(data: Buffer, source: DatagramSource): DatagramResult | null {
    if (++this.#scratchUses > SCRATCH_DATAGRAMS) {
      this.#scratch = this.#newDecoder()
      this.#scratchUses = 0
    }
    try {
      return this.#scratch.decode(data, source, NOWHERE)
    } catch (error) {
      this.#reporter.limited(
        'error',
        'decoder',
        { err: error, from: source.address, octets: data.length },
        'the decoder failed on a datagram',
      )
      return null
    }
  }

  #flow(record: FlowRecord): void {
    const exporter = this.#current
    if (exporter === null) return
    const account = this.#account
    account.flows++
    exporter.flows++
    exporter.book.flows++
    if (record.samplingRate !== ABSENT) exporter.samplingRate = record.samplingRate
    const context = this.#enricher.enrich(record, exporter.id, this.#correctionMs)
    context.witness = this.#sightings.witness(record, exporter.id, context.durationMs)
    if (context.witness) exporter.witnesses++
    if (record.eventKind === 0) {
      const factor = record.samplingRate > 0 ? record.samplingRate : 1
      const bytes = record.bytes > 0 ? record.bytes * factor : 0
      exporter.scaledBytes += bytes
      if (!context.witness) {
        account.scaledBytes += bytes
        account.scaledPackets += record.packets > 0 ? record.packets * factor : 0
      }
    }
    try {
      for (let attempt = 0; attempt < 2; attempt++) {
        const load = this.#store.room(record.receivedMs)
        if (typeof load === 'string') {
          account.shed[load]++
          exporter.book.shed++
          this.#reporter.limited('error', load, { waiting: this.#store.waiting, remedy: SHED_REMEDIES[load] }, 'the newest flows are shed')
          return
        }
        const before = load.batch.rows
        if (load.batch.append(record, context)) {
          this.#store.took(load, record.receivedMs, load.batch.rows - before, exporter.book)
          this.#detect?.offer(record, context, exporter.address)
          return
        }
        this.#store.seal()
      }
      account.shed.unencodable++
      exporter.book.shed++
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      account.shed.unencodable++
      exporter.book.shed++
      this.#reporter.limited('warn', 'unencodable', { err: error, exporter: exporter.address }, 'a flow cannot be stored')
    }
  }

  async start(): Promise<void> {
    this.#stopping = false
    this.#heldTimer = setInterval(() => this.#duplicates.expire(Date.now()), HELD_LOOK_MS)
  }

  /**
   * Decode what was received, new exporters' datagrams included unless the database is away: then nobody would give them an id in time.
   * What is left is refused and counted. The listeners are closed by now.
   */
  async stop(): Promise<void> {
    const deadline = Date.now() + STOP_MS
    const busy = () =>
      this.#inbox.length > 0 ||
      this.#returnedAt < this.#returned.length ||
      (this.#exporters.parkedDatagrams > 0 && this.#store.downSinceMs === null)
    while (busy() && Date.now() < deadline) {
      this.#schedule()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (this.#heldTimer !== null) clearInterval(this.#heldTimer)
    this.#duplicates.expire(Number.POSITIVE_INFINITY)
    this.#stopping = true
    const discarded = this.#exporters.discardParked()
    for (let next = this.#next(); next !== undefined; next = this.#next()) discarded.push(next)
    for (const received of discarded) settle(received, 'refused')
    const left = discarded.length
    this.#account.refused.stopping += left
    if (left > 0) this.#reporter.log.error({ datagrams: left }, 'stopped with datagrams that could not be decoded')
  }
}

/** Of the ten seconds that stopping may take, decoding gets this much. */
const STOP_MS = 3_000

const SHED_REMEDIES: Readonly<Record<Shed, string>> = {
  queue_full: 'the disk of the spool is too slow; WEIR_QUEUE_MIB sets how much memory waits for it',
  spool_full: 'the database is away or too slow; WEIR_SPOOL_MIB sets how much disk is used meanwhile',
  spool_io_error: 'the disk that holds WEIR_SPOOL_DIR fails',
  unencodable: 'none',
  stopping: 'none',
}

/** Write down in all books what became of a datagram. */
function settle(received: Received, fate: Fate): void {
  received.listener?.settle(fate)
  received.exporter?.settle(fate)
}

const NOWHERE: FlowSink = { flow: () => undefined }

/** Whether a datagram held anything an exporter would send, so that its sender is worth a row. */
function tellsSomething(result: DatagramResult): boolean {
  return result.flows + result.templates + result.optionsTemplates + result.optionsRecords + result.decodedSets + result.parkedSets > 0
}

/**
 * Who exported: the agent address of an sFlow datagram (version 5, then address type 1 or 2 and the address), else the sender. Behind a
 * relay or with several interfaces an sFlow agent's datagrams come from changing addresses; its own stays.
 */
export function exporterAddress(data: Uint8Array, sender: string): string {
  if (
    data.length >= 12 &&
    data[0] === 0 &&
    data[1] === 0 &&
    data[2] === 0 &&
    data[3] === 5 &&
    data[4] === 0 &&
    data[5] === 0 &&
    data[6] === 0
  ) {
    if (data[7] === 1) {
      const text = `${data[8]}.${data[9]}.${data[10]}.${data[11]}`
      if (text !== '0.0.0.0') return text
    } else if (data[7] === 2 && data.length >= 24) {
      return address6(data, 8, sender)
    }
  }
  return sender.startsWith('fe80:') ? (sender.split('%')[0] ?? sender) : sender
}

/** Export time in a header of NetFlow 1–9 (octet 8) or IPFIX (octet 4), epoch milliseconds; ABSENT for sFlow and what is too short. */
export function headerTimeMs(data: Uint8Array): number {
  if (data.length < 12 || data[0] !== 0) return ABSENT
  const version = data[1] ?? 0
  const at = version === 10 ? 4 : version >= 1 && version <= 9 ? 8 : -1
  if (at < 0) return ABSENT
  const seconds = (((data[at] ?? 0) << 24) | ((data[at + 1] ?? 0) << 16) | ((data[at + 2] ?? 0) << 8) | (data[at + 3] ?? 0)) >>> 0
  return seconds * 1000
}

/** Canonical text (RFC 5952) by way of the URL parser, which knows it; the unspecified address falls back to the sender. */
function address6(data: Uint8Array, at: number, sender: string): string {
  const groups: string[] = []
  let any = 0
  for (let i = 0; i < 16; i += 2) {
    const group = ((data[at + i] ?? 0) << 8) | (data[at + i + 1] ?? 0)
    any |= group
    groups.push(group.toString(16))
  }
  if (any === 0) return sender
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}
