import { ACK, type FlowEvent, ICMP, ICMPV6, icmpTypeOf, PSH, RST, SYN, scale, TCP } from './event.ts'
import { hold, letGo, type Names, nameOf, names, numberOf } from './names.ts'

/** One direction of a conversation, stitched over active-timeout records. `flags` is -1 while no record carried any. */
export interface Direction {
  records: number
  /** Packets as they were seen, before scaling: attempts and answers are judged by these. */
  observed: number
  packets: number
  bytes: number
  flags: number
  firstMs: number
  lastMs: number
}

/**
 * Both directions of one 5-tuple while records of it keep coming. `a` is the source of the first record seen.
 * `opener` and `outcome` are set when it settles: 10 s after the first record (so that the mirrored record can arrive),
 * UDP up to 60 s; `answerOnly` marks answers without a question (backscatter, reflection).
 * A copy of what the table holds: made for the detectors when it settles and when it closes.
 */
export interface Conversation {
  a: string
  b: string
  aPort: number
  bPort: number
  proto: number
  exporter: string
  /** Some of it was seen through sampling: what is not there may just not have been picked. */
  sampled: boolean
  forward: Direction
  backward: Direction
  opener: 'a' | 'b'
  outcome: 'made' | 'failed' | 'unknown'
  answerOnly: boolean
  aCountry: string
  bCountry: string
}

/** A settled or closed conversation seen from its opener. */
export interface Attempt {
  conversation: Conversation
  client: string
  server: string
  clientCountry: string
  port: number
  proto: number
  outcome: 'made' | 'failed' | 'unknown'
  answerOnly: boolean
  startMs: number
  up: Direction
  down: Direction
}

/**
 * The open conversations, as rows of numbers: 160 octets each, outside the heap, where an object each with its strings took six times as much
 * and the collector of garbage had to walk them all. A row is named by its place. Plain data, so that a state snapshot needs no code.
 */
export interface ConversationState {
  doubles: Float64Array
  ints: Int32Array
  /** The first place of each chain of equal hash, -1 none. */
  heads: Int32Array
  /** Places ever used, and the first of those that are free again (chained by `NEXT`). */
  used: number
  free: number
  /** Open ones, in the order of their first record: chained by `PREVIOUS` and `NEXT`. */
  size: number
  first: number
  last: number
  names: Names
  /** Places that are not settled yet, in the order of their first record. */
  waiting: number[]
  /** Inbound records counted as unsolicited before the own side's earlier record arrived: start, end, packets of each. */
  unsolicited: Map<number, number[]>
  /** Peers that used a port of a host, up to 5: what makes it a known service. */
  services: Map<string, string[]>
  evicted: number
  sweptMs: number
}

/** A record's conversation by its place, and its two directions. */
export interface Tracked {
  place: number
  /** The direction that the record belongs to, itself included. */
  mine: Direction
  other: Direction
}

/** A record this long after the last one of its 5-tuple starts a new conversation: active timeout (60 s, twice) and 5 s. */
const IDLE_MS = 125_000
const SETTLE_MS = 10_000
const SETTLE_UDP_MS = 60_000
const OPEN_LIMIT = 400_000
const SERVICE_LIMIT = 100_000
const SERVICE_PEERS = 5

// A row of `doubles`: two stamps, then five numbers of each direction.
const SEEN = 0
const TOUCHED = 1
const OBSERVED = 2
const PACKETS = 3
const BYTES = 4
const FIRST = 5
const LAST = 6
/** From a number of the forward direction to that of the backward one. */
const BACK_DOUBLE = 5
const DOUBLES = 12

// A row of `ints`. Texts are numbers of `names`.
const A = 0
const B = 1
const A_PORT = 2
const B_PORT = 3
const PROTO = 4
const EXPORTER = 5
const A_COUNTRY = 6
const B_COUNTRY = 7
const MARKS = 8
const RECORDS = 9
const FLAGS = 10
const BACK_INT = 2
const PREVIOUS = 13
const NEXT = 14
const CHAIN = 15
const INTS = 16

// Bits of MARKS.
const SAMPLED = 1
const SETTLED = 2
const OPENED_BY_B = 4
const MADE = 8
const FAILED = 16
const ANSWER_ONLY = 32
/** In the table: one that gave way before it settled is not, and stays until it has. */
const OPEN = 64
/** It gave way to another: it is judged by what is known at the next look, and its place is free again. */
const PUSHED_OUT = 128

const PLACES = 4_096

export function conversationState(): ConversationState {
  return {
    doubles: new Float64Array(PLACES * DOUBLES),
    ints: new Int32Array(PLACES * INTS),
    heads: new Int32Array(PLACES).fill(-1),
    used: 0,
    free: -1,
    size: 0,
    first: -1,
    last: -1,
    names: names(),
    waiting: [],
    unsolicited: new Map(),
    services: new Map(),
    evicted: 0,
    sweptMs: 0,
  }
}

const direction = (): Direction => ({
  records: 0,
  observed: 0,
  packets: 0,
  bytes: 0,
  flags: -1,
  firstMs: Number.POSITIVE_INFINITY,
  lastMs: 0,
})

function readDirection(s: ConversationState, place: number, forward: boolean, into: Direction): Direction {
  const i = place * INTS + (forward ? 0 : BACK_INT)
  const d = place * DOUBLES + (forward ? 0 : BACK_DOUBLE)
  into.records = s.ints[i + RECORDS] ?? 0
  into.flags = s.ints[i + FLAGS] ?? -1
  into.observed = s.doubles[d + OBSERVED] ?? 0
  into.packets = s.doubles[d + PACKETS] ?? 0
  into.bytes = s.doubles[d + BYTES] ?? 0
  into.firstMs = s.doubles[d + FIRST] ?? 0
  into.lastMs = s.doubles[d + LAST] ?? 0
  return into
}

function writeDirection(s: ConversationState, place: number, forward: boolean, from: Direction): void {
  const i = place * INTS + (forward ? 0 : BACK_INT)
  const d = place * DOUBLES + (forward ? 0 : BACK_DOUBLE)
  s.ints[i + RECORDS] = from.records
  s.ints[i + FLAGS] = from.flags
  s.doubles[d + OBSERVED] = from.observed
  s.doubles[d + PACKETS] = from.packets
  s.doubles[d + BYTES] = from.bytes
  s.doubles[d + FIRST] = from.firstMs
  s.doubles[d + LAST] = from.lastMs
}

function read(s: ConversationState, place: number): Conversation {
  const i = place * INTS
  const at = (field: number) => s.ints[i + field] ?? 0
  const marks = at(MARKS)
  return {
    a: nameOf(s.names, at(A)),
    b: nameOf(s.names, at(B)),
    aPort: at(A_PORT),
    bPort: at(B_PORT),
    proto: at(PROTO),
    exporter: nameOf(s.names, at(EXPORTER)),
    sampled: (marks & SAMPLED) !== 0,
    forward: readDirection(s, place, true, direction()),
    backward: readDirection(s, place, false, direction()),
    opener: (marks & OPENED_BY_B) !== 0 ? 'b' : 'a',
    outcome: (marks & MADE) !== 0 ? 'made' : (marks & FAILED) !== 0 ? 'failed' : 'unknown',
    answerOnly: (marks & ANSWER_ONLY) !== 0,
    aCountry: nameOf(s.names, at(A_COUNTRY)),
    bCountry: nameOf(s.names, at(B_COUNTRY)),
  }
}

/** The same for both directions. */
function chainOf(s: ConversationState, a: number, aPort: number, b: number, bPort: number, proto: number): number {
  let h = end(a, aPort) + end(b, bPort) + proto
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  return ((h ^ (h >>> 13)) >>> 0) % s.heads.length
}
const end = (name: number, port: number) => {
  const h = Math.imul(Math.imul(name, 0x9e3779b1) ^ port, 0xc2b2ae35)
  return h ^ (h >>> 15)
}

function chainOfPlace(s: ConversationState, place: number): number {
  const i = place * INTS
  const at = (field: number) => s.ints[i + field] ?? 0
  return chainOf(s, at(A), at(A_PORT), at(B), at(B_PORT), at(PROTO))
}

/** The open conversation of these ends in either direction, -1 none. */
function find(s: ConversationState, a: number, aPort: number, b: number, bPort: number, proto: number): number {
  const { ints } = s
  for (let place = s.heads[chainOf(s, a, aPort, b, bPort, proto)] ?? -1; place >= 0; place = ints[place * INTS + CHAIN] ?? -1) {
    const i = place * INTS
    if (ints[i + PROTO] !== proto) continue
    if (ints[i + A] === a && ints[i + A_PORT] === aPort && ints[i + B] === b && ints[i + B_PORT] === bPort) return place
    if (ints[i + A] === b && ints[i + A_PORT] === bPort && ints[i + B] === a && ints[i + B_PORT] === aPort) return place
  }
  return -1
}

/** Half as many places again, and chains to match. */
function grow(s: ConversationState): void {
  const places = Math.ceil(s.heads.length * 1.5)
  const { doubles, ints } = s
  s.doubles = new Float64Array(places * DOUBLES)
  s.doubles.set(doubles)
  s.ints = new Int32Array(places * INTS)
  s.ints.set(ints)
  s.heads = new Int32Array(places).fill(-1)
  for (let place = s.first; place >= 0; place = s.ints[place * INTS + NEXT] ?? -1) enchain(s, place)
}

function enchain(s: ConversationState, place: number): void {
  const chain = chainOfPlace(s, place)
  s.ints[place * INTS + CHAIN] = s.heads[chain] ?? -1
  s.heads[chain] = place
}

function begin(s: ConversationState, event: FlowEvent, srcPort: number, dstPort: number, now: number): number {
  if (s.size >= OPEN_LIMIT) {
    s.evicted++
    const marks = s.first * INTS + MARKS
    s.ints[marks] = (s.ints[marks] ?? 0) | PUSHED_OUT
    close(s, s.first)
  }
  let place = s.free
  if (place >= 0) s.free = s.ints[place * INTS + NEXT] ?? -1
  else {
    if (s.used >= s.heads.length) grow(s)
    place = s.used++
  }
  const i = place * INTS
  const { ints, names } = s
  ints[i + A] = hold(names, event.src)
  ints[i + B] = hold(names, event.dst)
  ints[i + A_PORT] = srcPort
  ints[i + B_PORT] = dstPort
  ints[i + PROTO] = event.proto
  ints[i + EXPORTER] = hold(names, event.exporter)
  ints[i + A_COUNTRY] = hold(names, event.srcCountry)
  ints[i + B_COUNTRY] = hold(names, event.dstCountry)
  ints[i + MARKS] = OPEN
  s.doubles[place * DOUBLES + SEEN] = now
  s.doubles[place * DOUBLES + TOUCHED] = event.endMs
  writeDirection(s, place, true, NOTHING)
  writeDirection(s, place, false, NOTHING)
  ints[i + PREVIOUS] = s.last
  ints[i + NEXT] = -1
  if (s.last >= 0) ints[s.last * INTS + NEXT] = place
  else s.first = place
  s.last = place
  s.size++
  enchain(s, place)
  s.waiting.push(place)
  return place
}
const NOTHING = direction()

/** Take it out of the table. What has not settled yet keeps its place until then. */
function close(s: ConversationState, place: number): void {
  const { ints } = s
  const i = place * INTS
  const chain = chainOfPlace(s, place)
  const follower = ints[i + CHAIN] ?? -1
  if (s.heads[chain] === place) s.heads[chain] = follower
  else
    for (let before = s.heads[chain] ?? -1; before >= 0; before = ints[before * INTS + CHAIN] ?? -1)
      if (ints[before * INTS + CHAIN] === place) {
        ints[before * INTS + CHAIN] = follower
        break
      }
  const previous = ints[i + PREVIOUS] ?? -1
  const next = ints[i + NEXT] ?? -1
  if (previous >= 0) ints[previous * INTS + NEXT] = next
  else s.first = next
  if (next >= 0) ints[next * INTS + PREVIOUS] = previous
  else s.last = previous
  s.size--
  const marks = (ints[i + MARKS] ?? 0) & ~OPEN
  ints[i + MARKS] = marks
  if ((marks & SETTLED) !== 0) release(s, place)
}

function release(s: ConversationState, place: number): void {
  const i = place * INTS
  for (const field of [A, B, EXPORTER, A_COUNTRY, B_COUNTRY]) letGo(s.names, s.ints[i + field] ?? 0)
  s.unsolicited.delete(place)
  s.ints[i + NEXT] = s.free
  s.free = place
}

/**
 * The ports that tell conversations apart. An echo request and its reply carry type and code where ports would be, and would not meet:
 * the asker gets 8 and the asked one 0, whatever the exporter wrote.
 */
function portsOf(event: FlowEvent): readonly [number, number] {
  const type = icmpTypeOf(event)
  if (type === (event.proto === ICMP ? 8 : 128)) return ECHO
  if (type === (event.proto === ICMP ? 0 : 129)) return ECHO_REPLY
  return [event.srcPort, event.dstPort]
}
const ECHO = [8, 0] as const
const ECHO_REPLY = [0, 8] as const

/** A ping, by the ports of `portsOf`; errors and other ICMP are none. */
export function isEcho({ proto, aPort, bPort }: Conversation): boolean {
  return (proto === ICMP || proto === ICMPV6) && aPort + bPort === 8 && (aPort === 8 || bPort === 8)
}

/**
 * Add a record. What is returned is overwritten by the next call.
 * The table is bounded: at 400,000 the oldest conversation goes, counted in `evicted`.
 */
export function track(state: ConversationState, event: FlowEvent, now: number): Tracked {
  const [srcPort, dstPort] = portsOf(event)
  const src = numberOf(state.names, event.src)
  const dst = numberOf(state.names, event.dst)
  let place = src < 0 || dst < 0 ? -1 : find(state, src, srcPort, dst, dstPort, event.proto)
  if (place >= 0 && event.startMs - (state.doubles[place * DOUBLES + TOUCHED] ?? 0) > IDLE_MS) {
    close(state, place)
    place = -1
  }
  const forward = place < 0 || (state.ints[place * INTS + A] === src && state.ints[place * INTS + A_PORT] === srcPort)
  if (place < 0) place = begin(state, event, srcPort, dstPort, now)
  const i = place * INTS
  const by = scale(event)
  if (by > 1) state.ints[i + MARKS] = (state.ints[i + MARKS] ?? 0) | SAMPLED
  const mine = readDirection(state, place, forward, tracked.mine)
  mine.records++
  mine.observed += event.packets
  mine.packets += event.packets * by
  mine.bytes += event.bytes * by
  if (event.tcpFlags >= 0) mine.flags = Math.max(mine.flags, 0) | event.tcpFlags
  mine.firstMs = Math.min(mine.firstMs, event.startMs)
  mine.lastMs = Math.max(mine.lastMs, event.endMs)
  writeDirection(state, place, forward, mine)
  readDirection(state, place, !forward, tracked.other)
  const touched = place * DOUBLES + TOUCHED
  state.doubles[touched] = Math.max(state.doubles[touched] ?? 0, event.endMs)
  tracked.place = place
  return tracked
}
const tracked: Tracked = { place: -1, mine: direction(), other: direction() }

const synOnly = (d: Direction) => d.records > 0 && d.flags >= 0 && (d.flags & SYN) !== 0 && (d.flags & ACK) === 0
/** Exactly what a closed port, a half-open handshake or a reflector sends: SYN+ACK or RST, and never any data. */
const bareAnswer = (d: Direction) =>
  d.records > 0 &&
  d.flags >= 0 &&
  (d.flags & PSH) === 0 &&
  ((d.flags & RST) !== 0
    ? (d.flags & SYN) === 0 || (d.flags & ACK) !== 0
    : (d.flags & (SYN | ACK)) === (SYN | ACK) && d.observed <= 6 && (d.flags & 1) === 0)

function known(state: ConversationState, host: string, port: number): boolean {
  return (state.services.get(`${host}|${port}`)?.length ?? 0) >= SERVICE_PEERS
}

/** Who opened it (DETECTION 1.2.5): a bare SYN · the earlier start by more than 1 ms · a known service · the lower port. */
function decideOpener(state: ConversationState, c: Conversation): 'a' | 'b' {
  if (c.proto === TCP) {
    const there = synOnly(c.forward)
    const back = synOnly(c.backward)
    if (there !== back) return there ? 'a' : 'b'
    if (c.backward.records === 0 && bareAnswer(c.forward)) return 'b'
  }
  if (c.backward.records > 0) {
    const gap = c.backward.firstMs - c.forward.firstMs
    if (Math.abs(gap) > 1) return gap > 0 ? 'a' : 'b'
  }
  const a = known(state, c.a, c.aPort)
  const b = known(state, c.b, c.bPort)
  if (a !== b) return a ? 'b' : 'a'
  return c.aPort < c.bPort ? 'b' : 'a'
}

/** What became of it (DETECTION 1.2.6), from the opener's own flags first. */
function decideOutcome(c: Conversation, up: Direction, down: Direction): Conversation['outcome'] {
  if (c.proto === TCP) {
    if (up.records === 0) return bareAnswer(down) ? 'failed' : 'unknown'
    if (up.flags < 0) return down.observed >= 3 && up.observed >= 3 ? 'made' : 'unknown'
    if ((up.flags & SYN) !== 0 && (up.flags & ACK) === 0) return up.observed <= 6 ? 'failed' : 'unknown'
    if (down.records > 0 && (down.flags & RST) !== 0 && (down.flags & (SYN | PSH)) === 0 && up.observed <= 2) return 'failed'
    return (up.flags & (ACK | PSH)) !== 0 ? 'made' : 'failed'
  }
  return down.records > 0 ? 'made' : 'failed'
}

export function asAttempt(c: Conversation): Attempt {
  const fromA = c.opener === 'a'
  const up = fromA ? c.forward : c.backward
  const down = fromA ? c.backward : c.forward
  return {
    conversation: c,
    client: fromA ? c.a : c.b,
    server: fromA ? c.b : c.a,
    clientCountry: fromA ? c.aCountry : c.bCountry,
    port: fromA ? c.bPort : c.aPort,
    proto: c.proto,
    outcome: c.outcome,
    answerOnly: c.answerOnly,
    startMs: Math.min(c.forward.firstMs, c.backward.firstMs),
    up,
    down,
  }
}

/** Settle what has waited long enough and close what is idle; `now` on the engine's clock. */
export function settle(
  state: ConversationState,
  now: number,
  onSettled: (attempt: Attempt) => void,
  onClosed: (attempt: Attempt) => void,
): void {
  let left = 0
  for (const place of state.waiting) {
    const i = place * INTS
    const both = (state.ints[i + RECORDS] ?? 0) > 0 && (state.ints[i + BACK_INT + RECORDS] ?? 0) > 0
    const due = (state.doubles[place * DOUBLES + SEEN] ?? 0) + (state.ints[i + PROTO] === TCP || both ? SETTLE_MS : SETTLE_UDP_MS)
    if (now < due && ((state.ints[i + MARKS] ?? 0) & PUSHED_OUT) === 0) {
      state.waiting[left++] = place
      continue
    }
    const c = read(state, place)
    c.opener = decideOpener(state, c)
    const { up, down, server, port, client } = asAttempt(c)
    c.outcome = decideOutcome(c, up, down)
    c.answerOnly = up.records === 0
    let marks = (state.ints[i + MARKS] ?? 0) | SETTLED
    if (c.opener === 'b') marks |= OPENED_BY_B
    if (c.outcome !== 'unknown') marks |= c.outcome === 'made' ? MADE : FAILED
    if (c.answerOnly) marks |= ANSWER_ONLY
    state.ints[i + MARKS] = marks
    if ((marks & OPEN) === 0) release(state, place)
    if (c.outcome === 'made' && state.services.size < SERVICE_LIMIT) {
      const name = `${server}|${port}`
      const peers = state.services.get(name)
      if (peers === undefined) state.services.set(name, [client])
      else if (peers.length < SERVICE_PEERS && !peers.includes(client)) peers.push(client)
    }
    onSettled(asAttempt(c))
  }
  state.waiting.length = left
  if (now - state.sweptMs < 30_000) return
  state.sweptMs = now
  for (let place = state.first; place >= 0; ) {
    const at = place
    place = state.ints[at * INTS + NEXT] ?? -1
    const d = at * DOUBLES
    if (((state.ints[at * INTS + MARKS] ?? 0) & SETTLED) === 0) continue
    if (now - Math.max(state.doubles[d + TOUCHED] ?? 0, state.doubles[d + SEEN] ?? 0) < IDLE_MS) continue
    const c = read(state, at)
    close(state, at)
    // Late data can turn a silent attempt into a made one: the last word is the closed conversation's.
    c.outcome = decideOutcome(c, asAttempt(c).up, asAttempt(c).down)
    onClosed(asAttempt(c))
  }
}
