import { type Baseline, baseline, learn } from './baseline.ts'
import { ACK, type FlowEvent, PSH, RST, SYN, scale, TCP, UDP } from './event.ts'
import { add, count, type Distinct, type Heavy, NONE } from './sketch.ts'

export const WINDOW_MS = 10_000
/** Windows kept: an active timeout of 60 s, the lateness of 30 s, and the three that a rule looks at. */
export const WINDOWS = 12

/** How long a window is left to fill before it is judged: mirrored and late records arrive within that. */
const READY_MS = 10_000
/** Windows a rule looks at. */
const JUDGED = 3

/** The newest window that may be judged at `now`. It never goes back. */
export function newestJudged(host: HostTraffic, now: number): number {
  return Math.min(host.newest, Math.floor((now - READY_MS) / WINDOW_MS) - 1)
}

/** What reached one own address in 10 s. Packets and octets are scaled; `flows` counts records whose packets began in it. */
export interface Window {
  index: number
  packets: number
  bytes: number
  flows: number
  unsolicited: number
  synOnly: number
  made: number
  answers: number
  short: number
  icmp: number
  udp: number
  observed: number
  sources: Distinct
  ports: Heavy
  prefixes: Heavy
  targetPorts: Distinct
  /** Own addresses hit: the heaviest of a prefix, none for a host. */
  targets: Heavy
  countries: Heavy
  /** Nobody will ask any more who it was: only the sums are kept, to be learned. */
  bare: boolean
}

const METRICS = ['packets', 'bytes', 'flows', 'synOnly', 'short'] as const
/** The place of each metric in `usual`. */
export const METRIC = { packets: 0, bytes: 1, flows: 2, synOnly: 3, short: 4 } as const

export interface HostTraffic {
  address: string
  windows: (Window | undefined)[]
  newest: number
  usual: Baseline
  learnedMinute: number
  /** While a detector fires, the host does not learn (at most 6 h). */
  firingSince: number
  firingUntil: number
}

export function hostTraffic(address: string): HostTraffic {
  return {
    address,
    windows: new Array<Window | undefined>(WINDOWS),
    newest: -1,
    usual: baseline(METRICS.length),
    learnedMinute: -1,
    firingSince: 0,
    firingUntil: 0,
  }
}

/** Shared, never changed. */
const NOBODY: Heavy = []

/** The window of epoch index `index`, made on first use; undefined when it is older than what is kept. */
export function windowAt(host: HostTraffic, index: number): Window | undefined {
  if (index > host.newest) host.newest = index
  if (index <= host.newest - WINDOWS) return undefined
  const slot = index % WINDOWS
  const there = host.windows[slot]
  if (there !== undefined && there.index === index) return there
  if (there !== undefined && there.index > index) return undefined
  const made: Window = {
    index,
    packets: 0,
    bytes: 0,
    flows: 0,
    unsolicited: 0,
    synOnly: 0,
    made: 0,
    answers: 0,
    short: 0,
    icmp: 0,
    udp: 0,
    observed: 0,
    sources: NONE,
    ports: NOBODY,
    prefixes: NOBODY,
    targetPorts: NONE,
    targets: NOBODY,
    countries: NOBODY,
    bare: false,
  }
  host.windows[slot] = made
  return made
}

export function peek(host: HostTraffic, index: number): Window | undefined {
  const there = host.windows[index % WINDOWS]
  return there?.index === index ? there : undefined
}

const slash24 = (address: string) =>
  address.includes(':') ? address.split(':').slice(0, 3).join(':') : address.slice(0, address.lastIndexOf('.'))

/**
 * Spread one inbound record over the windows it lasted, evenly (DETECTION 1.2.1), clipped to those kept.
 * `solicited`: the own address spoke to this peer first.
 */
export function receive(host: HostTraffic, event: FlowEvent, solicited: boolean): void {
  const by = scale(event)
  const first = Math.floor(event.startMs / WINDOW_MS)
  const last = Math.max(first, Math.floor(event.endMs / WINDOW_MS))
  const from = Math.max(first, last - WINDOWS + 1)
  const length = Math.max(1, event.endMs - event.startMs)
  const flags = event.tcpFlags
  const bareSyn = event.proto === TCP && flags >= 0 && (flags & SYN) !== 0 && (flags & ACK) === 0
  const answer =
    event.proto === TCP &&
    flags >= 0 &&
    ((flags & (SYN | ACK)) === (SYN | ACK) ? event.packets <= 3 : (flags & RST) !== 0) &&
    (flags & PSH) === 0
  const mean = event.packets > 0 ? event.bytes / event.packets : 0
  const short = mean > 0 && mean <= 64 && (event.packets >= 3 || bareSyn)
  for (let index = from; index <= last; index++) {
    const window = windowAt(host, index)
    if (window === undefined) continue
    const begin = Math.max(event.startMs, index * WINDOW_MS)
    const end = Math.min(event.endMs, (index + 1) * WINDOW_MS)
    const part = first === last ? 1 : Math.max(0, end - begin) / length
    const packets = event.packets * by * part
    window.packets += packets
    window.bytes += event.bytes * by * part
    window.observed += event.packets * part
    if (!solicited) window.unsolicited += packets
    if (bareSyn) window.synOnly += packets
    if (short) window.short += packets
    if (event.proto === UDP) window.udp += packets
    else if (event.proto !== TCP) window.icmp += event.proto === 1 || event.proto === 58 ? packets : 0
    if (answer) window.answers += packets
    if (index === first) {
      window.flows += 1
      if (event.proto === TCP && flags >= 0 && (flags & (SYN | ACK)) === (SYN | ACK) && !answer) window.made += 1
    }
    if (window.bare) continue
    window.sources = add(window.sources, event.src)
    window.targetPorts = add(window.targetPorts, event.dstPort)
    if (host.address !== event.dst) window.targets = count(window.targets, event.dst, packets)
    window.ports = count(window.ports, `${event.proto}/${event.srcPort}`, packets)
    window.prefixes = count(window.prefixes, slash24(event.src), packets)
    if (event.srcCountry !== '') window.countries = count(window.countries, event.srcCountry, packets)
  }
}

/** Take back packets counted as unsolicited: the own side had spoken first, its record only came later. */
export function acquit(host: HostTraffic, startMs: number, endMs: number, packets: number): void {
  const first = Math.floor(startMs / WINDOW_MS)
  const last = Math.max(first, Math.floor(endMs / WINDOW_MS))
  const length = Math.max(1, endMs - startMs)
  for (let index = Math.max(first, last - WINDOWS + 1); index <= last; index++) {
    const window = peek(host, index)
    if (window === undefined) continue
    const part = first === last ? 1 : Math.max(0, Math.min(endMs, (index + 1) * WINDOW_MS) - Math.max(startMs, index * WINDOW_MS)) / length
    window.unsolicited = Math.max(0, window.unsolicited - packets * part)
  }
}

/** Learn the minute that ended more than 60 s before `now`, unless a detector fires on the host. */
export function learnMinute(host: HostTraffic, now: number): void {
  const minute = Math.floor((now - 60_000) / 60_000) - 1
  if (minute <= host.learnedMinute) return
  host.learnedMinute = minute
  if (now < host.firingUntil && now - host.firingSince < 6 * 3_600_000) return
  const sums = METRICS.map(() => 0)
  for (let i = 0; i < 6; i++) {
    const window = peek(host, minute * 6 + i)
    if (window === undefined) continue
    METRICS.forEach((metric, m) => {
      sums[m] = (sums[m] ?? 0) + window[metric]
    })
  }
  learn(
    host.usual,
    minute,
    sums.map((sum) => sum / 60),
  )
}

/**
 * Let go what will not be asked for: detectors look at the three newest windows that have closed, learning at the sums of a minute.
 * Who sent what is nine tenths of a window, and there are as many windows as own hosts that hear something.
 */
export function tidy(host: HostTraffic, now: number): void {
  const judged = newestJudged(host, now) - JUDGED + 1
  for (let slot = 0; slot < WINDOWS; slot++) {
    const window = host.windows[slot]
    if (window === undefined || window.index >= judged) continue
    if (Math.floor(window.index / 6) <= host.learnedMinute) host.windows[slot] = undefined
    else if (!window.bare) {
      window.bare = true
      window.sources = NONE
      window.targetPorts = NONE
      window.ports = NOBODY
      window.prefixes = NOBODY
      window.targets = NOBODY
      window.countries = NOBODY
    }
  }
}

/** It has heard nothing for minutes: a record that comes this late finds no window to join. */
export function rest(host: HostTraffic): void {
  host.windows.fill(undefined)
}
