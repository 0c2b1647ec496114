import { makeRoom } from './bounded.ts'
import { type ConversationState, conversationState, settle, track } from './conversations.ts'
import type { Config, Detector, DetectorFactory, Host } from './detector.ts'
import { beacon } from './detectors/beacon.ts'
import { bruteForce } from './detectors/brute-force.ts'
import { ddos } from './detectors/ddos.ts'
import { drop } from './detectors/drop.ts'
import { edges } from './detectors/edges.ts'
import { exfil } from './detectors/exfil.ts'
import { foreignSource } from './detectors/foreign-source.ts'
import { outboundFlood } from './detectors/outbound-flood.ts'
import { protocolShare } from './detectors/protocol-share.ts'
import { retryStorm } from './detectors/retry-storm.ts'
import { scans } from './detectors/scans.ts'
import { shortPackets } from './detectors/short-packets.ts'
import { synFlood } from './detectors/syn-flood.ts'
import { type FlowEvent, isIcmpError, scale } from './event.ts'
import { type Finding, lessTrusted, type Trust } from './finding.ts'
import { type Fingerprints, fingerprints, Key, recall, remember, turn } from './fingerprints.ts'
import { Networks, neighbourhood, octetsOf } from './networks.ts'
import { acquit, type HostTraffic, hostTraffic, learnMinute, receive, rest, tidy } from './own-traffic.ts'
import { hash } from './sketch.ts'

const FACTORIES: Record<string, DetectorFactory> = {
  ddos,
  syn_flood: synFlood,
  outbound_flood: outboundFlood,
  scans,
  exfil,
  beacon,
  protocol_share: protocolShare,
  short_packets: shortPackets,
  foreign_source: foreignSource,
  edges,
  retry_storm: retryStorm,
  brute_force: bruteForce,
  drop,
}

const TICK_MS = 10_000
const CONTACT_MS = 15 * 60_000
const OWN_LIMIT = 100_000
/** Contacts of one generation. */
const CONTACT_LIMIT = 500_000
const DUPLICATE_MS = 60_000
/** Records of one generation. Above 5,000 a second a duplicate is known for less than a minute. */
const DUPLICATE_LIMIT = 300_000
const SUSPECT_LIMIT = 50_000
/** Exporters beyond it count as watched from the start. */
const EXPORTER_LIMIT = 10_000
/** Inbound records per conversation that can be taken back. */
const UNSOLICITED = 16
/** As long as the longest window of a detector that looks at single hosts. */
const SUSPECT_MS = 15 * 60_000

const key = new Key()
const pair = (of: Fingerprints, own: string, peer: string): Key => key.begin(of).text(own).text(peer).end()

/** How far each exporter's telemetry can be believed now; an exporter that is not named is in order, `all` holds for every one. */
export interface Telemetry {
  all: Trust
  exporters: ReadonlyMap<string, Trust>
}

interface Shared {
  sinceMs: number
  /** When each exporter was first heard. */
  exporters: Map<string, number>
  tickMs: number
  conversations: ConversationState
  own: Map<string, HostTraffic>
  /** When an own address last opened a conversation with a peer. */
  contacts: Fingerprints
  /** Records, with the exporter that owns them as a hash of its address (DETECTION 1.2.3). */
  duplicates: Fingerprints
  /** Records that another exporter had reported already. */
  dropped: number
}

/** Everything the engine knows, as plain data: structured clone or v8 serialisation keeps it over a restart. */
export interface EngineState {
  version: 2
  shared: Shared
  detectors: Record<string, unknown>
}

/**
 * Runs the detectors over flow records on the data's clock: no timer, no I/O. Live, replay and back-test run this same code.
 * Feed records with `push` in the order of their arrival and call `advance` as time passes; findings come out of both.
 */
export class Engine {
  readonly #config: Config
  readonly #networks: Networks
  readonly #shared: Shared
  readonly #detectors: Detector[]
  readonly #touched = new Set<string>()
  #findings: Finding[] = []
  /** Set by whoever watches the exporters; a back-test leaves it as it is, since what was stored was not lost. */
  telemetry: Telemetry = { all: 'ok', exporters: new Map() }
  /** Addresses in records of exporters that could not be believed, and when they last were. Empty while all is in order. */
  readonly #suspects = new Map<string, { trust: Trust; ms: number }>()

  constructor(config: Config, restored?: EngineState) {
    this.#config = config
    this.#networks = new Networks(config.homeNetworks)
    this.#shared = restored?.shared ?? {
      sinceMs: 0,
      exporters: new Map(),
      tickMs: 0,
      conversations: conversationState(),
      own: new Map(),
      contacts: fingerprints(),
      duplicates: fingerprints(),
      dropped: 0,
    }
    const shared = this.#shared
    const exporters = shared.exporters
    const touched = this.#touched
    const trustIn = (finding: Omit<Finding, 'trust'>) => this.#trust(finding)
    for (const address of shared.own.keys()) touched.add(address)
    const findings = (finding: Finding) => this.#findings.push(finding)
    const host: Host = {
      networks: this.#networks,
      config: this.#config,
      own: shared.own,
      touched,
      get sinceMs() {
        return shared.sinceMs
      },
      watchedSinceMs: (exporter) => exporters.get(exporter) ?? shared.sinceMs,
      report({ observedPackets, ...finding }) {
        const sampled = observedPackets !== undefined && observedPackets < 30 ? 'low' : 'ok'
        findings({ ...finding, trust: lessTrusted(sampled, trustIn(finding)) })
      },
    }
    this.#detectors = Object.entries(FACTORIES).map(([name, make]) => make(host, restored?.detectors[name]))
  }

  /** Take one record at engine time `now` (live: when it was received; back-test: its end). */
  push(event: FlowEvent, now: number): void {
    const shared = this.#shared
    if (shared.sinceMs === 0) {
      shared.sinceMs = now
      shared.tickMs = now - (now % TICK_MS)
    }
    const { exporters } = shared
    if (exporters.size < EXPORTER_LIMIT && !exporters.has(event.exporter)) exporters.set(event.exporter, now)
    for (const detector of this.#detectors) detector.sighted?.(event, now)
    // A witness tells what another exporter saw of a conversation that was judged already.
    if (event.witness === true || this.#duplicate(event, now)) return
    const trust = this.telemetry.exporters.get(event.exporter)
    if (trust !== undefined) for (const address of [event.src, event.dst]) this.#suspect(address, trust, now)
    const { place, mine, other } = track(shared.conversations, event, now)
    const { unsolicited } = shared.conversations
    const inward = this.#networks.inside(event.dst)
    const outward = this.#networks.inside(event.src)
    if (outward && !inward) {
      // It spoke first when nothing had come before, or what had come began later than this. What it says of a packet that did
      // reach it (port unreachable) is no asking: a flood to a closed port stays a flood.
      if (!isIcmpError(event) && (other.records === 0 || other.firstMs >= event.startMs)) {
        this.#contact(event.src, event.dst, now)
        const host = shared.own.get(event.src)
        const before = unsolicited.get(place)
        if (host !== undefined && before !== undefined)
          for (let i = 0; i < before.length; i += 3) acquit(host, before[i] ?? 0, before[i + 1] ?? 0, before[i + 2] ?? 0)
        unsolicited.delete(place)
      }
    } else if (inward && !outward && this.#networks.outside(event.src)) {
      const solicited =
        (other.records > 0 && other.firstMs <= event.startMs) ||
        now - (recall(shared.contacts, pair(shared.contacts, event.dst, event.src)) ?? 0) < CONTACT_MS
      this.#receive(event.dst, event, solicited)
      this.#receive(neighbourhood(event.dst), event, solicited)
      if (!solicited) {
        const before = unsolicited.get(place) ?? []
        if (before.length < UNSOLICITED * 3)
          unsolicited.set(place, before.concat([event.startMs, event.endMs, event.packets * scale(event)]))
      }
    }
    for (const detector of this.#detectors) detector.record?.(event, now, mine, other)
  }

  #receive(address: string, event: FlowEvent, solicited: boolean): void {
    const own = this.#shared.own
    let host = own.get(address)
    if (host === undefined) {
      makeRoom(own, OWN_LIMIT)
      host = hostTraffic(address)
      own.set(address, host)
    }
    receive(host, event, solicited)
    this.#touched.add(address)
  }

  #suspect(address: string, trust: Trust, now: number): void {
    const suspects = this.#suspects
    suspects.delete(address)
    makeRoom(suspects, SUSPECT_LIMIT)
    suspects.set(address, { trust, ms: now })
  }

  /**
   * Trust of a finding by who told (DETECTION 1.2.8): that of the exporters which reported one of its ends, or, where neither end is one
   * address (a share of all traffic, a prefix, many sources), the least of all exporters.
   */
  #trust({ actor, target, window }: Omit<Finding, 'trust'>): Trust {
    let trust = this.telemetry.all
    const named = [actor, target].filter((end) => end !== null && octetsOf(end) !== null)
    if (named.length === 0) for (const other of this.telemetry.exporters.values()) trust = lessTrusted(trust, other)
    for (const end of named) {
      const suspect = this.#suspects.get(end ?? '')
      if (suspect !== undefined && suspect.ms >= window[1] - SUSPECT_MS) trust = lessTrusted(trust, suspect.trust)
    }
    return trust
  }

  #contact(own: string, peer: string, now: number): void {
    const { contacts } = this.#shared
    remember(contacts, pair(contacts, own, peer), now, now, CONTACT_LIMIT, CONTACT_MS)
  }

  /** The same record from another exporter within 60 s, or 300,000 records: the first one owns it. Different counters are halves, and add. */
  #duplicate(event: FlowEvent, now: number): boolean {
    const known = this.#shared.duplicates
    turn(known, now, DUPLICATE_LIMIT, DUPLICATE_MS)
    key.begin(known).text(event.src).number(event.srcPort).text(event.dst).number(event.dstPort).number(event.proto)
    key
      .number(Math.round(event.startMs / 1000))
      .number(event.bytes)
      .number(event.packets)
      .end()
    const me = hash(event.exporter)
    const owner = recall(known, key)
    if (owner === undefined) {
      remember(known, key, me, now, DUPLICATE_LIMIT, DUPLICATE_MS)
      return false
    }
    if (owner === me) return false
    this.#shared.dropped++
    return true
  }

  /** Let time pass to `now`: settles conversations, closes windows, runs the periodic jobs. Returns what was found since. */
  advance(now: number): Finding[] {
    const shared = this.#shared
    if (shared.sinceMs !== 0) {
      while (shared.tickMs + TICK_MS <= now) {
        // After a long silence only the last minutes can still hold an open window.
        if (now - shared.tickMs > 3_600_000) shared.tickMs = now - (now % TICK_MS) - 600_000
        shared.tickMs += TICK_MS
        this.#tick(shared.tickMs)
      }
    }
    const findings = this.#findings
    this.#findings = []
    return findings
  }

  #tick(now: number): void {
    settle(
      this.#shared.conversations,
      now,
      (attempt) => {
        for (const detector of this.#detectors) detector.settled?.(attempt, now)
      },
      (attempt) => {
        for (const detector of this.#detectors) detector.closed?.(attempt, now)
      },
    )
    for (const detector of this.#detectors) detector.tick?.(now)
    const idle = Math.floor((now - 120_000) / TICK_MS)
    for (const address of this.#touched) {
      const host = this.#shared.own.get(address)
      if (host === undefined) {
        this.#touched.delete(address)
        continue
      }
      learnMinute(host, now)
      if (host.newest < idle - 6) {
        this.#touched.delete(address)
        rest(host)
      } else tidy(host, now)
    }
  }

  get duplicates(): number {
    return this.#shared.dropped
  }

  /** The state itself, not a copy: serialise it before the next `push`. */
  snapshot(): EngineState {
    const detectors: Record<string, unknown> = {}
    Object.keys(FACTORIES).forEach((name, i) => {
      detectors[name] = this.#detectors[i]?.state
    })
    return { version: 2, shared: this.#shared, detectors }
  }
}
